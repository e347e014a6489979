// A certificate in words, for logs and for people: who, by whom, from when to when, which key.
//
// Nothing here is verified, and nothing here decides: names are compared by path/names.ts. The texts are the peer's, so
// what a terminal could take for a command, and what would turn text round, is escaped, and with it the backslash.

import { printable } from '../../base/printable.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { SubjectPublicKey } from './algorithm.js';
import {
  attributeValues,
  commonNameOid,
  type DistinguishedName,
  emailAddressOid,
} from './distinguished-name.js';
import { keyPurposes } from './extensions.js';
import { certificateFingerprint, publicKeyPin } from './fingerprint.js';
import type { GeneralName } from './general-name.js';
import { formatIpAddress } from './ip-address.js';
import type { Certificate } from './x509.js';

export interface CertificateDescription {
  /** As in `CN=arena.example, O=Arena`, in the certificate's order; empty where it has no name. */
  readonly subject: string;
  readonly issuer: string;
  /** The last one, if there are several. */
  readonly commonName: string | undefined;
  readonly dnsNames: readonly string[];
  /** IPv4 and IPv6 literals, the latter as RFC 5952 writes them, without brackets. */
  readonly ipAddresses: readonly string[];
  /** Alternative names of other kinds, such as `email:ada@arena.example`. */
  readonly otherNames: readonly string[];
  /** Lower-case hexadecimal. */
  readonly serialNumber: string;
  /** First second in which it is valid. */
  readonly notBefore: Date;
  /** Last second in which it is valid. */
  readonly notAfter: Date;
  /** Whether it may issue certificates. */
  readonly ca: boolean;
  /** `server`, `client`, `any` or an object identifier; undefined where it does not restrict its purposes. */
  readonly purposes: readonly string[] | undefined;
  /** `RSA 2048`, `RSA-PSS 2048`, `P-256`, `P-384`, `Ed25519` or `unsupported`. */
  readonly key: string;
  /** What its issuer signed it with, such as `ecdsa-sha256`; `weak` or `unsupported`. */
  readonly signature: string;
  /** SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` shows it. */
  readonly sha256: string;
  /** SHA-256 of its public key, for `pinPublicKey`. */
  readonly publicKeyPin: string;
}

export function describeCertificate(
  crypto: CryptoProvider,
  certificate: Certificate,
): CertificateDescription {
  const { subject, issuer, subjectAltName = [], extendedKeyUsage } = certificate;
  const commonName = attributeValues(subject, commonNameOid).at(-1);
  return {
    subject: nameText(subject),
    issuer: nameText(issuer),
    commonName: commonName === undefined ? undefined : printable(commonName),
    dnsNames: subjectAltName.flatMap((name) => (name.kind === 'dns' ? [printable(name.value)] : [])),
    ipAddresses: subjectAltName.flatMap((name) => (name.kind === 'ip' ? [formatIpAddress(name.value)] : [])),
    otherNames: subjectAltName.flatMap(otherName),
    serialNumber: certificate.serialNumber,
    notBefore: new Date(certificate.notBefore),
    notAfter: new Date(certificate.notAfter),
    ca: certificate.basicConstraints?.ca ?? false,
    purposes: extendedKeyUsage?.map((oid) => purposeNames.get(oid) ?? oid),
    key: keyText(certificate.publicKey),
    signature: certificate.signatureScheme,
    sha256: certificateFingerprint(crypto, certificate),
    publicKeyPin: publicKeyPin(crypto, certificate),
  };
}

const purposeNames: ReadonlyMap<string, string> = new Map([
  [keyPurposes.serverAuth, 'server'],
  [keyPurposes.clientAuth, 'client'],
  [keyPurposes.any, 'any'],
]);

/** RFC 4514 §3, and what OpenSSL calls the two others. */
const attributeNames: ReadonlyMap<string, string> = new Map([
  [commonNameOid, 'CN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  [emailAddressOid, 'emailAddress'],
]);

function nameText(name: DistinguishedName): string {
  const part = ({ type, value }: { type: string; value: string }): string =>
    `${attributeNames.get(type) ?? type}=${printable(value).replace(/[",+;<>=]/g, '\\$&')}`;
  return name.relativeNames.map((rdn) => rdn.map(part).join(' + ')).join(', ');
}

function otherName(name: GeneralName): string[] {
  switch (name.kind) {
    case 'email':
      return [`email:${printable(name.value)}`];
    case 'uri':
      return [`uri:${printable(name.value)}`];
    case 'directory':
      return [`directory:${nameText(name.value)}`];
    case 'other':
      return [`other:${name.tag & contextNumberMask}`];
    default:
      return [];
  }
}

/** The number of a GeneralName's form, without class and form bits. */
const contextNumberMask = 0x1f;

function keyText({ kind, bits }: SubjectPublicKey): string {
  switch (kind) {
    case 'rsa':
      return `RSA ${bits}`;
    case 'rsa-pss':
      return `RSA-PSS ${bits}`;
    case 'p256':
      return 'P-256';
    case 'p384':
      return 'P-384';
    case 'ed25519':
      return 'Ed25519';
    default:
      return 'unsupported';
  }
}
