// What may be said about one call, and what is made of it: how long it may take, and what ends it early.
//
// The time limit is the least of all that apply: the call's own, a deadline, that of the call in which it is made, and,
// unless it streams, limits.maxCallMs. A method that makes calls of its own so passes on what is left to it.

import { isChannelName, maxChannelBytes } from '../base/channel-name.js';
import { type Clock, longestTimerMs } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import type { Metadata } from '../wire/call-metadata.js';
import { type CallContext, currentContext } from './call-context.js';

export interface CallOptions {
  /** Flags on top of what the method declares; protection can be raised, never lowered. */
  readonly security?: number;
  /**
   * Gives up with DEADLINE_EXCEEDED after so many milliseconds; at most and by default `limits.maxCallMs`. Of a call that
   * streams, its result or an argument, it limits the whole; such a call has no limit by default.
   */
  readonly timeoutMs?: number;
  /** The same as a date; the sooner of both counts. */
  readonly deadline?: Date | undefined;
  /** Gives up with CANCELLED when it is aborted, here and on the other side. */
  readonly signal?: AbortSignal;
  /**
   * The call that this one is made for: it ends with it, by its deadline or its signal. Calls that a method makes
   * before its first `await` have it anyway; behind that, give what callContext() returned. Null: none.
   */
  readonly context?: CallContext | null | undefined;
  /** Travels beside the arguments, under the same flags: `callContext().metadata` on the other side. */
  readonly metadata?: Metadata;
  /** The method may run twice: a call whose answer was lost with its connection is made again on the next one. */
  readonly idempotent?: boolean;
  /**
   * On a connection that has no keys yet (`encryption: 'onDemand'`): it may go in the clear, if the other side asks for no
   * protection. Without this it waits for keys, since what the other side asks for can be changed by anybody on the path
   * until then. Methods that a class declares `Security.None` have it by themselves when they are called through `rpc(Class)`.
   */
  readonly inTheClear?: boolean;
  /** The channel that the call and its answer go on: 1 to 64 bytes, known by its name alone. */
  readonly channel?: string;
  /**
   * When more waits to be sent to the peer than should (`limits.sendHighWaterBytes`): `fail`, the default, sends on until
   * the buffer is full, and fails with RESOURCE_EXHAUSTED then; `wait` sends when there is room. Time limits begin then.
   */
  readonly whenFull?: 'fail' | 'wait';
  /** Of a one-way call: if it would have to wait behind others of its channel, it is dropped, and counted. */
  readonly volatile?: boolean;
}

/** What was decided about a call when it was made, which for a stream is before it is sent. */
export interface CallPlan {
  readonly options: CallOptions;
  /** What ends it early. */
  readonly signals: readonly AbortSignal[];
  readonly deadlines: readonly Date[];
}

const noOptions: CallOptions = {};
const nothingPlanned: CallPlan = { options: noOptions, signals: [], deadlines: [] };

/** Of calls that the caller's own class declares to need no protection, where nothing else is said about them. */
export const inTheClear: CallOptions = Object.freeze({ inTheClear: true });
const plannedInTheClear: CallPlan = { options: inTheClear, signals: [], deadlines: [] };

/** Throws INVALID_ARGUMENT for what JavaScript may pass although the types say otherwise. */
export function planCall(options: CallOptions = noOptions): CallPlan {
  const around = currentContext();
  // Most calls.
  if (around === undefined) {
    if (options === noOptions) return nothingPlanned;
    if (options === inTheClear) return plannedInTheClear;
  }
  if (typeof options !== 'object' || options === null)
    throw invalid('the options of a call must be an object');
  const { signal, timeoutMs, deadline, context = around, channel }: CallOptions = options;
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.addEventListener !== 'function')
    throw invalid('signal must be an AbortSignal: give controller.signal');
  if (timeoutMs !== undefined && (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1))
    throw invalid('timeoutMs must be a positive whole number of milliseconds');
  if (deadline !== undefined && !(deadline instanceof Date && Number.isFinite(deadline.getTime())))
    throw invalid('deadline must be a Date that is valid');
  if (context && typeof (context as Partial<CallContext>).signal?.addEventListener !== 'function')
    throw invalid('context must be what callContext() returned');
  // The peer would hang up on another one.
  if (channel !== undefined && !isChannelName(channel))
    throw invalid(`channel must be a name of 1 to ${maxChannelBytes} bytes`);
  const { whenFull, volatile, inTheClear: clear }: { [Name in keyof CallOptions]?: unknown } = options;
  if (whenFull !== undefined && whenFull !== 'fail' && whenFull !== 'wait')
    throw invalid("whenFull must be 'fail' or 'wait'");
  if (volatile !== undefined && typeof volatile !== 'boolean') throw invalid('volatile must be a boolean');
  if (clear !== undefined && typeof clear !== 'boolean') throw invalid('inTheClear must be a boolean');
  return {
    options,
    signals: [signal, context?.signal].filter((one) => one !== undefined),
    deadlines: [deadline, context?.deadline].filter((one) => one !== undefined),
  };
}

/** What is left of the patience for a call that begins now, in milliseconds; 0: no limit. Throws DEADLINE_EXCEEDED. */
export function timeLeft(
  { options, deadlines }: CallPlan,
  clock: Pick<Clock, 'date'>,
  streams: boolean,
  { maxCallMs }: Pick<Limits, 'maxCallMs'>,
): number {
  let leftMs = streams ? Number.POSITIVE_INFINITY : maxCallMs;
  if (options.timeoutMs !== undefined) leftMs = Math.min(leftMs, options.timeoutMs);
  for (const deadline of deadlines) leftMs = Math.min(leftMs, deadline.getTime() - clock.date().getTime());
  if (leftMs < 1)
    throw new SealwireError('DEADLINE_EXCEEDED', 'the deadline had passed before the call was made');
  return leftMs === Number.POSITIVE_INFINITY ? 0 : Math.min(leftMs, longestTimerMs);
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_ARGUMENT', message);
}
