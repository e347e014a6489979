// Private keys in all the forms that openssl 1 and 3 write, brought to PKCS #8, which crypto backends read.
//
//   BEGIN PRIVATE KEY             PrivateKeyInfo           { version, algorithm, OCTET STRING }     RFC 5958 §2
//   BEGIN ENCRYPTED PRIVATE KEY   EncryptedPrivateKeyInfo  { algorithm, OCTET STRING }              RFC 5958 §3
//   BEGIN RSA PRIVATE KEY         RSAPrivateKey            { 0, modulus, publicExponent, … }        RFC 8017 A.1.2
//   BEGIN EC PRIVATE KEY          ECPrivateKey             { 1, OCTET STRING, [0] curve, [1] key }  RFC 5915 §3
//
// The four differ in the tags of their first fields, so DER needs no label. The last two may be encrypted as PEM
// (pem-encryption.ts). The numbers inside are checked by crypto.importPrivateKey, not here.

import { concat, wipe } from '../../base/bytes.js';
import { contextTag, type DerElement, DerReader, der, readDer, readSequence, tags } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { Passphrase } from './passphrase.js';
import { sealPbes2 } from './pbes2.js';
import { derOf, describeBlocks, type PemBlock, pemText, readPem } from './pem.js';
import { openPemBlock } from './pem-encryption.js';
import { openSealed } from './sealed.js';

const rsaEncryptionOid = '1.2.840.113549.1.1.1';
const ecPublicKeyOid = '1.2.840.10045.2.1';

const keyLabels: readonly string[] = [
  'PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
  'RSA PRIVATE KEY',
  'EC PRIVATE KEY',
];

/**
 * The one private key of a PEM text or a DER file, as PKCS #8 in DER; the caller wipes it. Other PEM blocks, such
 * as certificates, are passed over. Throws PFX_PASSPHRASE for an encrypted key that `passphrase` does not open,
 * INVALID_CERTIFICATE for no key, several keys or a form that is not read.
 */
export function readPrivateKey(
  crypto: CryptoProvider,
  input: string | Uint8Array,
  passphrase: string | undefined,
): Uint8Array {
  const encoded = derOf(input);
  if (encoded) return toPkcs8(crypto, encoded, passphrase);
  const { bytes, dekInfo } = keyInPem(pemText(input));
  if (dekInfo === undefined) return toPkcs8(crypto, bytes, passphrase);
  const opened = openPemBlock(crypto, dekInfo, bytes, required(passphrase));
  try {
    return toPkcs8(crypto, opened, passphrase);
  } finally {
    wipe(opened);
  }
}

function toPkcs8(crypto: CryptoProvider, encoded: Uint8Array, passphrase: string | undefined): Uint8Array {
  const element = readDer(encoded);
  if (element.tag !== tags.sequence) throw invalid('the private key is in no form that is read here');
  const [first, second, third] = firstTags(element);
  if (first === tags.sequence && second === tags.octetString && third === undefined) {
    return readEncryptedKey(new Passphrase(crypto, required(passphrase), 'private key'), encoded);
  }
  if (first === tags.integer && second === tags.sequence && third === tags.octetString)
    return Uint8Array.from(encoded);
  if (first === tags.integer && second === tags.integer) return wrapPkcs1(encoded);
  if (first === tags.integer && second === tags.octetString) return wrapSec1(encoded);
  if (first === tags.integer && second === tags.sequence && third === tags.sequence)
    throw invalid('this is a PFX file and no private key: pass it as { pfx, passphrase }');
  throw invalid(
    'the private key is in no form that is read here: convert it with ' +
      '"openssl pkcs8 -topk8 -in old.pem -out new.pem"',
  );
}

function required(passphrase: string | undefined): string {
  if (passphrase !== undefined) return passphrase;
  throw new SealwireError('PFX_PASSPHRASE', 'the private key is encrypted: pass its "passphrase"');
}

/** Opens an EncryptedPrivateKeyInfo; the caller wipes the result. */
export function readEncryptedKey(passphrase: Passphrase, encrypted: Uint8Array): Uint8Array {
  const fields = readSequence(encrypted);
  const algorithm = fields.expect(tags.sequence);
  const ciphertext = fields.expect(tags.octetString).content;
  fields.finish();
  return openSealed(passphrase, algorithm, ciphertext);
}

/** Seals PKCS #8 into an EncryptedPrivateKeyInfo, with AES-256-CBC. */
export function encryptPkcs8(crypto: CryptoProvider, pkcs8: Uint8Array, passphrase: string): Uint8Array {
  const { algorithm, ciphertext } = sealPbes2(crypto, pkcs8, passphrase);
  return der.sequence(algorithm, der.octetString(ciphertext));
}

/** An RSAPrivateKey as PKCS #8: the algorithm is rsaEncryption with NULL (RFC 3279 §2.3.1). */
export function wrapPkcs1(rsaPrivateKey: Uint8Array): Uint8Array {
  return privateKeyInfo(der.sequence(der.oid(rsaEncryptionOid), der.null()), rsaPrivateKey);
}

/** An ECPrivateKey as PKCS #8. Its curve moves into the algorithm, as RFC 5915 §1 and OpenSSL have it. */
export function wrapSec1(ecPrivateKey: Uint8Array): Uint8Array {
  const fields = readSequence(ecPrivateKey);
  const version = fields.expect(tags.integer);
  const scalar = fields.expect(tags.octetString);
  const parameters = fields.optional(contextTag(0, true));
  const publicKey = fields.optional(contextTag(1, true));
  fields.finish();
  const curve = parameters && readDer(parameters.content);
  if (curve?.tag !== tags.oid) {
    throw invalid(
      'the EC private key does not name its curve: convert it with ' +
        '"openssl pkcs8 -topk8 -param_enc named_curve -in old.pem -out new.pem"',
    );
  }
  const inner = der.sequence(version.bytes, scalar.bytes, ...(publicKey ? [publicKey.bytes] : []));
  const wrapped = privateKeyInfo(der.sequence(der.oid(ecPublicKeyOid), curve.bytes), inner);
  wipe(inner);
  return wrapped;
}

function privateKeyInfo(algorithm: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const inner = der.octetString(privateKey);
  const body = concat([der.integer(0), algorithm, inner]);
  const info = der.element(tags.sequence, body);
  wipe(inner, body);
  return info;
}

function keyInPem(text: string): PemBlock {
  const blocks = readPem(text);
  const [key, ...more] = blocks.filter(({ label }) => keyLabels.includes(label));
  if (more.length > 0) throw invalid('the PEM text holds several private keys: leave only the one to use');
  if (key) return key;
  const other = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (other) {
    throw invalid(`${other.label} is not supported: use RSA, P-256, P-384 or Ed25519 keys`);
  }
  throw invalid(
    `a private key was expected, but there is ${describeBlocks(blocks)}: pass PEM text with ` +
      '-----BEGIN PRIVATE KEY-----, or the bytes of a DER file (the content, not the path)',
  );
}

function firstTags({ content }: DerElement): (number | undefined)[] {
  const fields = new DerReader(content);
  const found: number[] = [];
  while (!fields.done && found.length < 3) found.push(fields.next().tag);
  return found;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
