// HMAC-SHA256 in WebAssembly, and HKDF-Expand: like cipher.ts one memory for all keys, wiped before a call ends.
//
// What is kept of the key of a MAC of 16 bytes is the pair of states that its two padded blocks leave (RFC 2104 §4), 64 bytes in
// JavaScript's memory: to make them anew for each message would double the work on a short one. The keys of a key schedule
// are used once, and nothing of them is kept.

import { wipe } from '../../base/bytes.js';
import { Views } from '../../base/views.js';
import { macModule } from './binary.js';
import { instantiate } from './instance.js';

/** The exports of assembly/mac.ts. */
interface MacCalls {
  prepare(): void;
  absorb(bytes: number): void;
  finish(bytes: number, total: number): number;
}

// The places of assembly/mac-memory.ts. What stands before the state are constants.
const stateAt = 512;
const tagAt = 576;
const dataAt = 848;
/** Behind the message: padding and length. */
const behindData = 72;

/** Whole blocks of SHA-256. */
const pieceBytes = 16 * 1024;

export const macStateBytes = 64;

/** A block of SHA-256: longer keys are hashed first (RFC 2104 §2), which is not done here. */
export const maxHmacKeyBytes = 64;
const hmacBytes = 32;

export class WasmMac {
  readonly #call: MacCalls;
  readonly #bytes: Uint8Array;
  readonly #states: Uint8Array;
  readonly #data: Views;

  static load(): WasmMac | undefined {
    const instance = instantiate<MacCalls>(macModule);
    return instance && new WasmMac(instance.call, instance.bytes);
  }

  private constructor(call: MacCalls, bytes: Uint8Array) {
    this.#call = call;
    this.#bytes = bytes;
    this.#states = bytes.subarray(stateAt, stateAt + macStateBytes);
    this.#data = new Views(bytes, dataAt);
  }

  /** The pair of states of a 32-byte key: as good as the key itself. */
  prepare(key: Uint8Array): Uint8Array {
    try {
      this.#bytes.set(key, dataAt);
      this.#call.prepare();
      return Uint8Array.from(this.#states);
    } finally {
      this.#wipe(macStateBytes);
    }
  }

  /** Writes the tag of `message`, 16 bytes. */
  compute(states: Uint8Array, message: Uint8Array, tag: Uint8Array): void {
    try {
      this.#run(states, message);
      tag.set(this.#data.first(16));
    } finally {
      this.#wipe(message.length);
    }
  }

  /** Whether `tag`, 16 bytes, is that of `message`; compared in constant time. */
  verify(states: Uint8Array, message: Uint8Array, tag: Uint8Array): boolean {
    try {
      this.#bytes.set(tag, tagAt);
      return this.#run(states, message);
    } finally {
      this.#wipe(message.length);
    }
  }

  /** All 32 bytes, of a key of at most 64 bytes and a message of at most 16 KiB. */
  hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
    const bytes = this.#bytes;
    try {
      bytes.set(key, dataAt);
      this.#call.prepare();
      bytes.set(message, dataAt);
      this.#call.finish(message.length, message.length);
      return Uint8Array.from(this.#data.first(hmacBytes));
    } finally {
      this.#wipe(Math.max(message.length, maxHmacKeyBytes));
    }
  }

  /** RFC 5869 §2.3: T(i) = HMAC(key, T(i-1) ‖ info ‖ i). Key and `info` as for {@link hmac}, less the 33 bytes around it. */
  expand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
    const output = new Uint8Array(length);
    const states = length > hmacBytes ? new Uint8Array(macStateBytes) : undefined;
    const bytes = this.#bytes;
    try {
      bytes.set(key, dataAt);
      this.#call.prepare();
      states?.set(this.#states);
      for (let offset = 0, index = 1; offset < length; offset += hmacBytes, index++) {
        // T(i-1) stands at the start of the data area, where the last call has left it.
        const infoAt = offset === 0 ? 0 : hmacBytes;
        if (offset > 0) bytes.set(states!, stateAt);
        bytes.set(info, dataAt + infoAt);
        bytes[dataAt + infoAt + info.length] = index;
        const inputBytes = infoAt + info.length + 1;
        this.#call.finish(inputBytes, inputBytes);
        output.set(this.#data.first(Math.min(hmacBytes, length - offset)), offset);
      }
      return output;
    } finally {
      if (states !== undefined) wipe(states);
      this.#wipe(Math.max(hmacBytes + info.length + 1, maxHmacKeyBytes));
    }
  }

  #run(states: Uint8Array, message: Uint8Array): boolean {
    const bytes = this.#bytes;
    const { length } = message;
    bytes.set(states, stateAt);
    if (length <= pieceBytes) {
      bytes.set(message, dataAt);
      return this.#call.finish(length, length) !== 0;
    }
    let offset = 0;
    for (; length - offset > pieceBytes; offset += pieceBytes) {
      bytes.set(message.subarray(offset, offset + pieceBytes), dataAt);
      this.#call.absorb(pieceBytes);
    }
    bytes.set(message.subarray(offset), dataAt);
    return this.#call.finish(length - offset, length) !== 0;
  }

  #wipe(bytes: number): void {
    this.#bytes.fill(0, stateAt, dataAt + Math.min(bytes, pieceBytes) + behindData);
  }
}
