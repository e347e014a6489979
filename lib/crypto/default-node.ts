// What a manager on Node.js uses unless it is told otherwise: WebAssembly for short messages, where making a cipher object is
// what node:crypto spends its time on; node:crypto for long ones, and for everything else.

import { nodeCrypto } from './node.js';
import type { CryptoProvider } from './provider.js';
import { withWebAssembly } from './wasm/backend.js';

// Where the two meet, measured on x86-64 (ns for 4 KiB and 8 KiB: WebAssembly 4,700 and 9,100, node:crypto 5,800 and 7,600). The
// times are alike for a factor of two around it, so a calibration at start would cost more than it could find.

/** The default of `NetworkConfig.crypto`; its `name` tells what was found: `node+wasm-simd`, `…-scalar`, or `node`. */
export const defaultCrypto: CryptoProvider = withWebAssembly(nodeCrypto, {
  crossing: {
    simd: { aead: 5632, stream: 3072, mac: 384 },
    scalar: { aead: 2048, stream: 1024, mac: 384 },
  },
});
