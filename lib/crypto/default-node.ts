// What a manager on Node.js uses unless it is told otherwise: WebAssembly for short messages, where making a cipher object is
// what node:crypto spends its time on; node:crypto for long ones, and for everything else.

import { nodeCrypto } from './node.js';
import type { CryptoProvider } from './provider.js';
import { withWebAssembly } from './wasm/backend.js';

// Where the two meet, measured on x86-64. In a loop of nothing else that is at 5 KiB (ns for 4 KiB and 8 KiB: WebAssembly 4,700 and
// 9,100, node:crypto 5,800 and 7,600), but between sockets the objects of node:crypto, and what collects them, cost several times
// as much: records of 6 KiB under both flags went from 94,000 to 125,000 calls a second. A calibration at start would be such a
// loop, and find the wrong place.

/** The default of `NetworkConfig.crypto`; its `name` tells what was found: `node+wasm-simd`, `…-scalar`, or `node`. */
export const defaultCrypto: CryptoProvider = withWebAssembly(nodeCrypto, {
  crossing: {
    simd: { aead: 12 * 1024, stream: 12 * 1024, mac: 384 },
    scalar: { aead: 6 * 1024, stream: 6 * 1024, mac: 384 },
  },
});
