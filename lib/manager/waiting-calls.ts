// Calls that wait for the next connection: bounded in number, each with its own time limit and signal.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';

/** What a waiting call is given up by. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
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

  /** Resolves to the connection; rejects with RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, CANCELLED or what {@link fail} tells. */
  wait(name: string, { timeoutMs, signal }: Patience): Promise<Connection> {
    if (signal?.aborted) return Promise.reject(cancelled(signal));
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
        signal?.removeEventListener('abort', onAbort);
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
      const onAbort = (): void => waiting.giveUp(cancelled(signal!));
      const stopTimer = this.#clock.setTimer(timeoutMs, () => {
        const text = `${name} waited for the server for ${Math.round(timeoutMs)} ms`;
        waiting.giveUp(new SealwireError('DEADLINE_EXCEEDED', text));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
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

function cancelled(signal: AbortSignal): SealwireError {
  return new SealwireError('CANCELLED', 'the call was cancelled', { cause: signal.reason });
}
