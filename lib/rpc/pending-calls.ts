// The calls of one connection that wait for their answer, or for its end, each until the first of these:
//
//   the peer settles it ─ its time is over ─ a signal is aborted ─ the connection ends
//
// One map, and one timer for all. What became of a call is for the caller to say (caller.ts); here it is known, or not.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import { IdMap } from '../base/id-map.js';
import { satisfies } from '../contract/security.js';
import { CallTimer, type Limited } from './call-timer.js';
import type { IncomingStream } from './incoming-stream.js';
import { onceAborted } from './once-aborted.js';
import type { OutgoingStream } from './outgoing-stream.js';
import { violation } from './violation.js';

/** Who waits for the answer. */
export interface Answer {
  /** The stream that is the answer; undefined where it is a value. */
  readonly items: IncomingStream | undefined;
  readonly resolve: (value: unknown) => void;
  /** The peer's error. */
  readonly reject: (error: SealwireError) => void;
  /** What ends the call on this side. */
  readonly abort: (error: SealwireError) => void;
}

export interface PendingCall extends Limited {
  readonly id: number;
  readonly method: { readonly fullName: string };
  readonly flags: number;
  readonly channel: string | undefined;
  /** 0: no limit. */
  readonly timeoutMs: number;
  readonly answer: Answer;
  /** Undefined where it listens to no signal. */
  stopListening: (() => void) | undefined;
  argument: OutgoingStream | undefined;
  /** What the argument's iterator threw: the peer was told as much as it may know. */
  argumentError: unknown;
}

export interface PendingCallsOwner {
  /** The time of a call is over, or its signal is aborted; the owner forgets it. */
  giveUp(call: PendingCall, error: SealwireError): void;
  /** None is left, of so many that there were at once. */
  settled(peak: number): void;
}

export class PendingCalls {
  readonly #calls = new IdMap<PendingCall>();
  readonly #timer: CallTimer<PendingCall>;
  readonly #owner: PendingCallsOwner;
  /** The most at once since there were none. */
  #peak = 0;

  constructor(clock: Clock, owner: PendingCallsOwner) {
    this.#owner = owner;
    this.#timer = new CallTimer(clock, this.#calls, (call) => {
      if (this.has(call)) owner.giveUp(call, tooLate(call));
    });
  }

  get size(): number {
    return this.#calls.size;
  }

  /** When a call with this time limit, 0 for none, is due if it begins now. */
  dueIn(timeoutMs: number): number {
    return timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.#timer.dueIn(timeoutMs);
  }

  add(call: PendingCall, signals: readonly AbortSignal[]): void {
    this.#calls.set(call.id, call);
    this.#peak = Math.max(this.#peak, this.#calls.size);
    this.#timer.added(call);
    if (signals.length > 0)
      call.stopListening = onceAborted(signals, (signal) => this.#owner.giveUp(call, cancelled(signal)));
  }

  has(call: PendingCall): boolean {
    return this.#calls.get(call.id) === call;
  }

  awaits(id: number): boolean {
    return this.#calls.get(id) !== undefined;
  }

  /** Undefined when the call is over. Throws PROTOCOL_ERROR for what is less protected than its call. */
  find(id: number, flags: number, what: string): PendingCall | undefined {
    const call = this.#calls.get(id);
    if (call !== undefined && !satisfies(flags, call.flags))
      throw violation(`${what} with less protection than its call had`);
    return call;
  }

  /** The call is over: nothing of it is left, and its argument stops. */
  forget(call: PendingCall): void {
    this.#calls.delete(call.id);
    if (this.#calls.size === 0) {
      this.#owner.settled(this.#peak);
      this.#peak = 0;
    }
    call.stopListening?.();
    call.argument?.stop();
  }

  /** The connection has ended, and all of them with it. */
  close(): void {
    this.#timer.stop();
  }

  /** All of them, as they are now. */
  all(): PendingCall[] {
    return this.#calls.values();
  }
}

/** CONNECTION_CLOSED for who calls: `reason` is that of a peaceful end, or the code of the error that ended it. */
export function connectionClosed(message: string, cause: SealwireError): SealwireError {
  const reason = cause.code === 'CONNECTION_CLOSED' ? (cause.reason ?? cause.code) : cause.code;
  return new SealwireError('CONNECTION_CLOSED', message, { reason, cause });
}

/** CANCELLED, with the reason that the signal was aborted for. */
export function cancelled(signal: AbortSignal): SealwireError {
  return new SealwireError('CANCELLED', 'the call was cancelled', { cause: signal.reason });
}

function tooLate({ method, answer, timeoutMs }: PendingCall): SealwireError {
  const what = answer.items ? 'end' : 'answer';
  return new SealwireError('DEADLINE_EXCEEDED', `${method.fullName} did not ${what} within ${timeoutMs} ms`);
}
