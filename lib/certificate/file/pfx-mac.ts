// The MAC of a PFX file: HMAC over its contents, under a key from the passphrase.
//
//   MacData  { DigestInfo { hash, HMAC }, salt, iterations }                                RFC 7292 §4, appendix B
//   PBMAC1   the same frame, but the algorithm says how: { PBKDF2 { …, keyLength }, HMAC }  RFC 9579
//
// The first kind has a key derivation of its own, in which D is the purpose byte and v the block of the hash:
//   key = H(H(… H(D × v ‖ salt repeated to whole blocks ‖ passphrase in UTF-16 repeated to whole blocks)))
// A MAC key is exactly one hash long, so steps 6B and 6C, which stretch the result over several hashes, have no
// part here: only the old ciphers, which are not supported, need them.

import { concat, empty, wipe } from '../../base/bytes.js';
import { type DerElement, DerReader, der, readSmallInteger, tags } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider, HashName } from '../../crypto/provider.js';
import {
  checkedIterations,
  checkedSalt,
  deriveKey,
  passphraseIterations,
  readAlgorithm,
  readHmac,
  readPbkdf2,
  requireNoParameters,
  unsupported,
  wrongPassphrase,
} from './pbes2.js';

const macPurpose = 3;
const macSaltBytes = 16;

const pbmac1Oid = '1.2.840.113549.1.5.14';
const sha256Oid = '2.16.840.1.101.3.4.2.1';

const hashOfDigest: ReadonlyMap<string, HashName> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  [sha256Oid, 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

// RFC 9579 refuses shorter keys, and no hash in use is longer than 64 bytes.
const minPbmac1KeyBytes = 20;
const maxPbmac1KeyBytes = 64;

/**
 * Checks `macData` over `content`, the bytes of the AuthenticatedSafe. Throws PFX_PASSPHRASE when the MAC does not
 * fit, INVALID_CERTIFICATE for one that is malformed or of a kind that is not supported.
 */
export function checkMac(
  crypto: CryptoProvider,
  macData: DerElement,
  content: Uint8Array,
  passphrase: string,
): void {
  const fields = new DerReader(macData.content);
  const digestInfo = fields.sequence();
  const algorithm = digestInfo.expect(tags.sequence);
  const mac = digestInfo.expect(tags.octetString).content;
  digestInfo.finish();
  const salt = checkedSalt(fields.expect(tags.octetString).content, 'PFX file');
  const iterations = fields.optional(tags.integer);
  const rounds = checkedIterations(iterations ? readSmallInteger(iterations.content) : 1, 'PFX file');
  fields.finish();

  const { oid, parameters } = readAlgorithm(algorithm);
  if (oid === pbmac1Oid) {
    // RFC 9579 §4: everything stands in the parameters; salt and iterations beside them are not used.
    if (!checkPbmac1(crypto, parameters, mac, content, passphrase)) throw wrongPassphrase('PFX file');
    return;
  }
  const hash = hashOfDigest.get(oid);
  if (hash === undefined) throw unsupported(oid, 'PFX file');
  requireNoParameters(parameters);
  // An empty passphrase is two zero bytes to some programs and nothing at all to others.
  const passwords = passphrase === '' ? [bmpPassword(''), empty] : [bmpPassword(passphrase)];
  const fits = passwords.some((password) => {
    const key = pkcs12MacKey(crypto, hash, password, salt, rounds);
    const expected = crypto.hmac(hash, key, content);
    wipe(key, password);
    return crypto.equal(expected, mac);
  });
  if (!fits) throw wrongPassphrase('PFX file');
}

function checkPbmac1(
  crypto: CryptoProvider,
  parameters: DerElement | undefined,
  mac: Uint8Array,
  content: Uint8Array,
  passphrase: string,
): boolean {
  if (parameters?.tag !== tags.sequence) throw invalid('the MAC of the PFX file lacks its parameters');
  const fields = new DerReader(parameters.content);
  const derivation = readPbkdf2(fields.expect(tags.sequence), 'PFX file');
  const hash = readHmac(fields.expect(tags.sequence), 'PFX file');
  fields.finish();
  const { keyLength } = derivation;
  if (keyLength === undefined || keyLength < minPbmac1KeyBytes || keyLength > maxPbmac1KeyBytes) {
    throw invalid(
      `the MAC of the PFX file must state a key length of ${minPbmac1KeyBytes} to ${maxPbmac1KeyBytes} bytes ` +
        '(RFC 9579): export the file again',
    );
  }
  const key = deriveKey(crypto, derivation, passphrase, keyLength);
  const expected = crypto.hmac(hash, key, content);
  wipe(key);
  return crypto.equal(expected, mac);
}

/** MacData with HMAC-SHA256, as OpenSSL 3 writes it. */
export function writeMacData(crypto: CryptoProvider, authSafe: Uint8Array, passphrase: string): Uint8Array {
  const salt = crypto.randomBytes(macSaltBytes);
  const password = bmpPassword(passphrase);
  const key = pkcs12MacKey(crypto, 'sha256', password, salt, passphraseIterations);
  const mac = crypto.hmac('sha256', key, authSafe);
  wipe(key, password);
  const digestInfo = der.sequence(der.sequence(der.oid(sha256Oid), der.null()), der.octetString(mac));
  return der.sequence(digestInfo, der.octetString(salt), der.integer(passphraseIterations));
}

/** The MAC key, as long as the hash; the caller wipes it. `password` is a {@link bmpPassword}. */
function pkcs12MacKey(
  crypto: CryptoProvider,
  hash: HashName,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
): Uint8Array {
  const blockBytes = hash === 'sha384' || hash === 'sha512' ? 128 : 64;
  const diversifier = new Uint8Array(blockBytes).fill(macPurpose);
  const input = concat([diversifier, repeatToBlocks(salt, blockBytes), repeatToBlocks(password, blockBytes)]);
  let key = crypto.hash(hash, input);
  for (let round = 1; round < iterations; round++) key = crypto.hash(hash, key);
  wipe(input);
  return key;
}

/** Appendix B.1: UTF-16 with the high byte first, and two zero bytes behind it. */
function bmpPassword(passphrase: string): Uint8Array {
  const bytes = new Uint8Array(2 * passphrase.length + 2);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < passphrase.length; index++)
    view.setUint16(2 * index, passphrase.charCodeAt(index));
  return bytes;
}

// Appendix B.2 steps 2 and 3; the empty string stays empty.
function repeatToBlocks(bytes: Uint8Array, blockBytes: number): Uint8Array {
  const repeated = new Uint8Array(Math.ceil(bytes.length / blockBytes) * blockBytes);
  for (let index = 0; index < repeated.length; index++) repeated[index] = bytes[index % bytes.length]!;
  return repeated;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
