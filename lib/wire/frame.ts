// The outside of every frame: docs/protocol.md section 2.
//
//   plain    E A t6 | body                                       no flag set: one byte, then the body
//   record   E A t6 | epoch u8 | sequence u48 | body | tag 16     any flag set; the tag only with A
//
// Only the layout is known here. Keys, counters and what a type may carry are the business of floors above.

import { totalBytes, writeAll } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { allocate } from '../base/slab.js';

export const frameTypes = { handshake: 1, messages: 2, keyUpdate: 3, close: 4, fragment: 5 } as const;
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

/** Flag bits of the first byte; contract/security.ts has the same two as 1 and 2. */
const encryptedBit = 0x80;
const authenticatedBit = 0x40;
const typeMask = 0x3f;

const epochOffset = 1;
const sequenceOffset = 2;
export const recordHeaderBytes = 8;
export const plainHeaderBytes = 1;

/** Sequence numbers have 48 bits, which a JavaScript number holds exactly. */
export const maxSequence: number = 2 ** 48 - 1;

/** Flags (Encrypted 1, Authenticated 2) and type of a frame, from its first byte. Throws PROTOCOL_ERROR. */
export function readFirstByte(frame: Uint8Array): { flags: number; type: FrameType } {
  const first = frame[0];
  if (first === undefined) throw new SealwireError('PROTOCOL_ERROR', 'an empty frame arrived');
  const type = first & typeMask;
  if (type < frameTypes.handshake || type > frameTypes.fragment) {
    throw new SealwireError('PROTOCOL_ERROR', `a frame of unknown type ${type} arrived`);
  }
  const flags = (first & encryptedBit ? 1 : 0) | (first & authenticatedBit ? 2 : 0);
  return { flags, type: type as FrameType };
}

export function firstByte(flags: number, type: FrameType): number {
  return (flags & 1 ? encryptedBit : 0) | (flags & 2 ? authenticatedBit : 0) | type;
}

/** A frame without flags. */
export function plainFrame(type: FrameType, body: Uint8Array): Uint8Array {
  return gatheredFrame(type, [body]);
}

/** A frame without flags, whose body is the parts in a row. */
export function gatheredFrame(type: FrameType, parts: readonly Uint8Array[]): Uint8Array {
  const frame = allocate(plainHeaderBytes + totalBytes(parts));
  writePlainFrame(frame, 0, type, parts);
  return frame;
}

/** The same, into memory that has room for it from `at` to its end. */
export function writePlainFrame(
  memory: Uint8Array,
  at: number,
  type: FrameType,
  parts: readonly Uint8Array[],
): void {
  memory[at] = firstByte(0, type);
  writeAll(memory, at + plainHeaderBytes, parts);
}

/** Writes the eight header bytes of a record to the start of `frame`. */
export function writeRecordHeader(
  frame: Uint8Array,
  flags: number,
  type: FrameType,
  generation: number,
  sequence: number,
): void {
  frame[0] = firstByte(flags, type);
  frame[epochOffset] = generation & 0xff;
  writeSequence(frame, sequenceOffset, sequence);
}

/** Epoch and sequence of a record whose first byte has a flag. Throws PROTOCOL_ERROR when it is too short. */
export function readRecordHeader(frame: Uint8Array): { epoch: number; sequence: number } {
  if (frame.length < recordHeaderBytes) {
    throw new SealwireError('PROTOCOL_ERROR', 'a record is shorter than its header');
  }
  let sequence = 0;
  for (let offset = sequenceOffset; offset < recordHeaderBytes; offset++) {
    sequence = sequence * 256 + frame[offset]!;
  }
  return { epoch: frame[epochOffset]!, sequence };
}

/** Writes a 48-bit sequence big-endian at `offset`. */
export function writeSequence(bytes: Uint8Array, offset: number, sequence: number): void {
  const high = Math.floor(sequence / 2 ** 32);
  bytes[offset] = high >>> 8;
  bytes[offset + 1] = high;
  bytes[offset + 2] = sequence >>> 24;
  bytes[offset + 3] = sequence >>> 16;
  bytes[offset + 4] = sequence >>> 8;
  bytes[offset + 5] = sequence;
}

/** Why a connection ended, as a close frame says it: docs/protocol.md section 8. */
export const closeCodes = {
  normal: 0,
  'going-away': 1,
  'handshake-failed': 2,
  'protocol-error': 3,
  'limit-exceeded': 4,
  'encryption-mismatch': 5,
  'signature-mismatch': 6,
  'version-mismatch': 7,
  'no-common-algorithm': 8,
  'handshake-timeout': 9,
  'certificate-required': 10,
  'certificate-rejected': 11,
} as const;
export type CloseReason = keyof typeof closeCodes;

export function encodeClose(reason: CloseReason): Uint8Array {
  return Uint8Array.of(closeCodes[reason]);
}

/** Codes of later versions are read as `normal`. Throws PROTOCOL_ERROR for a body of another size. */
export function decodeClose(body: Uint8Array): CloseReason {
  if (body.length !== 1) throw new SealwireError('PROTOCOL_ERROR', 'a close frame has one byte');
  const found = Object.entries(closeCodes).find(([, code]) => code === body[0]);
  return found === undefined ? 'normal' : (found[0] as CloseReason);
}
