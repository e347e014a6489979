// A clock that a spec moves by hand: time passes and turns of the event loop end when it says so, and never otherwise.

import type { Clock, StopTimer } from '../../lib/base/clock.js';

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #startedAt: Date;
  readonly #timers = new Set<Timer>();
  #turn: (() => void)[] = [];

  constructor(startedAt: Date = new Date('2026-11-20T12:00:00Z')) {
    this.#startedAt = startedAt;
  }

  now(): number {
    return this.#nowMs;
  }

  date(): Date {
    return new Date(this.#startedAt.getTime() + this.#nowMs);
  }

  setTimer(ms: number, callback: () => void): StopTimer {
    const timer = { dueMs: this.#nowMs + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Code that a spec runs is through when the spec says so: at the end of the turn. */
  soon(callback: () => void): void {
    this.#turn.push(callback);
  }

  endOfTurn(callback: () => void): void {
    this.#turn.push(callback);
  }

  /** Timers that have neither fired nor been stopped. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Callbacks that wait for the end of the turn. */
  get waitingForEndOfTurn(): number {
    return this.#turn.length;
  }

  /** Lets time pass; timers fire in the order in which they are due, each at its own time. */
  advance(ms: number): void {
    const until = this.#nowMs + ms;
    for (let next = this.#nextDue(until); next; next = this.#nextDue(until)) {
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = until;
  }

  /** Ends the turn: what is asked for from inside a callback waits for the end of the next one. */
  endTurn(): void {
    const due = this.#turn;
    this.#turn = [];
    for (const callback of due) callback();
  }

  #nextDue(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}
