// The calling side: a call goes out under the right flags, and its promise settles exactly once.
//
//   invoke ─ flags agreed ─ encoded ─ sent ─ pending ─┬─ result or error of the peer
//                                                     ├─ timeout or abort: cancel is sent
//                                                     └─ the connection ends
//
// Flags are the larger of what the peer's manifest asks for and what the caller asks for. An answer that lacks a flag
// of its call is no answer: somebody on the way made it, and the connection ends.

import type { Clock, StopTimer } from '../base/clock.js';
import { RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { satisfies } from '../contract/security.js';
import { encodeCall, encodeCancel, encodeNotify } from '../wire/call-message.js';
import type { SharedMessage } from '../wire/shared-message.js';
import { agreeFlags } from './flags.js';

export interface CallOptions {
  /** Flags on top of what the method declares; protection can be raised, never lowered. */
  readonly security?: number;
  /** Gives up with DEADLINE_EXCEEDED after so many milliseconds; at most and by default `limits.maxCallMs`. */
  readonly timeoutMs?: number;
  /** Gives up with CANCELLED when it is aborted, here and on the other side. */
  readonly signal?: AbortSignal;
}

/** A method of the peer, from its manifest. */
export interface RemoteMethod {
  readonly id: number;
  readonly fullName: string;
  readonly security: number;
  readonly oneWay: boolean;
}

export interface Outgoing {
  /** Throws when the message cannot be sent. */
  send(flags: number, message: Uint8Array): void;
  /** Bit f: both sides accept records with flags f. */
  readonly allowed: number;
}

interface PendingCall {
  readonly flags: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: SealwireError) => void;
  /** Stops the timer and the abort listener. */
  readonly release: () => void;
}

export class Caller {
  readonly #outgoing: Outgoing;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 1;

  constructor(outgoing: Outgoing, limits: Limits, clock: Clock) {
    this.#outgoing = outgoing;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Calls that wait for an answer. */
  get pendingCalls(): number {
    return this.#pending.size;
  }

  /**
   * Runs a method of the peer. One-way calls resolve to undefined as soon as they are on their way. `shared` has the
   * message where the same call goes to many peers (rpc/targets.ts).
   */
  async invoke(
    method: RemoteMethod,
    args: readonly unknown[],
    options: CallOptions = {},
    shared?: SharedMessage,
  ): Promise<unknown> {
    checkShape(args, options);
    const { signal } = options;
    const timeoutMs = this.#checkTimeout(options.timeoutMs);
    const flags = agreeFlags(method.security | checkRaise(options.security), this.#outgoing.allowed);
    if (signal?.aborted) throw cancelled(signal);
    if (method.oneWay) {
      const notify = () => encodeNotify(method.id, args, this.#limits);
      this.#outgoing.send(flags, shared ? shared.notify([method.id, args], notify) : notify());
      return undefined;
    }
    if (this.#pending.size >= this.#limits.maxPendingCalls) {
      throw new SealwireError(
        'RESOURCE_EXHAUSTED',
        `${this.#pending.size} calls are waiting for an answer already (limits.maxPendingCalls)`,
      );
    }
    const id = this.#nextId;
    const call = (each: number) => encodeCall(each, method.id, args, timeoutMs, this.#limits);
    this.#outgoing.send(flags, shared ? shared.call(id, [method.id, args, timeoutMs], call) : call(id));
    this.#nextId += 1;
    return this.#wait(id, flags, method.fullName, timeoutMs, signal);
  }

  /** An answer came. Throws PROTOCOL_ERROR for one that is less protected than its call. */
  settle(id: number, flags: number, answer: { value: unknown } | { error: RpcError }): void {
    const pending = this.#pending.get(id);
    // Nobody waits any more: the answer crossed a cancellation on its way.
    if (pending === undefined) return;
    if (!satisfies(flags, pending.flags)) {
      throw new SealwireError('PROTOCOL_ERROR', 'an answer came with less protection than its call had');
    }
    this.#forget(id, pending);
    if ('error' in answer) pending.reject(answer.error);
    else pending.resolve(answer.value);
  }

  /** The connection has ended: every waiting call fails. */
  close(cause: SealwireError): void {
    for (const [id, pending] of this.#pending) {
      this.#forget(id, pending);
      pending.reject(
        connectionClosed(`the connection ended before the answer came: ${cause.message}`, cause),
      );
    }
  }

  #wait(id: number, flags: number, name: string, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const giveUp = (error: SealwireError) => {
        this.#forget(id, pending);
        this.#cancel(id, flags);
        reject(error);
      };
      const onAbort = () => giveUp(cancelled(signal!));
      const stopTimer: StopTimer = this.#clock.setTimer(timeoutMs, () => {
        giveUp(new SealwireError('DEADLINE_EXCEEDED', `${name} did not answer within ${timeoutMs} ms`));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      const release = () => {
        stopTimer();
        signal?.removeEventListener('abort', onAbort);
      };
      const pending: PendingCall = { flags, resolve, reject, release };
      this.#pending.set(id, pending);
    });
  }

  #forget(id: number, pending: PendingCall): void {
    this.#pending.delete(id);
    pending.release();
  }

  #cancel(id: number, flags: number): void {
    try {
      this.#outgoing.send(flags, encodeCancel(id));
    } catch {
      // The connection is gone or choked; the other side's own deadline ends the call there.
    }
  }

  #checkTimeout(timeoutMs: number | undefined): number {
    if (timeoutMs === undefined) return this.#limits.maxCallMs;
    if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) {
      throw new SealwireError(
        'INVALID_ARGUMENT',
        'timeoutMs must be a positive whole number of milliseconds',
      );
    }
    return Math.min(timeoutMs, this.#limits.maxCallMs);
  }
}

/** CONNECTION_CLOSED for who calls: `reason` is that of a peaceful end, or the code of the error that ended it. */
export function connectionClosed(message: string, cause: SealwireError): SealwireError {
  const reason = cause.code === 'CONNECTION_CLOSED' ? (cause.reason ?? cause.code) : cause.code;
  return new SealwireError('CONNECTION_CLOSED', message, { reason, cause });
}

/** What JavaScript may pass although the types say otherwise, and the peer would take for an attack. */
function checkShape(args: readonly unknown[], options: CallOptions): void {
  if (!Array.isArray(args)) {
    throw new SealwireError('INVALID_ARGUMENT', 'the arguments of a call must be an array');
  }
  if (typeof options !== 'object' || options === null) {
    throw new SealwireError('INVALID_ARGUMENT', 'the options of a call must be an object');
  }
  const { signal }: { signal?: Partial<AbortSignal> } = options;
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw new SealwireError('INVALID_ARGUMENT', 'signal must be an AbortSignal: give controller.signal');
  }
}

function checkRaise(security: number | undefined): number {
  if (security === undefined) return 0;
  if (!Number.isInteger(security) || security < 0 || security > 3) {
    throw new SealwireError(
      'INVALID_ARGUMENT',
      'options.security must be made of Security.Encrypted and .Authenticated',
    );
  }
  return security;
}

function cancelled(signal: AbortSignal): SealwireError {
  return new SealwireError('CANCELLED', 'the call was cancelled', { cause: signal.reason });
}
