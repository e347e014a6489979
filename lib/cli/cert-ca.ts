// `sealwire cert ca`: a root of one's own, whose key signs the certificates of servers and clients.

import { join } from 'node:path';
import { issueCertificate } from '../certificate/issue/issue.js';
import { nodeCrypto } from '../crypto/node.js';
import { authorityNames } from './authority.js';
import type { Arguments, Command } from './command.js';
import { exitCodes, misused } from './failure.js';
import { requireNew, writeNew } from './files.js';
import {
  inProgram,
  inShell,
  issuingOptions,
  keyKinds,
  maxDays,
  pemFiles,
  reportFiles,
  reportNext,
  warn,
} from './issuing.js';
import { newPassphrase, newPassphraseOptions } from './passphrase.js';
import { Screen } from './screen.js';
import type { Surroundings } from './surroundings.js';

const maxPathLength = 255;

export const certCa: Command = {
  name: 'cert ca',
  summary: 'Makes a certificate authority: a root that signs the others.',
  usage: '--name NAME [options]',
  about: [
    'Writes ca.pem, which everybody who is to trust it gets, and ca-key.pem, which nobody gets: whoever has that key ' +
      'and its passphrase can make certificates that all of them accept.',
    'On a terminal it asks for a passphrase, unless an option says where to take it from. Nothing is ever overwritten.',
  ],
  options: {
    name: { value: 'NAME', help: 'What the CA is called, such as "My game CA". Required.' },
    days: { value: 'N', help: 'How long it is valid. Without it, 3650 days.' },
    'path-length': { value: 'N', help: 'How many further CAs may stand below it. Without it, any number.' },
    ...issuingOptions,
    ...newPassphraseOptions,
  },
  examples: [
    'sealwire cert ca --name "My game CA" --out pki',
    'sealwire cert ca --name "My game CA" --out pki --passphrase-file ~/.my-ca-passphrase',
  ],
  run: runCertCa,
};

async function runCertCa(args: Arguments, surroundings: Surroundings): Promise<number> {
  const { cwd } = surroundings;
  const commonName = args.label('name');
  if (commonName === undefined) throw misused('a CA needs a name: --name "My game CA"');
  const days = args.wholeNumber('days', 1, maxDays);
  const pathLength = args.wholeNumber('path-length', 0, maxPathLength);
  const keyKind = args.oneOf('key', keyKinds) ?? 'p256';
  const out = args.value('out') ?? '.';
  requireNew(cwd, out, Object.values(authorityNames));
  const passphrase = await newPassphrase(
    args,
    { what: join(out, authorityNames.key), otherwise: 'no encryption' },
    surroundings,
  );

  const issued = issueCertificate(nodeCrypto, {
    commonName,
    keyKind,
    ca: pathLength === undefined ? true : { pathLength },
    ...(days !== undefined && { days }),
  });
  const written = writeNew(cwd, out, pemFiles(issued, 'ca', passphrase));

  const screen = new Screen(surroundings.stdout, surroundings.env);
  screen.line(`Made the certificate authority ${JSON.stringify(commonName)}.`);
  reportFiles(screen, {
    written,
    purposes: [
      'its certificate: for everybody',
      `its private key, ${passphrase === undefined ? 'not encrypted' : 'encrypted'}: for nobody`,
    ],
    issued,
    now: surroundings.now(),
  });
  const pki = out === '.' ? '' : ` --out ${inShell(out)}`;
  reportNext(screen, 'Next', [
    ['clients', `new NetworkingManager({ ca: readFileSync(${inProgram(written[0]!.path)}, 'utf8') })`],
    ['a server', `sealwire cert server --name game.example${pki}`],
  ]);
  if (passphrase === undefined) {
    const message = `${written[1]!.path} is not encrypted: whoever reads it can make certificates that your clients accept`;
    warn(new Screen(surroundings.stderr, surroundings.env), message);
  }
  return exitCodes.ok;
}
