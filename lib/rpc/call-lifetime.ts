// From the moment at which a call sets out through interceptors to its end, whichever way.
//
//   the caller cancels, or time is up ┬─ next() fails with that, what it began is cancelled ─ the interceptors have the rest
//   the connection ends               ┘  of the turn to make something of it ─ the call fails, whatever they are doing
//
// So an interceptor that hangs is not waited for, and one that goes on when all is over begins nothing. Of a stream whose
// connection has ended, what came before is still given out.

import type { Clock } from '../base/clock.js';
import { RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { metadataFault } from '../wire/call-metadata.js';
import { frozenMetadata } from './call-context.js';
import { type CallOptions, type CallPlan, timeLeft } from './call-options.js';
import type { RemoteMethod } from './caller.js';
import { checkRaise } from './flags.js';
import { type InterceptedAnswer, type Interceptor, intercept, type OutgoingCall } from './interceptor.js';
import { onceAborted } from './once-aborted.js';
import type { Peer } from './peer.js';
import { cancelled, connectionClosed } from './pending-calls.js';
import { findStreamedArgument } from './streamed-argument.js';

/** What a call goes through, and what is known of it beforehand. */
export interface Interception {
  /** Those that there were when the call was made. */
  readonly interceptors: readonly Interceptor<OutgoingCall>[];
  readonly method: RemoteMethod;
  readonly peer: Peer;
  readonly clock: Clock;
  readonly limits: Limits;
  /** The calls that are on this way: whoever ends the connection tells them. */
  readonly calls: Set<Pick<Lifetime, 'connectionEnded'>>;
}

export type Send<Answer> = (args: readonly unknown[], options: CallOptions) => Answer;

export class Lifetime {
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
  /** Why the caller gets no more than what is there. */
  #endedBy: SealwireError | undefined;
  /** Streams of the wire that may have more to give. */
  #open = 0;
  #over = false;

  /** Throws what is wrong with the call, before an interceptor sees it. */
  constructor(interception: Interception, args: readonly unknown[], plan: CallPlan) {
    const { method, clock, limits, calls } = interception;
    const { metadata, security, idempotent } = plan.options;
    if (!Array.isArray(args)) throw invalid('the arguments of a call must be an array');
    const fault = metadata === undefined ? undefined : metadataFault(metadata);
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
    calls.add(this);
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
    const step = orRejected(answer, this.#steps);
    if (this.#stopped !== undefined) this.#rejectSteps(this.#stopped);
    return step;
  }

  /** What the caller waits for: fails a turn later, if the interceptors have not ended by themselves. */
  result<Value>(answer: Promise<Value>): Promise<Value> {
    const result = orRejected(answer, this.#results);
    if (this.#endedBy !== undefined) this.#hurry(this.#endedBy);
    return result;
  }

  /** A stream of the wire is there; returns what tells, once, that it has ended. */
  opened(): () => void {
    let isOpen = true;
    this.#open += 1;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#open -= 1;
      if (this.#endedBy !== undefined) this.#hurry(this.#endedBy);
    };
  }

  /** What waits for the wire is told by it, too. */
  connectionEnded(cause: SealwireError): void {
    const error = connectionClosed(`the connection ended before the call did: ${cause.message}`, cause);
    if (this.#open === 0) this.#end(error);
    else {
      this.#release();
      this.#endedBy = error;
    }
  }

  /** Nothing is begun any more, and what was is cancelled. */
  stop(error: SealwireError): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = error;
    this.#rejectSteps(error);
    this.#abort.abort(error);
  }

  /** The caller has what it gets. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#release();
    this.#interception.calls.delete(this);
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
    this.#endedBy ??= error;
    this.#open = 0;
    this.stop(error);
    this.#hurry(error);
  }

  #rejectSteps(error: SealwireError): void {
    for (const reject of this.#steps) reject(error);
    this.#steps.clear();
  }

  #hurry(error: SealwireError): void {
    if (this.#open > 0) return;
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

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_ARGUMENT', message);
}
