// The serving side: a call is admitted, run in its context, and answered under the flags that it came with.
//
//   1. called as it is declared   or the peer is out   5. there is room        RESOURCE_EXHAUSTED
//   2. the method exists          UNIMPLEMENTED        6. run, until deadline  DEADLINE_EXCEEDED
//   3. its flags are enough       SECURITY_REQUIRED    7. answer: result, or error
//   4. the caller is known        UNAUTHENTICATED
//
// A method that streams is answered item by item, an argument that is streamed comes behind its call (docs/protocol.md
// section 9.1): the two ends of streams are in files of their own, what they mean to a call is here.
//
// The receiver enforces the flags, by what the record really had and never by what it claims. Arguments are data of the
// peer: the method is found by number, and called with them as they were decoded.

import type { Clock, StopTimer } from '../base/clock.js';
import { isErrorCode, RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { describeSecurity, Security, satisfies } from '../contract/security.js';
import {
  type CallExtras,
  type ErrorFields,
  encodeArgumentStop,
  encodeCredit,
  encodeEnd,
  encodeError,
  encodeItem,
  encodeResult,
} from '../wire/call-message.js';
import type { Metadata } from '../wire/call-metadata.js';
import { type CallContext, frozenMetadata, runInContext } from './call-context.js';
import { isAllowed } from './flags.js';
import { incidentMessage, newIncident } from './incident.js';
import { IncomingStream } from './incoming-stream.js';
import { InvalidArgument } from './invalid-argument.js';
import { type Outgoing, trySend } from './outgoing.js';
import { OutgoingStream } from './outgoing-stream.js';
import type { Peer } from './peer.js';
import { PermissionDenied } from './permission.js';
import { type RateExceeded, RateLimiter } from './rate-limit.js';
import type { ServedMethod } from './registry.js';
import { isAsyncIterable } from './streamed-argument.js';

export interface DispatcherOptions extends Outgoing {
  readonly peer: Peer;
  readonly methods: readonly ServedMethod[];
  readonly limits: Limits;
  readonly clock: Clock;
  /** The peer does not read its answers. */
  fail(error: SealwireError): void;
  readonly observer: CallObserver;
}

/** What happens to calls, for those who run the server. Arguments and results are not told. */
export interface CallObserver {
  /**
   * A method threw something that the caller sees as a bare INTERNAL, or not at all since the call was one-way.
   * `incident` stands in the caller's message, too.
   */
  failed(peer: Peer, method: string, error: unknown, incident: string): void;
  /** A call was not run. */
  refused(peer: Peer, method: string, code: string): void;
}

/** The longest delay that setTimeout can measure. */
const longestTimerMs = 2 ** 31 - 1;

interface Running {
  /** Undefined for a one-way call: nobody waits for its answer. */
  readonly id: number | undefined;
  readonly flags: number;
  readonly channel: string | undefined;
  readonly abort: AbortController;
  readonly stopTimer: StopTimer;
  /** The argument that is streamed, if one is. */
  readonly argument: IncomingStream | undefined;
  /** The answer of a method that streams, once it has returned it. */
  result: OutgoingStream | undefined;
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
  /** Streams of both kinds: results until nothing of them runs, arguments until their call is over. */
  #streams = 0;
  readonly #rates: RateLimiter;
  #draining = false;
  #closed = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#rates = new RateLimiter(options.clock);
  }

  get callsInFlight(): number {
    return this.#executing;
  }

  /** Streams that are served, results and arguments. */
  get streams(): number {
    return this.#streams;
  }

  call(
    flags: number,
    id: number,
    methodId: number,
    args: readonly unknown[],
    timeoutMs: number,
    extras: CallExtras = {},
  ): void {
    if (id <= this.#lastId) throw violation('a call whose id is not larger than the last');
    this.#lastId = id;
    const method = this.#options.methods[methodId];
    if (method?.oneWay) throw violation('a call of a one-way method');
    const refusal = this.#admit(method, flags, extras.streamArgument !== undefined);
    if (refusal !== undefined) this.#answerError({ id, flags, channel: extras.channel }, refusal);
    else this.#run(method!, flags, args, timeoutMs, id, extras);
  }

  notify(flags: number, methodId: number, args: readonly unknown[], metadata?: Metadata): void {
    const method = this.#options.methods[methodId];
    if (method !== undefined && !method.oneWay) throw violation('a one-way call of a method that answers');
    if (this.#admit(method, flags, false) === undefined) {
      this.#run(method!, flags, args, 0, undefined, metadata === undefined ? {} : { metadata });
    }
  }

  /** The caller gave up. Throws PROTOCOL_ERROR when that is less protected than its call was. */
  cancel(flags: number, id: number): void {
    const running = this.#find(flags, id, 'a cancellation');
    if (running !== undefined)
      this.#abandon(running, new SealwireError('CANCELLED', 'the caller cancelled the call'));
  }

  /** The caller has taken items of the result. */
  credit(flags: number, id: number, bytes: number): void {
    const running = this.#find(flags, id, 'credit');
    if (running === undefined) return;
    if (running.result === undefined) throw violation('credit for a result that is no stream');
    running.result.giveBack(bytes);
  }

  /** An item of the argument came. */
  argumentItem(flags: number, id: number, value: unknown, bytes: number): void {
    this.#findArgument(flags, id)?.item(value, bytes);
  }

  /** The argument has come to its end, or making its items failed. */
  argumentEnd(flags: number, id: number, error: ErrorFields | undefined): void {
    this.#findArgument(flags, id)?.end(
      error && { error: new RpcError(error.code, error.message, error.data) },
    );
  }

  /** Calls from now on are refused with UNAVAILABLE; those that run go on. */
  drain(): void {
    this.#draining = true;
  }

  /** The connection has ended: methods see their signal, nobody gets an answer. */
  close(cause: SealwireError): void {
    this.#closed = true;
    for (const running of [...this.#running]) this.#abandon(running, cause);
  }

  /** Undefined when the call is over. Throws PROTOCOL_ERROR for what is less protected than its call. */
  #find(flags: number, id: number, what: string): Running | undefined {
    const running = this.#owed.get(id);
    if (running !== undefined && !satisfies(flags, running.flags))
      throw violation(`${what} with less protection than its call`);
    return running;
  }

  #findArgument(flags: number, id: number): IncomingStream | undefined {
    const running = this.#find(flags, id, 'an argument');
    if (running === undefined) return undefined;
    if (running.argument === undefined) throw violation('an item of an argument that is no stream');
    if (running.argument.hasEnded) throw violation('an item behind the end of its stream');
    return running.argument;
  }

  #admit(
    method: ServedMethod | undefined,
    flags: number,
    streamsArgument: boolean,
  ): SealwireError | undefined {
    const { allowed, peer, observer } = this.#options;
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
    } else {
      refusal = this.#admitRate(method) ?? this.#admitLoad(method, streamsArgument);
    }
    if (refusal !== undefined) observer.refused(peer, method?.fullName ?? 'unknown', refusal.code);
    return refusal;
  }

  /** Once for each call that is protected as it must be: others could use up what is the caller's. */
  #admitRate(method: ServedMethod): RateExceeded | undefined {
    const excess = this.#rates.admit(method, method.rateLimit);
    if (excess?.outcome === 'disconnect') {
      this.#options.fail(new SealwireError('LIMIT_EXCEEDED', `the peer calls ${method.fullName} too often`));
    }
    return excess;
  }

  #admitLoad(method: ServedMethod, streamsArgument: boolean): SealwireError | undefined {
    const { limits } = this.#options;
    if (this.#executing >= limits.maxCallsInFlight) {
      return new SealwireError('RESOURCE_EXHAUSTED', 'too many calls in flight');
    }
    if (this.#streams + Number(method.stream) + Number(streamsArgument) > limits.maxStreams) {
      return new SealwireError('RESOURCE_EXHAUSTED', 'too many streams at once');
    }
    return undefined;
  }

  /** Runs an admitted call. Without an id nothing is answered. */
  #run(
    method: ServedMethod,
    flags: number,
    args: readonly unknown[],
    timeoutMs: number,
    id: number | undefined,
    extras: CallExtras,
  ): void {
    const { clock, peer } = this.#options;
    const { streamArgument } = extras;
    const channel = method.channel ?? extras.channel;
    const abort = new AbortController();
    const patienceMs = this.#patience(method, timeoutMs, method.stream || streamArgument !== undefined);
    const stopTimer =
      patienceMs === undefined
        ? () => undefined
        : clock.setTimer(patienceMs, () => {
            const late = new SealwireError('DEADLINE_EXCEEDED', `the method took more than ${patienceMs} ms`);
            if (this.#abandon(running, late)) this.#answerError(running, late);
          });
    const argument: IncomingStream | undefined =
      streamArgument === undefined ? undefined : this.#receiveArgument(() => running);
    const running: Running = { id, flags, channel, abort, stopTimer, argument, result: undefined };
    this.#running.add(running);
    if (id !== undefined) this.#owed.set(id, running);
    this.#executing += 1;
    this.#streams += Number(method.stream) + Number(argument !== undefined);

    // Whoever is on the path can make a call without a tag, and is nobody.
    const identity = satisfies(flags, Security.Authenticated) ? peer.identity : undefined;
    const context: CallContext = {
      client: peer,
      identity,
      security: flags,
      metadata: frozenMetadata(extras.metadata),
      signal: abort.signal,
      deadline: patienceMs === undefined ? undefined : new Date(clock.date().getTime() + patienceMs),
    };
    const succeed = method.stream
      ? (items: unknown) => this.#answerStream(method, running, context, items)
      : (value: unknown) => {
          this.#executing -= 1;
          if (this.#forget(running)) this.#answerResult(method, running, value);
        };
    const fail = (error: unknown) => {
      this.#executing -= 1;
      this.#streams -= Number(method.stream);
      this.#answerFailure(method, running, error);
    };
    const given = argument === undefined ? args : args.with(streamArgument!, argument);
    let returned: unknown;
    try {
      returned = runInContext(context, () => method.invoke(given));
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

  #receiveArgument(running: () => Running): IncomingStream {
    const say = (encode: (id: number) => Uint8Array) => {
      const { id, flags, channel } = running();
      if (id !== undefined && this.#running.has(running())) this.#send({ id, flags, channel }, encode(id));
    };
    return new IncomingStream({
      giveBack: (bytes) => say((id) => encodeCredit('argumentCredit', id, bytes)),
      stop: () => say(encodeArgumentStop),
    });
  }

  /** What a streaming method has returned is driven as the caller takes its items. */
  #answerStream(method: ServedMethod, running: Running, context: CallContext, items: unknown): void {
    const { flags, channel } = running;
    const { limits, clock } = this.#options;
    const id = running.id!;
    const enter = <Result>(step: () => Result): Result => runInContext(context, step);
    let iterator: AsyncIterator<unknown>;
    try {
      if (!isAsyncIterable(items))
        throw new TypeError(`${method.fullName} is declared as a stream and returned none`);
      iterator = enter(() => items[Symbol.asyncIterator]());
    } catch (error) {
      this.#executing -= 1;
      this.#streams -= 1;
      this.#answerFailure(method, running, error);
      return;
    }
    const stream = new OutgoingStream(
      iterator,
      {
        encode: (value) => encodeItem('item', id, value, limits),
        send: (message) => trySend(this.#options, flags, message, channel),
        room: () => this.#options.room?.(),
        enter,
        ended: () => {
          if (this.#forget(running)) this.#send({ id, flags, channel }, encodeEnd(id));
        },
        failed: (error) => this.#answerFailure(method, running, error),
        unsendable: (error) => {
          if (isTooLarge(error)) {
            if (this.#forget(running)) this.#answerError(running, tooLarge('an item'));
          } else this.#answerFailure(method, running, error);
        },
        cleanupFailed: (error) => void this.#report(method, error),
        finished: () => {
          this.#executing -= 1;
          this.#streams -= 1;
        },
      },
      clock,
    );
    running.result = stream;
    // The call may have ended while the method made up its mind: then the iterator's return() is all that runs.
    if (!this.#running.has(running)) stream.stop();
    stream.start();
  }

  /** Undefined: no time limit, for streams that have none of their own. */
  #patience(method: ServedMethod, timeoutMs: number, streams: boolean): number | undefined {
    const { maxCallMs } = this.#options.limits;
    const limitsMs = [method.timeoutMs, timeoutMs || undefined, streams ? undefined : maxCallMs];
    const given = limitsMs.filter((ms) => ms !== undefined);
    return given.length === 0 ? undefined : Math.min(...given, longestTimerMs);
  }

  #answerFailure(method: ServedMethod, running: Running, error: unknown): void {
    // A method that ends by the reason for which it was told to end has not failed.
    const asTold = running.abort.signal.aborted && error === running.abort.signal.reason;
    const known = asTold ? undefined : this.#explain(method, error);
    if (this.#forget(running) && known !== undefined) this.#answerError(running, known);
  }

  /** What the caller learns of what a method threw: all of an RpcError, nothing of anything else. */
  #explain(method: ServedMethod, error: unknown): SealwireError {
    if (error instanceof PermissionDenied || error instanceof InvalidArgument) {
      this.#options.observer.refused(this.#options.peer, method.fullName, error.code);
      return error;
    }
    const told = error instanceof RpcError && hasValidCode(error) && !method.oneWay;
    if (told) return error;
    return new SealwireError('INTERNAL', incidentMessage(this.#report(method, error)));
  }

  /** Tells whoever runs this side; the incident is for the caller. */
  #report({ fullName }: ServedMethod, error: unknown): string {
    const incident = newIncident();
    this.#options.observer.failed(this.#options.peer, fullName, error, incident);
    return incident;
  }

  /** The call ends before its method does. False when it had ended before. */
  #abandon(running: Running, why: SealwireError): boolean {
    if (!this.#running.has(running)) return false;
    running.abort.abort(why);
    running.argument?.abort(why);
    return this.#forget(running);
  }

  /** The call is over. False when it was before: it was cancelled, timed out or lost its connection. */
  #forget(running: Running): boolean {
    if (!this.#running.delete(running)) return false;
    running.stopTimer();
    if (running.id !== undefined) this.#owed.delete(running.id);
    if (running.argument !== undefined) {
      this.#streams -= 1;
      running.argument.abort(new SealwireError('CANCELLED', 'the call is over, and with it its argument'));
    }
    running.result?.stop();
    return true;
  }

  #answerResult(method: ServedMethod, to: Answerable, value: unknown): void {
    if (to.id === undefined) return;
    let message: Uint8Array;
    try {
      if (isAsyncIterable(value))
        throw new TypeError(
          `${method.fullName} returned a stream: declare it as one (async *, or stream: true)`,
        );
      message = encodeResult(to.id, value, this.#options.limits);
    } catch (error) {
      // The method returned what cannot be sent: its author must know, the caller need not.
      this.#answerError(to, this.#explain(method, error));
      return;
    }
    this.#send({ ...to, id: to.id }, message);
  }

  #answerError({ id, flags, channel }: Answerable, error: SealwireError): void {
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
    this.#send({ id, flags, channel }, message);
  }

  /** Never throws: it runs where nobody would catch it. */
  #send(to: Answerable & { readonly id: number }, message: Uint8Array): void {
    if (this.#closed) return;
    const { fail, limits } = this.#options;
    try {
      this.#options.send(to.flags, message, to.channel);
    } catch (cause) {
      const reason = cause instanceof SealwireError ? cause.reason : undefined;
      if (isTooLarge(cause)) {
        const { code, message: text } = tooLarge('the answer');
        this.#send(to, encodeError(to.id, code, text, undefined, limits));
      } else if (reason === 'send-buffer') {
        fail(new SealwireError('LIMIT_EXCEEDED', 'the peer does not read its answers', { cause }));
      } else {
        fail(new SealwireError('INTERNAL', 'an answer could not be sent', { cause }));
      }
    }
  }
}

type Answerable = Pick<Running, 'id' | 'flags' | 'channel'>;

function isTooLarge(error: unknown): boolean {
  return error instanceof SealwireError && error.reason === 'message-size';
}

function tooLarge(what: string): SealwireError {
  return new SealwireError('RESOURCE_EXHAUSTED', `${what} is larger than the caller accepts`);
}

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
