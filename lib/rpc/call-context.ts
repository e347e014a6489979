// What an RPC method may ask about the call that it is serving.
//
// The context is there from the start of the method until its first `await`: it is set around the synchronous part
// of the call, which costs nothing and works in browsers, where there is no AsyncLocalStorage. A stream has it anew
// behind each `yield`. Calls that are made while it is there take over its deadline and its signal.

import { SealwireError } from '../base/errors.js';
import type { Metadata } from '../wire/call-metadata.js';
import type { PeerIdentity } from './identity.js';
import type { Peer } from './peer.js';

/**
 * The signal and the deadline are made when they are first asked for: hand the object on as it is, since a copy made by
 * `{ ...context }` has neither.
 */
export interface CallContext {
  /** The connection that the call came over; on a client, the one to its server. */
  readonly client: Peer;
  /**
   * Who calls; undefined where the other side has shown no certificate, and for every call that was not Authenticated,
   * since anybody on the path can have made it. `requiresIdentity` of `@Rpc` refuses callers without.
   */
  readonly identity: PeerIdentity | undefined;
  /** The flags that this very message had, at least what the method declares. */
  readonly security: number;
  /** What the caller sent beside the arguments, under the flags of the call; frozen, empty where there was nothing. */
  readonly metadata: Metadata;
  /** Aborted when the caller cancels, when the deadline passes, and when the connection ends. */
  readonly signal: AbortSignal;
  /** When the caller's patience or this side's limit ends; undefined for a stream that has no time limit. */
  readonly deadline: Date | undefined;
}

let current: CallContext | undefined;

/** The context of the call that is being served. Throws INVALID_STATE outside a call, or behind the first `await`. */
export function callContext(): CallContext {
  if (current === undefined) {
    throw new SealwireError(
      'INVALID_STATE',
      'callContext() is there only inside an RPC method, before its first await: keep what it returns in a variable',
    );
  }
  return current;
}

/** The same, undefined where {@link callContext} throws. */
export function currentContext(): CallContext | undefined {
  return current;
}

/** Runs the synchronous part of a method with its context. */
export function runInContext<Result>(context: CallContext, run: () => Result): Result {
  const outer = current;
  current = context;
  try {
    return run();
  } finally {
    current = outer;
  }
}

const nothing: Metadata = Object.freeze(Object.create(null) as Record<string, never>);

/** Metadata as methods see them: an object without a prototype, so that no key means anything else. */
export function frozenMetadata(metadata: Metadata | undefined): Metadata {
  return metadata === undefined ? nothing : Object.freeze(Object.assign(Object.create(null), metadata));
}
