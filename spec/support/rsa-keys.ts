// RSA keys of 2048 bits that OpenSSL made, through node:crypto: they take long to make, so all specs share a few.

import { generateKeyPairSync, type KeyObject } from 'node:crypto';

const made: KeyObject[] = [];

/** Number `index` of them, from 0; made when it is first asked for. */
export function rsaKey(index: number): KeyObject {
  while (made.length <= index) made.push(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  return made[index]!;
}
