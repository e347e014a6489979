// Interceptors: functions around calls, on either side, for what is no method's own business: logging, metrics,
// authentication, retries.
//
//   caller   invoke ─ first ─ second ─ … ─▸ the wire          callee   the wire ─▸ first ─ second ─ … ─ the method
//
// Each gets the call and `next`, which goes on with the rest. It may look, wait, change what is passed on, answer by itself,
// go on again (outgoing), or throw. Calls go through those that were there when they began. What their manager does with
// them is in intercepted-call.ts (outgoing) and intercepted-method.ts (incoming).

import { SealwireError } from '../base/errors.js';
import { type Metadata, metadataFault } from '../wire/call-metadata.js';
import type { CallContext } from './call-context.js';
import type { Peer } from './peer.js';
import { deferredAnswer } from './remote-stream.js';
import { isAsyncIterable } from './streamed-argument.js';

/** What both sides tell of a call. Frozen; its arguments are not to be changed in place. */
export interface CallDescription {
  /** The other side. Of a call that waits for the next connection, the one that was lost. */
  readonly peer: Peer;
  /** `Arena.move` */
  readonly method: string;
  /** The flags of the call: outgoing those that it will have at least, incoming those that its message had. */
  readonly security: number;
  /** Nothing comes back. */
  readonly oneWay: boolean;
  /** It is answered with items: what `next` returns is iterated, and what the interceptor returns must be an AsyncIterable. */
  readonly streaming: boolean;
  /** A streamed argument is the AsyncIterable among them. */
  readonly args: readonly unknown[];
  /** What travels beside the arguments, under `security`: without Encrypted, anybody on the path reads it. */
  readonly metadata: Metadata;
  /** Aborted when nobody waits for the call any more: cancelled, out of time, or left. */
  readonly signal: AbortSignal;
  /** When the patience for the call ends, with all that interceptors do; undefined for a stream without a limit. */
  readonly deadline: Date | undefined;
}

/** A call that is made here. */
export interface OutgoingCall extends CallDescription {
  readonly direction: 'outgoing';
  /** Its caller, or the class that rpc() was given, says that it may run twice. */
  readonly idempotent: boolean;
}

/** A call that is served here. It was let in: protected as its method asks, identified and not too often. */
export interface IncomingCall extends CallDescription {
  readonly direction: 'incoming';
  /** What callContext() gives to the method: the same object, by which an interceptor can leave it something. */
  readonly context: CallContext;
}

/** Told apart by `direction`. */
export type InterceptedCall = OutgoingCall | IncomingCall;

/** What an interceptor may change on the way: the rest of the call is what both sides go by. */
export interface CallChanges {
  readonly args?: readonly unknown[];
  /** In the place of what was there. Of outgoing calls alone: what came is what its caller sent. */
  readonly metadata?: Metadata;
}

/** Awaited: the result, of a call that streams the items as an AsyncIterable. Iterated: the items. */
export type InterceptedAnswer = Promise<unknown> & AsyncIterable<unknown>;

/**
 * Goes on with the call. It never throws: what goes wrong is in what it returns. Outgoing, the call is made anew each time,
 * within the same deadline; incoming, the second time fails with INVALID_STATE, as a method runs once.
 */
export type Next = (changes?: CallChanges) => InterceptedAnswer;

/**
 * Returns what the caller is to get, or a promise of it: as a rule what `next` gave. What it throws is what the call throws;
 * on the serving side an RpcError as it is, anything else as INTERNAL, as if the method had thrown it.
 */
export type Interceptor<Call extends InterceptedCall = InterceptedCall> = (call: Call, next: Next) => unknown;

/** Interceptors that see one direction each. */
export interface DirectedInterceptors {
  readonly incoming?: Interceptor<IncomingCall>;
  readonly outgoing?: Interceptor<OutgoingCall>;
}

/** Those of one manager, in the order in which they were added. Lists are never changed, but replaced: calls keep theirs. */
export class Interceptors {
  #incoming: readonly Interceptor<IncomingCall>[] = [];
  #outgoing: readonly Interceptor<OutgoingCall>[] = [];

  get incoming(): readonly Interceptor<IncomingCall>[] {
    return this.#incoming;
  }

  get outgoing(): readonly Interceptor<OutgoingCall>[] {
    return this.#outgoing;
  }

  /** Throws INVALID_ARGUMENT for what is no interceptor: it would be found out in the middle of a call. */
  add(interceptor: Interceptor | DirectedInterceptors): void {
    const { incoming, outgoing } = directed(interceptor);
    if (incoming !== undefined) this.#incoming = [...this.#incoming, incoming];
    if (outgoing !== undefined) this.#outgoing = [...this.#outgoing, outgoing];
  }
}

function directed(interceptor: unknown): DirectedInterceptors {
  if (typeof interceptor === 'function') {
    const both = interceptor as Interceptor;
    return { incoming: both, outgoing: both };
  }
  if (typeof interceptor === 'object' && interceptor !== null) {
    const given = Object.entries(interceptor).filter(([, one]) => one !== undefined);
    const isKnown = ([name, one]: [string, unknown]): boolean =>
      (name === 'incoming' || name === 'outgoing') && typeof one === 'function';
    if (given.length > 0 && given.every(isKnown)) return Object.fromEntries(given);
  }
  throw new SealwireError(
    'INVALID_ARGUMENT',
    'use() takes a function (call, next) => next(), or { incoming, outgoing } with one for a direction',
  );
}

/** Runs what belongs to a call: on the serving side in its context. */
export type Enter = <Result>(step: () => Result) => Result;

/**
 * Sends `call` through `interceptors`, the first outermost, to `run`. Where all of them go on at once, `run` is run in this
 * turn. An answer that nobody waits for may fail without a word.
 */
export function intercept<Call extends InterceptedCall>(
  interceptors: readonly Interceptor<Call>[],
  call: Call,
  run: (call: Call) => unknown,
  enter: Enter = (step) => step(),
): InterceptedAnswer {
  const from = (index: number, current: Call): InterceptedAnswer => {
    const interceptor = interceptors[index];
    if (interceptor === undefined) return answer(current, enter, 'the method', () => run(current));
    let wentOn = false;
    const next: Next = (changes) => {
      if (wentOn && call.direction === 'incoming') {
        return failed('INVALID_STATE', `next() was called twice for ${call.method}, which would run twice`);
      }
      wentOn = true;
      const fault = changes === undefined ? undefined : faultOf(current, changes);
      if (fault !== undefined)
        return failed('INTERNAL', `an interceptor of ${call.method} gave next() ${fault}`);
      return from(index + 1, changes === undefined ? current : changed(current, changes));
    };
    return answer(current, enter, 'an interceptor', () => interceptor(current, next));
  };
  return from(0, Object.freeze(call));
}

/** Whatever was given, thrown or promised. */
function answer(call: InterceptedCall, enter: Enter, whose: string, give: () => unknown): InterceptedAnswer {
  let given = new Promise<unknown>((resolve) => resolve(enter(give)));
  if (call.streaming) {
    given = given.then((items) => {
      if (isAsyncIterable(items)) return entered(items, enter);
      throw new SealwireError('INTERNAL', `${call.method} answers with a stream, and ${whose} gave none`, {
        reason: 'interceptor',
      });
    });
  }
  // Who goes on and does not wait must not end the process: the peer decides whether a call fails.
  given.catch(() => undefined);
  return deferredAnswer(given);
}

function failed(code: 'INVALID_STATE' | 'INTERNAL', message: string): InterceptedAnswer {
  const failure = Promise.reject(new SealwireError(code, message, { reason: 'interceptor' }));
  failure.catch(() => undefined);
  return deferredAnswer(failure);
}

/** The same items: each step that makes one, in the context of the call. */
function entered(items: AsyncIterable<unknown>, enter: Enter): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = enter(() => items[Symbol.asyncIterator]());
      return {
        next: () => enter(() => iterator.next()),
        return: async () => (await enter(() => iterator.return?.())) ?? { done: true, value: undefined },
      };
    },
  };
}

/** JavaScript may pass anything. */
function faultOf(call: InterceptedCall, changes: CallChanges): string | undefined {
  if (typeof changes !== 'object' || changes === null) return 'what is no object';
  const { args, metadata } = changes;
  if (args !== undefined && !Array.isArray(args)) return 'arguments that are no array';
  // next(call) changes nothing.
  if (metadata === undefined || metadata === call.metadata) return undefined;
  if (call.direction === 'incoming') return 'metadata for a call that came with its own';
  const fault = metadataFault(metadata);
  return fault && `metadata that ${fault}`;
}

/** Copied, so that nobody changes under the hands of those before what they were shown. */
function changed<Call extends InterceptedCall>(call: Call, { args, metadata }: CallChanges): Call {
  const copy: Call = { ...call, ...(args && { args }), ...(metadata !== undefined && { metadata }) };
  return Object.freeze(copy);
}
