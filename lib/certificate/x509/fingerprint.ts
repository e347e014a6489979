// What certificates and keys are known by: SHA-256 over their bytes.
//
//   fingerprint     of the whole certificate        AA:BB:…         openssl x509 -noout -fingerprint -sha256
//   public key pin  of SubjectPublicKeyInfo         sha256/base64   RFC 7469 §2.4
//
// A renewed certificate has another fingerprint, and the same pin as long as its key stays.

import { toHex } from '../../base/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { encodeBase64 } from '../file/pem.js';
import type { Certificate } from './x509.js';

/** What stands before the base64 of a pin. */
export const pinPrefix = 'sha256/';

/** SHA-256 of the certificate, in hexadecimal with colons as OpenSSL shows it. */
export function certificateFingerprint(crypto: CryptoProvider, { der }: Certificate): string {
  return toHex(crypto.hash('sha256', der))
    .toUpperCase()
    .replace(/..(?!$)/g, '$&:');
}

/** SHA-256 of the certificate's public key, `sha256/` and base64. */
export function publicKeyPin(crypto: CryptoProvider, certificate: Certificate): string {
  return pinPrefix + encodeBase64(publicKeyHash(crypto, certificate));
}

/** SHA-256 of SubjectPublicKeyInfo, its tag and length included: 32 bytes. */
export function publicKeyHash(crypto: CryptoProvider, { publicKey }: Certificate): Uint8Array {
  return crypto.hash('sha256', publicKey.spki);
}
