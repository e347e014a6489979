// Name constraints (RFC 5280 §4.2.1.10): a CA may be limited to names within some subtrees, or outside of some.
//
//   NameConstraints ::= SEQUENCE { permittedSubtrees [0] OPTIONAL, excludedSubtrees [1] OPTIONAL }
//   GeneralSubtree  ::= SEQUENCE { base GeneralName, minimum [0] DEFAULT 0, maximum [1] OPTIONAL }
//
// Every name of every certificate below that CA is held against them. DNS, IP, directory and mail names are
// understood; a constraint on another form refuses each certificate that has a name of that form.

import { contextTag, type DerElement, DerReader } from '../../base/der.js';
import { attributeValues, type DistinguishedName, emailAddressOid, isWithin } from './distinguished-name.js';
import {
  asciiLowerCase,
  isDnsName,
  isHostName,
  isSubdomain,
  wildcardBase,
  withoutTrailingDot,
} from './dns-name.js';
import { type GeneralName, readNameForm } from './general-name.js';
import { malformedCertificate } from './malformed.js';

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

export type Subtree =
  /** Lower case; for mail a mailbox, a host, or a domain behind a dot. */
  | { readonly kind: 'dns' | 'email'; readonly value: string }
  | { readonly kind: 'ip'; readonly address: Uint8Array; readonly mask: Uint8Array }
  | { readonly kind: 'directory'; readonly value: DistinguishedName }
  | { readonly kind: 'other'; readonly tag: number };

/** Names of one certificate that constraints above it apply to. */
export interface ConstrainedNames {
  readonly subject: DistinguishedName;
  /** The subject alternative names, and a common name that serves as one. */
  readonly names: readonly GeneralName[];
}

/** How many comparisons of names with subtrees are left for one validation: a chain can list thousands of both. */
export interface ComparisonBudget {
  left: number;
}

/** Reads the value of the extension. */
export function readNameConstraints(value: DerReader): NameConstraints {
  const fields = value.sequence();
  const permitted = fields.optional(contextTag(0, true));
  const excluded = fields.optional(contextTag(1, true));
  fields.finish();
  if (!permitted && !excluded) throw malformedCertificate('its name constraints are empty');
  return { permitted: readSubtrees(permitted), excluded: readSubtrees(excluded) };
}

function readSubtrees(list: DerElement | undefined): Subtree[] {
  if (list === undefined) return [];
  const subtrees: Subtree[] = [];
  const reader = new DerReader(list.content);
  do {
    const subtree = reader.sequence();
    subtrees.push(readBase(subtree.next()));
    // §4.2.1.10: minimum is 0, which DER leaves out, and maximum is absent.
    subtree.finish();
  } while (!reader.done);
  return subtrees;
}

function readBase(element: DerElement): Subtree {
  const base = readNameForm(element);
  switch (base.kind) {
    case 'dns': {
      const value = asciiLowerCase(base.value);
      const name = value.startsWith('.') ? value.slice(1) : value;
      if (value !== '' && !isDnsName(name))
        throw malformedCertificate('a DNS name constraint is no DNS name');
      return { kind: 'dns', value };
    }
    case 'email': {
      const value = base.value.includes('@') ? normalMailbox(base.value) : asciiLowerCase(base.value);
      const host = value?.split('@').at(-1) ?? '';
      if (value === undefined || !isDnsName(host.startsWith('.') ? host.slice(1) : host)) {
        throw malformedCertificate('a mail name constraint is neither a mailbox nor a host nor a domain');
      }
      return { kind: 'email', value };
    }
    case 'ip': {
      const half = base.value.length / 2;
      if (half !== 4 && half !== 16)
        throw malformedCertificate('an IP name constraint is not an address and a mask');
      const mask = base.value.subarray(half);
      if (!isPrefixMask(mask)) throw malformedCertificate('the mask of an IP name constraint has gaps');
      return { kind: 'ip', address: base.value.subarray(0, half), mask };
    }
    case 'directory':
      return { kind: 'directory', value: base.value };
    case 'other':
      return { kind: 'other', tag: element.tag };
  }
}

/** RFC 4632: ones, then zeros. */
function isPrefixMask(mask: Uint8Array): boolean {
  let bits = '';
  for (const octet of mask) bits += octet.toString(2).padStart(8, '0');
  return /^1*0*$/.test(bits);
}

/** What a certificate below this CA may not be called; undefined when all its names are within the constraints. */
export function constraintViolation(
  constraints: NameConstraints,
  { subject, names }: ConstrainedNames,
  budget: ComparisonBudget,
): string | undefined {
  const all: GeneralName[] = [...names];
  if (subject.relativeNames.length > 0) all.push({ kind: 'directory', value: subject });
  // §4.2.1.10: where there is no mailbox in an alternative name, those of the subject are constrained.
  if (!names.some(({ kind }) => kind === 'email')) {
    for (const value of attributeValues(subject, emailAddressOid)) all.push({ kind: 'email', value });
  }
  budget.left -= all.length * (constraints.permitted.length + constraints.excluded.length);
  if (budget.left < 0) return 'there are too many names and name constraints to compare';

  for (const name of all) {
    const permitted = constraints.permitted.filter((subtree) => sameForm(name, subtree));
    const excluded = constraints.excluded.filter((subtree) => sameForm(name, subtree));
    if (permitted.length === 0 && excluded.length === 0) continue;
    if (!canBeCompared(name))
      return `${describe(name)} cannot be held against the name constraints of its CA`;
    if (excluded.some((subtree) => reaches(name, subtree))) return `its CA may not name ${describe(name)}`;
    if (permitted.length > 0 && !permitted.some((subtree) => staysWithin(name, subtree))) {
      return `its CA may name others, but not ${describe(name)}`;
    }
  }
  return undefined;
}

function sameForm(name: GeneralName, subtree: Subtree): boolean {
  if (name.kind === 'other' && subtree.kind === 'other') return name.tag === subtree.tag;
  return name.kind === subtree.kind;
}

/** A name that is malformed is in no subtree, and outside of none. */
function canBeCompared(name: GeneralName): boolean {
  switch (name.kind) {
    case 'dns': {
      const value = normalDnsName(name.value);
      return isHostName(value) || wildcardBase(value) !== undefined;
    }
    case 'email':
      return normalMailbox(name.value) !== undefined;
    case 'other':
      return false;
    default:
      return true;
  }
}

/** Whether all that `name` stands for is in the subtree. */
function staysWithin(name: GeneralName, subtree: Subtree): boolean {
  if (name.kind === 'dns' && subtree.kind === 'dns') {
    const value = normalDnsName(name.value);
    if (!subtree.value.startsWith('.')) return isSubdomain(wildcardBase(value) ?? value, subtree.value);
    // A leading dot asks for one label more at least; a wildcard is that label.
    return value.endsWith(subtree.value);
  }
  if (name.kind === 'email' && subtree.kind === 'email') {
    const mailbox = normalMailbox(name.value)!;
    if (subtree.value.includes('@')) return mailbox === subtree.value;
    const host = mailbox.slice(mailbox.indexOf('@') + 1);
    return subtree.value.startsWith('.') ? host.endsWith(subtree.value) : host === subtree.value;
  }
  if (name.kind === 'ip' && subtree.kind === 'ip') {
    const { address, mask } = subtree;
    if (name.value.length !== address.length) return false;
    return name.value.every((octet, index) => ((octet ^ address[index]!) & mask[index]!) === 0);
  }
  if (name.kind === 'directory' && subtree.kind === 'directory') return isWithin(name.value, subtree.value);
  return false;
}

/** Whether something that `name` stands for is in the subtree: for a wildcard that is more than staying within. */
function reaches(name: GeneralName, subtree: Subtree): boolean {
  if (name.kind !== 'dns' || subtree.kind !== 'dns') return staysWithin(name, subtree);
  // A dot in front would spare the domain itself: an exclusion is read in the wider sense.
  const excluded = subtree.value.startsWith('.') ? subtree.value.slice(1) : subtree.value;
  const value = normalDnsName(name.value);
  const base = wildcardBase(value);
  if (base === undefined) return isSubdomain(value, excluded);
  return isSubdomain(base, excluded) || excluded.slice(excluded.indexOf('.') + 1) === base;
}

function normalDnsName(name: string): string {
  return withoutTrailingDot(asciiLowerCase(name));
}

/** The local part as it is, the host in lower case (RFC 5280 §7.5); undefined when it is not a mailbox. */
function normalMailbox(mailbox: string): string | undefined {
  const [local, host, ...others] = mailbox.split('@');
  if (!local || host === undefined || others.length > 0 || !isDnsName(asciiLowerCase(host))) return undefined;
  return `${local}@${asciiLowerCase(host)}`;
}

function describe(name: GeneralName): string {
  if (name.kind === 'dns' || name.kind === 'email') return JSON.stringify(name.value.slice(0, 80));
  return name.kind === 'ip' ? `the IP address ${name.value.join('.')}` : `that ${name.kind} name`;
}
