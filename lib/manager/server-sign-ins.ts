// Who has signed in on this server, with which token: its fresh ones, and its end.
//
//   admit ─▸ identity on the session, token to the client
//   sweep ─ half of a lifetime since it was looked at ─ not revoked? ─ the client does something ─▸ fresh token, pushed
//
// One timer for all. A client that does nothing is left alone, and its token runs out; with its next call it is looked at
// again, and whether a token that has not run out yet is replaced. One that has run out is not: the connection goes on, the
// next server wants credentials. Whatever changes makes a new entry, so that what was begun for an older one comes to nothing.

import type { Clock, StopTimer } from '../base/clock.js';
import type { TokenIdentity } from '../rpc/identity.js';
import { type Peer, sessionOf } from '../rpc/peer.js';
import type { Claims, Json } from '../token/json.js';
import type { Confirmation, SignIn, Tokens } from '../token/token.js';
import { type Admitted, reservedMethods } from './authentication.js';

/** What a server knows of whom it has let in; JSON, frozen. */
export interface KnownClient {
  readonly subject: string;
  readonly claims: Claims;
  readonly data: Json;
  readonly public: Json;
  readonly confirmation: Confirmation | undefined;
}

interface Entry {
  readonly known: KnownClient;
  readonly signIn: SignIn;
  /** Undefined where this server issues no tokens. */
  readonly expiresAt: Date | undefined;
  /** When it is looked at next, by the clock that only runs. */
  dueMs: number;
  /** The client has done something since it was looked at. */
  isActive: boolean;
}

/** A look takes place so often in a lifetime, and each entry is looked at after about half of one. */
const sweepsPerLifetime = 16;
const longestSweepMs = 60_000;

export class SignIns {
  readonly #tokens: Tokens | undefined;
  readonly #clock: Clock;
  readonly #entries = new Map<Peer, Entry>();
  #revocations = 0;
  #stopTimer: StopTimer | undefined;

  constructor(tokens: Tokens | undefined, clock: Clock) {
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** Counts up with each revocation: what was found good before may not be good any more. */
  get revocations(): number {
    return this.#revocations;
  }

  watch(): void {
    if (this.#tokens === undefined) return;
    const sweepMs = Math.min(this.#tokens.lifetimeMs / sweepsPerLifetime, longestSweepMs);
    this.#stopTimer = this.#clock.setTimer(sweepMs, () => {
      this.watch();
      this.#sweep();
    });
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /**
   * Lets a client in, in the place of whomever it was before, and tells what it is told. `isWanted` is asked when the token
   * is made: who is not waited for any more, or was revoked meanwhile, is not let in, and undefined is returned.
   */
  async admit(
    peer: Peer,
    known: KnownClient,
    signIn: SignIn,
    isWanted: () => boolean,
  ): Promise<Admitted | undefined> {
    const issued = await this.#tokens?.issue(known, signIn);
    if (!isWanted()) return undefined;
    this.#enter(peer, known, signIn, issued?.expiresAt);
    return this.#told(known, issued);
  }

  /**
   * Changes what is known of a client from now on, and sends it a token that says so; false for who has not signed in.
   * Rejects with INVALID_ARGUMENT, and changes nothing, where it is too much for a token.
   */
  async change(peer: Peer, changes: Partial<KnownClient>): Promise<boolean> {
    while (true) {
      const entry = this.#entries.get(peer);
      if (entry === undefined) return false;
      const known = { ...entry.known, ...changes };
      const issued = await this.#tokens?.issue(known, entry.signIn);
      // Something else has changed meanwhile: that, with this.
      if (this.#entries.get(peer) !== entry) continue;
      const isTold = issued !== undefined && sessionOf(peer).offers(reservedMethods.token);
      this.#enter(peer, known, entry.signIn, isTold ? issued.expiresAt : entry.expiresAt);
      if (isTold) this.#push(peer, known, issued);
      return true;
    }
  }

  /** Those whose sign-in was revoked are nobody, from their next call on. */
  revoked(which: { readonly subject: string } | { readonly id: string }): void {
    this.#revocations += 1;
    for (const [peer, { known, signIn }] of this.#entries) {
      if ('subject' in which ? known.subject === which.subject : signIn.id === which.id) this.#drop(peer);
    }
  }

  /** Its connection has ended. */
  left(peer: Peer): void {
    this.#entries.delete(peer);
  }

  #enter(peer: Peer, known: KnownClient, signIn: SignIn, expiresAt: Date | undefined): Entry {
    const entry: Entry = { known, signIn, expiresAt, dueMs: 0, isActive: false };
    this.#entries.set(peer, entry);
    sessionOf(peer).authenticated = identityOf(entry);
    this.#lookLater(peer, entry);
    return entry;
  }

  #lookLater(peer: Peer, entry: Entry): void {
    if (this.#tokens === undefined) return;
    // Those who came in one moment are not looked at in one moment.
    const spread = (peer.id % 16) / 128;
    entry.dueMs = this.#clock.now() + this.#tokens.lifetimeMs * (0.5 + spread);
    entry.isActive = false;
    sessionOf(peer).onceActive = () => {
      entry.isActive = true;
    };
  }

  #sweep(): void {
    const nowMs = this.#clock.now();
    for (const [peer, entry] of this.#entries) {
      if (entry.dueMs > nowMs) continue;
      if (entry.isActive) void this.#look(peer, entry);
      else sessionOf(peer).onceActive = () => void this.#look(peer, entry);
    }
  }

  /** It never rejects: a store that is away is asked again later. */
  async #look(peer: Peer, entry: Entry): Promise<void> {
    this.#lookLater(peer, entry);
    const { subject } = entry.known;
    try {
      const isRevoked = await this.#tokens!.isRevoked({ ...entry.signIn, subject });
      if (this.#entries.get(peer) !== entry) return;
      if (isRevoked) this.#drop(peer);
      else if (entry.expiresAt! > this.#clock.date()) await this.#refresh(peer, entry);
    } catch {
      entry.dueMs = 0;
    }
  }

  async #refresh(peer: Peer, entry: Entry): Promise<void> {
    if (this.#tokens === undefined || !sessionOf(peer).offers(reservedMethods.token)) return;
    const issued = await this.#tokens.issue(entry.known, entry.signIn);
    if (this.#entries.get(peer) !== entry) return;
    this.#enter(peer, entry.known, entry.signIn, issued.expiresAt);
    this.#push(peer, entry.known, issued);
  }

  #push(peer: Peer, known: KnownClient, issued: { readonly text: string }): void {
    // A connection that ends at this moment needs no token.
    const sent = sessionOf(peer).invokeReserved(reservedMethods.token, [this.#told(known, issued)]);
    sent.catch(() => undefined);
  }

  #drop(peer: Peer): void {
    this.#entries.delete(peer);
    const session = sessionOf(peer);
    session.authenticated = undefined;
    session.onceActive = undefined;
  }

  #told(known: KnownClient, issued: { readonly text: string } | undefined): Admitted {
    const expiresInMs = issued === undefined ? 0 : this.#tokens!.lifetimeMs;
    return { public: known.public, token: issued?.text ?? null, expiresInMs };
  }
}

function identityOf({ known, signIn, expiresAt }: Entry): TokenIdentity {
  const { subject: name, claims, data } = known;
  return Object.freeze({ kind: 'token', name, claims, data, id: signIn.id, expiresAt });
}
