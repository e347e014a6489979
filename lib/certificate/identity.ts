// The identity of one side: its private key, and the certificate chain that proves whose key it is.
//
//   PFX, or certificates and a key in PEM or DER  ->  { chain: leaf, issuer, issuer's issuer …; leaf; key }
//
// Files hold certificates in any order, with or without the root, so nothing is taken from their order or from
// names: the leaf is the certificate with the key's public key, and each next one has signed the one before.
// Whether anybody trusts that chain is decided by the other side, not here.

import { sameBytes, wipe } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import { maxCertificateBytes, maxCertificates } from '../wire/handshake-message.js';
import { decodeBase64, readCertificates } from './file/pem.js';
import { type PfxKey, readPfx } from './file/pfx.js';
import { readPrivateKey } from './file/pkcs8.js';
import { signatureAlgorithm } from './x509/algorithm.js';
import { sameName } from './x509/distinguished-name.js';
import { type Certificate, parseCertificate } from './x509/x509.js';

export interface Identity {
  /** DER, leaf first; the root is left out unless it is the leaf. */
  readonly chain: readonly Uint8Array[];
  readonly leaf: Certificate;
  readonly key: PrivateKey;
}

/** Where an identity comes from: a PFX file, or certificates and a key. */
export type IdentitySource =
  | {
      /** The bytes of the file, or their base64. */
      readonly pfx: string | Uint8Array;
      /** Default: the empty passphrase. */
      readonly passphrase?: string;
      /** The friendly name of the key to use; needed where the file holds several. */
      readonly alias?: string;
    }
  | {
      /** PEM or DER; PEM may hold the intermediates too, in any order. */
      readonly cert: string | Uint8Array;
      /** PEM or DER: PKCS #8, encrypted PKCS #8, PKCS #1 or SEC 1. */
      readonly key: string | Uint8Array;
      /** For an encrypted key. */
      readonly passphrase?: string;
    };

/**
 * Loads an identity. Throws PFX_PASSPHRASE when the passphrase does not open the file or the key, and
 * INVALID_CERTIFICATE for whatever else is wrong: no key, no certificate for the key, a file that cannot be read.
 */
export function loadIdentity(crypto: CryptoProvider, source: IdentitySource): Identity {
  const { certificates, key } = 'pfx' in source ? fromPfx(crypto, source) : fromFiles(crypto, source);
  const leaf = leafOf(certificates, key);
  const chain = chainOf(crypto, leaf, certificates);
  const chainBytes = chain.reduce((sum, { der }) => sum + der.length, 0);
  if (chain.length > maxCertificates || chainBytes > maxCertificateBytes) {
    throw invalid(
      `the certificate chain has ${chain.length} certificates and ${chainBytes} bytes; peers accept at most ` +
        `${maxCertificates} and ${maxCertificateBytes}: leave out those that peers trust anyway`,
    );
  }
  return { chain: chain.map(({ der }) => der), leaf, key };
}

interface Material {
  readonly certificates: readonly Certificate[];
  readonly key: PrivateKey;
}

function fromPfx(crypto: CryptoProvider, source: Extract<IdentitySource, { pfx: unknown }>): Material {
  const { certificates, keys } = readPfx(crypto, pfxBytes(source.pfx), source.passphrase ?? '');
  try {
    if (certificates.length === 0) {
      throw invalid('the PFX file holds no certificate: export it together with its certificate');
    }
    const key = crypto.importPrivateKey(chosenKey(keys, source.alias).pkcs8);
    return { certificates: certificates.map(parseCertificate), key };
  } finally {
    wipe(...keys.map(({ pkcs8 }) => pkcs8));
  }
}

function fromFiles(crypto: CryptoProvider, source: Extract<IdentitySource, { cert: unknown }>): Material {
  if (!isTextOrBytes(source.cert) || !isTextOrBytes(source.key)) {
    throw invalid('"cert" and "key" must both be given, each as PEM text or as the bytes of a file');
  }
  const certificates = readCertificates(source.cert).map(parseCertificate);
  const pkcs8 = readPrivateKey(crypto, source.key, source.passphrase);
  try {
    return { certificates, key: crypto.importPrivateKey(pkcs8) };
  } finally {
    wipe(pkcs8);
  }
}

function pfxBytes(pfx: string | Uint8Array): Uint8Array {
  if (pfx instanceof Uint8Array) return pfx;
  if (typeof pfx !== 'string' || pfx === '') {
    throw invalid('"pfx" is empty: pass the bytes of a PFX file, or their base64');
  }
  if (pfx.includes('-----BEGIN ')) {
    throw invalid('"pfx" is PEM text: pass it as "cert" and "key", or pass the bytes of a PFX file');
  }
  const bytes = decodeBase64(pfx);
  if (bytes === undefined) {
    throw invalid(
      '"pfx" is a string but not base64: pass the bytes of the file or their base64, not its path',
    );
  }
  return bytes;
}

function chosenKey(keys: readonly PfxKey[], alias: string | undefined): PfxKey {
  if (keys.length === 0) {
    throw invalid('the PFX file holds no private key: export it together with its key');
  }
  const named = alias === undefined ? keys : keys.filter(({ friendlyName }) => friendlyName === alias);
  if (named.length === 1) return named[0]!;
  const names = keys.map(({ friendlyName }) => JSON.stringify(friendlyName ?? '(no name)')).join(', ');
  if (alias === undefined) {
    throw invalid(`the PFX file holds ${keys.length} private keys: say which with "alias", one of ${names}`);
  }
  const count = named.length === 0 ? 'no private key' : `${named.length} private keys`;
  throw invalid(`the PFX file holds ${count} with the "alias" ${JSON.stringify(alias)}; its keys: ${names}`);
}

/** By public key, because every other mark (localKeyId, names, order) is missing or wrong in some files. */
function leafOf(certificates: readonly Certificate[], key: PrivateKey): Certificate {
  const matches = certificates.filter(({ publicKey }) => sameBytes(publicKey.spki, key.publicKey));
  // A CA that was given the same key is not what the key's owner shows to others.
  const leaf = matches.find(({ basicConstraints }) => !basicConstraints?.ca) ?? matches[0];
  if (leaf) return leaf;
  throw invalid(
    `the key does not belong to the certificate (${certificates.length} certificate(s) looked at, by public key): ` +
      'pass the key that the certificate was issued for',
  );
}

/** Up from the leaf, each the signer of the one before, to the last one at hand; then without the root. */
function chainOf(
  crypto: CryptoProvider,
  leaf: Certificate,
  certificates: readonly Certificate[],
): Certificate[] {
  const chain = [leaf];
  const rest = new Set(certificates.filter(({ der }) => !sameBytes(der, leaf.der)));
  let last = leaf;
  while (!isSelfIssued(last)) {
    const child = last;
    const issuer = [...rest].find((candidate) => hasSigned(crypto, candidate, child));
    if (!issuer) break;
    rest.delete(issuer);
    if (isSelfIssued(issuer)) break;
    chain.push(issuer);
    last = issuer;
  }
  return chain;
}

function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return sameName(subject, issuer);
}

/** Two CAs may have one name (a new key, another root above): only the signature tells. */
function hasSigned(crypto: CryptoProvider, issuer: Certificate, child: Certificate): boolean {
  if (!sameName(issuer.subject, child.issuer)) return false;
  const algorithm = signatureAlgorithm(child.signatureScheme, issuer.publicKey);
  return (
    algorithm !== undefined && crypto.verify(algorithm, issuer.publicKey.spki, child.tbs, child.signature)
  );
}

function isTextOrBytes(value: unknown): boolean {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
