// One key of each kind that an identity may have, made by OpenSSL (through node:crypto) when it is first asked for:
// RSA keys take long to make, so all specs of this folder share them.

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { rsaKey } from '../../support/rsa-keys.js';
import type { ProgramFolder } from '../program-folder.js';

export type IdentityKeyKind = 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'rsa-pss' | 'p256' | 'p384' | 'ed25519';

const makers: Readonly<Record<IdentityKeyKind, () => KeyObject>> = {
  'rsa-2048': () => rsaKey(0),
  'rsa-3072': () => generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey,
  'rsa-4096': () => generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey,
  'rsa-pss': () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey,
  p256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  ed25519: () => generateKeyPairSync('ed25519').privateKey,
};

export const identityKeyKinds: readonly IdentityKeyKind[] = Object.keys(makers) as IdentityKeyKind[];

const made = new Map<IdentityKeyKind, KeyObject>();

export function identityKey(kind: IdentityKeyKind): KeyObject {
  const key = made.get(kind) ?? makers[kind]();
  made.set(kind, key);
  return key;
}

/** SubjectPublicKeyInfo, by node's reading. */
export function publicKeyOf(key: KeyObject | string): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}

/** `root.pem` above `middle.pem` above `<kind>.pem` with `<kind>.key`, all by openssl; `above.pem` is the first two. */
export function certifyKinds(folder: ProgramFolder, kinds: readonly IdentityKeyKind[]): void {
  folder.generateKey('root', 'p256');
  folder.certify('root', { ca: true });
  folder.generateKey('middle', 'p256');
  folder.certify('middle', { ca: true, issuer: 'root' });
  for (const kind of kinds) {
    folder.write(`${kind}.key`, identityKey(kind).export({ type: 'pkcs8', format: 'pem' }));
    folder.certify(kind, { issuer: 'middle' });
  }
  folder.write('above.pem', folder.text('middle.pem') + folder.text('root.pem'));
}
