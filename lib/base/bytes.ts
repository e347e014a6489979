// Reading and writing bytes: big-endian numbers and length-prefixed vectors, as the TLS presentation language
// has them (RFC 9846 §3.4). The reader refuses to look past its end and, with finish(), anything left over.

import { SealwireError } from './errors.js';

const textEncoder = new TextEncoder();
const strictTextDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const empty: Uint8Array = new Uint8Array(0);

export function utf8(text: string): Uint8Array {
  return textEncoder.encode(text);
}

/** Decodes UTF-8; throws a TypeError on malformed input instead of inserting U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return strictTextDecoder.decode(bytes);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(totalBytes(parts));
  writeAll(joined, 0, parts);
  return joined;
}

export function totalBytes(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** Writes the parts in a row, from `offset` on. */
export function writeAll(target: Uint8Array, offset: number, parts: readonly Uint8Array[]): void {
  let at = offset;
  for (const part of parts) {
    target.set(part, at);
    at += part.length;
  }
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Overwrites with zeros. JavaScript may hold copies that nobody can reach: docs/security.md says so. */
export function wipe(...secrets: Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/** Whether two byte strings are the same. Not for secrets or tags: it stops at the first difference. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** Reads big-endian fields one after another; anything that does not fit throws PROTOCOL_ERROR. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u16(): number {
    return this.#uint(2);
  }

  u24(): number {
    return this.#uint(3);
  }

  u32(): number {
    return this.#uint(4);
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, this.#offset);
  }

  /** A vector whose length stands before it in `lengthBytes` bytes. */
  vector(lengthBytes: 1 | 2 | 3): Uint8Array {
    return this.bytes(lengthBytes === 1 ? this.u8() : lengthBytes === 2 ? this.u16() : this.u24());
  }

  /** A UTF-8 string whose length in bytes stands before it. */
  string(lengthBytes: 1 | 2): string {
    const bytes = this.vector(lengthBytes);
    try {
      return decodeUtf8(bytes);
    } catch (cause) {
      throw malformed('a string is not valid UTF-8', cause);
    }
  }

  /** Throws when something is left: trailing bytes are never ignored. */
  finish(): void {
    if (this.remaining > 0) throw malformed('bytes are left over behind the last field');
  }

  #uint(length: number): number {
    let value = 0;
    for (let at = this.#take(length); at < this.#offset; at++) value = value * 256 + this.#bytes[at]!;
    return value;
  }

  /** Goes past the next `length` bytes, and returns where they begin. */
  #take(length: number): number {
    if (length > this.remaining) throw malformed('a field runs past the end of its message');
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

/** Enough for most messages, and little enough for V8 to keep it in its heap. */
const writerBytes = 64;

/** Writes the fields that {@link ByteReader} reads. Lengths that do not fit their prefix are a RangeError. */
export class ByteWriter {
  #bytes: Uint8Array = new Uint8Array(writerBytes);
  #length = 0;

  u8(value: number): this {
    return this.#uint(value, 1);
  }

  u16(value: number): this {
    return this.#uint(value, 2);
  }

  u24(value: number): this {
    return this.#uint(value, 3);
  }

  u32(value: number): this {
    return this.#uint(value, 4);
  }

  bytes(bytes: Uint8Array): this {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
    return this;
  }

  vector(lengthBytes: 1 | 2 | 3, bytes: Uint8Array): this {
    return this.#uint(bytes.length, lengthBytes).bytes(bytes);
  }

  string(lengthBytes: 1 | 2, text: string): this {
    return this.vector(lengthBytes, utf8(text));
  }

  /** What was written, in memory of its own. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #uint(value: number, length: number): this {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** length) {
      throw new RangeError(`${value} does not fit ${length} byte(s)`);
    }
    const start = this.#grow(length);
    let rest = value;
    for (let at = start + length - 1; at >= start; at--) {
      this.#bytes[at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return this;
  }

  /** Makes room for `length` bytes more, and returns where they begin. */
  #grow(length: number): number {
    const start = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    return start;
  }
}

function malformed(message: string, cause?: unknown): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', message, cause === undefined ? {} : { cause });
}
