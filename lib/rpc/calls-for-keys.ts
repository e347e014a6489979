// Calls that must be protected, on a connection that has no keys yet: the first of them asks for keys, and all wait.
//
//   call ─ not protected as it must be, keys to be had ─▸ asked for ─┬─ agreed: it goes on, with what is left of its time
//                                                                    ├─ timeout, abort: it was never sent
//                                                                    └─ failed, closed: nor then
//
// They go on in the order in which they came. Each counts as a call that waits for its answer.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { type CallPlan, timeLeft } from './call-options.js';
import { onceAborted } from './once-aborted.js';
import type { Outgoing } from './outgoing.js';
import { cancelled, connectionClosed } from './pending-calls.js';

export class CallsForKeys {
  readonly #outgoing: Pick<Outgoing, 'secure'>;
  readonly #limits: Limits;
  readonly #clock: Clock;
  #size = 0;

  constructor(outgoing: Pick<Outgoing, 'secure'>, limits: Limits, clock: Clock) {
    this.#outgoing = outgoing;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /**
   * What is left of the plan once there are keys. Rejects with DEADLINE_EXCEEDED and CANCELLED, with CONNECTION_CLOSED, and
   * with ENCRYPTION_UNAVAILABLE where keys could not be agreed; nothing was sent then. `streams`: it has no time limit of
   * its own. `left`: nobody wants it any more.
   */
  async wait(plan: CallPlan, streams: boolean, left?: AbortSignal): Promise<CallPlan> {
    const signals = left === undefined ? plan.signals : [...plan.signals, left];
    for (const signal of signals) if (signal.aborted) throw cancelled(signal);
    const startedMs = this.#clock.now();
    const timeoutMs = timeLeft(plan, this.#clock, streams, this.#limits);
    const keys = this.#outgoing.secure?.();
    if (keys === undefined) return plan;
    this.#size += 1;
    try {
      await this.#patiently(keys, timeoutMs, signals);
    } finally {
      this.#size -= 1;
    }
    if (timeoutMs === 0) return plan;
    const leftMs = Math.max(1, Math.ceil(timeoutMs - (this.#clock.now() - startedMs)));
    return { ...plan, options: { ...plan.options, timeoutMs: leftMs } };
  }

  #patiently(keys: Promise<void>, timeoutMs: number, signals: readonly AbortSignal[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (error: SealwireError): void => {
        stopTimer();
        stopListening();
        reject(error);
      };
      const late = (): void => {
        const text = `there were no keys within ${timeoutMs} ms: the call was not sent`;
        giveUp(new SealwireError('DEADLINE_EXCEEDED', text));
      };
      const stopTimer = timeoutMs === 0 ? () => undefined : this.#clock.setTimer(timeoutMs, late);
      const stopListening = onceAborted(signals, (signal) => giveUp(cancelled(signal)));
      keys.then(
        () => {
          stopTimer();
          stopListening();
          resolve();
        },
        (error: SealwireError) => giveUp(notSent(error)),
      );
    });
  }
}

function notSent(cause: SealwireError): SealwireError {
  if (cause.code === 'CONNECTION_CLOSED')
    return connectionClosed(`the connection ended before the call was sent: ${cause.message}`, cause);
  return new SealwireError(
    'ENCRYPTION_UNAVAILABLE',
    `no keys could be agreed on, and the call was not sent: ${cause.message}`,
    { reason: cause.code, cause },
  );
}
