// Who waits for buffered bytes to fall: the half of drained() that every transport shares. Each transport tells it when
// bytes have left and when the way is closed; while nobody waits, neither costs anything.

import { discardCiphertext } from '../base/discard.js';
import type { TransportConnection } from './transport.js';

/** What a socket calls when the bytes of a write have left, or will not. */
export type Written = (error?: Error | null) => void;

interface Waiter {
  readonly belowBytes: number;
  readonly resolve: () => void;
}

export class Drain {
  readonly #transport: Pick<TransportConnection, 'bufferedBytes'>;
  /** Undefined while nobody waits. */
  #waiters: Waiter[] | undefined;
  #ended = false;

  constructor(transport: Pick<TransportConnection, 'bufferedBytes'>) {
    this.#transport = transport;
  }

  /** Whether anybody waits. */
  get awaited(): boolean {
    return this.#waiters !== undefined;
  }

  /** See {@link TransportConnection.drained}. */
  wait(belowBytes: number): Promise<void> {
    if (this.#ended || this.#transport.bufferedBytes <= belowBytes) return Promise.resolve();
    this.#waiters ??= [];
    const waiters = this.#waiters;
    return new Promise((resolve) => waiters.push({ belowBytes, resolve }));
  }

  /** Bytes have left: those who waited for so few go on. */
  check(): void {
    if (this.#waiters === undefined) return;
    const { bufferedBytes } = this.#transport;
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (bufferedBytes <= waiter.belowBytes) waiter.resolve();
      else waiting.push(waiter);
    }
    this.#waiters = waiting.length === 0 ? undefined : waiting;
  }

  /** For the write of the last of these pieces of ciphertext: bytes have left, and the pieces are given back. */
  givingBack(pieces: readonly Uint8Array[]): Written {
    return (error) => {
      this.check();
      // Sent, or cancelled: the system is through with them. After an error that is not said.
      if (!error) for (const piece of pieces) discardCiphertext(piece);
    };
  }

  /** The way is closed: nothing will ever leave, and nobody waits for ever. */
  end(): void {
    this.#ended = true;
    const waiters = this.#waiters ?? [];
    this.#waiters = undefined;
    for (const { resolve } of waiters) resolve();
  }
}
