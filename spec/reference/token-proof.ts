// Section 10 of docs/protocol.md: how a client proves the key that its tokens are bound to, and what the key is called in
// them; with node:crypto. And the content of token-proof.json.

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { exportKey, sha256 } from './key-schedule.js';
import { concat, text } from './notation.js';

const label = 'EXPORTER-sealwire-token-binding';
/** RFC 8410 §7 in front of the 32 bytes of a private key. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface TokenProof {
  publicKey: Uint8Array;
  signature: Uint8Array;
}

/** `privateKey` is the 32 bytes of RFC 8032 §5.1.5; `token` is empty with `authenticate`. */
export function proveKey(privateKey: Uint8Array, exported: Uint8Array, token: string): TokenProof {
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, privateKey]),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    publicKey: rawPublicKey(key),
    signature: new Uint8Array(sign(null, signed(exported, token), key)),
  };
}

export function proofFits(
  { publicKey, signature }: TokenProof,
  exported: Uint8Array,
  token: string,
): boolean {
  const x = Buffer.from(publicKey).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, signed(exported, token), key, signature);
}

/** RFC 7638 §3: the hash of the required members, in the order of their names. */
export function thumbprintOf(publicKey: Uint8Array): string {
  const x = Buffer.from(publicKey).toString('base64url');
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
}

export function tokenProofVectors(): object {
  const privateKey = sha256(text('sealwire vectors, the key of a client'));
  const exporterSecret = sha256(text('sealwire vectors, exporter secret of a connection'));
  const exported = exportKey(exporterSecret, label, new Uint8Array(0), 32);
  const { publicKey } = proveKey(privateKey, exported, '');
  return {
    privateKey,
    publicKey,
    thumbprint: thumbprintOf(publicKey),
    exporterSecret,
    label,
    exported,
    proofs: ['', 'header..iv.ciphertext.tag'].map((token) => ({
      token,
      signature: proveKey(privateKey, exported, token).signature,
    })),
  };
}

function signed(exported: Uint8Array, token: string): Uint8Array {
  return concat(text('sealwire, token binding'), new Uint8Array(1), exported, sha256(text(token)));
}

function rawPublicKey(key: KeyObject): Uint8Array {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x!, 'base64url'));
}
