// Pinning: trust in a key that is known beforehand, in place of trust in whoever vouches for it.
//
//   SHA-256( SubjectPublicKeyInfo of the leaf )  ∈  pins
//
// The leaf alone, because only its key has signed the handshake. RFC 7469 §2.6 compares any certificate of the chain, but
// of a chain that was verified: here anybody could append the public certificate that is pinned.

import { sameBytes, toHex } from '../../base/bytes.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { decodeBase64 } from '../file/pem.js';
import { publicKeyHash } from '../x509/fingerprint.js';
import type { CertificateValidator } from './validator.js';

/** SHA-256 of a SubjectPublicKeyInfo: `sha256/` and base64, base64 alone, hexadecimal (colons allowed), or 32 bytes. */
export type PublicKeyPin = string | Uint8Array;

const pinBytes = 32;
/** 44 characters with one `=`, behind `sha256/`, behind `sha256//` as curl writes it, or alone. A slash is base64 too. */
const base64Pin = /^(?:sha256\/\/?)?([A-Za-z0-9+/]{43}=)$/;

/**
 * A validator that accepts exactly those peers whose own key has one of `pins`. List the next key's pin beside that of
 * today, and the key can be changed without locking anybody out.
 *
 * It needs no authority, and looks at nothing but the key: no dates, no name, no chain, no purpose. That the peer
 * holds the key is proved by its signature of the handshake. For both, write `allOf(defaultRule, pinPublicKey(…))`.
 *
 * Throws INVALID_CONFIG for no pins, and for what is none.
 */
export function pinPublicKey(crypto: CryptoProvider, ...pins: readonly PublicKeyPin[]): CertificateValidator {
  if (pins.length === 0) throw config(`pinPublicKey() needs one pin or more: ${howToCompute}`);
  const hashes = pins.map(readPin);
  return ([leaf]) => {
    if (leaf === undefined) return false;
    const seen = publicKeyHash(crypto, leaf);
    return hashes.some((hash) => sameBytes(hash, seen));
  };
}

function readPin(pin: unknown, index: number): Uint8Array {
  // A copy: what the caller does with its bytes later changes no pin.
  const bytes = pin instanceof Uint8Array ? Uint8Array.from(pin) : typeof pin === 'string' && readText(pin);
  if (bytes && bytes.length === pinBytes) return bytes;
  throw config(`pin ${index + 1} of pinPublicKey() is no SHA-256 of a public key: ${howToCompute}`);
}

function readText(text: string): Uint8Array | undefined {
  const hex = text.replaceAll(':', '');
  if (/^[0-9a-fA-F]{64}$/.test(hex)) {
    const bytes = Uint8Array.from({ length: pinBytes }, (_, at) =>
      Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
    );
    // Colons between the octets or nowhere, so that nothing is taken for a pin by chance.
    return text === hex || text.toLowerCase() === toHex(bytes).replace(/..(?!$)/g, '$&:') ? bytes : undefined;
  }
  const base64 = base64Pin.exec(text.trim())?.[1];
  return base64 === undefined ? undefined : decodeBase64(base64);
}

const howToCompute =
  'pass what publicKeyPin(certificate) returns, or sha256/ and the output of "openssl x509 -in cert.pem -pubkey -noout | ' +
  'openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl base64"';

function config(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
