// Calls that wait for the next connection: bounded in number, each with its own time limit and signal.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import { onceAborted } from '../rpc/once-aborted.js';
import { cancelled } from '../rpc/pending-calls.js';

/** What a waiting call is given up by. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signals: readonly AbortSignal[];
}

interface Waiting<Connection> {
  readonly proceed: (connection: Connection) => void;
  readonly giveUp: (error: SealwireError) => void;
}

export class WaitingCalls<Connection> {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #waiting = new Set<Waiting<Connection>>();

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves to the connection; rejects with RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, CANCELLED or what {@link fail} tells. */
  wait(name: string, { timeoutMs, signals }: Patience): Promise<Connection> {
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted !== undefined) return Promise.reject(cancelled(aborted));
    if (this.#waiting.size >= this.#most) {
      return Promise.reject(
        new SealwireError(
          'RESOURCE_EXHAUSTED',
          `${this.#waiting.size} calls wait for the server already (reconnect.maxWaitingCalls)`,
          { reason: 'waiting-calls' },
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const release = (): void => {
        this.#waiting.delete(waiting);
        stopTimer();
        stopListening();
      };
      const waiting: Waiting<Connection> = {
        proceed(connection) {
          release();
          resolve(connection);
        },
        giveUp(error) {
          release();
          reject(error);
        },
      };
      const stopTimer = this.#clock.setTimer(timeoutMs, () => {
        const text = `${name} waited for the server for ${Math.round(timeoutMs)} ms`;
        waiting.giveUp(new SealwireError('DEADLINE_EXCEEDED', text));
      });
      const stopListening = onceAborted(signals, (signal) => waiting.giveUp(cancelled(signal)));
      this.#waiting.add(waiting);
    });
  }

  /** There is a connection: all go on, in the order in which they came. */
  proceed(connection: Connection): void {
    for (const { proceed } of [...this.#waiting]) proceed(connection);
  }

  /** There will be none. */
  fail(error: SealwireError): void {
    for (const { giveUp } of [...this.#waiting]) giveUp(error);
  }
}
