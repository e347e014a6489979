// Whether the numbers of an RSA private key belong together. A file that was damaged has a modulus that fits its
// certificate and an exponent or a factor that does not, and OpenSSL reads it all the same: the key would load, and each
// handshake would fail at the other side. Worse, one signature with one wrong factor tells the other (Boneh, DeMillo,
// Lipton 1997). Curves need no such check: there the public key is computed from the private one.

import { utf8, wipe } from '../base/bytes.js';
import { bitLength, type RsaPrivateKey, unreadable } from './key-encoding.js';
import type { CryptoProvider, PrivateKey } from './provider.js';
import { schemeFor } from './signature-scheme.js';

const probe = utf8('Sealwire: does this key sign for its public key?');

/** The key; INVALID_CERTIFICATE where its public key does not verify what it signs. Costs one signature. */
export function requireConsistentRsa<Key extends PrivateKey>(
  key: Key,
  fields: RsaPrivateKey,
  verify: CryptoProvider['verify'],
): Key {
  const [p, q] = fields.factors;
  const surplus = bitLength(p!) + bitLength(q!) - bitLength(fields.modulus);
  // Two factors have as many bits as their product, or one more. Looked at first, since OpenSSL takes a tenth of a second
  // to sign with a large modulus that has no factors.
  if (surplus < 0 || surplus > 1)
    throw unreadable('its factors do not make its modulus: the file is damaged');
  const algorithm = `rsa-pss-${fields.restriction?.hash ?? 'sha256'}` as const;
  // A restricted key may ask for a salt that no signature here has: it signs nothing, right or wrong.
  if (schemeFor(algorithm, fields) === undefined) return key;
  let signature: Uint8Array | undefined;
  try {
    signature = key.sign(algorithm, probe);
  } catch {
    // The cause stays behind: what OpenSSL says about a private key is not ours to vouch for.
    throw unreadable('it cannot sign, so its private numbers are damaged');
  }
  const fits = verify(algorithm, key.publicKey, probe, signature);
  // It never leaves, and of a key that is damaged it must not.
  wipe(signature);
  if (!fits) throw unreadable('its private numbers do not belong to its modulus: the file is damaged');
  return key;
}
