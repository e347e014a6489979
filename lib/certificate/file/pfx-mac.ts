// The MAC of a PFX file: HMAC over its contents, under a key from the passphrase.
//
//   MacData  { DigestInfo { hash, HMAC }, salt, iterations }                                RFC 7292 §4, appendix B
//   PBMAC1   the same frame, but the algorithm says how: { PBKDF2 { …, keyLength }, HMAC }  RFC 9579
//
// The first kind has a key derivation of its own (pkcs12-kdf.ts) and a key as long as the hash.

import { wipe } from '../../base/bytes.js';
import { type DerElement, DerReader, der, readSmallInteger, tags } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import {
  type AlgorithmIdentifier,
  digestOf,
  parametersOf,
  readAlgorithm,
  readHmac,
  readSalt,
} from './algorithm.js';
import { type Passphrase, passphraseIterations } from './passphrase.js';
import { readPbkdf2 } from './pbes2.js';
import { bmpPassword, digestBytes, type Pkcs12Derivation, pkcs12Key, purposes } from './pkcs12-kdf.js';

const macSaltBytes = 16;

const pbmac1Oid = '1.2.840.113549.1.5.14';
const sha256Oid = '2.16.840.1.101.3.4.2.1';

// RFC 9579 refuses shorter keys, and no hash in use is longer than 64 bytes.
const minPbmac1KeyBytes = 20;
const maxPbmac1KeyBytes = 64;

/**
 * Checks `macData` over `content`, the bytes of the AuthenticatedSafe. Throws PFX_PASSPHRASE when the MAC does not
 * fit, INVALID_CERTIFICATE for one that is malformed or of a kind that is not supported.
 */
export function checkMac(passphrase: Passphrase, macData: DerElement, content: Uint8Array): void {
  const { file } = passphrase;
  const fields = new DerReader(macData.content);
  const digestInfo = fields.sequence();
  const algorithm = readAlgorithm(digestInfo.expect(tags.sequence));
  const mac = digestInfo.expect(tags.octetString).content;
  digestInfo.finish();
  const salt = readSalt(fields, file);
  const stated = fields.optional(tags.integer);
  const iterations = stated ? readSmallInteger(stated.content) : 1;
  fields.finish();

  // RFC 9579 §4: everything stands in the parameters; salt and iterations beside them are not used.
  const fits =
    algorithm.oid === pbmac1Oid
      ? pbmac1Fits(passphrase, algorithm.parameters, mac, content)
      : macFits(passphrase, algorithm, { salt, iterations }, mac, content);
  if (!fits) throw passphrase.wrong();
}

function macFits(
  passphrase: Passphrase,
  algorithm: AlgorithmIdentifier,
  stretching: Pick<Pkcs12Derivation, 'salt' | 'iterations'>,
  mac: Uint8Array,
  content: Uint8Array,
): boolean {
  const { crypto, file } = passphrase;
  const hash = digestOf(algorithm, file);
  const fitting = passphrase.tryPkcs12((derive) => {
    const key = derive({ hash, purpose: purposes.mac, ...stretching, bytes: digestBytes[hash] });
    const expected = crypto.hmac(hash, key, content);
    wipe(key);
    return crypto.equal(expected, mac) ? expected : undefined;
  });
  return fitting !== undefined;
}

function pbmac1Fits(
  passphrase: Passphrase,
  parameters: DerElement | undefined,
  mac: Uint8Array,
  content: Uint8Array,
): boolean {
  const { crypto, file } = passphrase;
  const fields = parametersOf(parameters);
  const derivation = readPbkdf2(fields.expect(tags.sequence), file);
  const hash = readHmac(fields.expect(tags.sequence), file);
  fields.finish();
  const { keyLength } = derivation;
  if (keyLength === undefined || keyLength < minPbmac1KeyBytes || keyLength > maxPbmac1KeyBytes) {
    throw new SealwireError(
      'INVALID_CERTIFICATE',
      `the MAC of the PFX file must state a key length of ${minPbmac1KeyBytes} to ${maxPbmac1KeyBytes} bytes ` +
        '(RFC 9579): export the file again',
    );
  }
  const key = passphrase.pbkdf2(derivation, keyLength);
  const expected = crypto.hmac(hash, key, content);
  wipe(key);
  return crypto.equal(expected, mac);
}

/** MacData with HMAC-SHA256, as OpenSSL 3 writes it. */
export function writeMacData(crypto: CryptoProvider, authSafe: Uint8Array, passphrase: string): Uint8Array {
  const salt = crypto.randomBytes(macSaltBytes);
  const password = bmpPassword(passphrase);
  const hash = 'sha256';
  const derivation = {
    hash,
    purpose: purposes.mac,
    salt,
    iterations: passphraseIterations,
    bytes: 32,
  } as const;
  const key = pkcs12Key(crypto, password, derivation);
  const mac = crypto.hmac(hash, key, authSafe);
  wipe(key, password);
  const digestInfo = der.sequence(der.sequence(der.oid(sha256Oid), der.null()), der.octetString(mac));
  return der.sequence(digestInfo, der.octetString(salt), der.integer(passphraseIterations));
}
