// What a file holds: certificates and perhaps their key, in whichever form it has them.
//
//   -----BEGIN …        PEM: certificates, and a private key of any form that identities have
//   SEQUENCE SEQUENCE   DER: one certificate          (or an encrypted key, which is of no use alone)
//   SEQUENCE INTEGER 3  PFX: both, under a passphrase
//   base64 text         one of the last two

import { wipe } from '../base/bytes.js';
import { DerReader, readDer, readSmallInteger, tags } from '../base/der.js';
import { decodeBase64, pemText, readPem } from '../certificate/file/pem.js';
import { readPfx } from '../certificate/file/pfx.js';
import { readPrivateKey } from '../certificate/file/pkcs8.js';
import { nodeCrypto } from '../crypto/node.js';
import type { Arguments } from './command.js';
import { failed } from './failure.js';
import { readInput } from './files.js';
import { givenPassphrase, isPassphraseError, openProtected } from './passphrase.js';
import type { Surroundings } from './surroundings.js';

/** Certificates as somebody stores or shows them; nothing of it is verified, nor even well formed. */
export interface Found {
  /** DER; the order says which is the leaf, unless a key does. */
  readonly certificates: readonly Uint8Array[];
  readonly keys: FoundKeys;
}

export type FoundKeys =
  /** SubjectPublicKeyInfo of each private key, DER; the private ones have been let go. */
  | { readonly state: 'open'; readonly publicKeys: readonly Uint8Array[] }
  /** It is encrypted, and no passphrase was given. */
  | { readonly state: 'locked' }
  | { readonly state: 'none' };

const pfxVersion = 3;

/** Throws for a file that holds no certificate, and for a passphrase that does not open it. */
export async function readChainFile(
  args: Arguments,
  path: string,
  surroundings: Surroundings,
): Promise<Found> {
  const content = readInput(surroundings.cwd, path);
  const der = derIn(content);
  if (der === undefined) return fromPem(content, path, givenPassphrase(args, '', surroundings));
  switch (contentOf(der)) {
    case 'certificate':
      return { certificates: [der], keys: { state: 'none' } };
    case 'pfx':
      // Many have the empty passphrase: it is tried before anybody is asked.
      return openProtected(args, '', path, surroundings, (passphrase = '') => openPfx(der, passphrase));
    default:
      throw failed(`${path} holds a private key and no certificate`, 'inspect the file of its certificate');
  }
}

/** The DER that a file is, or that its base64 stands for; undefined for PEM and everything else. */
export function derIn(content: Uint8Array): Uint8Array | undefined {
  if (content[0] === tags.sequence) return content;
  const bytes = decodeBase64(pemText(content));
  return bytes?.[0] === tags.sequence ? bytes : undefined;
}

function fromPem(bytes: Uint8Array, path: string, passphrase: string | undefined): Found {
  const blocks = readPem(pemText(bytes));
  const labels = blocks.map(({ label }) => label);
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE' || label === 'X509 CERTIFICATE');
  const hasKey = labels.some((label) => label.endsWith('PRIVATE KEY'));
  if (certificates.length === 0) {
    const held =
      labels.length === 0 ? 'is neither PEM, DER, PFX nor base64 of one' : `holds only ${labels.join(', ')}`;
    throw failed(
      `${path} ${held}: there is no certificate in it`,
      hasKey ? 'inspect the file of its certificate' : undefined,
    );
  }
  return {
    certificates: certificates.map(({ bytes: der }) => der),
    keys: hasKey ? keyInPem(bytes, passphrase) : { state: 'none' },
  };
}

function keyInPem(bytes: Uint8Array, passphrase: string | undefined): FoundKeys {
  try {
    return { state: 'open', publicKeys: [publicKeyOf(readPrivateKey(nodeCrypto, bytes, passphrase))] };
  } catch (error) {
    // The certificates can be judged without it.
    if (passphrase === undefined && isPassphraseError(error)) return { state: 'locked' };
    throw error;
  }
}

function openPfx(bytes: Uint8Array, passphrase: string): Found {
  const { certificates, keys } = readPfx(nodeCrypto, bytes, passphrase);
  const publicKeys = keys.map(({ pkcs8 }) => publicKeyOf(pkcs8));
  if (certificates.length === 0)
    throw failed('the PFX file holds no certificate: export it together with one');
  return { certificates, keys: publicKeys.length === 0 ? { state: 'none' } : { state: 'open', publicKeys } };
}

function publicKeyOf(pkcs8: Uint8Array): Uint8Array {
  try {
    return nodeCrypto.importPrivateKey(pkcs8).publicKey;
  } finally {
    wipe(pkcs8);
  }
}

/** By the first fields, which differ in all of them. What cannot be told goes on as a certificate, to be refused as one. */
function contentOf(bytes: Uint8Array): 'certificate' | 'pfx' | 'key' {
  try {
    const fields = new DerReader(readDer(bytes).content);
    const first = fields.next();
    if (first.tag === tags.integer) return readSmallInteger(first.content) === pfxVersion ? 'pfx' : 'key';
    return fields.next().tag === tags.octetString ? 'key' : 'certificate';
  } catch {
    return 'certificate';
  }
}
