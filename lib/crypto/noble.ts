// The crypto backend that runs anywhere: @noble/* and micro-rsa-dsa-dh, plain JavaScript without WebCrypto, since a
// page on plain http:// has none of it but getRandomValues().
//
// JavaScript cannot promise constant time: noble's AES looks up tables and its RSA is unblinded BigInt arithmetic. So
// ChaCha20 comes first, and a key that signs in a browser had better be P-256 or Ed25519. The algorithms of a cipher
// are chosen once, when it is made; keys are copied then, and wiped by destroy().

import { cbc, ctr, gcm } from '@noble/ciphers/aes.js';
import { chacha20, chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { equalBytes } from '@noble/ciphers/utils.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { blake2b } from '@noble/hashes/blake2.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { type _HMAC, hmac } from '@noble/hashes/hmac.js';
import { md5, sha1 } from '@noble/hashes/legacy.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import { type _SHA256, sha224, sha256, sha384, sha512, sha512_224, sha512_256 } from '@noble/hashes/sha2.js';
import { wipe } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { generateNobleKey, importNobleKey, verifyWithNoble } from './noble-signature.js';
import {
  alive,
  requireApply,
  requireCbc,
  requireExpandable,
  requireInteger,
  requireKey,
  requireLength,
  requireOpen,
  requireRounds,
  requireScrypt,
  requireSeal,
  requireStretchable,
} from './preconditions.js';
import {
  type Aead,
  type CryptoProvider,
  type Mac,
  type StreamCipher,
  tagBytes,
  type X25519KeyPair,
  x25519KeyBytes,
} from './provider.js';

const hashes = {
  md5,
  sha1,
  sha224,
  sha256,
  sha384,
  sha512,
  'sha512-224': sha512_224,
  'sha512-256': sha512_256,
  blake2b512: blake2b,
} as const;

/** noble. ChaCha20 comes first: it is four times as fast as noble's AES and needs no tables. */
export const nobleCrypto: CryptoProvider = {
  name: 'noble',
  preferredCiphers: ['chacha20-poly1305', 'aes-256-gcm'],

  randomBytes(length) {
    requireInteger('the number of random bytes', length, 0, 2 ** 31 - 1);
    const bytes = new Uint8Array(length);
    const source = globalThis.crypto;
    if (typeof source?.getRandomValues !== 'function') {
      throw new SealwireError(
        'INVALID_CONFIG',
        'this platform has no crypto.getRandomValues(), so there are no safe keys: load a polyfill that is backed by the system',
      );
    }
    // One call gives at most 65536 bytes (Web Cryptography §10.1.1).
    for (let offset = 0; offset < length; offset += 65_536) {
      source.getRandomValues(bytes.subarray(offset, offset + 65_536));
    }
    return bytes;
  },

  // Looks at every byte and only ORs the differences together; read in the source of 2.4.0.
  equal(a, b) {
    return equalBytes(a, b);
  },

  hash(name, data) {
    return hashes[name](data);
  },

  // One state for all rounds: a new one each time takes up to three times as long (measured).
  iterateHash(name, data, rounds) {
    requireRounds(rounds);
    const fresh = hashes[name].create();
    const working = fresh.clone();
    const digest = hashes[name](data);
    for (let round = 1; round < rounds; round++) fresh._cloneInto(working).update(digest).digestInto(digest);
    working.destroy();
    return digest;
  },

  hmac(name, key, data) {
    return hmac(hashes[name], key, data);
  },

  hkdfExtract(salt, inputKeyMaterial) {
    return extract(sha256, inputKeyMaterial, salt);
  },

  hkdfExpand(pseudoRandomKey, info, length) {
    requireExpandable(pseudoRandomKey, length);
    return expand(sha256, pseudoRandomKey, info, length);
  },

  pbkdf2(name, password, salt, iterations, length) {
    requireStretchable(iterations, length);
    return pbkdf2(hashes[name], password, salt, { c: iterations, dkLen: length });
  },

  scrypt(password, salt, cost, length) {
    requireScrypt(cost, length);
    return scrypt(password, salt, { ...cost, dkLen: length, maxmem: 2 ** 40 });
  },

  x25519KeyPair(privateKey) {
    if (privateKey !== undefined) return new NobleX25519(privateKey);
    const fresh = nobleCrypto.randomBytes(x25519KeyBytes);
    const pair = new NobleX25519(fresh);
    wipe(fresh);
    return pair;
  },

  aead: (cipher, key) => (cipher === 'aes-256-gcm' ? new NobleGcm(key) : new NobleChaCha20Poly1305(key)),
  streamCipher: (cipher, key) => (cipher === 'aes-256-gcm' ? new NobleCtr(key) : new NobleChaCha20(key)),
  mac: (key) => new NobleMac(key),

  aesCbcDecrypt(key, iv, ciphertext) {
    requireCbc(key, iv, ciphertext);
    return cbc(key, iv, { disablePadding: true }).decrypt(ciphertext);
  },

  aesCbcEncrypt(key, iv, plaintext) {
    requireCbc(key, iv, plaintext);
    return cbc(key, iv, { disablePadding: true }).encrypt(plaintext);
  },

  verify: verifyWithNoble,
  importPrivateKey: importNobleKey,
  generateKeyPair: generateNobleKey,
};

/** A key of 32 bytes that belongs to one cipher, until it is destroyed. */
abstract class Keyed {
  #key: Uint8Array | undefined;

  constructor(key: Uint8Array) {
    requireKey(key);
    // Not slice(): of a Buffer that is a view, and the key schedule wipes what it hands out.
    this.#key = Uint8Array.from(key);
  }

  protected get key(): Uint8Array {
    return alive(this.#key);
  }

  destroy(): void {
    if (this.#key !== undefined) wipe(this.#key);
    this.#key = undefined;
  }
}

class NobleX25519 extends Keyed implements X25519KeyPair {
  readonly publicKey: Uint8Array;

  constructor(privateKey: Uint8Array) {
    super(privateKey);
    this.publicKey = x25519.getPublicKey(this.key);
  }

  agree(peerPublicKey: Uint8Array): Uint8Array | undefined {
    const { key } = this;
    if (peerPublicKey.length !== x25519KeyBytes) return undefined;
    try {
      return x25519.getSharedSecret(key, peerPublicKey);
    } catch {
      // A point of small order, which would give the all-zero secret (RFC 7748 §6.1).
      return undefined;
    }
  }
}

class NobleChaCha20Poly1305 extends Keyed implements Aead {
  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    const { key } = this;
    requireSeal(nonce, plaintext.length, output.length);
    // noble moves the plaintext into `output` first and works there, so the two may overlap.
    chacha20poly1305(key, nonce, associatedData).encrypt(plaintext, output);
  }

  open(nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean {
    const { key } = this;
    if (!requireOpen(nonce, sealed.length, output)) return false;
    try {
      // The tag is checked before anything is decrypted.
      chacha20poly1305(key, nonce, associatedData).decrypt(sealed, output);
      return true;
    } catch {
      wipe(output);
      return false;
    }
  }
}

class NobleGcm extends Keyed implements Aead {
  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    const { key } = this;
    requireSeal(nonce, plaintext.length, output.length);
    output.set(gcm(key, nonce, associatedData).encrypt(plaintext));
  }

  open(nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean {
    const { key } = this;
    if (!requireOpen(nonce, sealed.length, output)) return false;
    try {
      const plaintext = gcm(key, nonce, associatedData).decrypt(sealed);
      output.set(plaintext);
      wipe(plaintext);
      return true;
    } catch {
      wipe(output);
      return false;
    }
  }
}

class NobleChaCha20 extends Keyed implements StreamCipher {
  apply(nonce: Uint8Array, input: Uint8Array, output: Uint8Array): void {
    const { key } = this;
    requireApply(nonce, input, output);
    // In place, which noble allows whatever the two views were to each other before.
    output.set(input);
    chacha20(key, nonce, output, output);
  }
}

class NobleCtr extends Keyed implements StreamCipher {
  readonly #counterBlock: Uint8Array = new Uint8Array(16);

  apply(nonce: Uint8Array, input: Uint8Array, output: Uint8Array): void {
    const { key } = this;
    requireApply(nonce, input, output);
    this.#counterBlock.set(nonce);
    const cipher = ctr(key, this.#counterBlock);
    // noble writes to 4-byte boundaries only.
    if (output.byteOffset % 4 !== 0) {
      output.set(cipher.encrypt(input));
      return;
    }
    output.set(input);
    cipher.encrypt(output, output);
  }
}

class NobleMac implements Mac {
  /** The state behind the padded key, from which every message starts (RFC 2104 §4). */
  #keyed: _HMAC<_SHA256> | undefined;
  readonly #working: _HMAC<_SHA256>;
  readonly #digest: Uint8Array = new Uint8Array(32);

  constructor(key: Uint8Array) {
    requireKey(key);
    this.#keyed = hmac.create(sha256, key);
    this.#working = this.#keyed.clone();
  }

  compute(data: Uint8Array, tag: Uint8Array): void {
    requireLength('a MAC tag', tag, tagBytes);
    this.#run(data);
    tag.set(this.#digest.subarray(0, tagBytes));
    wipe(this.#digest);
  }

  verify(data: Uint8Array, tag: Uint8Array): boolean {
    this.#run(data);
    const isEqual = equalBytes(this.#digest.subarray(0, tagBytes), tag);
    wipe(this.#digest);
    return isEqual;
  }

  destroy(): void {
    this.#keyed?.destroy();
    this.#working.destroy();
    this.#keyed = undefined;
  }

  #run(data: Uint8Array): void {
    alive(this.#keyed)._cloneInto(this.#working).update(data).digestInto(this.#digest);
  }
}
