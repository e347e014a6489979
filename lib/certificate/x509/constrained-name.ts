// Names of a certificate, held against the name constraints of a CA above it (RFC 5280 §4.2.1.10).
//
//   permitted   if the CA lists any of a name's form, all that the name stands for must be in one of them
//   excluded    nothing that the name stands for may be in any of them: a wildcard must not even reach into one
//
// DNS, IP, directory and mail names and URIs are understood. A constraint on another form refuses each certificate
// that has a name of that form, and so does any constraint on a form for a name of it that is malformed.

import { quoted } from '../../base/printable.js';
import {
  attributeValues,
  type DistinguishedName,
  describeName,
  emailAddressOid,
  isWithin,
} from './distinguished-name.js';
import {
  asciiLowerCase,
  isDnsName,
  isHostName,
  isSubdomain,
  wildcardBase,
  withoutTrailingDot,
} from './dns-name.js';
import { type GeneralName, normalMailbox } from './general-name.js';
import { formatIpAddress } from './ip-address.js';
import type { NameConstraints, Subtree } from './name-constraints.js';

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

/** A name as it is compared: brought into its normal form once, however many subtrees there are. */
type ComparableName =
  /** `base` is what stands behind a wildcard. */
  | { readonly kind: 'dns'; readonly value: string; readonly base: string | undefined }
  | { readonly kind: 'email'; readonly mailbox: string; readonly host: string }
  | { readonly kind: 'uri'; readonly host: string }
  | { readonly kind: 'ip'; readonly octets: Uint8Array }
  | { readonly kind: 'directory'; readonly value: DistinguishedName };

/** What a certificate below this CA may not be called; undefined when all its names are within the constraints. */
export function constraintViolation(
  constraints: NameConstraints,
  { subject, names }: ConstrainedNames,
  budget: ComparisonBudget,
): string | undefined {
  const all: GeneralName[] = [...names];
  if (subject.relativeNames.length > 0) all.push({ kind: 'directory', value: subject });
  // Where there is no mailbox in an alternative name, those of the subject are constrained.
  if (!names.some(({ kind }) => kind === 'email')) {
    for (const value of attributeValues(subject, emailAddressOid)) all.push({ kind: 'email', value });
  }
  budget.left -= all.length * (constraints.permitted.length + constraints.excluded.length);
  if (budget.left < 0) return 'there are too many names and name constraints to compare';

  for (const name of all) {
    const permitted = constraints.permitted.filter((subtree) => sameForm(name, subtree));
    const excluded = constraints.excluded.filter((subtree) => sameForm(name, subtree));
    if (permitted.length === 0 && excluded.length === 0) continue;
    const comparable = comparableName(name);
    if (!comparable) return `${describe(name)} cannot be held against the name constraints of its CA`;
    if (excluded.some((subtree) => reaches(comparable, subtree)))
      return `its CA may not name ${describe(name)}`;
    if (permitted.length > 0 && !permitted.some((subtree) => staysWithin(comparable, subtree))) {
      return `its CA may name others, but not ${describe(name)}`;
    }
  }
  return undefined;
}

function sameForm(name: GeneralName, subtree: Subtree): boolean {
  if (name.kind === 'other' && subtree.kind === 'other') return name.tag === subtree.tag;
  return name.kind === subtree.kind;
}

/** Undefined for a malformed name, which is in no subtree and outside of none, and for forms that are not understood. */
function comparableName(name: GeneralName): ComparableName | undefined {
  switch (name.kind) {
    case 'dns': {
      const value = normalDnsName(name.value);
      const base = wildcardBase(value);
      return isHostName(value) || base !== undefined ? { kind: 'dns', value, base } : undefined;
    }
    case 'email': {
      const mailbox = normalMailbox(name.value);
      return mailbox === undefined
        ? undefined
        : { kind: 'email', mailbox, host: mailbox.slice(mailbox.indexOf('@') + 1) };
    }
    case 'uri': {
      const host = uriHost(name.value);
      return host === undefined ? undefined : { kind: 'uri', host };
    }
    case 'ip':
      return { kind: 'ip', octets: name.value };
    case 'directory':
      return name;
    case 'other':
      return undefined;
  }
}

/** Whether all that `name` stands for is in the subtree. */
function staysWithin(name: ComparableName, subtree: Subtree): boolean {
  if (name.kind === 'dns' && subtree.kind === 'dns') {
    return isSubdomain(name.base ?? name.value, subtree.value);
  }
  if (name.kind === 'email' && subtree.kind === 'email') {
    return subtree.value.includes('@')
      ? name.mailbox === subtree.value
      : isHostWithin(name.host, subtree.value);
  }
  if (name.kind === 'uri' && subtree.kind === 'uri') return isHostWithin(name.host, subtree.value);
  if (name.kind === 'ip' && subtree.kind === 'ip') {
    const { address, mask } = subtree;
    if (name.octets.length !== address.length) return false;
    return name.octets.every((octet, index) => ((octet ^ address[index]!) & mask[index]!) === 0);
  }
  if (name.kind === 'directory' && subtree.kind === 'directory') return isWithin(name.value, subtree.value);
  return false;
}

/** Whether something that `name` stands for is in the subtree: for a wildcard that is more than staying within. */
function reaches(name: ComparableName, subtree: Subtree): boolean {
  if (name.kind !== 'dns' || subtree.kind !== 'dns') return staysWithin(name, subtree);
  const excluded = subtree.value;
  if (name.base === undefined) return isSubdomain(name.value, excluded);
  return isSubdomain(name.base, excluded) || excluded.slice(excluded.indexOf('.') + 1) === name.base;
}

/** Mail and URIs, unlike DNS: a host is that host alone, and a domain behind a dot does not include itself. */
function isHostWithin(host: string, base: string): boolean {
  return base.startsWith('.') ? host.endsWith(base) : host === base;
}

function normalDnsName(name: string): string {
  return withoutTrailingDot(asciiLowerCase(name));
}

/** The host of a URI with an authority, lower case; undefined where it has none, or an address for one. */
function uriHost(uri: string): string | undefined {
  // RFC 3986 §3.2: authority = [ userinfo "@" ] host [ ":" port ]
  const [, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(uri) ?? [];
  if (authority === undefined) return undefined;
  const host = normalDnsName(authority.slice(authority.indexOf('@') + 1).replace(/:\d{0,5}$/, ''));
  return isDnsName(host) ? host : undefined;
}

function describe(name: GeneralName): string {
  switch (name.kind) {
    case 'ip':
      return `the IP address ${formatIpAddress(name.value)}`;
    case 'directory':
      return `the directory name ${describeName(name.value)}`;
    case 'other':
      return 'a name of its form';
    default:
      return quoted(name.value);
  }
}
