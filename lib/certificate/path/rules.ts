// What a certificate must fulfil in its place on a path (RFC 5280 §6.1.3 and §6.1.4): the leaf, and those above it.
// profile.ts has what their issuers should have done.
//
// Each rule that is broken gives a reason and a sentence; path.ts decides which one to tell. Signatures, which make
// the path in the first place, are its own business too.

import { quoted } from '../../base/printable.js';
import { keyWeakness } from '../x509/algorithm.js';
import { type ComparisonBudget, constraintViolation } from '../x509/constrained-name.js';
import { keyPurposes } from '../x509/extensions.js';
import { titleOf } from '../x509/title.js';
import type { Certificate } from '../x509/x509.js';
import { contradictingCommonName, describeHosts, matchHostname, presentedNames } from './names.js';
import { isSelfIssued, profileViolation, type Role } from './profile.js';

/**
 * Why a chain is refused; the `reason` below CERTIFICATE_REJECTED.
 * `untrusted`: no way to a root. `constraint-violated`: a certificate does what one above it forbids, issues without
 * being a CA, or has critical extensions that are not understood. `wrong-purpose`: key usage or extended key usage.
 * `malformed`: a certificate cannot be read, or breaks what RFC 5280 demands of its issuer.
 * `weak-key`: the key or the signature is too weak or of no supported kind. `revoked-by-validator`: the
 * application's own `validateCertificate` said no.
 */
export type CertificateRejectionReason =
  | 'untrusted'
  | 'expired'
  | 'not-yet-valid'
  | 'name-mismatch'
  | 'constraint-violated'
  | 'wrong-purpose'
  | 'weak-key'
  | 'malformed'
  | 'revoked-by-validator';

/** What path validation itself can find. */
export type PathRejectionReason = Exclude<CertificateRejectionReason, 'revoked-by-validator'>;

export interface Violation {
  readonly reason: PathRejectionReason;
  /** One clause, with the name of the certificate. */
  readonly detail: string;
}

export interface PathRules {
  /** In whole seconds. */
  readonly time: Date;
  readonly purpose: 'server' | 'client';
  /** The leaf's name is not looked at where there is none. */
  readonly hostname: string | undefined;
  readonly comparisons: ComparisonBudget;
  /** Whether its own key signed it, whatever it says about its issuer; costs a signature check. */
  isSelfSigned(certificate: Certificate): boolean;
}

/** What is wrong with the leaf, whichever path it is on. */
export function leafViolations(leaf: Certificate, rules: PathRules): Violation[] {
  const violations = commonViolations(leaf, rules);
  const weakness = keyWeakness(leaf.publicKey);
  if (weakness !== undefined) violations.push(violation('weak-key', leaf, weakness));
  // The key signs the handshake and nothing else (RFC 9846 §4.4.2.2).
  if (leaf.keyUsage?.digitalSignature === false) {
    violations.push(violation('wrong-purpose', leaf, 'its key usage lacks digitalSignature'));
  }
  violations.push(...purposeViolations(leaf, rules));
  if (rules.hostname !== undefined) violations.push(...nameViolations(leaf, rules.hostname));
  return violations;
}

/** What its issuer did wrong with a leaf that is not trusted for itself. */
export function issuedLeafViolations(leaf: Certificate, rules: PathRules): Violation[] {
  return profileViolations(leaf, 'leaf', rules);
}

/** What is wrong with `issuer` above `below`, which is the path so far, leaf first. */
export function issuerViolations(
  issuer: Certificate,
  role: Exclude<Role, 'leaf'>,
  below: readonly Certificate[],
  rules: PathRules,
): Violation[] {
  const violations = [...commonViolations(issuer, rules), ...profileViolations(issuer, role, rules)];
  // A root is trusted for its name and key: one of version 1 cannot say that it is a CA. An intermediate must.
  const saysWhatItIs = role === 'intermediate' || issuer.version === 3;
  if (saysWhatItIs && !issuer.basicConstraints?.ca) {
    violations.push(
      violation('constraint-violated', issuer, 'it issues certificates but is not marked as a CA'),
    );
  }
  if (issuer.keyUsage?.keyCertSign === false) {
    violations.push(violation('wrong-purpose', issuer, 'its key usage lacks keyCertSign'));
  }
  if (role === 'intermediate') violations.push(...purposeViolations(issuer, rules));

  const [, ...intermediates] = below;
  const pathLength = issuer.basicConstraints?.pathLength;
  if (pathLength !== undefined && intermediates.filter((ca) => !isSelfIssued(ca)).length > pathLength) {
    violations.push(
      violation('constraint-violated', issuer, `it allows ${pathLength} intermediate(s) below it`),
    );
  }
  return violations;
}

/** Those names of `below`, the path so far, that `issuer` may not have certified. */
export function nameConstraintViolations(
  issuer: Certificate,
  below: readonly Certificate[],
  rules: PathRules,
): Violation[] {
  const { nameConstraints } = issuer;
  if (nameConstraints === undefined) return [];
  const violations: Violation[] = [];
  for (const [index, certificate] of below.entries()) {
    // §6.1.3 (b): self-issued intermediates are exempt, a self-issued leaf is not.
    if (index > 0 && isSelfIssued(certificate)) continue;
    const serves = index === 0 && rules.purpose === 'server';
    const names = serves ? presentedNames(certificate) : (certificate.subjectAltName ?? []);
    const found = constraintViolation(
      nameConstraints,
      { subject: certificate.subject, names },
      rules.comparisons,
    );
    if (found !== undefined) violations.push(violation('constraint-violated', certificate, found));
  }
  return violations;
}

function commonViolations(certificate: Certificate, { time }: PathRules): Violation[] {
  const violations: Violation[] = [];
  const { notBefore, notAfter, unknownCritical } = certificate;
  if (time < notBefore) {
    violations.push(violation('not-yet-valid', certificate, `it is valid from ${notBefore.toISOString()}`));
  }
  if (time > notAfter) {
    violations.push(violation('expired', certificate, `it was valid until ${notAfter.toISOString()}`));
  }
  if (unknownCritical.length > 0) {
    const list = unknownCritical.slice(0, 4).join(', ');
    violations.push(
      violation('constraint-violated', certificate, `it has unknown critical extensions: ${list}`),
    );
  }
  return violations;
}

function purposeViolations(certificate: Certificate, { purpose }: PathRules): Violation[] {
  const purposes = certificate.extendedKeyUsage;
  const wanted = purpose === 'server' ? 'serverAuth' : 'clientAuth';
  if (!purposes || purposes.includes(keyPurposes[wanted]) || purposes.includes(keyPurposes.any)) return [];
  return [violation('wrong-purpose', certificate, `its extended key usage lacks ${wanted}`)];
}

function profileViolations(certificate: Certificate, role: Role, { isSelfSigned }: PathRules): Violation[] {
  const broken = profileViolation(certificate, role, isSelfSigned);
  return broken === undefined ? [] : [violation('malformed', certificate, broken)];
}

function nameViolations(leaf: Certificate, hostname: string): Violation[] {
  if (!matchHostname(leaf, hostname)) {
    const detail = `it is for ${describeHosts(leaf)}, not for ${quoted(hostname)}`;
    return [violation('name-mismatch', leaf, detail)];
  }
  // A certificate that contradicts itself about its names is for none of them.
  const commonName = contradictingCommonName(leaf);
  if (commonName === undefined) return [];
  const detail = `its common name ${quoted(commonName)} is a host that its alternative names do not list: ${describeHosts(leaf)}`;
  return [violation('name-mismatch', leaf, detail)];
}

export function violation(reason: PathRejectionReason, certificate: Certificate, detail: string): Violation {
  return { reason, detail: `the certificate ${titleOf(certificate)} is refused: ${detail}` };
}
