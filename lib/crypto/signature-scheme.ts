// Which key may make which signature (RFC 9846 §4.2.3 has the same table). Both backends ask here, before any
// arithmetic, so that a P-256 key is never tried with RSA, nor an id-RSASSA-PSS key with PKCS#1 v1.5.
//
// The salt of RSASSA-PSS has the length of the hash; ECDSA signatures are DER. Weak keys do not come this far:
// key-encoding.ts refuses them.

import { SealwireError } from '../base/errors.js';
import type { PublicKeyFields, SignatureHash } from './key-encoding.js';
import type { SignatureAlgorithm } from './provider.js';

export type SignatureScheme =
  | { readonly family: 'rsa-pss' | 'rsa-pkcs1'; readonly hash: SignatureHash }
  | { readonly family: 'p256' | 'p384'; readonly hash: SignatureHash }
  | { readonly family: 'ed25519' };

const schemes: ReadonlyMap<string, SignatureScheme> = new Map<SignatureAlgorithm, SignatureScheme>([
  ['rsa-pss-sha256', { family: 'rsa-pss', hash: 'sha256' }],
  ['rsa-pss-sha384', { family: 'rsa-pss', hash: 'sha384' }],
  ['rsa-pss-sha512', { family: 'rsa-pss', hash: 'sha512' }],
  ['rsa-pkcs1-sha256', { family: 'rsa-pkcs1', hash: 'sha256' }],
  ['rsa-pkcs1-sha384', { family: 'rsa-pkcs1', hash: 'sha384' }],
  ['rsa-pkcs1-sha512', { family: 'rsa-pkcs1', hash: 'sha512' }],
  ['ecdsa-p256-sha256', { family: 'p256', hash: 'sha256' }],
  ['ecdsa-p256-sha384', { family: 'p256', hash: 'sha384' }],
  ['ecdsa-p256-sha512', { family: 'p256', hash: 'sha512' }],
  ['ecdsa-p384-sha256', { family: 'p384', hash: 'sha256' }],
  ['ecdsa-p384-sha384', { family: 'p384', hash: 'sha384' }],
  ['ecdsa-p384-sha512', { family: 'p384', hash: 'sha512' }],
  ['ed25519', { family: 'ed25519' }],
]);

/** Bytes of a hash, and of the salt that goes with it. */
export const hashBytes: Readonly<Record<SignatureHash, number>> = { sha256: 32, sha384: 48, sha512: 64 };

/** The scheme of this algorithm, or undefined when a key like this must not be used with it. */
export function schemeFor(algorithm: SignatureAlgorithm, key: PublicKeyFields): SignatureScheme | undefined {
  const scheme = schemes.get(algorithm);
  return scheme !== undefined && fits(scheme, key) ? scheme : undefined;
}

/** The same for signing, where a key that does not fit is this program's fault. */
export function requireScheme(algorithm: SignatureAlgorithm, key: PublicKeyFields): SignatureScheme {
  const scheme = schemeFor(algorithm, key);
  if (scheme !== undefined) return scheme;
  const possible = [...schemes].filter(([, candidate]) => fits(candidate, key)).map(([name]) => name);
  throw new SealwireError(
    'INVALID_CONFIG',
    `this ${key.kind} key cannot sign with that algorithm; it can with: ${possible.join(', ')}`,
  );
}

function fits(scheme: SignatureScheme, key: PublicKeyFields): boolean {
  if (key.kind !== 'rsa' && key.kind !== 'rsa-pss') return scheme.family === key.kind;
  if (scheme.family === 'rsa-pkcs1') return key.kind === 'rsa';
  if (scheme.family !== 'rsa-pss') return false;
  const { restriction } = key;
  if (restriction === undefined) return true;
  return restriction.hash === scheme.hash && restriction.saltBytes <= hashBytes[scheme.hash];
}
