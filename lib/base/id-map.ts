// What is under way, by the number that it was given.
//
//   id ─ hashed ─▸ its slot, or the next free one          [ 64 ][ 65 ][    ][ 3 ][ 20 ] …
//
// A Map does this too, but whenever as many entries have come and gone as it has room for, it makes itself anew, and the old one
// points at the new one. Once one of them is old to the garbage collector, all that follow are kept with what
// was in them: a connection with a hundred calls in flight spent an eighth of its time on calls that were long over
// (docs/performance.md). This one makes nothing while there are no more entries than there were before.

/** Slots of the first table, and of the largest that is kept when nothing is in it; powers of two. */
const fewest = 16;
const keptWhenEmpty = 1024;

/** Shared by all that never had an entry, and never written to. */
const none: readonly never[] = Object.freeze([]) as readonly never[];

/** Nobody else knows it: a peer chooses the ids of its calls, and must not be able to choose such as meet in one slot. */
const seed: Uint32Array = new Uint32Array(2);
let isSeeded = false;

/** 32 bits, of which each depends on all of the id: the finalizer of MurmurHash3, once for each half. */
export function hash(id: number): number {
  return mixed(mixed(id ^ seed[0]!) ^ (id / 2 ** 32) ^ seed[1]!);
}

function mixed(bits: number): number {
  let mix = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}

/** A map by whole numbers. At most half of all slots are taken, so that the next free one is near (linear probing). */
export class IdMap<Value extends object> {
  #ids: number[] = none as never[];
  #values: (Value | undefined)[] = none as never[];
  #size = 0;
  /** What is left of a hash of 32 bits is the number of a slot. */
  #shift = 32;

  get size(): number {
    return this.#size;
  }

  get(id: number): Value | undefined {
    return this.#size === 0 ? undefined : this.#values[this.#find(id)];
  }

  set(id: number, value: Value): void {
    if ((this.#size + 1) * 2 > this.#values.length) this.#resize(Math.max(fewest, this.#values.length * 2));
    const at = this.#find(id);
    if (this.#values[at] === undefined) this.#size += 1;
    this.#ids[at] = id;
    this.#values[at] = value;
  }

  /** Whether it was there. */
  delete(id: number): boolean {
    if (this.#size === 0) return false;
    const at = this.#find(id);
    if (this.#values[at] === undefined) return false;
    this.#close(at);
    this.#size -= 1;
    if (this.#size === 0 && this.#values.length > keptWhenEmpty) this.#resize(fewest);
    return true;
  }

  /** In the order of their ids, as they are now. */
  values(): Value[] {
    const taken: number[] = [];
    for (let at = 0; at < this.#values.length; at++) if (this.#values[at] !== undefined) taken.push(at);
    return taken.sort((a, b) => this.#ids[a]! - this.#ids[b]!).map((at) => this.#values[at]!);
  }

  #home(id: number): number {
    return hash(id) >>> this.#shift;
  }

  /** The slot that has this id, or the free one where a search for it ends. */
  #find(id: number): number {
    const mask = this.#values.length - 1;
    let at = this.#home(id);
    while (this.#values[at] !== undefined && this.#ids[at] !== id) at = (at + 1) & mask;
    return at;
  }

  /** Empties a slot. Who stands behind it, for want of a slot of its own, moves up: no search may end at the gap. */
  #close(gap: number): void {
    const mask = this.#values.length - 1;
    for (let at = (gap + 1) & mask; this.#values[at] !== undefined; at = (at + 1) & mask) {
      const home = this.#home(this.#ids[at]!);
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      this.#ids[gap] = this.#ids[at]!;
      this.#values[gap] = this.#values[at];
      gap = at;
    }
    this.#values[gap] = undefined;
  }

  #resize(length: number): void {
    // Not when this file is loaded: randomness may come later, or never where nobody needs keys.
    if (!isSeeded) globalThis.crypto?.getRandomValues(seed);
    isSeeded = true;
    const ids = this.#ids;
    const values = this.#values;
    this.#ids = new Array<number>(length).fill(0);
    this.#values = new Array<Value | undefined>(length).fill(undefined);
    this.#shift = 32 - Math.log2(length);
    for (const [at, value] of values.entries()) {
      if (value === undefined) continue;
      const to = this.#find(ids[at]!);
      this.#ids[to] = ids[at]!;
      this.#values[to] = value;
    }
  }
}
