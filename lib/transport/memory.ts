// Frames from one place to another in the same process: for startHost(), for tests, and for whoever wants to see
// Sealwire without a network. It behaves as a socket does: later and never at once, in order, each frame a copy of
// its own, held back at the sender until the other side is open().

import { SealwireError } from '../base/errors.js';
import { misaddressed, parseAddress } from './address.js';
import { Delivery } from './delivery.js';
import { Drain } from './drain.js';
import { broken, closedTooSlowly, givenUp } from './socket-errors.js';
import {
  type ClientTransport,
  type ConnectOptions,
  closeTimeLimitMs,
  type FrameReceiver,
  type Listener,
  type ListenOptions,
  type ServerTransport,
  type TransportConnection,
} from './transport.js';

/** Who listens in this process, by name. */
const listeners = new Map<string, ListenOptions>();
let connectionsMade = 0;

/** `new MemoryTransport('memory://name')`, for either role: whoever dials the name reaches who listens on it. */
export class MemoryTransport implements ClientTransport, ServerTransport {
  readonly hostname: undefined = undefined;
  readonly #name: string;
  readonly #url: string;
  readonly #listeners: Map<string, ListenOptions>;

  /**
   * Throws INVALID_CONFIG for anything but `memory://name`. With `among` a map of its own, only those who have it can meet
   * there; by default whoever is in this process.
   */
  constructor(url: string, among: Map<string, ListenOptions> = listeners) {
    const { urlHost, port, path } = parseAddress(url, ['memory:'], 'memory://name');
    if (port !== undefined || path !== '/')
      throw misaddressed(url, 'it has a name alone, as in memory://name');
    this.#name = urlHost;
    this.#url = `memory://${urlHost}`;
    this.#listeners = among;
  }

  connect({ signal, maxFrameBytes }: ConnectOptions): Promise<TransportConnection> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(givenUp(this.#url, signal));
      if (signal.aborted) {
        abort();
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      later(() => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) return;
        const listener = this.#listeners.get(this.#name);
        if (listener) resolve(MemoryConnection.join(this.#url, maxFrameBytes, listener));
        else reject(nobodyListens(this.#url));
      });
    });
  }

  async listen(options: ListenOptions): Promise<Listener> {
    if (this.#listeners.has(this.#name)) {
      throw new SealwireError('LISTEN_FAILED', `somebody listens at ${this.#url} already: use another name`);
    }
    this.#listeners.set(this.#name, options);
    return {
      url: this.#url,
      close: async () => {
        if (this.#listeners.get(this.#name) === options) this.#listeners.delete(this.#name);
      },
    };
  }
}

class MemoryConnection implements TransportConnection {
  readonly kind = 'memory';
  readonly remoteAddress: string;
  readonly #delivery: Delivery;
  readonly #drain: Drain = new Drain(this);
  #peer: MemoryConnection | undefined;
  #opened = false;
  #closing = false;
  #paused = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  /** Frames on their way to the peer. */
  #queue: Uint8Array[] = [];
  #bufferedBytes = 0;
  #flushing = false;

  /** Makes the two ends of a connection, gives one to the listener and returns the client's. */
  static join(url: string, maxFrameBytes: number, listener: ListenOptions): MemoryConnection {
    connectionsMade += 1;
    const client = new MemoryConnection(url, maxFrameBytes);
    const server = new MemoryConnection(`${url}#${connectionsMade}`, listener.maxFrameBytes);
    client.#peer = server;
    server.#peer = client;
    try {
      listener.accept(server);
    } catch (thrown) {
      server.#delivery.fail(thrown);
    }
    return client;
  }

  constructor(remoteAddress: string, maxFrameBytes: number) {
    this.remoteAddress = remoteAddress;
    this.#delivery = new Delivery(maxFrameBytes, () =>
      this.#end(undefined, broken('the other side cut the way')),
    );
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  drained(belowBytes: number): Promise<void> {
    return this.#drain.wait(belowBytes);
  }

  open(receiver: FrameReceiver): void {
    this.#delivery.open(receiver);
    this.#opened = true;
    if (this.#peer) this.#peer.#flushLater();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#peer) this.#peer.#flushLater();
  }

  send(frame: Uint8Array): void {
    if (this.#closing || !this.#peer) return;
    this.#queue.push(new Uint8Array(frame));
    this.#bufferedBytes += frame.length;
    this.#flushLater();
  }

  setMaxFrameBytes(bytes: number): void {
    this.#delivery.raise(bytes);
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#delivery.stop();
    this.#closeTimer = setTimeout(() => {
      this.#end(closedTooSlowly(), broken('the other side cut the way'));
    }, closeTimeLimitMs);
    this.#flushLater();
  }

  destroy(): void {
    this.#delivery.stop();
    this.#end(undefined, broken('the other side cut the way'));
  }

  #flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    later(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const peer = this.#peer;
    // As with a socket that is not read, what was sent waits here, and counts.
    if (!peer || !(peer.#opened || peer.#closing)) return;
    const frames = this.#queue;
    this.#queue = [];
    for (const [index, frame] of frames.entries()) {
      if (!this.#peer) return; // cut by what the receiver did
      if (peer.#paused && !peer.#closing) {
        this.#queue = [...frames.slice(index), ...this.#queue];
        break;
      }
      this.#bufferedBytes -= frame.length;
      if (peer.#delivery.admit(frame.length)) peer.#delivery.frame(frame);
    }
    this.#drain.check();
    if (this.#closing && this.#queue.length === 0) this.#end();
  }

  /** Both ends are over at once, and are told so a little later. */
  #end(error?: SealwireError, peerError?: SealwireError): void {
    const peer = this.#peer;
    if (!peer) return;
    this.#over();
    peer.#over();
    later(() => {
      this.#delivery.closed(error);
      peer.#delivery.closed(peerError);
    });
  }

  #over(): void {
    clearTimeout(this.#closeTimer);
    this.#closing = true;
    this.#peer = undefined;
    this.#queue = [];
    this.#bufferedBytes = 0;
    this.#drain.end();
  }
}

function nobodyListens(url: string): SealwireError {
  const message = `nobody listens at ${url}: start the server first, in the same process, and check the name`;
  return new SealwireError('CONNECT_FAILED', message, { reason: 'refused' });
}

/** In another turn of the event loop: a microtask would let two ends that answer each other starve every timer. */
function later(task: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(task);
  else setTimeout(task, 0);
}
