// What a manager in a browser uses unless it is told otherwise: WebAssembly for what every message needs, noble for the
// rest; noble alone where the page's Content-Security-Policy forbids WebAssembly (no 'wasm-unsafe-eval').

import { nobleCrypto } from './noble.js';
import type { CryptoProvider } from './provider.js';
import { withWebAssembly } from './wasm/backend.js';

/** The default of `NetworkConfig.crypto`; its `name` tells what was found: `noble+wasm-simd`, `…-scalar`, or `noble`. */
export const defaultCrypto: CryptoProvider = withWebAssembly(nobleCrypto);
