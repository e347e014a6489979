// What a passphrase seals, opened: PBES2 (pbes2.ts), or one of PKCS #12's own schemes (RFC 7292 appendix C), which
// Windows, macOS, Java and OpenSSL 1 wrote for decades:
//
//   pbeWithSHAAnd3-KeyTripleDES-CBC  …2-Key…  pbeWithSHAAnd128BitRC2-CBC  …40Bit…      { salt, iterations }
//
// There both key and IV come from the key derivation of appendix B with SHA-1. They are read, never written. RC4 and
// DES alone are refused by name.

import { wipe } from '../../base/bytes.js';
import type { DerElement } from '../../base/der.js';
import { parametersOf, readAlgorithm, readCount, readSalt, unsupported } from './algorithm.js';
import { type CbcCipher, openCbc, rc2Cbc, tripleDesCbc } from './cbc.js';
import type { Passphrase } from './passphrase.js';
import { openPbes2, pbes2Oid } from './pbes2.js';
import { purposes } from './pkcs12-kdf.js';

const pkcs12Ciphers: ReadonlyMap<string, CbcCipher> = new Map([
  ['1.2.840.113549.1.12.1.3', tripleDesCbc(24)],
  ['1.2.840.113549.1.12.1.4', tripleDesCbc(16)],
  ['1.2.840.113549.1.12.1.5', rc2Cbc(16, 128)],
  ['1.2.840.113549.1.12.1.6', rc2Cbc(5, 40)],
]);

/**
 * Opens what `algorithm` (an AlgorithmIdentifier) and the passphrase sealed; the caller wipes the result.
 * Throws PFX_PASSPHRASE when the passphrase does not fit, INVALID_CERTIFICATE for what is malformed, asks for too much
 * or is sealed with an algorithm that is not read.
 */
export function openSealed(
  passphrase: Passphrase,
  algorithm: DerElement,
  ciphertext: Uint8Array,
): Uint8Array {
  const { oid, parameters } = readAlgorithm(algorithm);
  const cipher = pkcs12Ciphers.get(oid);
  if (cipher === undefined && oid !== pbes2Oid) throw unsupported(oid, passphrase.file);
  const plaintext = cipher
    ? openPkcs12(passphrase, cipher, parameters, ciphertext)
    : openPbes2(passphrase, parameters, ciphertext);
  if (plaintext === undefined) throw passphrase.wrong();
  return plaintext;
}

function openPkcs12(
  passphrase: Passphrase,
  cipher: CbcCipher,
  parameters: DerElement | undefined,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  const { file } = passphrase;
  const fields = parametersOf(parameters);
  const salt = readSalt(fields, file);
  const iterations = readCount(fields);
  fields.finish();
  return passphrase.tryPkcs12((derive) => {
    const key = derive({ hash: 'sha1', purpose: purposes.key, salt, iterations, bytes: cipher.keyBytes });
    const iv = derive({ hash: 'sha1', purpose: purposes.iv, salt, iterations, bytes: cipher.blockBytes });
    try {
      return openCbc(cipher, key, iv, ciphertext, file);
    } finally {
      wipe(key, iv);
    }
  });
}
