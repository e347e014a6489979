// PBES2, encryption under a passphrase (PKCS #5, RFC 8018 §6.2): the key comes from PBKDF2, the cipher is AES-CBC.
//
//   AlgorithmIdentifier { PBES2, { keyDerivationFunc PBKDF2 { salt, iterations, keyLength?, prf },
//                                  encryptionScheme  AES-128/192/256-CBC { iv } } }
//
// PFX files and encrypted PKCS #8 keys are sealed with it. Older schemes (3DES, RC2, DES) are recognised by name
// and refused with the way to convert the file. PBES2 has no MAC: a wrong passphrase shows in the padding and in
// the plaintext, which is a DER SEQUENCE in both uses.

import { utf8, wipe } from '../../base/bytes.js';
import { type DerElement, DerReader, der, readDer, readOid, readSmallInteger, tags } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider, HashName } from '../../crypto/provider.js';

/** What the ciphertext is part of, so that an error can say what to do with it. */
export type EncryptedFile = 'PFX file' | 'private key';

/**
 * Iterations of what we write, for PBES2 and for the MAC of a PFX file: ten times the default of OpenSSL 3, and
 * still some hundredths of a second. What protects a file is a long random passphrase.
 */
export const passphraseIterations = 20_000;

/** More would take more than a few seconds in a browser: 2,000,000 are about one on Node. */
export const maxPassphraseIterations = 2_000_000;

const blockBytes = 16;
const saltBytes = 16;
const maxSaltBytes = 1024;

const pbes2Oid = '1.2.840.113549.1.5.13';
const pbkdf2Oid = '1.2.840.113549.1.5.12';
const aes256CbcOid = '2.16.840.1.101.3.4.1.42';
const hmacSha256Oid = '1.2.840.113549.2.9';

const keyBytesOfCipher: ReadonlyMap<string, number> = new Map([
  ['2.16.840.1.101.3.4.1.2', 16],
  ['2.16.840.1.101.3.4.1.22', 24],
  [aes256CbcOid, 32],
]);

const hashOfHmac: ReadonlyMap<string, HashName> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  [hmacSha256Oid, 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);

// RFC 7292 appendix C, RFC 8018 §6.1 and appendix B.2, RFC 7914: schemes that files in the wild still use.
const legacySchemes: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.12.1.1', '128-bit RC4'],
  ['1.2.840.113549.1.12.1.2', '40-bit RC4'],
  ['1.2.840.113549.1.12.1.3', 'Triple DES'],
  ['1.2.840.113549.1.12.1.4', 'two-key Triple DES'],
  ['1.2.840.113549.1.12.1.5', '128-bit RC2'],
  ['1.2.840.113549.1.12.1.6', '40-bit RC2'],
  ['1.2.840.113549.1.5.1', 'DES'],
  ['1.2.840.113549.1.5.3', 'DES'],
  ['1.2.840.113549.1.5.4', 'RC2'],
  ['1.2.840.113549.1.5.6', 'RC2'],
  ['1.2.840.113549.1.5.10', 'DES'],
  ['1.2.840.113549.1.5.11', 'RC2'],
  ['1.2.840.113549.3.2', 'RC2'],
  ['1.2.840.113549.3.7', 'Triple DES'],
  ['1.3.14.3.2.7', 'DES'],
  ['1.3.6.1.4.1.11591.4.11', 'scrypt'],
]);

const remedies: Readonly<Record<EncryptedFile, string>> = {
  'PFX file':
    'export it again with AES, as OpenSSL 3 does by default: "openssl pkcs12 -legacy -in old.pfx -out all.pem", ' +
    'then "openssl pkcs12 -export -in all.pem -out new.pfx"',
  'private key': 'convert it: "openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out new.pem"',
};

/**
 * Decrypts what `algorithm` (an AlgorithmIdentifier) and `passphrase` sealed; the caller wipes the result.
 * Throws PFX_PASSPHRASE when the passphrase does not fit, INVALID_CERTIFICATE for another scheme than PBES2 with AES.
 */
export function decryptPbes2(
  crypto: CryptoProvider,
  algorithm: DerElement,
  ciphertext: Uint8Array,
  passphrase: string,
  file: EncryptedFile,
): Uint8Array {
  const { oid, parameters } = readAlgorithm(algorithm);
  if (oid !== pbes2Oid) throw unsupported(oid, file);
  const fields = sequenceOf(parameters);
  const derivation = readPbkdf2(fields.expect(tags.sequence), file);
  const scheme = readAlgorithm(fields.expect(tags.sequence));
  fields.finish();

  const keyBytes = keyBytesOfCipher.get(scheme.oid);
  if (keyBytes === undefined) throw unsupported(scheme.oid, file);
  const iv = scheme.parameters?.tag === tags.octetString ? scheme.parameters.content : undefined;
  if (iv?.length !== blockBytes) throw invalid(`the ${file} has no 16-byte IV for AES-CBC`);
  if (derivation.keyLength !== undefined && derivation.keyLength !== keyBytes) {
    throw invalid(`the ${file} derives a key of another length than its cipher has`);
  }
  if (ciphertext.length === 0 || ciphertext.length % blockBytes !== 0) {
    throw invalid(`the encrypted part of the ${file} is not a whole number of AES blocks: it is damaged`);
  }

  const key = deriveKey(crypto, derivation, passphrase, keyBytes);
  const padded = crypto.aesCbcDecrypt(key, iv, ciphertext);
  wipe(key);
  const plaintext = withoutPadding(padded);
  if (plaintext === undefined || !isSequence(plaintext)) {
    wipe(padded);
    throw wrongPassphrase(file);
  }
  return plaintext;
}

/** Encrypts with AES-256-CBC under PBKDF2-HMAC-SHA256: the AlgorithmIdentifier, encoded, and the ciphertext. */
export function encryptPbes2(
  crypto: CryptoProvider,
  plaintext: Uint8Array,
  passphrase: string,
): { algorithm: Uint8Array; ciphertext: Uint8Array } {
  const salt = crypto.randomBytes(saltBytes);
  const iv = crypto.randomBytes(blockBytes);
  const key = deriveKey(crypto, { salt, iterations: passphraseIterations, prf: 'sha256' }, passphrase, 32);
  const padded = withPadding(plaintext);
  const ciphertext = crypto.aesCbcEncrypt(key, iv, padded);
  wipe(key, padded);
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

/** PBKDF2-params (RFC 8018 appendix A.2). */
export interface Pbkdf2Parameters {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Length of the derived key in bytes, where it is stated. */
  readonly keyLength?: number;
  readonly prf: HashName;
}

/** Reads an AlgorithmIdentifier that must be PBKDF2, within our limits. */
export function readPbkdf2(algorithm: DerElement, file: EncryptedFile): Pbkdf2Parameters {
  const { oid, parameters } = readAlgorithm(algorithm);
  if (oid !== pbkdf2Oid) throw unsupported(oid, file);
  const fields = sequenceOf(parameters);
  const salt = checkedSalt(fields.expect(tags.octetString).content, file);
  const iterations = checkedIterations(readSmallInteger(fields.expect(tags.integer).content), file);
  const keyLength = fields.optional(tags.integer);
  const prf = fields.optional(tags.sequence);
  fields.finish();
  return {
    salt,
    iterations,
    ...(keyLength && { keyLength: readSmallInteger(keyLength.content) }),
    prf: prf ? readHmac(prf, file) : 'sha1',
  };
}

/** Reads an AlgorithmIdentifier that must be an HMAC of RFC 8018 appendix B.1. */
export function readHmac(algorithm: DerElement, file: EncryptedFile): HashName {
  const { oid, parameters } = readAlgorithm(algorithm);
  const hash = hashOfHmac.get(oid);
  if (hash === undefined) throw unsupported(oid, file);
  requireNoParameters(parameters);
  return hash;
}

/** PBKDF2 over the passphrase in UTF-8 (RFC 8018 §3); the caller wipes the key. */
export function deriveKey(
  crypto: CryptoProvider,
  { prf, salt, iterations }: Pbkdf2Parameters,
  passphrase: string,
  keyBytes: number,
): Uint8Array {
  const password = utf8(passphrase);
  const key = crypto.pbkdf2(prf, password, salt, iterations, keyBytes);
  wipe(password);
  return key;
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL } */
export function readAlgorithm({ content }: DerElement): { oid: string; parameters: DerElement | undefined } {
  const fields = new DerReader(content);
  const oid = readOid(fields.expect(tags.oid).content);
  const parameters = fields.done ? undefined : fields.next();
  fields.finish();
  return { oid, parameters };
}

/** Hash and HMAC identifiers carry NULL or nothing. */
export function requireNoParameters(parameters: DerElement | undefined): void {
  if (parameters && (parameters.tag !== tags.null || parameters.content.length > 0)) {
    throw invalid('a hash algorithm has parameters that nobody knows: export the file again');
  }
}

export function checkedIterations(iterations: number, file: EncryptedFile): number {
  if (iterations >= 1 && iterations <= maxPassphraseIterations) return iterations;
  throw invalid(
    `the ${file} asks for ${iterations} passphrase iterations, and 1 to ${maxPassphraseIterations} are accepted: ` +
      'export it again with fewer',
  );
}

export function checkedSalt(salt: Uint8Array, file: EncryptedFile): Uint8Array {
  if (salt.length <= maxSaltBytes) return salt;
  throw invalid(`the ${file} has a salt of more than ${maxSaltBytes} bytes: export it again`);
}

/** The error for an algorithm that is not read, old or unknown. */
export function unsupported(oid: string, file: EncryptedFile): SealwireError {
  const legacy = legacySchemes.get(oid);
  const algorithm = legacy ? `${legacy} (${oid})` : `the algorithm ${oid}`;
  return invalid(`the ${file} is protected with ${algorithm}, which is not supported: ${remedies[file]}`);
}

export function wrongPassphrase(file: EncryptedFile): SealwireError {
  return new SealwireError(
    'PFX_PASSPHRASE',
    `the passphrase does not open the ${file}, or the file is damaged: check the "passphrase" option ` +
      '(it is exact to the letter; an empty one is the same as none)',
  );
}

function sequenceOf(parameters: DerElement | undefined): DerReader {
  if (parameters?.tag !== tags.sequence) throw invalid('an encryption algorithm lacks its parameters');
  return new DerReader(parameters.content);
}

// RFC 8018 §6.1.1 step 4: 1 to 16 bytes, each saying how many they are.
function withPadding(plaintext: Uint8Array): Uint8Array {
  const count = blockBytes - (plaintext.length % blockBytes);
  const padded = new Uint8Array(plaintext.length + count).fill(count);
  padded.set(plaintext);
  return padded;
}

function withoutPadding(padded: Uint8Array): Uint8Array | undefined {
  const count = padded.at(-1) ?? 0;
  if (count < 1 || count > blockBytes || count > padded.length) return undefined;
  const end = padded.length - count;
  return padded.subarray(end).every((byte) => byte === count) ? padded.subarray(0, end) : undefined;
}

// One wrong key in 256 leaves a valid padding behind, but not a SEQUENCE of just the right length before it.
function isSequence(plaintext: Uint8Array): boolean {
  try {
    return readDer(plaintext).tag === tags.sequence;
  } catch {
    return false;
  }
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
