// The slow and obvious twin of payload-scan and msgpackr together: decodes a body as docs/protocol.md section 9 has it,
// by recursion, and throws an Error for what is refused there. Written from that section and the MessagePack
// specification alone.

export interface ReferenceLimits {
  readonly maxDepth: number;
  readonly maxValues: number;
}

export function referenceDecode(body: Uint8Array, limits: ReferenceLimits): unknown[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let offset = 0;
  let values = 0;

  function take(length: number): number {
    if (offset + length > body.length) throw new Error('truncated');
    offset += length;
    return offset - length;
  }

  function text(length: number): string {
    const start = take(length);
    const string = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      body.slice(start, offset),
    );
    if (string.startsWith('\ufeff')) throw new Error('byte order mark');
    return string;
  }

  function list(count: number, depth: number): unknown[] {
    if (depth > limits.maxDepth) throw new Error('depth');
    const items: unknown[] = [];
    for (let index = 0; index < count; index++) items.push(value(depth));
    return items;
  }

  function map(count: number, depth: number): Record<string, unknown> {
    if (depth > limits.maxDepth) throw new Error('depth');
    const entries = new Map<string, unknown>();
    for (let index = 0; index < count; index++) {
      const key = value(depth);
      if (typeof key !== 'string' || entries.has(key)) throw new Error('key');
      if (['__proto__', 'constructor', 'prototype'].includes(key)) throw new Error('prototype');
      entries.set(key, value(depth));
    }
    return Object.fromEntries(entries);
  }

  function integer(large: bigint): number | bigint {
    return large >= -(2n ** 53n) && large <= 2n ** 53n ? Number(large) : large;
  }

  function bytes(length: number): Uint8Array {
    const start = take(length);
    return body.slice(start, offset);
  }

  function value(depth: number): unknown {
    if (++values > limits.maxValues) throw new Error('values');
    const token = view.getUint8(take(1));
    if (token < 0x80) return token;
    if (token < 0x90) return map(token - 0x80, depth + 1);
    if (token < 0xa0) return list(token - 0x90, depth + 1);
    if (token < 0xc0) return text(token - 0xa0);
    if (token >= 0xe0) return token - 0x100;
    if (token === 0xc0) return null;
    if (token === 0xc2) return false;
    if (token === 0xc3) return true;
    if (token === 0xc4) return bytes(view.getUint8(take(1)));
    if (token === 0xc5) return bytes(view.getUint16(take(2)));
    if (token === 0xc6) return bytes(view.getUint32(take(4)));
    if (token === 0xca) return view.getFloat32(take(4));
    if (token === 0xcb) return view.getFloat64(take(8));
    if (token === 0xcc) return view.getUint8(take(1));
    if (token === 0xcd) return view.getUint16(take(2));
    if (token === 0xce) return view.getUint32(take(4));
    if (token === 0xcf) return integer(view.getBigUint64(take(8)));
    if (token === 0xd0) return view.getInt8(take(1));
    if (token === 0xd1) return view.getInt16(take(2));
    if (token === 0xd2) return view.getInt32(take(4));
    if (token === 0xd3) return integer(view.getBigInt64(take(8)));
    if (token === 0xd9) return text(view.getUint8(take(1)));
    if (token === 0xda) return text(view.getUint16(take(2)));
    if (token === 0xdb) return text(view.getUint32(take(4)));
    if (token === 0xdc) return list(view.getUint16(take(2)), depth + 1);
    if (token === 0xdd) return list(view.getUint32(take(4)), depth + 1);
    if (token === 0xde) return map(view.getUint16(take(2)), depth + 1);
    if (token === 0xdf) return map(view.getUint32(take(4)), depth + 1);
    throw new Error(`token ${token}`);
  }

  const messages: unknown[] = [];
  do {
    const message = value(0);
    if (!Array.isArray(message)) throw new Error('not an array');
    messages.push(message);
  } while (offset < body.length);
  return messages;
}
