// What RFC 5280 §4 demands of those who issue certificates, where readers could leave it be (§6 does not ask for it).
//
// A CA that breaks these has issued something that other programs refuse, or read otherwise than we do: refusing it is
// what makes a certificate that is accepted here accepted elsewhere. They are held against certificates in a path, not
// when certificates are read, so that one old root among a hundred does no harm until somebody relies on it. (Of those
// that Node brings, two are lost: TWCA Global Root CA has no subject key identifier, and ePKI Root Certification
// Authority a basicConstraints that is not critical.) A leaf that is pinned as its own root has no CA to blame.
//
// Demands that are not held against anyone, since certificates in daily use break them and nobody reads them in two
// ways: serial numbers that are zero, negative or too long; GeneralizedTime before 2050; a root without keyUsage
// (`openssl req -x509` makes it); a leaf without any key identifier (`openssl x509 -req`, .NET); alternative names that
// are no DNS names (they match nothing); a subject alternative name that is critical beside a subject.

import { sameBytes } from '../../base/bytes.js';
import { sameName } from '../x509/distinguished-name.js';
import { inhibitAnyPolicyOid, policyConstraintsOid } from '../x509/extension-syntax.js';
import { extensionOids } from '../x509/extensions.js';
import type { Certificate } from '../x509/x509.js';

export type Role = 'leaf' | 'intermediate' | 'root';

interface ProfileRule {
  readonly clause: string;
  /** What is wrong, as a clause about the certificate. */
  readonly says: string;
  readonly roles: readonly Role[];
  isBroken(certificate: Certificate, isSelfSigned: (certificate: Certificate) => boolean): boolean;
}

const anyone: readonly Role[] = ['leaf', 'intermediate', 'root'];
const issuers: readonly Role[] = ['intermediate', 'root'];

const profile: readonly ProfileRule[] = [
  {
    clause: 'RFC 5280 §4.1.2.6',
    says: 'it issues certificates and has no subject',
    roles: issuers,
    isBroken: ({ subject }) => subject.relativeNames.length === 0,
  },
  {
    clause: 'RFC 5280 §4.2.1.1',
    says: 'it has no authority key identifier',
    roles: ['intermediate'],
    isBroken: (certificate) => !has(certificate, 'authorityKeyIdentifier'),
  },
  {
    clause: 'RFC 5280 §4.2.1.1',
    says: 'another CA has issued it, and it has no authority key identifier',
    roles: ['root'],
    isBroken: (certificate, isSelfSigned) =>
      !has(certificate, 'authorityKeyIdentifier') && !isSelfIssued(certificate) && !isSelfSigned(certificate),
  },
  {
    clause: 'RFC 5280 §4.2.1.1',
    says: 'it has a subject key identifier, but no authority key identifier',
    roles: ['leaf'],
    isBroken: (certificate) =>
      has(certificate, 'subjectKeyIdentifier') && !has(certificate, 'authorityKeyIdentifier'),
  },
  {
    clause: 'RFC 5280 §4.2.1.1',
    says: 'its authority key identifier does not hold a key identifier',
    roles: anyone,
    isBroken: (certificate) =>
      has(certificate, 'authorityKeyIdentifier') && certificate.authorityKeyIdentifier === undefined,
  },
  {
    clause: 'RFC 5280 §4.2.1.1',
    says: 'its authority key identifier is marked as critical',
    roles: anyone,
    isBroken: (certificate) => isCritical(certificate, extensionOids.authorityKeyIdentifier),
  },
  {
    clause: 'RFC 5280 §4.2.1.2',
    says: 'it is self-signed, but its two key identifiers differ',
    roles: ['root'],
    isBroken: (certificate, isSelfSigned) =>
      namesAnotherKey(certificate) && isSelfIssued(certificate) && isSelfSigned(certificate),
  },
  {
    clause: 'RFC 5280 §4.2.1.2',
    says: 'it is a CA without a subject key identifier',
    roles: issuers,
    isBroken: (certificate) =>
      certificate.basicConstraints?.ca === true && !has(certificate, 'subjectKeyIdentifier'),
  },
  {
    clause: 'RFC 5280 §4.2.1.2',
    says: 'its subject key identifier is marked as critical',
    roles: anyone,
    isBroken: (certificate) => isCritical(certificate, extensionOids.subjectKeyIdentifier),
  },
  {
    clause: 'RFC 5280 §4.2.1.3',
    says: 'it is a CA without key usage',
    roles: ['intermediate'],
    isBroken: ({ basicConstraints, keyUsage }) => basicConstraints?.ca === true && keyUsage === undefined,
  },
  {
    clause: 'RFC 5280 §4.2.1.9',
    says: 'it is a CA whose basic constraints are not marked as critical',
    roles: issuers,
    isBroken: (certificate) =>
      certificate.basicConstraints?.ca === true && !isCritical(certificate, extensionOids.basicConstraints),
  },
  {
    clause: 'RFC 5280 §4.2.1.9',
    says: 'it has a path length and is no CA',
    roles: anyone,
    isBroken: ({ basicConstraints }) =>
      basicConstraints?.pathLength !== undefined && basicConstraints.ca === false,
  },
  {
    clause: 'CA/Browser Forum BR §7.1.2.7.8',
    says: 'it is marked as a CA, and its key usage says that it is none',
    roles: ['leaf'],
    isBroken: ({ basicConstraints, keyUsage }) =>
      basicConstraints?.ca === true && keyUsage?.keyCertSign === false,
  },
  {
    clause: 'RFC 5280 §4.2.1.10',
    says: 'it has name constraints, which only a CA may have',
    roles: anyone,
    isBroken: ({ basicConstraints, nameConstraints }) =>
      nameConstraints !== undefined && basicConstraints?.ca !== true,
  },
  mustBeCritical('its name constraints', extensionOids.nameConstraints, 'RFC 5280 §4.2.1.10'),
  mustBeCritical('its policy constraints', policyConstraintsOid, 'RFC 5280 §4.2.1.11'),
  mustBeCritical('its inhibitAnyPolicy', inhibitAnyPolicyOid, 'RFC 5280 §4.2.1.14'),
];

/** The first rule of the profile that `certificate` breaks in its place in a path, as a clause; undefined for none. */
export function profileViolation(
  certificate: Certificate,
  role: Role,
  isSelfSigned: (certificate: Certificate) => boolean,
): string | undefined {
  const broken = profile.find(
    (rule) => rule.roles.includes(role) && rule.isBroken(certificate, isSelfSigned),
  );
  return broken && `${broken.says} (${broken.clause})`;
}

/** Those that must not be critical (§4.2.1.8, §4.2.1.15, §4.2.2) are refused as critical ones that are not acted on. */
function mustBeCritical(what: string, oid: string, clause: string): ProfileRule {
  return {
    clause,
    says: `${what} must be marked as critical`,
    roles: anyone,
    isBroken: ({ criticality }) => criticality.get(oid) === false,
  };
}

function has({ criticality }: Certificate, extension: keyof typeof extensionOids): boolean {
  return criticality.has(extensionOids[extension]);
}

function isCritical({ criticality }: Certificate, oid: string): boolean {
  return criticality.get(oid) === true;
}

function namesAnotherKey({ authorityKeyIdentifier, subjectKeyIdentifier }: Certificate): boolean {
  return (
    authorityKeyIdentifier !== undefined &&
    subjectKeyIdentifier !== undefined &&
    !sameBytes(authorityKeyIdentifier, subjectKeyIdentifier)
  );
}

/** §6.1: issuer and subject are one name, as when a CA certifies its own new key. */
export function isSelfIssued(certificate: Certificate): boolean {
  return sameName(certificate.issuer, certificate.subject);
}
