// DER, the distinguished encoding of ASN.1 (X.690 §10): what certificates, keys and PFX files are made of.
//
//   +------------+----------------+-----------------+
//   | identifier | length, 1 to 5 | content         |
//   +------------+----------------+-----------------+
//
// One value has one encoding, so everything else is refused: indefinite and over-long lengths, tags of several
// octets, padded integers. Reading gives views and never recurses: how deep to go is decided by the caller's own
// code, which knows what it expects. Malformed input is INVALID_CERTIFICATE.

import { decodeUtf8 } from './bytes.js';
import { tagNumberMask, tags } from './der-writer.js';
import { SealwireError } from './errors.js';

export { contextTag, der, tags } from './der-writer.js';

const maxLengthOctets = 4;

export interface DerElement {
  /** The identifier octet, such as 0x30. */
  readonly tag: number;
  /** What stands behind the length; a view. */
  readonly content: Uint8Array;
  /** Identifier, length and content; a view. */
  readonly bytes: Uint8Array;
}

/** Reads exactly one element, of this tag where one is given; bytes behind it are malformed. */
export function readDer(bytes: Uint8Array, tag?: number): DerElement {
  const reader = new DerReader(bytes);
  const element = tag === undefined ? reader.next() : reader.expect(tag);
  reader.finish();
  return element;
}

/** The elements of the one SEQUENCE that `bytes` hold. */
export function readSequence(bytes: Uint8Array): DerReader {
  return new DerReader(readDer(bytes, tags.sequence).content);
}

/** Walks over the elements that stand one after another in a SEQUENCE, a SET or an explicit tag. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(content: Uint8Array) {
    this.#bytes = content;
  }

  get done(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  /** The identifier octet of the next element; undefined at the end. */
  peekTag(): number | undefined {
    return this.#bytes[this.#offset];
  }

  next(): DerElement {
    const start = this.#offset;
    const tag = this.#octet();
    if ((tag & tagNumberMask) === tagNumberMask) throw malformed('a tag has several octets');
    const length = this.#length();
    if (length > this.#bytes.length - this.#offset)
      throw malformed('an element runs past the end of its container');
    const contentStart = this.#offset;
    this.#offset += length;
    return {
      tag,
      content: this.#bytes.subarray(contentStart, this.#offset),
      bytes: this.#bytes.subarray(start, this.#offset),
    };
  }

  /** The next element, which must have this identifier octet. */
  expect(tag: number): DerElement {
    if (this.peekTag() !== tag) {
      const found = this.peekTag();
      throw malformed(
        `expected tag ${hexTag(tag)}, found ${found === undefined ? 'the end' : hexTag(found)}`,
      );
    }
    return this.next();
  }

  /** The next element when it has this identifier octet; otherwise undefined, and nothing is consumed. */
  optional(tag: number): DerElement | undefined {
    return this.peekTag() === tag ? this.next() : undefined;
  }

  /** Enters the SEQUENCE that must come next. */
  sequence(): DerReader {
    return new DerReader(this.expect(tags.sequence).content);
  }

  /** Throws when something is left: trailing elements are never ignored. */
  finish(): void {
    if (!this.done) throw malformed('bytes are left over behind the last element');
  }

  #octet(): number {
    const octet = this.#bytes[this.#offset];
    if (octet === undefined) throw malformed('the encoding ends in the middle of an element');
    this.#offset++;
    return octet;
  }

  /** X.690 §10.1: definite form, in the fewest octets. */
  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    const octets = first & 0x7f;
    if (octets === 0) throw malformed('an indefinite length is BER, not DER');
    if (octets > maxLengthOctets) throw malformed('a length has more than four octets');
    let length = 0;
    for (let index = 0; index < octets; index++) length = length * 256 + this.#octet();
    if (length < 0x80 || length < 256 ** (octets - 1))
      throw malformed('a length is not in its shortest form');
    return length;
  }
}

/** X.690 §11.1: FALSE is 00 and TRUE is FF, nothing else. */
export function readBoolean(content: Uint8Array): boolean {
  if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff)) throw malformed('not a BOOLEAN');
  return content[0] === 0xff;
}

/** X.690 §8.8.2: a NULL has no content. */
export function readNull(content: Uint8Array): void {
  if (content.length > 0) throw malformed('a NULL has content');
}

/** Two's complement, in the fewest octets (X.690 §8.3.2). */
export function readInteger(content: Uint8Array): bigint {
  requireShortestInteger(content);
  let hex = '';
  for (const octet of content) hex += octet.toString(16).padStart(2, '0');
  return BigInt.asIntN(content.length * 8, BigInt(`0x${hex}`));
}

/** An INTEGER that must be between 0 and 2^31 - 1: versions, lengths, iterations. */
export function readSmallInteger(content: Uint8Array): number {
  const value = content.length <= 4 ? readInteger(content) : -1n;
  if (value < 0n) throw malformed('an INTEGER is not between 0 and 2147483647');
  return Number(value);
}

/**
 * The big-endian octets of an INTEGER that must not be negative, without leading zeros; zero is no octets at all.
 * A view, so that the number of a private key has no copies that nobody wipes.
 */
export function readUnsignedInteger(content: Uint8Array): Uint8Array {
  requireShortestInteger(content);
  if (content[0]! >= 0x80) throw malformed('an INTEGER is negative');
  return content[0] === 0 ? content.subarray(1) : content;
}

function requireShortestInteger([first, second]: Uint8Array): void {
  if (first === undefined) throw malformed('an INTEGER is empty');
  if (second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw malformed('an INTEGER is padded');
  }
}

/** The octets of a BIT STRING that holds whole octets, as keys and signatures do. */
export function readBitString(content: Uint8Array): Uint8Array {
  if (content[0] !== 0) throw malformed('a BIT STRING does not hold whole octets');
  return content.subarray(1);
}

/** The numbers of the bits that are set in a named bit list (X.690 §11.2.2), such as keyUsage. */
export function readNamedBits(content: Uint8Array): Set<number> {
  const unused = content[0];
  const octets = content.subarray(1);
  if (unused === undefined || unused > 7 || (octets.length === 0 && unused > 0)) {
    throw malformed('a BIT STRING has a wrong count of unused bits');
  }
  const last = octets.at(-1) ?? 0;
  if ((last & ((1 << unused) - 1)) !== 0) throw malformed('unused bits of a BIT STRING are set');
  const bits = new Set<number>();
  for (const [index, octet] of octets.entries()) {
    for (let bit = 0; bit < 8; bit++) if (octet & (0x80 >> bit)) bits.add(index * 8 + bit);
  }
  return bits;
}

/** An OBJECT IDENTIFIER as dotted numbers (X.690 §8.19). */
export function readOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > 64)
    throw malformed('an OBJECT IDENTIFIER is empty or too long');
  const arcs: bigint[] = [];
  let arc = 0n;
  let inside = false;
  for (const octet of content) {
    if (!inside && octet === 0x80) throw malformed('an OBJECT IDENTIFIER is padded');
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    inside = octet >= 0x80;
    if (inside) continue;
    if (arcs.length === 0) {
      // §8.19.4: the first two arcs share a number, 40 × first + second, where first is at most 2.
      const first = arc < 80n ? arc / 40n : 2n;
      arcs.push(first, arc - first * 40n);
    } else {
      arcs.push(arc);
    }
    arc = 0n;
  }
  if (inside) throw malformed('an OBJECT IDENTIFIER ends in the middle of a number');
  return arcs.join('.');
}

/** A UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 restricts them: whole seconds, in UTC, ending in Z. */
export function readTime({ tag, content }: DerElement): Date {
  const text = latin1(content);
  const yearDigits = tag === tags.utcTime ? 2 : tag === tags.generalizedTime ? 4 : 0;
  if (yearDigits === 0 || text.length !== yearDigits + 11 || !/^\d+Z$/.test(text))
    throw malformed('not a time');
  const shortYear = Number(text.slice(0, yearDigits));
  // §4.1.2.5.1: two digits from 50 are of the twentieth century.
  const year = yearDigits === 4 ? shortYear : shortYear + (shortYear >= 50 ? 1900 : 2000);
  const [month, day, hour, minute, second] = text.slice(yearDigits, -1).match(/\d\d/g)!.map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month! - 1, day!);
  date.setUTCHours(hour!, minute!, second!);
  // The Date wraps around what does not exist (February 30, 24:00, second 60): then it reads differently.
  const read = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()];
  if (String(read) !== String([month, day, hour, minute])) throw malformed('a time does not exist');
  return date;
}

/** The text of any of the string types of RFC 5280 §4.1.2.4, and of IA5String. */
export function readText({ tag, content }: DerElement): string {
  switch (tag) {
    case tags.utf8String:
      try {
        return decodeUtf8(content);
      } catch (cause) {
        throw malformed('a UTF8String is not valid UTF-8', cause);
      }
    case tags.printableString:
    case tags.ia5String:
      if (content.some((octet) => octet >= 0x80)) throw malformed('an ASCII string holds other octets');
      return latin1(content);
    case tags.teletexString:
      return latin1(content);
    case tags.bmpString:
      return wideText(content, 2);
    case tags.universalString:
      return wideText(content, 4);
    default:
      throw malformed(`tag ${hexTag(tag)} is not a string`);
  }
}

function latin1(content: Uint8Array): string {
  let text = '';
  for (const octet of content) text += String.fromCharCode(octet);
  return text;
}

function wideText(content: Uint8Array, width: 2 | 4): string {
  if (content.length % width !== 0) throw malformed('a string ends in the middle of a character');
  let text = '';
  for (let offset = 0; offset < content.length; offset += width) {
    let code = 0;
    for (const octet of content.subarray(offset, offset + width)) code = code * 256 + octet;
    if (code > 0x10ffff) throw malformed('a string holds a character that does not exist');
    text += width === 2 ? String.fromCharCode(code) : String.fromCodePoint(code);
  }
  return text;
}

function hexTag(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}

function malformed(detail: string, cause?: unknown): SealwireError {
  return new SealwireError(
    'INVALID_CERTIFICATE',
    `this is not well-formed DER (${detail}): export the certificate or key again`,
    cause === undefined ? {} : { cause },
  );
}
