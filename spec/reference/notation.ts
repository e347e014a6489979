// The notation at the top of docs/protocol.md: u8 … u48, vec8, vec16, vec24 and ‖, and what "refuse" means.
// Writers are functions that give bytes; `Reader` takes the same fields apart again and refuses a length that
// runs past its container and bytes that are left over.
// Slow on purpose: everything is copied. Like all of spec/reference it shares no code with lib/.

/** Section 8. */
export const closeCodes = {
  normal: 0,
  goingAway: 1,
  handshakeFailed: 2,
  protocolError: 3,
  limitExceeded: 4,
  encryptionMismatch: 5,
  signatureMismatch: 6,
  versionMismatch: 7,
  noCommonAlgorithm: 8,
  handshakeTimeout: 9,
  certificateRequired: 10,
  certificateRejected: 11,
} as const;

/** What the page calls refusing: the connection ends. Without a `closeCode`, the moment decides (peer.ts). */
export class Refused extends Error {
  readonly closeCode: number | undefined;

  constructor(reason: string, closeCode?: number) {
    super(reason);
    this.name = 'Refused';
    this.closeCode = closeCode;
  }
}

export function refuseUnless(condition: boolean, reason: string, closeCode?: number): asserts condition {
  if (!condition) throw new Refused(reason, closeCode);
}

/** `‖` */
export function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export const u8 = (value: number): Uint8Array => unsigned(value, 1);
export const u16 = (value: number): Uint8Array => unsigned(value, 2);
export const u24 = (value: number): Uint8Array => unsigned(value, 3);
export const u32 = (value: number): Uint8Array => unsigned(value, 4);
export const u48 = (value: number): Uint8Array => unsigned(value, 6);

export const vec8 = (...parts: Uint8Array[]): Uint8Array => vector(1, concat(...parts));
export const vec16 = (...parts: Uint8Array[]): Uint8Array => vector(2, concat(...parts));
export const vec24 = (...parts: Uint8Array[]): Uint8Array => vector(3, concat(...parts));

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** Big-endian. The largest is u48, which a JavaScript number still holds exactly. */
function unsigned(value: number, bytes: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * bytes)) {
    throw new RangeError(`${value} does not fit into ${bytes} bytes`);
  }
  const out = new Uint8Array(bytes);
  for (let index = bytes - 1, rest = value; index >= 0; index--, rest = Math.floor(rest / 256)) {
    out[index] = rest % 256;
  }
  return out;
}

function vector(lengthBytes: number, content: Uint8Array): Uint8Array {
  return concat(unsigned(content.length, lengthBytes), content);
}

export class Reader {
  private readonly from: Uint8Array;
  private offset = 0;

  constructor(from: Uint8Array) {
    this.from = from;
  }

  get left(): number {
    return this.from.length - this.offset;
  }

  bytes(count: number): Uint8Array {
    refuseUnless(count <= this.left, `${count} bytes wanted where ${this.left} are left`);
    this.offset += count;
    return this.from.slice(this.offset - count, this.offset);
  }

  u8 = (): number => this.unsigned(1);
  u16 = (): number => this.unsigned(2);
  u24 = (): number => this.unsigned(3);
  u32 = (): number => this.unsigned(4);
  u48 = (): number => this.unsigned(6);

  vec8 = (): Uint8Array => this.bytes(this.u8());
  vec16 = (): Uint8Array => this.bytes(this.u16());
  vec24 = (): Uint8Array => this.bytes(this.u24());

  /** Reads with `item` until nothing is left. */
  list<Item>(item: (reader: Reader) => Item): Item[] {
    const items: Item[] = [];
    while (this.left > 0) items.push(item(this));
    return items;
  }

  end(): void {
    refuseUnless(this.left === 0, `${this.left} bytes left over behind the last field`);
  }

  private unsigned(bytes: number): number {
    return this.bytes(bytes).reduce((value, byte) => value * 256 + byte, 0);
  }
}

/** UTF-8, strictly. `ignoreBOM` keeps a U+FEFF at the start, which the decoder would otherwise swallow. */
export function readText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused('invalid UTF-8');
  }
}
