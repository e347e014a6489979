// The modules that are committed are those that the sources beside them make: compiled again here, and compared to the byte.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { macModule, scalarCipher, simdCipher } from '../../lib/crypto/wasm/binary.js';

interface WasmNamespace {
  readonly Module: (new (
    binary: Uint8Array,
  ) => object) & {
    imports(module: object): readonly { name: string }[];
    exports(module: object): readonly { name: string }[];
  };
}

describe('the modules of WebAssembly', () => {
  const { Module } = (globalThis as unknown as { WebAssembly: WasmNamespace }).WebAssembly;

  it('are what their sources make', function () {
    this.timeout(60_000);
    const made = execFileSync(process.execPath, ['lib/crypto/wasm/assembly/build.mjs', '--print'], {
      encoding: 'utf8',
    });
    expect(made).to.have.length.above(5000);
    expect(made === readFileSync('lib/crypto/wasm/binary.ts', 'utf8'), 'npm run build:wasm').to.equal(true);
  });

  it('import nothing, and export their memory and what is called', () => {
    const cipherCalls = ['absorb', 'begin', 'crypt', 'finish', 'memory', 'open', 'seal'];
    for (const [hexadecimal, names] of [
      [simdCipher, cipherCalls],
      [scalarCipher, cipherCalls],
      [macModule, ['absorb', 'finish', 'memory', 'prepare']],
    ] as const) {
      const module = new Module(Buffer.from(hexadecimal, 'hex'));
      expect(Module.imports(module)).to.deep.equal([]);
      expect(
        Module.exports(module)
          .map(({ name }) => name)
          .sort(),
      ).to.deep.equal(names);
    }
  });

  it('are small, and the one without vectors fits where 4 KiB are compiled at once', function () {
    const gzipped = gzipSync(readFileSync('lib/crypto/wasm/binary.ts'), { level: 9 }).length;
    this.test!.title += ` (${gzipped} bytes, gzipped)`;
    expect(gzipped).to.be.below(6000);
    for (const hexadecimal of [scalarCipher, macModule]) {
      expect(Buffer.from(hexadecimal, 'hex').length).to.be.below(4096);
    }
  });
});
