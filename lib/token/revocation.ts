// What is revoked: single sign-ins, with all tokens that came of them, and all sign-ins of a subject until now.
//
// A token runs out by itself, so an entry is only kept for as long as any token that it is about may live. Several servers
// share a store of their own (a database, Redis) that fills this interface; the one here is for a single process.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';

/** What a store is asked about. */
export interface RevocableToken {
  /** Of its sign-in: a token that was issued in the place of another one has the same. */
  readonly id: string;
  readonly subject: string;
  /** When that sign-in was. */
  readonly authenticatedAt: Date;
}

export interface RevocationStore {
  /** All tokens of a subject that authenticated until `until`. They have all run out at `forgetAt`. */
  revokeSubject(subject: string, until: Date, forgetAt: Date): void | Promise<void>;
  /** The tokens of one sign-in. */
  revokeToken(id: string, forgetAt: Date): void | Promise<void>;
  /** What it throws, or rejects with, refuses the token: nobody is let in because a database is away. */
  isRevoked(token: RevocableToken): boolean | Promise<boolean>;
}

/** Entries that a process holds; more are refused: forgetting one would let a token in again. */
const defaultMaxEntries = 100_000;

const systemClock: Pick<Clock, 'date'> = { date: () => new Date() };

interface SubjectEntry {
  readonly until: number;
  readonly forgetAt: number;
}

export class MemoryRevocations implements RevocationStore {
  readonly #clock: Pick<Clock, 'date'>;
  readonly #maxEntries: number;
  readonly #subjects = new Map<string, SubjectEntry>();
  readonly #tokens = new Map<string, number>();

  /** `clock`: the system's where it is left out. */
  constructor(clock: Pick<Clock, 'date'> = systemClock, maxEntries: number = defaultMaxEntries) {
    this.#clock = clock;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#subjects.size + this.#tokens.size;
  }

  /** Throws RESOURCE_EXHAUSTED when it is full of entries that still count. */
  revokeSubject(subject: string, until: Date, forgetAt: Date): void {
    const known = this.#subjects.get(subject);
    if (known === undefined) this.#makeRoom();
    this.#subjects.set(subject, {
      until: Math.max(until.getTime(), known?.until ?? 0),
      forgetAt: Math.max(forgetAt.getTime(), known?.forgetAt ?? 0),
    });
  }

  revokeToken(id: string, forgetAt: Date): void {
    if (!this.#tokens.has(id)) this.#makeRoom();
    this.#tokens.set(id, forgetAt.getTime());
  }

  isRevoked({ id, subject, authenticatedAt }: RevocableToken): boolean {
    if (this.#tokens.has(id)) return true;
    const entry = this.#subjects.get(subject);
    return entry !== undefined && authenticatedAt.getTime() <= entry.until;
  }

  #makeRoom(): void {
    if (this.size < this.#maxEntries) return;
    const now = this.#clock.date().getTime();
    for (const [id, forgetAt] of this.#tokens) if (forgetAt <= now) this.#tokens.delete(id);
    for (const [subject, { forgetAt }] of this.#subjects) if (forgetAt <= now) this.#subjects.delete(subject);
    if (this.size >= this.#maxEntries) {
      throw new SealwireError(
        'RESOURCE_EXHAUSTED',
        `${this.size} revocations are held already: give tokens.revocations a store of your own`,
      );
    }
  }
}
