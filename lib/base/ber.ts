// BER (X.690 §8) brought to DER: some programs, Firefox among them, write PFX files in its freer forms.
//
//   indefinite length       30 80 … 00 00                       becomes   30 length …
//   padded length           30 82 00 05 …                       becomes   30 05 …
//   OCTET STRING in parts   24 80 04 02 aa bb 04 01 cc 00 00    becomes   04 03 aa bb cc
//
// Nothing else is changed, and what is DER already comes back as it is, without a copy. Certificates and keys have to
// be DER: only files that their owner reads with a passphrase go through here. An OCTET STRING is not looked into.

import { concat } from './bytes.js';
import { DerReader } from './der.js';
import { der, tagNumberMask, tags } from './der-writer.js';
import { SealwireError } from './errors.js';

const constructedBit = 0x20;
const maxLengthOctets = 4;
const maxDepth = 32;
/** PFX files have some hundreds, the parts of their strings included. */
const maxElements = 16_384;

/** The one element that `bytes` hold, with definite lengths; throws INVALID_CERTIFICATE for what is no BER. */
export function berToDer(bytes: Uint8Array): Uint8Array {
  const transcoder = new Transcoder(bytes);
  const element = transcoder.element(bytes.length, 0);
  transcoder.finish();
  return element;
}

/** The octets of the OCTET STRINGs that stand one after another in `content`, DER: the parts of one string. */
export function joinOctetStrings(content: Uint8Array): Uint8Array {
  const reader = new DerReader(content);
  const parts: Uint8Array[] = [];
  while (!reader.done) parts.push(reader.expect(tags.octetString).content);
  return concat(parts);
}

class Transcoder {
  readonly #bytes: Uint8Array;
  #offset = 0;
  #elements = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next element, which ends before `end`; a view of the input where it is DER. */
  element(end: number, depth: number): Uint8Array {
    if (depth > maxDepth) throw malformed(`it is nested more than ${maxDepth} deep`);
    if (++this.#elements > maxElements) throw malformed(`it has more than ${maxElements} elements`);
    const start = this.#offset;
    const tag = this.#octet(end);
    if ((tag & tagNumberMask) === tagNumberMask) throw malformed('a tag has several octets');
    const length = this.#length(end);
    const contentStart = this.#offset;
    if ((tag & constructedBit) === 0) {
      if (length === undefined) throw malformed('a value without parts has an indefinite length');
      this.#offset += length;
      return this.#unchanged(start, contentStart, length)
        ? this.#bytes.subarray(start, this.#offset)
        : der.element(tag, this.#bytes.subarray(contentStart, this.#offset));
    }
    const parts =
      length === undefined ? this.#partsToMark(end, depth) : this.#parts(contentStart + length, depth);
    if (tag === (tags.octetString | constructedBit)) return der.octetString(joinOctetStrings(concat(parts)));
    const asTheyWere = parts.every(({ buffer }) => buffer === this.#bytes.buffer);
    return asTheyWere && length !== undefined && this.#unchanged(start, contentStart, length)
      ? this.#bytes.subarray(start, this.#offset)
      : der.element(tag, concat(parts));
  }

  finish(): void {
    if (this.#offset < this.#bytes.length) throw malformed('bytes are left over behind its end');
  }

  #parts(end: number, depth: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    while (this.#offset < end) parts.push(this.element(end, depth + 1));
    return parts;
  }

  /** Up to two zero octets, the end-of-contents mark (§8.1.5). */
  #partsToMark(end: number, depth: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    while (this.#bytes[this.#offset] !== 0) parts.push(this.element(end, depth + 1));
    if (this.#octet(end) !== 0 || this.#octet(end) !== 0) throw malformed('the end of a value is not marked');
    return parts;
  }

  #octet(end: number): number {
    if (this.#offset >= end) throw malformed('it ends in the middle of a value');
    return this.#bytes[this.#offset++]!;
  }

  /** §8.1.3; undefined for the indefinite form. */
  #length(end: number): number | undefined {
    const first = this.#octet(end);
    if (first === 0x80) return undefined;
    let length = first;
    if (first > 0x80) {
      if (first - 0x80 > maxLengthOctets) throw malformed('a length has more than four octets');
      length = 0;
      for (let count = first - 0x80; count > 0; count--) length = length * 256 + this.#octet(end);
    }
    if (length > end - this.#offset) throw malformed('a value runs past the end of its container');
    return length;
  }

  /** Whether the length took the fewest octets. */
  #unchanged(start: number, contentStart: number, length: number): boolean {
    let octets = 1;
    if (length >= 0x80) for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets++;
    return contentStart - start === 1 + octets;
  }
}

function malformed(detail: string): SealwireError {
  return new SealwireError(
    'INVALID_CERTIFICATE',
    `this file is not well-formed BER (${detail}): export it again`,
  );
}
