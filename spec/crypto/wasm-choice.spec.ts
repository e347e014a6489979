// Which backend is chosen, by what the platform has; and what goes to the backend below it.

import { expect } from 'chai';
import { defaultCrypto as browserDefault } from '../../lib/crypto/default-browser.js';
import { defaultCrypto as nodeDefault } from '../../lib/crypto/default-node.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CipherName, CryptoProvider } from '../../lib/crypto/provider.js';
import { withWebAssembly } from '../../lib/crypto/wasm/backend.js';
import { bytesOf } from './backends.js';

const cipher = 'chacha20-poly1305';
const [key, nonce, none] = [bytesOf(32, 7), bytesOf(12, 1), new Uint8Array(0)];

describe('choice of WebAssembly', () => {
  it('is made where it can be: vectors first, ChaCha20 before AES, by both defaults', () => {
    expect(nodeDefault.name).to.equal('node+wasm-simd');
    expect(browserDefault.name).to.equal('noble+wasm-simd');
    for (const crypto of [nodeDefault, browserDefault]) {
      expect(crypto.preferredCiphers).to.deep.equal([cipher, 'aes-256-gcm']);
    }
    expect(nodeCrypto.preferredCiphers[0]).to.equal('aes-256-gcm');
  });

  it('falls to the build without vectors, and to the backend below where nothing may be compiled', () => {
    const refusedAbove = (bytes: number) => (binary: Uint8Array) => binary.length > bytes;
    // As browsers do that compile no more than 4 KiB at once, and as machines do that lack vectors.
    expect(loadedWhile(refusedAbove(4096))).to.deep.equal({
      name: 'noble+wasm-scalar',
      suite: cipher,
      tries: 3,
    });
    // As a Content-Security-Policy does; it hears of one attempt alone.
    expect(loadedWhile(() => true)).to.deep.equal({ name: 'noble', suite: cipher, tries: 1 });
    expect(loadedWhile(() => true, nodeCrypto)).to.deep.equal({
      name: 'node',
      suite: 'aes-256-gcm',
      tries: 1,
    });
  });

  it('is the backend below where there is no WebAssembly at all', () => {
    const { WebAssembly } = globalThis as unknown as Record<string, object>;
    Reflect.deleteProperty(globalThis, 'WebAssembly');
    try {
      const crypto = withWebAssembly(nobleCrypto);
      expect(crypto.name).to.equal('noble');
      expect(crypto.aead(cipher, key).constructor).to.equal(nobleCrypto.aead(cipher, key).constructor);
      expect(crypto.mac(key).constructor).to.equal(nobleCrypto.mac(key).constructor);
    } finally {
      Object.assign(globalThis, { WebAssembly });
    }
  });

  it('compiles nothing before it is needed, and once', () => {
    let tries = 0;
    const whatIsRefused = () => {
      tries++;
      return false;
    };
    const crypto = whileCompiling(whatIsRefused, () => {
      const made = withWebAssembly(nobleCrypto);
      made.hash('sha256', none);
      made.aead('aes-256-gcm', key);
      expect(tries).to.equal(0);
      made.mac(key);
      made.aead(cipher, key);
      return made;
    });
    expect(tries).to.equal(2);
    expect(crypto.name).to.equal('noble+wasm-simd');
  });

  it('leaves long messages, and nothing else, to the backend below: its object is made when the first one comes', () => {
    const made: string[] = [];
    const destroyed: string[] = [];
    const note = <Keyed extends { destroy(): void }>(what: string, object: Keyed): Keyed => {
      made.push(what);
      return Object.assign(object, { destroy: () => void destroyed.push(what) });
    };
    const below: CryptoProvider = {
      ...nodeCrypto,
      aead: (name: CipherName, bytes) => note(`aead ${name}`, nodeCrypto.aead(name, bytes)),
      streamCipher: (name: CipherName, bytes) => note(`stream ${name}`, nodeCrypto.streamCipher(name, bytes)),
      mac: (bytes) => note('mac', nodeCrypto.mac(bytes)),
    };
    const from = { aead: 300, stream: 200, mac: 100 };
    const crypto = withWebAssembly(below, { crossing: { simd: from, scalar: from } });
    const [aead, stream, mac] = [crypto.aead(cipher, key), crypto.streamCipher(cipher, key), crypto.mac(key)];
    const seal = (bytes: number) => aead.seal(nonce, none, bytesOf(bytes, 1), new Uint8Array(bytes + 16));
    const apply = (bytes: number) => stream.apply(nonce, bytesOf(bytes, 1), new Uint8Array(bytes));
    const compute = (bytes: number) => mac.compute(bytesOf(bytes, 1), new Uint8Array(16));
    seal(299);
    apply(199);
    compute(99);
    expect(made).to.deep.equal([]);
    for (let twice = 0; twice < 2; twice++) {
      seal(300);
      apply(200);
      compute(100);
    }
    expect(made).to.deep.equal([`aead ${cipher}`, `stream ${cipher}`, 'mac']);
    for (const each of [aead, stream, mac]) each.destroy();
    expect(destroyed).to.deep.equal(made);
    expect(() => seal(300)).to.throw(/destroyed/);
    expect(() => compute(100)).to.throw(/destroyed/);
  });
});

interface WasmNamespace {
  Module: new (binary: Uint8Array) => object;
}

/** Runs `action` where modules are refused as `isRefused` says. */
function whileCompiling<Value>(isRefused: (binary: Uint8Array) => boolean, action: () => Value): Value {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WasmNamespace };
  const { Module } = WebAssembly;
  WebAssembly.Module = class {
    constructor(binary: Uint8Array) {
      if (isRefused(binary)) throw new Error('refused');
      // biome-ignore lint/correctness/noConstructorReturn: in the place of the platform's own
      return new Module(binary);
    }
  };
  try {
    return action();
  } finally {
    WebAssembly.Module = Module;
  }
}

function loadedWhile(
  isRefused: (binary: Uint8Array) => boolean,
  below: CryptoProvider = nobleCrypto,
): { name: string; suite: CipherName; tries: number } {
  let tries = 0;
  return whileCompiling(
    (binary) => {
      tries++;
      return isRefused(binary);
    },
    () => {
      const crypto = withWebAssembly(below);
      return { name: crypto.name, suite: crypto.preferredCiphers[0]!, tries };
    },
  );
}
