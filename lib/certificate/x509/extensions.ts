// The extensions of a certificate (RFC 5280 §4.2), each read as its section defines it:
//
//   Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
//
// What path validation acts on is read here. Any other extension is skipped, unless it is critical: then its number
// is kept, and a path through that certificate is refused. Here is also what a certificate may not say at all; what
// it may not say in its place in a path stands in path.ts.

import {
  contextTag,
  type DerElement,
  DerReader,
  readBoolean,
  readNamedBits,
  readOid,
  readSmallInteger,
  tags,
} from '../../base/der.js';
import { type GeneralName, readGeneralName } from './general-name.js';
import { malformedCertificate } from './malformed.js';
import { type NameConstraints, readNameConstraints } from './name-constraints.js';

export interface Extensions {
  readonly basicConstraints: BasicConstraints | undefined;
  /** Undefined where the certificate does not restrict what its key does. */
  readonly keyUsage: KeyUsage | undefined;
  /** Object identifiers; undefined where the certificate does not restrict its purposes. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Undefined where there is no such extension; never empty. */
  readonly subjectAltName: readonly GeneralName[] | undefined;
  /** Whether the name above is marked as critical, as it must be where the subject is empty. */
  readonly subjectAltNameCritical: boolean;
  readonly nameConstraints: NameConstraints | undefined;
  readonly subjectKeyIdentifier: Uint8Array | undefined;
  /** The key identifier of the issuer, for finding it. */
  readonly authorityKeyIdentifier: Uint8Array | undefined;
  /** Object identifiers of critical extensions that are not processed. */
  readonly unknownCritical: readonly string[];
}

export interface BasicConstraints {
  readonly ca: boolean;
  /** How many intermediate certificates may follow, self-issued ones not counted. */
  readonly pathLength: number | undefined;
}

/** The two uses that matter here (§4.2.1.3, bits 0 and 5). */
export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
}

/** Purposes of extended key usage (§4.2.1.12). */
export const keyPurposes = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const oids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
} as const;

const digitalSignatureBit = 0;
const keyCertSignBit = 5;

export const noExtensions: Extensions = {
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  subjectAltName: undefined,
  subjectAltNameCritical: false,
  nameConstraints: undefined,
  subjectKeyIdentifier: undefined,
  authorityKeyIdentifier: undefined,
  unknownCritical: [],
};

/** Reads `Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension`. */
export function readExtensions(extensions: DerElement): Extensions {
  const found = new Map<string, Extension>();
  const unknownCritical: string[] = [];
  const reader = new DerReader(extensions.content);
  do {
    const extension = readExtension(reader.sequence());
    // §4.2: one instance of each. Two could say different things to different readers.
    if (found.has(extension.oid)) throw malformedCertificate(`extension ${extension.oid} stands there twice`);
    found.set(extension.oid, extension);
    if (isUnknownCritical(extension)) unknownCritical.push(extension.oid);
  } while (!reader.done);

  const basicConstraints = readValue(found.get(oids.basicConstraints), readBasicConstraints);
  const keyUsage = readValue(found.get(oids.keyUsage), readKeyUsage);
  if (keyUsage?.keyCertSign && !basicConstraints?.ca) {
    throw malformedCertificate(
      'its key usage has keyCertSign but it is not marked as a CA (RFC 5280 §4.2.1.3)',
    );
  }
  return {
    basicConstraints,
    keyUsage,
    extendedKeyUsage: readValue(found.get(oids.extendedKeyUsage), readExtendedKeyUsage),
    subjectAltName: readValue(found.get(oids.subjectAltName), readSubjectAltName),
    subjectAltNameCritical: found.get(oids.subjectAltName)?.critical ?? false,
    nameConstraints: readValue(found.get(oids.nameConstraints), readNameConstraints),
    subjectKeyIdentifier: readValue(
      neverCritical(found.get(oids.subjectKeyIdentifier)),
      (value) => value.expect(tags.octetString).content,
    ),
    authorityKeyIdentifier: readValue(
      neverCritical(found.get(oids.authorityKeyIdentifier)),
      readAuthorityKeyIdentifier,
    ),
    unknownCritical,
  };
}

interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

function readExtension(extension: DerReader): Extension {
  const oid = readOid(extension.expect(tags.oid).content);
  // DER leaves a default out, but CAs have written FALSE for decades: nothing can be gained by it.
  const critical = extension.optional(tags.boolean);
  const value = extension.expect(tags.octetString).content;
  extension.finish();
  return { oid, critical: critical !== undefined && readBoolean(critical.content), value };
}

const processed: ReadonlySet<string> = new Set([
  oids.subjectKeyIdentifier,
  oids.keyUsage,
  oids.subjectAltName,
  oids.basicConstraints,
  oids.nameConstraints,
  oids.authorityKeyIdentifier,
  oids.extendedKeyUsage,
]);

/** Policy constraints count as critical however they are marked: they must be (§4.2.1.11). */
function isUnknownCritical({ oid, critical }: Extension): boolean {
  return !processed.has(oid) && (critical || oid === oids.policyConstraints);
}

/** §4.2.1.1 and §4.2.1.2: key identifiers are hints, and must not be critical. */
function neverCritical(extension: Extension | undefined): Extension | undefined {
  if (extension?.critical) throw malformedCertificate('a key identifier is marked as critical');
  return extension;
}

function readValue<T>(extension: Extension | undefined, read: (value: DerReader) => T): T | undefined {
  if (extension === undefined) return undefined;
  const reader = new DerReader(extension.value);
  const value = read(reader);
  reader.finish();
  return value;
}

/** §4.2.1.9: `SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER (0..MAX) OPTIONAL }`. */
function readBasicConstraints(value: DerReader): BasicConstraints {
  const fields = value.sequence();
  const ca = fields.optional(tags.boolean);
  const pathLength = fields.optional(tags.integer);
  fields.finish();
  return {
    ca: ca !== undefined && readBoolean(ca.content),
    pathLength: pathLength && readSmallInteger(pathLength.content),
  };
}

function readKeyUsage(value: DerReader): KeyUsage {
  const bits = readNamedBits(value.expect(tags.bitString).content);
  return { digitalSignature: bits.has(digitalSignatureBit), keyCertSign: bits.has(keyCertSignBit) };
}

function readExtendedKeyUsage(value: DerReader): string[] {
  const fields = value.sequence();
  const purposes: string[] = [];
  do purposes.push(readOid(fields.expect(tags.oid).content));
  while (!fields.done);
  return purposes;
}

function readSubjectAltName(value: DerReader): GeneralName[] {
  const fields = value.sequence();
  const names: GeneralName[] = [];
  do names.push(readGeneralName(fields.next()));
  while (!fields.done);
  return names;
}

/** §4.2.1.1: `[0] keyIdentifier`, `[1] authorityCertIssuer`, `[2] authorityCertSerialNumber`, all optional. */
function readAuthorityKeyIdentifier(value: DerReader): Uint8Array | undefined {
  const fields = value.sequence();
  const keyIdentifier = fields.optional(contextTag(0, false));
  fields.optional(contextTag(1, true));
  fields.optional(contextTag(2, false));
  fields.finish();
  return keyIdentifier?.content;
}
