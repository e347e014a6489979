// Keys that OpenSSL made, through node:crypto and not through this library.
//
// RSA keys take long to make, so one of each sort serves all tests, and those of id-RSASSA-PSS share their numbers:
// OpenSSL writes each AlgorithmIdentifier for a key of 512 bits, and it is put before the numbers of the long one.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { DerReader, der, readDer } from '../../lib/base/der.js';
import { rsaKey } from '../support/rsa-keys.js';

const pssNumbers = pssKey({ modulusLength: 2048 });

export const made: Readonly<
  Record<
    | 'rsa'
    | 'rsa-3072'
    | 'rsa-1024'
    | 'rsa-pss'
    | 'rsa-pss for SHA-256'
    | 'rsa-pss for SHA-384, short salts'
    | 'rsa-pss for SHA-256, long salts'
    | 'rsa-pss with two hashes',
    KeyObject
  >
> = {
  rsa: rsaKey(0),
  'rsa-3072': generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey,
  'rsa-1024': generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
  'rsa-pss': pssNumbers,
  'rsa-pss for SHA-256': restricted({ hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256', saltLength: 32 }),
  'rsa-pss for SHA-384, short salts': restricted({
    hashAlgorithm: 'sha384',
    mgf1HashAlgorithm: 'sha384',
    saltLength: 20,
  }),
  'rsa-pss for SHA-256, long salts': restricted({
    hashAlgorithm: 'sha256',
    mgf1HashAlgorithm: 'sha256',
    saltLength: 33,
  }),
  'rsa-pss with two hashes': restricted({
    hashAlgorithm: 'sha256',
    mgf1HashAlgorithm: 'sha384',
    saltLength: 32,
  }),
};

function pssKey(options: { modulusLength: number }): KeyObject {
  return generateKeyPairSync('rsa-pss', options).privateKey;
}

function restricted(restriction: object): KeyObject {
  const [version, algorithm] = fieldsOf(pssKey({ modulusLength: 512, ...restriction }));
  const numbers = fieldsOf(pssNumbers)[2];
  const file = der.sequence(version!, algorithm!, numbers!);
  return createPrivateKey({ key: Buffer.from(file), format: 'der', type: 'pkcs8' });
}

/** Version, algorithm and numbers. */
function fieldsOf(key: KeyObject): Uint8Array[] {
  const reader = new DerReader(readDer(pkcs8(key)).content);
  return [reader.next().bytes, reader.next().bytes, reader.next().bytes];
}

export function pkcs8(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }));
}

export function spki(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
}
