// A passphrase at work on one file: every key that opens a part of the file is derived here, so that what the file may
// ask for in all is counted in one place. A part states its own iterations, and a file may have hundreds of parts.
//
// One passphrase has several encodings: UTF-8 for PBES2 and PBMAC1 (RFC 8018 §3), UTF-16 with two zero bytes behind it
// for PKCS #12's own derivation (RFC 7292 appendix B.1), where some programs take the empty one for no bytes at all.

import { empty, utf8, wipe } from '../../base/bytes.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider, HashName, ScryptCost } from '../../crypto/provider.js';
import { type SealedFile, unsupportedAlgorithm } from './algorithm.js';
import { bmpPassword, digestBytes, type Pkcs12Derivation, pkcs12Key } from './pkcs12-kdf.js';

/**
 * Iterations of what we write, for PBES2 and for the MAC of a PFX file: ten times the default of OpenSSL 3, and
 * still some hundredths of a second. What protects a file is a long random passphrase.
 */
export const passphraseIterations = 20_000;

/** What one key may ask for: 2,000,000 are about a second on Node, and some seconds in a browser. */
export const maxPassphraseIterations = 2_000_000;

/**
 * What all keys of a file may ask for together, each counted once per digest that it is made of. A file of Firefox with
 * two keys under old ciphers comes to 600,000 × (1 for the MAC + 3 × 3 for keys and IVs).
 */
export const maxIterationsPerFile = 6_000_000;

/** 128·N·r·p bytes are both the memory and the time of scrypt. OpenSSL writes 16 MiB. */
export const maxScryptBytes: number = 64 * 1024 * 1024;

/** PBKDF2-params (RFC 8018 appendix A.2). */
export interface Pbkdf2Parameters {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Length of the derived key in bytes, where it is stated. */
  readonly keyLength?: number | undefined;
  readonly prf: HashName;
}

/** scrypt-params (RFC 7914 §7). */
export interface ScryptParameters {
  readonly salt: Uint8Array;
  readonly cost: ScryptCost;
  readonly keyLength?: number | undefined;
}

/** Derives one key from the one encoding that is being tried. */
export type DerivePkcs12 = (derivation: Pkcs12Derivation) => Uint8Array;

export class Passphrase {
  readonly crypto: CryptoProvider;
  readonly file: SealedFile;
  readonly #text: string;
  #isNothing: readonly boolean[];
  #iterationsLeft = maxIterationsPerFile;

  constructor(crypto: CryptoProvider, text: string, file: SealedFile) {
    this.crypto = crypto;
    this.file = file;
    this.#text = text;
    this.#isNothing = text === '' ? [false, true] : [false];
  }

  /** The caller wipes the key. */
  pbkdf2({ prf, salt, iterations }: Pbkdf2Parameters, keyBytes: number): Uint8Array {
    this.#spend(iterations, Math.ceil(keyBytes / digestBytes[prf]));
    const password = utf8(this.#text);
    const key = this.crypto.pbkdf2(prf, password, salt, iterations, keyBytes);
    wipe(password);
    return key;
  }

  /** The caller wipes the key. */
  scrypt({ salt, cost }: ScryptParameters, keyBytes: number): Uint8Array {
    const { N, r, p } = cost;
    // §6: N a power of two, and below 2^(128·r/8). The bytes come first, so that the rest is about small numbers.
    const bytes = 128 * N * r * p;
    if (bytes > maxScryptBytes) {
      throw invalid(
        `the ${this.file} asks for scrypt with N = ${N}, r = ${r} and p = ${p}, and at most ${maxScryptBytes} bytes ` +
          '(128·N·r·p) are accepted: convert it with a smaller N',
      );
    }
    if (r < 1 || p < 1 || N < 2 || (N & (N - 1)) !== 0 || Math.log2(N) >= 16 * r) {
      throw unsupportedAlgorithm(`scrypt with N = ${N}, r = ${r} and p = ${p}`, this.file);
    }
    this.#spend(N * r * p, 1);
    const password = utf8(this.#text);
    const key = this.crypto.scrypt(password, salt, cost, keyBytes);
    wipe(password);
    return key;
  }

  /**
   * Tries `open` with each encoding of the passphrase, until it returns something; that encoding is then the one
   * for the rest of the file.
   */
  tryPkcs12<Opened>(open: (derive: DerivePkcs12) => Opened | undefined): Opened | undefined {
    for (const isNothing of this.#isNothing) {
      const password = isNothing ? empty : bmpPassword(this.#text);
      const opened = open((derivation) => {
        this.#spend(derivation.iterations, Math.ceil(derivation.bytes / digestBytes[derivation.hash]));
        return pkcs12Key(this.crypto, password, derivation);
      });
      wipe(password);
      if (opened === undefined) continue;
      this.#isNothing = [isNothing];
      return opened;
    }
    return undefined;
  }

  /** Nothing is derived before it is known what that costs. */
  #spend(iterations: number, digests: number): void {
    if (iterations < 1 || iterations > maxPassphraseIterations) {
      throw invalid(
        `the ${this.file} asks for ${iterations} passphrase iterations, and 1 to ${maxPassphraseIterations} are ` +
          'accepted: export it again with fewer',
      );
    }
    this.#iterationsLeft -= iterations * digests;
    if (this.#iterationsLeft < 0) {
      throw invalid(
        `the parts of the ${this.file} ask for more than ${maxIterationsPerFile} passphrase iterations together: ` +
          'export it again with fewer',
      );
    }
  }

  /** The error where nothing that the passphrase gives fits. */
  wrong(): SealwireError {
    return new SealwireError(
      'PFX_PASSPHRASE',
      `the passphrase does not open the ${this.file}, or the file is damaged: check the "passphrase" option ` +
        '(it is exact to the letter; an empty one is the same as none)',
    );
  }
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
