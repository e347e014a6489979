// An event for many, without flags: the frame is the same bytes for all of them, so it is made once and handed to every socket.
//
//   message(s) ─▸ frame, for the first receiver ─▸ its socket
//                  └ the same message(s) again, with the same framing          ─▸ the next one's socket
//
// Only the frame that was made last is known: whoever says something to many says it to one after another. Messages are
// compared by identity, since nobody changes the bytes of one that was handed over. What is sealed has keys, a number and a
// tag of its own for each receiver, and is none of this.

import type { FrameType } from '../wire/frame.js';

/** Longer ones are rare, and not worth keeping. */
const mostKeptBytes = 64 * 1024;

export class SharedFrame {
  #framing: string | undefined;
  #type: FrameType | undefined;
  #parts: readonly Uint8Array[] = [];
  #memory: Uint8Array | undefined;

  /** The frame of these parts, with what the transport puts in front (`plainFraming`); undefined where it was not the last one. */
  find(framing: string, type: FrameType, parts: readonly Uint8Array[]): Uint8Array | undefined {
    if (framing !== this.#framing || type !== this.#type || parts.length !== this.#parts.length)
      return undefined;
    for (let index = 0; index < parts.length; index++)
      if (parts[index] !== this.#parts[index]) return undefined;
    return this.#memory;
  }

  /** Nobody writes to `memory` any more. */
  keep(framing: string, type: FrameType, parts: readonly Uint8Array[], memory: Uint8Array): void {
    if (memory.length > mostKeptBytes) return;
    this.#framing = framing;
    this.#type = type;
    this.#parts = parts;
    this.#memory = memory;
  }
}
