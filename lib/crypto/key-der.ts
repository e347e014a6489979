// The part of DER (X.690 §10, §11) that keys are written in: tag, shortest definite length, contents.
//
//   tag (1 byte) ‖ length (0x00-0x7f, or 0x81 n, or 0x82 n n) ‖ contents
//
// Strict on purpose: one key has one encoding, so that no two readers can see two keys in the same bytes. Certificates
// have a reader of their own in certificate/der.ts; this one knows no strings, times or sets, and nothing above 64 KiB.

import { concat } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';

export const tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  /** Context-specific and constructed: `[n]` EXPLICIT, or `[n]` IMPLICIT of something constructed. */
  context: (number: number): number => 0xa0 | number,
  /** Context-specific and primitive: `[n]` IMPLICIT of something primitive. */
  contextPrimitive: (number: number): number => 0x80 | number,
} as const;

/** Reads the elements of one constructed value, in order. Whatever does not fit throws INVALID_CERTIFICATE. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The contents of the next element, which must have this tag; a view. */
  read(expected: number): Uint8Array {
    const contents = this.optional(expected);
    if (contents === undefined) throw unreadable('an element is missing or of another type');
    return contents;
  }

  /** The contents of the next element if it has this tag; otherwise undefined, and nothing is consumed. */
  optional(expected: number): Uint8Array | undefined {
    if (this.#bytes[this.#offset] !== expected) return undefined;
    const start = this.#offset + 1;
    const first = this.#bytes[start];
    let length = first ?? 0;
    let contents = start + 1;
    if (first === 0x81) {
      length = this.#bytes[start + 1] ?? 0;
      contents = start + 2;
      if (length < 0x80) throw unreadable('a length is not in its shortest form');
    } else if (first === 0x82) {
      length = ((this.#bytes[start + 1] ?? 0) << 8) | (this.#bytes[start + 2] ?? 0);
      contents = start + 3;
      if (length < 0x100) throw unreadable('a length is not in its shortest form');
    } else if (length > 0x7f) {
      throw unreadable('a length is indefinite or above 64 KiB');
    }
    if (contents + length > this.#bytes.length) throw unreadable('an element runs past its end');
    this.#offset = contents + length;
    return this.#bytes.subarray(contents, this.#offset);
  }

  /** Reads the elements of a SEQUENCE, and throws when some are left. */
  sequence<Value>(read: (elements: DerReader) => Value): Value {
    return readWhole(this.read(tag.sequence), read);
  }

  /** A non-negative INTEGER as its big-endian bytes, without leading zeros (zero is no bytes at all). */
  unsigned(): Uint8Array {
    const contents = this.read(tag.integer);
    if (contents.length === 0 || contents[0]! > 0x7f) throw unreadable('a number is negative or empty');
    if (contents[0] !== 0) return contents;
    if (contents.length > 1 && contents[1]! < 0x80) throw unreadable('a number is not in its shortest form');
    return contents.subarray(1);
  }

  /** A small INTEGER, such as a version. */
  small(): number {
    const bytes = this.unsigned();
    if (bytes.length > 2) throw unreadable('a small number is too large');
    return bytes.reduce((value, byte) => (value << 8) | byte, 0);
  }

  /** A BIT STRING of whole bytes. */
  bits(expected: number = tag.bitString): Uint8Array {
    const contents = this.read(expected);
    if (contents[0] !== 0) throw unreadable('a bit string does not end with a whole byte');
    return contents.subarray(1);
  }
}

/** Reads the one thing that `bytes` hold, and throws when something is left. */
export function readWhole<Value>(bytes: Uint8Array, read: (reader: DerReader) => Value): Value {
  const reader = new DerReader(bytes);
  const value = read(reader);
  if (!reader.done) throw unreadable('bytes are left over behind the last element');
  return value;
}

/** One element from the concatenation of its parts. */
export function der(elementTag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const contents = concat(parts);
  const length = contents.length;
  const header =
    length < 0x80
      ? [elementTag, length]
      : length < 0x100
        ? [elementTag, 0x81, length]
        : [elementTag, 0x82, length >>> 8, length & 0xff];
  return concat([Uint8Array.from(header), contents]);
}

/** An INTEGER from the big-endian bytes of a non-negative number. */
export function derUnsigned(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start++;
  const magnitude = bytes.subarray(start);
  const needsSign = magnitude.length === 0 || magnitude[0]! > 0x7f;
  return needsSign ? der(tag.integer, Uint8Array.of(0), magnitude) : der(tag.integer, magnitude);
}

export function derBits(bytes: Uint8Array): Uint8Array {
  return der(tag.bitString, Uint8Array.of(0), bytes);
}

export const derNull: Uint8Array = Uint8Array.of(tag.null, 0);

/** What the readers of keys throw; the reason says which rule was broken, never a byte of the key. */
export function unreadable(reason: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', `this key cannot be used: ${reason}`);
}
