// Keys that are being agreed while messages go to and fro: who waits for them, and for how long.

import type { Clock, StopTimer } from '../base/clock.js';
import type { SealwireError } from '../base/errors.js';

export class Securing {
  /** Settles once, for all who wait. */
  readonly done: Promise<void>;
  readonly #stopTimer: StopTimer;
  #resolve: () => void = () => undefined;
  #reject: (error: SealwireError) => void = () => undefined;

  constructor(clock: Clock, timeoutMs: number, timedOut: () => void) {
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // The peer may have begun, and nobody wait here.
    this.done.catch(() => undefined);
    this.#stopTimer = clock.setTimer(timeoutMs, timedOut);
  }

  succeeded(): void {
    this.#stopTimer();
    this.#resolve();
  }

  /** The connection has ended. */
  failed(error: SealwireError): void {
    this.#stopTimer();
    this.#reject(error);
  }
}
