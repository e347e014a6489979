// The way out, as callers and dispatchers see it: messages with flags, and whether there is room for more.

import { SealwireError } from '../base/errors.js';
import { onceAborted } from './once-aborted.js';

export interface Outgoing {
  /**
   * Sends on a channel, the default one where none is named. Throws when the message cannot be sent; a volatile one that
   * would have to wait is dropped.
   */
  send(flags: number, message: Uint8Array, channel?: string, isVolatile?: boolean): void;
  /** So many messages go together best. */
  flight?: number;
  /** Undefined where there is room for more; else it resolves when there is. Streams wait for it, answers do not. */
  room?(): Promise<void> | undefined;
  /** A call has ended here, and the peer does not know it yet: a word about it may still come, and so many bytes of items. */
  crossing?(bytes: number): void;
  /** Bit f: both sides accept records with flags f. It grows where keys are agreed on a connection that had none. */
  readonly allowed: number;
  /** Agrees on keys where there are none yet; undefined where there are, or will never be. */
  secure?(): Promise<void> | undefined;
}

/** Resolves when `room` does, or one of the signals is aborted: who waits looks again then. */
export async function roomOrAborted(room: Promise<void>, signals: readonly AbortSignal[]): Promise<void> {
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = onceAborted(signals, () => resolve());
  });
  await Promise.race([room, aborted]);
  stop();
}

/** Sends unless the send buffer is full, which false tells. */
export function trySend(
  outgoing: Pick<Outgoing, 'send'>,
  flags: number,
  message: Uint8Array,
  channel: string | undefined,
): boolean {
  try {
    outgoing.send(flags, message, channel);
    return true;
  } catch (error) {
    if (isNotRead(error)) return false;
    throw error;
  }
}

/** Whether a message was not sent since the peer reads too slowly. */
export function isNotRead(error: unknown): boolean {
  return error instanceof SealwireError && error.reason === 'send-buffer';
}
