// Interceptors: functions around calls, on either side, for what is no method's own business: logging, metrics,
// authentication, retries.
//
//   caller   invoke ─ first ─ second ─ … ─▸ the wire          callee   the wire ─▸ first ─ second ─ … ─ the method
//
// Each gets the call and `next`, which goes on with the rest and returns what it returns: a promise of the result, or for
// a stream an AsyncIterable of its items. It may look, wait, change what is passed on, answer by itself, go on again, or throw.

import { SealwireError } from '../base/errors.js';
import type { Peer } from './peer.js';

/** A small map that travels with a call, under its flags. */
export type Metadata = Readonly<Record<string, string | Uint8Array>>;

export interface InterceptedCall {
  /** `outgoing` where the call is made, `incoming` where it is served. */
  readonly direction: 'outgoing' | 'incoming';
  /** The other side. */
  readonly peer: Peer;
  /** `Arena.move` */
  readonly method: string;
  /** The flags of the call: outgoing those that it will have at least, incoming those that its record had. */
  readonly security: number;
  /** Nothing comes back. */
  readonly oneWay: boolean;
  /** What `next` returns is an AsyncIterable, and no promise. */
  readonly streaming: boolean;
  readonly args: readonly unknown[];
  readonly metadata: Metadata;
  /** Aborted when nobody waits for the call any more; undefined where nobody can say so. */
  readonly signal: AbortSignal | undefined;
}

/** What an interceptor may change on the way: the rest of the call is what both sides go by. */
export interface CallChanges {
  readonly args?: readonly unknown[];
  readonly metadata?: Metadata;
}

/** Goes on with the call; called again, the call is made again. */
export type Next = (changes?: CallChanges) => unknown;

/** Returns what the caller is to get: as a rule what `next` returned. What it throws is what the call throws. */
export type Interceptor = (call: InterceptedCall, next: Next) => unknown;

/** Throws INVALID_ARGUMENT for what is no interceptor: it would be found out in the middle of a call. */
export function checkInterceptor(interceptor: unknown): asserts interceptor is Interceptor {
  if (typeof interceptor === 'function') return;
  throw new SealwireError('INVALID_ARGUMENT', 'use() takes a function (call, next) => next()');
}

/** Runs `call` through `interceptors`, the first outermost, to `run`; without any, at the cost of one comparison. */
export function intercept(
  interceptors: readonly Interceptor[],
  call: InterceptedCall,
  run: (call: InterceptedCall) => unknown,
): unknown {
  if (interceptors.length === 0) return run(call);
  const from = (index: number, current: InterceptedCall): unknown => {
    const interceptor = interceptors[index];
    if (interceptor === undefined) return run(current);
    // Copied, so that nobody changes under the hands of those before what they were shown.
    return interceptor(current, (changes) =>
      from(index + 1, changes === undefined ? current : Object.freeze({ ...current, ...only(changes) })),
    );
  };
  return from(0, Object.freeze(call));
}

/** JavaScript may pass more than the type allows, and flags or peer of a call are not for anybody to change. */
function only({ args, metadata }: CallChanges): CallChanges {
  return { ...(args !== undefined && { args }), ...(metadata !== undefined && { metadata }) };
}
