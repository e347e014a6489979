// Keys that OpenSSL made, through node:crypto and not through this library.

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

// RSA keys take long to make, so one of each sort serves all tests; OpenSSL made them, not this library.
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
  rsa: rsaKey({ modulusLength: 2048 }),
  'rsa-3072': rsaKey({ modulusLength: 3072 }),
  'rsa-1024': rsaKey({ modulusLength: 1024 }),
  'rsa-pss': pssKey({}),
  'rsa-pss for SHA-256': pssKey({ hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256', saltLength: 32 }),
  'rsa-pss for SHA-384, short salts': pssKey({
    hashAlgorithm: 'sha384',
    mgf1HashAlgorithm: 'sha384',
    saltLength: 20,
  }),
  'rsa-pss for SHA-256, long salts': pssKey({
    hashAlgorithm: 'sha256',
    mgf1HashAlgorithm: 'sha256',
    saltLength: 33,
  }),
  'rsa-pss with two hashes': pssKey({ hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha384', saltLength: 32 }),
};

function rsaKey(options: { modulusLength: number }): KeyObject {
  return generateKeyPairSync('rsa', options).privateKey;
}

function pssKey(restriction: object): KeyObject {
  return generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...restriction }).privateKey;
}

export function pkcs8(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }));
}

export function spki(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
}
