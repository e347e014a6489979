// The argument of a call that is streamed, on the side that calls: its items go out behind the call, as the method takes them.
//
//   the caller's iterable ─▸ OutgoingStream ─▸ argument items ─▸ argument end, with an error where making them failed
//
// It is stopped with its call (pending-calls.ts).

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { encodeArgumentEnd, encodeItem } from '../wire/call-message.js';
import { type Outgoing, trySend } from './outgoing.js';
import { OutgoingStream } from './outgoing-stream.js';
import type { PendingCall } from './pending-calls.js';
import { toldError } from './told-error.js';

export interface ArgumentOptions {
  readonly outgoing: Outgoing;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Says something about the call, while it is not over. */
  say(message: Uint8Array): void;
  /** An item cannot be sent: the call ends with this. */
  unsendable(error: SealwireError): void;
}

/** The call has just been sent. */
export function sendArgument(
  pending: PendingCall,
  iterable: AsyncIterable<unknown>,
  { outgoing, limits, clock, say, unsendable }: ArgumentOptions,
): void {
  const { id, flags, channel } = pending;
  const tell = (error?: unknown) => {
    pending.argumentError = error;
    const told = error === undefined ? undefined : toldError(error, 'the streamed argument failed');
    let message: Uint8Array;
    try {
      message = encodeArgumentEnd(id, told, limits);
    } catch {
      // Its data cannot be sent.
      message = encodeArgumentEnd(id, { ...told!, data: undefined }, limits);
    }
    say(message);
  };
  let iterator: AsyncIterator<unknown>;
  try {
    iterator = iterable[Symbol.asyncIterator]();
  } catch (error) {
    tell(error);
    return;
  }
  pending.argument = new OutgoingStream(
    iterator,
    {
      encode: (value) => encodeItem('argumentItem', id, value, limits),
      send: (message) => trySend(outgoing, flags, message, channel),
      room: () => outgoing.room?.(),
      enter: (step) => step(),
      ended: () => tell(),
      failed: tell,
      unsendable: (error) => unsendable(asSealwireError(error)),
      // The call does not need it any more, and nobody would hear of it.
      cleanupFailed: () => undefined,
      finished: () => undefined,
    },
    clock,
  );
  pending.argument.start();
}

function asSealwireError(error: unknown): SealwireError {
  if (error instanceof SealwireError) return error;
  return new SealwireError('INVALID_ARGUMENT', 'an item of the argument cannot be sent', { cause: error });
}
