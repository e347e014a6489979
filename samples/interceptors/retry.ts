// Trying again, later and later: for methods that may run twice, where the other side says that it cannot now.
//
//   client.use(retry());
//
//   next() ─ UNAVAILABLE or RESOURCE_EXHAUSTED ─ delay ─ next() ─ …        until it goes, or attempts or time run out
//
// The delay is a random share of initialDelayMs × 2^n, so that many who failed together do not come back together; where the
// other side said `retryAfterMs` (a rate limit of Sealwire does), that comes first. The caller's time limit holds for the
// whole. A connection that is lost is another matter: `reconnect` repeats idempotent calls by itself.

import { type DirectedInterceptors, type Next, type OutgoingCall, RpcError, SealwireError } from 'sealwire';

export interface RetryOptions {
  /** How often a call is made at most. Default 4. */
  readonly attempts?: number;
  /** Upper end of the first delay; it doubles each time. Default 100. */
  readonly initialDelayMs?: number;
  /** Upper end of every delay. Default 5000. */
  readonly maxDelayMs?: number;
  /** Codes that pass. */
  readonly codes?: readonly string[];
}

export function retry({
  attempts = 4,
  initialDelayMs = 100,
  maxDelayMs = 5000,
  codes = ['UNAVAILABLE', 'RESOURCE_EXHAUSTED'],
}: RetryOptions = {}): DirectedInterceptors {
  return { outgoing: (call, next) => (mayRunTwice(call) ? makeAgain(call, next) : next()) };

  async function makeAgain(call: OutgoingCall, next: Next): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await next();
      } catch (error) {
        if (attempt === attempts || !(error instanceof SealwireError) || !codes.includes(error.code))
          throw error;
        const delayMs =
          Math.random() * Math.min(maxDelayMs, initialDelayMs * 2 ** (attempt - 1)) + askedFor(error);
        // Better told now than when there is no time left.
        if (delayMs >= timeLeftMs(call)) throw error;
        await sleep(delayMs, call.signal);
      }
    }
  }
}

/** A stream that was read in part, of results or as an argument, cannot be begun anew. */
function mayRunTwice({ idempotent, streaming, oneWay, args }: OutgoingCall): boolean {
  return idempotent && !streaming && !oneWay && !args.some(isStream);
}

function isStream(argument: unknown): boolean {
  return typeof argument === 'object' && argument !== null && Symbol.asyncIterator in argument;
}

/** Data of the other side: it may be anything. */
function askedFor(error: SealwireError): number {
  const data: unknown = error instanceof RpcError ? error.data : undefined;
  if (typeof data !== 'object' || data === null || !('retryAfterMs' in data)) return 0;
  const { retryAfterMs } = data;
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : 0;
}

function timeLeftMs({ deadline }: OutgoingCall): number {
  return deadline === undefined ? Number.POSITIVE_INFINITY : deadline.getTime() - Date.now();
}

/** Rejects with the signal's reason. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    }, ms);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}
