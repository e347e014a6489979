// The roots of a configuration, read. A client reads its own each time it is started, and Node's built-in ones take
// some ten milliseconds: so the same text is not read twice.
//
// The texts come from the program, never from a peer, and are compared whole. Bytes can change under our hands: they
// are read anew each time.

import { type CertificateInput, readCertificates } from '../file/pem.js';
import { type Certificate, parseCertificate } from '../x509/x509.js';

/** A process has one or two configurations; a store of roots has 220 kB. */
const maxTexts = 8;
const maxCharacters = 1024 * 1024;

const known = new Map<string, readonly Certificate[]>();

/** In the order given. The result is shared: it must not leave the library. Throws INVALID_CERTIFICATE. */
export function readRoots(input: CertificateInput): readonly Certificate[] {
  const text = textOf(input);
  if (text === undefined) return read(input);
  const roots = known.get(text) ?? read(input);
  known.delete(text);
  known.set(text, roots);
  const [oldest] = known.keys();
  if (known.size > maxTexts) known.delete(oldest!);
  return roots;
}

function read(input: CertificateInput): readonly Certificate[] {
  return readCertificates(input).map(parseCertificate);
}

/** One text for the whole input, which says where each of its texts ends; undefined for what is not remembered. */
function textOf(input: CertificateInput): string | undefined {
  const texts: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (!texts.every((text) => typeof text === 'string')) return undefined;
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  if (characters > maxCharacters) return undefined;
  return `${texts.map((text) => text.length).join()} ${texts.join('')}`;
}
