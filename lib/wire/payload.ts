// Messages as MessagePack values, several in a row in a body: docs/protocol.md section 9. The one owner of msgpackr.
//
//   encode: payload-sendable (refuses what is no data) -> msgpackr
//   decode: payload-scan (refuses what no honest peer sends) -> packed messages -> msgpackr, for what is asked for
//
// The import is msgpackr/pack and not msgpackr: that is the same JavaScript in Node and in browsers, without the
// native addon that would read a peer's bytes. Without records msgpackr generates no code, so that a page's
// Content-Security-Policy may forbid eval.

import type { Options } from 'msgpackr';
import { Packr, RESET_BUFFER_MODE, REUSE_BUFFER_MODE } from 'msgpackr/pack';
import { SealwireError } from '../base/errors.js';
import { defaultLimits } from '../base/limits.js';
import { allocate, allocateCopy, largestPiece } from '../base/slab.js';
import { Views } from '../base/views.js';
import { hasNilAt, isArrayAt, type PayloadLimits, scanMessages } from './payload-scan.js';
import { sendableMessage } from './payload-sendable.js';

export type { PayloadLimits } from './payload-scan.js';

/** `auto` is missing in msgpackr's types: integers up to ±2^53 become numbers, larger ones bigint. */
type PlainOptions = Omit<Options, 'int64AsType'> & { int64AsType: 'auto' };

const plainMessagePack: PlainOptions = {
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
  // A method of an argument must not run, and what it returns has not been looked at.
  useToJSON: false,
  // A view would keep the whole frame alive, and change when its buffer is used again.
  copyBuffers: true,
  int64AsType: 'auto',
};

const codec = new Packr(plainMessagePack as unknown as Options);

/** One object for all calls: unpack() reads it before anything else can run. */
const range = { start: 0, end: 0 };

/**
 * One message as MessagePack. Class instances are sent as plain objects of their own enumerable string keys;
 * `undefined` is left out of objects and becomes null in arrays; -0 becomes 0.
 *
 * Throws INVALID_ARGUMENT with the path of a value that cannot be sent: functions, symbols, Map, Set, Date and other
 * objects of the platform, typed arrays other than Uint8Array, bigint beyond 64 bits, text with lone surrogates or
 * a byte order mark, the keys `__proto__`, `constructor` and `prototype`, cycles, and too deep or too many values.
 *
 * `fields` is what errors call the places of the message: `['kind', 'id', 'method', 'argument']` makes
 * `argument[1].user.birthday` of the path `message[3][1].user.birthday`.
 */
export function encodeMessage(
  message: readonly unknown[],
  limits: PayloadLimits = defaultLimits,
  fields: readonly string[] = [],
): Uint8Array {
  const pool = codec.pack(sendableMessage(message, limits, fields), inPool) as PackedInPool;
  return copyOf(pool);
}

/** Gives msgpackr's pool and where the message stands in it; the next message may be written over it. */
const inPool = REUSE_BUFFER_MODE | RESET_BUFFER_MODE;
type PackedInPool = Uint8Array & { readonly start: number; readonly end: number };

/** Up to here bytes are copied one by one: a call of set() costs more. */
const copiedOneByOne = 64;

/** Of the pool of the last message: msgpackr makes another one when it must. */
let views: Views | undefined;

/** A copy, since all users of msgpackr in this process share its pool. Never a Buffer. */
function copyOf(pool: PackedInPool): Uint8Array {
  const { start, end } = pool;
  const length = end - start;
  // Large, or behind what somebody else has packed.
  if (length > largestPiece || start > 0) return allocateCopy(pool.subarray(start, end));
  const bytes = allocate(length);
  if (length <= copiedOneByOne) {
    for (let index = 0; index < length; index++) bytes[index] = pool[index]!;
  } else {
    if (views?.bytes !== pool) views = new Views(pool, 0);
    bytes.set(views.first(length));
  }
  return bytes;
}

/**
 * The messages of a body, in order, still packed: they are here only if the whole body has passed the scan. They read the
 * body when they are asked, so it must stay as it is until then. Throws PROTOCOL_ERROR for anything that section 9 of
 * docs/protocol.md refuses.
 */
export function readMessages(body: Uint8Array, limits: PayloadLimits): PackedMessage[] {
  // msgpackr cuts binaries with the class of its source, and hangs a DataView on it: so a plain view of our own, or the stage.
  const isShort = body.length <= stage.length;
  const bytes = isShort ? body : new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  const marks = scanMessages(bytes, limits);
  let last = endOfMessage(marks, 0);
  // Room for one, which is what most bodies hold: push() into an empty array makes room for 17.
  const messages = [new PackedMessage(bytes, marks, 0, 0, last)];
  while (last < marks.length - 1) {
    const first = last + 1;
    const start = -marks[last]!;
    last = endOfMessage(marks, first);
    messages.push(new PackedMessage(bytes, marks, start, first, last));
  }
  return messages;
}

/** The place in the marks of the end of the message whose marks begin at `first`. */
function endOfMessage(marks: readonly number[], first: number): number {
  let index = first;
  while (marks[index]! >= 0) index++;
  return index;
}

/**
 * A message that the scan has let through: an array, whose fields become values one by one as they are asked for.
 *
 * Values are null, booleans, numbers (integers beyond ±2^53: bigint), strings, Uint8Array (copies, never a Buffer),
 * arrays and plain objects.
 */
export class PackedMessage {
  readonly #bytes: Uint8Array;
  readonly #marks: readonly number[];
  readonly #start: number;
  /** Where in the marks those of this message begin, and the place of its end. */
  readonly #first: number;
  readonly #last: number;

  constructor(bytes: Uint8Array, marks: readonly number[], start: number, first: number, last: number) {
    this.#bytes = bytes;
    this.#marks = marks;
    this.#start = start;
    this.#first = first;
    this.#last = last;
  }

  /** Fields. */
  get length(): number {
    return this.#last - this.#first;
  }

  /** Bytes of the message as it came. */
  get byteLength(): number {
    return -this.#marks[this.#last]! - this.#start;
  }

  /** All fields. */
  unpack(): unknown[] {
    return unpack(this.#bytes, this.#start, -this.#marks[this.#last]!) as unknown[];
  }

  /** One field; undefined behind the last. */
  field(index: number): unknown {
    if (index >= this.length) return undefined;
    const bytes = this.#bytes;
    const start = this.#offset(index);
    const first = bytes[start]!;
    // Kinds, ids, methods and times, mostly: a call of msgpackr for each would cost more than all the rest of a head.
    if (first < 0x80) return first;
    if (first === 0xcc) return bytes[start + 1];
    if (first === 0xcd) return bytes[start + 1]! * 0x100 + bytes[start + 2]!;
    if (first === 0xce)
      return (
        bytes[start + 1]! * 0x1000000 +
        (bytes[start + 2]! << 16) +
        (bytes[start + 3]! << 8) +
        bytes[start + 4]!
      );
    const end = Math.abs(this.#offset(index + 1));
    // Bytes, with a length of two bytes or of four: msgpackr's slice() would zero the memory first.
    if (first === 0xc5) return new Uint8Array(bytes.subarray(start + 3, end));
    if (first === 0xc6) return new Uint8Array(bytes.subarray(start + 5, end));
    return unpack(bytes, start, end);
  }

  isArray(index: number): boolean {
    return index < this.length && isArrayAt(this.#bytes, this.#offset(index));
  }

  /** Whether a field is an array that has nil at `element`. */
  hasNil(index: number, element: number): boolean {
    return index < this.length && hasNilAt(this.#bytes, this.#offset(index), element);
  }

  #offset(index: number): number {
    return this.#marks[this.#first + index]!;
  }
}

/**
 * Where short bodies are unpacked: msgpackr hangs a DataView on whatever it reads, and to make one takes longer than to copy
 * a body, and to read most of them. What is read from here is copied out.
 */
const stage = new Uint8Array(512);

function staged(bytes: Uint8Array): Uint8Array {
  if (bytes.length > stage.length) return bytes;
  stage.set(bytes);
  return stage;
}

function unpack(bytes: Uint8Array, start: number, end: number): unknown {
  range.start = start;
  range.end = end;
  try {
    return codec.unpack(staged(bytes), range);
  } catch (cause) {
    throw new SealwireError('PROTOCOL_ERROR', 'a message cannot be decoded', { cause });
  }
}
