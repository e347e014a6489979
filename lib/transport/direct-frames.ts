// The short way in for a client's WebSocket: of each chunk that the socket gives, whole binary messages are handed on at once.
//
//   chunk ─ its next frame is whole, binary and no fragment ─▸ message()
//         └ anything else: control frames, fragments, what goes on in the next chunk ─▸ rest(), which is `ws`
//
// `ws` takes each chunk through a writable stream and two events, which costs more than all the rest of a short message. What is
// not plainly good is for `ws` to judge: here is only known where its frames end (RFC 6455 §5.2), so that what comes behind them
// can go the short way again. A frame that this side does not understand, and a close, switch the short way off.

import { concat } from '../base/bytes.js';
import { allocate, largestPiece } from '../base/slab.js';

/** FIN and binary; a server masks nothing and, without extensions, sets no other bit. */
const wholeBinary = 0x82;
const finBit = 0x80;
const reservedBits = 0x70;
const opcodeMask = 0x0f;
const continuation = 0x0;
const lastDataOpcode = 0x2;
const ping = 0x9;
const pong = 0xa;
const maskBit = 0x80;

const length16 = 126;
const length64 = 127;

export interface DirectFramesOwner {
  /** A whole message, in memory of its own. */
  message(bytes: Uint8Array): void;
  /** For `ws`, in memory of its own. */
  rest(bytes: Uint8Array): void;
}

export class DirectFrames {
  readonly #owner: DirectFramesOwner;
  /** Bytes to come of a frame that goes to `ws`. */
  #left = 0;
  /** `ws` has a part of a message. */
  #fragmented = false;
  /** The beginning of a header; `ws` gets it when it is whole. */
  #held: Uint8Array | undefined;
  #off = false;

  constructor(owner: DirectFramesOwner) {
    this.#owner = owner;
  }

  /**
   * The first `length` bytes of the memory came, which is used again when this returns. `isShort`: messages need not go to
   * `ws`.
   */
  take(memory: Uint8Array, length: number, isShort: boolean): void {
    if (this.#held === undefined) {
      this.#walk(memory, length, isShort);
      return;
    }
    const bytes = concat([this.#held, memory.subarray(0, length)]);
    this.#held = undefined;
    this.#walk(bytes, bytes.length, isShort);
  }

  #walk(bytes: Uint8Array, end: number, isShort: boolean): void {
    let at = 0;
    /** Where that begins which goes to `ws`. */
    let from = 0;
    while (at < end && !this.#off) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, end - at);
        this.#left -= taken;
        at += taken;
        continue;
      }
      const headerBytes = headerLength(bytes, at, end);
      if (headerBytes > end - at) break;
      const body = at + headerBytes;
      const length = bodyLength(bytes, at);
      if (isShort && isWholeBinary(bytes, at) && !this.#fragmented && length <= end - body) {
        this.#rest(bytes, from, at);
        from = body + length;
        at = from;
        this.#owner.message(copy(bytes, body, from));
      } else {
        this.#left = headerBytes + length;
        this.#note(bytes[at]!, bytes[at + 1]!);
      }
    }
    if (this.#off) at = end;
    this.#rest(bytes, from, at);
    if (at < end) this.#held = bytes.slice(at, end);
  }

  /** Of a frame that goes to `ws`. */
  #note(first: number, second: number): void {
    const opcode = first & opcodeMask;
    const isLast = (first & finBit) !== 0;
    const isData = opcode <= lastDataOpcode;
    const isHonest = isData
      ? this.#fragmented === (opcode === continuation)
      : isLast && (opcode === ping || opcode === pong);
    if (!isHonest || (first & reservedBits) !== 0 || (second & maskBit) !== 0) this.#off = true;
    if (isData) this.#fragmented = !isLast;
  }

  #rest(bytes: Uint8Array, from: number, to: number): void {
    if (from < to) this.#owner.rest(copy(bytes, from, to));
  }
}

/** It is masked where a server breaks the rules: that is for `ws` to say. */
function isWholeBinary(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === wholeBinary && (bytes[at + 1]! & maskBit) === 0;
}

/** Of the frame at `at`: 2, 4 or 10, and 2 while it is not known. A mask is not looked for: servers send none. */
function headerLength(bytes: Uint8Array, at: number, end: number): number {
  const short = at + 1 < end ? bytes[at + 1]! & ~maskBit : 0;
  return short === length64 ? 10 : short === length16 ? 4 : 2;
}

/** Of the body behind a whole header. */
function bodyLength(bytes: Uint8Array, at: number): number {
  const short = bytes[at + 1]! & ~maskBit;
  if (short < length16) return short;
  let length = 0;
  const end = at + (short === length16 ? 4 : 10);
  for (let index = at + 2; index < end; index++) length = length * 256 + bytes[index]!;
  return length;
}

function copy(bytes: Uint8Array, from: number, to: number): Uint8Array {
  if (to - from > largestPiece) return bytes.slice(from, to);
  const own = allocate(to - from);
  own.set(bytes.subarray(from, to));
  return own;
}
