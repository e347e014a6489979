// Internationalized host names (RFC 5890): people type U-labels, certificates and the DNS hold A-labels (xn--…).
//
//   bücher.example  ->  xn--bcher-kva.example
//
// The conversion is the platform's own, that of its URLs (UTS #46), so that the name that is compared is the name that
// was resolved. It may do what it says and nothing else: each label that has other letters than ASCII's becomes an
// A-label, and the others and their number stay. Look-alikes of ASCII (a fullwidth letter or dot, the Kelvin sign, an
// invisible hyphen) would become another name than the one that was read, and are refused.

import { isDnsName, withoutTrailingDot } from '../x509/dns-name.js';

/** ASCII text as it is; a DNS name with other letters in A-labels; undefined where it cannot be one. */
export function toALabels(name: string): string | undefined {
  if (isAscii(name)) return name;
  // No port, no user, no path, no percent-encoding and no white space: only a host is left for the URL to read.
  if (name.length > maxCharacters || /[^a-z0-9._\x80-\uffff-]/.test(name)) return undefined;
  const converted = hostOfUrl(name);
  if (converted === undefined || !isDnsName(withoutTrailingDot(converted))) return undefined;
  const labels = converted.split('.');
  const given = name.split('.');
  const kept = given.every((label, index) => isAscii(label) || labels[index]?.startsWith('xn--'));
  return kept && labels.length === given.length ? converted : undefined;
}

/** More than any name that comes out with at most 253. */
const maxCharacters = 253;

function hostOfUrl(host: string): string | undefined {
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    return undefined;
  }
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
