// One generation of one direction: its ciphers, its IV, and the one counter that all its records share.
//
// Sealing and opening are mirror images and use the same object. Soft limits make the sender change keys; hard
// limits refuse (RFC 9846 §5.5; docs/protocol.md section 2). The sequence never wraps: it would have to pass
// the hard limit first.

import { wipe } from '../base/bytes.js';
import { alive } from '../crypto/preconditions.js';
import { type Aead, type Mac, nonceBytes, type StreamCipher } from '../crypto/provider.js';
import { maxSequence, writeSequence } from '../wire/frame.js';
import type { Purpose, TrafficSecret } from './traffic-keys.js';

/** A peer, or this side, that goes on past these under one key is refused. */
export const maxRecordsPerGeneration: number = 2 ** 24;
export const maxBytesPerGeneration: number = 2 ** 37;

/** Where the 48-bit sequence meets the 96-bit IV: its last six bytes. */
const sequenceInNonce = nonceBytes - 6;

/** One for all: it is written anew for each record, and used before anything else happens. */
const nonce: Uint8Array = new Uint8Array(nonceBytes);

export class Generation {
  readonly number: number;
  /** Encrypted and Authenticated. */
  readonly aead: Aead;
  /** Undefined once it is destroyed: a key that was derived from what is wiped would be everybody's. */
  #secret: TrafficSecret | undefined;
  readonly #iv: Uint8Array;
  #mac: Mac | undefined;
  #stream: StreamCipher | undefined;
  #sequence = 0;
  #bytes = 0;

  /** Takes the secret over. Ciphers for one flag alone are made, and their keys derived, when they are first used. */
  constructor(secret: TrafficSecret) {
    this.number = secret.generation;
    this.#secret = secret;
    this.#iv = secret.iv();
    const key = secret.key('both');
    this.aead = secret.crypto.aead(secret.cipher, key);
    wipe(key);
  }

  /** The number of the next record. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Bytes of bodies so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Authenticated alone. */
  get mac(): Mac {
    this.#mac ??= this.#make('authenticated', ({ crypto }, key) => crypto.mac(key));
    return this.#mac;
  }

  /** Encrypted alone. */
  get stream(): StreamCipher {
    this.#stream ??= this.#make('encrypted', ({ crypto, cipher }, key) => crypto.streamCipher(cipher, key));
    return this.#stream;
  }

  #make<Cipher>(purpose: Purpose, make: (secret: TrafficSecret, key: Uint8Array) => Cipher): Cipher {
    const secret = alive(this.#secret);
    const key = secret.key(purpose);
    const cipher = make(secret, key);
    wipe(key);
    return cipher;
  }

  /** Whether one more record with a body of `bodyBytes` would pass a hard limit. */
  exhausted(bodyBytes: number): boolean {
    return (
      this.#sequence >= maxRecordsPerGeneration ||
      this.#sequence > maxSequence ||
      this.#bytes + bodyBytes > maxBytesPerGeneration
    );
  }

  /** The nonce of the next record: static IV xor sequence. Valid until the next call. */
  nonce(): Uint8Array {
    writeNonce(nonce, this.#iv, this.#sequence);
    return nonce;
  }

  /** Counts a record that was sealed, or that was opened and found good. */
  advance(bodyBytes: number): void {
    this.#sequence += 1;
    this.#bytes += bodyBytes;
  }

  /** Derives the next generation and destroys this one. */
  next(): Generation {
    const next = new Generation(alive(this.#secret).next());
    this.destroy();
    return next;
  }

  /** Wipes secret, keys and IV. */
  destroy(): void {
    this.#secret?.destroy();
    this.#secret = undefined;
    this.aead.destroy();
    this.#mac?.destroy();
    this.#stream?.destroy();
    wipe(this.#iv, nonce);
  }
}

/** nonce = iv xor (six zero bytes ‖ sequence): the sequence is the part of the nonce that travels with each record. */
export function writeNonce(nonce: Uint8Array, iv: Uint8Array, sequence: number): void {
  writeSequence(nonce, sequenceInNonce, sequence);
  for (let index = 0; index < sequenceInNonce; index++) nonce[index] = iv[index]!;
  for (let index = sequenceInNonce; index < nonceBytes; index++) nonce[index]! ^= iv[index]!;
}
