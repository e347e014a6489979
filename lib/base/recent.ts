// What was found out lately about some bytes, so that it need not be found out again: a small, bounded memory.
//
//   the bytes themselves, all of them ─▸ what is known of them        the one that was asked for last stands first
//
// The bytes are compared, and no hash of them: nobody can make others pass for them. They are copied, so that whoever
// owns the memory that they were read from cannot change what is known of what. What is full forgets what was not asked
// for longest. Whoever remembers here asks himself who can fill it.

import { sameBytes } from './bytes.js';

interface Entry<Value> {
  readonly key: readonly Uint8Array[];
  readonly value: Value;
}

export class Recent<Value> {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  /** Few enough to look through: most differ in length, or early. */
  readonly #entries: Entry<Value>[] = [];

  /** `maxBytes` for the bytes of one entry: what is longer is not remembered. */
  constructor({ maxEntries, maxBytes }: { readonly maxEntries: number; readonly maxBytes: number }) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#entries.length;
  }

  /** What is known of exactly these bytes, part by part; undefined for nothing. */
  find(...key: readonly Uint8Array[]): Value | undefined {
    const at = this.#entries.findIndex((entry) => isSame(entry.key, key));
    const entry = this.#entries[at];
    if (entry === undefined) return undefined;
    if (at > 0) {
      this.#entries.splice(at, 1);
      this.#entries.unshift(entry);
    }
    return entry.value;
  }

  /** `make` is given a copy of the bytes, which nobody else has. Does nothing for what is known already. */
  remember(key: readonly Uint8Array[], make: (...copy: readonly Uint8Array[]) => Value): void {
    if (key.reduce((bytes, part) => bytes + part.length, 0) > this.#maxBytes) return;
    if (this.find(...key) !== undefined) return;
    const copy = key.map((part) => Uint8Array.from(part));
    this.#entries.unshift({ key: copy, value: make(...copy) });
    if (this.#entries.length > this.#maxEntries) this.#entries.pop();
  }
}

function isSame(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((part, index) => sameBytes(part, b[index]!));
}
