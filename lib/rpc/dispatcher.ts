// The serving side: a call is admitted, run in its context, and answered under the flags that it came with.
//
//   1. called as it is declared   or the peer is out   5. there is room        RESOURCE_EXHAUSTED
//   2. the method exists          UNIMPLEMENTED        6. run, until deadline  DEADLINE_EXCEEDED
//   3. its flags are enough       SECURITY_REQUIRED    7. answer: result, or error
//   4. the caller is known        UNAUTHENTICATED
//
// The receiver enforces the flags, by what the record really had and never by what it claims. Arguments are data of the
// peer: the method is found by number, and called with them as they were decoded.

import type { Clock, StopTimer } from '../base/clock.js';
import { isErrorCode, RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { describeSecurity, Security, satisfies } from '../contract/security.js';
import { encodeError, encodeResult } from '../wire/call-message.js';
import { runInContext } from './call-context.js';
import { isAllowed } from './flags.js';
import type { Peer } from './peer.js';
import { PermissionDenied } from './permission.js';
import type { ServedMethod } from './registry.js';

export interface DispatcherOptions {
  readonly peer: Peer;
  readonly methods: readonly ServedMethod[];
  readonly limits: Limits;
  readonly clock: Clock;
  /** Bit f: both sides accept records with flags f. */
  readonly allowed: number;
  send(flags: number, message: Uint8Array): void;
  /** The peer does not read its answers. */
  fail(error: SealwireError): void;
  readonly observer: CallObserver;
}

/** What happens to calls, for those who run the server. Arguments and results are not told. */
export interface CallObserver {
  /** A method threw something that the caller sees as a bare INTERNAL, or not at all since the call was one-way. */
  failed(peer: Peer, method: string, error: unknown): void;
  /** A call was not run. */
  refused(peer: Peer, method: string, code: string): void;
}

interface Running {
  /** Undefined for a one-way call: nobody waits for its answer. */
  readonly id: number | undefined;
  readonly flags: number;
  readonly abort: AbortController;
  readonly stopTimer: StopTimer;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** Calls that were neither answered nor given up, one-way ones included. */
  readonly #running = new Set<Running>();
  /** Those of them that are owed an answer, by the peer's id. */
  readonly #owed = new Map<number, Running>();
  /** Ids only rise, so a repeated call is noticed even where nothing else protects it. */
  #lastId = 0;
  /** Methods that have not returned yet, answered or not, one-way or not. */
  #executing = 0;
  #draining = false;
  #closed = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  get callsInFlight(): number {
    return this.#executing;
  }

  call(flags: number, id: number, methodId: number, args: readonly unknown[], timeoutMs: number): void {
    if (id <= this.#lastId) throw violation('a call whose id is not larger than the last');
    this.#lastId = id;
    const method = this.#options.methods[methodId];
    if (method?.oneWay) throw violation('a call of a one-way method');
    const refusal = this.#admit(method, flags);
    if (refusal !== undefined) this.#answerError({ id, flags }, refusal);
    else this.#run(method!, flags, args, timeoutMs, id);
  }

  notify(flags: number, methodId: number, args: readonly unknown[]): void {
    const method = this.#options.methods[methodId];
    if (method !== undefined && !method.oneWay) throw violation('a one-way call of a method that answers');
    if (this.#admit(method, flags) === undefined) this.#run(method!, flags, args, 0, undefined);
  }

  /** The caller gave up. Throws PROTOCOL_ERROR when that is less protected than its call was. */
  cancel(flags: number, id: number): void {
    const running = this.#owed.get(id);
    if (running === undefined) return;
    if (!satisfies(flags, running.flags))
      throw violation('a cancellation with less protection than its call');
    this.#forget(running);
    running.abort.abort(new SealwireError('CANCELLED', 'the caller cancelled the call'));
  }

  /** Calls from now on are refused with UNAVAILABLE; those that run go on. */
  drain(): void {
    this.#draining = true;
  }

  /** The connection has ended: methods see their signal, nobody gets an answer. */
  close(cause: SealwireError): void {
    this.#closed = true;
    for (const running of this.#running) {
      this.#forget(running);
      running.abort.abort(cause);
    }
  }

  #admit(method: ServedMethod | undefined, flags: number): SealwireError | undefined {
    const { allowed, limits, peer, observer } = this.#options;
    let refusal: SealwireError | undefined;
    if (method === undefined) {
      refusal = new SealwireError('UNIMPLEMENTED', 'there is no such method');
    } else if (!satisfies(flags, method.security) || !isAllowed(flags, allowed)) {
      // Without the method's name: this answer may go out in the clear, and names never do.
      const least = describeSecurity(method.security);
      refusal = new SealwireError('SECURITY_REQUIRED', `this method must be called with ${least}`);
    } else if (method.requiresIdentity && peer.identity === undefined) {
      refusal = new SealwireError(
        'UNAUTHENTICATED',
        'this method needs a client certificate, or whatever else proves who calls, and this connection has none: set ' +
          "certificate on the calling side, and clientAuthentication to 'optional' or 'required' on the server",
      );
    } else if (this.#draining) {
      refusal = new RpcError('UNAVAILABLE', 'this side is stopping and takes no new calls', {
        reason: 'draining',
      });
    } else if (this.#executing >= limits.maxCallsInFlight) {
      refusal = new SealwireError('RESOURCE_EXHAUSTED', 'too many calls in flight');
    }
    if (refusal !== undefined) observer.refused(peer, method?.fullName ?? 'unknown', refusal.code);
    return refusal;
  }

  /** Runs an admitted call. Without an id nothing is answered. */
  #run(
    method: ServedMethod,
    flags: number,
    args: readonly unknown[],
    timeoutMs: number,
    id: number | undefined,
  ): void {
    const { clock, peer } = this.#options;
    const abort = new AbortController();
    const patienceMs = this.#patience(method, timeoutMs);
    const stopTimer = clock.setTimer(patienceMs, () => {
      const late = new SealwireError('DEADLINE_EXCEEDED', `the method took more than ${patienceMs} ms`);
      if (this.#forget(running)) this.#answerError(running, late);
      abort.abort(late);
    });
    const running: Running = { id, flags, abort, stopTimer };
    this.#running.add(running);
    if (id !== undefined) this.#owed.set(id, running);
    this.#executing += 1;

    const succeed = (value: unknown) => {
      this.#executing -= 1;
      if (this.#forget(running)) this.#answerResult(method, running, value);
    };
    const fail = (error: unknown) => {
      this.#executing -= 1;
      const known = this.#explain(method, error);
      if (this.#forget(running)) this.#answerError(running, known);
    };

    const deadline = new Date(clock.date().getTime() + patienceMs);
    // Whoever is on the path can make a call without a tag, and is nobody.
    const identity = satisfies(flags, Security.Authenticated) ? peer.identity : undefined;
    const context = { client: peer, identity, security: flags, signal: abort.signal, deadline };
    let returned: unknown;
    try {
      returned = runInContext(context, () => method.invoke(args));
      if (isThenable(returned)) {
        // A promise of our own around a foreign thenable: it settles once, and what its `then` throws is a rejection.
        void Promise.resolve(returned).then(succeed, fail);
        return;
      }
    } catch (error) {
      fail(error);
      return;
    }
    succeed(returned);
  }

  #patience(method: ServedMethod, timeoutMs: number): number {
    const { maxCallMs } = this.#options.limits;
    const own = Math.min(method.timeoutMs ?? maxCallMs, maxCallMs);
    return timeoutMs === 0 ? own : Math.min(timeoutMs, own);
  }

  /** What the caller learns of what a method threw: all of an RpcError, nothing of anything else. */
  #explain(method: ServedMethod, error: unknown): SealwireError {
    if (error instanceof PermissionDenied) {
      this.#options.observer.refused(this.#options.peer, method.fullName, error.code);
      return error;
    }
    const told = error instanceof RpcError && hasValidCode(error) && !method.oneWay;
    if (told) return error;
    this.#options.observer.failed(this.#options.peer, method.fullName, error);
    return new SealwireError('INTERNAL', 'the method failed');
  }

  /** The call is over. False when it was before: it was cancelled, timed out or lost its connection. */
  #forget(running: Running): boolean {
    running.stopTimer();
    if (running.id !== undefined) this.#owed.delete(running.id);
    return this.#running.delete(running);
  }

  #answerResult(method: ServedMethod, to: Answerable, value: unknown): void {
    if (to.id === undefined) return;
    let message: Uint8Array;
    try {
      message = encodeResult(to.id, value, this.#options.limits);
    } catch (error) {
      // The method returned what cannot be sent: its author must know, the caller need not.
      this.#answerError(to, this.#explain(method, error));
      return;
    }
    this.#send(to.id, to.flags, message);
  }

  #answerError({ id, flags }: Answerable, error: SealwireError): void {
    if (id === undefined) return;
    const { limits } = this.#options;
    const data = error instanceof RpcError ? error.data : undefined;
    // JavaScript may have put anything there; the caller would hang up on a message that is no text.
    const text: unknown = error.message;
    let message: Uint8Array | undefined;
    try {
      if (typeof text === 'string') message = encodeError(id, error.code, text, data, limits);
    } catch {
      // The code alone, then.
    }
    message ??= encodeError(id, error.code, 'the details of this error cannot be sent', undefined, limits);
    this.#send(id, flags, message);
  }

  /** Never throws: it runs where nobody would catch it. */
  #send(id: number, flags: number, message: Uint8Array): void {
    if (this.#closed) return;
    const { send, fail, limits } = this.#options;
    try {
      send(flags, message);
    } catch (cause) {
      const reason = cause instanceof SealwireError ? cause.reason : undefined;
      if (reason === 'message-size') {
        const text = 'the answer is larger than the caller accepts';
        this.#send(id, flags, encodeError(id, 'RESOURCE_EXHAUSTED', text, undefined, limits));
      } else if (reason === 'send-buffer') {
        fail(new SealwireError('LIMIT_EXCEEDED', 'the peer does not read its answers', { cause }));
      } else {
        fail(new SealwireError('INTERNAL', 'an answer could not be sent', { cause }));
      }
    }
  }
}

type Answerable = Pick<Running, 'id' | 'flags'>;

function hasValidCode({ code }: { readonly code: unknown }): boolean {
  return typeof code === 'string' && isErrorCode(code);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof (value as PromiseLike<unknown>).then === 'function';
}

function violation(what: string): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', `the peer sent ${what}`);
}
