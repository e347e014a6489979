// Keys in PEM that OpenSSL encrypted in its old way, with headers in the block (RFC 1421 §4.6.1, "traditional" to
// OpenSSL; ssh-keygen wrote them too):
//
//   -----BEGIN RSA PRIVATE KEY-----
//   Proc-Type: 4,ENCRYPTED
//   DEK-Info: AES-256-CBC,<IV in hexadecimal>
//
//   base64 of the ciphertext
//
// The key is EVP_BytesToKey: MD5(passphrase ‖ salt), then MD5(the last ‖ passphrase ‖ salt) and so on, one round each,
// where the salt is the first 8 bytes of the IV. So a guess costs next to nothing: such keys are read, not written.

import { concat, empty, utf8, wipe } from '../../base/bytes.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { unsupportedAlgorithm } from './algorithm.js';
import { aesCbc, type CbcCipher, openCbc, tripleDesCbc } from './cbc.js';
import { Passphrase } from './passphrase.js';

const saltBytes = 8;
const digestBytes = 16;

function cipherNamed(crypto: CryptoProvider, name: string): CbcCipher {
  switch (name) {
    case 'AES-128-CBC':
      return aesCbc(crypto, 16);
    case 'AES-192-CBC':
      return aesCbc(crypto, 24);
    case 'AES-256-CBC':
      return aesCbc(crypto, 32);
    case 'DES-EDE3-CBC':
      return tripleDesCbc(24);
    default:
      throw unsupportedAlgorithm(JSON.stringify(name), 'private key');
  }
}

/**
 * Opens the content of a block under what its DEK-Info says; the caller wipes the result, PKCS #1 or SEC 1.
 * Throws PFX_PASSPHRASE when the passphrase does not fit, INVALID_CERTIFICATE for another cipher.
 */
export function openPemBlock(
  crypto: CryptoProvider,
  dekInfo: string,
  ciphertext: Uint8Array,
  passphrase: string,
): Uint8Array {
  const [, name, hex] = /^([A-Za-z0-9-]{1,32}),((?:[0-9A-Fa-f]{2}){1,64})$/.exec(dekInfo) ?? [];
  if (name === undefined || hex === undefined) throw invalid('the DEK-Info of the private key is malformed');
  const cipher = cipherNamed(crypto, name);
  const iv = Uint8Array.from(hex.match(/../g)!, (octet) => Number.parseInt(octet, 16));
  if (iv.length !== cipher.blockBytes)
    throw invalid('the IV in the DEK-Info of the private key is malformed');
  const key = keyFrom(crypto, passphrase, iv.subarray(0, saltBytes), cipher.keyBytes);
  try {
    const plaintext = openCbc(cipher, key, iv, ciphertext, 'private key');
    if (plaintext === undefined) throw new Passphrase(crypto, passphrase, 'private key').wrong();
    return plaintext;
  } finally {
    wipe(key);
  }
}

function keyFrom(crypto: CryptoProvider, passphrase: string, salt: Uint8Array, keyBytes: number): Uint8Array {
  const password = utf8(passphrase);
  const key = new Uint8Array(Math.ceil(keyBytes / digestBytes) * digestBytes);
  let last: Uint8Array = empty;
  for (let offset = 0; offset < key.length; offset += digestBytes) {
    const input = concat([last, password, salt]);
    last = crypto.hash('md5', input);
    key.set(last, offset);
    wipe(input);
  }
  wipe(password, last);
  return key.subarray(0, keyBytes);
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', `${message}: copy the whole block, unchanged`);
}
