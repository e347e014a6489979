// What is told about limits that were reached, and how seldom: whoever is flooded must not be flooded with reports of it.
//
//   first ─▸ told at once     more of the same ─▸ counted, told once a second     nothing for a second ─▸ forgotten

import type { Clock, StopTimer } from '../base/clock.js';
import type { LimitAction } from '../contract/limit.js';
import type { LimitActions } from './limit-actions.js';

/** The limits that a peer can reach. Beside those of {@link OnLimit}: */
export type LimitName =
  | keyof LimitActions
  /** `NetworkConfig.rateLimit`. */
  | 'rateLimit'
  /** The `rateLimit` of a method. */
  | 'methodRateLimit'
  /** `limits.maxConnections` and `limits.maxHalfOpenConnections`: somebody new was not let in. */
  | 'connections'
  | 'halfOpenConnections'
  /** A frame, a message or its fragments: too large, too many or too slow. */
  | 'frames'
  /** `limits.handshakeTimeoutMs`. */
  | 'handshakeTime';

export interface LimitReport {
  readonly limit: LimitName;
  /** What was done. */
  readonly action: LimitAction;
  /** How often, since this was last told: a second ago, or never. */
  readonly count: number;
  /** The method that was called, where one was; the first of them. */
  readonly method?: string | undefined;
  /** Whose doing it is, for logs; the first of them. Not an identity. */
  readonly remoteAddress: string;
}

const intervalMs = 1000;

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

export class LimitReporter {
  readonly #clock: Pick<Clock, 'setTimer'>;
  readonly #tell: (report: LimitReport) => void;
  /** One for each limit and action that was reached of late: a handful. */
  #gathered: Mutable<LimitReport>[] = [];
  #stopTimer: StopTimer | undefined;

  constructor(clock: Pick<Clock, 'setTimer'>, tell: (report: LimitReport) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(limit: LimitName, action: LimitAction, remoteAddress: string, method?: string): void {
    for (const same of this.#gathered) {
      if (same.limit !== limit || same.action !== action) continue;
      if (same.count === 0) Object.assign(same, { method, remoteAddress });
      same.count += 1;
      return;
    }
    const report = { limit, action, count: 1, method, remoteAddress };
    this.#gathered.push({ ...report, count: 0 });
    this.#stopTimer ??= this.#wait();
    this.#tell(report);
  }

  /** Tells what has not been told. Nothing is added after this. */
  close(): void {
    this.#stopTimer?.();
    for (const report of this.#gathered.splice(0)) if (report.count > 0) this.#tell(report);
  }

  #wait(): StopTimer {
    return this.#clock.setTimer(intervalMs, () => {
      const due = this.#gathered.filter(({ count }) => count > 0);
      this.#gathered = due.map((report) => ({ ...report, count: 0 }));
      this.#stopTimer = due.length === 0 ? undefined : this.#wait();
      for (const report of due) this.#tell(report);
    });
  }
}
