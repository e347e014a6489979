// Which host a certificate is for: RFC 9525, with the common name as .NET reads it, since a certificate made by
// `openssl x509 -req` alone has nothing else.
//
//   host dialled      compared with                       where there is none of that kind
//   DNS name          dNSName, `*.` for one label         the common name
//   IP address        iPAddress, as octets                the common name, as text
//
// The common name counts where it is the only one and stands alone, to the letter but for case: no wildcard, no
// tolerance for a trailing dot. A subject alternative name has precedence over it, kind by kind.

import { sameBytes } from '../../base/bytes.js';
import { quoted } from '../../base/printable.js';
import {
  attributeValues,
  commonNameOid,
  type DistinguishedName,
  soleCommonName,
} from '../x509/distinguished-name.js';
import { asciiLowerCase, isDnsName, isHostName, wildcardBase, withoutTrailingDot } from '../x509/dns-name.js';
import type { GeneralName } from '../x509/general-name.js';
import { formatIpAddress, parseIpAddress } from '../x509/ip-address.js';
import { toALabels } from './a-label.js';

/** What a certificate says about its names. */
export interface CertificateNames {
  readonly subject: DistinguishedName;
  readonly subjectAltName: readonly GeneralName[] | undefined;
}

/**
 * Whether the certificate is for `hostname`: a DNS name (a trailing dot allowed, other letters than ASCII read as the
 * platform reads URLs) or an IPv4 or IPv6 literal (the latter with or without brackets). False for anything that is
 * neither.
 */
export function matchHostname(certificate: CertificateNames, hostname: string): boolean {
  const dialled = toALabels(asciiLowerCase(hostname));
  if (dialled === undefined) return false;
  const address = parseIpAddress(dialled);
  if (address) {
    const addresses = ipAddresses(certificate);
    if (addresses.length === 0) return matchCommonName(certificate, dialled);
    return addresses.some((octets) => sameBytes(octets, address));
  }
  const host = withoutTrailingDot(dialled);
  if (!isHostName(host)) return false;
  const presented = dnsNames(certificate);
  if (presented.length === 0) return matchCommonName(certificate, dialled);
  return presented.some((name) => matchDnsName(name, host));
}

/**
 * What the certificate can be taken for by {@link matchHostname}, and its other names: name constraints apply to
 * all of them, or a CA could name a host in the common name that its constraints forbid.
 */
export function presentedNames(certificate: CertificateNames): GeneralName[] {
  const names = [...(certificate.subjectAltName ?? [])];
  const serving = servingCommonName(certificate);
  if (serving) names.push(serving);
  return names;
}

/** RFC 1035 §2.3.4, and a trailing dot. */
const maxDnsNameCharacters = 254;

/** The hosts that {@link matchHostname} accepts, for messages: at most four, each quoted, and how many more. */
export function describeHosts(certificate: CertificateNames): string {
  const serving = servingCommonName(certificate);
  const listed = (certificate.subjectAltName ?? []).filter(
    (name) => name.kind !== 'dns' || isPresentable(name.value),
  );
  const hosts = [...listed, ...(serving ? [serving] : [])].flatMap((name) => {
    if (name.kind === 'ip') return [formatIpAddress(name.value)];
    return name.kind === 'dns' ? [quoted(name.value, maxDnsNameCharacters)] : [];
  });
  const told = hosts.slice(0, 4).join(', ');
  if (hosts.length === 0) return 'no host';
  return hosts.length > 4 ? `${told} and ${hosts.length - 4} more` : told;
}

/**
 * A common name that clearly names another host than the subject alternative name does: whoever reads the common name
 * would read that host out of the certificate, and we do not. Undefined where there is none, and where the alternative
 * name has no entry of its kind. "Another" is what is not listed letter by letter (CA/Browser Forum BR §7.1.4.3); only
 * the domain above a listed name may stand there too, as many CAs have it: example.com beside *.example.com.
 */
export function contradictingCommonName(certificate: CertificateNames): string | undefined {
  // Sets, because a peer decides how many there are of either: each against each took seconds.
  const addresses = new Set(ipAddresses(certificate).map(formatIpAddress));
  const hosts = new Set(dnsNames(certificate));
  const domains = new Set([...hosts].flatMap(domainsAbove));
  return attributeValues(certificate.subject, commonNameOid).find((commonName) => {
    if (looksLikeAddress(commonName)) return addresses.size > 0 && !addresses.has(commonName);
    if (hosts.size === 0 || !looksLikeHost(commonName)) return false;
    return !hosts.has(commonName) && !domains.has(asciiLowerCase(commonName));
  });
}

/** In lower case, without the first label, the first two, and so on. What is too long to be a name has none. */
function domainsAbove(name: string): string[] {
  if (name.length > maxDnsNameCharacters) return [];
  const [, ...labels] = asciiLowerCase(name).split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}

/** In any notation that some program reads: leading zeros, octal, hexadecimal, cut short (inet_aton), in brackets. */
function looksLikeAddress(text: string): boolean {
  if (/^(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+)){1,3}$|^0x[0-9a-f]+$/i.test(text)) return true;
  const [withoutZone] = text.replace(/^\[(.*)\]$/, '$1').split('%', 1);
  return parseIpAddress(withoutZone!)?.length === 16;
}

/** Labels with a dot between them, such as game.example: internationalized ones and wildcards too, but no sentence. */
function looksLikeHost(text: string): boolean {
  if (!/^[a-z0-9*_.\x80-\uffff-]+$/i.test(text) || /\s/.test(text)) return false;
  // UTS #46 reads these three as dots, too.
  const labels = text.split(/[.\u3002\uff0e\uff61]/).filter((label) => label !== '');
  return labels.length > 1 && !/^\d+$/.test(labels.at(-1)!);
}

/** The common name as what matchHostname takes it for; undefined where it does not serve. */
function servingCommonName(certificate: CertificateNames): GeneralName | undefined {
  const commonName = soleCommonName(certificate.subject);
  if (commonName === undefined) return undefined;
  const host = asciiLowerCase(commonName);
  const address = parseIpAddress(host);
  if (address) {
    return ipAddresses(certificate).length === 0 ? { kind: 'ip', value: address } : undefined;
  }
  const serves = isHostName(withoutTrailingDot(host)) && dnsNames(certificate).length === 0;
  return serves ? { kind: 'dns', value: host } : undefined;
}

/** Whether a dNSName can match anything. */
function isPresentable(dnsName: string): boolean {
  const name = withoutTrailingDot(asciiLowerCase(dnsName));
  return isDnsName(name) || wildcardBase(name) !== undefined;
}

function dnsNames({ subjectAltName = [] }: CertificateNames): string[] {
  return subjectAltName.flatMap((name) => (name.kind === 'dns' ? [name.value] : []));
}

function ipAddresses({ subjectAltName = [] }: CertificateNames): Uint8Array[] {
  return subjectAltName.flatMap((name) => (name.kind === 'ip' ? [name.value] : []));
}

/** RFC 9525 §6.3: a wildcard is the whole leftmost label, and stands for exactly one. */
function matchDnsName(presented: string, host: string): boolean {
  const name = withoutTrailingDot(asciiLowerCase(presented));
  if (isDnsName(name)) return name === host;
  const base = wildcardBase(name);
  const dot = host.indexOf('.');
  return base !== undefined && dot > 0 && host.slice(dot + 1) === base;
}

function matchCommonName(certificate: CertificateNames, dialled: string): boolean {
  const commonName = soleCommonName(certificate.subject);
  return commonName !== undefined && asciiLowerCase(commonName) === dialled;
}
