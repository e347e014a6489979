// IP addresses as text, read into the 4 or 16 octets that a certificate holds (RFC 5280 §4.2.1.6), and written.
//
// Strict: four decimal numbers without leading zeros, or RFC 4291 §2.2 text. No zone (`%eth0`), no octal, no
// `127.1`: what another program might read as another address is no address here.

import { toHex } from '../../base/bytes.js';

/** The octets of an IPv4 or IPv6 literal, the latter with or without brackets; undefined for anything else. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  if (text.startsWith('[') && text.endsWith(']')) return parseIpv6(text.slice(1, -1));
  return parseIpv4(text) ?? parseIpv6(text);
}

/** Four octets in decimal, sixteen as RFC 5952 §4 writes them, without brackets; others in hexadecimal behind `#`. */
export function formatIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) return `#${toHex(octets)}`;
  const text = Array.from({ length: 8 }, (_, at) =>
    ((octets[2 * at]! << 8) | octets[2 * at + 1]!).toString(16),
  ).join(':');
  // §4.2: the longest run of two zero groups or more is left out, the first one of several.
  const [run] = [...text.matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)].sort(
    (a, b) => b[0].length - a[0].length,
  );
  if (run === undefined) return text;
  return `${text.slice(0, Math.max(0, run.index - 1))}::${text.slice(run.index + run[0].length + 1)}`;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.', 5);
  if (parts.length !== 4) return undefined;
  const octets = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    octets[index] = Number(part);
  }
  return octets;
}

function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split('::', 3);
  if (halves.length > 2) return undefined;
  const [head, tail] = halves;
  const before = groups(head!);
  const after = tail === undefined ? [] : groups(tail);
  if (before === undefined || after === undefined) return undefined;
  const missing = 16 - before.length - after.length;
  // "::" stands for one group of zeros at least; without it the sixteen octets must all be there.
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...before, ...new Array<number>(missing).fill(0), ...after]);
}

/** The octets of groups between colons; the last one may be an IPv4 address (RFC 4291 §2.2, form 3). */
function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const octets: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const embedded = index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (embedded) octets.push(...embedded);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      const group = Number.parseInt(part, 16);
      octets.push(group >> 8, group & 0xff);
    } else return undefined;
  }
  return octets;
}
