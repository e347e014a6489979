// What the commands that issue have in common: the options, the files that come out, and what is said about them.
//
//   <base>.pem          0644   the certificate, and the intermediates above it
//   <base>-key.pem      0600   its private key, PKCS #8, encrypted where there is a passphrase
//   <base>.pfx          0600   both, where there is a passphrase
//   <base>.pfx.base64   0600   the same as text, for a configuration file or an environment variable

import { wipe } from '../base/bytes.js';
import { encodeBase64, writePem } from '../certificate/file/pem.js';
import { encryptPkcs8 } from '../certificate/file/pkcs8.js';
import type { IssuedCertificate } from '../certificate/issue/issue.js';
import { describeCertificate } from '../certificate/x509/description.js';
import { parseCertificate } from '../certificate/x509/x509.js';
import { nodeCrypto } from '../crypto/node.js';
import type { KeyKind } from '../crypto/provider.js';
import type { OptionSpec } from './command.js';
import type { NewFile, WrittenFile } from './files.js';
import { bold, dim, type Screen } from './screen.js';
import { moment, plainHex } from './wording.js';

export const keyKinds: readonly KeyKind[] = ['p256', 'p384', 'ed25519', 'rsa-2048', 'rsa-3072', 'rsa-4096'];
/** A hundred years: more is a slip of the pen. */
export const maxDays = 36_500;

export const issuingOptions: Readonly<Record<string, OptionSpec>> = {
  key: { value: 'KIND', help: `The kind of key: ${keyKinds.join(', ')}. Without it, p256.` },
  out: { value: 'DIR', help: 'The folder for the files, made where it is missing. Without it, this one.' },
};

export const pfxOptions: Readonly<Record<string, OptionSpec>> = {
  base64: { help: 'Writes the PFX as base64 text too, for a configuration file or an environment variable.' },
};

/** Names of all files that may come out, so that none of them is found to exist after the work is done. */
export function leafFileNames(base: string, base64: boolean): string[] {
  const names = [`${base}.pem`, `${base}-key.pem`, `${base}.pfx`];
  return base64 ? [...names, `${base}.pfx.base64`] : names;
}

/** Certificate and key; without a passphrase the key is not encrypted. */
export function pemFiles(issued: IssuedCertificate, base: string, passphrase: string | undefined): NewFile[] {
  return [
    { name: `${base}.pem`, content: issued.pem.certificate, audience: 'everybody' },
    { name: `${base}-key.pem`, content: keyPem(issued, passphrase), audience: 'owner' },
  ];
}

export function pfxFiles(
  issued: IssuedCertificate,
  base: string,
  { passphrase, friendlyName, base64 }: { passphrase: string; friendlyName: string; base64: boolean },
): NewFile[] {
  const pfx = issued.pfx(passphrase, friendlyName);
  const file: NewFile = { name: `${base}.pfx`, content: pfx, audience: 'owner' };
  if (!base64) return [file];
  return [file, { name: `${base}.pfx.base64`, content: `${encodeBase64(pfx)}\n`, audience: 'owner' }];
}

function keyPem({ key }: IssuedCertificate, passphrase: string | undefined): string {
  const pkcs8 = key.export();
  try {
    if (passphrase === undefined) return writePem('PRIVATE KEY', pkcs8);
    return writePem('ENCRYPTED PRIVATE KEY', encryptPkcs8(nodeCrypto, pkcs8, passphrase));
  } finally {
    wipe(pkcs8);
  }
}

/** Which files there are now, and what the certificate is known by. */
export function reportFiles(
  screen: Screen,
  {
    written,
    purposes,
    issued,
    now,
  }: {
    readonly written: readonly WrittenFile[];
    /** What each file is, in the order of `written`. */
    readonly purposes: readonly string[];
    readonly issued: IssuedCertificate;
    readonly now: Date;
  },
): void {
  const column = Math.max(...written.map(({ path }) => path.length)) + 2;
  screen.line();
  for (const [index, { path, mode }] of written.entries()) {
    const rights = mode === undefined ? '' : `${mode.toString(8).padStart(4, '0')}  `;
    screen.line('  ', bold(path), ' '.repeat(column - path.length), dim(rights), purposes[index] ?? '');
  }
  const { key, notAfter, sha256, publicKeyPin } = describeCertificate(
    nodeCrypto,
    parseCertificate(issued.certificate),
  );
  screen.line();
  screen.line(dim('  key           '), key);
  screen.line(dim('  valid until   '), moment(notAfter, now));
  screen.line(dim('  SHA-256       '), plainHex(sha256));
  screen.line(dim('  key pin       '), publicKeyPin);
}

/** What goes where: pairs of who and what. */
export function reportNext(
  screen: Screen,
  title: string,
  steps: readonly (readonly [who: string, what: string])[],
): void {
  const column = Math.max(...steps.map(([who]) => who.length)) + 2;
  screen.line();
  screen.line(bold(title));
  for (const [who, what] of steps) screen.line(`  ${who.padEnd(column)}`, what);
}

/** A path, as it stands in a program. */
export function inProgram(path: string): string {
  return /['\\]/.test(path) ? JSON.stringify(path) : `'${path}'`;
}

/** A path, as it is typed to a POSIX shell. */
export function inShell(path: string): string {
  return /^[A-Za-z0-9_./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

export function warn(screen: Screen, text: string): void {
  screen.line({ text: 'warning', style: 'yellow' }, `  ${text}`);
}
