// Whether a call is run: the checks that need neither its arguments nor its method's code, cheapest and strictest first.
//
//   not too many calls     RESOURCE_EXHAUSTED   it has the claims       PERMISSION_DENIED
//   the method exists      UNIMPLEMENTED        this side takes calls   UNAVAILABLE
//   its flags are enough   SECURITY_REQUIRED    not too often           RESOURCE_EXHAUSTED
//   the caller is known    UNAUTHENTICATED      there is room           RESOURCE_EXHAUSTED
//
// The receiver enforces the flags, by what the record really had and never by what it claims. What a refused call costs its
// peer is for limit-guard.ts to say.

import type { Clock } from '../base/clock.js';
import type { CallCode, PolicyCode } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { hasClaims } from '../contract/claims.js';
import type { LimitAction, RateLimit } from '../contract/limit.js';
import { describeSecurity, Security, satisfies } from '../contract/security.js';
import type { ErrorFields } from '../wire/call-message.js';
import { isAllowed } from './flags.js';
import type { PeerIdentity } from './identity.js';
import type { LimitGuard } from './limit-guard.js';
import type { LimitName } from './limit-report.js';
import type { Peer } from './peer.js';
import { RateLimiter } from './rate-limit.js';
import type { ServedMethod } from './registry.js';

export interface AdmissionOptions {
  readonly peer: Peer;
  readonly limits: Limits;
  /** How often the peer may call, all its calls together; undefined: as often as it likes. */
  readonly rateLimit?: RateLimit | undefined;
  readonly guard: LimitGuard;
  readonly clock: Clock;
  /** Bit f: both sides accept records with flags f. */
  readonly allowed: number;
}

/** A call is not run. No Error: making its stack would be most of what a refusal costs. */
export interface Refusal extends ErrorFields {
  /** The limit that was reached, where it was one. */
  readonly limit?: LimitName;
  readonly action: LimitAction;
  /** What the peer does, for the error that ends the connection. */
  readonly deed: string;
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
    this.#rates = new RateLimiter(options.clock, options.rateLimit);
  }

  /** From now on calls are refused with UNAVAILABLE. */
  drain(): void {
    this.#draining = true;
  }

  /**
   * Why a call is not run; undefined where it is. `streams`: one of its arguments is a stream. `bytes`: the length of its
   * message. The action is what has become of it: a caller is told where it is `refuse`.
   */
  refusal(
    method: ServedMethod | undefined,
    flags: number,
    streams: boolean,
    bytes: number,
  ): Refusal | undefined {
    const refusal =
      this.#judgeAll(flags) ?? this.#judge(method, flags) ?? this.#judgeMethod(method!, streams);
    if (refusal === undefined) return undefined;
    const { guard } = this.#options;
    const name = method?.fullName ?? 'unknown';
    const told = guard.refuse(refusal.code, name, bytes);
    if (refusal.limit !== undefined) guard.exceeded(refusal.limit, refusal.action, refusal.deed, name);
    return told ? refusal : { ...refusal, action: 'drop' };
  }

  #judgeAll(flags: number): Refusal | undefined {
    const excess = this.#rates.admitAny(satisfies(flags, Security.Authenticated));
    return excess && { ...excess, limit: 'rateLimit', deed: 'calls too often' };
  }

  #judge(method: ServedMethod | undefined, flags: number): Refusal | undefined {
    const { allowed, peer } = this.#options;
    if (method === undefined) return refused('UNIMPLEMENTED', 'there is no such method');
    if (!satisfies(flags, method.security) || !isAllowed(flags, allowed)) {
      // Without the method's name: this answer may go out in the clear, and names never do.
      const least = describeSecurity(method.security);
      return refused('SECURITY_REQUIRED', `this method must be called with ${least}`);
    }
    const stranger = judgeIdentity(method, peer.identity);
    if (stranger !== undefined) return stranger;
    if (this.#draining)
      return refused('UNAVAILABLE', 'this side is stopping and takes no new calls', { reason: 'draining' });
    return undefined;
  }

  /** Once for each call that is protected as it must be: others could use up what is the caller's. */
  #judgeMethod(method: ServedMethod, streams: boolean): Refusal | undefined {
    const excess = this.#rates.admit(method, method.rateLimit);
    if (excess !== undefined)
      return { ...excess, limit: 'methodRateLimit', deed: `calls ${method.fullName} too often` };
    const { limits, guard } = this.#options;
    if (this.#load.executing >= limits.maxCallsInFlight) {
      const refusal = refused('RESOURCE_EXHAUSTED', 'too many calls in flight');
      const deed = 'has too many calls in flight';
      return { ...refusal, limit: 'callsInFlight', action: guard.actions.callsInFlight, deed };
    }
    if (this.#load.streams + Number(method.stream) + Number(streams) > limits.maxStreams) {
      const refusal = refused('RESOURCE_EXHAUSTED', 'too many streams at once');
      return { ...refusal, limit: 'streams', action: guard.actions.streams, deed: 'has too many streams' };
    }
    return undefined;
  }
}

function judgeIdentity(
  { requiresIdentity, claims }: ServedMethod,
  identity: PeerIdentity | undefined,
): Refusal | undefined {
  if (!requiresIdentity && claims === undefined) return undefined;
  if (identity === undefined) {
    return refused(
      'UNAUTHENTICATED',
      'this method needs to know who calls, and this connection has not told: authenticate first (credentials, or ' +
        "authenticate()), or set certificate on the calling side, and clientAuthentication to 'optional' or 'required' " +
        'on the server',
    );
  }
  if (claims === undefined || hasClaims('claims' in identity ? identity.claims : undefined, claims))
    return undefined;
  return refused('PERMISSION_DENIED', 'this method is for others than this caller');
}

function refused(code: CallCode | PolicyCode, message: string, data?: unknown): Refusal {
  return { code, message, data, action: 'refuse', deed: '' };
}
