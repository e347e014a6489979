// The certificate authority that signs: found in a folder, as `cert ca` writes it, or in files of any other origin.
//
//   --ca DIR    DIR/ca.pem and DIR/ca-key.pem
//   --ca FILE   PEM with the key in --ca-key, or in FILE's name with -key before its end; or a PFX file with both

import { basename, dirname, extname, join } from 'node:path';
import { type Identity, type IdentitySource, loadIdentity } from '../certificate/identity.js';
import { nodeCrypto } from '../crypto/node.js';
import { derIn } from './chain-file.js';
import type { Arguments, OptionSpec } from './command.js';
import { failed } from './failure.js';
import { exists, isFolder, readInput } from './files.js';
import { caPassphraseOptions, openProtected } from './passphrase.js';
import type { Surroundings } from './surroundings.js';

export const authorityNames = { certificate: 'ca.pem', key: 'ca-key.pem' } as const;

export const authorityOptions: Readonly<Record<string, OptionSpec>> = {
  ca: {
    value: 'DIR|FILE',
    help:
      'The CA that signs: a folder with ca.pem and ca-key.pem, a PEM file, or a PFX file. Without it, the folder ' +
      'of --out.',
  },
  'ca-key': { value: 'FILE', help: "The CA's key, where --ca names a PEM file without one beside it." },
  ...caPassphraseOptions,
};

export interface Authority {
  readonly identity: Identity;
  /** The file with its certificate, as the user would write it. */
  readonly path: string;
}

/** Asks for the passphrase of the CA's key where it has one and no option gives it. */
export async function loadAuthority(
  args: Arguments,
  out: string,
  surroundings: Surroundings,
): Promise<Authority> {
  const { cwd } = surroundings;
  const given = args.value('ca') ?? out;
  const inFolder = args.value('ca') === undefined || isFolder(cwd, given);
  const path = inFolder ? join(given, authorityNames.certificate) : given;
  if (!exists(cwd, path)) {
    throw failed(
      `there is no CA to sign with: ${path} does not exist`,
      `make one with: sealwire cert ca --name "My CA" --out ${dirname(path)}   or name yours with --ca`,
    );
  }
  const file = readInput(cwd, path);
  const pfx = derIn(file);
  const keyPath = pfx ? path : (args.value('ca-key') ?? keyBeside(path));
  const key = pfx ?? readInput(cwd, keyPath);
  const source = (passphrase?: string): IdentitySource => {
    const known = passphrase === undefined ? {} : { passphrase };
    return pfx ? { pfx, ...known } : { cert: file, key, ...known };
  };

  const identity = await openProtected(args, 'ca-', keyPath, surroundings, (passphrase) =>
    loadIdentity(nodeCrypto, source(passphrase)),
  );
  if (!identity.leaf.basicConstraints?.ca) {
    throw failed(`${path} is the certificate of no CA: it cannot sign others`, 'name your CA with --ca');
  }
  const { notAfter } = identity.leaf;
  if (notAfter < surroundings.now()) {
    throw failed(
      `the CA in ${path} expired on ${notAfter.toISOString().slice(0, 10)}: nobody would accept what it signs`,
      'make a new one with sealwire cert ca, and give its certificate to the clients',
    );
  }
  return { identity, path };
}

/** `pki/root.pem` -> `pki/root-key.pem` */
function keyBeside(path: string): string {
  const end = extname(path);
  return join(dirname(path), `${basename(path, end)}-key${end}`);
}
