// Section 9 of docs/protocol.md: the body of a `messages` frame, one or more MessagePack arrays, with a small
// MessagePack of its own. It writes the shortest form of every value; it reads every form that the page allows.
// Values here: null, boolean, number, bigint (integers beyond 2^53 - 1), string, Uint8Array, arrays, Maps.

import { concat, Reader, Refused, readText, refuseUnless, text, u8, u16, u32 } from './notation.js';

export type Value = null | boolean | number | bigint | string | Uint8Array | Value[] | Map<string, Value>;

const maxLevels = 32;
const maxValues = 65_536;

/** An integral number is written as an integer, so that a float never stands where the page wants an id. */
export function encodeValue(value: Value): Uint8Array {
  if (value === null) return u8(0xc0);
  if (value === false) return u8(0xc2);
  if (value === true) return u8(0xc3);
  if (typeof value === 'bigint') return encodeInteger(value);
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && !Object.is(value, -0)
      ? encodeInteger(BigInt(value))
      : concat(
          u8(0xcb),
          eightBytes((view) => view.setFloat64(0, value)),
        );
  }
  if (typeof value === 'string') {
    const bytes = text(value);
    return concat(encodeLength(bytes.length, { fix: 0xa0, below: 32, codes: [0xd9, 0xda, 0xdb] }), bytes);
  }
  if (value instanceof Uint8Array) {
    return concat(encodeLength(value.length, { fix: 0, below: 0, codes: [0xc4, 0xc5, 0xc6] }), value);
  }
  if (Array.isArray(value)) {
    const length = encodeLength(value.length, { fix: 0x90, below: 16, codes: [undefined, 0xdc, 0xdd] });
    return concat(length, ...value.map(encodeValue));
  }
  const length = encodeLength(value.size, { fix: 0x80, below: 16, codes: [undefined, 0xde, 0xdf] });
  return concat(length, ...[...value].flatMap(([key, item]) => [encodeValue(key), encodeValue(item)]));
}

interface LengthForms {
  fix: number;
  below: number;
  /** For lengths of 8, 16 and 32 bits; arrays and maps have none of 8. */
  codes: [number | undefined, number, number];
}

function encodeLength(length: number, { fix, below, codes }: LengthForms): Uint8Array {
  if (length < below) return u8(fix | length);
  if (length < 2 ** 8 && codes[0] !== undefined) return concat(u8(codes[0]), u8(length));
  if (length < 2 ** 16) return concat(u8(codes[1]), u16(length));
  return concat(u8(codes[2]), u32(length));
}

function encodeInteger(value: bigint): Uint8Array {
  const small = Number(value);
  if (value >= 0n) {
    if (value < 2n ** 7n) return u8(small);
    if (value < 2n ** 8n) return concat(u8(0xcc), u8(small));
    if (value < 2n ** 16n) return concat(u8(0xcd), u16(small));
    if (value < 2n ** 32n) return concat(u8(0xce), u32(small));
    return concat(
      u8(0xcf),
      eightBytes((view) => view.setBigUint64(0, value)),
    );
  }
  if (value >= -(2n ** 5n)) return u8(small + 2 ** 8);
  if (value >= -(2n ** 7n)) return concat(u8(0xd0), u8(small + 2 ** 8));
  if (value >= -(2n ** 15n)) return concat(u8(0xd1), u16(small + 2 ** 16));
  if (value >= -(2n ** 31n)) return concat(u8(0xd2), u32(small + 2 ** 32));
  return concat(
    u8(0xd3),
    eightBytes((view) => view.setBigInt64(0, value)),
  );
}

function eightBytes(set: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(8);
  set(new DataView(bytes.buffer));
  return bytes;
}

/** A whole body. The limits count every value, containers and map keys among them; a message is level 1. */
export function decodeValues(body: Uint8Array): Value[] {
  const reader = new Reader(body);
  let values = 0;
  return reader.list(() => decodeValue(1));

  function decodeValue(level: number): Value {
    values++;
    refuseUnless(values <= maxValues, `more than ${maxValues} values`);
    const first = reader.u8();
    if (first <= 0x7f) return first;
    if (first <= 0x8f) return decodeMap(first & 0x0f, level);
    if (first <= 0x9f) return decodeArray(first & 0x0f, level);
    if (first <= 0xbf) return readString(reader.bytes(first & 0x1f));
    if (first >= 0xe0) return first - 0x100;
    switch (first) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return reader.bytes(reader.u8());
      case 0xc5:
        return reader.bytes(reader.u16());
      case 0xc6:
        return reader.bytes(reader.u32());
      case 0xcb:
        return viewOf(8).getFloat64(0);
      case 0xcc:
        return reader.u8();
      case 0xcd:
        return reader.u16();
      case 0xce:
        return reader.u32();
      case 0xcf:
        return numberIfExact(viewOf(8).getBigUint64(0));
      case 0xd0:
        return viewOf(1).getInt8(0);
      case 0xd1:
        return viewOf(2).getInt16(0);
      case 0xd2:
        return viewOf(4).getInt32(0);
      case 0xd3:
        return numberIfExact(viewOf(8).getBigInt64(0));
      case 0xd9:
        return readString(reader.bytes(reader.u8()));
      case 0xda:
        return readString(reader.bytes(reader.u16()));
      case 0xdb:
        return readString(reader.bytes(reader.u32()));
      case 0xdc:
        return decodeArray(reader.u16(), level);
      case 0xdd:
        return decodeArray(reader.u32(), level);
      case 0xde:
        return decodeMap(reader.u16(), level);
      case 0xdf:
        return decodeMap(reader.u32(), level);
      default:
        // 0xc1, the extension types, and the 32-bit float 0xca, which the page does not name.
        throw new Refused(`MessagePack type 0x${first.toString(16)}`);
    }
  }

  function decodeArray(length: number, level: number): Value[] {
    refuseUnless(level <= maxLevels, `more than ${maxLevels} levels`);
    const items: Value[] = [];
    while (items.length < length) items.push(decodeValue(level + 1));
    return items;
  }

  function decodeMap(size: number, level: number): Map<string, Value> {
    refuseUnless(level <= maxLevels, `more than ${maxLevels} levels`);
    const map = new Map<string, Value>();
    for (let left = size; left > 0; left--) {
      const key = decodeValue(level + 1);
      refuseUnless(typeof key === 'string', 'a map key that is no string');
      refuseUnless(!map.has(key), 'a map key that stands twice');
      refuseUnless(!['__proto__', 'constructor', 'prototype'].includes(key), `the map key ${key}`);
      map.set(key, decodeValue(level + 1));
    }
    return map;
  }

  function viewOf(bytes: number): DataView {
    return new DataView(reader.bytes(bytes).buffer);
  }
}

function readString(bytes: Uint8Array): string {
  const string = readText(bytes);
  refuseUnless(!string.startsWith('\ufeff'), 'a string that starts with U+FEFF');
  return string;
}

function numberIfExact(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

export type CallMessage =
  | {
      kind: 'call';
      id: number;
      method: number;
      args: Value[];
      timeoutMs?: number;
      metadata?: Map<string, Value>;
      streamArgument?: number;
      channel?: string;
    }
  | { kind: 'notify'; method: number; args: Value[]; metadata?: Map<string, Value> }
  | { kind: 'result'; id: number; value?: Value }
  | { kind: 'error'; id: number; code: string; message: string; data?: Value }
  | { kind: 'cancel'; id: number }
  | { kind: 'item'; id: number; value?: Value }
  | { kind: 'end'; id: number }
  | { kind: 'credit'; id: number; bytes: number }
  | { kind: 'argumentItem'; id: number; value?: Value }
  | { kind: 'argumentEnd'; id: number; code?: string; message?: string; data?: Value }
  | { kind: 'argumentCredit'; id: number; bytes: number }
  | { kind: 'argumentStop'; id: number }
  | { kind: 'ping' | 'pong'; id: number };

export function encodeCallMessages(messages: CallMessage[]): Uint8Array {
  return concat(...messages.map((message) => encodeValue(toArray(message))));
}

function toArray(message: CallMessage): Value[] {
  switch (message.kind) {
    case 'call': {
      const { id, method, args, timeoutMs, metadata, streamArgument, channel } = message;
      return [0, id, method, args, ...upToTheLast([timeoutMs, metadata, streamArgument, channel])];
    }
    case 'notify':
      return [1, message.method, message.args, ...optional(message.metadata)];
    case 'result':
      return [2, message.id, ...optional(message.value)];
    case 'error':
      return [3, message.id, message.code, message.message, ...optional(message.data)];
    case 'cancel':
      return [4, message.id];
    case 'item':
      return [5, message.id, ...optional(message.value)];
    case 'end':
      return [6, message.id];
    case 'credit':
      return [7, message.id, message.bytes];
    case 'argumentItem':
      return [8, message.id, ...optional(message.value)];
    case 'argumentEnd':
      return [9, message.id, ...upToTheLast([message.code, message.message, message.data])];
    case 'argumentCredit':
      return [10, message.id, message.bytes];
    case 'argumentStop':
      return [11, message.id];
    case 'ping':
      return [12, message.id];
    case 'pong':
      return [13, message.id];
  }
}

function optional(value: Value | undefined): Value[] {
  return value === undefined ? [] : [value];
}

/** The optional fields at the end of a message: what is absent in front of one that is not is 0 for a time, else nil. */
function upToTheLast(fields: (Value | undefined)[]): Value[] {
  const last = fields.findLastIndex((field) => field !== undefined);
  return fields.slice(0, last + 1).map((field, index) => field ?? (index === 0 ? 0 : null));
}

export function decodeCallMessages(body: Uint8Array): CallMessage[] {
  refuseUnless(body.length > 0, 'an empty body in a messages frame');
  return decodeValues(body).map(fromArray);
}

function fromArray(array: Value): CallMessage {
  refuseUnless(Array.isArray(array), 'a message is an array');
  const [kind, ...fields] = array;
  switch (kind) {
    case 0:
      return readCall(fields);
    case 1: {
      refuseUnless(fields.length === 2 || fields.length === 3, 'notify has 3 or 4 elements');
      const metadata = readMetadata(fields[2] ?? null);
      return {
        kind: 'notify',
        method: readWhole(fields[0]),
        args: readArgs(fields[1]),
        ...(metadata && { metadata }),
      };
    }
    case 2:
      return { kind: 'result', ...readValue(fields) };
    case 3:
      return { kind: 'error', id: readId(fields[0]), ...readError(fields) };
    case 4:
      return { kind: 'cancel', ...readIdAlone(fields) };
    case 5:
      return { kind: 'item', ...readValue(fields) };
    case 6:
      return { kind: 'end', ...readIdAlone(fields) };
    case 7:
      return { kind: 'credit', ...readCredit(fields) };
    case 8:
      return { kind: 'argumentItem', ...readValue(fields) };
    case 9:
      if (fields.length === 1) return { kind: 'argumentEnd', id: readId(fields[0]) };
      return { kind: 'argumentEnd', id: readId(fields[0]), ...readError(fields) };
    case 10:
      return { kind: 'argumentCredit', ...readCredit(fields) };
    case 11:
      return { kind: 'argumentStop', ...readIdAlone(fields) };
    case 12:
      return { kind: 'ping', ...readIdAlone(fields) };
    case 13:
      return { kind: 'pong', ...readIdAlone(fields) };
    default:
      throw new Refused('an unknown kind of message');
  }
}

function readCall(fields: Value[]): CallMessage {
  refuseUnless(fields.length >= 3 && fields.length <= 7, 'call has 4 to 8 elements');
  const message: CallMessage = {
    kind: 'call',
    id: readId(fields[0]),
    method: readWhole(fields[1]),
    args: readArgs(fields[2]),
  };
  if (fields.length >= 4) message.timeoutMs = readWhole(fields[3]);
  const metadata = readMetadata(fields[4] ?? null);
  if (metadata !== undefined) message.metadata = metadata;
  const streamArgument = fields[5] ?? null;
  if (streamArgument !== null) {
    message.streamArgument = readWhole(streamArgument);
    refuseUnless(
      message.args[message.streamArgument] === null,
      'nil stands in the place of a streamed argument',
    );
  }
  const channel = fields[6] ?? null;
  if (channel !== null) {
    refuseUnless(typeof channel === 'string', 'a channel is a string');
    refuseUnless(text(channel).length >= 1 && text(channel).length <= 64, 'a channel has 1 to 64 bytes');
    message.channel = channel;
  }
  return message;
}

function readMetadata(value: Value): Map<string, Value> | undefined {
  if (value === null) return undefined;
  refuseUnless(value instanceof Map, 'metadata is a map');
  refuseUnless(value.size <= 32, 'metadata has at most 32 entries');
  let size = 0;
  for (const [key, item] of value) {
    refuseUnless(/^[a-z0-9._-]{1,64}$/.test(key), 'the keys of metadata');
    refuseUnless(typeof item === 'string' || item instanceof Uint8Array, 'metadata is text or binary');
    size += key.length + (typeof item === 'string' ? text(item).length : item.length);
  }
  refuseUnless(size <= 8192, 'metadata has at most 8192 bytes');
  return value;
}

function readIdAlone(fields: Value[]): { id: number } {
  refuseUnless(fields.length === 1, 'cancel, end and stop have 2 elements');
  return { id: readId(fields[0]) };
}

function readValue(fields: Value[]): { id: number; value?: Value } {
  refuseUnless(fields.length === 1 || fields.length === 2, 'a result or an item has 2 or 3 elements');
  return { id: readId(fields[0]), ...(fields.length === 2 && { value: fields[1]! }) };
}

function readCredit(fields: Value[]): { id: number; bytes: number } {
  refuseUnless(fields.length === 2, 'credit has 3 elements');
  const bytes = readWhole(fields[1]);
  refuseUnless(bytes >= 1, 'credit of nothing');
  return { id: readId(fields[0]), bytes };
}

/** Behind the id. */
function readError(fields: Value[]): { code: string; message: string; data?: Value } {
  refuseUnless(fields.length === 3 || fields.length === 4, 'an error has 4 or 5 elements');
  const [, code, reason] = fields;
  refuseUnless(typeof code === 'string' && typeof reason === 'string', 'code and message are strings');
  refuseUnless(/^[A-Z0-9_]{1,64}$/.test(code), 'a code has 1 to 64 characters A-Z, 0-9 and _');
  return { code, message: reason, ...(fields.length === 4 && { data: fields[3]! }) };
}

function readId(value: Value | undefined): number {
  const id = readWhole(value);
  refuseUnless(id >= 1, 'ids count from 1');
  return id;
}

function readWhole(value: Value | undefined): number {
  refuseUnless(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, 'a whole number');
  return value;
}

function readArgs(value: Value | undefined): Value[] {
  refuseUnless(Array.isArray(value), 'args is an array');
  return value;
}
