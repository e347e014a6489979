// A service that writes down which calls ran, how often, and lets a spec hold them.

import { Rpc } from '../../decorators/index.js';
import { Security } from '../../lib/contract/security.js';

export class Ledger {
  /** How often each entry was run. */
  readonly runs: Map<number, number> = new Map();
  /** Entries that wait for {@link release}. */
  readonly #held: (() => void)[] = [];

  /** Answers in a later turn, so that a connection can be lost in between. */
  @Rpc()
  async enter(entry: number, turns = 0): Promise<number> {
    this.runs.set(entry, (this.runs.get(entry) ?? 0) + 1);
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    return entry;
  }

  @Rpc()
  hold(entry: number): Promise<number> {
    this.runs.set(entry, (this.runs.get(entry) ?? 0) + 1);
    return new Promise((resolve) => this.#held.push(() => resolve(entry)));
  }

  /** The same, and may be run twice. */
  @Rpc(Security.None, { idempotent: true })
  note(entry: number): Promise<number> {
    return this.hold(entry);
  }

  @Rpc()
  async *count(to: number): AsyncGenerator<number> {
    for (let item = 1; item <= to; item++) yield item;
  }

  release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }
}
