// The calling side: a call goes out under the right flags, and what it gave settles exactly once.
//
//   invoke ─ keys there, or waited for (calls-for-keys.ts) ─ flags agreed ─ encoded ─ sent ─ pending ─┬─ result, end or error of the peer
//   stream                                            ├─ timeout, abort or break: cancel is sent
//                                                     └─ the connection ends
//
// Flags are the larger of what the peer's manifest asks for and what the caller asks for. An answer or an item that lacks
// a flag of its call is none: somebody on the way made it, and the connection ends.

import type { Clock } from '../base/clock.js';
import { RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { bothFlags } from '../contract/security.js';
import {
  type ErrorFields,
  encodeCall,
  encodeCancel,
  encodeCredit,
  encodeNotify,
} from '../wire/call-message.js';
import type { SharedMessage } from '../wire/shared-message.js';
import { type CallOptions, type CallPlan, planCall, timeLeft } from './call-options.js';
import { CallsForKeys } from './calls-for-keys.js';
import { agreeFlags, checkRaise, needsKeys } from './flags.js';
import { IncomingStream } from './incoming-stream.js';
import { type Outgoing, roomOrAborted } from './outgoing.js';
import { type Answer, cancelled, connectionClosed, type PendingCall, PendingCalls } from './pending-calls.js';
import { RemoteStream, type RpcStream } from './remote-stream.js';
import { sendArgument } from './sent-argument.js';
import { findStreamedArgument, type StreamedArgument } from './streamed-argument.js';
import { violation } from './violation.js';

export type { CallOptions } from './call-options.js';
export type { Outgoing } from './outgoing.js';

/** What invoke() gives for every one-way call that has been sent: there is nothing to wait for. */
export const handedOver: Promise<undefined> = Promise.resolve(undefined);

/** Who waits for the answer of a one-way call. */
const nobody: Answer = {
  items: undefined,
  resolve: () => undefined,
  reject: () => undefined,
  abort: () => undefined,
};

/** A method of the peer, from its manifest. */
export interface RemoteMethod {
  readonly id: number;
  readonly fullName: string;
  readonly security: number;
  readonly oneWay: boolean;
  /** It answers with items. */
  readonly stream: boolean;
}

export class Caller {
  readonly #outgoing: Outgoing;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #pending: PendingCalls;
  readonly #forKeys: CallsForKeys;
  #waitingForRoom = 0;
  #nextId = 1;

  constructor(outgoing: Outgoing, limits: Limits, clock: Clock) {
    this.#outgoing = outgoing;
    this.#limits = limits;
    this.#clock = clock;
    this.#forKeys = new CallsForKeys(outgoing, limits, clock);
    this.#pending = new PendingCalls(clock, {
      giveUp: (pending, error) => this.#giveUp(pending, error),
      // They were all answered at once: in two halves, the peer works on one while this side works on the other.
      settled: (peak) => {
        this.#outgoing.flight = peak >> 1;
      },
    });
  }

  /** Calls that wait for an answer, or for the end of one, or for keys to be sent under. */
  get pendingCalls(): number {
    return this.#pending.size + this.#forKeys.size;
  }

  /** Calls that are to be sent when there is room (`whenFull`). */
  get waitingForRoom(): number {
    return this.#waitingForRoom;
  }

  /**
   * Runs a method of the peer. One-way calls give {@link handedOver} when they are on their way, or a promise where they wait. `shared` has the
   * message where the same call goes to many peers (rpc/targets.ts).
   */
  invoke(
    method: RemoteMethod,
    args: readonly unknown[],
    options?: CallOptions,
    shared?: SharedMessage,
  ): Promise<unknown> {
    let plan: CallPlan;
    try {
      if (method.stream) throw answersWithStream(method);
      plan = planCall(options);
    } catch (error) {
      return Promise.reject(error);
    }
    // What must not wait is sent, and dropped there.
    if (!plan.options.volatile && this.#needsKeys(method, plan))
      return this.#sendOnceSecured(method, args, plan, shared);
    return options?.whenFull === 'wait'
      ? this.#sendWithRoom(method, args, plan, shared)
      : this.#sendUnary(method, args, plan, shared);
  }

  /** The items of a method of the peer that streams. It is called with the first next(), as it is planned now. */
  stream(method: RemoteMethod, args: readonly unknown[], options?: CallOptions): RpcStream<unknown> {
    if (!method.stream) throw answersWithValue(method);
    const plan = planCall(options);
    return new RemoteStream(() => this.#openStream(method, args, plan));
  }

  /** Asks for keys and waits for them, as a stream with these options does. */
  async whenSecured(options?: CallOptions): Promise<void> {
    await this.#forKeys.wait(planCall(options), true);
  }

  /** Whether a call of that id waits for its answer. */
  awaits(id: number): boolean {
    return this.#pending.awaits(id);
  }

  /**
   * A value came, the answer to a call. False when nobody waits for it any more: it crossed a cancellation on its way. Throws
   * PROTOCOL_ERROR for one that is less protected than its call.
   */
  resolve(id: number, flags: number, value: unknown): boolean {
    const pending = this.#pending.find(id, flags, 'an answer');
    if (pending === undefined) return false;
    if (pending.answer.items !== undefined) throw violation('a value in the place of a stream');
    this.#pending.forget(pending);
    pending.answer.resolve(value);
    return true;
  }

  /** An error came. See {@link resolve}. */
  reject(id: number, flags: number, { code, message, data }: ErrorFields): boolean {
    const pending = this.#pending.find(id, flags, 'an answer');
    if (pending === undefined) return false;
    this.#pending.forget(pending);
    pending.answer.reject(withCause(new RpcError(code, message, data), pending.argumentError));
    return true;
  }

  /** An item of a stream came. */
  item(id: number, flags: number, value: unknown, bytes: number): void {
    const pending = this.#pending.find(id, flags, 'an item');
    if (pending === undefined) return;
    if (pending.answer.items === undefined) throw violation('an item in the place of a value');
    pending.answer.items.item(value, bytes);
  }

  end(id: number, flags: number): void {
    const pending = this.#pending.find(id, flags, 'an end');
    if (pending === undefined) return;
    if (pending.answer.items === undefined) throw violation('an end in the place of a value');
    this.#pending.forget(pending);
    pending.answer.items.end();
  }

  /** The peer has taken items of the argument. */
  argumentCredit(id: number, flags: number, bytes: number): void {
    const pending = this.#pending.find(id, flags, 'credit');
    if (pending === undefined) return;
    if (pending.argument === undefined) throw violation('credit for an argument that is no stream');
    pending.argument.giveBack(bytes);
  }

  /** The method wants no more of the argument; its answer may still come. */
  argumentStop(id: number, flags: number): void {
    const pending = this.#pending.find(id, flags, 'a stop');
    if (pending === undefined) return;
    if (pending.argument === undefined) throw violation('a stop of an argument that is no stream');
    pending.argument.stop();
  }

  /** The connection has ended: every waiting call fails. Of a stream, what came before is still given out. */
  close(cause: SealwireError): void {
    this.#pending.close();
    for (const pending of this.#pending.all()) {
      this.#pending.forget(pending);
      pending.answer.reject(
        connectionClosed(`the connection ended before the answer came: ${cause.message}`, cause),
      );
    }
  }

  #needsKeys(method: RemoteMethod, { options }: CallPlan): boolean {
    const { security = 0, inTheClear = false } = options;
    return needsKeys(method.security | security, inTheClear, this.#outgoing);
  }

  async #sendOnceSecured(
    method: RemoteMethod,
    args: readonly unknown[],
    plan: CallPlan,
    shared?: SharedMessage,
  ): Promise<unknown> {
    checkRaise(plan.options.security);
    this.#checkPending(method);
    const isStreamed = Array.isArray(args) && findStreamedArgument(args) !== undefined;
    const rest = await this.#forKeys.wait(plan, isStreamed);
    return rest.options.whenFull === 'wait'
      ? this.#sendWithRoom(method, args, rest, shared)
      : this.#sendUnary(method, args, rest, shared);
  }

  async #sendWithRoom(
    method: RemoteMethod,
    args: readonly unknown[],
    plan: CallPlan,
    shared?: SharedMessage,
  ): Promise<unknown> {
    while (!plan.signals.some((signal) => signal.aborted)) {
      const room = this.#outgoing.room?.();
      // Sent at once then: others who wait look after this one has filled the room.
      if (room === undefined) break;
      this.#waitingForRoom += 1;
      await roomOrAborted(room, plan.signals);
      this.#waitingForRoom -= 1;
    }
    return this.#sendUnary(method, args, plan, shared);
  }

  #sendUnary(
    method: RemoteMethod,
    args: readonly unknown[],
    plan: CallPlan,
    shared?: SharedMessage,
  ): Promise<unknown> {
    if (method.oneWay) return this.#sendOneWay(method, args, plan, shared);
    return new Promise((resolve, reject) => {
      const answer = { items: undefined, resolve, reject, abort: reject };
      this.#send(method, args, plan, answer, shared);
    });
  }

  #sendOneWay(
    method: RemoteMethod,
    args: readonly unknown[],
    plan: CallPlan,
    shared?: SharedMessage,
  ): Promise<unknown> {
    try {
      this.#send(method, args, plan, nobody, shared);
      return handedOver;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #openStream(method: RemoteMethod, args: readonly unknown[], plan: CallPlan): IncomingStream {
    let pending: PendingCall | undefined;
    let left: AbortController | undefined;
    const items = new IncomingStream({
      giveBack: (bytes) => {
        if (pending !== undefined) this.#say(pending, encodeCredit('credit', pending.id, bytes));
      },
      stop: () => {
        if (pending !== undefined) this.#cancel(pending);
        else left?.abort();
      },
    });
    const open = (now: CallPlan): void => {
      pending = this.#send(method, args, now, {
        items,
        resolve: () => undefined,
        reject: (error) => items.end({ error }),
        abort: (error) => items.abort(error),
      });
    };
    if (!this.#needsKeys(method, plan)) open(plan);
    else {
      checkRaise(plan.options.security);
      this.#checkPending(method);
      left = new AbortController();
      this.#forKeys
        .wait(plan, true, left.signal)
        .then(open)
        .catch((error: unknown) => items.abort(error));
    }
    return items;
  }

  /** Sends a call. Undefined for a one-way one: nothing is waited for. */
  #send(
    method: RemoteMethod,
    args: readonly unknown[],
    plan: CallPlan,
    answer: Answer,
    shared?: SharedMessage,
  ): PendingCall | undefined {
    if (!Array.isArray(args)) throw invalid('the arguments of a call must be an array');
    const streamed = findStreamedArgument(args);
    const { metadata, channel, security, volatile } = plan.options;
    const timeoutMs = timeLeft(plan, this.#clock, method.stream || streamed !== undefined, this.#limits);
    const required = method.security | checkRaise(security);
    // What must not wait for keys asks for them, and goes no further than the connection.
    const isDropped =
      volatile === true && this.#needsKeys(method, plan) && this.#outgoing.secure?.() !== undefined;
    const flags = isDropped ? bothFlags : agreeFlags(required, this.#outgoing.allowed);
    for (const signal of plan.signals) if (signal.aborted) throw cancelled(signal);
    if (streamed !== undefined && (method.oneWay || shared !== undefined)) throw notStreamable(streamed);
    if (method.oneWay) {
      const notify = () => encodeNotify(method.id, args, this.#limits, metadata);
      const message = shared ? shared.notify([method.id, args, metadata], notify) : notify();
      this.#outgoing.send(flags, message, channel, volatile);
      return undefined;
    }
    if (volatile) throw invalid('only a one-way call can be volatile: others wait for an answer');
    this.#checkPending(method);
    const id = this.#nextId;
    const sent = streamed?.args ?? args;
    const hasExtras = metadata !== undefined || streamed !== undefined || channel !== undefined;
    const extras = hasExtras ? { metadata, streamArgument: streamed?.index, channel } : undefined;
    const message = shared
      ? shared.call(id, [method.id, args, timeoutMs, metadata, channel], (each) =>
          encodeCall(each, method.id, sent, timeoutMs, this.#limits, extras),
        )
      : encodeCall(id, method.id, sent, timeoutMs, this.#limits, extras);
    this.#outgoing.send(flags, message, channel);
    this.#nextId += 1;
    const pending: PendingCall = {
      id,
      method,
      flags,
      channel,
      timeoutMs,
      dueMs: this.#pending.dueIn(timeoutMs),
      answer,
      stopListening: undefined,
      argument: undefined,
      argumentError: undefined,
    };
    this.#pending.add(pending, plan.signals);
    if (streamed !== undefined) {
      sendArgument(pending, streamed.iterable, {
        outgoing: this.#outgoing,
        limits: this.#limits,
        clock: this.#clock,
        say: (said) => this.#say(pending, said),
        unsendable: (error) => this.#giveUp(pending, error),
      });
    }
    return pending;
  }

  /** One-way calls wait for keys alone. */
  #checkPending({ oneWay }: RemoteMethod): void {
    const waiting = oneWay ? this.#forKeys.size : this.pendingCalls;
    if (waiting >= this.#limits.maxPendingCalls) throw tooManyPending(waiting);
  }

  /** The call ends on this side, for another reason than the end of its connection. */
  #giveUp(pending: PendingCall, error: SealwireError): void {
    this.#cancel(pending);
    pending.answer.abort(error);
  }

  #cancel(pending: PendingCall): void {
    if (!this.#pending.has(pending)) return;
    this.#say(pending, encodeCancel(pending.id));
    this.#outgoing.crossing?.(pending.answer.items?.credit ?? 0);
    this.#pending.forget(pending);
  }

  /** Says something about a call that is not over. */
  #say(pending: PendingCall, message: Uint8Array): void {
    if (!this.#pending.has(pending)) return;
    try {
      this.#outgoing.send(pending.flags, message, pending.channel);
    } catch {
      // The connection is gone or choked; the other side's own deadline ends the call there.
    }
  }
}

/** The peer's error says what the method made of it; what the argument's iterator really threw stands here alone. */
function withCause(error: RpcError, cause: unknown): RpcError {
  if (cause !== undefined) {
    Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
  }
  return error;
}

function answersWithStream({ fullName }: RemoteMethod): SealwireError {
  return invalid(`${fullName} answers with a stream: call it with stream(), or through rpc()`);
}

function answersWithValue({ fullName }: RemoteMethod): SealwireError {
  return invalid(`${fullName} answers with a value: use invoke()`);
}

function notStreamable({ index }: StreamedArgument): SealwireError {
  return invalid(`argument[${index}] is a stream: only a call to one peer that is not one-way can send it`);
}

function tooManyPending(size: number): SealwireError {
  const text = `${size} calls are waiting for an answer already (limits.maxPendingCalls)`;
  return new SealwireError('RESOURCE_EXHAUSTED', text);
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_ARGUMENT', message);
}
