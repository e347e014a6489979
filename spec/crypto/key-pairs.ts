// A process that makes key pairs, in which the garbage collector works while a key is exported: in a process of its own, because
// the bug that this looks for stops it for ever (generated-key-deadlock.spec.ts).
//
//   key ─ exported ×40 ─▸ nearly all garbage is made there, so nearly every scavenge falls into it

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { nodeCrypto } from '../../lib/crypto/node.js';

const exportsOfEach = 40;

const { publicKey, privateKey } = generateKeyPairSync('x25519');
for (const key of [publicKey, privateKey]) {
  const prototype = Object.getPrototypeOf(key) as { export: (this: KeyObject, options: object) => unknown };
  const exportOnce = prototype.export;
  prototype.export = function (options) {
    for (let time = 1; time < exportsOfEach; time++) exportOnce.call(this, options);
    return exportOnce.call(this, options);
  };
}

// Some hundred were enough each time.
for (let made = 0; made < 10_000; made++) nodeCrypto.x25519KeyPair().destroy();
// What is made of their generated keys must be looked at likewise: an export as DER takes no lock.
for (let made = 0; made < 40; made++) {
  nodeCrypto.generateKeyPair('ed25519').export();
  nodeCrypto.generateKeyPair('p256').export();
}
