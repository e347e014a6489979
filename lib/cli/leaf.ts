// Issuing for one side of a connection: what `cert server` and `cert client` do alike, once they know for whom.

import { join } from 'node:path';
import { type IssuedCertificate, type IssueOptions, issueCertificate } from '../certificate/issue/issue.js';
import { validateCertificateChain } from '../certificate/path/path.js';
import { sameName } from '../certificate/x509/distinguished-name.js';
import { parseCertificate } from '../certificate/x509/x509.js';
import { nodeCrypto } from '../crypto/node.js';
import { type Authority, authorityOptions, loadAuthority } from './authority.js';
import type { Arguments, OptionSpec } from './command.js';
import { failed, misused } from './failure.js';
import { requireNew, writeNew } from './files.js';
import {
  inProgram,
  inShell,
  issuingOptions,
  keyKinds,
  leafFileNames,
  maxDays,
  pemFiles,
  pfxFiles,
  pfxOptions,
  reportFiles,
  reportNext,
  warn,
} from './issuing.js';
import { newPassphrase, newPassphraseOptions } from './passphrase.js';
import { Screen } from './screen.js';
import type { Surroundings } from './surroundings.js';

export const leafOptions: Readonly<Record<string, OptionSpec>> = {
  ...authorityOptions,
  days: { value: 'N', help: 'How long it is valid. Without it, 365 days.' },
  ...issuingOptions,
  ...newPassphraseOptions,
  ...pfxOptions,
};

export interface Leaf {
  /** What the files are called, without their ends. */
  readonly base: string;
  /** For whom, in one phrase. */
  readonly subject: string;
  /** The name of the key inside the PFX. */
  readonly friendlyName: string;
  readonly purpose: 'server' | 'client';
  readonly options: Pick<IssueOptions, 'commonName' | 'dnsNames' | 'ipAddresses'>;
}

export async function issueLeaf(args: Arguments, leaf: Leaf, surroundings: Surroundings): Promise<void> {
  const { cwd, stdout, stderr, env } = surroundings;
  const days = args.wholeNumber('days', 1, maxDays);
  const keyKind = args.oneOf('key', keyKinds) ?? 'p256';
  const base64 = args.flag('base64');
  if (base64 && args.flag('no-passphrase')) {
    throw misused(
      '--base64 is a form of the PFX file, and that needs a passphrase: leave out --no-passphrase',
    );
  }
  const out = args.value('out') ?? '.';
  requireNew(cwd, out, leafFileNames(leaf.base, base64));
  const authority = await loadAuthority(args, out, surroundings);
  const passphrase = await newPassphrase(
    args,
    { what: join(out, `${leaf.base}.pfx`), otherwise: 'no PFX' },
    surroundings,
  );
  if (base64 && passphrase === undefined) {
    throw failed(
      '--base64 is a form of the PFX file, and that needs a passphrase',
      'give one with --passphrase-file FILE or --passphrase-env NAME',
    );
  }

  const { leaf: certificate, key, chain } = authority.identity;
  const issued = issueCertificate(nodeCrypto, {
    ...leaf.options,
    purpose: leaf.purpose,
    keyKind,
    issuer: { certificate: certificate.der, key, chain },
    ...(days !== undefined && { days }),
  });
  requireAcceptable(issued, leaf, authority, surroundings.now());
  const files = pemFiles(issued, leaf.base, passphrase);
  if (passphrase !== undefined) {
    files.push(...pfxFiles(issued, leaf.base, { passphrase, friendlyName: leaf.friendlyName, base64 }));
  }
  const written = writeNew(cwd, out, files);

  const screen = new Screen(stdout, env);
  screen.line(`Made a certificate for ${leaf.subject}, signed by ${describeAuthority(authority)}.`);
  reportFiles(screen, {
    written,
    purposes: [
      'the certificate: for everybody',
      `its private key, ${passphrase === undefined ? 'not encrypted' : 'encrypted'}`,
      'both in one file, under the same passphrase',
      'the same as base64 text',
    ],
    issued,
    now: surroundings.now(),
  });
  reportNext(
    screen,
    'Next, as options of NetworkingManager',
    nextSteps(leaf, authority, out, { pfx: passphrase !== undefined, base64 }),
  );
  const warnings = new Screen(stderr, env);
  if (passphrase === undefined) {
    warn(warnings, `no PFX was written, because it needs a passphrase; ${written[1]!.path} is not encrypted`);
  }
  warnOfOutliving(warnings, issued, authority);
}

/** What we would refuse ourselves is not handed out: a CA with name constraints or a weak key shows here. */
function requireAcceptable(
  issued: IssuedCertificate,
  { purpose }: Leaf,
  authority: Authority,
  time: Date,
): void {
  const [certificate, ...intermediates] = issued.chain;
  const result = validateCertificateChain({
    crypto: nodeCrypto,
    leaf: certificate!,
    intermediates,
    roots: [authority.identity.leaf],
    time,
    purpose,
  });
  if (result.ok) return;
  throw failed(
    `what this CA signs would be refused: ${result.detail}`,
    `sealwire cert inspect ${authority.path} shows the CA; nothing was written`,
  );
}

function warnOfOutliving(screen: Screen, issued: IssuedCertificate, { identity }: Authority): void {
  const { notAfter } = parseCertificate(issued.certificate);
  if (notAfter <= identity.leaf.notAfter) return;
  const [certificateEnd, authorityEnd] = [notAfter, identity.leaf.notAfter].map((date) =>
    date.toISOString().slice(0, 10),
  );
  warn(
    screen,
    `it is valid until ${certificateEnd}, but its CA only until ${authorityEnd}, and from then on nobody accepts it: take fewer --days`,
  );
}

function describeAuthority({ identity, path }: Authority): string {
  return `the CA in ${path}${sameName(identity.leaf.subject, identity.leaf.issuer) ? '' : ' (an intermediate)'}`;
}

function nextSteps(
  { base, purpose }: Leaf,
  { identity, path }: Authority,
  out: string,
  { pfx, base64 }: { pfx: boolean; base64: boolean },
): (readonly [string, string])[] {
  const variable = `${purpose.toUpperCase()}_PFX`;
  const file = (end: string): string => join(out, `${base}${end}`);
  const read = (end: string): string => `readFileSync(${inProgram(file(end))})`;
  const own = base64
    ? `{ certificate: { pfx: process.env.${variable}, passphrase } }`
    : pfx
      ? `{ certificate: { pfx: ${read('.pfx')}, passphrase } }`
      : `{ certificate: { cert: ${read('.pem')}, key: ${read('-key.pem')} } }`;
  const environment: readonly [string, string][] = base64
    ? [['its environment', `${variable}=$(cat ${inShell(file('.pfx.base64'))})`]]
    : [];
  const isRoot = sameName(identity.leaf.subject, identity.leaf.issuer);
  const root = isRoot
    ? `{ ca: readFileSync(${inProgram(path)}, 'utf8') }`
    : `{ ca: … }, the root above ${path}`;
  return purpose === 'server'
    ? [['the server', own], ...environment, ['clients', root]]
    : [
        ['the client', own],
        ...environment,
        ['servers', `{ clientAuthentication: 'required', ${root.slice(2)}`],
      ];
}
