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
import { type DistinguishedName, soleCommonName } from '../x509/distinguished-name.js';
import { asciiLowerCase, isDnsName, isHostName, wildcardBase, withoutTrailingDot } from '../x509/dns-name.js';
import type { GeneralName } from '../x509/general-name.js';
import { parseIpAddress } from '../x509/ip-address.js';

/** What a certificate says about its names. */
export interface CertificateNames {
  readonly subject: DistinguishedName;
  readonly subjectAltName: readonly GeneralName[] | undefined;
}

/**
 * Whether the certificate is for `hostname`: a DNS name (A-labels, a trailing dot allowed) or an IPv4 or IPv6
 * literal (the latter with or without brackets). False for anything that is neither.
 */
export function matchHostname(certificate: CertificateNames, hostname: string): boolean {
  const dialled = asciiLowerCase(hostname);
  const address = parseIpAddress(dialled);
  if (address) {
    const addresses = namesOfKind(certificate, 'ip');
    if (addresses.length === 0) return matchCommonName(certificate, dialled);
    return addresses.some((name) => name.kind === 'ip' && sameBytes(name.value, address));
  }
  const host = withoutTrailingDot(dialled);
  if (!isHostName(host)) return false;
  const presented = namesOfKind(certificate, 'dns');
  if (presented.length === 0) return matchCommonName(certificate, dialled);
  return presented.some((name) => name.kind === 'dns' && matchDnsName(name.value, host));
}

/**
 * What the certificate can be taken for by {@link matchHostname}, and its other names: name constraints apply to
 * all of them, or a CA could name a host in the common name that its constraints forbid.
 */
export function presentedNames(certificate: CertificateNames): GeneralName[] {
  const names = [...(certificate.subjectAltName ?? [])];
  const commonName = soleCommonName(certificate.subject);
  if (commonName === undefined) return names;
  const host = asciiLowerCase(commonName);
  const address = parseIpAddress(host);
  if (address) {
    if (namesOfKind(certificate, 'ip').length === 0) names.push({ kind: 'ip', value: address });
  } else if (isHostName(withoutTrailingDot(host)) && namesOfKind(certificate, 'dns').length === 0) {
    names.push({ kind: 'dns', value: host });
  }
  return names;
}

function namesOfKind(certificate: CertificateNames, kind: 'dns' | 'ip'): GeneralName[] {
  return certificate.subjectAltName?.filter((name) => name.kind === kind) ?? [];
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
