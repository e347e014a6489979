// Sealing: a body and its flags become a record. The mirror image is open.ts; the picture is in wire/frame.ts.
//
//   1. refuse past the hard limits        4. encrypt and / or MAC, in place
//   2. make the record, header first      5. count it
//   3. nonce = static IV xor sequence
//
// What is long may leave in pieces instead: header, ciphertexts in memory of their own, tag.

import { totalBytes, writeAll } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { allocate } from '../base/slab.js';
import { bothFlags } from '../contract/security.js';
import { tagBytes } from '../crypto/provider.js';
import { type FrameType, frameTypes, recordHeaderBytes, writeRecordHeader } from '../wire/frame.js';
import { Generation } from './generation.js';
import type { TrafficSecret } from './traffic-keys.js';

/** When a sender changes its keys: `rekeyAfter…` of base/limits.ts. */
export interface RekeyLimits {
  readonly rekeyAfterRecords: number;
  readonly rekeyAfterBytes: number;
  readonly rekeyAfterMs: number;
}

/** One for all: it is written anew for each record, and used before anything else happens. */
const header: Uint8Array = new Uint8Array(recordHeaderBytes);

/** The sending side of one direction. Not usable before there is a traffic secret: that is the point. */
export class Sealer {
  #generation: Generation;
  #generationStartedMs: number;
  readonly #limits: RekeyLimits;
  readonly #now: () => number;

  /** `now` gives milliseconds of a clock that does not jump. */
  constructor(secret: TrafficSecret, limits: RekeyLimits, now: () => number) {
    this.#generation = new Generation(secret);
    this.#limits = limits;
    this.#now = now;
    this.#generationStartedMs = now();
  }

  /** How many key updates there were, plus one: the generation of the next record. */
  get generation(): number {
    return this.#generation.number;
  }

  /** The number of the next record of this generation. */
  get sequence(): number {
    return this.#generation.sequence;
  }

  /**
   * Seals `body` under `flags`: 1 Encrypted, 2 Authenticated, 3 both. A frame without flags is no record.
   * The frame is a new array; `body` is left as it is.
   */
  seal(flags: number, type: FrameType, body: Uint8Array): Uint8Array {
    return this.sealGathered(flags, type, [body]);
  }

  /** The same of a body that is the parts in a row. */
  sealGathered(flags: number, type: FrameType, parts: readonly Uint8Array[]): Uint8Array {
    const frame = allocate(recordBytes(flags, totalBytes(parts)));
    this.sealInto(frame, 0, flags, type, parts);
    return frame;
  }

  /** The same, into memory that ends where the record does: it begins at `at`. */
  sealInto(
    memory: Uint8Array,
    at: number,
    flags: number,
    type: FrameType,
    parts: readonly Uint8Array[],
  ): void {
    const generation = this.#generation;
    const bodyAt = at + recordHeaderBytes;
    const bodyEnd = flags & 2 ? memory.length - tagBytes : memory.length;
    const bodyBytes = bodyEnd - bodyAt;
    refuseExhausted(generation, bodyBytes);
    writeRecordHeader(header, flags, type, generation.number, generation.sequence);
    memory.set(header, at);

    const { aead } = generation;
    if (flags === bothFlags && aead.sealParts !== undefined) {
      aead.sealParts(generation.nonce(), header, parts, bodyBytes, memory, bodyAt);
    } else {
      writeAll(memory, bodyAt, parts);
      const body = memory.subarray(bodyAt, bodyEnd);
      if (flags === bothFlags) aead.seal(generation.nonce(), header, body, memory.subarray(bodyAt));
      else if (flags === 2) generation.mac.compute(memory.subarray(at, bodyEnd), memory.subarray(bodyEnd));
      else generation.stream.apply(generation.nonce(), body, body);
    }
    generation.advance(bodyBytes);
  }

  /**
   * The same as pieces that are the frame in a row, for transports that take such: nothing is copied where the cipher makes
   * memory of its own anyway. Undefined, and nothing is sealed, where {@link sealGathered} is the better way.
   */
  sealApart(flags: number, type: FrameType, parts: readonly Uint8Array[]): Uint8Array[] | undefined {
    const generation = this.#generation;
    const bodyBytes = totalBytes(parts);
    if (flags !== bothFlags || generation.aead.sealApart === undefined) return undefined;
    refuseExhausted(generation, bodyBytes);
    writeRecordHeader(header, flags, type, generation.number, generation.sequence);
    const pieces = generation.aead.sealApart(generation.nonce(), header, parts, bodyBytes);
    if (pieces === undefined) return undefined;
    generation.advance(bodyBytes);
    pieces.unshift(header.slice());
    return pieces;
  }

  /** Whether a key update is due before a record with a body of `bodyBytes`. */
  needsRekey(bodyBytes: number): boolean {
    const { sequence, bytes } = this.#generation;
    // An unused generation is never replaced: its key has sealed nothing, however old it is. One place of the
    // count is kept for the key update itself.
    return (
      sequence > 0 &&
      (sequence + 1 >= this.#limits.rekeyAfterRecords ||
        bytes + bodyBytes > this.#limits.rekeyAfterBytes ||
        this.#now() - this.#generationStartedMs >= this.#limits.rekeyAfterMs)
    );
  }

  /** Seals the key update under the old keys and goes on to the next generation. Returns the frame to send. */
  rekey(): Uint8Array {
    const frame = this.sealGathered(bothFlags, frameTypes.keyUpdate, []);
    this.#generation = this.#generation.next();
    this.#generationStartedMs = this.#now();
    return frame;
  }

  destroy(): void {
    this.#generation.destroy();
  }
}

function refuseExhausted(generation: Generation, bodyBytes: number): void {
  if (!generation.exhausted(bodyBytes)) return;
  throw new SealwireError('RECORD_REJECTED', 'these keys have sealed all that they may; reconnect');
}

/** Bytes of a record with such a body. */
export function recordBytes(flags: number, bodyBytes: number): number {
  return recordHeaderBytes + bodyBytes + (flags & 2 ? tagBytes : 0);
}

/** Bytes that a record has beside its body. */
export const recordOverheadBytes: number = recordHeaderBytes + tagBytes;
