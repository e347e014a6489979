// The algorithms that files under a passphrase name: hashes, MACs, and ciphers that are refused by name.
//
//   AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }        RFC 5280 §4.1.1.2
//
// What is known to be too weak to be worth its code (DES, RC4, MD5 as a key derivation) is told apart from what is
// not known: both are refused, with the way to convert the file.

import { type DerElement, DerReader, readOid, readSmallInteger, tags } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { HashName } from '../../crypto/provider.js';

/** What is sealed, so that an error can say what to do with it. */
export type SealedFile = 'PFX file' | 'private key';

export interface AlgorithmIdentifier {
  readonly oid: string;
  readonly parameters: DerElement | undefined;
}

export function readAlgorithm({ content }: DerElement): AlgorithmIdentifier {
  const fields = new DerReader(content);
  const oid = readOid(fields.expect(tags.oid).content);
  const parameters = fields.done ? undefined : fields.next();
  fields.finish();
  return { oid, parameters };
}

/** RFC 8018 appendix B.1: what PBKDF2 and PBMAC1 are made with. */
const hashOfHmac: ReadonlyMap<string, HashName> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
  ['1.2.840.113549.2.12', 'sha512-224'],
  ['1.2.840.113549.2.13', 'sha512-256'],
]);

/** RFC 8017 appendix B.1, and BLAKE2 by its maker's number: what the MAC of a PFX file is made with. */
const hashOfDigest: ReadonlyMap<string, HashName> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
  ['2.16.840.1.101.3.4.2.5', 'sha512-224'],
  ['2.16.840.1.101.3.4.2.6', 'sha512-256'],
  ['1.3.6.1.4.1.1722.12.2.1.16', 'blake2b512'],
]);

/** Reads an AlgorithmIdentifier that must be an HMAC. */
export function readHmac(algorithm: DerElement, file: SealedFile): HashName {
  return hashNamed(hashOfHmac, readAlgorithm(algorithm), file);
}

/** The hash that an AlgorithmIdentifier must be. */
export function digestOf(algorithm: AlgorithmIdentifier, file: SealedFile): HashName {
  return hashNamed(hashOfDigest, algorithm, file);
}

function hashNamed(
  names: ReadonlyMap<string, HashName>,
  { oid, parameters }: AlgorithmIdentifier,
  file: SealedFile,
): HashName {
  const hash = names.get(oid);
  if (hash === undefined) throw unsupported(oid, file);
  // NULL or nothing: both are in use.
  if (parameters && (parameters.tag !== tags.null || parameters.content.length > 0)) {
    throw invalid('a hash algorithm has parameters that nobody knows: export the file again');
  }
  return hash;
}

/** The fields of parameters that must be a SEQUENCE. */
export function parametersOf(parameters: DerElement | undefined): DerReader {
  if (parameters?.tag !== tags.sequence) throw invalid('an encryption algorithm lacks its parameters');
  return new DerReader(parameters.content);
}

/** The next OCTET STRING, a salt. */
export function readSalt(fields: DerReader, file: SealedFile): Uint8Array {
  const salt = fields.expect(tags.octetString).content;
  if (salt.length <= maxSaltBytes) return salt;
  throw invalid(`the ${file} has a salt of more than ${maxSaltBytes} bytes: export it again`);
}

/** The next INTEGER, of at most 31 bits. */
export function readCount(fields: DerReader): number {
  return readSmallInteger(fields.expect(tags.integer).content);
}

const maxSaltBytes = 1024;

// RFC 7292 appendix C, RFC 8018 appendix A.3 and B.2: what files of the last century are sealed with, and rare ciphers.
const refusedAlgorithms: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.12.1.1', '128-bit RC4'],
  ['1.2.840.113549.1.12.1.2', '40-bit RC4'],
  ['1.2.840.113549.1.5.1', 'MD2 and DES'],
  ['1.2.840.113549.1.5.3', 'MD5 and DES'],
  ['1.2.840.113549.1.5.4', 'MD2 and RC2'],
  ['1.2.840.113549.1.5.6', 'MD5 and RC2'],
  ['1.2.840.113549.1.5.10', 'SHA-1 and DES'],
  ['1.2.840.113549.1.5.11', 'SHA-1 and RC2'],
  ['1.2.840.113549.2.5', 'MD5'],
  ['1.2.840.113549.3.9', 'RC5'],
  ['1.3.14.3.2.7', 'DES'],
  ['1.2.392.200011.61.1.1.1.2', 'Camellia'],
  ['1.2.392.200011.61.1.1.1.3', 'Camellia'],
  ['1.2.392.200011.61.1.1.1.4', 'Camellia'],
]);

const remedies: Readonly<Record<SealedFile, string>> = {
  'PFX file':
    'export it again with AES, as OpenSSL 3 does by default: "openssl pkcs12 -legacy -in old.pfx -out all.pem", ' +
    'then "openssl pkcs12 -export -in all.pem -out new.pfx"',
  'private key':
    'convert it: "openssl pkcs8 -topk8 -v2 aes-256-cbc -provider legacy -provider default -in old.pem -out new.pem"',
};

/** The error for an algorithm that is not read, old or unknown. */
export function unsupported(oid: string, file: SealedFile): SealwireError {
  const name = refusedAlgorithms.get(oid);
  return unsupportedAlgorithm(name ? `${name} (${oid})` : `the algorithm ${oid}`, file);
}

export function unsupportedAlgorithm(name: string, file: SealedFile): SealwireError {
  return invalid(`the ${file} is protected with ${name}, which is not supported: ${remedies[file]}`);
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
