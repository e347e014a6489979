// Every backend, and every ordered pair of them: each rule of the compliance suite holds for all.

import { defaultCrypto } from '../../lib/crypto/default-node.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CipherName, CryptoProvider, SignatureAlgorithm } from '../../lib/crypto/provider.js';
import { withWebAssembly } from '../../lib/crypto/wasm/backend.js';

/** With and without vectors, over noble: nothing here falls to node:crypto. */
export const wasmBackends: readonly CryptoProvider[] = [
  withWebAssembly(nobleCrypto, { builds: ['simd'] }),
  withWebAssembly(nobleCrypto, { builds: ['scalar'] }),
];

/** WebAssembly for what is short, node:crypto for what is long: what Node.js uses by default. */
export const mixedBackend: CryptoProvider = defaultCrypto;

export const backends: readonly CryptoProvider[] = [nodeCrypto, nobleCrypto, ...wasmBackends, mixedBackend];

export const pairs: readonly (readonly [CryptoProvider, CryptoProvider])[] = backends.flatMap((one) =>
  backends.map((other) => [one, other] as const),
);

export const ciphers: readonly CipherName[] = ['aes-256-gcm', 'chacha20-poly1305'];

export const rsaPssAlgorithms: readonly SignatureAlgorithm[] = [
  'rsa-pss-sha256',
  'rsa-pss-sha384',
  'rsa-pss-sha512',
];

export const rsaPkcs1Algorithms: readonly SignatureAlgorithm[] = [
  'rsa-pkcs1-sha256',
  'rsa-pkcs1-sha384',
  'rsa-pkcs1-sha512',
];

export const curveAlgorithms: Readonly<Record<'p256' | 'p384' | 'ed25519', readonly SignatureAlgorithm[]>> = {
  p256: ['ecdsa-p256-sha256', 'ecdsa-p256-sha384', 'ecdsa-p256-sha512'],
  p384: ['ecdsa-p384-sha256', 'ecdsa-p384-sha384', 'ecdsa-p384-sha512'],
  ed25519: ['ed25519'],
};

export const allAlgorithms: readonly SignatureAlgorithm[] = [
  ...rsaPssAlgorithms,
  ...rsaPkcs1Algorithms,
  ...Object.values(curveAlgorithms).flat(),
];

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

export function bytesOf(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** The code of the SealwireError that `action` throws, or what else became of it. */
export function codeThrownBy(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code ?? `not a SealwireError: ${error}`;
  }
  return 'nothing was thrown';
}
