// A pair that begins in the clear, with a relay that reads along, and what both sides were told about keys.

import { defineRpcs, rpc } from '../../decorators/index.js';
import type { SealwireError } from '../../lib/base/errors.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { frameTypes, readFirstByte } from '../../lib/wire/frame.js';
import { messageTypes } from '../../lib/wire/handshake-message.js';
import type { Intercept, Sender } from '../../samples/tour/relay.js';
import { type Pair, type PairOptions, startPair } from '../support/pair.js';

/** Methods that need protection and methods that need none, each noting what it was called with. */
export class Desk {
  readonly heard: unknown[] = [];
  readonly #held: (() => void)[] = [];

  open(value: unknown): unknown {
    return this.#note(value);
  }
  secret(value: unknown): [unknown, number] {
    return [this.#note(value), callContext().security];
  }
  async held(value: unknown): Promise<unknown> {
    this.#note(value);
    await new Promise<void>((resolve) => this.#held.push(resolve));
    return value;
  }
  async *count(to: number): AsyncGenerator<number> {
    for (let item = 0; item < to; item++) {
      yield item;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  async *secrets(to: number): AsyncGenerator<string> {
    this.#note('secrets');
    for (let item = 0; item < to; item++) yield `secret ${item}`;
  }
  tell(value: unknown): void {
    this.#note(value);
  }

  release(): void {
    for (const go of this.#held.splice(0)) go();
  }

  #note(value: unknown): unknown {
    this.heard.push(value);
    return value;
  }
}

defineRpcs(Desk, {
  open: rpc(),
  secret: rpc(3),
  held: rpc(),
  count: rpc(),
  secrets: rpc(3),
  tell: rpc(2, { oneWay: true }),
});

export interface BegunPlain extends Pair {
  /** Runs on the server. */
  readonly desk: Desk;
  /** Runs on the client. */
  readonly clientDesk: Desk;
  /** `client established`, `server failed HANDSHAKE_FAILED`, `server lost CONNECTION_CLOSED`, … in order. */
  readonly events: string[];
  readonly failures: Partial<Record<Sender, SealwireError>>;
  readonly frames: { readonly from: Sender; readonly bytes: Uint8Array }[];
  /** How often a plain handshake message of that type has travelled. */
  travelled(type: keyof typeof messageTypes): number;
}

export async function beginPlain(options: PairOptions = {}): Promise<BegunPlain> {
  const desk = new Desk();
  const clientDesk = new Desk();
  const frames: BegunPlain['frames'] = [];
  const record: Intercept = (frame) => {
    frames.push({ from: frame.from, bytes: frame.bytes });
    return options.intercept?.(frame) ?? [frame.bytes];
  };
  const pair = await startPair({
    ...options,
    services: [desk],
    clientServices: [clientDesk],
    server: { encryption: 'onDemand', keyStretching: { iterations: 1 }, ...options.server },
    client: { encryption: 'onDemand', ...options.client },
    intercept: record,
  });
  const events: string[] = [];
  const failures: BegunPlain['failures'] = {};
  for (const [name, side] of [
    ['client', pair.client],
    ['server', pair.server],
  ] as const) {
    side.on('encryptionEstablished', () => events.push(`${name} established`));
    side.on('encryptionFailed', (error) => {
      events.push(`${name} failed ${error.code}`);
      failures[name] = error;
    });
  }
  pair.client.on('disconnected', ({ code }) => events.push(`client lost ${code}`));
  pair.server.on('clientDisconnected', (_peer, { code }) => events.push(`server lost ${code}`));
  return {
    ...pair,
    desk,
    clientDesk,
    events,
    failures,
    frames,
    travelled: (type) =>
      frames.filter(({ bytes }) => plainHandshakeType(bytes) === messageTypes[type]).length,
  };
}

/** The type of the message in a plain handshake frame; undefined for other frames. */
export function plainHandshakeType(frame: Uint8Array): number | undefined {
  const { flags, type } = readFirstByte(frame);
  return flags === 0 && type === frameTypes.handshake ? frame[1] : undefined;
}
