// One timer for all calls of one direction of a connection, on either side.
//
//   added ─ sooner than the timer? it is set anew ─▸ it fires ─ who is due expires ─ the next one of the rest
//                                                                                    sets it again
//
// Nearly all calls have the same patience, and are over long before it ends: a timer for each would cost more than
// anything else about them. Here a call costs a comparison, and the timer outlives it: what it was set for may be over when it
// fires, and then it is set for whoever is left, if anybody is. It looks at all calls, of which there are no more than limits allow.

import type { Clock, StopTimer } from '../base/clock.js';

/** A call, as far as its time goes. */
export interface Limited {
  /** When its time is over, on the clock that never jumps, in milliseconds; Infinity: never. */
  readonly dueMs: number;
}

/** The calls there are: what is put in is told to added(). */
export interface LimitedCalls<Call extends Limited> {
  values(): Iterable<Call>;
}

export class CallTimer<Call extends Limited> {
  readonly #clock: Clock;
  readonly #calls: LimitedCalls<Call>;
  readonly #expire: (call: Call) => void;
  #stopTimer: StopTimer | undefined;
  /** When the timer fires: not later than the first call is due. */
  #timerDueMs = Number.POSITIVE_INFINITY;

  /** `expire` takes the call out. */
  constructor(clock: Clock, calls: LimitedCalls<Call>, expire: (call: Call) => void) {
    this.#clock = clock;
    this.#calls = calls;
    this.#expire = expire;
  }

  /** When a call that begins now is due. */
  dueIn(ms: number): number {
    return this.#clock.now() + ms;
  }

  added({ dueMs }: Limited): void {
    if (dueMs < this.#timerDueMs) this.#setTimer(dueMs);
  }

  /** There will be no more calls. */
  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
  }

  #setTimer(dueMs: number): void {
    this.#stopTimer?.();
    this.#timerDueMs = dueMs;
    // The clocks behind timers count whole milliseconds: who fires a little early looks again a little later.
    const delayMs = Math.max(1, Math.round(dueMs - this.#clock.now()));
    this.#stopTimer = this.#clock.setTimer(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.stop();
    const nowMs = this.#clock.now();
    const due: Call[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const call of this.#calls.values()) {
      if (call.dueMs <= nowMs) due.push(call);
      else nextMs = Math.min(nextMs, call.dueMs);
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#setTimer(nextMs);
    // Last, since it runs the application's code: that may end these calls, and begin others.
    for (const call of due) this.#expire(call);
  }
}
