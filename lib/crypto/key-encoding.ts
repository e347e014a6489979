// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) and PKCS#8 (RFC 5958) of the keys that Sealwire signs and verifies with.
//
//   SubjectPublicKeyInfo ::= SEQUENCE { AlgorithmIdentifier, BIT STRING }
//   PrivateKeyInfo       ::= SEQUENCE { version 0 or 1, AlgorithmIdentifier, OCTET STRING,
//                                       [0] attributes OPTIONAL, [1] publicKey OPTIONAL }
//
// RSA is RFC 8017 §A.1 and RFC 4055, elliptic curves RFC 5480 and RFC 5915, Ed25519 RFC 8410. Both backends read keys
// here, so that both accept and refuse the same ones; the arithmetic is theirs. No PEM, no encrypted keys.

import { sameBytes, toHex } from '../base/bytes.js';
import { type DerReader, der, derBits, derNull, derUnsigned, readWhole, tag, unreadable } from './key-der.js';

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

const rsaModulusBits = { least: 2048, most: 8192 } as const;
// OpenSSL refuses longer exponents for large moduli too: each bit of it is a squaring that a peer makes us do.
const rsaExponentBytes = 8;

const oid = {
  rsaEncryption: Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1),
  mgf1: Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8),
  rsassaPss: Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10),
  ecPublicKey: Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1),
  p256: Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7),
  p384: Uint8Array.of(0x2b, 0x81, 4, 0, 34),
  ed25519: Uint8Array.of(0x2b, 0x65, 0x70),
  sha256: Uint8Array.of(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1),
  sha384: Uint8Array.of(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2),
  sha512: Uint8Array.of(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3),
} as const;

const coordinateBytes = { p256: 32, p384: 48, ed25519: 32 } as const;

/** Reads a SubjectPublicKeyInfo; throws INVALID_CERTIFICATE for what is malformed, unknown or too weak. */
export function decodePublicKey(spki: Uint8Array): PublicKeyFields {
  return readWhole(spki, (outer) =>
    outer.sequence((info) => {
      const algorithm = info.sequence(readAlgorithm);
      const key = info.bits();
      if (!isRsa(algorithm)) return { kind: algorithm.kind, point: checkPoint(algorithm.kind, key) };
      const numbers = (fields: DerReader): RsaPublicKey => ({
        ...algorithm,
        modulus: fields.unsigned(),
        exponent: fields.unsigned(),
      });
      return checkRsa(readWhole(key, (reader) => reader.sequence(numbers)));
    }),
  );
}

export function encodePublicKey(key: PublicKeyFields): Uint8Array {
  const bits =
    'modulus' in key ? der(tag.sequence, derUnsigned(key.modulus), derUnsigned(key.exponent)) : key.point;
  return der(tag.sequence, encodeAlgorithm(key), derBits(bits));
}

/** Reads unencrypted PKCS#8; throws INVALID_CERTIFICATE for what is malformed, unknown or too weak. */
export function decodePrivateKey(pkcs8: Uint8Array): PrivateKeyFields {
  return readWhole(pkcs8, (outer) => outer.sequence(readPrivateKeyInfo));
}

function readPrivateKeyInfo(info: DerReader): PrivateKeyFields {
  const version = info.small();
  if (version > 1) throw unreadable('its PKCS#8 version is unknown');
  const algorithm = info.sequence(readAlgorithm);
  const contents = info.read(tag.octetString);
  // Windows and macOS write a key usage here; it binds nobody.
  info.optional(tag.context(0));
  const point = version === 1 && !info.done ? info.bits(tag.contextPrimitive(1)) : undefined;
  return readWhole(contents, (reader) => {
    if (isRsa(algorithm)) return reader.sequence((numbers) => readRsaPrivateKey(numbers, algorithm));
    const { kind } = algorithm;
    if (kind !== 'ed25519') return reader.sequence((fields) => readEcPrivateKey(fields, kind, point));
    const secret = reader.read(tag.octetString);
    if (secret.length !== coordinateBytes.ed25519) throw unreadable('an Ed25519 key has 32 bytes');
    return { kind, secret: Uint8Array.from(secret), point };
  });
}

/** Version 0, as OpenSSL writes it: without attributes, and for the P curves with the public point inside. */
export function encodePrivateKey(key: PrivateKeyFields): Uint8Array {
  const version0 = derUnsigned(Uint8Array.of(0));
  return der(tag.sequence, version0, encodeAlgorithm(key), der(tag.octetString, encodePrivateContents(key)));
}

function encodePrivateContents(key: PrivateKeyFields): Uint8Array {
  if ('modulus' in key) {
    const numbers = [key.modulus, key.exponent, key.privateExponent, ...key.factors].map(derUnsigned);
    return der(tag.sequence, derUnsigned(Uint8Array.of(0)), ...numbers);
  }
  const secret = der(tag.octetString, key.secret);
  if (key.kind === 'ed25519') return secret;
  const version1 = derUnsigned(Uint8Array.of(1));
  if (key.point === undefined) return der(tag.sequence, version1, secret);
  return der(tag.sequence, version1, secret, der(tag.context(1), derBits(key.point)));
}

/** Throws INVALID_CERTIFICATE when the public key that came with a private one is not the one that was computed. */
export function requireOwnPoint(key: CurvePrivateKey, computed: PublicKeyFields): void {
  if (key.point === undefined) return;
  const own = 'point' in computed ? computed.point : undefined;
  if (own !== undefined && (sameBytes(key.point, own) || sameBytes(key.point, compress(own)))) return;
  throw unreadable('its public key does not belong to its private key');
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
  const name = identifier.read(tag.oid);
  if (sameBytes(name, oid.rsaEncryption)) {
    if (identifier.read(tag.null).length !== 0) throw unreadable('a NULL has contents');
    return { kind: 'rsa' };
  }
  if (sameBytes(name, oid.rsassaPss)) {
    return { kind: 'rsa-pss', restriction: identifier.done ? undefined : identifier.sequence(readPss) };
  }
  if (sameBytes(name, oid.ed25519)) return { kind: 'ed25519' };
  if (sameBytes(name, oid.ecPublicKey)) return { kind: readCurve(identifier) };
  throw unreadable('its algorithm is none of RSA, ECDSA and Ed25519');
}

function readCurve(reader: DerReader): 'p256' | 'p384' {
  const name = reader.read(tag.oid);
  if (sameBytes(name, oid.p256)) return 'p256';
  if (sameBytes(name, oid.p384)) return 'p384';
  throw unreadable('its curve is neither P-256 nor P-384');
}

const defaultSaltBytes = 20;

/** RSASSA-PSS-params (RFC 4055 §3.1). Absent fields mean SHA-1, which nothing here signs with. */
function readPss(parameters: DerReader): RsaPublicKey['restriction'] {
  const hash = readWhole(parameters.read(tag.context(0)), readHash);
  const maskHash = readWhole(parameters.read(tag.context(1)), (reader) =>
    reader.sequence((mask) => {
      if (!sameBytes(mask.read(tag.oid), oid.mgf1)) throw unreadable('its PSS mask is not MGF1');
      return readHash(mask);
    }),
  );
  if (maskHash !== hash) throw unreadable('its PSS mask has another hash than its message');
  // [3] trailerField has one value, the default, which DER leaves out.
  const salt = parameters.optional(tag.context(2));
  const saltBytes = salt === undefined ? defaultSaltBytes : readWhole(salt, (reader) => reader.small());
  return { hash, saltBytes };
}

function readHash(reader: DerReader): SignatureHash {
  return reader.sequence((identifier) => {
    const name = identifier.read(tag.oid);
    // RFC 4055 §2.1: NULL or nothing, both are in use.
    identifier.optional(tag.null);
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) if (sameBytes(name, oid[hash])) return hash;
    throw unreadable('its PSS hash is none of SHA-256, SHA-384 and SHA-512');
  });
}

function encodeAlgorithm(key: Algorithm): Uint8Array {
  if (key.kind === 'ed25519') return der(tag.sequence, der(tag.oid, oid.ed25519));
  if (!isRsa(key)) return der(tag.sequence, der(tag.oid, oid.ecPublicKey), der(tag.oid, oid[key.kind]));
  if (key.kind === 'rsa') return der(tag.sequence, der(tag.oid, oid.rsaEncryption), derNull);
  const name = der(tag.oid, oid.rsassaPss);
  if (key.restriction === undefined) return der(tag.sequence, name);
  const { hash, saltBytes } = key.restriction;
  const hashIdentifier = der(tag.sequence, der(tag.oid, oid[hash]), derNull);
  const mask = der(tag.sequence, der(tag.oid, oid.mgf1), hashIdentifier);
  const fields = [der(tag.context(0), hashIdentifier), der(tag.context(1), mask)];
  if (saltBytes !== defaultSaltBytes) {
    fields.push(der(tag.context(2), derUnsigned(Uint8Array.of(saltBytes >>> 8, saltBytes & 0xff))));
  }
  return der(tag.sequence, name, der(tag.sequence, ...fields));
}

// ---- The keys themselves ---------------------------------------------------------------------------------------

function readRsaPrivateKey(numbers: DerReader, algorithm: RsaAlgorithm): RsaPrivateKey {
  if (numbers.small() !== 0) throw unreadable('an RSA key must have exactly two primes');
  const publicKey = checkRsa({ ...algorithm, modulus: numbers.unsigned(), exponent: numbers.unsigned() });
  const privateExponent = numbers.unsigned();
  const factors = Array.from({ length: 5 }, () => numbers.unsigned());
  for (const number of [privateExponent, ...factors]) {
    if (number.length === 0 || number.length > publicKey.modulus.length) {
      throw unreadable('an RSA number is out of range');
    }
  }
  return { ...publicKey, privateExponent, factors };
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
  if (fields.small() !== 1) throw unreadable('its version of ECPrivateKey is unknown');
  const scalar = fields.read(tag.octetString);
  if (scalar.length > coordinateBytes[kind]) throw unreadable('its scalar is too long for its curve');
  const parameters = fields.optional(tag.context(0));
  if (parameters !== undefined && readWhole(parameters, readCurve) !== kind) {
    throw unreadable('it names two curves');
  }
  const inner = fields.optional(tag.context(1));
  // Old writers drop leading zeros, though RFC 5915 fixes the length.
  const secret = new Uint8Array(coordinateBytes[kind]);
  secret.set(scalar, secret.length - scalar.length);
  return { kind, secret, point: inner === undefined ? publicBits : readWhole(inner, (bits) => bits.bits()) };
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
