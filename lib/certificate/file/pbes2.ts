// PBES2, encryption under a passphrase (PKCS #5, RFC 8018 §6.2): one algorithm makes the key, another uses it.
//
//   { keyDerivationFunc  PBKDF2 { salt, iterations, keyLength?, prf }  or  scrypt { salt, N, r, p, keyLength? },
//     encryptionScheme   AES-128/192/256-CBC { iv },  DES-EDE3-CBC { iv }  or  RC2-CBC { version, iv } }
//
// PFX files and encrypted PKCS #8 keys are sealed with it. We write PBKDF2 with HMAC-SHA256 and AES-256-CBC; the other
// pairs are read.

import { utf8, wipe } from '../../base/bytes.js';
import { type DerElement, type DerReader, der, readSmallInteger, tags } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import {
  parametersOf,
  readAlgorithm,
  readCount,
  readHmac,
  readSalt,
  type SealedFile,
  unsupported,
  unsupportedAlgorithm,
} from './algorithm.js';
import { aesCbc, type CbcCipher, openCbc, rc2Cbc, tripleDesCbc, withPadding } from './cbc.js';
import {
  type Passphrase,
  type Pbkdf2Parameters,
  passphraseIterations,
  type ScryptParameters,
} from './passphrase.js';

export const pbes2Oid = '1.2.840.113549.1.5.13';

const pbkdf2Oid = '1.2.840.113549.1.5.12';
const scryptOid = '1.3.6.1.4.1.11591.4.11';
const hmacSha256Oid = '1.2.840.113549.2.9';
const aes256CbcOid = '2.16.840.1.101.3.4.1.42';
const desEde3CbcOid = '1.2.840.113549.3.7';
const rc2CbcOid = '1.2.840.113549.3.2';

const aesKeyBytes: ReadonlyMap<string, 16 | 24 | 32> = new Map([
  ['2.16.840.1.101.3.4.1.2', 16],
  ['2.16.840.1.101.3.4.1.22', 24],
  [aes256CbcOid, 32],
]);

const saltBytes = 16;
const aesBlockBytes = 16;

/** Opens what PBES2 sealed: the plaintext, or undefined where the passphrase does not fit. */
export function openPbes2(
  passphrase: Passphrase,
  parameters: DerElement | undefined,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  const { crypto, file } = passphrase;
  const fields = parametersOf(parameters);
  const derivation = readDerivation(fields.expect(tags.sequence), file);
  const { cipher, iv } = readScheme(crypto, fields.expect(tags.sequence), derivation.keyLength, file);
  fields.finish();
  if (derivation.keyLength !== undefined && derivation.keyLength !== cipher.keyBytes) {
    throw invalid(`the ${file} derives a key of another length than its cipher has`);
  }
  const key =
    'prf' in derivation
      ? passphrase.pbkdf2(derivation, cipher.keyBytes)
      : passphrase.scrypt(derivation, cipher.keyBytes);
  try {
    return openCbc(cipher, key, iv, ciphertext, file);
  } finally {
    wipe(key);
  }
}

/** Seals with AES-256-CBC under PBKDF2-HMAC-SHA256: the AlgorithmIdentifier, encoded, and the ciphertext. */
export function sealPbes2(
  crypto: CryptoProvider,
  plaintext: Uint8Array,
  passphrase: string,
): { algorithm: Uint8Array; ciphertext: Uint8Array } {
  const salt = crypto.randomBytes(saltBytes);
  const iv = crypto.randomBytes(aesBlockBytes);
  const password = utf8(passphrase);
  const key = crypto.pbkdf2('sha256', password, salt, passphraseIterations, 32);
  const padded = withPadding(plaintext, aesBlockBytes);
  const ciphertext = crypto.aesCbcEncrypt(key, iv, padded);
  wipe(password, key, padded);
  const derivation = der.sequence(
    der.oid(pbkdf2Oid),
    der.sequence(
      der.octetString(salt),
      der.integer(passphraseIterations),
      der.sequence(der.oid(hmacSha256Oid), der.null()),
    ),
  );
  const scheme = der.sequence(der.oid(aes256CbcOid), der.octetString(iv));
  return { algorithm: der.sequence(der.oid(pbes2Oid), der.sequence(derivation, scheme)), ciphertext };
}

/** Reads an AlgorithmIdentifier that must be PBKDF2. */
export function readPbkdf2(algorithm: DerElement, file: SealedFile): Pbkdf2Parameters {
  const derivation = readDerivation(algorithm, file);
  if ('prf' in derivation) return derivation;
  throw unsupportedAlgorithm('a MAC whose key comes from scrypt', file);
}

function readDerivation(algorithm: DerElement, file: SealedFile): Pbkdf2Parameters | ScryptParameters {
  const { oid, parameters } = readAlgorithm(algorithm);
  if (oid !== pbkdf2Oid && oid !== scryptOid) throw unsupported(oid, file);
  const fields = parametersOf(parameters);
  const salt = readSalt(fields, file);
  if (oid === scryptOid) {
    const cost = { N: readCount(fields), r: readCount(fields), p: readCount(fields) };
    const keyLength = readOptionalCount(fields);
    fields.finish();
    return { salt, cost, keyLength };
  }
  const iterations = readCount(fields);
  const keyLength = readOptionalCount(fields);
  const prf = fields.optional(tags.sequence);
  fields.finish();
  return { salt, iterations, keyLength, prf: prf ? readHmac(prf, file) : 'sha1' };
}

function readOptionalCount(fields: DerReader): number | undefined {
  const count = fields.optional(tags.integer);
  return count && readSmallInteger(count.content);
}

function readScheme(
  crypto: CryptoProvider,
  algorithm: DerElement,
  keyLength: number | undefined,
  file: SealedFile,
): { cipher: CbcCipher; iv: Uint8Array } {
  const { oid, parameters } = readAlgorithm(algorithm);
  if (oid === rc2CbcOid) {
    const fields = parametersOf(parameters);
    const bits = readRc2Bits(readOptionalCount(fields), file);
    const iv = ivOf(fields.next(), 8, file);
    fields.finish();
    // The one cipher here whose key has any length: RFC 8018 appendix B.2.3 asks for keyLength.
    if (keyLength === undefined || keyLength < 1 || keyLength > maxRc2KeyBytes) {
      throw invalid(`the ${file} does not say how long its key of RC2 is: export it again`);
    }
    return { cipher: rc2Cbc(keyLength, bits), iv };
  }
  const aesBytes = aesKeyBytes.get(oid);
  if (aesBytes === undefined && oid !== desEde3CbcOid) throw unsupported(oid, file);
  const cipher = aesBytes === undefined ? tripleDesCbc(24) : aesCbc(crypto, aesBytes);
  return { cipher, iv: ivOf(parameters, cipher.blockBytes, file) };
}

const maxRc2KeyBytes = 128;
const defaultRc2Bits = 32;
/** RFC 8018 appendix B.2.3: small versions are a code of the effective bits, large ones are the bits. */
const rc2BitsOfVersion: ReadonlyMap<number, number> = new Map([
  [160, 40],
  [120, 64],
  [58, 128],
]);

function readRc2Bits(version: number | undefined, file: SealedFile): number {
  if (version === undefined) return defaultRc2Bits;
  const bits = version >= 256 ? version : rc2BitsOfVersion.get(version);
  if (bits !== undefined && bits <= 8 * maxRc2KeyBytes) return bits;
  throw unsupportedAlgorithm(`RC2 of version ${version}`, file);
}

function ivOf(parameters: DerElement | undefined, bytes: number, file: SealedFile): Uint8Array {
  if (parameters?.tag === tags.octetString && parameters.content.length === bytes) return parameters.content;
  throw invalid(`the ${file} has no ${bytes}-byte IV for its cipher`);
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
