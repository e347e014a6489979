// The crypto backend of Node.js: OpenSSL through node:crypto, and nothing else.
//
// A KeyObject is made once per key; a cipher object once per message, which is nearly all that a short message costs.
// Lengths are checked here and `authTagLength` is always given, because Node 20 accepts shorter tags and other nonces
// when it is not. Which keys are accepted is decided by key-encoding.ts and signature-scheme.ts, as for noble.ts.

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  hash as hashAtOnce,
  type JsonWebKey,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  constants as opensslConstants,
  pbkdf2Sync,
  randomBytes,
  type SigningOptions,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto';
import { concat, empty, wipe } from '../base/bytes.js';
import { Recent } from '../base/recent.js';
import {
  type CurvePublicKey,
  decodePrivateKey,
  decodePublicKey,
  encodePrivateKey,
  type PrivateKeyFields,
  type PublicKeyFields,
  requireOwnPoint,
  unreadable,
} from './key-encoding.js';
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
  type CipherName,
  type CryptoProvider,
  type KeyKind,
  type Mac,
  nonceBytes,
  type PrivateKey,
  type SignatureAlgorithm,
  type StreamCipher,
  tagBytes,
  type X25519KeyPair,
  x25519KeyBytes,
} from './provider.js';
import { requireConsistentRsa } from './rsa-consistency.js';
import { hashBytes, requireScheme, type SignatureScheme, schemeFor } from './signature-scheme.js';

/** T(i-1), info and counter of HKDF-Expand, for as long as one HMAC takes. */
const expandInput = new Uint8Array(512);

/** node:crypto. AES comes first: with AES instructions it is the faster one (measured from 64 B to 16 KiB). */
export const nodeCrypto: CryptoProvider = {
  name: 'node',
  preferredCiphers: ['aes-256-gcm', 'chacha20-poly1305'],

  randomBytes(length) {
    requireInteger('the number of random bytes', length, 0, 2 ** 31 - 1);
    return plain(randomBytes(length));
  },

  equal(a, b) {
    return a.length === b.length && timingSafeEqual(a, b);
  },

  hash(name, data) {
    return plain(hashAtOnce(name, data, 'buffer'));
  },

  // hash() of one call takes two thirds of the time of createHash() (measured).
  iterateHash(name, data, rounds) {
    requireRounds(rounds);
    let digest = hashAtOnce(name, data, 'buffer');
    for (let round = 1; round < rounds; round++) {
      const next = hashAtOnce(name, digest, 'buffer');
      digest.fill(0);
      digest = next;
    }
    return plain(digest);
  },

  hmac(name, key, data) {
    return plain(createHmac(name, key).update(data).digest());
  },

  hkdfExtract(salt, inputKeyMaterial) {
    return plain(createHmac('sha256', salt).update(inputKeyMaterial).digest());
  },

  // hkdfSync() always extracts first, so the loop of RFC 5869 §2.3 is written out: T(i) = HMAC(T(i-1) ‖ info ‖ i).
  hkdfExpand(pseudoRandomKey, info, length) {
    requireExpandable(pseudoRandomKey, length);
    const output = new Uint8Array(length);
    let block: Uint8Array = empty;
    for (let offset = 0, index = 1; offset < length; offset += 32, index++) {
      // One update() for all of it, from the same memory for all: each costs a call into OpenSSL, and memory of more than
      // 64 bytes an allocation outside of V8's heap.
      const bytes = block.length + info.length + 1;
      const input = bytes <= expandInput.length ? expandInput.subarray(0, bytes) : new Uint8Array(bytes);
      input.set(block);
      input.set(info, block.length);
      input[bytes - 1] = index;
      wipe(block);
      block = createHmac('sha256', pseudoRandomKey).update(input).digest();
      wipe(input);
      output.set(block.subarray(0, length - offset), offset);
    }
    wipe(block);
    return output;
  },

  pbkdf2(name, password, salt, iterations, length) {
    requireStretchable(iterations, length);
    return plain(pbkdf2Sync(password, salt, iterations, length, name));
  },

  scrypt(password, salt, cost, length) {
    requireScrypt(cost, length);
    // OpenSSL refuses by a default of 32 MiB otherwise, and counts some blocks more than 128·N·r bytes.
    const maxmem = 128 * (cost.N + cost.p + 2) * cost.r + 4096;
    return plain(scryptSync(password, salt, length, { ...cost, maxmem }));
  },

  x25519KeyPair(privateKey) {
    if (privateKey === undefined) return new NodeX25519(generateX25519());
    requireLength('an X25519 private key', privateKey, x25519KeyBytes);
    const known = x25519PrivateKey(privateKey);
    return new NodeX25519({ privateKey: known, publicKey: createPublicKey(known).export({ format: 'jwk' }) });
  },

  aead: (cipher, key) => new NodeAead(cipher, key),
  streamCipher: (cipher, key) => new NodeStreamCipher(cipher, key),
  mac: (key) => new NodeMac(key),

  aesCbcDecrypt(key, iv, ciphertext) {
    requireCbc(key, iv, ciphertext);
    const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, iv).setAutoPadding(false);
    return plain(decipher.update(ciphertext));
  },

  aesCbcEncrypt(key, iv, plaintext) {
    requireCbc(key, iv, plaintext);
    const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv).setAutoPadding(false);
    return plain(cipher.update(plaintext));
  },

  verify(algorithm, publicKey, message, signature) {
    try {
      const known = provenKeys.find(publicKey);
      const fields = known?.fields ?? decodePublicKey(publicKey);
      const scheme = schemeFor(algorithm, fields);
      if (scheme === undefined) return false;
      // RFC 8017 §8.1.2 step 1: OpenSSL takes PSS signatures without their leading zero bytes.
      if ('modulus' in fields && signature.length !== fields.modulus.length) return false;
      const key = known?.key ?? readPublicKey(publicKey, fields);
      if (!nodeVerify(digestOf(scheme), message, { key, ...optionsOf(scheme) }, signature)) return false;
      if (known === undefined)
        provenKeys.remember([publicKey], (spki) => ({ key, fields: decodePublicKey(spki) }));
      return true;
    } catch {
      return false;
    }
  },

  importPrivateKey(pkcs8) {
    const fields = decodePrivateKey(pkcs8);
    if ('modulus' in fields) {
      return requireConsistentRsa(new NodePrivateKey(readPrivateKey(fields)), fields, nodeCrypto.verify);
    }
    try {
      // OpenSSL believes a public key that stands beside the private one; left out, it computes it.
      const alone = createPublicKey(readPrivateKey({ ...fields, point: undefined }));
      const own = decodePublicKey(plain(alone.export({ format: 'der', type: 'spki' })));
      requireOwnPoint(fields, own);
      return new NodePrivateKey(readPrivateKey({ ...fields, point: (own as CurvePublicKey).point }));
    } finally {
      wipe(fields.secret);
    }
  },

  generateKeyPair: (kind) => new NodePrivateKey(generate(kind)),
};

/** Public keys go in and out as JWK: OpenSSL reads and writes their DER ten times as slowly (measured). */
interface X25519Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: JsonWebKey;
}

/**
 * The public key comes as JWK from the generation itself. A generated KeyObject must never be exported as one: Node 20 allocates
 * under the key's lock then, and where that has the garbage collector drop what generated the key, which takes the same lock, the
 * process stands still for ever. Of processes that made 1,500 key pairs so, right after they had started, one in ten did.
 */
function generateX25519(): X25519Keys {
  return generateAsJwk('x25519', { publicKeyEncoding: { format: 'jwk' } });
}

/** What is left without an encoding is a KeyObject (Node's documentation); its declarations lack that one is, and one is not. */
const generateAsJwk = generateKeyPairSync as unknown as (
  type: 'x25519',
  options: { readonly publicKeyEncoding: { readonly format: 'jwk' } },
) => X25519Keys;

class NodeX25519 implements X25519KeyPair {
  readonly publicKey: Uint8Array;
  #privateKey: KeyObject | undefined;

  constructor({ privateKey, publicKey }: X25519Keys) {
    this.#privateKey = privateKey;
    this.publicKey = plain(Buffer.from(publicKey.x!, 'base64url'));
  }

  agree(peerPublicKey: Uint8Array): Uint8Array | undefined {
    const privateKey = alive(this.#privateKey);
    if (peerPublicKey.length !== x25519KeyBytes) return undefined;
    const jwk = { kty: 'OKP', crv: 'X25519', x: base64url(peerPublicKey) };
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    try {
      return plain(diffieHellman({ privateKey, publicKey }));
    } catch {
      // OpenSSL refuses to derive the all-zero secret (RFC 7748 §6.1).
      return undefined;
    }
  }

  destroy(): void {
    this.#privateKey = undefined;
  }
}

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
    requireSeal(nonce, plaintext.length, output.length);
    const cipher = createCipheriv(this.#cipher, key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(associatedData);
    output.set(cipher.update(plaintext));
    cipher.final();
    output.set(cipher.getAuthTag(), plaintext.length);
  }

  sealApart(nonce: Uint8Array, associatedData: Uint8Array, parts: readonly Uint8Array[]): Uint8Array[] {
    const key = alive(this.#key);
    requireLength('a nonce', nonce, nonceBytes);
    const cipher = createCipheriv(this.#cipher, key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(associatedData);
    const sealed: Uint8Array[] = parts.map((part) => cipher.update(part));
    cipher.final();
    sealed.push(cipher.getAuthTag());
    return sealed;
  }

  open(nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean {
    alive(this.#key);
    if (!requireOpen(nonce, sealed.length, output)) return false;
    // Memory of its own, so nothing unchecked ever stands in `output`.
    const plaintext = this.openApart(nonce, associatedData, sealed, 0);
    if (plaintext === false) {
      wipe(output);
      return false;
    }
    output.set(plaintext);
    wipe(plaintext);
    return true;
  }

  openApart(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    bytes: Uint8Array,
    at: number,
  ): Uint8Array | false {
    const key = alive(this.#key);
    const tagAt = bytes.length - tagBytes;
    requireLength('a nonce', nonce, nonceBytes);
    if (tagAt < at) return false;
    const decipher = createDecipheriv(this.#cipher, key, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(bytes.subarray(tagAt));
    decipher.setAAD(associatedData);
    const plaintext = plain(decipher.update(bytes.subarray(at, tagAt)));
    try {
      decipher.final();
      return plaintext;
    } catch {
      wipe(plaintext);
      return false;
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
    requireApply(nonce, input, output);
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
    tag.set(this.#tag(data));
  }

  verify(data: Uint8Array, tag: Uint8Array): boolean {
    const computed = this.#tag(data);
    return tag.length === tagBytes && timingSafeEqual(computed, tag);
  }

  destroy(): void {
    this.#key = undefined;
  }

  #tag(data: Uint8Array): Uint8Array {
    return createHmac('sha256', alive(this.#key)).update(data).digest().subarray(0, tagBytes);
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

/** A public key as OpenSSL has it, and what was read of it before that. */
interface PublicKey {
  readonly key: KeyObject;
  readonly fields: PublicKeyFields;
}

/**
 * Keys that have just verified something: reading one costs as much as that. Whoever fills this has signed for each place
 * in it, and gains that others are read again.
 */
const provenKeys = new Recent<PublicKey>({ maxEntries: 32, maxBytes: 2048 });

/** As JWK, where it has that form: OpenSSL reads its DER up to forty times as slowly (measured). */
function readPublicKey(spki: Uint8Array, fields: PublicKeyFields): KeyObject {
  const jwk = jwkOf(fields);
  return jwk === undefined
    ? createPublicKey({ key: buffer(spki), format: 'der', type: 'spki' })
    : createPublicKey({ key: jwk, format: 'jwk' });
}

/** RFC 7517 and RFC 8037; undefined for compressed points, and for keys whose kind a JWK does not tell. */
function jwkOf(fields: PublicKeyFields): JsonWebKey | undefined {
  switch (fields.kind) {
    case 'rsa':
      return { kty: 'RSA', n: base64url(fields.modulus), e: base64url(fields.exponent) };
    case 'ed25519':
      return { kty: 'OKP', crv: 'Ed25519', x: base64url(fields.point) };
    case 'p256':
    case 'p384': {
      const [form] = fields.point;
      if (form !== uncompressed) return undefined;
      const middle = (fields.point.length + 1) / 2;
      const [x, y] = [fields.point.subarray(1, middle), fields.point.subarray(middle)];
      return { kty: 'EC', crv: fields.kind === 'p256' ? 'P-256' : 'P-384', x: base64url(x), y: base64url(y) };
    }
    default:
      return undefined;
  }
}

/** SEC 1 §2.3.3: `04 ‖ x ‖ y`. */
const uncompressed = 0x04;

function digestOf(scheme: SignatureScheme): string | null {
  return scheme.family === 'ed25519' ? null : scheme.hash;
}

function optionsOf(scheme: SignatureScheme): SigningOptions {
  if (scheme.family === 'rsa-pkcs1') return { padding: opensslConstants.RSA_PKCS1_PADDING };
  if (scheme.family !== 'rsa-pss') return { dsaEncoding: 'der' };
  // Exactly this salt: OpenSSL would else take any length when it verifies.
  return { padding: opensslConstants.RSA_PKCS1_PSS_PADDING, saltLength: hashBytes[scheme.hash] };
}

function readPrivateKey(fields: PrivateKeyFields): KeyObject {
  const pkcs8 = encodePrivateKey(fields);
  try {
    return createPrivateKey({ key: buffer(pkcs8), format: 'der', type: 'pkcs8' });
  } catch {
    // The cause stays behind: what OpenSSL says about a private key is not ours to vouch for.
    throw unreadable('OpenSSL refuses its numbers');
  } finally {
    wipe(pkcs8);
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

function x25519PrivateKey(privateKey: Uint8Array): KeyObject {
  const pkcs8 = concat([x25519Pkcs8Prefix, privateKey]);
  const key = createPrivateKey({ key: buffer(pkcs8), format: 'der', type: 'pkcs8' });
  wipe(pkcs8);
  return key;
}

function base64url(bytes: Uint8Array): string {
  return buffer(bytes).toString('base64url');
}

/** A view as a Buffer, which the key readers of node:crypto insist on. */
function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A Buffer as a bare Uint8Array of the same memory: Buffer's slice() and toString() would surprise the callers. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
