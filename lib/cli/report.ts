// What `cert inspect` found, for people: each certificate, then the verdict. Texts of the certificates come escaped
// from describeCertificate, and go through the screen, which escapes whatever is left.

import { type CertificateDescription, describeCertificate } from '../certificate/x509/description.js';
import { type Certificate, parseCertificate } from '../certificate/x509/x509.js';
import { nodeCrypto } from '../crypto/node.js';
import type { Found } from './chain-file.js';
import { hasKeyOf, leafIndex, type Role, type Verdict } from './judge.js';
import { bold, dim, type Piece, type Screen } from './screen.js';
import { moment, plainHex } from './wording.js';

/** What was looked at, and against what. */
export interface Inspection {
  readonly source: string;
  /** How a server was asked; undefined for a file. */
  readonly way: string | undefined;
  readonly found: Found;
  readonly verdict: Verdict;
  /** What is trusted, in a phrase. */
  readonly roots: string;
  readonly hostname: string | undefined;
  /** 127.0.0.1 was dialled, and so the name does not count. */
  readonly nameWaived: boolean;
  readonly now: Date;
}

const soonMs = 30 * 86_400_000;

export function reportInspection(screen: Screen, inspection: Inspection): void {
  const { source, way, found, now } = inspection;
  const count = found.certificates.length;
  screen.line(
    bold(source),
    way === undefined ? '' : ` (${way})`,
    `: ${count} certificate${count === 1 ? '' : 's'}, ${keyPhrase(found)}`,
  );
  const leaf = leafIndex(found);
  for (const [index, der] of found.certificates.entries()) {
    const notes = [
      ...(count > 1 && index === leaf ? ['the leaf'] : []),
      ...(hasKeyOf(found, der) ? ['its private key is here'] : []),
    ];
    screen.line();
    reportCertificate(screen, count > 1 ? `${index + 1}  ` : '', der, notes, now);
  }
  screen.line();
  reportVerdict(screen, inspection);
}

function keyPhrase({ keys }: Found): string {
  switch (keys.state) {
    case 'none':
      return 'no private key';
    case 'locked':
      return 'an encrypted private key (--passphrase-file or --passphrase-env would tell whether it fits)';
    case 'open':
      return keys.publicKeys.length === 1 ? 'a private key' : `${keys.publicKeys.length} private keys`;
  }
}

function reportCertificate(
  screen: Screen,
  number: string,
  der: Uint8Array,
  notes: readonly string[],
  now: Date,
): void {
  const note = notes.length === 0 ? '' : `  (${notes.join('; ')})`;
  let certificate: Certificate;
  try {
    certificate = parseCertificate(der);
  } catch (error) {
    screen.line(number, bold('(not readable)'), note);
    screen.line(`  ${error instanceof Error ? error.message : 'it is malformed'}`);
    return;
  }
  const description = describeCertificate(nodeCrypto, certificate);
  screen.line(number, bold(titleOf(description)), dim(note));
  for (const [label, ...pieces] of fields(certificate, description, now)) {
    screen.line(dim(`  ${label.padEnd(labelColumn)}`), ...pieces);
  }
}

const labelColumn = 14;

function titleOf({ commonName, dnsNames, ipAddresses, subject }: CertificateDescription): string {
  return shortened(commonName ?? dnsNames[0] ?? ipAddresses[0] ?? (subject || '(no name)'), 80);
}

function fields(
  certificate: Certificate,
  description: CertificateDescription,
  now: Date,
): (readonly [label: string, ...pieces: Piece[]])[] {
  const { subject, issuer, dnsNames, ipAddresses, otherNames, purposes, key, signature } = description;
  const names = [...dnsNames, ...ipAddresses, ...otherNames];
  return [
    ['subject', subject === '' ? dim('(empty)') : shortened(subject)],
    ['issuer', subject !== '' && issuer === subject ? 'itself' : shortened(issuer)],
    ['serial', description.serialNumber],
    ['names', names.length === 0 ? dim('(none)') : shortened(names.join(', '), 1200)],
    ['valid from', dateIf(description.notBefore > now, description.notBefore, now)],
    ['valid until', until(description.notAfter, now)],
    ['key', key],
    ['signed with', signature],
    ['CA', authorityPhrase(certificate)],
    ['usage', usagePhrase(certificate, purposes)],
    ['SHA-256', plainHex(description.sha256)],
    ['key pin', description.publicKeyPin],
  ];
}

function authorityPhrase({ basicConstraints }: Certificate): string {
  if (!basicConstraints?.ca) return 'no';
  const { pathLength } = basicConstraints;
  return pathLength === undefined ? 'yes' : `yes, with ${pathLength} CAs below it at most`;
}

function usagePhrase({ keyUsage }: Certificate, purposes: readonly string[] | undefined): string {
  const uses = [
    ...(keyUsage?.digitalSignature ? ['signs handshakes (digitalSignature)'] : []),
    ...(keyUsage?.keyCertSign ? ['signs certificates (keyCertSign)'] : []),
    ...(keyUsage && !keyUsage.digitalSignature && !keyUsage.keyCertSign ? ['neither of our key usages'] : []),
    ...(purposes ? [`for: ${purposes.slice(0, 8).join(', ')}`] : []),
  ];
  return uses.length === 0 ? 'not restricted' : uses.join('; ');
}

function until(date: Date, now: Date): Piece {
  if (date < now) return { text: moment(date, now), style: 'red' };
  if (date.getTime() - now.getTime() < soonMs) return { text: moment(date, now), style: 'yellow' };
  return moment(date, now);
}

function dateIf(wrong: boolean, date: Date, now: Date): Piece {
  return wrong ? { text: moment(date, now), style: 'red' } : moment(date, now);
}

function reportVerdict(screen: Screen, { verdict, roots, hostname, nameWaived }: Inspection): void {
  if (!verdict.ok) {
    screen.line({ text: 'refused', style: 'red' }, ` as ${phrases[verdict.role]}: `, bold(verdict.reason));
    screen.line(`  ${verdict.detail}`);
    screen.line(`  ${verdict.advice}`);
  } else {
    const { role, path } = verdict;
    const forName = role === 'server' && hostname !== undefined && !nameWaived ? ` for ${hostname}` : '';
    screen.line({ text: 'accepted', style: 'green' }, ` as ${phrases[role]}${forName}`);
    if (role !== 'root') screen.line(dim('  path  '), path.map(shortName).join('  <-  '));
  }
  if (verdict.role === 'root') {
    screen.line(dim('  who has it in "ca" accepts what it signs'));
    return;
  }
  screen.line(dim(`  trusted: ${roots}`));
  if (nameWaived) screen.line(dim('  127.0.0.1 was dialled: no name was compared'));
  else if (hostname === undefined && verdict.role === 'server') {
    screen.line(dim('  no name was compared: --name HOST does that'));
  }
}

const phrases: Readonly<Record<Role, string>> = {
  server: "a server's certificate",
  client: "a client's certificate",
  root: 'a root',
};

function shortName(certificate: Certificate): string {
  return titleOf(describeCertificate(nodeCrypto, certificate));
}

function shortened(text: string, maxCharacters = 400): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
}
