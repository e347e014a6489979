// The extensions of a certificate (RFC 5280 §4.2), each read as its section defines it:
//
//   Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
//
// What path validation acts on is read here, and the others that RFC 5280 defines must be well formed
// (extension-syntax.ts). One that is not acted on is skipped, unless it is critical: then its number is kept, and a
// path through that certificate is refused. What a certificate may not say in its place in a path stands in path/.

import {
  contextTag,
  type DerElement,
  DerReader,
  readBoolean,
  readInteger,
  readNamedBits,
  readOid,
  readSmallInteger,
  tags,
} from '../../base/der.js';
import { checkExtensionSyntax } from './extension-syntax.js';
import { type GeneralName, readGeneralNames } from './general-name.js';
import { malformedCertificate } from './malformed.js';
import { type NameConstraints, readNameConstraints } from './name-constraints.js';

export interface Extensions {
  readonly basicConstraints: BasicConstraints | undefined;
  /** Every extension in the certificate: its object identifier, and whether it is marked as critical. */
  readonly criticality: ReadonlyMap<string, boolean>;
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
  /** Object identifiers of critical extensions that are not acted on. */
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

/** Those that are acted on. */
export const extensionOids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;
const oids = extensionOids;
const actedOn: ReadonlySet<string> = new Set(Object.values(oids));

const digitalSignatureBit = 0;
const keyCertSignBit = 5;

export const noExtensions: Extensions = {
  criticality: new Map(),
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
    if (actedOn.has(extension.oid)) continue;
    checkExtensionSyntax(extension.oid, extension.value);
    if (extension.critical) unknownCritical.push(extension.oid);
  } while (!reader.done);

  const basicConstraints = readValue(found.get(oids.basicConstraints), readBasicConstraints);
  const keyUsage = readValue(found.get(oids.keyUsage), readKeyUsage);
  if (keyUsage?.keyCertSign && !basicConstraints?.ca) {
    throw malformedCertificate(
      'its key usage has keyCertSign but it is not marked as a CA (RFC 5280 §4.2.1.3)',
    );
  }
  return {
    criticality: new Map([...found].map(([oid, { critical }]) => [oid, critical])),
    basicConstraints,
    keyUsage,
    extendedKeyUsage: readValue(found.get(oids.extendedKeyUsage), readExtendedKeyUsage),
    subjectAltName: readValue(found.get(oids.subjectAltName), readSubjectAltName),
    subjectAltNameCritical: found.get(oids.subjectAltName)?.critical ?? false,
    nameConstraints: readValue(found.get(oids.nameConstraints), readNameConstraints),
    subjectKeyIdentifier: readValue(
      found.get(oids.subjectKeyIdentifier),
      (value) => value.expect(tags.octetString).content,
    ),
    authorityKeyIdentifier: readValue(found.get(oids.authorityKeyIdentifier), readAuthorityKeyIdentifier),
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
  if (bits.size === 0) throw malformedCertificate('its key usage allows nothing (RFC 5280 §4.2.1.3)');
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
  return readGeneralNames(value.expect(tags.sequence).content);
}

/** §4.2.1.1: `[0] keyIdentifier`, `[1] authorityCertIssuer`, `[2] authorityCertSerialNumber`, all optional. */
function readAuthorityKeyIdentifier(value: DerReader): Uint8Array | undefined {
  const fields = value.sequence();
  const keyIdentifier = fields.optional(contextTag(0, false));
  const issuer = fields.optional(contextTag(1, true));
  const serialNumber = fields.optional(contextTag(2, false));
  fields.finish();
  if (issuer) readGeneralNames(issuer.content);
  if (serialNumber) readInteger(serialNumber.content);
  // Appendix A.2: these two make one reference.
  if ((issuer === undefined) !== (serialNumber === undefined)) {
    throw malformedCertificate('its authority key identifier has an issuer or a serial number, not both');
  }
  return keyIdentifier?.content;
}
