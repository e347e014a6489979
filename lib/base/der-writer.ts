// The writing half of DER (der.ts is the reading half): identifier octets, and one writer per type.
//
// Each writer returns one whole element (identifier, length, content), so a structure is written as it reads in
// the RFC: der.sequence(der.oid(…), der.null()). Lengths and integers come out in their shortest form, which is
// what makes the encoding distinguished (X.690 §10.1, §8.3.2).

import { concat, empty, utf8 } from './bytes.js';

/** Identifier octets of the universal types in use, the constructed bit included where the type has it. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const constructedBit = 0x20;
const contextClass = 0x80;
/** Identifier octets with all of these bits set are followed by more octets of the tag: not read, not written. */
export const tagNumberMask = 0x1f;

/** The identifier octet of `[number]`; numbers above 30 would take several octets and are a RangeError. */
export function contextTag(number: number, constructed: boolean): number {
  if (!(number >= 0 && number < tagNumberMask))
    throw new RangeError(`[${number}] needs a tag of several octets`);
  return contextClass | (constructed ? constructedBit : 0) | number;
}

/** Writers: each returns one whole element. What cannot be encoded is a RangeError: it is a bug of the caller. */
export const der = {
  element(tag: number, content: Uint8Array): Uint8Array {
    return concat([Uint8Array.of(tag, ...lengthOctets(content.length)), content]);
  },
  sequence(...parts: Uint8Array[]): Uint8Array {
    return der.element(tags.sequence, concat(parts));
  },
  /** X.690 §11.6: the elements of a SET OF stand in the order of their encodings. */
  set(...parts: Uint8Array[]): Uint8Array {
    return der.element(tags.set, concat([...parts].sort(compareBytes)));
  },
  /** From bytes: an unsigned big-endian number, such as a serial or a modulus. */
  integer(value: bigint | number | Uint8Array): Uint8Array {
    const content = value instanceof Uint8Array ? unsignedContent(value) : integerContent(BigInt(value));
    return der.element(tags.integer, content);
  },
  oid(dotted: string): Uint8Array {
    return der.element(tags.oid, oidContent(dotted));
  },
  octetString(bytes: Uint8Array): Uint8Array {
    return der.element(tags.octetString, bytes);
  },
  bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
    return der.element(tags.bitString, concat([Uint8Array.of(unusedBits), bytes]));
  },
  boolean(value: boolean): Uint8Array {
    return der.element(tags.boolean, Uint8Array.of(value ? 0xff : 0x00));
  },
  null(): Uint8Array {
    return der.element(tags.null, empty);
  },
  utf8String(text: string): Uint8Array {
    return der.element(tags.utf8String, utf8(text));
  },
  printableString(text: string): Uint8Array {
    if (!/^[A-Za-z0-9 '()+,./:=?-]*$/.test(text)) throw new RangeError('not a PrintableString');
    return der.element(tags.printableString, utf8(text));
  },
  ia5String(text: string): Uint8Array {
    if (!isAscii(text)) throw new RangeError('not an IA5String');
    return der.element(tags.ia5String, utf8(text));
  },
  bmpString(text: string): Uint8Array {
    const content = new Uint8Array(text.length * 2);
    for (let index = 0; index < text.length; index++) {
      content[2 * index] = text.charCodeAt(index) >> 8;
      content[2 * index + 1] = text.charCodeAt(index);
    }
    return der.element(tags.bmpString, content);
  },
  /** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050; fractions of a second are cut off. */
  time(date: Date): Uint8Array {
    const digits = date
      .toISOString()
      .replace(/\.\d+Z$/, '')
      .replace(/[-:T]/g, '');
    if (digits.length !== 14) throw new RangeError('the year does not have four digits');
    const short = digits >= '1950' && digits < '2050';
    return der.element(
      short ? tags.utcTime : tags.generalizedTime,
      utf8(`${short ? digits.slice(2) : digits}Z`),
    );
  },
  /** `[number] EXPLICIT`: the element inside keeps its own tag. */
  explicit(number: number, element: Uint8Array): Uint8Array {
    return der.element(contextTag(number, true), element);
  },
  /** `[number] IMPLICIT`: `content` is what stands behind the length of the element that it replaces. */
  implicit(number: number, content: Uint8Array, constructed: boolean): Uint8Array {
    return der.element(contextTag(number, constructed), content);
  },
};

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

function integerContent(value: bigint): Uint8Array {
  let rest = value;
  const octets: number[] = [];
  // The top bit of the last octet written is the sign: go on until it tells the truth.
  do {
    octets.push(Number(BigInt.asUintN(8, rest)));
    rest >>= 8n;
  } while (rest !== (octets.at(-1)! >= 0x80 ? -1n : 0n));
  return Uint8Array.from(octets.reverse());
}

/** Byte by byte: a bigint of a private key's number could not be wiped. */
function unsignedContent(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((octet) => octet !== 0);
  const magnitude = first < 0 ? empty : bytes.subarray(first);
  // A first bit that is set would be a minus sign, and zero has one octet.
  return magnitude.length > 0 && magnitude[0]! < 0x80 ? magnitude : concat([Uint8Array.of(0), magnitude]);
}

function oidContent(dotted: string): Uint8Array {
  if (!/^[0-2](\.\d+)+$/.test(dotted)) throw new RangeError(`${dotted} is not an OBJECT IDENTIFIER`);
  const [first, second, ...rest] = dotted.split('.').map(BigInt);
  if (first! < 2n && second! > 39n) throw new RangeError(`${dotted} is not an OBJECT IDENTIFIER`);
  const octets: number[] = [];
  for (const arc of [first! * 40n + second!, ...rest]) {
    const sevens = [Number(arc & 0x7fn)];
    for (let high = arc >> 7n; high > 0n; high >>= 7n) sevens.unshift(Number(high & 0x7fn) | 0x80);
    octets.push(...sevens);
  }
  return Uint8Array.from(octets);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!;
  }
  return a.length - b.length;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) >= 0x80) return false;
  return true;
}
