// A call that is made through interceptors:
//
//   invoke ─ planned ─ interceptors ─ next() ─▸ the wire, each time anew ─ answer ─ interceptors ─▸ the caller
//
// One time limit and one end for all of it. When the caller cancels, or time is up, what next() has begun is cancelled and
// fails with that; the interceptors have the rest of the turn to make something of it, and one that hangs is not waited
// for. When the call is over, nothing that it began goes on. A stream comes this way with its first next().

import type { Clock } from '../base/clock.js';
import { RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { metadataFault } from '../wire/call-metadata.js';
import { frozenMetadata } from './call-context.js';
import { type CallOptions, type CallPlan, onceAborted, planCall, timeLeft } from './call-options.js';
import type { RemoteMethod } from './caller.js';
import { checkRaise } from './flags.js';
import { type InterceptedAnswer, type Interceptor, intercept, type OutgoingCall } from './interceptor.js';
import type { Peer } from './peer.js';
import { RemoteStream, type RpcStream } from './remote-stream.js';
import { findStreamedArgument } from './streamed-argument.js';

/** What a call goes through, and what is known of it beforehand. */
export interface Interception {
  /** Those that there were when the call was made. */
  readonly interceptors: readonly Interceptor<OutgoingCall>[];
  readonly method: RemoteMethod;
  readonly peer: Peer;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Calls that are on their way through interceptors, for whoever waits until there are none. */
  readonly load: { intercepted: number };
}

type Send<Answer> = (args: readonly unknown[], options: CallOptions) => Answer;
type Result = IteratorResult<unknown, undefined>;

const done: Result = Object.freeze({ done: true, value: undefined });

/** A call that is answered with a value; `send` makes it, past all interceptors. */
export async function invokeIntercepted(
  interception: Interception,
  args: readonly unknown[],
  options: CallOptions | undefined,
  send: Send<Promise<unknown>>,
): Promise<unknown> {
  const life = new Lifetime(interception, args, planCall(options));
  try {
    return await life.result(life.through((sent, changed) => life.step(send(sent, changed))));
  } finally {
    life.finish();
  }
}

/** The items of a call that is answered with a stream; `open` makes it, past all interceptors. */
export function streamIntercepted(
  interception: Interception,
  args: readonly unknown[],
  options: CallOptions | undefined,
  open: Send<AsyncIterable<unknown>>,
): RpcStream<unknown> {
  const plan = planCall(options);
  return new RemoteStream(() => {
    const life = new Lifetime(interception, args, plan);
    const items = life.through((sent, changed) => limited(open(sent, changed), life));
    return new InterceptedStream(items, life);
  });
}

/** What the caller of a stream holds: its items as the interceptors give them. */
class InterceptedStream {
  readonly #items: AsyncIterator<unknown>;
  readonly #life: Lifetime;
  #left = false;

  constructor(items: InterceptedAnswer, life: Lifetime) {
    this.#items = items[Symbol.asyncIterator]();
    this.#life = life;
  }

  async next(): Promise<Result> {
    if (this.#life.isOver) return done;
    try {
      const step = await this.#life.result(this.#items.next());
      if (!step.done) return step;
    } catch (error) {
      this.#end();
      // Whoever has left is told nothing.
      if (!this.#left) throw error;
    }
    this.#end();
    return done;
  }

  /** Their `finally` runs, and what they have opened is closed, whatever they are doing. */
  async return(): Promise<Result> {
    if (this.#life.isOver) return done;
    this.#left = true;
    const leaving = this.#items.return?.();
    this.#life.stop(new SealwireError('CANCELLED', 'the caller has left the stream'));
    try {
      if (leaving !== undefined) await this.#life.result(leaving);
    } finally {
      this.#end();
    }
    return done;
  }

  #end(): void {
    if (this.#life.isOver) return;
    this.#life.finish();
    // One that hangs, or has more to give: nobody waits for it, or hears of it.
    this.#items.return?.()?.then(undefined, () => undefined);
  }
}

/** The items of the wire, which end with the call. */
function limited(items: AsyncIterable<unknown>, life: Lifetime): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      return {
        next: () => life.step(iterator.next()),
        return: async () => (await iterator.return?.()) ?? done,
      };
    },
  };
}

/** From the moment at which a call sets out to its end, whichever way. */
class Lifetime {
  readonly #interception: Interception;
  readonly #plan: CallPlan;
  readonly #call: OutgoingCall;
  readonly #abort = new AbortController();
  /** 0: no limit. */
  readonly #limitMs: number;
  readonly #untilMs: number;
  readonly #steps = new Set<(error: unknown) => void>();
  readonly #results = new Set<(error: unknown) => void>();
  readonly #release: () => void;
  /** Why nothing is begun any more. */
  #stopped: SealwireError | undefined;
  #over = false;

  /** Throws what is wrong with the call, before an interceptor sees it. */
  constructor(interception: Interception, args: readonly unknown[], plan: CallPlan) {
    const { method, clock, limits, load } = interception;
    const { metadata, security, idempotent } = plan.options;
    if (!Array.isArray(args)) throw invalid('the arguments of a call must be an array');
    const fault = metadata && metadataFault(metadata);
    if (fault !== undefined) throw invalid(`the metadata ${fault}`);
    const raised = checkRaise(security);
    const streams = method.stream || findStreamedArgument(args) !== undefined;
    this.#interception = interception;
    this.#plan = plan;
    this.#limitMs = timeLeft(plan, clock, streams, limits);
    this.#untilMs = clock.now() + this.#limitMs;
    this.#call = {
      direction: 'outgoing',
      peer: interception.peer,
      method: method.fullName,
      security: method.security | raised,
      oneWay: method.oneWay,
      streaming: method.stream,
      idempotent: idempotent === true,
      args,
      metadata: frozenMetadata(metadata),
      signal: this.#abort.signal,
      deadline: this.#limitMs === 0 ? undefined : new Date(clock.date().getTime() + this.#limitMs),
    };
    const aborted = plan.signals.find((signal) => signal.aborted);
    if (aborted !== undefined) throw cancelled(aborted);
    const stopTimer = this.#limitMs === 0 ? undefined : clock.setTimer(this.#limitMs, () => this.#expire());
    const stopListening = onceAborted(plan.signals, (signal) => this.#end(cancelled(signal)));
    this.#release = () => {
      stopTimer?.();
      stopListening();
    };
    load.intercepted += 1;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Runs the interceptors; `send` is called for each next() that reaches the end of them. */
  through(send: Send<unknown>): InterceptedAnswer {
    const { interceptors } = this.#interception;
    let isFirstTurn = true;
    const answer = intercept(interceptors, this.#call, (call) => {
      if (this.#stopped !== undefined) throw this.#stopped;
      if (this.#over) {
        const text = `next() came when ${call.method} was over already: return what it gives, or wait for it`;
        throw new SealwireError('INVALID_STATE', text, { reason: 'interceptor' });
      }
      return this.#blamed(call, () => send(call.args, this.#optionsOf(call, isFirstTurn)));
    });
    isFirstTurn = false;
    return answer;
  }

  /** What an interceptor waits for: fails as soon as the call is stopped. */
  step<Value>(answer: Promise<Value>): Promise<Value> {
    return orRejected(answer, this.#steps);
  }

  /** What the caller waits for: fails a turn later, if the interceptors have not ended by themselves. */
  result<Value>(answer: Promise<Value>): Promise<Value> {
    return orRejected(answer, this.#results);
  }

  /** Nothing is begun any more, and what was is cancelled. */
  stop(error: SealwireError): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = error;
    for (const reject of this.#steps) reject(error);
    this.#steps.clear();
    this.#abort.abort(error);
  }

  /** The caller has what it gets. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#release();
    this.#interception.load.intercepted -= 1;
    // A stream may be open without anybody waiting for its next item.
    if (this.#steps.size > 0 || this.#call.streaming) {
      this.stop(new SealwireError('CANCELLED', 'the call that this was made for is over'));
    }
  }

  #expire(): void {
    const { method } = this.#call;
    const text = `${method} did not end within ${this.#limitMs} ms, with its interceptors`;
    this.#end(new SealwireError('DEADLINE_EXCEEDED', text));
  }

  #end(error: SealwireError): void {
    this.#release();
    this.stop(error);
    this.#interception.clock.endOfTurn(() => {
      for (const reject of this.#results) reject(error);
      this.#results.clear();
    });
  }

  /** In the first turn as they were given: so calls for many have the same time limit, and are serialized once. */
  #optionsOf(call: OutgoingCall, isFirstTurn: boolean): CallOptions {
    const { clock } = this.#interception;
    const { options } = this.#plan;
    const leftMs = isFirstTurn ? this.#limitMs : Math.max(1, Math.ceil(this.#untilMs - clock.now()));
    return {
      ...options,
      // As the interceptors were told, whatever the next connection's manifest says.
      security: call.security,
      metadata: this.#isGiven(call.metadata) ? options.metadata : call.metadata,
      ...(this.#limitMs !== 0 && { timeoutMs: leftMs }),
      deadline: undefined,
      signal: this.#abort.signal,
      // Its deadline and its signal are in these.
      context: null,
    };
  }

  #isGiven(metadata: OutgoingCall['metadata']): boolean {
    return metadata === this.#call.metadata;
  }

  /** What cannot be sent is the fault of who changed it, and not of the call. */
  #blamed(call: OutgoingCall, send: () => unknown): unknown {
    if (call.args === this.#call.args && this.#isGiven(call.metadata)) return send();
    const blame = (error: unknown): never => {
      if (!(error instanceof SealwireError) || error instanceof RpcError || error.code !== 'INVALID_ARGUMENT')
        throw error;
      const text = `an interceptor changed ${call.method} to what cannot be sent: ${error.message}`;
      throw new SealwireError('INTERNAL', text, { reason: 'interceptor', cause: error });
    };
    const sent = send();
    return sent instanceof Promise ? sent.catch(blame) : sent;
  }
}

/** The same as `answer`, unless it is rejected before by the function that stands in `waiting` meanwhile. */
function orRejected<Value>(answer: Promise<Value>, waiting: Set<(error: unknown) => void>): Promise<Value> {
  return new Promise((resolve, reject) => {
    waiting.add(reject);
    answer.then(
      (value) => {
        waiting.delete(reject);
        resolve(value);
      },
      (error: unknown) => {
        waiting.delete(reject);
        reject(error);
      },
    );
  });
}

function cancelled(signal: AbortSignal): SealwireError {
  return new SealwireError('CANCELLED', 'the call was cancelled', { cause: signal.reason });
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_ARGUMENT', message);
}
