// The serving side: a call is admitted (admission.ts), run in its context, and answered (answers.ts) under the flags that it
// came with.
//
//   called as it is declared, or the peer is out ─ admitted ─ run, until its deadline ─ answered: result, or error
//
// A method that streams is answered item by item, an argument that is streamed comes behind its call (docs/protocol.md
// section 9.1): the two ends of streams are in files of their own, what they mean to a call is here.
//
// Arguments are data of the peer: the method is found by number, and called with them as they were decoded. They are decoded
// once the call is admitted, and no sooner.

import { longestTimerMs } from '../base/clock.js';
import { RpcError, SealwireError } from '../base/errors.js';
import { IdMap } from '../base/id-map.js';
import { Security, satisfies } from '../contract/security.js';
import {
  type CallExtras,
  type CallFields,
  type ErrorFields,
  encodeArgumentStop,
  encodeCredit,
  encodeEnd,
  encodeItem,
  type NotifyFields,
} from '../wire/call-message.js';
import { Admission, type AdmissionOptions, type Load } from './admission.js';
import { Answers, type AnswersOptions, isTooLarge, tooLarge } from './answers.js';
import { type CallContext, frozenMetadata, runInContext } from './call-context.js';
import { CallTimer } from './call-timer.js';
import { IncomingStream } from './incoming-stream.js';
import { invokeIntercepted } from './intercepted-method.js';
import { Interceptors } from './interceptor.js';
import { type Outgoing, trySend } from './outgoing.js';
import { OutgoingStream } from './outgoing-stream.js';
import type { ServedMethod } from './registry.js';
import { ServedCall, ServedContext } from './served-call.js';
import { isAsyncIterable } from './streamed-argument.js';
import { isThenable } from './thenable.js';
import { violation } from './violation.js';

export interface DispatcherOptions extends Outgoing, AdmissionOptions, AnswersOptions {
  readonly methods: readonly ServedMethod[];
  /** Around the calls that are admitted. */
  readonly interceptors?: Pick<Interceptors, 'incoming'> | undefined;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** Calls that outlast the turn in which they came and are not over. Most methods return at once, and cost nothing here. */
  readonly #running = new IdMap<ServedCall>();
  /** One-way calls have no id; they are counted down. */
  #lastOneWay = 0;
  /** The call whose method is being entered. */
  #entered: ServedCall | undefined;
  readonly #timer: CallTimer<ServedCall>;
  /** Ids only rise, so a repeated call is noticed even where nothing else protects it. */
  #lastId = 0;
  readonly #load: Load = { executing: 0, streams: 0 };
  readonly #admission: Admission;
  readonly #answers: Answers;
  readonly #interceptors: Pick<Interceptors, 'incoming'>;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#interceptors = options.interceptors ?? new Interceptors();
    this.#admission = new Admission(options, this.#load);
    this.#answers = new Answers(options);
    this.#timer = new CallTimer(options.clock, this.#running, (call) => this.#expire(call));
  }

  get callsInFlight(): number {
    return this.#load.executing;
  }

  /** Streams that are served, results and arguments. */
  get streams(): number {
    return this.#load.streams;
  }

  call(flags: number, call: CallFields): void {
    const { id } = call;
    if (id <= this.#lastId) throw violation('a call whose id is not larger than the last');
    this.#lastId = id;
    const method = this.#options.methods[call.method];
    if (method?.oneWay) throw violation('a call of a one-way method');
    const streams = call.streamArgument !== undefined;
    const refusal = this.#admission.refusal(method, flags, streams, call.bytes ?? 0);
    if (refusal?.action === 'refuse') this.#answers.refuse({ id, flags, channel: call.channel }, refusal);
    if (refusal === undefined) this.#run(method!, flags, call.args, call.timeoutMs, id, call);
  }

  notify(flags: number, notify: NotifyFields): void {
    const method = this.#options.methods[notify.method];
    if (method !== undefined && !method.oneWay) throw violation('a one-way call of a method that answers');
    if (this.#admission.refusal(method, flags, false, notify.bytes ?? 0) === undefined) {
      this.#run(method!, flags, notify.args, 0, --this.#lastOneWay, notify);
    }
  }

  /** The caller gave up. Throws PROTOCOL_ERROR when that is less protected than its call was. */
  cancel(flags: number, id: number): void {
    const running = this.#find(flags, id, 'a cancellation', 0);
    if (running !== undefined)
      this.#abandon(running, new SealwireError('CANCELLED', 'the caller cancelled the call'));
  }

  /** The caller has taken items of the result. */
  credit(flags: number, id: number, bytes: number): void {
    const running = this.#find(flags, id, 'credit', 0);
    if (running === undefined) return;
    if (running.result === undefined) throw violation('credit for a result that is no stream');
    running.result.giveBack(bytes);
  }

  /** An item of the argument came. */
  argumentItem(flags: number, id: number, value: unknown, bytes: number): void {
    this.#findArgument(flags, id, bytes)?.item(value, bytes);
  }

  /** The argument has come to its end, or making its items failed. */
  argumentEnd(flags: number, id: number, error: ErrorFields | undefined): void {
    this.#findArgument(flags, id, 0)?.end(
      error && { error: new RpcError(error.code, error.message, error.data) },
    );
  }

  /** Calls from now on are refused with UNAVAILABLE; those that run go on. */
  drain(): void {
    this.#admission.drain();
  }

  /** The connection has ended: methods see their signal, nobody gets an answer. */
  close(cause: SealwireError): void {
    this.#answers.close();
    this.#timer.stop();
    if (this.#entered !== undefined) this.#abandon(this.#entered, cause);
    for (const running of this.#running.values()) this.#abandon(running, cause);
  }

  /**
   * Undefined when the call is over: what comes for it has crossed its end on the way, or there never was one. Throws
   * PROTOCOL_ERROR for what is less protected than its call.
   */
  #find(flags: number, id: number, what: string, bytes: number): ServedCall | undefined {
    const running = this.#running.get(id);
    if (running === undefined) this.#options.guard.stray(bytes);
    if (running !== undefined && !satisfies(flags, running.flags))
      throw violation(`${what} with less protection than its call`);
    return running;
  }

  #findArgument(flags: number, id: number, bytes: number): IncomingStream | undefined {
    const running = this.#find(flags, id, 'an argument', bytes);
    if (running === undefined) return undefined;
    if (running.argument === undefined) throw violation('an item of an argument that is no stream');
    if (running.argument.hasEnded) throw violation('an item behind the end of its stream');
    return running.argument;
  }

  /** Runs an admitted call. */
  #run(
    method: ServedMethod,
    flags: number,
    args: readonly unknown[],
    timeoutMs: number,
    key: number,
    extras: CallExtras,
  ): void {
    const { clock, peer } = this.#options;
    const { streamArgument } = extras;
    const channel = method.channel ?? extras.channel;
    const patienceMs = this.#patience(method, timeoutMs, method.stream || streamArgument !== undefined);
    const call = new ServedCall(key, flags, channel, patienceMs, this.#timer.dueIn(patienceMs));
    if (streamArgument !== undefined) call.argument = this.#receiveArgument(call);
    this.#load.executing += 1;
    this.#load.streams += Number(method.stream) + Number(call.argument !== undefined);

    // Whoever is on the path can make a call without a tag, and is nobody.
    const identity = satisfies(flags, Security.Authenticated) ? peer.identity : undefined;
    const context = new ServedContext(call, peer, identity, frozenMetadata(extras.metadata), clock);
    const given = streamArgument === undefined ? args : args.with(streamArgument, call.argument);
    let returned: unknown;
    this.#entered = call;
    try {
      const { incoming } = this.#interceptors;
      returned =
        incoming.length === 0 || method.isReserved
          ? runInContext(context, () => method.invoke(given))
          : invokeIntercepted({
              interceptors: incoming,
              method,
              context,
              args: given,
              outlived: (until) => this.#outlived(call, until),
            });
      if (isThenable(returned)) {
        this.#watch(call);
        // A promise of our own around a foreign thenable: it settles once, and what its `then` throws is a rejection.
        void Promise.resolve(returned).then(
          (value: unknown) => this.#returned(method, call, context, value),
          (error: unknown) => this.#threw(method, call, error),
        );
        return;
      }
    } catch (error) {
      this.#threw(method, call, error);
      return;
    } finally {
      this.#entered = undefined;
    }
    this.#returned(method, call, context, returned);
  }

  /** It outlasts the turn in which it came: only now can it be cancelled, or meet its deadline. */
  #watch(call: ServedCall): void {
    if (call.isOver) return;
    this.#running.set(call.key, call);
    this.#timer.added(call);
  }

  #returned(method: ServedMethod, call: ServedCall, context: CallContext, value: unknown): void {
    if (method.stream) {
      this.#answerStream(method, call, context, value);
      return;
    }
    this.#load.executing -= 1;
    if (this.#forget(call)) this.#answers.result(method, call, value);
  }

  #threw(method: ServedMethod, call: ServedCall, error: unknown): void {
    this.#load.executing -= 1;
    this.#load.streams -= Number(method.stream);
    this.#answerFailure(method, call, error);
  }

  /** An interceptor has answered in the place of a method, which is still at work and counts until it is not. */
  #outlived(call: ServedCall, until: Promise<unknown>): void {
    this.#load.executing += 1;
    const finished = (): void => {
      this.#load.executing -= 1;
    };
    until.then(finished, finished);
    call.abort(new SealwireError('CANCELLED', 'the call was answered without its method'));
  }

  #receiveArgument(call: ServedCall): IncomingStream {
    const { id } = call;
    const say = (encode: (id: number) => Uint8Array) => {
      if (id !== undefined && !call.isOver) this.#answers.say(call, encode(id));
    };
    return new IncomingStream({
      giveBack: (bytes) => say((id) => encodeCredit('argumentCredit', id, bytes)),
      stop: () => say(encodeArgumentStop),
    });
  }

  /** What a streaming method has returned is driven as the caller takes its items. */
  #answerStream(method: ServedMethod, call: ServedCall, context: CallContext, items: unknown): void {
    const { flags, channel } = call;
    const { limits, clock } = this.#options;
    const id = call.id!;
    const enter = <Result>(step: () => Result): Result => runInContext(context, step);
    let iterator: AsyncIterator<unknown>;
    try {
      if (!isAsyncIterable(items))
        throw new TypeError(`${method.fullName} is declared as a stream and returned none`);
      iterator = enter(() => items[Symbol.asyncIterator]());
    } catch (error) {
      this.#load.executing -= 1;
      this.#load.streams -= 1;
      this.#answerFailure(method, call, error);
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
          if (this.#forget(call)) this.#answers.say({ id, flags, channel }, encodeEnd(id));
        },
        failed: (error) => this.#answerFailure(method, call, error),
        unsendable: (error) => {
          if (isTooLarge(error)) {
            if (this.#forget(call)) this.#answers.error(call, tooLarge('an item'));
          } else this.#answerFailure(method, call, error);
        },
        cleanupFailed: (error) => void this.#answers.report(method, error),
        finished: () => {
          this.#load.executing -= 1;
          this.#load.streams -= 1;
        },
      },
      clock,
    );
    call.result = stream;
    // The call may have ended while the method made up its mind: then the iterator's return() is all that runs.
    if (call.isOver) stream.stop();
    else this.#watch(call);
    stream.start();
  }

  /** Infinity: no time limit, for streams that have none of their own. */
  #patience(method: ServedMethod, timeoutMs: number, streams: boolean): number {
    let patienceMs = streams ? Number.POSITIVE_INFINITY : this.#options.limits.maxCallMs;
    if (method.timeoutMs !== undefined) patienceMs = Math.min(patienceMs, method.timeoutMs);
    if (timeoutMs > 0) patienceMs = Math.min(patienceMs, timeoutMs);
    return patienceMs === Number.POSITIVE_INFINITY ? patienceMs : Math.min(patienceMs, longestTimerMs);
  }

  #answerFailure(method: ServedMethod, call: ServedCall, error: unknown): void {
    const asTold = call.endedBy !== undefined && isBecauseOf(call.endedBy, error);
    const known = asTold ? undefined : this.#answers.explain(method, error);
    if (this.#forget(call) && known !== undefined) this.#answers.error(call, known);
  }

  #expire(call: ServedCall): void {
    const late = new SealwireError('DEADLINE_EXCEEDED', `the method took more than ${call.patienceMs} ms`);
    if (this.#abandon(call, late)) this.#answers.error(call, late);
  }

  /** The call ends before its method does. False when it had ended before. */
  #abandon(call: ServedCall, why: SealwireError): boolean {
    if (call.isOver) return false;
    call.abort(why);
    call.argument?.abort(why);
    return this.#forget(call);
  }

  /** The call is over. False when it was before: it was cancelled, timed out or lost its connection. */
  #forget(call: ServedCall): boolean {
    if (call.isOver) return false;
    call.isOver = true;
    this.#running.delete(call.key);
    this.#options.guard.crossing(call.argument?.hasEnded === false ? call.argument.credit : 0);
    if (call.argument !== undefined) {
      this.#load.streams -= 1;
      call.argument.abort(new SealwireError('CANCELLED', 'the call is over, and with it its argument'));
    }
    call.result?.stop();
    return true;
  }
}

/**
 * A method that ends by the reason for which it was told to end has not failed. It throws that itself, as fetch() does, or
 * what Node's own functions make of it: an AbortError with the reason for a cause.
 */
function isBecauseOf(reason: SealwireError, error: unknown): boolean {
  if (error === reason) return true;
  return error instanceof Error && error.name === 'AbortError' && error.cause === reason;
}
