// What every backend demands of its caller before it touches a primitive: written once, so that node.ts and noble.ts
// refuse the same arguments with the same words.
//
// These are faults of the program (INVALID_CONFIG, INVALID_STATE), never of a peer: what a peer sends is answered
// with `false` or `undefined` by the backends. Messages name lengths only, never content. Node 20 itself accepts
// other nonce lengths and shorter tags, so nothing here may be left to the library.

import { wipe } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { cipherKeyBytes, nonceBytes, type ScryptCost, tagBytes } from './provider.js';

/** Of 128 bytes each. */
const maxScryptBlocks = 2 ** 24;

/** Keys of ciphers and MACs: 32 bytes. */
export function requireKey(key: Uint8Array): void {
  requireLength('a cipher or MAC key', key, cipherKeyBytes);
}

/** Before `seal`: a 12-byte nonce, and room for the plaintext and the tag. */
export function requireSeal(nonce: Uint8Array, plaintextBytes: number, outputBytes: number): void {
  requireNonce(nonce);
  requireBytes('the output of seal()', outputBytes, plaintextBytes + tagBytes);
}

/**
 * Before `open`: a 12-byte nonce, and room for what was sealed without the tag. What a peer sent without even a tag is
 * no fault of the caller: the answer is false, and the output is wiped.
 */
export function requireOpen(nonce: Uint8Array, sealedBytes: number, output: Uint8Array): boolean {
  requireNonce(nonce);
  if (sealedBytes < tagBytes) {
    wipe(output);
    return false;
  }
  requireLength('the output of open()', output, sealedBytes - tagBytes);
  return true;
}

/** Before `apply`: a 12-byte nonce, and an output as long as the input. */
export function requireApply(nonce: Uint8Array, input: Uint8Array, output: Uint8Array): void {
  requireNonce(nonce);
  requireLength('the output of apply()', output, input.length);
}

/** RFC 8439 §2.3, SP 800-38D §5.2.1.1. */
function requireNonce(nonce: Uint8Array): void {
  requireLength('a nonce', nonce, nonceBytes);
}

export function requireLength(what: string, bytes: Uint8Array, length: number): void {
  requireBytes(what, bytes.length, length);
}

function requireBytes(what: string, has: number, length: number): void {
  if (has === length) return;
  throw new SealwireError('INVALID_CONFIG', `${what} must have ${length} bytes, but has ${has}`);
}

/** RFC 5869 §2.3: a key of at least HashLen bytes, and at most 255 blocks out of it. */
export function requireExpandable(pseudoRandomKey: Uint8Array, length: number): void {
  if (pseudoRandomKey.length < 32) {
    throw new SealwireError(
      'INVALID_CONFIG',
      `HKDF-Expand needs a key of at least 32 bytes, but got ${pseudoRandomKey.length}: run HKDF-Extract first`,
    );
  }
  requireInteger('the output length of HKDF-Expand', length, 0, 255 * 32);
}

/** RFC 8018 §5.2, and no more than what node:crypto can count. */
export function requireStretchable(iterations: number, length: number): void {
  requireInteger('the iterations of PBKDF2', iterations, 1, 2 ** 31 - 1);
  requireInteger('the output length of PBKDF2', length, 1, 2 ** 31 - 1);
}

/** RFC 7914 §6, and at most 2 GiB of memory and of time. */
export function requireScrypt({ N, r, p }: ScryptCost, length: number): void {
  requireInteger('r of scrypt', r, 1, maxScryptBlocks);
  requireInteger('p of scrypt', p, 1, maxScryptBlocks / r);
  requireInteger('N of scrypt', N, 2, Math.min(maxScryptBlocks / (r * p), 2 ** (16 * r) - 1));
  if ((N & (N - 1)) !== 0) throw new SealwireError('INVALID_CONFIG', 'N of scrypt must be a power of two');
  requireInteger('the output length of scrypt', length, 1, 2 ** 31 - 1);
}

/** At least once, and no more than what a loop can count. */
export function requireRounds(rounds: number): void {
  requireInteger('the rounds of a hash', rounds, 1, 2 ** 31 - 1);
}

/** A whole number from `least` to `most`. */
export function requireInteger(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new SealwireError('INVALID_CONFIG', `${what} must be a whole number from ${least} to ${most}`);
}

/** AES-CBC reads PFX and key files only, so lengths that do not fit are a fault of the file. */
export function requireCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): void {
  if ((key.length === 16 || key.length === 24 || key.length === 32) && iv.length === 16) {
    if (data.length % 16 === 0) return;
  }
  throw new SealwireError(
    'INVALID_CERTIFICATE',
    'the AES-CBC part of this file is damaged: it needs a key of 16, 24 or 32 bytes, an IV of 16 and whole blocks',
  );
}

/** The state of a cipher or a key that has not been destroyed yet. */
export function alive<State>(state: State | undefined): State {
  if (state !== undefined) return state;
  throw new SealwireError('INVALID_STATE', 'this was destroyed, and its key with it: make a new one');
}
