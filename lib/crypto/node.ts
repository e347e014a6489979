// The crypto backend of Node.js: OpenSSL through node:crypto, and nothing else.
//
// A KeyObject is made once per key; a cipher object once per message, which is nearly all that a short message costs.
// Lengths are checked here and `authTagLength` is always given, because Node 20 accepts shorter tags and other nonces
// when it is not. Which keys are accepted is decided by key-encoding.ts and signature-scheme.ts, as for noble.ts.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  constants as opensslConstants,
  pbkdf2Sync,
  randomBytes,
  type SigningOptions,
  timingSafeEqual,
} from 'node:crypto';
import { concat, empty, wipe } from '../base/bytes.js';
import { unreadable } from './key-der.js';
import {
  decodePrivateKey,
  decodePublicKey,
  encodePrivateKey,
  type PublicKeyFields,
  requireOwnPoint,
} from './key-encoding.js';
import {
  alive,
  requireCbc,
  requireExpandable,
  requireInteger,
  requireKey,
  requireLength,
  requireNonce,
  requireOpenedLength,
  requireSealedLength,
  requireStretchable,
} from './preconditions.js';
import {
  type Aead,
  type CipherName,
  type CryptoProvider,
  type HashName,
  type KeyKind,
  type Mac,
  type PrivateKey,
  type SignatureAlgorithm,
  type StreamCipher,
  tagBytes,
  type X25519KeyPair,
  x25519KeyBytes,
} from './provider.js';
import { hashBytes, requireScheme, type SignatureScheme, schemeFor } from './signature-scheme.js';

/** node:crypto. AES comes first: with AES instructions it is the faster one (research of 2026, 64 B to 16 KiB). */
export const nodeCrypto: CryptoProvider = {
  name: 'node',
  preferredCiphers: ['aes-256-gcm', 'chacha20-poly1305'],

  randomBytes(length: number): Uint8Array {
    requireInteger('the number of random bytes', length, 0, 2 ** 31 - 1);
    return plain(randomBytes(length));
  },

  equal(a: Uint8Array, b: Uint8Array): boolean {
    return a.length === b.length && timingSafeEqual(a, b);
  },

  hash(name: HashName, data: Uint8Array): Uint8Array {
    return plain(createHash(name).update(data).digest());
  },

  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
    return plain(createHmac(name, key).update(data).digest());
  },

  hkdfExtract(salt: Uint8Array, inputKeyMaterial: Uint8Array): Uint8Array {
    return plain(createHmac('sha256', salt).update(inputKeyMaterial).digest());
  },

  // hkdfSync() always extracts first, so the loop of RFC 5869 §2.3 is written out: T(i) = HMAC(T(i-1) ‖ info ‖ i).
  hkdfExpand(pseudoRandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array {
    requireExpandable(pseudoRandomKey, length);
    const output = new Uint8Array(length);
    let block: Uint8Array = empty;
    for (let offset = 0, index = 1; offset < length; offset += 32, index++) {
      const next = createHmac('sha256', pseudoRandomKey)
        .update(block)
        .update(info)
        .update(Uint8Array.of(index))
        .digest();
      wipe(block);
      block = next;
      output.set(block.subarray(0, Math.min(32, length - offset)), offset);
    }
    wipe(block);
    return output;
  },

  pbkdf2(
    name: HashName,
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    length: number,
  ): Uint8Array {
    requireStretchable(iterations, length);
    return plain(pbkdf2Sync(password, salt, iterations, length, name));
  },

  x25519GenerateKeyPair(): X25519KeyPair {
    const privateKey = plain(randomBytes(x25519KeyBytes));
    const spki = createPublicKey(x25519PrivateKey(privateKey)).export({ format: 'der', type: 'spki' });
    return { privateKey, publicKey: plain(spki).slice(-x25519KeyBytes) };
  },

  x25519SharedSecret(privateKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array | undefined {
    requireLength('an X25519 private key', privateKey, x25519KeyBytes);
    if (peerPublicKey.length !== x25519KeyBytes) return undefined;
    const spki = concat([x25519SpkiPrefix, peerPublicKey]);
    const publicKey = createPublicKey({ key: buffer(spki), format: 'der', type: 'spki' });
    try {
      return plain(diffieHellman({ privateKey: x25519PrivateKey(privateKey), publicKey }));
    } catch {
      // OpenSSL refuses to derive the all-zero secret (RFC 7748 §6.1).
      return undefined;
    }
  },

  aead(cipher: CipherName, key: Uint8Array): Aead {
    return new NodeAead(cipher, key);
  },

  streamCipher(cipher: CipherName, key: Uint8Array): StreamCipher {
    return new NodeStreamCipher(cipher, key);
  },

  mac(key: Uint8Array): Mac {
    return new NodeMac(key);
  },

  aesCbcDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    requireCbc(key, iv, ciphertext);
    const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, iv).setAutoPadding(false);
    return concat([decipher.update(ciphertext), decipher.final()]);
  },

  aesCbcEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
    requireCbc(key, iv, plaintext);
    const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv).setAutoPadding(false);
    return concat([cipher.update(plaintext), cipher.final()]);
  },

  verify(
    algorithm: SignatureAlgorithm,
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean {
    try {
      const scheme = schemeFor(algorithm, decodePublicKey(publicKey));
      if (scheme === undefined) return false;
      const key = createPublicKey({ key: buffer(publicKey), format: 'der', type: 'spki' });
      return nodeVerify(digestOf(scheme), message, { key, ...optionsOf(scheme) }, signature);
    } catch {
      return false;
    }
  },

  importPrivateKey(pkcs8: Uint8Array): PrivateKey {
    const fields = decodePrivateKey(pkcs8);
    // OpenSSL believes a public key that stands beside the private one; left out, it computes it.
    const canonical = encodePrivateKey('modulus' in fields ? fields : { ...fields, point: undefined });
    try {
      const key = new NodePrivateKey(readPrivateKey(canonical));
      if ('secret' in fields) requireOwnPoint(fields, decodePublicKey(key.publicKey));
      return key;
    } finally {
      wipe(canonical);
      if ('secret' in fields) wipe(fields.secret);
    }
  },

  generateKeyPair(kind: KeyKind): PrivateKey {
    return new NodePrivateKey(generate(kind));
  },
};

class NodeAead implements Aead {
  readonly #cipher: 'aes-256-gcm';
  #key: KeyObject | undefined;

  constructor(cipher: CipherName, key: Uint8Array) {
    requireKey(key);
    // The two have the same interface; only the declarations of @types/node tell them apart.
    this.#cipher = cipher as 'aes-256-gcm';
    this.#key = createSecretKey(key);
  }

  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    const key = alive(this.#key);
    requireNonce(nonce);
    requireSealedLength(output, plaintext);
    const cipher = createCipheriv(this.#cipher, key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(associatedData);
    output.set(cipher.update(plaintext));
    cipher.final();
    output.set(cipher.getAuthTag(), plaintext.length);
  }

  open(nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean {
    const key = alive(this.#key);
    requireNonce(nonce);
    if (sealed.length < tagBytes) {
      output.fill(0);
      return false;
    }
    requireOpenedLength(output, sealed);
    const decipher = createDecipheriv(this.#cipher, key, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    decipher.setAAD(associatedData);
    // A buffer of its own, so nothing unchecked ever stands in `output`.
    const plaintext = decipher.update(sealed.subarray(0, -tagBytes));
    try {
      decipher.final();
      output.set(plaintext);
      return true;
    } catch {
      output.fill(0);
      return false;
    } finally {
      plaintext.fill(0);
    }
  }

  destroy(): void {
    // A KeyObject cannot be overwritten; OpenSSL cleanses it when the garbage collector drops it.
    this.#key = undefined;
  }
}

class NodeStreamCipher implements StreamCipher {
  readonly #algorithm: 'aes-256-ctr' | 'chacha20';
  readonly #iv: Uint8Array = new Uint8Array(16);
  readonly #nonceOffset: number;
  #key: KeyObject | undefined;

  constructor(cipher: CipherName, key: Uint8Array) {
    requireKey(key);
    const isAes = cipher === 'aes-256-gcm';
    this.#algorithm = isAes ? 'aes-256-ctr' : 'chacha20';
    // AES: nonce ‖ big-endian counter. ChaCha20 in OpenSSL: little-endian counter ‖ nonce. Both start at 0.
    this.#nonceOffset = isAes ? 0 : 4;
    this.#key = createSecretKey(key);
  }

  apply(nonce: Uint8Array, input: Uint8Array, output: Uint8Array): void {
    const key = alive(this.#key);
    requireNonce(nonce);
    requireLength('the output of apply()', output, input.length);
    this.#iv.set(nonce, this.#nonceOffset);
    output.set(createCipheriv(this.#algorithm, key, this.#iv).update(input));
  }

  destroy(): void {
    this.#key = undefined;
  }
}

class NodeMac implements Mac {
  #key: KeyObject | undefined;

  constructor(key: Uint8Array) {
    requireKey(key);
    this.#key = createSecretKey(key);
  }

  compute(data: Uint8Array, tag: Uint8Array): void {
    requireLength('a MAC tag', tag, tagBytes);
    tag.set(this.#digest(data).subarray(0, tagBytes));
  }

  verify(data: Uint8Array, tag: Uint8Array): boolean {
    const digest = this.#digest(data);
    return tag.length === tagBytes && timingSafeEqual(digest.subarray(0, tagBytes), tag);
  }

  destroy(): void {
    this.#key = undefined;
  }

  #digest(data: Uint8Array): Uint8Array {
    return createHmac('sha256', alive(this.#key)).update(data).digest();
  }
}

class NodePrivateKey implements PrivateKey {
  readonly kind: PrivateKey['kind'];
  readonly publicKey: Uint8Array;
  readonly #fields: PublicKeyFields;
  readonly #key: KeyObject;

  constructor(key: KeyObject) {
    this.#key = key;
    this.publicKey = plain(createPublicKey(key).export({ format: 'der', type: 'spki' }));
    this.#fields = decodePublicKey(this.publicKey);
    this.kind = this.#fields.kind;
  }

  sign(algorithm: SignatureAlgorithm, message: Uint8Array): Uint8Array {
    const scheme = requireScheme(algorithm, this.#fields);
    return plain(nodeSign(digestOf(scheme), message, { key: this.#key, ...optionsOf(scheme) }));
  }

  export(): Uint8Array {
    return plain(this.#key.export({ format: 'der', type: 'pkcs8' }));
  }
}

function digestOf(scheme: SignatureScheme): string | null {
  return scheme.family === 'ed25519' ? null : scheme.hash;
}

function optionsOf(scheme: SignatureScheme): SigningOptions {
  switch (scheme.family) {
    case 'rsa-pss':
      // Exactly this salt: OpenSSL would else take any length when it verifies.
      return { padding: opensslConstants.RSA_PKCS1_PSS_PADDING, saltLength: hashBytes[scheme.hash] };
    case 'rsa-pkcs1':
      return { padding: opensslConstants.RSA_PKCS1_PADDING };
    case 'p256':
    case 'p384':
      return { dsaEncoding: 'der' };
    case 'ed25519':
      return {};
  }
}

function readPrivateKey(pkcs8: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: buffer(pkcs8), format: 'der', type: 'pkcs8' });
  } catch {
    // The cause stays behind: what OpenSSL says about a private key is not ours to vouch for.
    throw unreadable('OpenSSL refuses its numbers');
  }
}

function generate(kind: KeyKind): KeyObject {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (kind === 'p256') return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  if (kind === 'p384') return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const modulusLength = Number(kind.slice('rsa-'.length));
  return generateKeyPairSync('rsa', { modulusLength, publicExponent: 65537 }).privateKey;
}

// RFC 8410 §7 and §4: everything of PKCS#8 and SubjectPublicKeyInfo that stands before the 32 bytes of an X25519 key.
const x25519Pkcs8Prefix = Uint8Array.of(0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 34, 4, 32);
const x25519SpkiPrefix = Uint8Array.of(0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 3, 33, 0);

function x25519PrivateKey(privateKey: Uint8Array): KeyObject {
  const pkcs8 = concat([x25519Pkcs8Prefix, privateKey]);
  const key = createPrivateKey({ key: buffer(pkcs8), format: 'der', type: 'pkcs8' });
  wipe(pkcs8);
  return key;
}

/** A view as a Buffer, which the key readers of node:crypto insist on. */
function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A Buffer as a bare Uint8Array of the same memory: Buffer's slice() and toString() would surprise the callers. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
