// Signatures of the noble backend: ECDSA and Ed25519 by @noble/curves, RSA by micro-rsa-dsa-dh.
//
// The defaults of the libraries are made for other trades, so every call says what X.509 and TLS mean: ECDSA in DER
// with any S (the default refuses half of all valid ones), Ed25519 by RFC 8032 and not by ZIP 215, a PSS salt as long
// as the hash. What the libraries throw at a bad signature is `false` here.

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import {
  IFCPrimes,
  mgf1,
  PKCS1_SHA256,
  PKCS1_SHA384,
  PKCS1_SHA512,
  PSS,
  type Signer,
} from 'micro-rsa-dsa-dh/rsa.js';
import { invert, numberToBytes, OS2IP } from 'micro-rsa-dsa-dh/utils.js';
import { wipe } from '../base/bytes.js';
import {
  bitLength,
  type CurvePrivateKey,
  decodePrivateKey,
  decodePublicKey,
  encodePrivateKey,
  encodePublicKey,
  type RsaPrivateKey,
  requireOwnPoint,
  unreadable,
} from './key-encoding.js';
import type { KeyKind, PrivateKey, SignatureAlgorithm } from './provider.js';
import { requireConsistentRsa } from './rsa-consistency.js';
import { hashBytes, requireScheme, schemeFor } from './signature-scheme.js';

const hashes = { sha256, sha384, sha512 } as const;
const curves = { p256, p384 } as const;
// `prehash: false` because the hash is part of the algorithm here, not of the curve.
const ecdsaOptions = { format: 'der', lowS: false, prehash: false } as const;

/** CryptoProvider.verify. */
export function verifyWithNoble(
  algorithm: SignatureAlgorithm,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const key = decodePublicKey(publicKey);
    const scheme = schemeFor(algorithm, key);
    if (scheme === undefined) return false;
    if ('modulus' in key) {
      const numbers = { n: OS2IP(key.modulus), e: OS2IP(key.exponent) };
      return rsa(algorithm).verify(numbers, message, signature);
    }
    if (scheme.family === 'p256' || scheme.family === 'p384') {
      const digest = hashes[scheme.hash](message);
      return curves[scheme.family].verify(signature, digest, key.point, ecdsaOptions);
    }
    return ed25519.verify(signature, message, key.point, { zip215: false });
  } catch {
    return false;
  }
}

/** CryptoProvider.importPrivateKey. */
export function importNobleKey(pkcs8: Uint8Array): PrivateKey {
  const fields = decodePrivateKey(pkcs8);
  if ('modulus' in fields) return requireConsistentRsa(new NobleRsaKey(fields), fields, verifyWithNoble);
  try {
    const key = new NobleCurveKey(fields.kind, fields.secret);
    requireOwnPoint(fields, decodePublicKey(key.publicKey));
    return key;
  } finally {
    wipe(fields.secret);
  }
}

/** CryptoProvider.generateKeyPair. RSA is slow here: about a second for 2048 bits, ten for 4096 (Node 20, measured). */
export function generateNobleKey(kind: KeyKind): PrivateKey {
  if (kind.startsWith('rsa-')) return generateRsaKey(Number(kind.slice('rsa-'.length)));
  const curve = kind as 'p256' | 'p384' | 'ed25519';
  const library = curve === 'ed25519' ? ed25519 : curves[curve];
  const secret = library.utils.randomSecretKey();
  try {
    return new NobleCurveKey(curve, secret);
  } finally {
    wipe(secret);
  }
}

class NobleCurveKey implements PrivateKey {
  readonly kind: 'p256' | 'p384' | 'ed25519';
  readonly publicKey: Uint8Array;
  readonly #secret: Uint8Array;
  readonly #point: Uint8Array;

  constructor(kind: 'p256' | 'p384' | 'ed25519', secret: Uint8Array) {
    this.kind = kind;
    this.#secret = Uint8Array.from(secret);
    this.#point = publicPoint(kind, secret);
    this.publicKey = encodePublicKey({ kind, point: this.#point });
  }

  sign(algorithm: SignatureAlgorithm, message: Uint8Array): Uint8Array {
    const scheme = requireScheme(algorithm, { kind: this.kind, point: this.#point });
    if (scheme.family === 'p256' || scheme.family === 'p384') {
      return curves[scheme.family].sign(hashes[scheme.hash](message), this.#secret, ecdsaOptions);
    }
    return ed25519.sign(message, this.#secret);
  }

  export(): Uint8Array {
    return encodePrivateKey({ kind: this.kind, secret: this.#secret, point: this.#point });
  }
}

function publicPoint(kind: CurvePrivateKey['kind'], secret: Uint8Array): Uint8Array {
  if (kind === 'ed25519') return ed25519.getPublicKey(secret);
  if (!curves[kind].utils.isValidSecretKey(secret)) throw unreadable('its scalar is out of range');
  return curves[kind].getPublicKey(secret, false);
}

class NobleRsaKey implements PrivateKey {
  readonly kind: 'rsa' | 'rsa-pss';
  readonly publicKey: Uint8Array;
  readonly #fields: RsaPrivateKey;
  readonly #numbers: { readonly n: bigint; readonly d: bigint };

  constructor(fields: RsaPrivateKey) {
    // micro-rsa-dsa-dh 0.2.3 cuts PSS signatures of such keys one byte short.
    if (bitLength(fields.modulus) % 8 === 1) throw unreadable('noble needs a modulus of whole bytes');
    this.kind = fields.kind;
    this.publicKey = encodePublicKey(fields);
    // The reader gave views of a file that its owner wipes.
    this.#fields = {
      ...fields,
      modulus: Uint8Array.from(fields.modulus),
      exponent: Uint8Array.from(fields.exponent),
      privateExponent: Uint8Array.from(fields.privateExponent),
      factors: fields.factors.map((factor) => Uint8Array.from(factor)),
    };
    this.#numbers = { n: OS2IP(fields.modulus), d: OS2IP(fields.privateExponent) };
  }

  sign(algorithm: SignatureAlgorithm, message: Uint8Array): Uint8Array {
    requireScheme(algorithm, this.#fields);
    return rsa(algorithm).sign(this.#numbers, message);
  }

  export(): Uint8Array {
    return encodePrivateKey(this.#fields);
  }
}

const rsaSigners: ReadonlyMap<SignatureAlgorithm, Signer> = new Map<SignatureAlgorithm, Signer>([
  ['rsa-pss-sha256', PSS(sha256, mgf1(sha256), hashBytes.sha256)],
  ['rsa-pss-sha384', PSS(sha384, mgf1(sha384), hashBytes.sha384)],
  ['rsa-pss-sha512', PSS(sha512, mgf1(sha512), hashBytes.sha512)],
  ['rsa-pkcs1-sha256', PKCS1_SHA256],
  ['rsa-pkcs1-sha384', PKCS1_SHA384],
  ['rsa-pkcs1-sha512', PKCS1_SHA512],
]);

/** Of an algorithm that was found to fit an RSA key. */
function rsa(algorithm: SignatureAlgorithm): Signer {
  return rsaSigners.get(algorithm)!;
}

/** FIPS 186-5 §A.1.3 by the library; keygen() of it would forget the primes, which PKCS#8 needs. */
function generateRsaKey(bits: number): PrivateKey {
  const e = 65537n;
  const { p, q } = IFCPrimes(bits, e);
  const d = invert(e, (p - 1n) * (q - 1n));
  const factors = [p, q, d % (p - 1n), d % (q - 1n), invert(q, p)];
  return new NobleRsaKey({
    kind: 'rsa',
    modulus: numberToBytes(p * q),
    exponent: numberToBytes(e),
    privateExponent: numberToBytes(d),
    factors: factors.map((factor) => numberToBytes(factor)),
  });
}
