// PFX files and PEM texts to mutate: forged by every scheme with one or two iterations, written by OpenSSL and node:crypto,
// and those of ../shared/vectors/pfx.

import { createPrivateKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { writePem } from '../../lib/certificate/file/pem.js';
import { type IdentitySource, loadIdentity } from '../../lib/certificate/identity.js';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { ProgramFolder } from '../certificate/program-folder.js';
import { forgePfx, forgeSealed, macs, type Recipe, type Sealing, sealings } from './forge.js';
import type { LoadedIdentity } from './pfx-case.js';

export interface PfxSample {
  readonly name: string;
  readonly pfx: Uint8Array;
  readonly passphrase: string;
  readonly alias: string | undefined;
  readonly allowMissingMac: boolean;
  /** How it was made, where it was made here: then it can be made again with a change inside. */
  readonly recipe: Recipe | undefined;
  readonly expected: LoadedIdentity;
}

export interface PemSample {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  readonly passphrase: string | undefined;
  /** PKCS #8 and how it was sealed, where the key is encrypted here. */
  readonly sealed: { readonly pkcs8: Uint8Array; readonly sealing: Sealing } | undefined;
  readonly expected: LoadedIdentity;
}

/** Long enough to be told from chance in a message. */
const passphrase = 'correct horse battery';

/** Somebody with a key, a certificate, and those above it. */
interface Holder {
  readonly name: string;
  readonly pkcs8: Uint8Array;
  readonly chain: readonly Uint8Array[];
}

export function holders(): Holder[] {
  const root = issueCertificate(nodeCrypto, { commonName: 'Fuzz files', ca: true });
  const issuer = issueCertificate(nodeCrypto, { commonName: 'Fuzz issuer', ca: true, issuer: root });
  return (['p256', 'rsa-2048', 'p384', 'ed25519'] as const).map((keyKind) => {
    const issued = issueCertificate(nodeCrypto, { dnsNames: ['arena.example'], keyKind, issuer });
    return { name: keyKind, pkcs8: issued.key.export(), chain: issued.chain };
  });
}

export function pfxSamples(all: readonly Holder[], usePrograms: boolean): PfxSample[] {
  const forged = all.flatMap((holder, index) =>
    sealings.flatMap((sealing) =>
      macs.map((mac) => ({
        name: `forged ${holder.name} ${sealing} ${mac}`,
        recipe: {
          certificates: holder.chain,
          keys: [
            { pkcs8: holder.pkcs8, name: 'first' },
            // Now and then a second key, and with it an alias.
            ...(sealing === 'aes-256-cbc'
              ? [{ pkcs8: all[(index + 1) % all.length]!.pkcs8, name: 'second' }]
              : []),
          ],
          passphrase,
          sealing,
          mac,
        },
      })),
    ),
  );
  return [
    ...forged.map(({ name, recipe }) =>
      pfxSample(name, forgePfx(recipe, unchanged), passphrase, {
        alias: recipe.keys.length > 1 ? 'first' : undefined,
        recipe,
      }),
    ),
    ...(usePrograms ? fromOpenssl(all) : []),
    ...fromVectors(),
  ].filter((sample) => sample !== undefined);
}

const unchanged = (_: unknown, bytes: Uint8Array): Uint8Array => bytes;

function pfxSample(
  name: string,
  pfx: Uint8Array,
  secret: string,
  { alias, recipe }: { alias?: string | undefined; recipe?: Recipe } = {},
): PfxSample | undefined {
  const allowMissingMac = recipe?.mac === 'none';
  const expected = load({ pfx, passphrase: secret, allowMissingMac, ...(alias !== undefined && { alias }) });
  return expected && { name, pfx, passphrase: secret, alias, allowMissingMac, recipe, expected };
}

function load(source: IdentitySource): LoadedIdentity | undefined {
  try {
    const { chain, key } = loadIdentity(nodeCrypto, source);
    return { chain, publicKey: key.publicKey };
  } catch {
    return undefined;
  }
}

/** The formats of OpenSSL 3 and of the programs before it, RC2 among them. */
function fromOpenssl(all: readonly Holder[]): (PfxSample | undefined)[] {
  return ProgramFolder.during((folder) => {
    folder.write('all.pem', pemOf(all[1]!.chain) + writePem('PRIVATE KEY', all[1]!.pkcs8));
    const forms = [
      [],
      ['-legacy'],
      ['-legacy', '-descert'],
      ['-macalg', 'sha1'],
      ['-keypbe', 'NONE', '-certpbe', 'NONE'],
    ];
    return forms.map((form, index) => {
      const name = `openssl ${form.join(' ')}`;
      folder.openssl(
        'pkcs12',
        '-export',
        '-in',
        'all.pem',
        '-out',
        `${index}.pfx`,
        '-passout',
        `pass:${passphrase}`,
        '-iter',
        '1',
        ...form,
      );
      return pfxSample(name, folder.read(`${index}.pfx`), passphrase);
    });
  });
}

function fromVectors(): (PfxSample | undefined)[] {
  const folder = resolve('..', 'shared', 'vectors', 'pfx');
  if (!existsSync(folder)) return [];
  const index = JSON.parse(readFileSync(resolve(folder, 'index.json'), 'utf8')) as {
    file: string;
    passphrase: string;
  }[];
  return index.map((entry) =>
    pfxSample(entry.file, new Uint8Array(readFileSync(resolve(folder, entry.file))), entry.passphrase),
  );
}

export function pemSamples(all: readonly Holder[]): PemSample[] {
  return all.flatMap((holder) => {
    const cert = pemOf(holder.chain);
    const key = createPrivateKey({ key: Buffer.from(holder.pkcs8), format: 'der', type: 'pkcs8' });
    const traditional = holder.name === 'rsa-2048' ? 'pkcs1' : holder.name === 'ed25519' ? undefined : 'sec1';
    const forms: { name: string; text: string; secret?: string; sealing?: Sealing }[] = [
      { name: 'PKCS #8', text: writePem('PRIVATE KEY', holder.pkcs8) },
      ...sealings.map((sealing) => ({
        name: `PKCS #8 ${sealing}`,
        text: writePem('ENCRYPTED PRIVATE KEY', forgeSealed(holder.pkcs8, passphrase, sealing)),
        secret: passphrase,
        sealing,
      })),
    ];
    if (traditional !== undefined) {
      forms.push({
        name: traditional,
        text: key.export({ type: traditional as 'sec1', format: 'pem' }) as string,
      });
      for (const cipher of ['aes-128-cbc', 'aes-256-cbc', 'des-ede3-cbc']) {
        const text = key.export({ type: traditional as 'sec1', format: 'pem', cipher, passphrase }) as string;
        forms.push({ name: `${traditional} ${cipher}`, text, secret: passphrase });
      }
    }
    return forms.flatMap(({ name, text, secret, sealing }) => {
      const expected = load({ cert, key: text, ...(secret !== undefined && { passphrase: secret }) });
      if (expected === undefined) return [];
      const sealed = sealing && { pkcs8: holder.pkcs8, sealing };
      return [{ name: `${holder.name} ${name}`, cert, key: text, passphrase: secret, sealed, expected }];
    });
  });
}

function pemOf(chain: readonly Uint8Array[]): string {
  return chain.map((each) => writePem('CERTIFICATE', each)).join('');
}
