// HMAC-SHA256 in WebAssembly, cut to 16 bytes: like cipher.ts one memory for all keys, wiped before a call ends.
//
// What is kept of a key is the pair of states that its two padded blocks leave (RFC 2104 §4), 64 bytes in JavaScript's
// memory: to make them anew for each message would double the work on a short one.

import { macModule } from './binary.js';
import { instantiate } from './instance.js';
import { Views } from './views.js';

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
