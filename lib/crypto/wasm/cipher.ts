// ChaCha20-Poly1305 and ChaCha20 in WebAssembly, for all keys of a process: one memory, into which key, nonce and data are
// copied for each call, and which is wiped before the call ends, whatever becomes of it.
//
//   copy in -> call (assembly/cipher.ts) -> copy out -> wipe
//
// What is longer than the area goes through it in pieces, so that the memory never grows; to open them takes two passes,
// since nothing is decrypted before the tag was right. Calls are synchronous: no two messages ever meet in the memory.
// Lengths were checked by the caller (keyed.ts).
//
// Of our own, because a seal of 64 bytes takes 0.26 µs (without vectors 0.36), where @chainsafe/as-chacha20poly1305 takes 1.1,
// libsodium.js 0.8 with 150 kB of bundle, node:crypto 4.1 and noble 4.8; and because neither of the first two wipes.

import { wipe, writeAll } from '../../base/bytes.js';
import { Views } from '../../base/views.js';
import { tagBytes } from '../provider.js';
import { scalarCipher, simdCipher } from './binary.js';
import { instantiate } from './instance.js';

/** The exports of assembly/cipher.ts. Counters and lengths are bytes, except `counter`: blocks of 64 bytes. */
interface CipherCalls {
  seal(adBytes: number, bytes: number): void;
  open(adBytes: number, bytes: number): number;
  begin(): void;
  crypt(counter: number, bytes: number): void;
  absorb(bytes: number): void;
  finish(adBytes: number, bytes: number): number;
}

// The places of assembly/memory.ts.
const keyAt = 0;
const nonceAt = 32;
const adEnd = 512;
const dataAt = 512;
/** What Poly1305 reads and writes behind the data: padding, lengths and tag. */
const behindData = 32;

/** More is longer than any header: it goes piece by piece. */
export const longestAd = 64;
/** Whole blocks of both, and with everything around it half of the nearest cache. */
export const pieceBytes: number = 16 * 1024;

export type Build = 'simd' | 'scalar';

export class WasmCipher {
  readonly build: Build;
  readonly #call: CipherCalls;
  readonly #bytes: Uint8Array;
  readonly #data: Views;

  /** The first of `builds` that this machine can run and may run; undefined if it is none. */
  static load(builds: readonly Build[]): WasmCipher | undefined {
    for (const build of builds) {
      const instance = instantiate<CipherCalls>(build === 'simd' ? simdCipher : scalarCipher);
      if (instance !== undefined) return new WasmCipher(build, instance.call, instance.bytes);
    }
    return undefined;
  }

  /** Whether it goes through the area at once. */
  static fits(bytes: number, adBytes: number): boolean {
    return bytes <= pieceBytes && adBytes <= longestAd;
  }

  private constructor(build: Build, call: CipherCalls, bytes: Uint8Array) {
    this.build = build;
    this.#call = call;
    this.#bytes = bytes;
    this.#data = new Views(bytes, dataAt);
  }

  /** Writes ciphertext and tag to `output`, which may begin at the place of `plaintext`. */
  seal(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    if (WasmCipher.fits(plaintext.length, ad.length))
      this.sealParts(key, nonce, ad, [plaintext], plaintext.length, output, 0);
    else this.#sealPieces(key, nonce, ad, plaintext, output);
  }

  /** The same of `parts` in a row, `length` bytes that fit, to `output` from `at` on. */
  sealParts(
    key: Uint8Array,
    nonce: Uint8Array,
    ad: Uint8Array,
    parts: readonly Uint8Array[],
    length: number,
    output: Uint8Array,
    at: number,
  ): void {
    const bytes = this.#bytes;
    try {
      bytes.set(key, keyAt);
      bytes.set(nonce, nonceAt);
      bytes.set(ad, adEnd - blockEnd(ad.length));
      writeAll(bytes, dataAt, parts);
      this.#call.seal(ad.length, length);
      output.set(this.#data.first(length + tagBytes), at);
    } finally {
      bytes.fill(0, 0, dataAt + length + behindData);
    }
  }

  /**
   * Whether the tag is right; only then is there something else than zeros in `output`. What is sealed begins in `sealed` at `from`,
   * which is not larger than {@link longestAd}.
   */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    ad: Uint8Array,
    sealed: Uint8Array,
    output: Uint8Array,
    from = 0,
  ): boolean {
    const { length } = output;
    if (!WasmCipher.fits(length, ad.length)) return this.#openPieces(key, nonce, ad, sealed, output);
    const bytes = this.#bytes;
    try {
      // All of it, since a view of the rest would cost more than to copy what is in front, to where other things stand soon.
      bytes.set(sealed, dataAt - from);
      bytes.fill(0, dataAt - from, dataAt);
      bytes.set(key, keyAt);
      bytes.set(nonce, nonceAt);
      bytes.set(ad, adEnd - blockEnd(ad.length));
      const isRight = this.#call.open(ad.length, length) !== 0;
      if (isRight) output.set(this.#data.first(length));
      else wipe(output);
      return isRight;
    } finally {
      bytes.fill(0, 0, dataAt + length + behindData);
    }
  }

  /** `input` xor the key stream from block 0. */
  apply(key: Uint8Array, nonce: Uint8Array, input: Uint8Array, output: Uint8Array): void {
    const bytes = this.#bytes;
    try {
      bytes.set(key, keyAt);
      bytes.set(nonce, nonceAt);
      this.#cryptPieces(input, output, 0);
    } finally {
      bytes.fill(0, 0, dataAt + Math.min(input.length, pieceBytes) + behindData);
    }
  }

  #sealPieces(
    key: Uint8Array,
    nonce: Uint8Array,
    ad: Uint8Array,
    plaintext: Uint8Array,
    output: Uint8Array,
  ): void {
    const { length } = plaintext;
    try {
      this.#begin(key, nonce, ad);
      const ciphertext = output.subarray(0, length);
      this.#cryptPieces(plaintext, ciphertext, 1);
      this.#absorbPieces(ciphertext);
      this.#call.finish(ad.length, length);
      output.set(this.#data.first(tagBytes), length);
    } finally {
      wipe(this.#bytes);
    }
  }

  #openPieces(
    key: Uint8Array,
    nonce: Uint8Array,
    ad: Uint8Array,
    sealed: Uint8Array,
    output: Uint8Array,
  ): boolean {
    const { length } = output;
    try {
      this.#begin(key, nonce, ad);
      const ciphertext = sealed.subarray(0, length);
      this.#absorbPieces(ciphertext);
      this.#bytes.set(sealed.subarray(length), dataAt);
      const isRight = this.#call.finish(ad.length, length) !== 0;
      if (isRight) this.#cryptPieces(ciphertext, output, 1);
      else wipe(output);
      return isRight;
    } finally {
      wipe(this.#bytes);
    }
  }

  #begin(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array): void {
    this.#bytes.set(key, keyAt);
    this.#bytes.set(nonce, nonceAt);
    this.#call.begin();
    this.#absorbPieces(ad);
  }

  #absorbPieces(input: Uint8Array): void {
    for (let offset = 0; offset < input.length; offset += pieceBytes) {
      const piece = input.subarray(offset, offset + pieceBytes);
      this.#bytes.set(piece, dataAt);
      this.#call.absorb(piece.length);
    }
  }

  #cryptPieces(input: Uint8Array, output: Uint8Array, counter: number): void {
    if (input.length <= pieceBytes) {
      this.#bytes.set(input, dataAt);
      this.#call.crypt(counter, input.length);
      output.set(this.#data.first(input.length));
      return;
    }
    // A piece that is written must not be one that is still to be read: from here on both are the same place.
    output.set(input);
    for (let offset = 0; offset < output.length; offset += pieceBytes) {
      const piece = output.subarray(offset, offset + pieceBytes);
      this.#bytes.set(piece, dataAt);
      this.#call.crypt(counter + offset / 64, piece.length);
      piece.set(this.#data.first(piece.length));
    }
  }
}

function blockEnd(length: number): number {
  return (length + 15) & ~15;
}
