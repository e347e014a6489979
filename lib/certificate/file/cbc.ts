// The block ciphers that keys and PFX files are sealed with, all in CBC with the padding of PKCS #5 (RFC 8018 §6.1.1).
//
// None of them has a MAC: a wrong passphrase shows in the padding, and in the plaintext, which is a SEQUENCE whatever is
// sealed. AES comes from the crypto backend. Triple DES and RC2 are code of our own, so that old files are read alike
// on Node and in browsers; nothing is written with them.

import { berToDer } from '../../base/ber.js';
import { wipe } from '../../base/bytes.js';
import { readDer, tags } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { rc2CbcDecrypt } from '../../crypto/rc2.js';
import { tripleDesCbcDecrypt } from '../../crypto/triple-des.js';
import type { SealedFile } from './algorithm.js';

export interface CbcCipher {
  readonly keyBytes: number;
  /** Of a block, and so of the IV. */
  readonly blockBytes: 8 | 16;
  decrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}

export function aesCbc(crypto: CryptoProvider, keyBytes: 16 | 24 | 32): CbcCipher {
  return {
    keyBytes,
    blockBytes: 16,
    decrypt: (key, iv, ciphertext) => crypto.aesCbcDecrypt(key, iv, ciphertext),
  };
}

export function tripleDesCbc(keyBytes: 16 | 24): CbcCipher {
  return { keyBytes, blockBytes: 8, decrypt: tripleDesCbcDecrypt };
}

export function rc2Cbc(keyBytes: number, effectiveBits: number): CbcCipher {
  return {
    keyBytes,
    blockBytes: 8,
    decrypt: (key, iv, ciphertext) => rc2CbcDecrypt(key, effectiveBits, iv, ciphertext),
  };
}

/** What crypto backends read as a key, at most. A PFX file has a limit of its own. */
const maxSealedKeyBytes = 64 * 1024;

/**
 * The SEQUENCE that was sealed under `key`, or undefined where the key is not the right one; the caller wipes it.
 * Throws INVALID_CERTIFICATE where no key could open this.
 */
export function openCbc(
  cipher: CbcCipher,
  key: Uint8Array,
  iv: Uint8Array,
  ciphertext: Uint8Array,
  file: SealedFile,
): Uint8Array | undefined {
  const { blockBytes } = cipher;
  if (ciphertext.length === 0 || ciphertext.length % blockBytes !== 0) {
    throw invalid(`the encrypted part of the ${file} is not a whole number of blocks: it is damaged`);
  }
  if (file === 'private key' && ciphertext.length > maxSealedKeyBytes) {
    throw invalid(`the private key is longer than ${maxSealedKeyBytes} bytes: nobody's key is`);
  }
  const padded = cipher.decrypt(key, iv, ciphertext);
  const plaintext = withoutPadding(padded, blockBytes);
  if (plaintext !== undefined && isSequence(plaintext, file)) return plaintext;
  wipe(padded);
  return undefined;
}

/** 1 to 16 bytes, each saying how many they are (RFC 8018 §6.1.1 step 4). */
export function withPadding(plaintext: Uint8Array, blockBytes: number): Uint8Array {
  const count = blockBytes - (plaintext.length % blockBytes);
  const padded = new Uint8Array(plaintext.length + count).fill(count);
  padded.set(plaintext);
  return padded;
}

function withoutPadding(padded: Uint8Array, blockBytes: number): Uint8Array | undefined {
  const count = padded.at(-1) ?? 0;
  if (count < 1 || count > blockBytes || count > padded.length) return undefined;
  const end = padded.length - count;
  return padded.subarray(end).every((byte) => byte === count) ? padded.subarray(0, end) : undefined;
}

// One wrong key in 256 leaves a valid padding behind, but not a SEQUENCE of just the right length before it.
function isSequence(plaintext: Uint8Array, file: SealedFile): boolean {
  if (plaintext[0] !== tags.sequence) return false;
  try {
    readDer(file === 'PFX file' ? berToDer(plaintext) : plaintext);
    return true;
  } catch {
    return false;
  }
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
