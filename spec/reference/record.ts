// Section 2 of docs/protocol.md: plain frames, and records sealed and opened in their three combinations.
// Stateless: sequence, epoch and keys are given; direction.ts keeps them.
//
//    0        1        2                       8                    n
//   +--------+--------+-----------------------+--------------------+-----------+
//   | E A t6 | epoch  | sequence, u48         | body               | tag, 16   |
//   +--------+--------+-----------------------+--------------------+-----------+

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { chacha20 } from './chacha20.js';
import { type DirectionKeys, hmac, xor } from './key-schedule.js';
import { concat, equal, Reader, Refused, refuseUnless, u8, u32, u48 } from './notation.js';

/** A combination, section 3: Encrypted = 1, Authenticated = 2. */
export const Encrypted = 1;
export const Authenticated = 2;
export const Both = 3;

export const frameTypes = { handshake: 1, messages: 2, keyUpdate: 3, close: 4, fragment: 5 } as const;
export const suites = { aes256Gcm: 1, chacha20Poly1305: 2 } as const;

const headerBytes = 8;
const tagBytes = 16;

export interface FirstByte {
  /** The combination, 0 to 3. */
  flags: number;
  type: number;
}

/** Bit 7 is Encrypted, bit 6 Authenticated, the rest the type. */
export function encodeFirstByte({ flags, type }: FirstByte): Uint8Array {
  const encrypted = flags & Encrypted ? 0x80 : 0;
  const authenticated = flags & Authenticated ? 0x40 : 0;
  return u8(encrypted | authenticated | type);
}

export function decodeFirstByte(frame: Uint8Array): FirstByte {
  refuseUnless(frame.length >= 1, 'an empty frame');
  const byte = frame[0]!;
  const flags = (byte & 0x80 ? Encrypted : 0) | (byte & 0x40 ? Authenticated : 0);
  const type = byte & 0x3f;
  refuseUnless(Object.values<number>(frameTypes).includes(type), `frame type ${type} is unknown`);
  return { flags, type };
}

export function plainFrame(type: number, body: Uint8Array): Uint8Array {
  return concat(encodeFirstByte({ flags: 0, type }), body);
}

export interface RecordHeader extends FirstByte {
  /** The generation modulo 256. */
  epoch: number;
  sequence: number;
}

export function encodeRecordHeader(header: RecordHeader): Uint8Array {
  return concat(encodeFirstByte(header), u8(header.epoch), u48(header.sequence));
}

export function decodeRecordHeader(frame: Uint8Array): RecordHeader {
  const { flags, type } = decodeFirstByte(frame);
  const reader = new Reader(frame.slice(1));
  return { flags, type, epoch: reader.u8(), sequence: reader.u48() };
}

export function nonceOf(iv: Uint8Array, sequence: number): Uint8Array {
  return xor(iv, concat(new Uint8Array(6), u48(sequence)));
}

export function sealRecord(
  suite: number,
  keys: DirectionKeys,
  recordHeader: RecordHeader,
  body: Uint8Array,
): Uint8Array {
  const header = encodeRecordHeader(recordHeader);
  const nonce = nonceOf(keys.iv, recordHeader.sequence);
  switch (recordHeader.flags) {
    case Both:
      return concat(header, aeadSeal(suite, keys.both, nonce, header, body));
    case Authenticated:
      return concat(header, body, hmac(keys.authenticated, header, body).slice(0, tagBytes));
    case Encrypted:
      return concat(header, keyStreamXor(suite, keys.encrypted, nonce, body));
    default:
      throw new RangeError('a record has at least one flag');
  }
}

/** Gives the body. The header's epoch and sequence are for the caller to check first. */
export function openRecord(suite: number, keys: DirectionKeys, frame: Uint8Array): Uint8Array {
  const recordHeader = decodeRecordHeader(frame);
  const header = frame.slice(0, headerBytes);
  const rest = frame.slice(headerBytes);
  const nonce = nonceOf(keys.iv, recordHeader.sequence);
  switch (recordHeader.flags) {
    case Both:
      return aeadOpen(suite, keys.both, nonce, header, rest);
    case Authenticated: {
      refuseUnless(rest.length >= tagBytes, 'no room for the tag');
      const body = rest.slice(0, -tagBytes);
      const tag = hmac(keys.authenticated, header, body).slice(0, tagBytes);
      refuseUnless(equal(tag, rest.slice(-tagBytes)), 'a wrong tag');
      return body;
    }
    case Encrypted:
      return keyStreamXor(suite, keys.encrypted, nonce, rest);
    default:
      throw new RangeError('a record has at least one flag');
  }
}

/** Ciphertext, then tag. */
export function aeadSeal(
  suite: number,
  key: Uint8Array,
  nonce: Uint8Array,
  associatedData: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  const cipher =
    suite === suites.aes256Gcm
      ? createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      : createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(associatedData, { plaintextLength: body.length });
  return concat(cipher.update(body), cipher.final(), cipher.getAuthTag());
}

export function aeadOpen(
  suite: number,
  key: Uint8Array,
  nonce: Uint8Array,
  associatedData: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  refuseUnless(sealed.length >= tagBytes, 'no room for the tag');
  const ciphertext = sealed.slice(0, -tagBytes);
  const decipher =
    suite === suites.aes256Gcm
      ? createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      : createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(associatedData, { plaintextLength: ciphertext.length });
  decipher.setAuthTag(sealed.slice(-tagBytes));
  try {
    return concat(decipher.update(ciphertext), decipher.final());
  } catch {
    throw new Refused('a wrong tag');
  }
}

export function keyStreamXor(
  suite: number,
  key: Uint8Array,
  nonce: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  return suite === suites.aes256Gcm ? aesCounterMode(key, nonce, body) : chacha20(key, 0, nonce, body);
}

/** Block n of the key stream is AES-256(key, nonce ‖ u32 n), from n = 0 on. */
function aesCounterMode(key: Uint8Array, nonce: Uint8Array, body: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let counter = 0; counter * 16 < body.length; counter++) {
    const oneBlock = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    blocks.push(oneBlock.update(concat(nonce, u32(counter))));
  }
  return xor(body, concat(...blocks));
}
