// A backend whose WebAssembly memories can be looked into, between calls and from within: while it loads, the constructor
// of instances is a watched one, so nothing in lib/ exists for the sake of the specs.

import { nobleCrypto } from '../../lib/crypto/noble.js';
import type { CryptoProvider } from '../../lib/crypto/provider.js';
import { withWebAssembly } from '../../lib/crypto/wasm/backend.js';
import type { Build } from '../../lib/crypto/wasm/cipher.js';

export interface WatchedWasm {
  readonly crypto: CryptoProvider;
  /** The memories, one for the ciphers and one for MACs. */
  readonly memories: readonly Uint8Array[];
  /** What the memories held when each function of the modules began and ended; emptied by whoever reads it. */
  readonly seenInside: Uint8Array[];
}

interface WasmNamespace {
  Instance: new (
    module: object,
  ) => { exports: Record<string, unknown> & { memory: { buffer: ArrayBuffer } } };
}

const { WebAssembly } = globalThis as unknown as { WebAssembly: WasmNamespace };

export function watchedWasm(build: Build): WatchedWasm {
  const memories: Uint8Array[] = [];
  const seenInside: Uint8Array[] = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class {
    readonly exports: Record<string, unknown> & { memory: { buffer: ArrayBuffer } };

    constructor(module: object) {
      const { exports } = new Instance(module);
      const memory = new Uint8Array(exports.memory.buffer);
      memories.push(memory);
      const watched = Object.entries(exports).map(([name, value]) => [
        name,
        typeof value === 'function' ? watch(value as (...numbers: number[]) => unknown, memory) : value,
      ]);
      this.exports = Object.fromEntries(watched) as typeof exports;
    }
  };
  const watch =
    (call: (...numbers: number[]) => unknown, memory: Uint8Array) =>
    (...numbers: number[]): unknown => {
      seenInside.push(memory.slice());
      const result = call(...numbers);
      seenInside.push(memory.slice());
      return result;
    };
  try {
    const crypto = withWebAssembly(nobleCrypto, { builds: [build] });
    // Loads it.
    if (crypto.name !== `noble+wasm-${build}`) throw new Error(`there is no ${build} build here`);
    return { crypto, memories, seenInside };
  } finally {
    WebAssembly.Instance = Instance;
  }
}
