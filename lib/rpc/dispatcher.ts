// The serving side: a call is admitted, run in its context, and answered under the flags that it came with.
//
//   1. the method exists          UNIMPLEMENTED        4. there is room        RESOURCE_EXHAUSTED
//   2. its flags are enough       SECURITY_REQUIRED    5. run, until deadline  DEADLINE_EXCEEDED
//   3. called as it is declared   or the peer is out   6. answer: result, or error
//
// The receiver enforces the flags, by what the record really had and never by what it claims. Arguments are data of the
// peer: the method is found by number, and called with them as they were decoded.

import type { Clock } from '../base/clock.js';
import { RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { describeSecurity, satisfies } from '../contract/security.js';
import { encodeError, encodeResult } from '../wire/call-message.js';
import { runInContext } from './call-context.js';
import { isAllowed } from './flags.js';
import type { Peer } from './peer.js';
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
  /** A method threw something that the caller sees as a bare INTERNAL. */
  failed(peer: Peer, method: string, error: unknown): void;
  /** A call was not run. */
  refused(peer: Peer, method: string, code: string): void;
}

interface Running {
  readonly flags: number;
  readonly abort: AbortController;
  readonly release: () => void;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** Calls that are owed an answer, by the peer's id. */
  readonly #running = new Map<number, Running>();
  /** Ids only rise, so a repeated call is noticed even where nothing else protects it. */
  #lastId = 0;
  /** Methods that have not returned yet, answered or not, one-way or not. */
  #executing = 0;
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
    if (refusal !== undefined) this.#answerError(id, flags, refusal);
    else this.#run(method!, flags, args, timeoutMs, id);
  }

  notify(flags: number, methodId: number, args: readonly unknown[]): void {
    const method = this.#options.methods[methodId];
    if (method !== undefined && !method.oneWay) throw violation('a one-way call of a method that answers');
    if (this.#admit(method, flags) === undefined) this.#run(method!, flags, args, 0, undefined);
  }

  /** The caller gave up. Throws PROTOCOL_ERROR when that is less protected than its call was. */
  cancel(flags: number, id: number): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    if (!satisfies(flags, running.flags))
      throw violation('a cancellation with less protection than its call');
    this.#forget(id, running);
    running.abort.abort(new SealwireError('CANCELLED', 'the caller cancelled the call'));
  }

  /** The connection has ended: methods see their signal, nobody gets an answer. */
  close(cause: SealwireError): void {
    this.#closed = true;
    for (const [id, running] of this.#running) {
      this.#forget(id, running);
      running.abort.abort(cause);
    }
  }

  #admit(method: ServedMethod | undefined, flags: number): SealwireError | undefined {
    const { allowed, limits, peer, observer } = this.#options;
    let refusal: SealwireError | undefined;
    if (method === undefined) {
      refusal = new SealwireError('UNIMPLEMENTED', 'there is no such method');
    } else if (!satisfies(flags, method.security) || !isAllowed(flags, allowed)) {
      refusal = new SealwireError(
        'SECURITY_REQUIRED',
        `${method.fullName} must be called with ${describeSecurity(method.security)}`,
      );
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
      const late = new SealwireError(
        'DEADLINE_EXCEEDED',
        `${method.fullName} took more than ${patienceMs} ms`,
      );
      if (id !== undefined) this.#finish(id, running, () => this.#answerError(id, flags, late));
      abort.abort(late);
    });
    const running: Running = { flags, abort, release: stopTimer };
    if (id !== undefined) this.#running.set(id, running);
    this.#executing += 1;

    const done = () => {
      this.#executing -= 1;
      stopTimer();
    };
    const succeed = (value: unknown) => {
      done();
      if (id !== undefined) this.#finish(id, running, () => this.#answerResult(method, id, flags, value));
    };
    const fail = (error: unknown) => {
      done();
      const known = this.#explain(method, error);
      if (id !== undefined) this.#finish(id, running, () => this.#answerError(id, flags, known));
    };

    const deadline = new Date(clock.date().getTime() + patienceMs);
    const context = { client: peer, security: flags, signal: abort.signal, deadline };
    let returned: unknown;
    try {
      returned = runInContext(context, () => method.invoke(args));
    } catch (error) {
      fail(error);
      return;
    }
    if (isThenable(returned)) returned.then(succeed, fail);
    else succeed(returned);
  }

  #patience(method: ServedMethod, timeoutMs: number): number {
    const { maxCallMs } = this.#options.limits;
    const own = Math.min(method.timeoutMs ?? maxCallMs, maxCallMs);
    return timeoutMs === 0 ? own : Math.min(timeoutMs, own);
  }

  /** What the caller learns of what a method threw: all of an RpcError, nothing of anything else. */
  #explain(method: ServedMethod, error: unknown): SealwireError {
    if (error instanceof RpcError) return error;
    this.#options.observer.failed(this.#options.peer, method.fullName, error);
    return new SealwireError('INTERNAL', 'the method failed');
  }

  /** Answers unless the call was cancelled, timed out or lost its connection before. */
  #finish(id: number, running: Running, answer: () => void): void {
    if (this.#running.get(id) !== running) return;
    this.#forget(id, running);
    answer();
  }

  #forget(id: number, running: Running): void {
    this.#running.delete(id);
    running.release();
  }

  #answerResult(method: ServedMethod, id: number, flags: number, value: unknown): void {
    let message: Uint8Array;
    try {
      message = encodeResult(id, value, this.#options.limits);
    } catch (error) {
      // The method returned what cannot be sent: its author must know, the caller need not.
      this.#answerError(id, flags, this.#explain(method, error));
      return;
    }
    this.#send(flags, message, id);
  }

  #answerError(id: number, flags: number, error: SealwireError): void {
    const data = error instanceof RpcError ? error.data : undefined;
    let message: Uint8Array;
    try {
      message = encodeError(id, error.code, error.message, data, this.#options.limits);
    } catch {
      message = encodeError(
        id,
        error.code,
        'the details of this error cannot be sent',
        undefined,
        this.#options.limits,
      );
    }
    this.#send(flags, message, id);
  }

  #send(flags: number, message: Uint8Array, id: number): void {
    if (this.#closed) return;
    const { send, fail, limits } = this.#options;
    try {
      send(flags, message);
    } catch (error) {
      if (!(error instanceof SealwireError)) throw error;
      if (error.reason === 'message-size') {
        send(
          flags,
          encodeError(
            id,
            'RESOURCE_EXHAUSTED',
            'the answer is larger than the caller accepts',
            undefined,
            limits,
          ),
        );
      } else {
        fail(new SealwireError('LIMIT_EXCEEDED', 'the peer does not read its answers', { cause: error }));
      }
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  );
}

function violation(what: string): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', `the peer sent ${what}`);
}
