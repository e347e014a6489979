// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) and PKCS#8 (RFC 5958) of the keys that Sealwire signs and verifies with.
//
//   SubjectPublicKeyInfo ::= SEQUENCE { AlgorithmIdentifier, BIT STRING }
//   PrivateKeyInfo       ::= SEQUENCE { version 0 or 1, AlgorithmIdentifier, OCTET STRING,
//                                       [0] attributes OPTIONAL, [1] publicKey OPTIONAL }
//
// RSA is RFC 8017 §A.1 and RFC 4055, elliptic curves RFC 5480 and RFC 5915, Ed25519 RFC 8410. Both backends read keys
// here, so that both accept and refuse the same ones; the arithmetic is theirs. No PEM, no encrypted keys.

import { sameBytes, toHex } from '../base/bytes.js';
import {
  contextTag,
  type DerReader,
  der,
  readBitString,
  readDer,
  readNull,
  readOid,
  readSequence,
  readSmallInteger,
  readUnsignedInteger,
  tags,
} from '../base/der.js';
import { SealwireError } from '../base/errors.js';

export type SignatureHash = 'sha256' | 'sha384' | 'sha512';

/** Numbers are big-endian bytes without leading zeros. */
export interface RsaPublicKey {
  readonly kind: 'rsa' | 'rsa-pss';
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
  /** Of an id-RSASSA-PSS key: the one hash it may be used with, and the least salt (RFC 4055 §3.3). */
  readonly restriction?: { readonly hash: SignatureHash; readonly saltBytes: number } | undefined;
}

export interface CurvePublicKey {
  /** For the P curves a SEC 1 point, `04 ‖ x ‖ y` or compressed; for Ed25519 the 32 bytes of RFC 8032 §5.1.2. */
  readonly kind: 'p256' | 'p384' | 'ed25519';
  readonly point: Uint8Array;
}

export type PublicKeyFields = RsaPublicKey | CurvePublicKey;

/** RFC 8017 §A.1.2, two primes. */
export interface RsaPrivateKey extends RsaPublicKey {
  readonly privateExponent: Uint8Array;
  /** p, q, d mod p-1, d mod q-1, q^-1 mod p. */
  readonly factors: readonly Uint8Array[];
}

export interface CurvePrivateKey {
  readonly kind: 'p256' | 'p384' | 'ed25519';
  /** The scalar, or the seed of Ed25519; 32 or 48 bytes, a copy: wipe it after use. */
  readonly secret: Uint8Array;
  /** The public key, if the file carries it: it is not to be believed before it was compared. */
  readonly point: Uint8Array | undefined;
}

export type PrivateKeyFields = RsaPrivateKey | CurvePrivateKey;

/** Larger by far than any key below, attributes included. */
const maxKeyBytes = 64 * 1024;
const rsaModulusBits = { least: 2048, most: 8192 } as const;
// OpenSSL refuses longer exponents for large moduli too: each bit of it is a squaring that a peer makes us do.
const rsaExponentBytes = 8;

const oids = {
  rsaEncryption: '1.2.840.113549.1.1.1',
  mgf1: '1.2.840.113549.1.1.8',
  rsassaPss: '1.2.840.113549.1.1.10',
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  p384: '1.3.132.0.34',
  ed25519: '1.3.101.112',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;

const coordinateBytes = { p256: 32, p384: 48, ed25519: 32 } as const;

/** Reads a SubjectPublicKeyInfo; throws INVALID_CERTIFICATE for what is malformed, unknown or too weak. */
export function decodePublicKey(spki: Uint8Array): PublicKeyFields {
  const info = readKeyInfo(spki);
  const algorithm = readAlgorithm(info.sequence());
  const key = readBitString(info.expect(tags.bitString).content);
  info.finish();
  if (!isRsa(algorithm)) return { kind: algorithm.kind, point: checkPoint(algorithm.kind, key) };
  const numbers = readSequence(key);
  const publicKey = readRsaPublicKey(numbers, algorithm);
  numbers.finish();
  return publicKey;
}

export function encodePublicKey(key: PublicKeyFields): Uint8Array {
  const bits =
    'modulus' in key ? der.sequence(der.integer(key.modulus), der.integer(key.exponent)) : key.point;
  return der.sequence(encodeAlgorithm(key), der.bitString(bits));
}

/** Reads unencrypted PKCS#8; throws INVALID_CERTIFICATE for what is malformed, unknown or too weak. */
export function decodePrivateKey(pkcs8: Uint8Array): PrivateKeyFields {
  const info = readKeyInfo(pkcs8);
  const version = readSmallInteger(info.expect(tags.integer).content);
  if (version > 1) throw unreadable('its PKCS#8 version is unknown');
  const algorithm = readAlgorithm(info.sequence());
  const contents = info.expect(tags.octetString).content;
  // Windows and macOS write a key usage here; it binds nobody.
  info.optional(contextTag(0, true));
  const hasPoint = version === 1 && !info.done;
  const point = hasPoint ? readBitString(info.expect(contextTag(1, false)).content) : undefined;
  info.finish();
  if (isRsa(algorithm)) return readRsaPrivateKey(readSequence(contents), algorithm);
  const { kind } = algorithm;
  if (kind !== 'ed25519') return readEcPrivateKey(readSequence(contents), kind, point);
  const secret = readDer(contents, tags.octetString).content;
  if (secret.length !== coordinateBytes.ed25519) throw unreadable('an Ed25519 key has 32 bytes');
  return { kind, secret: Uint8Array.from(secret), point };
}

/** Version 0, as OpenSSL writes it: without attributes, and for the P curves with the public point inside. */
export function encodePrivateKey(key: PrivateKeyFields): Uint8Array {
  return der.sequence(der.integer(0), encodeAlgorithm(key), der.octetString(encodePrivateContents(key)));
}

function encodePrivateContents(key: PrivateKeyFields): Uint8Array {
  if ('modulus' in key) {
    const numbers = [key.modulus, key.exponent, key.privateExponent, ...key.factors];
    return der.sequence(der.integer(0), ...numbers.map(der.integer));
  }
  const secret = der.octetString(key.secret);
  if (key.kind === 'ed25519') return secret;
  const version1 = der.integer(1);
  if (key.point === undefined) return der.sequence(version1, secret);
  return der.sequence(version1, secret, der.explicit(1, der.bitString(key.point)));
}

/** What both forms begin with; the length is looked at before anything else. */
function readKeyInfo(bytes: Uint8Array): DerReader {
  if (bytes.length > maxKeyBytes) throw unreadable('it is longer than 64 KiB');
  return readSequence(bytes);
}

/** Throws INVALID_CERTIFICATE when the public key that came with a private one is not the one that was computed. */
export function requireOwnPoint(key: CurvePrivateKey, computed: PublicKeyFields): void {
  if (key.point === undefined) return;
  const own = 'point' in computed ? computed.point : undefined;
  if (own !== undefined && (sameBytes(key.point, own) || sameBytes(key.point, compress(own)))) return;
  throw unreadable('its public key does not belong to its private key');
}

/** Whether two public keys are one, in whatever form each is written: points may be compressed, hashes lack a NULL. */
export function isSameKey(one: PublicKeyFields, other: PublicKeyFields): boolean {
  if ('modulus' in one || 'modulus' in other) {
    return sameBytes(encodePublicKey(one), encodePublicKey(other));
  }
  if (one.kind !== other.kind) return false;
  if (one.point.length === other.point.length) return sameBytes(one.point, other.point);
  return sameBytes(one.point, compress(other.point)) || sameBytes(compress(one.point), other.point);
}

/** SEC 1 §2.3.3: x, and whether y is odd. */
function compress(point: Uint8Array): Uint8Array {
  const compressed = point.slice(0, (point.length + 1) / 2);
  compressed[0] = 2 | (point.at(-1)! & 1);
  return compressed;
}

// ---- AlgorithmIdentifier ---------------------------------------------------------------------------------------

type RsaAlgorithm = Pick<RsaPublicKey, 'kind' | 'restriction'>;
type Algorithm = RsaAlgorithm | Pick<CurvePublicKey, 'kind'>;

function isRsa(algorithm: Algorithm): algorithm is RsaAlgorithm {
  return algorithm.kind === 'rsa' || algorithm.kind === 'rsa-pss';
}

function readAlgorithm(identifier: DerReader): Algorithm {
  const algorithm = readParameters(readOid(identifier.expect(tags.oid).content), identifier);
  identifier.finish();
  return algorithm;
}

function readParameters(name: string, parameters: DerReader): Algorithm {
  switch (name) {
    case oids.rsaEncryption:
      readNull(parameters.expect(tags.null).content);
      return { kind: 'rsa' };
    case oids.rsassaPss:
      return { kind: 'rsa-pss', restriction: parameters.done ? undefined : readPss(parameters.sequence()) };
    case oids.ed25519:
      return { kind: 'ed25519' };
    case oids.ecPublicKey:
      // RFC 5480 §2.1.1: with parameters of its own, a key could choose a curve on which it signs for others.
      if (parameters.peekTag() === tags.sequence)
        throw unreadable('its curve is given by explicit parameters, not by the name P-256 or P-384');
      return { kind: readCurve(parameters.expect(tags.oid).content) };
    default:
      throw unreadable(
        `it is ${otherAlgorithms.get(name) ?? `of algorithm ${name}`}, which is none of RSA, ECDSA and Ed25519`,
      );
  }
}

const otherAlgorithms: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10040.4.1', 'a DSA key'],
  ['1.2.840.10046.2.1', 'a Diffie-Hellman key'],
  ['1.3.101.110', 'an X25519 key'],
  ['1.3.101.111', 'an X448 key'],
  ['1.3.101.113', 'an Ed448 key'],
  ['2.16.840.1.101.3.4.3.17', 'an ML-DSA-44 key'],
  ['2.16.840.1.101.3.4.3.18', 'an ML-DSA-65 key'],
  ['2.16.840.1.101.3.4.3.19', 'an ML-DSA-87 key'],
]);

const otherCurves: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.3.1.1', 'P-192'],
  ['1.3.132.0.33', 'P-224'],
  ['1.3.132.0.35', 'P-521'],
  ['1.3.132.0.10', 'secp256k1'],
  ['1.3.36.3.3.2.8.1.1.7', 'brainpoolP256r1'],
  ['1.3.36.3.3.2.8.1.1.11', 'brainpoolP384r1'],
  ['1.3.36.3.3.2.8.1.1.13', 'brainpoolP512r1'],
]);

function readCurve(oid: Uint8Array): 'p256' | 'p384' {
  const name = readOid(oid);
  if (name === oids.p256) return 'p256';
  if (name === oids.p384) return 'p384';
  throw unreadable(`its curve is ${otherCurves.get(name) ?? name}, neither P-256 nor P-384`);
}

const defaultSaltBytes = 20;
/** More than the largest modulus could hold. */
const maxSaltBytes = 0xffff;

/** RSASSA-PSS-params (RFC 4055 §3.1). Absent fields mean SHA-1, which nothing here signs with. */
function readPss(parameters: DerReader): RsaPublicKey['restriction'] {
  const hash = readHash(readSequence(parameters.expect(contextTag(0, true)).content));
  const mask = readSequence(parameters.expect(contextTag(1, true)).content);
  if (readOid(mask.expect(tags.oid).content) !== oids.mgf1) throw unreadable('its PSS mask is not MGF1');
  const maskHash = readHash(mask.sequence());
  mask.finish();
  if (maskHash !== hash) throw unreadable('its PSS mask has another hash than its message');
  // [3] trailerField has one value, the default, which DER leaves out.
  const salt = parameters.optional(contextTag(2, true));
  parameters.finish();
  const saltBytes = salt ? readSmallInteger(readDer(salt.content, tags.integer).content) : defaultSaltBytes;
  // X.690 §11.5: so that a key is written in one way only.
  if (salt && saltBytes === defaultSaltBytes)
    throw unreadable('its PSS salt is the default, which DER leaves out');
  if (saltBytes > maxSaltBytes) throw unreadable('its PSS salt is longer than any modulus');
  return { hash, saltBytes };
}

function readHash(identifier: DerReader): SignatureHash {
  const name = readOid(identifier.expect(tags.oid).content);
  // RFC 4055 §2.1: NULL or nothing, both are in use.
  const parameters = identifier.optional(tags.null);
  if (parameters) readNull(parameters.content);
  identifier.finish();
  for (const hash of ['sha256', 'sha384', 'sha512'] as const) if (name === oids[hash]) return hash;
  throw unreadable('its PSS hash is none of SHA-256, SHA-384 and SHA-512');
}

function encodeAlgorithm(key: Algorithm): Uint8Array {
  if (key.kind === 'ed25519') return der.sequence(der.oid(oids.ed25519));
  if (!isRsa(key)) return der.sequence(der.oid(oids.ecPublicKey), der.oid(oids[key.kind]));
  if (key.kind === 'rsa') return der.sequence(der.oid(oids.rsaEncryption), der.null());
  const name = der.oid(oids.rsassaPss);
  if (key.restriction === undefined) return der.sequence(name);
  const { hash, saltBytes } = key.restriction;
  const hashIdentifier = der.sequence(der.oid(oids[hash]), der.null());
  const mask = der.sequence(der.oid(oids.mgf1), hashIdentifier);
  const fields = [der.explicit(0, hashIdentifier), der.explicit(1, mask)];
  if (saltBytes !== defaultSaltBytes) fields.push(der.explicit(2, der.integer(saltBytes)));
  return der.sequence(name, der.sequence(...fields));
}

// ---- The keys themselves ---------------------------------------------------------------------------------------

function readRsaPublicKey(numbers: DerReader, algorithm: RsaAlgorithm): RsaPublicKey {
  return checkRsa({ ...algorithm, modulus: readNumber(numbers), exponent: readNumber(numbers) });
}

function readRsaPrivateKey(numbers: DerReader, algorithm: RsaAlgorithm): RsaPrivateKey {
  if (readSmallInteger(numbers.expect(tags.integer).content) !== 0) {
    throw unreadable('an RSA key must have exactly two primes');
  }
  const publicKey = readRsaPublicKey(numbers, algorithm);
  const privateExponent = readNumber(numbers);
  const factors = Array.from({ length: 5 }, () => readNumber(numbers));
  numbers.finish();
  for (const number of [privateExponent, ...factors]) {
    if (number.length === 0 || number.length > publicKey.modulus.length) {
      throw unreadable('an RSA number is out of range');
    }
  }
  return { ...publicKey, privateExponent, factors };
}

function readNumber(numbers: DerReader): Uint8Array {
  return readUnsignedInteger(numbers.expect(tags.integer).content);
}

function checkRsa(key: RsaPublicKey): RsaPublicKey {
  const { modulus, exponent } = key;
  const bits = bitLength(modulus);
  if (bits < rsaModulusBits.least || bits > rsaModulusBits.most) {
    throw unreadable(
      `an RSA key must have ${rsaModulusBits.least} to ${rsaModulusBits.most} bits, not ${bits}`,
    );
  }
  const isOdd = (number: Uint8Array): boolean => (number.at(-1)! & 1) === 1;
  const isOne = exponent.length === 1 && exponent[0] === 1;
  if (exponent.length === 0 || exponent.length > rsaExponentBytes || isOne || !isOdd(exponent)) {
    throw unreadable('its RSA exponent is even, 1 or above 64 bits');
  }
  if (!isOdd(modulus)) throw unreadable('its RSA modulus is even');
  return key;
}

/** Of a number without leading zero bytes. */
export function bitLength(number: Uint8Array): number {
  return number.length === 0 ? 0 : number.length * 8 - Math.clz32(number[0]!) + 24;
}

/** ECPrivateKey (RFC 5915 §3). */
function readEcPrivateKey(
  fields: DerReader,
  kind: 'p256' | 'p384',
  publicBits: Uint8Array | undefined,
): CurvePrivateKey {
  if (readSmallInteger(fields.expect(tags.integer).content) !== 1) {
    throw unreadable('its version of ECPrivateKey is unknown');
  }
  const scalar = fields.expect(tags.octetString).content;
  if (scalar.length > coordinateBytes[kind]) throw unreadable('its scalar is too long for its curve');
  const parameters = fields.optional(contextTag(0, true));
  if (parameters && readCurve(readDer(parameters.content, tags.oid).content) !== kind) {
    throw unreadable('it names two curves');
  }
  const inner = fields.optional(contextTag(1, true));
  fields.finish();
  const point = inner ? readBitString(readDer(inner.content, tags.bitString).content) : publicBits;
  // Old writers drop leading zeros, though RFC 5915 fixes the length.
  const secret = new Uint8Array(coordinateBytes[kind]);
  secret.set(scalar, secret.length - scalar.length);
  return { kind, secret, point };
}

function checkPoint(kind: 'p256' | 'p384' | 'ed25519', point: Uint8Array): Uint8Array {
  const bytes = coordinateBytes[kind];
  if (kind === 'ed25519') {
    if (point.length !== bytes) throw unreadable('an Ed25519 key has 32 bytes');
    const withoutSign = Uint8Array.from(point);
    withoutSign[31]! &= 0x7f;
    if (smallOrderY.has(toHex(withoutSign)))
      throw unreadable('an Ed25519 point of small order signs anything');
    return point;
  }
  // The hybrid form (06, 07) is forbidden by RFC 5480 §2.2, though OpenSSL reads it; infinity (00) is no key.
  const form = point[0];
  const expected = form === 4 ? 1 + 2 * bytes : form === 2 || form === 3 ? 1 + bytes : -1;
  if (point.length !== expected) throw unreadable('its point has the wrong form or length');
  return point;
}

// The y coordinates of the eight points of small order, and p and p+1 for 0 and 1, as libsodium refuses them.
const smallOrderY: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/** What the readers of keys throw; the reason says which rule was broken, never a byte of the key. */
export function unreadable(reason: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', `this key cannot be used: ${reason}`);
}
