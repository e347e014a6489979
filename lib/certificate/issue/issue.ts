// A small certificate authority: roots, intermediates, server and client certificates, for private networks,
// development and tests. What it writes is the profile of RFC 5280 and passes "openssl verify -x509_strict".
//
//   Certificate    { TBSCertificate, signatureAlgorithm, BIT STRING }                                 §4.1
//   TBSCertificate { [0] v3, serial, signature, issuer, validity, subject, key, [3] extensions }      §4.1.2
//
// There is no revocation, no database and no policy: whoever holds the issuer's key decides.

import { sameBytes, wipe } from '../../base/bytes.js';
import { der } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider, KeyKind, PrivateKey, SignatureAlgorithm } from '../../crypto/provider.js';
import { writePem } from '../file/pem.js';
import { writePfx } from '../file/pfx.js';
import { type Certificate, parseCertificate } from '../x509/x509.js';
import { alternativeNames, extensions, keyIdentifier, subjectName } from './profile.js';

export interface IssueOptions {
  /** Common name of the subject, at most 64 characters; a CA must have one. */
  readonly commonName?: string;
  /** Host names, ASCII (`xn--` for others), a leading `*.` allowed. */
  readonly dnsNames?: readonly string[];
  /** IPv4 and IPv6 literals. */
  readonly ipAddresses?: readonly string[];
  /** The key that is generated for the subject; default `p256`. */
  readonly keyKind?: KeyKind;
  /** Validity from `notBefore` on, in days; default 365, for a CA 3650. Not together with `notAfter`. */
  readonly days?: number;
  /** First moment of validity; default five minutes ago, for peers whose clock is behind. */
  readonly notBefore?: Date;
  /** Last moment of validity. */
  readonly notAfter?: Date;
  /** Who signs; default the subject itself. What {@link issueCertificate} returned for a CA fits here. */
  readonly issuer?: Issuer;
  /** Makes a CA; `pathLength` is how many intermediates may stand below it. */
  readonly ca?: boolean | { readonly pathLength: number };
  /** What a certificate that is no CA may be used for; default `server`. */
  readonly purpose?: 'server' | 'client';
}

export interface Issuer {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly key: PrivateKey;
  /** The issuer's certificate and those above it, without the root: it goes into the subject's PEM and PFX. */
  readonly chain?: readonly Uint8Array[];
}

/** The certificate, its key, and both in the forms that files have. */
export interface IssuedCertificate extends Issuer {
  /** The certificate and the intermediates above it; the root is left out unless it is the certificate. */
  readonly chain: readonly Uint8Array[];
  /**
   * The chain as one PEM text, leaf first, and the key as unencrypted PKCS #8. A string cannot be wiped: read
   * `key` only to store it.
   */
  readonly pem: { readonly certificate: string; readonly key: string };
  /** Chain and key as a PFX file under `passphrase`; `friendlyName` is what `alias` asks for later. */
  pfx(passphrase: string, friendlyName?: string): Uint8Array;
}

const dayMs = 86_400_000;
const clockSkewMs = 300_000;
const leafDays = 365;
const caDays = 3650;
const endOfTimeMs = Date.UTC(10_000, 0);
const serialBytes = 16;

/**
 * Generates a key and issues a certificate for it. Throws INVALID_CONFIG for options that make no certificate
 * others would accept, and for an issuer that is no CA or whose key is not its certificate's.
 */
export function issueCertificate(crypto: CryptoProvider, options: IssueOptions): IssuedCertificate {
  const { issuer, ca = false, purpose, commonName } = options;
  const parent = issuer && checkedIssuer(issuer, ca !== false);
  if (ca && commonName === undefined) throw config('a CA must have a "commonName"');
  if (ca && purpose !== undefined) throw config('a CA has no "purpose": leave it out');
  const subject = subjectName(commonName);
  const names = alternativeNames(options.dnsNames, options.ipAddresses);
  if (commonName === undefined && names.length === 0) {
    throw config('the certificate names nobody: pass "dnsNames", "ipAddresses" or "commonName"');
  }
  const validity = validityOf(options);

  // Last, because RSA keys take a while: bad options have failed by now.
  const key = crypto.generateKeyPair(options.keyKind ?? 'p256');
  const signer = issuer?.key ?? key;
  const { algorithm, identifier } = signatureOf(signer.kind);
  const profile = extensions({
    ca,
    purpose: purpose ?? 'server',
    alternativeNames: names,
    subjectIsEmpty: commonName === undefined,
    subjectKeyIdentifier: keyIdentifier(crypto, key.publicKey),
    authorityKeyIdentifier:
      parent && (parent.subjectKeyIdentifier ?? keyIdentifier(crypto, signer.publicKey)),
  });
  const body = der.sequence(
    der.explicit(0, der.integer(2)), // v3
    der.integer(serialNumber(crypto)),
    identifier,
    parent?.subject.der ?? subject,
    validity,
    subject,
    key.publicKey,
    der.explicit(3, profile),
  );
  const certificate = der.sequence(body, identifier, der.bitString(signer.sign(algorithm, body)));
  return new Issued(crypto, certificate, key, chainOf(issuer, parent));
}

/** Behind getters of its class, so that printing or serialising the object shows no key. */
class Issued implements IssuedCertificate {
  readonly certificate: Uint8Array;
  readonly key: PrivateKey;
  readonly chain: readonly Uint8Array[];
  readonly #crypto: CryptoProvider;

  constructor(
    crypto: CryptoProvider,
    certificate: Uint8Array,
    key: PrivateKey,
    above: readonly Uint8Array[],
  ) {
    this.#crypto = crypto;
    this.certificate = certificate;
    this.key = key;
    this.chain = [certificate, ...above];
  }

  get pem(): { readonly certificate: string; readonly key: string } {
    const pkcs8 = this.key.export();
    const key = writePem('PRIVATE KEY', pkcs8);
    wipe(pkcs8);
    return { certificate: this.chain.map((each) => writePem('CERTIFICATE', each)).join(''), key };
  }

  pfx(passphrase: string, friendlyName?: string): Uint8Array {
    return writePfx(this.#crypto, {
      certificates: this.chain,
      privateKey: this.key,
      passphrase,
      ...(friendlyName !== undefined && { friendlyName }),
    });
  }
}

function checkedIssuer(issuer: Issuer, forCa: boolean): Certificate {
  const certificate = parseCertificate(issuer.certificate);
  if (!certificate.basicConstraints?.ca) {
    throw config('the "issuer" is not a CA: issue its certificate with "ca: true"');
  }
  if (forCa && certificate.basicConstraints.pathLength === 0) {
    throw config('the "issuer" may have no CA below it: its path length is 0');
  }
  if (!sameBytes(certificate.publicKey.spki, issuer.key.publicKey)) {
    throw config('the "issuer" has a key that does not belong to its certificate');
  }
  return certificate;
}

/** The chain that stands above a subject of `issuer`: a root is not sent, since who trusts it has it. */
function chainOf(issuer: Issuer | undefined, parent: Certificate | undefined): readonly Uint8Array[] {
  if (!issuer || !parent || sameBytes(parent.subject.der, parent.issuer.der)) return [];
  return issuer.chain ?? [issuer.certificate];
}

/** Validity ::= SEQUENCE { notBefore Time, notAfter Time } (§4.1.2.5) */
function validityOf(options: IssueOptions): Uint8Array {
  const { days, notBefore = new Date(Date.now() - clockSkewMs) } = options;
  if (days !== undefined && options.notAfter !== undefined)
    throw config('pass "days" or "notAfter", not both');
  if (days !== undefined && !(days > 0)) throw config('"days" must be a positive number');
  const duration = (days ?? (options.ca ? caDays : leafDays)) * dayMs;
  const notAfter = options.notAfter ?? new Date(notBefore.getTime() + duration);
  if (!(notBefore < notAfter)) throw config('"notAfter" must be a time after "notBefore"');
  if (!(notAfter.getTime() < endOfTimeMs && notBefore.getTime() >= 0)) {
    throw config('"notBefore" and "notAfter" must lie between 1970 and 9999');
  }
  return der.sequence(der.time(notBefore), der.time(notAfter));
}

/** §4.1.2.2: positive and at most 20 octets; the bit below the sign is set, so that all 16 are there. */
function serialNumber(crypto: CryptoProvider): Uint8Array {
  const serial = crypto.randomBytes(serialBytes);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

/** How a key signs certificates. RSA with PKCS #1 v1.5, because some devices still read nothing else. */
function signatureOf(kind: PrivateKey['kind']): { algorithm: SignatureAlgorithm; identifier: Uint8Array } {
  switch (kind) {
    case 'rsa':
      return {
        algorithm: 'rsa-pkcs1-sha256',
        identifier: der.sequence(der.oid('1.2.840.113549.1.1.11'), der.null()),
      };
    case 'p256':
      return { algorithm: 'ecdsa-p256-sha256', identifier: der.sequence(der.oid('1.2.840.10045.4.3.2')) };
    case 'p384':
      return { algorithm: 'ecdsa-p384-sha384', identifier: der.sequence(der.oid('1.2.840.10045.4.3.3')) };
    case 'ed25519':
      return { algorithm: 'ed25519', identifier: der.sequence(der.oid('1.3.101.112')) };
    case 'rsa-pss':
      throw config('an issuer with an RSA-PSS key is not supported: use RSA, P-256, P-384 or Ed25519');
  }
}

function config(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
