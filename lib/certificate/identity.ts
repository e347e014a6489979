// The identity of one side: its private key, and the certificate chain that proves whose key it is.
//
//   PFX, or certificates and a key in PEM or DER  ->  { chain: leaf, issuer, issuer's issuer …; leaf; key }
//
// Files hold certificates in any order, with or without the root, so nothing is taken from their order or from
// names: the leaf is the certificate with the key's public key, and each next one has signed the one before.
// Whether anybody trusts that chain is decided by the other side, not here.

import { sameBytes, wipe } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { quoted } from '../base/printable.js';
import { decodePublicKey, isSameKey, type PublicKeyFields } from '../crypto/key-encoding.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import { maxCertificateBytes, maxCertificates } from '../wire/handshake-message.js';
import { decodeBase64, derOf, pemText, readCertificates } from './file/pem.js';
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
      /**
       * Read a file that has no MAC, as `openssl pkcs12 -nomac` makes them. Then nothing shows whether somebody has
       * changed it: he may have put a key and certificates of his own in the place of yours, and with some files he
       * needs no passphrase for that. Set it only for files from where nobody else can write. Default: false.
       */
      readonly allowMissingMac?: boolean;
    }
  | {
      /** PEM, or DER as bytes or base64; PEM may hold the intermediates too, in any order, and the key. */
      readonly cert: string | Uint8Array;
      /** PEM, or DER as bytes or base64: PKCS #8, encrypted PKCS #8, PKCS #1 or SEC 1, encrypted as PEM or not. */
      readonly key: string | Uint8Array;
      /** For an encrypted key. */
      readonly passphrase?: string;
    };

/**
 * Loads an identity. Throws PFX_PASSPHRASE when the passphrase does not open the file or the key, and
 * INVALID_CERTIFICATE for whatever else is wrong: no key, no certificate for the key, a file that cannot be read.
 */
export function loadIdentity(crypto: CryptoProvider, source: IdentitySource): Identity {
  requireSource(source);
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

/** What TypeScript says of the source, said again to those who come without it or from a configuration file. */
function requireSource(source: IdentitySource): void {
  if (
    typeof source !== 'object' ||
    source === null ||
    !('pfx' in source || 'cert' in source || 'key' in source)
  ) {
    throw invalid(
      'an identity is given as { pfx, passphrase } or as { cert, key }, with the content of the files',
    );
  }
  const { passphrase }: { passphrase?: unknown } = source;
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new SealwireError(
      'PFX_PASSPHRASE',
      `"passphrase" must be a string, not ${kindOf(passphrase)}: put it in quotes, or leave it out where there is none`,
    );
  }
  if (!('pfx' in source)) return;
  const { alias, allowMissingMac }: { alias?: unknown; allowMissingMac?: unknown } = source;
  if (alias !== undefined && typeof alias !== 'string') {
    throw invalid(
      `"alias" must be a string, not ${kindOf(alias)}: it is the friendly name of the key to use`,
    );
  }
  if (allowMissingMac !== undefined && typeof allowMissingMac !== 'boolean') {
    throw invalid(`"allowMissingMac" must be true or false, not ${kindOf(allowMissingMac)}`);
  }
}

/** What a value is, without what it holds: it may be a secret. */
function kindOf(value: unknown): string {
  return value === null ? 'null' : `of the type ${typeof value}`;
}

interface Material {
  readonly certificates: readonly Certificate[];
  readonly key: PrivateKey;
}

function fromPfx(crypto: CryptoProvider, source: Extract<IdentitySource, { pfx: unknown }>): Material {
  const { allowMissingMac } = source;
  const { certificates, keys } = readPfx(crypto, pfxBytes(source.pfx), source.passphrase ?? '', {
    allowMissingMac,
  });
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
  if (!isTextOrBytes(pfx) || pfx.length === 0) {
    throw invalid('"pfx" is empty: pass the bytes of a PFX file, or their base64');
  }
  const encoded = derOf(pfx);
  if (encoded) return encoded;
  const text = pemText(pfx);
  if (text.includes('-----BEGIN ')) {
    throw invalid('"pfx" is PEM text: pass it as "cert" and "key", or pass the bytes of a PFX file');
  }
  const bytes = decodeBase64(text);
  if (bytes) return bytes;
  if (typeof pfx !== 'string') return pfx;
  throw invalid('"pfx" is a string but not base64: pass the bytes of the file or their base64, not its path');
}

function chosenKey(keys: readonly PfxKey[], alias: string | undefined): PfxKey {
  if (keys.length === 0) {
    throw invalid('the PFX file holds no private key: export it together with its key');
  }
  const named = alias === undefined ? keys : keys.filter(({ friendlyName }) => friendlyName === alias);
  if (named.length === 1) return named[0]!;
  const shown = keys.slice(0, maxNamesShown);
  const names =
    shown.map(({ friendlyName }) => quoted(friendlyName ?? '(no name)')).join(', ') +
    (shown.length < keys.length ? ', …' : '');
  if (alias === undefined) {
    throw invalid(`the PFX file holds ${keys.length} private keys: say which with "alias", one of ${names}`);
  }
  const count = named.length === 0 ? 'no private key' : `${named.length} private keys`;
  throw invalid(`the PFX file holds ${count} with the "alias" ${quoted(alias)}; its keys: ${names}`);
}

const maxNamesShown = 10;

/** By public key, because every other mark (localKeyId, names, order) is missing or wrong in some files. */
function leafOf(certificates: readonly Certificate[], key: PrivateKey): Certificate {
  const own = decodePublicKey(key.publicKey);
  const matches = certificates.filter(
    ({ publicKey }) => publicKey.kind === key.kind && holds(publicKey.spki, own),
  );
  // A CA that was given the same key is not what the key's owner shows to others.
  const leaf = matches.find(({ basicConstraints }) => !basicConstraints?.ca) ?? matches[0];
  if (leaf) return leaf;
  throw invalid(
    `the key does not belong to the certificate (${certificates.length} certificate(s) looked at, by public key): ` +
      'pass the key that the certificate was issued for',
  );
}

function holds(spki: Uint8Array, key: PublicKeyFields): boolean {
  try {
    return isSameKey(decodePublicKey(spki), key);
  } catch {
    // A key that nobody could use is not the one in use.
    return false;
  }
}

/**
 * A chain takes one check for each certificate, and a few more where CAs have one name: what is beyond is a file that
 * was made to keep us busy.
 */
const maxSignatureChecks = 32;

/** Up from the leaf, each the signer of the one before, to the last one at hand; then without the root. */
function chainOf(
  crypto: CryptoProvider,
  leaf: Certificate,
  certificates: readonly Certificate[],
): Certificate[] {
  const chain = [leaf];
  const rest = new Set(certificates.filter(({ der }) => !sameBytes(der, leaf.der)));
  let checks = 0;
  let last = leaf;
  // One more than peers accept is enough to say that there are too many.
  while (!isSelfIssued(last) && chain.length <= maxCertificates) {
    const child = last;
    const issuer = [...rest].find((candidate) => {
      if (!sameName(candidate.subject, child.issuer)) return false;
      if (++checks > maxSignatureChecks) {
        throw invalid(
          'too many certificates have the same subject: leave only those that belong to the chain',
        );
      }
      return hasSigned(crypto, candidate, child);
    });
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
  const algorithm = signatureAlgorithm(child.signatureScheme, issuer.publicKey);
  return (
    algorithm !== undefined && crypto.verify(algorithm, issuer.publicKey.spki, child.tbs, child.signature)
  );
}

function isTextOrBytes(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
