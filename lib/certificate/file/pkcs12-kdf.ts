// The key derivation of PKCS #12 (RFC 7292 appendix B), for the MAC of a PFX file and for its old ciphers.
//
//   D = the purpose, v times        S, P = salt and password, each repeated to whole blocks of v bytes
//   A(1) = H(H(… H(D ‖ S ‖ P)))     as many rounds as the file asks for
//   A(i) = the same over D ‖ I(i), where every block of I(i) = that of I(i-1) + A(i-1) repeated + 1, mod 2^8v
//   key  = A(1) ‖ A(2) ‖ …, cut to its length
//
// A MAC key is as long as its hash, so one A is enough; a key of Triple DES takes two.

import { concat, wipe } from '../../base/bytes.js';
import type { CryptoProvider, HashName } from '../../crypto/provider.js';

/** Appendix B.3. */
export const purposes = { key: 1, iv: 2, mac: 3 } as const;

export interface Pkcs12Derivation {
  readonly hash: HashName;
  readonly purpose: (typeof purposes)[keyof typeof purposes];
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Length of the result. */
  readonly bytes: number;
}

export const digestBytes: Readonly<Record<HashName, number>> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  'sha512-224': 28,
  'sha512-256': 32,
  blake2b512: 64,
};

/** The block of the hash, v of appendix B.2. */
function blockBytesOf(hash: HashName): number {
  return hash === 'sha384' || hash.startsWith('sha512') || hash === 'blake2b512' ? 128 : 64;
}

/** The caller wipes the key. `password` is a {@link bmpPassword}, or nothing at all. */
export function pkcs12Key(
  crypto: CryptoProvider,
  password: Uint8Array,
  { hash, purpose, salt, iterations, bytes }: Pkcs12Derivation,
): Uint8Array {
  const blockBytes = blockBytesOf(hash);
  const diversifier = new Uint8Array(blockBytes).fill(purpose);
  const input = concat([diversifier, repeatToBlocks(salt, blockBytes), repeatToBlocks(password, blockBytes)]);
  const key = new Uint8Array(bytes);
  for (let offset = 0; offset < bytes; ) {
    const digest = crypto.iterateHash(hash, input, iterations);
    key.set(digest.subarray(0, bytes - offset), offset);
    offset += digest.length;
    if (offset < bytes) addToBlocks(input.subarray(blockBytes), digest, blockBytes);
    wipe(digest);
  }
  wipe(input);
  return key;
}

/** Appendix B.1: UTF-16 with the high byte first, and two zero bytes behind it. */
export function bmpPassword(passphrase: string): Uint8Array {
  const bytes = new Uint8Array(2 * passphrase.length + 2);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < passphrase.length; index++)
    view.setUint16(2 * index, passphrase.charCodeAt(index));
  return bytes;
}

// Appendix B.2 steps 2 and 3; the empty string stays empty.
function repeatToBlocks(bytes: Uint8Array, blockBytes: number): Uint8Array {
  const repeated = new Uint8Array(Math.ceil(bytes.length / blockBytes) * blockBytes);
  for (let index = 0; index < repeated.length; index++) repeated[index] = bytes[index % bytes.length]!;
  return repeated;
}

// Steps 6B and 6C: to each block, as one big-endian number, the digest repeated to its length is added, and 1.
function addToBlocks(blocks: Uint8Array, digest: Uint8Array, blockBytes: number): void {
  for (let start = 0; start < blocks.length; start += blockBytes) {
    let carry = 1;
    for (let index = blockBytes - 1; index >= 0; index--) {
      carry += blocks[start + index]! + digest[index % digest.length]!;
      blocks[start + index] = carry;
      carry >>= 8;
    }
  }
}
