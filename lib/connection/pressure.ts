// Backpressure: how much waits to be sent on a connection, who waits for it to become less, and who is told.
//
//   high water ──┐ full: whoever can wait does, in writable()
//                └── half of it: they go on
//
// Owners are told at the end of a turn of the event loop, so that nobody is called back from inside send().

import type { Clock } from '../base/clock.js';

/** How it stands with what waits to be sent on a connection. */
export interface Backpressure {
  /** From when as much waits as `limits.sendHighWaterBytes` until half of it has left. */
  readonly full: boolean;
  /** Bytes that wait: in the channels, gathered for a frame, and in the transport. */
  readonly queuedBytes: number;
  /** Volatile messages that were dropped so far. */
  readonly dropped: number;
}

export interface PressureOwner {
  /** See {@link Backpressure}. */
  readonly queuedBytes: number;
  /** At the end of a turn. */
  pressureChanged(state: Backpressure): void;
}

const untold: Pick<Backpressure, 'full' | 'dropped'> = { full: false, dropped: 0 };

export class Pressure {
  readonly highWaterBytes: number;
  readonly lowWaterBytes: number;
  readonly #clock: Clock;
  readonly #owner: PressureOwner;
  #waiters: (() => void)[] | undefined;
  #full = false;
  #dropped = 0;
  #told = untold;
  #telling = false;
  #ended = false;

  constructor(highWaterBytes: number, clock: Clock, owner: PressureOwner) {
    this.highWaterBytes = highWaterBytes;
    this.lowWaterBytes = Math.floor(highWaterBytes / 2);
    this.#clock = clock;
    this.#owner = owner;
  }

  get state(): Backpressure {
    return { full: this.#full, queuedBytes: this.#owner.queuedBytes, dropped: this.#dropped };
  }

  /** Whether anybody is to be told when less waits. */
  get full(): boolean {
    return this.#full;
  }

  /** Resolves when there is room, and when the connection has ended: the next send() says so then. */
  writable(): Promise<void> {
    if (this.#ended || !this.#full) return Promise.resolve();
    this.#waiters ??= [];
    const waiters = this.#waiters;
    return new Promise((resolve) => waiters.push(resolve));
  }

  /** Something was queued. */
  risen(): void {
    if (this.#full || this.#owner.queuedBytes < this.highWaterBytes) return;
    this.#full = true;
    this.#tellLater();
  }

  /** Something has left. */
  fallen(): void {
    if (!this.#full || this.#owner.queuedBytes > this.lowWaterBytes) return;
    this.#full = false;
    this.#release();
    this.#tellLater();
  }

  countDropped(): void {
    this.#dropped += 1;
    this.#tellLater();
  }

  /** The connection has ended: nobody waits for ever, and nobody is told any more. */
  end(): void {
    this.#ended = true;
    this.#full = false;
    this.#release();
  }

  #release(): void {
    const waiters = this.#waiters ?? [];
    this.#waiters = undefined;
    for (const resolve of waiters) resolve();
  }

  /** Once a turn at most, and not at all where the turn ends as it began. */
  #tellLater(): void {
    if (this.#telling) return;
    this.#telling = true;
    this.#clock.endOfTurn(() => {
      this.#telling = false;
      const { full, dropped } = this.state;
      if (this.#ended || (full === this.#told.full && dropped === this.#told.dropped)) return;
      this.#told = { full, dropped };
      this.#owner.pressureChanged(this.state);
    });
  }
}
