// What is said about limits, by methods and by configurations: how often, and what happens beyond.

/**
 * What happens to what is too much. `refuse`: the caller is told; `drop`: nobody is, and a caller that waits for an answer
 * waits until its deadline (a stream without one: until the connection ends); `disconnect`: the connection ends with
 * LIMIT_EXCEEDED. The event `limitExceeded` tells this side in each case.
 */
export type LimitAction = 'refuse' | 'drop' | 'disconnect';

/** A token bucket: `burst` calls at once, refilled with `perSecond`. */
export interface RateLimit {
  /** More than 0, up to 1,000,000; 0.1 is one in ten seconds. */
  readonly perSecond: number;
  /** 1 to 1,000,000; the calls of a second, and at least one, when left out. */
  readonly burst?: number;
  /** What happens to a call that is too many; default `refuse`: RESOURCE_EXHAUSTED, with `data.retryAfterMs`. */
  readonly onExceeded?: LimitAction;
}

const limitActions: readonly unknown[] = ['refuse', 'drop', 'disconnect'] satisfies LimitAction[];
const known: readonly string[] = ['perSecond', 'burst', 'onExceeded'] satisfies (keyof RateLimit)[];
const maxRate = 1_000_000;

/** What is wrong with a rate limit, which is called `name` there; undefined when nothing is. */
export function rateLimitFault(rateLimit: unknown, name: string): string | undefined {
  if (typeof rateLimit !== 'object' || rateLimit === null)
    return `${name} must be an object: { perSecond: 20, burst: 40, onExceeded: 'refuse' }`;
  const stranger = Object.keys(rateLimit).find((option) => !known.includes(option));
  if (stranger !== undefined)
    return `${name} has the unknown option ${stranger}; this version knows ${known.join(', ')}`;
  const { perSecond, burst, onExceeded } = rateLimit as Partial<Record<keyof RateLimit, unknown>>;
  if (typeof perSecond !== 'number' || !(perSecond > 0 && perSecond <= maxRate))
    return `perSecond of ${name} must be a number above 0, at most ${maxRate}`;
  if (
    burst !== undefined &&
    !(Number.isInteger(burst) && (burst as number) >= 1 && (burst as number) <= maxRate)
  )
    return `burst of ${name} must be a whole number, 1 to ${maxRate}`;
  if (onExceeded !== undefined && !limitActions.includes(onExceeded))
    return `onExceeded of ${name} must be 'refuse', 'drop' or 'disconnect'`;
  return undefined;
}
