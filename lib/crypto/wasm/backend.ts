// A backend whose ChaCha20-Poly1305, ChaCha20, MAC and HKDF go through WebAssembly, and everything else as before.
//
// The instances are made on first use, so that importing costs nothing: which suite is preferred, or the first key, asks
// for them. Where WebAssembly is forbidden or missing, the backend below does it all, and says so by its name.

import { requireExpandable } from '../preconditions.js';
import type { Aead, CipherName, CryptoProvider, Mac, StreamCipher } from '../provider.js';
import { type Build, WasmCipher } from './cipher.js';
import { type Large, WasmAead, WasmChaCha20, WasmHmac } from './keyed.js';
import { maxHmacKeyBytes, WasmMac } from './mac.js';

/** Lengths in bytes from which on the backend below is the faster one; none for never. */
export interface Crossing {
  readonly aead: number;
  readonly stream: number;
  readonly mac: number;
}

export interface WebAssemblyOptions {
  /** What the backend below is better at, for each build. */
  readonly crossing?: Readonly<Record<Build, Crossing>>;
  /** Which builds may be tried, best first: both. */
  readonly builds?: readonly Build[];
}

interface Loaded {
  readonly cipher: WasmCipher;
  readonly mac: WasmMac;
  readonly largeAead: Large<Aead> | undefined;
  readonly largeStream: Large<StreamCipher> | undefined;
  readonly largeMac: Large<Mac> | undefined;
}

const chaCha20: CipherName = 'chacha20-poly1305';
const suites: readonly CipherName[] = [chaCha20, 'aes-256-gcm'];

/** `below` with WebAssembly; its name is `<name of below>+wasm-simd`, `…+wasm-scalar`, or that of `below` itself. */
export function withWebAssembly(below: CryptoProvider, options: WebAssemblyOptions = {}): CryptoProvider {
  let tried: Loaded | 'forbidden' | undefined;
  const loaded = (): Loaded | undefined => {
    tried ??= load(below, options) ?? 'forbidden';
    return tried === 'forbidden' ? undefined : tried;
  };
  return {
    ...below,
    get name() {
      const build = loaded()?.cipher.build;
      return build === undefined ? below.name : `${below.name}+wasm-${build}`;
    },
    get preferredCiphers() {
      return loaded() === undefined ? below.preferredCiphers : suites;
    },
    aead(cipher, key) {
      const own = cipher === chaCha20 ? loaded() : undefined;
      return own === undefined ? below.aead(cipher, key) : new WasmAead(own.cipher, key, own.largeAead);
    },
    streamCipher(cipher, key) {
      const own = cipher === chaCha20 ? loaded() : undefined;
      if (own === undefined) return below.streamCipher(cipher, key);
      return new WasmChaCha20(own.cipher, key, own.largeStream);
    },
    mac(key) {
      const own = loaded();
      return own === undefined ? below.mac(key) : new WasmHmac(own.mac, key, own.largeMac);
    },
    hmac(name, key, data) {
      const own = name === 'sha256' && isShort(key, data) ? loaded() : undefined;
      return own === undefined ? below.hmac(name, key, data) : own.mac.hmac(key, data);
    },
    hkdfExtract(salt, inputKeyMaterial) {
      const own = isShort(salt, inputKeyMaterial) ? loaded() : undefined;
      return own === undefined
        ? below.hkdfExtract(salt, inputKeyMaterial)
        : own.mac.hmac(salt, inputKeyMaterial);
    },
    hkdfExpand(pseudoRandomKey, info, length) {
      const own = isShort(pseudoRandomKey, info) ? loaded() : undefined;
      if (own === undefined) return below.hkdfExpand(pseudoRandomKey, info, length);
      requireExpandable(pseudoRandomKey, length);
      return own.mac.expand(pseudoRandomKey, info, length);
    },
  };
}

/** What a key schedule, or a Finished, asks for. Such an HMAC costs node:crypto three times as much (measured: 4.1 and 1.2 µs). */
function isShort(key: Uint8Array, message: Uint8Array): boolean {
  return key.length <= maxHmacKeyBytes && message.length <= longestShort;
}

/** Twice as fast still (5.2 and 2.6 µs). Further on node:crypto catches up, which has SHA instructions. */
const longestShort = 384;

function load(
  below: CryptoProvider,
  { crossing, builds = ['simd', 'scalar'] }: WebAssemblyOptions,
): Loaded | undefined {
  // One attempt where all is forbidden: a browser reports each to whoever listens for violations of the page's policy.
  const mac = WasmMac.load();
  const cipher = mac && WasmCipher.load(builds);
  if (mac === undefined || cipher === undefined) return undefined;
  const from = crossing?.[cipher.build];
  return {
    cipher,
    mac,
    largeAead: from && { from: from.aead, make: (key) => below.aead(chaCha20, key) },
    largeStream: from && { from: from.stream, make: (key) => below.streamCipher(chaCha20, key) },
    largeMac: from && { from: from.mac, make: (key) => below.mac(key) },
  };
}
