// What is under way, by the number that it was given.
//
//   id & mask ─▸ its slot, or the next free one          [ 64 ][ 65 ][    ][ 3 ][ 20 ] …
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

/** A map by whole numbers. Those that are given out one after the other find their slots at once; at most half of all are taken. */
export class IdMap<Value extends object> {
  #ids: number[] = none as never[];
  #values: (Value | undefined)[] = none as never[];
  #size = 0;

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

  /** The slot that has this id, or the free one where a search for it ends. */
  #find(id: number): number {
    const mask = this.#values.length - 1;
    let at = id & mask;
    while (this.#values[at] !== undefined && this.#ids[at] !== id) at = (at + 1) & mask;
    return at;
  }

  /** Empties a slot. Who stands behind it, for want of a slot of its own, moves up: no search may end at the gap. */
  #close(gap: number): void {
    const mask = this.#values.length - 1;
    for (let at = (gap + 1) & mask; this.#values[at] !== undefined; at = (at + 1) & mask) {
      const home = this.#ids[at]! & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      this.#ids[gap] = this.#ids[at]!;
      this.#values[gap] = this.#values[at];
      gap = at;
    }
    this.#values[gap] = undefined;
  }

  #resize(length: number): void {
    const ids = this.#ids;
    const values = this.#values;
    this.#ids = new Array<number>(length).fill(0);
    this.#values = new Array<Value | undefined>(length).fill(undefined);
    for (const [at, value] of values.entries()) {
      if (value === undefined) continue;
      const to = this.#find(ids[at]!);
      this.#ids[to] = ids[at]!;
      this.#values[to] = value;
    }
  }
}
