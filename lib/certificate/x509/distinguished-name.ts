// Distinguished names, the subject and issuer of a certificate (RFC 5280 §4.1.2.4):
//
//   Name ::= SEQUENCE OF SET OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }
//
// Chaining compares the bytes: a CA must write its name into what it issues as it stands in its own certificate
// (§4.1.2.6), and a name that differs can only make a chain fail. Directory name constraints compare the text,
// because there a missed match would let an excluded name through.

import { sameBytes, toHex } from '../../base/bytes.js';
import { type DerElement, DerReader, readOid, readText, tags } from '../../base/der.js';
import { quoted } from '../../base/printable.js';

export interface DistinguishedName {
  /** The whole Name, DER. */
  readonly der: Uint8Array;
  /** The attributes of each relative name, in the order of the certificate. */
  readonly relativeNames: readonly RelativeName[];
}

/** Usually one attribute; several stand for one level of the tree together. */
export type RelativeName = readonly NameAttribute[];

export interface NameAttribute {
  /** Dotted, such as 2.5.4.3. */
  readonly type: string;
  /** Decoded text; `#` and hexadecimal DER where the value is not a string. */
  readonly value: string;
}

export const commonNameOid = '2.5.4.3';
export const emailAddressOid = '1.2.840.113549.1.9.1';

const stringTags: ReadonlySet<number> = new Set([
  tags.utf8String,
  tags.printableString,
  tags.teletexString,
  tags.ia5String,
  tags.universalString,
  tags.bmpString,
]);

/** Reads a Name. */
export function readDistinguishedName(name: DerElement): DistinguishedName {
  const relativeNames: RelativeName[] = [];
  const reader = new DerReader(name.content);
  while (!reader.done) relativeNames.push(readRelativeName(reader.expect(tags.set)));
  return { der: name.bytes, relativeNames };
}

function readRelativeName(set: DerElement): RelativeName {
  const attributes: NameAttribute[] = [];
  const reader = new DerReader(set.content);
  do {
    const attribute = reader.sequence();
    const type = readOid(attribute.expect(tags.oid).content);
    const value = attribute.next();
    attribute.finish();
    attributes.push({ type, value: stringTags.has(value.tag) ? readText(value) : `#${toHex(value.bytes)}` });
  } while (!reader.done);
  return attributes;
}

/** Every value of one attribute type, in order. */
export function attributeValues(name: DistinguishedName, type: string): string[] {
  const values: string[] = [];
  for (const relativeName of name.relativeNames) {
    for (const attribute of relativeName) if (attribute.type === type) values.push(attribute.value);
  }
  return values;
}

/**
 * The common name, where there is exactly one and it stands alone in its relative name: only then is it clear
 * what it names, and only then may it be taken for a host name.
 */
export function soleCommonName(name: DistinguishedName): string | undefined {
  const [only, ...others] = name.relativeNames.filter((rdn) =>
    rdn.some((attribute) => attribute.type === commonNameOid),
  );
  return only?.length === 1 && others.length === 0 ? only[0]!.value : undefined;
}

/** Whether two names have the same bytes. */
export function sameName(a: DistinguishedName, b: DistinguishedName): boolean {
  return sameBytes(a.der, b.der);
}

/** Whether `name` is `base` or stands below it: its first relative names are those of `base`, in text. */
export function isWithin(name: DistinguishedName, base: DistinguishedName): boolean {
  return (
    name.relativeNames.length >= base.relativeNames.length &&
    base.relativeNames.every((rdn, index) => comparable(rdn) === comparable(name.relativeNames[index]!))
  );
}

/** What is compared of a relative name, made once: one name may be held against thousands of constraints. */
const comparables = new WeakMap<RelativeName, string>();

/** RFC 5280 §7.1, simplified: case and runs of white space do not count, nor does the order inside the set. */
function comparable(rdn: RelativeName): string {
  const known = comparables.get(rdn);
  if (known !== undefined) return known;
  const attributes = rdn.map(({ type, value }) => [
    type,
    value.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' '),
  ]);
  const text = JSON.stringify(attributes.map((attribute) => JSON.stringify(attribute)).sort());
  comparables.set(rdn, text);
  return text;
}

/** For messages: the common name or, without one, every value; quoted, and cut where a peer made it long. */
export function describeName(name: DistinguishedName): string {
  const commonName = attributeValues(name, commonNameOid).at(-1);
  const text = commonName ?? name.relativeNames.flatMap((rdn) => rdn.map(({ value }) => value)).join(', ');
  return quoted(text);
}
