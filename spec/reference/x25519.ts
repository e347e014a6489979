// The group of section 4.2 of docs/protocol.md, RFC 7748, on raw 32-byte keys. node:crypto takes keys in DER only,
// so the two fixed prefixes of RFC 8410 are put in front of them.

import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { concat, Refused, refuseUnless } from './notation.js';

const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex');

export function x25519PublicKey(privateKey: Uint8Array): Uint8Array {
  const spki = createPublicKey(importPrivate(privateKey)).export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki.subarray(-32));
}

/** All zeros is refused, RFC 7748 §6.1. */
export function x25519(privateKey: Uint8Array, peerShare: Uint8Array): Uint8Array {
  const key = Buffer.from(concat(spkiPrefix, peerShare));
  const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
  let secret: Uint8Array;
  try {
    secret = new Uint8Array(diffieHellman({ privateKey: importPrivate(privateKey), publicKey }));
  } catch {
    throw new Refused('a share of small order'); // OpenSSL refuses the zeros before we see them
  }
  refuseUnless(
    secret.some((byte) => byte !== 0),
    'a share of small order',
  );
  return secret;
}

function importPrivate(privateKey: Uint8Array): KeyObject {
  const key = Buffer.from(concat(pkcs8Prefix, privateKey));
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}
