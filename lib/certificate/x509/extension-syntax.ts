// Extensions of RFC 5280 §4.2 that path validation does not act on, and what their values look like.
//
// A known extension whose value cannot be read makes its certificate malformed: another program acts on it, and it
// must not be left to each of them what it finds there. Extensions that RFC 5280 does not define may hold anything.

import { contextTag, DerReader, readNamedBits, readOid, readSmallInteger, tags } from '../../base/der.js';
import { readGeneralName, readGeneralNames } from './general-name.js';
import { malformedCertificate } from './malformed.js';

export const inhibitAnyPolicyOid = '2.5.29.54';
export const policyConstraintsOid = '2.5.29.36';
const anyPolicy = '2.5.29.32.0';

type Syntax = (value: DerReader) => void;

const syntaxes: ReadonlyMap<string, Syntax> = new Map<string, Syntax>([
  ['2.5.29.9', listOf(readAttribute)], // subjectDirectoryAttributes, §4.2.1.8
  ['2.5.29.18', readAlternativeNames], // issuerAltName, §4.2.1.7
  ['2.5.29.31', listOf(readDistributionPoint)], // cRLDistributionPoints, §4.2.1.13
  ['2.5.29.32', readCertificatePolicies],
  ['2.5.29.33', listOf(readPolicyMapping)],
  [policyConstraintsOid, readPolicyConstraints],
  ['2.5.29.46', listOf(readDistributionPoint)], // freshestCRL, §4.2.1.15
  [inhibitAnyPolicyOid, (value) => readSmallInteger(value.expect(tags.integer).content)], // §4.2.1.14
  ['1.3.6.1.5.5.7.1.1', listOf(readAccessDescription)], // authorityInfoAccess, §4.2.2.1
  ['1.3.6.1.5.5.7.1.11', listOf(readAccessDescription)], // subjectInfoAccess, §4.2.2.2
]);

/** Throws INVALID_CERTIFICATE where RFC 5280 defines the extension and `value` is not what it says. */
export function checkExtensionSyntax(oid: string, value: Uint8Array): void {
  const read = syntaxes.get(oid);
  if (read === undefined) return;
  const reader = new DerReader(value);
  read(reader);
  reader.finish();
}

/** `SEQUENCE SIZE (1..MAX) OF SEQUENCE { … }` */
function listOf(read: (fields: DerReader) => void): Syntax {
  return (value) => {
    const list = value.sequence();
    do {
      const fields = list.sequence();
      read(fields);
      fields.finish();
    } while (!list.done);
  };
}

function readAlternativeNames(value: DerReader): void {
  readGeneralNames(value.expect(tags.sequence).content);
}

/** `Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }` */
function readAttribute(fields: DerReader): void {
  readOid(fields.expect(tags.oid).content);
  fields.expect(tags.set);
}

/** `AccessDescription ::= SEQUENCE { accessMethod OBJECT IDENTIFIER, accessLocation GeneralName }` */
function readAccessDescription(fields: DerReader): void {
  readOid(fields.expect(tags.oid).content);
  readGeneralName(fields.next());
}

/**
 * `DistributionPoint ::= SEQUENCE { distributionPoint [0] { fullName [0] | nameRelativeToCRLIssuer [1] } OPTIONAL,
 * reasons [1] OPTIONAL, cRLIssuer [2] OPTIONAL }`; not of reasons alone.
 */
function readDistributionPoint(fields: DerReader): void {
  const point = fields.optional(contextTag(0, true));
  const reasons = fields.optional(contextTag(1, false));
  const issuer = fields.optional(contextTag(2, true));
  if (point) {
    const choice = new DerReader(point.content);
    const fullName = choice.optional(contextTag(0, true));
    if (fullName) readGeneralNames(fullName.content);
    else choice.expect(contextTag(1, true));
    choice.finish();
  }
  if (reasons) readNamedBits(reasons.content);
  if (issuer) readGeneralNames(issuer.content);
  if (!point && !issuer) throw malformedCertificate('a distribution point says neither where nor whose');
}

/** §4.2.1.4: `PolicyInformation ::= SEQUENCE { policyIdentifier, policyQualifiers OPTIONAL }`, each policy once. */
function readCertificatePolicies(value: DerReader): void {
  const policies = new Set<string>();
  listOf((fields) => {
    const policy = readOid(fields.expect(tags.oid).content);
    if (policies.has(policy)) throw malformedCertificate(`policy ${policy} stands there twice`);
    policies.add(policy);
    if (!fields.done) {
      listOf((qualifier) => {
        readOid(qualifier.expect(tags.oid).content);
        qualifier.next();
      })(fields);
    }
  })(value);
}

/** §4.2.1.5: `SEQUENCE { issuerDomainPolicy, subjectDomainPolicy }`, neither of them anyPolicy. */
function readPolicyMapping(fields: DerReader): void {
  for (let index = 0; index < 2; index++) {
    if (readOid(fields.expect(tags.oid).content) === anyPolicy) {
      throw malformedCertificate('a policy is mapped to or from anyPolicy');
    }
  }
}

/** §4.2.1.11: `SEQUENCE { requireExplicitPolicy [0] OPTIONAL, inhibitPolicyMapping [1] OPTIONAL }`, not empty. */
function readPolicyConstraints(value: DerReader): void {
  const fields = value.sequence();
  const limits = [fields.optional(contextTag(0, false)), fields.optional(contextTag(1, false))];
  fields.finish();
  for (const limit of limits) if (limit) readSmallInteger(limit.content);
  if (!limits.some(Boolean)) throw malformedCertificate('its policy constraints are empty');
}
