// The ciphers and MACs that users of crypto/ hold: a key of their own, over the one instance that all of them share.
//
// Long messages may be faster elsewhere: from `Large.from` bytes on they go to an object of another backend, which is made
// when the first of them comes, since most connections never carry one.

import { wipe, writeAll } from '../../base/bytes.js';
import {
  alive,
  requireApply,
  requireKey,
  requireLength,
  requireOpen,
  requireSeal,
} from '../preconditions.js';
import { type Aead, type Mac, type StreamCipher, tagBytes } from '../provider.js';
import { longestAd, WasmCipher } from './cipher.js';
import type { WasmMac } from './mac.js';

/** Who takes messages of `from` bytes and more. */
export interface Large<Maker> {
  readonly from: number;
  readonly make: (key: Uint8Array) => Maker;
}

/** A key of 32 bytes, and what another backend made of it. */
abstract class Keyed<Other extends { destroy(): void }> {
  #key: Uint8Array | undefined;
  #other: Other | undefined;
  readonly #large: Large<Other> | undefined;

  constructor(key: Uint8Array, large: Large<Other> | undefined) {
    requireKey(key);
    // Not slice(): of a Buffer that is a view, and the key schedule wipes what it hands out.
    this.#key = Uint8Array.from(key);
    this.#large = large;
  }

  protected get key(): Uint8Array {
    return alive(this.#key);
  }

  /** The other backend's, for a message of that many bytes; undefined for those that stay here. */
  protected other(bytes: number): Other | undefined {
    const key = alive(this.#key);
    if (this.#large === undefined || bytes < this.#large.from) return undefined;
    this.#other ??= this.#large.make(key);
    return this.#other;
  }

  destroy(): void {
    if (this.#key !== undefined) wipe(this.#key);
    this.#key = undefined;
    this.#other?.destroy();
    this.#other = undefined;
  }
}

export class WasmAead extends Keyed<Aead> implements Aead {
  readonly #cipher: WasmCipher;

  constructor(cipher: WasmCipher, key: Uint8Array, large: Large<Aead> | undefined) {
    super(key, large);
    this.#cipher = cipher;
  }

  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    const { key } = this;
    requireSeal(nonce, plaintext.length, output.length);
    const other = this.other(plaintext.length);
    if (other !== undefined) other.seal(nonce, associatedData, plaintext, output);
    else this.#cipher.seal(key, nonce, associatedData, plaintext, output);
  }

  sealParts(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    parts: readonly Uint8Array[],
    bytes: number,
    output: Uint8Array,
    at: number,
  ): void {
    const { key } = this;
    if (!WasmCipher.fits(bytes, associatedData.length) || this.other(bytes) !== undefined) {
      const plaintext = output.subarray(at, at + bytes);
      writeAll(plaintext, 0, parts);
      this.seal(nonce, associatedData, plaintext, output.subarray(at));
      return;
    }
    requireSeal(nonce, bytes, output.length - at);
    this.#cipher.sealParts(key, nonce, associatedData, parts, bytes, output, at);
  }

  sealApart(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    parts: readonly Uint8Array[],
    bytes: number,
  ): Uint8Array[] | undefined {
    return this.other(bytes)?.sealApart?.(nonce, associatedData, parts, bytes);
  }

  open(nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean {
    const { key } = this;
    if (!requireOpen(nonce, sealed.length, output)) return false;
    const other = this.other(output.length);
    if (other !== undefined) return other.open(nonce, associatedData, sealed, output);
    return this.#cipher.open(key, nonce, associatedData, sealed, output);
  }

  openFrom(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    bytes: Uint8Array,
    at: number,
    output: Uint8Array,
  ): boolean {
    const { key } = this;
    const fits = WasmCipher.fits(output.length, associatedData.length) && at <= longestAd;
    if (!fits || this.other(output.length) !== undefined)
      return this.open(nonce, associatedData, bytes.subarray(at), output);
    if (!requireOpen(nonce, bytes.length - at, output)) return false;
    return this.#cipher.open(key, nonce, associatedData, bytes, output, at);
  }

  openApart(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    bytes: Uint8Array,
    at: number,
  ): Uint8Array | false | undefined {
    return this.other(bytes.length - at - tagBytes)?.openApart?.(nonce, associatedData, bytes, at);
  }
}

export class WasmChaCha20 extends Keyed<StreamCipher> implements StreamCipher {
  readonly #cipher: WasmCipher;

  constructor(cipher: WasmCipher, key: Uint8Array, large: Large<StreamCipher> | undefined) {
    super(key, large);
    this.#cipher = cipher;
  }

  apply(nonce: Uint8Array, input: Uint8Array, output: Uint8Array): void {
    const { key } = this;
    requireApply(nonce, input, output);
    const other = this.other(input.length);
    if (other !== undefined) other.apply(nonce, input, output);
    else this.#cipher.apply(key, nonce, input, output);
  }
}

export class WasmHmac extends Keyed<Mac> implements Mac {
  readonly #mac: WasmMac;
  #states: Uint8Array | undefined;

  constructor(mac: WasmMac, key: Uint8Array, large: Large<Mac> | undefined) {
    super(key, large);
    this.#mac = mac;
    this.#states = mac.prepare(key);
  }

  compute(data: Uint8Array, tag: Uint8Array): void {
    const states = alive(this.#states);
    requireLength('a MAC tag', tag, tagBytes);
    const other = this.other(data.length);
    if (other !== undefined) other.compute(data, tag);
    else this.#mac.compute(states, data, tag);
  }

  verify(data: Uint8Array, tag: Uint8Array): boolean {
    const states = alive(this.#states);
    if (tag.length !== tagBytes) return false;
    const other = this.other(data.length);
    if (other !== undefined) return other.verify(data, tag);
    return this.#mac.verify(states, data, tag);
  }

  override destroy(): void {
    super.destroy();
    if (this.#states !== undefined) wipe(this.#states);
    this.#states = undefined;
  }
}
