// What a manager on Node.js uses unless it is told otherwise: WebAssembly for short messages, where making a cipher object is
// what node:crypto spends its time on; node:crypto for long ones, and for everything else.

import { nodeCrypto } from './node.js';
import type { CryptoProvider } from './provider.js';
import { withWebAssembly } from './wasm/backend.js';

/** The default of `NetworkConfig.crypto`; its `name` tells what was found: `node+wasm-simd`, `…-scalar`, or `node`. */
export const defaultCrypto: CryptoProvider = withWebAssembly(nodeCrypto, {
  crossing: {
    simd: { aead: 6144, stream: 3072, mac: 384 },
    scalar: { aead: 2048, stream: 1024, mac: 384 },
  },
});
