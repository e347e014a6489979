// Messages as MessagePack values, several in a row in a body: docs/protocol.md section 9. The one owner of msgpackr.
//
//   encode: payload-sendable (refuses what is no data) -> msgpackr
//   decode: payload-scan (refuses what no honest peer sends) -> msgpackr -> the messages, one after another
//
// The import is msgpackr/pack and not msgpackr: that is the same JavaScript in Node and in browsers, without the
// native addon that would read a peer's bytes. Without records msgpackr generates no code, so that a page's
// Content-Security-Policy may forbid eval.

import type { Options } from 'msgpackr';
import { Packr } from 'msgpackr/pack';
import { SealwireError } from '../base/errors.js';
import { defaultLimits } from '../base/limits.js';
import { type PayloadLimits, scanMessages } from './payload-scan.js';
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
  const packed = codec.pack(sendableMessage(message, limits, fields));
  // A copy, since msgpackr packs into a pool that all its users in this process share. Never a Buffer.
  return new Uint8Array(packed);
}

/**
 * Calls `each` with every message of a body and its length, in order, after the whole body has passed the scan: so of a body with
 * a fault, no message is delivered. What `each` throws ends the call and is thrown on.
 *
 * Values are null, booleans, numbers (integers beyond ±2^53: bigint), strings, Uint8Array (copies, never a Buffer),
 * arrays and plain objects. Throws PROTOCOL_ERROR for anything that section 9 of docs/protocol.md refuses.
 */
export function decodeMessages(
  body: Uint8Array,
  limits: PayloadLimits,
  each: (message: unknown[], bytes: number) => void,
): void {
  // msgpackr cuts binaries with the class of its source, and hangs a DataView on it: so a plain view of our own.
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  let start = 0;
  for (const end of scanMessages(bytes, limits)) {
    each(unpack(bytes, start, end), end - start);
    start = end;
  }
}

function unpack(bytes: Uint8Array, start: number, end: number): unknown[] {
  range.start = start;
  range.end = end;
  try {
    return codec.unpack(bytes, range) as unknown[];
  } catch (cause) {
    throw new SealwireError('PROTOCOL_ERROR', 'a message cannot be decoded', { cause });
  }
}
