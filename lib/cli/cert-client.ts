// `sealwire cert client`: a certificate by which servers know a client.

import type { Arguments, Command } from './command.js';
import { exitCodes, misused } from './failure.js';
import { issueLeaf, leafOptions } from './leaf.js';
import type { Surroundings } from './surroundings.js';

export const certClient: Command = {
  name: 'cert client',
  summary: 'Makes a certificate for a client, signed by your CA.',
  usage: '--name NAME [options]',
  about: [
    'Writes client-NAME.pem (the certificate), client-NAME-key.pem (its private key) and, with a passphrase, ' +
      'client-NAME.pfx (both in one file). NAME is what servers will know the client by.',
    "On a terminal it asks for the CA's passphrase and for a new one, unless options say where to take them from. " +
      'Nothing is ever overwritten.',
  ],
  options: {
    name: { value: 'NAME', help: 'Who the client is, such as ada or "device 17". Required.' },
    ...leafOptions,
  },
  examples: [
    'sealwire cert client --name ada --out pki',
    'sealwire cert client --name "device 17" --ca ~/ca --out devices --no-passphrase',
  ],
  run: runCertClient,
};

async function runCertClient(args: Arguments, surroundings: Surroundings): Promise<number> {
  const name = args.label('name');
  if (name === undefined) throw misused('which client? Say --name NAME');
  await issueLeaf(
    args,
    {
      base: `client-${fileName(name)}`,
      subject: `the client ${JSON.stringify(name)}`,
      friendlyName: name,
      purpose: 'client',
      options: { commonName: name },
    },
    surroundings,
  );
  return exitCodes.ok;
}

/** What any file system takes, and what leads nowhere else: letters and digits, and these three between them. */
function fileName(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '');
  return plain.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+|[.-]+$/g, '') || 'unnamed';
}
