// How often one peer may call: a token bucket for each method that declares `rateLimit`, and one for all calls of a
// connection where that is configured. Full at first; each call takes a token, time puts them back.
//
// Who pays: a call without a tag can be anybody's on the path, so it takes from a bucket of its own, and a call that has
// too little protection takes nothing of its method's; else others could use up what is the caller's. All of this is
// looked at before arguments are decoded. Memory: one bucket per declared method at most, whatever the peer sends.

import type { Clock } from '../base/clock.js';
import type { LimitAction, RateLimit } from '../contract/limit.js';

/** Sums of fractions end so little below the whole. */
const hair = 1e-9;

export class TokenBucket {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #perMs: number;
  readonly #most: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(
    { perSecond, burst = Math.max(1, Math.ceil(perSecond)) }: RateLimit,
    clock: Pick<Clock, 'now'>,
  ) {
    this.#clock = clock;
    this.#perMs = perSecond / 1000;
    this.#most = burst;
    this.#tokens = burst;
    this.#filledAtMs = clock.now();
  }

  /**
   * Takes a token, or as many as it costs: 0. Or takes none, and tells in how many milliseconds there is one. It is enough
   * that there is one: what costs more is paid back before the next.
   */
  take(cost = 1): number {
    const nowMs = this.#clock.now();
    // A clock that went back fills nothing.
    const passedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(this.#most, this.#tokens + passedMs * this.#perMs);
    if (this.#tokens >= 1 - hair) {
      this.#tokens = cost === 1 ? Math.max(0, this.#tokens - 1) : this.#tokens - cost;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - hair - this.#tokens) / this.#perMs));
  }
}

/** A call was too many: what the caller gets, and what becomes of it. */
export interface RateExceeded {
  readonly code: 'RESOURCE_EXHAUSTED';
  readonly message: string;
  readonly data: { readonly retryAfterMs: number };
  readonly action: LimitAction;
}

/** What stands for methods, where all of them are counted together. */
const vouchedCalls = {};
const anybodysCalls = {};

/** The buckets of one peer. */
export class RateLimiter {
  readonly #clock: Pick<Clock, 'now'>;
  /** Undefined until a call is counted. */
  #buckets: Map<object, TokenBucket> | undefined;
  readonly #overall: RateLimit | undefined;

  /** `overall`: for all calls together. */
  constructor(clock: Pick<Clock, 'now'>, overall?: RateLimit) {
    this.#clock = clock;
    this.#overall = overall;
  }

  /** Counts a call, of whichever method, towards the limit of the connection. `vouched`: nobody but the peer made it. */
  admitAny(vouched: boolean): RateExceeded | undefined {
    return this.#take(vouched ? vouchedCalls : anybodysCalls, this.#overall, 'this connection may call');
  }

  /** Counts a call of a method that is served: one that is not must not come this far. */
  admit(method: object, limit: RateLimit | undefined): RateExceeded | undefined {
    return this.#take(method, limit, 'this method may be called');
  }

  #take(key: object, limit: RateLimit | undefined, what: string): RateExceeded | undefined {
    if (limit === undefined) return undefined;
    this.#buckets ??= new Map();
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(limit, this.#clock);
      this.#buckets.set(key, bucket);
    }
    const retryAfterMs = bucket.take();
    if (retryAfterMs === 0) return undefined;
    const { perSecond, onExceeded: action = 'refuse' } = limit;
    const message = `${what} ${perSecond} times a second; try again in ${retryAfterMs} ms`;
    return { code: 'RESOURCE_EXHAUSTED', message, data: { retryAfterMs }, action };
  }
}
