// Whether a call is run: the checks that need neither its arguments nor its method's code, cheapest and strictest first.
//
//   the method exists      UNIMPLEMENTED        this side takes calls   UNAVAILABLE
//   its flags are enough   SECURITY_REQUIRED    not too often           RESOURCE_EXHAUSTED
//   the caller is known    UNAUTHENTICATED      there is room           RESOURCE_EXHAUSTED
//
// The receiver enforces the flags, by what the record really had and never by what it claims.

import type { Clock } from '../base/clock.js';
import { RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { describeSecurity, satisfies } from '../contract/security.js';
import type { CallObserver } from './call-observer.js';
import { isAllowed } from './flags.js';
import type { Peer } from './peer.js';
import { type RateExceeded, RateLimiter } from './rate-limit.js';
import type { ServedMethod } from './registry.js';

export interface AdmissionOptions {
  readonly peer: Peer;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Bit f: both sides accept records with flags f. */
  readonly allowed: number;
  /** The peer has gone too far. */
  fail(error: SealwireError): void;
  readonly observer: CallObserver;
}

/** What runs for a peer; whoever runs it counts. */
export interface Load {
  /** Methods that have not returned yet, answered or not, one-way or not. */
  executing: number;
  /** Streams of both kinds: results until nothing of them runs, arguments until their call is over. */
  streams: number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #load: Readonly<Load>;
  readonly #rates: RateLimiter;
  #draining = false;

  constructor(options: AdmissionOptions, load: Readonly<Load>) {
    this.#options = options;
    this.#load = load;
    this.#rates = new RateLimiter(options.clock);
  }

  /** From now on calls are refused with UNAVAILABLE. */
  drain(): void {
    this.#draining = true;
  }

  /** Why a call is not run; undefined where it is. */
  refusal(
    method: ServedMethod | undefined,
    flags: number,
    streamsArgument: boolean,
  ): SealwireError | undefined {
    const refusal = this.#judge(method, flags, streamsArgument);
    if (refusal !== undefined) {
      const { observer, peer } = this.#options;
      observer.refused(peer, method?.fullName ?? 'unknown', refusal.code);
    }
    return refusal;
  }

  #judge(
    method: ServedMethod | undefined,
    flags: number,
    streamsArgument: boolean,
  ): SealwireError | undefined {
    const { allowed, peer } = this.#options;
    if (method === undefined) return new SealwireError('UNIMPLEMENTED', 'there is no such method');
    if (!satisfies(flags, method.security) || !isAllowed(flags, allowed)) {
      // Without the method's name: this answer may go out in the clear, and names never do.
      const least = describeSecurity(method.security);
      return new SealwireError('SECURITY_REQUIRED', `this method must be called with ${least}`);
    }
    if (method.requiresIdentity && peer.identity === undefined) {
      return new SealwireError(
        'UNAUTHENTICATED',
        'this method needs a client certificate, or whatever else proves who calls, and this connection has none: set ' +
          "certificate on the calling side, and clientAuthentication to 'optional' or 'required' on the server",
      );
    }
    if (this.#draining) {
      return new RpcError('UNAVAILABLE', 'this side is stopping and takes no new calls', {
        reason: 'draining',
      });
    }
    return this.#judgeRate(method) ?? this.#judgeLoad(method, streamsArgument);
  }

  /** Once for each call that is protected as it must be: others could use up what is the caller's. */
  #judgeRate(method: ServedMethod): RateExceeded | undefined {
    const excess = this.#rates.admit(method, method.rateLimit);
    if (excess?.outcome === 'disconnect') {
      this.#options.fail(new SealwireError('LIMIT_EXCEEDED', `the peer calls ${method.fullName} too often`));
    }
    return excess;
  }

  #judgeLoad(method: ServedMethod, streamsArgument: boolean): SealwireError | undefined {
    const { limits } = this.#options;
    if (this.#load.executing >= limits.maxCallsInFlight) {
      return new SealwireError('RESOURCE_EXHAUSTED', 'too many calls in flight');
    }
    if (this.#load.streams + Number(method.stream) + Number(streamsArgument) > limits.maxStreams) {
      return new SealwireError('RESOURCE_EXHAUSTED', 'too many streams at once');
    }
    return undefined;
  }
}
