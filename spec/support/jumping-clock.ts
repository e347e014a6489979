// A real clock that a spec can put forward: timers that fall into what was left out fire at once. For hours in specs that
// have real sockets.

import type { Clock, StopTimer } from '../../lib/base/clock.js';

interface Timer {
  readonly dueMs: number;
  fire(): void;
}

export class JumpingClock implements Clock {
  #aheadMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return performance.now() + this.#aheadMs;
  }

  date(): Date {
    return new Date(Date.now() + this.#aheadMs);
  }

  setTimer(ms: number, callback: () => void): StopTimer {
    const stop = (): void => {
      clearTimeout(handle);
      this.#timers.delete(timer);
    };
    const fire = (): void => {
      stop();
      callback();
    };
    const timer: Timer = { dueMs: this.now() + ms, fire };
    const handle = setTimeout(fire, ms);
    this.#timers.add(timer);
    return stop;
  }

  soon(callback: () => void): void {
    process.nextTick(callback);
  }

  endOfTurn(callback: () => void): void {
    setImmediate(callback);
  }

  jump(ms: number): void {
    this.#aheadMs += ms;
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= this.now());
    for (const timer of due.sort((a, b) => a.dueMs - b.dueMs)) if (this.#timers.has(timer)) timer.fire();
  }
}
