// Algorithms of certificates: what a certificate is signed with (RFC 5280 §4.1.1.2) and which key it holds
// (§4.1.2.7), in the words of the crypto interface.
//
//   AlgorithmIdentifier  ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
//   SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
//
// What is known but not good enough (SHA-1, short keys) and what is not known are told apart from what is
// malformed: such certificates can be read, and the path says why it refuses them.

import {
  DerReader,
  readBitString,
  readInteger,
  readNull,
  readOid,
  readSequence,
  readSmallInteger,
  tags,
} from '../../base/der.js';
import type { SignatureAlgorithm } from '../../crypto/provider.js';

type Hash = 'sha256' | 'sha384' | 'sha512';

/**
 * How a certificate is signed. ECDSA's curve is not part of it, since that is the issuer's.
 * `weak`: MD5 or SHA-1, or DSA; `unsupported`: anything else.
 */
export type SignatureScheme =
  | `rsa-pss-${Hash}`
  | `rsa-pkcs1-${Hash}`
  | `ecdsa-${Hash}`
  | 'ed25519'
  | 'weak'
  | 'unsupported';

export interface SubjectPublicKey {
  /** SubjectPublicKeyInfo, DER: what {@link CryptoProvider.verify} takes. */
  readonly spki: Uint8Array;
  readonly kind: 'rsa' | 'rsa-pss' | 'p256' | 'p384' | 'ed25519' | 'unsupported';
  /** Of the modulus or the curve; 0 where the kind is not supported. */
  readonly bits: number;
  /** The one hash that an `rsa-pss` key may be used with, where it names one (RFC 4055 §3.1). */
  readonly pssHash?: Hash | undefined;
}

const minRsaBits = 2048;
const maxRsaBits = 8192;
/** Nobody uses more; a verifier's time grows with it. */
const maxRsaExponent = 2n ** 64n;

const oids = {
  rsaEncryption: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  p384: '1.3.132.0.34',
  ed25519: '1.3.101.112',
} as const;

const hashes: ReadonlyMap<string, Hash | 'weak'> = new Map([
  ['1.3.14.3.2.26', 'weak'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);
const hashBytes: Readonly<Record<Hash, number>> = { sha256: 32, sha384: 48, sha512: 64 };

const rsaSchemes: ReadonlyMap<string, SignatureScheme> = new Map([
  ['1.2.840.113549.1.1.2', 'weak'], // MD2
  ['1.2.840.113549.1.1.4', 'weak'], // MD5
  ['1.2.840.113549.1.1.5', 'weak'], // SHA-1
  ['1.3.14.3.2.29', 'weak'], // SHA-1, the OIW's number
  ['1.2.840.113549.1.1.11', 'rsa-pkcs1-sha256'],
  ['1.2.840.113549.1.1.12', 'rsa-pkcs1-sha384'],
  ['1.2.840.113549.1.1.13', 'rsa-pkcs1-sha512'],
]);

/** Those whose parameters must be absent (RFC 5758 §3.2, RFC 8410 §3). */
const bareSchemes: ReadonlyMap<string, SignatureScheme> = new Map([
  ['1.2.840.10040.4.3', 'weak'], // DSA with SHA-1
  ['2.16.840.1.101.3.4.3.2', 'weak'], // DSA with SHA-256
  ['1.2.840.10045.4.1', 'weak'], // ECDSA with SHA-1
  ['1.2.840.10045.4.3.2', 'ecdsa-sha256'],
  ['1.2.840.10045.4.3.3', 'ecdsa-sha384'],
  ['1.2.840.10045.4.3.4', 'ecdsa-sha512'],
  [oids.ed25519, 'ed25519'],
]);

/** Reads the AlgorithmIdentifier of a signature. */
export function readSignatureScheme(algorithm: DerReader): SignatureScheme {
  const oid = readOid(algorithm.expect(tags.oid).content);
  if (oid === oids.rsaPss) {
    const hash = readPssHash(algorithm);
    return hash === 'weak' || hash === 'unsupported' ? hash : `rsa-pss-${hash}`;
  }
  const rsaScheme = rsaSchemes.get(oid);
  if (rsaScheme) {
    // RFC 4055 §5: the parameters are NULL, and readers accept that they are absent.
    if (!algorithm.done) readNullParameters(algorithm);
    return rsaScheme;
  }
  const bareScheme = bareSchemes.get(oid);
  if (bareScheme) algorithm.finish();
  return bareScheme ?? 'unsupported';
}

/** Reads the content of a SubjectPublicKeyInfo; `spki` is the whole of it. */
export function readSubjectPublicKey(spki: Uint8Array): SubjectPublicKey {
  const info = readSequence(spki);
  const algorithm = info.sequence();
  const key = readBitString(info.expect(tags.bitString).content);
  info.finish();
  const unsupported: SubjectPublicKey = { spki, kind: 'unsupported', bits: 0 };
  switch (readOid(algorithm.expect(tags.oid).content)) {
    case oids.rsaEncryption: {
      readNullParameters(algorithm);
      const bits = rsaBits(key);
      return bits === undefined ? unsupported : { spki, kind: 'rsa', bits };
    }
    case oids.rsaPss: {
      const hash = algorithm.done ? undefined : readPssHash(algorithm);
      const bits = rsaBits(key);
      if (bits === undefined || hash === 'weak' || hash === 'unsupported') return unsupported;
      return { spki, kind: 'rsa-pss', bits, pssHash: hash };
    }
    case oids.ecPublicKey: {
      // RFC 5480 §2.1.1: named curves only. Explicit parameters would let the certificate choose its generator.
      const curve = algorithm.optional(tags.oid);
      if (curve === undefined) return unsupported;
      algorithm.finish();
      const oid = readOid(curve.content);
      if (oid === oids.p256) return { spki, kind: 'p256', bits: 256 };
      return oid === oids.p384 ? { spki, kind: 'p384', bits: 384 } : unsupported;
    }
    case oids.ed25519:
      algorithm.finish();
      return { spki, kind: 'ed25519', bits: 256 };
    default:
      return unsupported;
  }
}

/** How `issuer` verifies that scheme; undefined when a key of its kind cannot have made such a signature. */
export function signatureAlgorithm(
  scheme: SignatureScheme,
  issuer: SubjectPublicKey,
): SignatureAlgorithm | undefined {
  switch (scheme) {
    case 'rsa-pkcs1-sha256':
    case 'rsa-pkcs1-sha384':
    case 'rsa-pkcs1-sha512':
      return issuer.kind === 'rsa' ? scheme : undefined;
    case 'rsa-pss-sha256':
    case 'rsa-pss-sha384':
    case 'rsa-pss-sha512':
      if (issuer.kind === 'rsa') return scheme;
      if (issuer.kind !== 'rsa-pss') return undefined;
      return issuer.pssHash === undefined || scheme.endsWith(issuer.pssHash) ? scheme : undefined;
    case 'ecdsa-sha256':
    case 'ecdsa-sha384':
    case 'ecdsa-sha512': {
      if (issuer.kind !== 'p256' && issuer.kind !== 'p384') return undefined;
      const hash = scheme.slice('ecdsa-'.length) as Hash;
      return `ecdsa-${issuer.kind}-${hash}`;
    }
    case 'ed25519':
      return issuer.kind === 'ed25519' ? scheme : undefined;
    default:
      return undefined;
  }
}

/** Why a key is not good enough to rely on; undefined when it is. */
export function keyWeakness(key: SubjectPublicKey): string | undefined {
  if (key.kind === 'unsupported') {
    return 'its key is none of RSA, ECDSA on P-256 or P-384, and Ed25519';
  }
  const rsa = key.kind === 'rsa' || key.kind === 'rsa-pss';
  if (rsa && (key.bits < minRsaBits || key.bits > maxRsaBits)) {
    return `its RSA key has ${key.bits} bits, which is not between ${minRsaBits} and ${maxRsaBits}`;
  }
  // CA/Browser Forum BR §6.1.5; such a key was made by hand, or by a broken generator.
  if (rsa && key.bits % 8 !== 0) return `its RSA key has ${key.bits} bits, which is not a number of octets`;
  return undefined;
}

/** RFC 8017 §A.1.1. Undefined for exponents that are no RSA exponents: with 1, anyone can sign. */
function rsaBits(key: Uint8Array): number | undefined {
  const reader = readSequence(key);
  const modulus = readInteger(reader.expect(tags.integer).content);
  const exponent = readInteger(reader.expect(tags.integer).content);
  reader.finish();
  if (modulus <= 0n || exponent < 3n || exponent % 2n === 0n || exponent > maxRsaExponent) return undefined;
  return modulus.toString(16).length * 4 - (Math.clz32(Number.parseInt(modulus.toString(16)[0]!, 16)) - 28);
}

/**
 * RSASSA-PSS-params (RFC 4055 §3.1), all of whose fields default to SHA-1's. The interface knows one use: MGF1
 * with the same hash, a salt of its length, trailer 1.
 */
function readPssHash(algorithm: DerReader): Hash | 'weak' | 'unsupported' {
  const params = algorithm.sequence();
  algorithm.finish();
  const hash = readExplicit(params, 0, readHash) ?? 'weak';
  const maskHash = readExplicit(params, 1, readMaskHash) ?? 'weak';
  const saltBytes =
    readExplicit(params, 2, (field) => readSmallInteger(field.expect(tags.integer).content)) ?? 20;
  const trailer =
    readExplicit(params, 3, (field) => readSmallInteger(field.expect(tags.integer).content)) ?? 1;
  params.finish();
  if (hash === 'weak' || hash === 'unsupported') return hash;
  return maskHash === hash && saltBytes === hashBytes[hash] && trailer === 1 ? hash : 'unsupported';
}

function readMaskHash(field: DerReader): Hash | 'weak' | 'unsupported' {
  const algorithm = field.sequence();
  if (readOid(algorithm.expect(tags.oid).content) !== oids.mgf1) return 'unsupported';
  const hash = readHash(algorithm);
  algorithm.finish();
  return hash;
}

function readHash(field: DerReader): Hash | 'weak' | 'unsupported' {
  const algorithm = field.sequence();
  const oid = readOid(algorithm.expect(tags.oid).content);
  if (!algorithm.done) readNullParameters(algorithm);
  return hashes.get(oid) ?? 'unsupported';
}

function readExplicit<T>(reader: DerReader, number: number, read: (field: DerReader) => T): T | undefined {
  const field = reader.optional(0xa0 | number);
  if (field === undefined) return undefined;
  const content = new DerReader(field.content);
  const value = read(content);
  content.finish();
  return value;
}

function readNullParameters(algorithm: DerReader): void {
  readNull(algorithm.expect(tags.null).content);
  algorithm.finish();
}
