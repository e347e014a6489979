// The least that a program without a framework must write itself, for the bare transports: messages in MessagePack, and calls
// that are told apart by a number.
//
//   call    [id, method, argument]        client to server
//   answer  [id, result]                  server to client
//   event   [0, move]                     server to client; `pack` runs once for all

import { pack, unpack } from 'msgpackr';
import type { Client, Move } from '../driver/candidate.js';

const echo = 0;
const publish = 1;
const subscribe = 2;

/** The server's side: answers calls, and keeps who asked for events. */
export class BareServer {
  readonly #subscribers = new Set<(message: Uint8Array) => void>();

  receive(message: Uint8Array, send: (message: Uint8Array) => void): void {
    const [id, method, argument] = unpack(message) as [number, number, unknown];
    if (method === subscribe) this.#subscribers.add(send);
    if (method === publish) {
      const event = pack([0, argument]);
      for (const subscriber of this.#subscribers) subscriber(event);
    }
    send(pack([id, method === echo ? argument : null]));
  }

  forget(send: (message: Uint8Array) => void): void {
    this.#subscribers.delete(send);
  }
}

/** The client's side: one promise for each call under way. */
export class BareClient implements Client {
  readonly #send: (message: Uint8Array) => void;
  readonly #onEvent: ((move: Move) => void) | undefined;
  readonly close: () => void;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #lastId = 0;

  constructor(send: (message: Uint8Array) => void, close: () => void, onEvent?: (move: Move) => void) {
    this.#send = send;
    this.close = close;
    this.#onEvent = onEvent;
  }

  echo(move: Move): Promise<Move> {
    return this.#call(echo, move) as Promise<Move>;
  }

  echoBytes(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#call(echo, bytes) as Promise<Uint8Array>;
  }

  publish(move: Move): Promise<unknown> {
    return this.#call(publish, move);
  }

  /** Asks for events, where somebody listens to them. */
  async ready(): Promise<this> {
    if (this.#onEvent !== undefined) await this.#call(subscribe, null);
    return this;
  }

  receive(message: Uint8Array): void {
    const [id, result] = unpack(message) as [number, unknown];
    if (id === 0) {
      this.#onEvent?.(result as Move);
    } else {
      this.#waiting.get(id)!(result);
      this.#waiting.delete(id);
    }
  }

  #call(method: number, argument: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send(pack([id, method, argument]));
    });
  }
}
