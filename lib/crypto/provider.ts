// The interface that every crypto backend fills: noble.ts (anywhere) and node.ts (node:crypto).
//
// Synchronous, because a page on plain http:// has no WebCrypto and because a record is sealed in the turn
// that sends it. Ciphers keep per-key state and write into the caller's buffers, so that a message costs no
// object of its own and a WebAssembly backend fits in beside these two. Nothing here knows records, labels
// or certificates.

/**
 * The hash functions that certificates, PFX files and the key schedule use. From MD5 on they are there to read the
 * files of other programs, and SHA-1 to make identifiers of certificates: nothing of ours is protected with them.
 */
export type HashName =
  | 'sha256'
  | 'sha384'
  | 'sha512'
  | 'md5'
  | 'sha1'
  | 'sha224'
  | 'sha512-224'
  | 'sha512-256'
  | 'blake2b512';

/** What scrypt is to cost (RFC 7914 §2): 128·N·r bytes of memory, and time for p times as many. */
export interface ScryptCost {
  /** A power of two above 1, and below 2^(16·r). */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** AEAD of both directions, and the stream cipher that it is built on. */
export type CipherName = 'aes-256-gcm' | 'chacha20-poly1305';

/**
 * How a signature is made, in one word per algorithm and hash:
 * RSASSA-PSS with MGF1 of the same hash and a salt of the hash's length, RSASSA-PKCS1-v1_5,
 * ECDSA with a DER-encoded Ecdsa-Sig-Value, Ed25519.
 */
export type SignatureAlgorithm =
  | 'rsa-pss-sha256'
  | 'rsa-pss-sha384'
  | 'rsa-pss-sha512'
  | 'rsa-pkcs1-sha256'
  | 'rsa-pkcs1-sha384'
  | 'rsa-pkcs1-sha512'
  | 'ecdsa-p256-sha256'
  | 'ecdsa-p256-sha384'
  | 'ecdsa-p256-sha512'
  | 'ecdsa-p384-sha256'
  | 'ecdsa-p384-sha384'
  | 'ecdsa-p384-sha512'
  | 'ed25519';

/** What {@link CryptoProvider.generateKeyPair} can make. RSA exponents are 65537. */
export type KeyKind = 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'p256' | 'p384' | 'ed25519';

export const x25519KeyBytes = 32;
export const cipherKeyBytes = 32;
export const nonceBytes = 12;
export const tagBytes = 16;

/** An AEAD under one key: 12-byte nonces, 16-byte tags, the tag behind the ciphertext (RFC 5116 §2.1). */
export interface Aead {
  /**
   * Encrypts `plaintext` and writes ciphertext and tag to `output`, which is 16 bytes longer.
   * `output` may begin at the very place of `plaintext`.
   */
  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void;
  /**
   * The same of a plaintext that is `parts` in a row, `bytes` in all, to `output` from `at` to its end. Left out by backends that
   * would have to join them first.
   */
  sealParts?(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    parts: readonly Uint8Array[],
    bytes: number,
    output: Uint8Array,
    at: number,
  ): void;
  /**
   * For backends that make new memory for each ciphertext: the same without a copy, the ciphertexts of `parts`, which are
   * one plaintext in a row, and the tag behind them. Undefined where {@link seal} is faster for so many bytes. Left out by
   * backends that have nothing to save.
   */
  sealApart?(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    parts: readonly Uint8Array[],
    bytes: number,
  ): Uint8Array[] | undefined;
  /**
   * Checks and decrypts `sealed` into `output`, which is 16 bytes shorter and may be the start of `sealed`.
   * Returns false, and leaves nothing of the plaintext in `output`, when the tag does not fit.
   */
  open(nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean;
  /** The same of what stands in `bytes` from `at` to its end. Left out by backends that would have to make a view of it. */
  openFrom?(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    bytes: Uint8Array,
    at: number,
    output: Uint8Array,
  ): boolean;
  /**
   * For backends that make new memory for each plaintext: the same without a copy, the plaintext of what stands in `bytes` from `at`
   * to its end, which is left as it is; false where the tag does not fit. Undefined where {@link open} is faster for so many
   * bytes. Left out by backends that have nothing to save.
   */
  openApart?(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    bytes: Uint8Array,
    at: number,
  ): Uint8Array | false | undefined;
  /** Wipes what can be wiped of the key; the object is of no use afterwards. */
  destroy(): void;
}

/**
 * A cipher without any tag: AES-256-CTR with the counter block `nonce ‖ 0x00000000`, or ChaCha20 (RFC 8439
 * §2.4) from block 0. Encrypting and decrypting are the same operation. Malleable: whoever can change the
 * ciphertext changes the same bits of the plaintext.
 */
export interface StreamCipher {
  /** Writes `input` xor key stream to `output`, of the same length and possibly the same place. */
  apply(nonce: Uint8Array, input: Uint8Array, output: Uint8Array): void;
  destroy(): void;
}

/** HMAC-SHA256 under one key, cut to its first 16 bytes (RFC 2104 §5). */
export interface Mac {
  /** Writes the 16-byte tag of `data` to `tag`. */
  compute(data: Uint8Array, tag: Uint8Array): void;
  /** Compares in constant time; a tag of another length than 16 is false. */
  verify(data: Uint8Array, tag: Uint8Array): boolean;
  destroy(): void;
}

/** A key pair that agrees on secrets. The private key never leaves the backend. */
export interface X25519KeyPair {
  /** 32 bytes, RFC 7748 §5. */
  readonly publicKey: Uint8Array;
  /**
   * The shared secret, 32 bytes, RFC 7748 §6.1; the caller wipes it. Undefined for a peer's key that is malformed or
   * gives the all-zero secret.
   */
  agree(peerPublicKey: Uint8Array): Uint8Array | undefined;
  /** Lets go of the private key, wiped where it can be; agree() throws INVALID_STATE afterwards. */
  destroy(): void;
}

/** A key that signs. `export` gives PKCS#8 DER; the caller wipes it. */
export interface PrivateKey {
  readonly kind: 'rsa' | 'rsa-pss' | 'p256' | 'p384' | 'ed25519';
  /** SubjectPublicKeyInfo, DER: what the certificate of this key holds. */
  readonly publicKey: Uint8Array;
  sign(algorithm: SignatureAlgorithm, message: Uint8Array): Uint8Array;
  export(): Uint8Array;
}

export interface CryptoProvider {
  readonly name: string;
  /** Suites in the order in which this backend is fastest. */
  readonly preferredCiphers: readonly CipherName[];

  randomBytes(length: number): Uint8Array;
  /** True when both have the same length and content, in time that does not depend on the content. */
  equal(a: Uint8Array, b: Uint8Array): boolean;

  hash(name: HashName, data: Uint8Array): Uint8Array;
  /** The hash of the hash … of `data`, `rounds` times; at least once. The PKCS #12 key derivation is made of it. */
  iterateHash(name: HashName, data: Uint8Array, rounds: number): Uint8Array;
  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;
  /** RFC 5869 §2.2 with SHA-256: 32 bytes. */
  hkdfExtract(salt: Uint8Array, inputKeyMaterial: Uint8Array): Uint8Array;
  /** RFC 5869 §2.3 with SHA-256; at most 255 × 32 bytes. `info` is the caller's to overwrite afterwards. */
  hkdfExpand(pseudoRandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** RFC 8018 §5.2. */
  pbkdf2(
    name: HashName,
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    length: number,
  ): Uint8Array;
  /** RFC 7914. The caller bounds the cost: a thousand times more is as easily written. */
  scrypt(password: Uint8Array, salt: Uint8Array, cost: ScryptCost, length: number): Uint8Array;

  /** A fresh key pair; or that of a known private key, 32 bytes, which is copied. */
  x25519KeyPair(privateKey?: Uint8Array): X25519KeyPair;

  aead(cipher: CipherName, key: Uint8Array): Aead;
  /** The stream cipher below that AEAD, alone. */
  streamCipher(cipher: CipherName, key: Uint8Array): StreamCipher;
  mac(key: Uint8Array): Mac;

  /** AES-CBC without padding removal; used for PFX and encrypted PKCS#8 only. The key has 16, 24 or 32 bytes. */
  aesCbcDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array;
  /** The inverse; `plaintext` is a whole number of 16-byte blocks. */
  aesCbcEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array;

  /**
   * Whether `signature` over `message` was made by the key in `publicKey` (SubjectPublicKeyInfo, DER).
   * False, never an exception, for a malformed key or signature, for a key of another kind than the
   * algorithm asks for, and for RSA keys outside 2048 to 8192 bits.
   */
  verify(
    algorithm: SignatureAlgorithm,
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean;
  /** Reads PKCS#8 DER; throws a SealwireError (INVALID_CERTIFICATE) for what it cannot use. */
  importPrivateKey(pkcs8: Uint8Array): PrivateKey;
  generateKeyPair(kind: KeyKind): PrivateKey;
}
