// The guard in front of msgpackr: looks over the raw MessagePack of a whole body before anything is built from it.
// docs/protocol.md section 9 says what is refused; the layout of a value is the MessagePack specification's:
//
//   token [ count, 1 to 4 bytes, big-endian ] [ content: bytes, or the values of an array, or keys and values ]
//
// One loop, one turn per value, with a small stack of the containers that are open. A count is believed only when
// the bytes for it are there, so the work is bounded by the length of the body. Nothing is allocated but the list of
// where the fields of messages stand, and a Set for each map that has more keys than are compared pair by pair.

import { decodeUtf8, utf8 } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';

/** The part of `Limits` that bounds a body. */
export interface PayloadLimits {
  /** Arrays and maps inside one another. A message is an array, so it is one level itself. */
  readonly maxDepth: number;
  /** Values in one body, containers and keys included. */
  readonly maxValues: number;
}

/** Keys that reach into the prototype of the object they are written to. Neither sent nor accepted. */
export const forbiddenKeys: readonly string[] = ['__proto__', 'constructor', 'prototype'];
const forbiddenKeyBytes = forbiddenKeys.map(utf8);
const shortestForbidden = Math.min(...forbiddenKeyBytes.map(({ length }) => length));
const longestForbidden = Math.max(...forbiddenKeyBytes.map(({ length }) => length));

/** Up to here the keys of a map are compared pair by pair; in a longer one that would cost n² / 2. */
const pairwiseKeys = 8;

const nil = 0xc0;

/** From this length on text is looked over by words of four bytes, as long as it is ASCII. */
const wordwiseBytes = 256;

/** What stands in `keysSeen` for an array, and for a map whose keys are in a Set; otherwise the number of keys. */
const arrayMark = -1;
const keySetMark = -2;

// The stack of open containers. It outlives a call, since making it anew would cost more than the scan of a small
// message. A scan calls nobody else's code, so no two of them overlap.
let pending = new Uint32Array(0);
let keysSeen = new Int32Array(0);
let keyStarts = new Uint32Array(0);
let keyEnds = new Uint32Array(0);

/**
 * Checks every message of a body, and tells where things are: for each message in its order the offset of its first
 * field, that of each further one, and its end, negated. Throws PROTOCOL_ERROR for whatever section 9 of
 * docs/protocol.md refuses.
 */
export function scanMessages(body: Uint8Array, limits: PayloadLimits): number[] {
  if (body.length === 0) throw refused('a body holds no message');
  reserveStack(limits.maxDepth);
  const marks: number[] = [];
  let keySets: Set<string>[] | undefined;
  let offset = 0;
  let values = 0;
  let depth = 0;

  while (offset < body.length) {
    if (++values > limits.maxValues) throw refused(`a body holds more than ${limits.maxValues} values`);
    const token = body[offset++]!;
    let isKey = false;
    if (depth > 0) {
      // A map starts with twice its count, so an even number of values to come means that the next one is a key.
      const top = depth - 1;
      isKey = keysSeen[top] !== arrayMark && pending[top]! % 2 === 0;
      pending[top] = pending[top]! - 1;
    } else if (!isArray(token)) {
      throw refused('a message is not an array');
    }

    const scalar = scalarBytes[token]!;
    if (scalar !== noScalar) {
      if (isKey) throw keyRefused();
      offset = endOf(body, offset, scalar);
    } else if (isString(token)) {
      const start = offset + countBytes(token);
      const end = endOf(body, start, countOf(body, offset, token));
      checkText(body, start, end);
      if (isKey) checkKey(body, start, end, depth - 1, keySets);
      offset = end;
    } else if (isKey) {
      throw keyRefused();
    } else if (isArray(token) || isMap(token)) {
      const start = offset + countBytes(token);
      const count = countOf(body, offset, token);
      const children = isMap(token) ? 2 * count : count;
      // Every value takes one byte at least.
      if (children > body.length - start) throw truncated();
      if (depth >= limits.maxDepth)
        throw refused(`a message is nested deeper than ${limits.maxDepth} levels`);
      pending[depth] = children;
      keysSeen[depth] = isArray(token) ? arrayMark : count > pairwiseKeys ? keySetMark : 0;
      if (keysSeen[depth] === keySetMark) {
        keySets ??= [];
        keySets[depth] = new Set();
      }
      depth++;
      offset = start;
    } else if (isBinary(token)) {
      offset = endOf(body, offset + countBytes(token), countOf(body, offset, token));
    } else {
      throw noValue(token);
    }

    while (depth > 0 && pending[depth - 1] === 0) depth--;
    if (depth === 0) marks.push(-offset);
    else if (depth === 1) marks.push(offset);
  }
  if (depth > 0) throw truncated();
  return marks;
}

/** Whether the value at `offset` is an array. */
export function isArrayAt(body: Uint8Array, offset: number): boolean {
  return isArray(body[offset]!);
}

/** Whether the array at `offset`, of a body that has passed the scan, has nil at `index`. */
export function hasNilAt(body: Uint8Array, offset: number, index: number): boolean {
  const token = body[offset]!;
  if (!isArray(token) || index >= countOf(body, offset + 1, token)) return false;
  let at = offset + 1 + countBytes(token);
  // Values to pass: one for each element in front, and what they hold.
  for (let left = index; left > 0; left--) {
    const passed = body[at++]!;
    if (isString(passed) || isBinary(passed)) at += countBytes(passed) + countOf(body, at, passed);
    else if (isArray(passed) || isMap(passed)) {
      left += (isMap(passed) ? 2 : 1) * countOf(body, at, passed);
      at += countBytes(passed);
    } else at += scalarBytes[passed]!;
  }
  return body[at] === nil;
}

function isString(token: number): boolean {
  return (token >= 0xa0 && token <= 0xbf) || (token >= 0xd9 && token <= 0xdb);
}

function isArray(token: number): boolean {
  return (token >= 0x90 && token <= 0x9f) || token === 0xdc || token === 0xdd;
}

function isMap(token: number): boolean {
  return (token >= 0x80 && token <= 0x8f) || token === 0xde || token === 0xdf;
}

function isBinary(token: number): boolean {
  return token >= 0xc4 && token <= 0xc6;
}

/** How many bytes behind the token of a string, array, map or binary hold its count. */
function countBytes(token: number): 0 | 1 | 2 | 4 {
  if (token < 0xc0) return 0;
  if (token === 0xc4 || token === 0xd9) return 1;
  return token === 0xc5 || token === 0xda || token === 0xdc || token === 0xde ? 2 : 4;
}

function countOf(body: Uint8Array, offset: number, token: number): number {
  const bytes = countBytes(token);
  if (bytes === 0) return token < 0xa0 ? token & 0x0f : token & 0x1f;
  if (bytes > body.length - offset) throw truncated();
  let count = 0;
  for (let index = offset; index < offset + bytes; index++) count = count * 256 + body[index]!;
  return count;
}

/** How many bytes stand behind the token of nil, a boolean or a number; `noScalar` for everything else. */
const noScalar = 0xff;
const scalarBytes: Uint8Array = new Uint8Array(256).map((_, token) => {
  if (token < 0x80 || token >= 0xe0) return 0;
  switch (token) {
    case nil:
    case 0xc2: // false
    case 0xc3: // true
      return 0;
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return 1;
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return 2;
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
      return 4;
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return 8;
    default:
      return noScalar;
  }
});

/** Of an extension msgpackr would make dates, errors, regular expressions and functions. */
function noValue(token: number): SealwireError {
  return refused(
    token === 0xc1
      ? 'a message holds the byte 0xc1, which MessagePack never uses'
      : 'a message holds an extension type',
  );
}

function keyRefused(): SealwireError {
  return refused('the key of a map is not a string');
}

function endOf(body: Uint8Array, start: number, length: number): number {
  if (length > body.length - start) throw truncated();
  return start + length;
}

function checkKey(
  body: Uint8Array,
  start: number,
  end: number,
  level: number,
  keySets: readonly Set<string>[] | undefined,
): void {
  const length = end - start;
  if (length >= shortestForbidden && length <= longestForbidden) {
    for (const forbidden of forbiddenKeyBytes) {
      if (sameRange(body, start, end, forbidden, 0, forbidden.length)) {
        throw refused('a map has a key that reaches into the prototype');
      }
    }
  }
  const seen = keysSeen[level]!;
  if (seen === keySetMark) {
    const keys = keySets![level]!;
    const size = keys.size;
    // UTF-8 that passed checkText is one to one with text, so equal text means equal bytes.
    if (keys.add(decodeUtf8(body.subarray(start, end))).size === size) throw duplicate();
    return;
  }
  const first = level * pairwiseKeys;
  for (let index = first; index < first + seen; index++) {
    if (sameRange(body, start, end, body, keyStarts[index]!, keyEnds[index]!)) throw duplicate();
  }
  keyStarts[first + seen] = start;
  keyEnds[first + seen] = end;
  keysSeen[level] = seen + 1;
}

function sameRange(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false;
  for (let index = 0; index < aEnd - aStart; index++) {
    if (a[aStart + index] !== b[bStart + index]) return false;
  }
  return true;
}

/** RFC 3629 §4, with its ranges for the second byte: no overlong forms, surrogates, or anything past U+10FFFF. */
function checkText(body: Uint8Array, start: number, end: number): void {
  let offset = end - start < wordwiseBytes ? start : skipAscii(body, start, end);
  while (offset < end) {
    const lead = body[offset++]!;
    if (lead < 0x80) continue;
    const following = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (following === 0 || following > end - offset) throw invalidText();
    const second = body[offset]!;
    const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) throw invalidText();
    for (let index = 1; index < following; index++) {
      if ((body[offset + index]! & 0xc0) !== 0x80) throw invalidText();
    }
    // RFC 3629 §6 asks for this where text is always UTF-8: U+FEFF in front is taken for a byte order mark by some
    // decoders and not by others (msgpackr: only without its native part, only past 64 bytes).
    if (lead === 0xef && second === 0xbb && body[offset + 1] === 0xbf && offset === start + 1) {
      throw refused('a string starts with U+FEFF, a byte order mark');
    }
    offset += following;
  }
}

/** The offset behind which not all is ASCII, as far as whole words tell. */
function skipAscii(body: Uint8Array, start: number, end: number): number {
  const aligned = start + ((4 - ((body.byteOffset + start) % 4)) % 4);
  for (let offset = start; offset < aligned; offset++) if (body[offset]! >= 0x80) return offset;
  const words = new Uint32Array(body.buffer, body.byteOffset + aligned, (end - aligned) >> 2);
  let passed = 0;
  while (passed < words.length && (words[passed]! & 0x80808080) === 0) passed++;
  return aligned + 4 * passed;
}

function reserveStack(maxDepth: number): void {
  if (pending.length >= maxDepth) return;
  pending = new Uint32Array(maxDepth);
  keysSeen = new Int32Array(maxDepth);
  keyStarts = new Uint32Array(maxDepth * pairwiseKeys);
  keyEnds = new Uint32Array(maxDepth * pairwiseKeys);
}

function truncated(): SealwireError {
  return refused('a message ends in the middle of a value');
}

function duplicate(): SealwireError {
  return refused('a map has the same key twice');
}

function invalidText(): SealwireError {
  return refused('a string is not valid UTF-8');
}

function refused(message: string): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', message);
}
