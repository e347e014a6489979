// What a WebSocket was read in, given back as soon as `ws` needs nothing of it any more.
//
//   chunk a                          chunk b
//   [ frame │ frame │ begin of a… ]  [ …frame │ frame ]
//                     └─ a is held until here ─┘        └ ends with a frame: given back at once
//
// `ws` hands on a message that stands in one chunk as a view of that, which is copied out here; what begins in one chunk and ends in
// another it joins itself. It keeps what is of a frame that is not whole, and for longer only what is no whole binary message:
// fragments, and pings, which it answers with a view. The chunks of those are left to the collector.

import { discardCiphertext, isGivenBack } from '../base/discard.js';
import { allocateCopy } from '../base/slab.js';
import { finalBinary, length16, length64, maskBit, maskingKeyBytes } from './websocket-header.js';

const lengthBits = 0x7f;

export class WebSocketChunks {
  /** Of the header of the frame under way, without the mask: bytes that were seen, and that it has. */
  #seen = 0;
  #headerBytes = 2;
  #isWholeBinary = true;
  #isMasked = false;
  #length = 0;
  /** Bytes behind that which are still to come. */
  #left = 0;
  /** Chunks with bytes of the frame under way. */
  #held: Uint8Array[] = [];
  /** The one that `ws` has just now, where it would be given back. */
  #current: Uint8Array | undefined;
  /** Something of the current one lives on. */
  #isKept = false;
  /** Where in the current one it is first known that a frame begins. */
  #followFrom: number | undefined;
  #isFollowing = false;

  /** `ws` is about to get this chunk. */
  begin(chunk: Uint8Array): void {
    this.#current = isGivenBack(chunk) ? chunk : undefined;
    this.#isKept = false;
  }

  /** A message that `ws` hands on while it has a chunk, in memory that is not given back here. */
  own(message: Uint8Array): Uint8Array {
    const chunk = this.#current;
    // Joined by `ws`.
    if (message.buffer !== chunk?.buffer) return message;
    if (message.length === chunk.length) {
      // All of the chunk: it is its receiver's, who gives it back.
      this.#isKept = true;
      return message;
    }
    if (!this.#isFollowing) this.#followFrom ??= message.byteOffset + message.length;
    return allocateCopy(message);
  }

  /** `ws` has had this chunk, and has done with it what it does. */
  end(chunk: Uint8Array): void {
    if (this.#isFollowing) this.#follow(chunk);
    else if (this.#followFrom !== undefined) {
      // Of a chunk of which the front is not known nothing is given back: this is a part of it.
      this.#isFollowing = true;
      this.#follow(chunk.subarray(this.#followFrom));
    }
    this.#current = undefined;
  }

  #follow(chunk: Uint8Array): void {
    let isKept = this.#isKept || !this.#isWholeBinary;
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) {
        this.#readHeader(chunk[at]!);
        isKept ||= !this.#isWholeBinary;
        at += 1;
      } else {
        const bytes = Math.min(this.#left, chunk.length - at);
        this.#left -= bytes;
        at += bytes;
      }
      if (this.#seen === this.#headerBytes && this.#left === 0) this.#endFrame();
    }
    if (isKept) return;
    this.#held.push(chunk);
    if (this.#seen === 0) this.#giveBack();
  }

  #readHeader(byte: number): void {
    this.#seen += 1;
    if (this.#seen === 1) this.#isWholeBinary = byte === finalBinary;
    else if (this.#seen === 2) {
      this.#isMasked = (byte & maskBit) !== 0;
      this.#length = byte & lengthBits;
      if (this.#length >= length16) {
        this.#headerBytes = this.#length === length64 ? 10 : 4;
        this.#length = 0;
      }
    } else this.#length = this.#length * 256 + byte;
    if (this.#seen === this.#headerBytes) this.#left = this.#length + (this.#isMasked ? maskingKeyBytes : 0);
  }

  #endFrame(): void {
    this.#seen = 0;
    this.#headerBytes = 2;
    this.#isWholeBinary = true;
    // `ws` has joined it.
    this.#giveBack();
  }

  #giveBack(): void {
    for (const chunk of this.#held) discardCiphertext(chunk);
    this.#held.length = 0;
  }
}
