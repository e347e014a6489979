// DNS names as certificates hold them: the "preferred name syntax" that RFC 5280 §4.2.1.6 asks for, letters,
// digits and hyphens, plus the wildcard of RFC 9525 §6.3, which is the whole leftmost label or nothing.
//
// ASCII alone. An internationalized name stands in certificates and in URLs as A-labels (xn--…), and Unicode case
// rules would make names equal that are not: U+212A is a K to toLowerCase().

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** What people also call machines, though no certificate may list it: container names have underscores. */
const looseLabel = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const maxNameLength = 253;

/** Lower case for ASCII letters; everything else stays as it is. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Without the dot that marks a name as absolute. */
export function withoutTrailingDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** Whether a lower-case name without trailing dot may stand in a certificate; no wildcard. */
export function isDnsName(name: string): boolean {
  return hasLabels(name, label);
}

/** Whether it names a host for the one who dials it: a DNS name, underscores allowed. */
export function isHostName(name: string): boolean {
  return hasLabels(name, looseLabel);
}

/** What stands behind `*.`, where that is a DNS name; undefined for a name without wildcard or with a bad one. */
export function wildcardBase(name: string): string | undefined {
  const base = name.startsWith('*.') ? name.slice(2) : '';
  return isDnsName(base) ? base : undefined;
}

/** Whether `name` is `base` or has more labels to its left. */
export function isSubdomain(name: string, base: string): boolean {
  return base === '' || name === base || name.endsWith(`.${base}`);
}

function hasLabels(name: string, pattern: RegExp): boolean {
  if (name.length === 0 || name.length > maxNameLength) return false;
  const labels = name.split('.');
  // A last label of digits is the end of an IPv4 address, well formed or not (RFC 1123 §2.1).
  return labels.every((text) => pattern.test(text)) && !/^\d+$/.test(labels.at(-1)!);
}
