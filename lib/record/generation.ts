// One generation of one direction: its ciphers, its IV, and the one counter that all its records share.
//
// Sealing and opening are mirror images and use the same object. Soft limits make the sender change keys; hard
// limits refuse (RFC 9846 §5.5; docs/protocol.md section 2). The sequence never wraps: it would have to pass
// the hard limit first.

import { wipe } from '../base/bytes.js';
import { type Aead, type Mac, nonceBytes, type StreamCipher } from '../crypto/provider.js';
import { maxSequence, writeSequence } from '../wire/frame.js';
import type { TrafficSecret } from './traffic-keys.js';

/** A peer, or this side, that goes on past these under one key is refused. */
export const maxRecordsPerGeneration: number = 2 ** 24;
export const maxBytesPerGeneration: number = 2 ** 37;

/** Where the 48-bit sequence meets the 96-bit IV: its last six bytes. */
const sequenceInNonce = nonceBytes - 6;

export class Generation {
  readonly number: number;
  /** Encrypted and Authenticated. */
  readonly aead: Aead;
  readonly #secret: TrafficSecret;
  readonly #iv: Uint8Array;
  readonly #nonce: Uint8Array = new Uint8Array(nonceBytes);
  readonly #macKey: Uint8Array;
  readonly #streamKey: Uint8Array;
  #mac: Mac | undefined;
  #stream: StreamCipher | undefined;
  #sequence = 0;
  #bytes = 0;

  /** Takes the secret over. Ciphers for one flag alone are made when they are first used. */
  constructor(secret: TrafficSecret) {
    const keys = secret.keys();
    this.number = secret.generation;
    this.aead = secret.crypto.aead(secret.cipher, keys.both);
    this.#secret = secret;
    this.#iv = keys.iv;
    this.#macKey = keys.authenticated;
    this.#streamKey = keys.encrypted;
    wipe(keys.both);
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
    this.#mac ??= this.#secret.crypto.mac(this.#macKey);
    return this.#mac;
  }

  /** Encrypted alone. */
  get stream(): StreamCipher {
    this.#stream ??= this.#secret.crypto.streamCipher(this.#secret.cipher, this.#streamKey);
    return this.#stream;
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
    writeNonce(this.#nonce, this.#iv, this.#sequence);
    return this.#nonce;
  }

  /** Counts a record that was sealed, or that was opened and found good. */
  advance(bodyBytes: number): void {
    this.#sequence += 1;
    this.#bytes += bodyBytes;
  }

  /** Derives the next generation and destroys this one. */
  next(): Generation {
    const next = new Generation(this.#secret.next());
    this.destroy();
    return next;
  }

  /** Wipes secret, keys and IV. */
  destroy(): void {
    this.#secret.destroy();
    this.aead.destroy();
    this.#mac?.destroy();
    this.#stream?.destroy();
    wipe(this.#iv, this.#nonce, this.#macKey, this.#streamKey);
  }
}

/** nonce = iv xor (six zero bytes ‖ sequence): the sequence is the part of the nonce that travels with each record. */
export function writeNonce(nonce: Uint8Array, iv: Uint8Array, sequence: number): void {
  nonce.fill(0, 0, sequenceInNonce);
  writeSequence(nonce, sequenceInNonce, sequence);
  for (let index = 0; index < nonceBytes; index++) nonce[index]! ^= iv[index]!;
}
