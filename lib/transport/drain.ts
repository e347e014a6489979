// Who waits for buffered bytes to fall: the half of drained() that every transport shares. Each transport tells it when
// bytes have left and when the way is closed; while nobody waits, neither costs anything.

interface Waiter {
  readonly belowBytes: number;
  readonly resolve: () => void;
}

export class Drain {
  readonly #bufferedBytes: () => number;
  #waiters: Waiter[] = [];
  #ended = false;

  constructor(bufferedBytes: () => number) {
    this.#bufferedBytes = bufferedBytes;
  }

  /** Whether anybody waits. */
  get awaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** See {@link TransportConnection.drained}. */
  wait(belowBytes: number): Promise<void> {
    if (this.#ended || this.#bufferedBytes() <= belowBytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ belowBytes, resolve }));
  }

  /** Bytes have left: those who waited for so few go on. */
  check(): void {
    if (this.#waiters.length === 0) return;
    const bufferedBytes = this.#bufferedBytes();
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (bufferedBytes <= waiter.belowBytes) waiter.resolve();
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
  }

  /** The way is closed: nothing will ever leave, and nobody waits for ever. */
  end(): void {
    this.#ended = true;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve();
  }
}
