// A server and its clients for the specs of the transports: connections in pairs, a receiver that writes down what it
// is told and fails when it is told anything after closed(), and an end that leaves nothing open.

import { SealwireError } from '../../lib/base/errors.js';
import type {
  ClientTransport,
  ConnectOptions,
  FrameLimits,
  FrameReceiver,
  Listener,
  ListenOptions,
  ServerTransport,
  TransportConnection,
} from '../../lib/transport/transport.js';

/** What a receiver may not be told, and was. */
const brokenPromises: string[] = [];

export const frameLimits: FrameLimits = { maxFrameBytes: 64 * 1024, maxFrameBytesLater: 2 ** 20 };

export interface PairOptions {
  readonly maxFrameBytes?: number;
  readonly maxFrameBytesLater?: number;
  readonly signal?: AbortSignal;
  /** Calls setMaxFrameBytes() on both sides. */
  readonly raised?: boolean;
}

export interface Pair {
  readonly client: TransportConnection;
  readonly server: TransportConnection;
  readonly listener: Listener;
}

export class Meeting {
  readonly #server: (url: string) => ServerTransport;
  readonly #client: (url: string) => ClientTransport;
  readonly #listeners: Listener[] = [];
  readonly #connections: TransportConnection[] = [];
  readonly #accepted: TransportConnection[] = [];

  constructor(server: (url: string) => ServerTransport, client: (url: string) => ClientTransport) {
    this.#server = server;
    this.#client = client;
  }

  async pair(url: string, options: PairOptions = {}): Promise<Pair> {
    const listener = await this.listen(url, options);
    const pair = await this.connect(listener.url, options);
    if (options.raised) {
      pair.client.setMaxFrameBytes(frameLimits.maxFrameBytesLater);
      pair.server.setMaxFrameBytes(frameLimits.maxFrameBytesLater);
    }
    return { ...pair, listener };
  }

  async listen(url: string, options: Partial<ListenOptions> = {}): Promise<Listener> {
    const accept = (connection: TransportConnection): void => {
      this.#connections.push(connection);
      this.#accepted.push(connection);
    };
    const listener = await this.#server(url).listen({ ...frameLimits, accept, ...options });
    this.#listeners.push(listener);
    return listener;
  }

  async connect(url: string, options: PairOptions = {}): Promise<Omit<Pair, 'listener'>> {
    const client = await this.dial(url, options);
    await until(() => this.#accepted.length > 0);
    return { client, server: this.#accepted.shift()! };
  }

  async dial(url: string, options: PairOptions = {}): Promise<TransportConnection> {
    const dialled = url.replace('//0.0.0.0:', '//127.0.0.1:');
    const connection = await this.#client(dialled).connect({ ...connectOptions(), ...options });
    this.#connections.push(connection);
    return connection;
  }

  /** Throws when any receiver of this spec was told something after closed(). */
  async end(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    for (const listener of this.#listeners) await listener.close();
    const broken = brokenPromises.splice(0);
    if (broken.length > 0) throw new Error(broken.join(', '));
  }
}

export class Recorder implements FrameReceiver {
  /** Copies, taken before onFrame() is called. */
  readonly frames: Uint8Array[] = [];
  closedCalls = 0;
  onFrame: (frame: Uint8Array) => void = () => {};
  onClosed: () => void = () => {};
  /** What closed() was called with. */
  readonly ended: Promise<Error | undefined>;
  #resolveEnded!: (error: Error | undefined) => void;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  static on(connection: TransportConnection): Recorder {
    const recorder = new Recorder();
    connection.open(recorder);
    return recorder;
  }

  frame(frame: Uint8Array): void {
    if (this.closedCalls > 0) brokenPromises.push('a frame came after closed()');
    this.frames.push(Uint8Array.from(frame));
    this.onFrame(frame);
  }

  closed(error?: Error): void {
    this.closedCalls += 1;
    if (this.closedCalls > 1) brokenPromises.push('closed() was called twice');
    this.#resolveEnded(error);
    this.onClosed();
  }

  async count(frames: number): Promise<void> {
    await until(() => this.frames.length >= frames || this.closedCalls > 0);
    if (this.frames.length !== frames) throw new Error(`${this.frames.length} frames came, not ${frames}`);
  }
}

export function connectOptions(signal: AbortSignal = new AbortController().signal): ConnectOptions {
  return { ...frameLimits, signal };
}

/** Bytes that differ between seeds and along the way. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8) + seed * 17) & 0xff;
  return bytes;
}

export function sameFrames(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): boolean {
  return (
    actual.length === expected.length &&
    actual.every((frame, index) => Buffer.compare(frame, expected[index]!) === 0)
  );
}

/** For chai's satisfy(). */
export function sealwireError(code: string, reason?: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof SealwireError &&
    error.code === code &&
    (reason === undefined || error.reason === reason);
}

export async function until(condition: () => boolean, timeLimitMs = 4000): Promise<void> {
  const deadline = performance.now() + timeLimitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`it did not come about within ${timeLimitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export async function failure(attempt: Promise<unknown>): Promise<Error> {
  try {
    await attempt;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it should have been rejected');
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The first in a turn of the event loop, each other one in a promise that the one before has led to. */
export function inTurnAndItsPromises(steps: readonly (() => void)[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const take = async (): Promise<void> => {
      for (const step of steps) {
        step();
        await undefined;
      }
    };
    setImmediate(() => void take().then(resolve, reject));
  });
}
