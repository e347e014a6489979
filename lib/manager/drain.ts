// Letting calls in flight finish before their connections are closed.
//
// Sessions are looked at every few milliseconds while a manager stops: an end that comes once is not worth a hook in every
// call.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { Session } from '../rpc/session.js';

export interface StopOptions {
  /**
   * How long calls in flight, in both directions, may still take, in milliseconds; new calls of the other side are refused
   * with UNAVAILABLE. What is left then is aborted. Default 5000 for a server, 0 for a client; at most an hour.
   */
  readonly drainMs?: number;
}

const maxDrainMs = 3_600_000;
const lookEveryMs = 10;

/** Throws INVALID_ARGUMENT for a time that is none. */
export function checkedDrainMs(options: StopOptions): number | undefined {
  const { drainMs } = options;
  if (drainMs === undefined || (Number.isSafeInteger(drainMs) && drainMs >= 0 && drainMs <= maxDrainMs)) {
    return drainMs;
  }
  throw new SealwireError(
    'INVALID_ARGUMENT',
    `drainMs must be a whole number of milliseconds from 0 to ${maxDrainMs}`,
  );
}

/**
 * Hands each session to `idle` as soon as no call of it is in flight. Resolves when `sessions` is empty or time is up;
 * whoever is told of a session takes it out.
 */
export function drain(
  sessions: ReadonlySet<Session>,
  drainMs: number,
  clock: Clock,
  idle: (session: Session) => void,
): Promise<void> {
  const untilMs = clock.now() + drainMs;
  for (const session of sessions) session.drain();
  return new Promise((resolve) => {
    const look = (): void => {
      for (const session of [...sessions]) {
        const { pendingCalls, callsInFlight } = session.load;
        if (pendingCalls + callsInFlight === 0) idle(session);
      }
      const leftMs = untilMs - clock.now();
      if (sessions.size === 0 || leftMs <= 0) resolve();
      else clock.setTimer(Math.min(lookEveryMs, leftMs), look);
    };
    look();
  });
}
