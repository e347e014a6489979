// What one peer does to the limits of its connection: what happens to it then, and who is told.
//
//   a call that is not run ─▸ refused, or dropped ─ more than maxRefusedCalls ─▸ disconnected
//   a message that leads to nothing ─▸ dropped ──── more than maxStrayBytes ───▸ disconnected
//
// Whoever sends either also has a smaller share of the turn of the event loop, in which others wait for theirs.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import type { LimitAction } from '../contract/limit.js';
import type { CallObserver } from './call-observer.js';
import type { LimitActions } from './limit-actions.js';
import { type LimitName, LimitReporter } from './limit-report.js';
import { isNotRead, type Outgoing } from './outgoing.js';
import type { Peer } from './peer.js';
import { TokenBucket } from './rate-limit.js';

/** The time in which a peer may have refused calls and stray bytes: as many as the limits say. */
const periodSeconds = 10;
/** What is wasted was received, opened and looked over before: so much of it counts as one more. */
const wastePortionBytes = 8 * 1024;
/** A message costs something however small it is. */
const strayMessageBytes = 64;
/** `refused` is told of as many calls a second of one peer; `limitExceeded` counts the others. */
const toldRefusals = { perSecond: 100, burst: 100 };

export interface LimitGuardOptions {
  readonly peer: Peer;
  readonly limits: Pick<Limits, 'maxRefusedCalls' | 'maxStrayBytes'>;
  readonly actions: LimitActions;
  readonly clock: Clock;
  readonly observer: Pick<CallObserver, 'refused' | 'limitExceeded'>;
  /** The peer has gone too far. */
  fail(error: SealwireError): void;
  /** The peer has sent something that leads to nothing: 1, or more for what is large. */
  wasted(much: number): void;
}

export class LimitGuard {
  readonly actions: LimitActions;
  readonly #options: LimitGuardOptions;
  // All four are made when they are first needed: most peers do nothing to the limits.
  #reporter: LimitReporter | undefined;
  #refusals: TokenBucket | undefined;
  #strays: TokenBucket | undefined;
  #toldRefusals: TokenBucket | undefined;
  /** Bytes of messages that may have crossed the end of their call on the way. */
  #crossing = 0;
  #closed = false;
  #cut = false;

  constructor(options: LimitGuardOptions) {
    this.actions = options.actions;
    this.#options = options;
  }

  /** A limit was reached: this side is told, and the connection ends where that is the action. */
  exceeded(limit: LimitName, action: LimitAction, what: string, method?: string): void {
    if (this.#closed) return;
    this.#report(limit, action, method);
    if (action !== 'disconnect') return;
    this.#cut = true;
    this.#options.fail(new SealwireError('LIMIT_EXCEEDED', `the peer ${what}`));
  }

  /** A call is not run. False: its caller is not told. `bytes` is its length. */
  refuse(code: string, method: string, bytes: number): boolean {
    if (this.#closed) return false;
    const { peer, observer, clock, limits } = this.#options;
    const cost = this.#waste(bytes);
    const action = this.actions.refusedCalls;
    this.#toldRefusals ??= new TokenBucket(toldRefusals, clock);
    if (this.#toldRefusals.take() === 0) observer.refused(peer, method, code);
    else this.exceeded('refusedCalls', 'refuse', '', method);
    // Whoever drains sends its callers away: they have done nothing wrong.
    if (code === 'UNAVAILABLE' || action === 'refuse') return true;
    this.#refusals ??= bucketOf(limits.maxRefusedCalls, clock);
    if (this.#refusals.take(cost) === 0) return true;
    this.exceeded('refusedCalls', action, 'goes on making calls that are refused', method);
    return false;
  }

  /**
   * A call has ended, and the peer may not know it yet: a word about it may be under way, and so many bytes of items. They
   * are no stray messages.
   */
  crossing(bytes: number): void {
    this.#crossing += strayMessageBytes + bytes;
  }

  /** A message belongs to no call that there is, or asks for a sign of life. `bytes` is the length of an item. */
  stray(bytes = 0): void {
    if (this.#closed) return;
    const crossed = bytes === 0 ? strayMessageBytes : bytes;
    if (crossed <= this.#crossing) {
      this.#crossing -= crossed;
      return;
    }
    this.#waste(bytes);
    this.#strays ??= bucketOf(this.#options.limits.maxStrayBytes, this.#options.clock);
    if (this.#strays.take(strayMessageBytes + bytes) === 0 || this.actions.strayMessages === 'drop') return;
    this.exceeded('strayMessages', 'disconnect', 'goes on sending what leads to nothing');
  }

  #waste(bytes: number): number {
    const much = 1 + Math.floor(bytes / wastePortionBytes);
    this.#options.wasted(much);
    return much;
  }

  /** The connection has ended: what was counted and not told yet is told, and so is a limit that was kept below. */
  close(cause: SealwireError): void {
    if (this.#closed) return;
    if (cause.code === 'LIMIT_EXCEEDED' && !this.#cut) this.#report('frames', 'disconnect');
    this.#closed = true;
    this.#reporter?.close();
  }

  #report(limit: LimitName, action: LimitAction, method?: string): void {
    const { clock, peer, observer } = this.#options;
    this.#reporter ??= new LimitReporter(clock, (report) => observer.limitExceeded?.(peer, report));
    this.#reporter.add(limit, action, peer.remoteAddress, method);
  }
}

/** Calls of this side: what happens when the peer does not read them is chosen. */
export class GuardedOutgoing implements Outgoing {
  readonly #outgoing: Outgoing;
  readonly #guard: LimitGuard;

  constructor(outgoing: Outgoing, guard: LimitGuard) {
    this.#outgoing = outgoing;
    this.#guard = guard;
  }

  get allowed(): number {
    return this.#outgoing.allowed;
  }

  send(flags: number, message: Uint8Array, channel?: string, isVolatile?: boolean): void {
    try {
      this.#outgoing.send(flags, message, channel, isVolatile);
    } catch (error) {
      if (isNotRead(error)) {
        const { unreadCalls } = this.#guard.actions;
        this.#guard.exceeded('unreadCalls', unreadCalls, 'does not read what it is sent');
      }
      throw error;
    }
  }

  set flight(messages: number) {
    this.#outgoing.flight = messages;
  }

  room(): Promise<void> | undefined {
    return this.#outgoing.room?.();
  }

  secure(): Promise<void> | undefined {
    return this.#outgoing.secure?.();
  }

  crossing(bytes: number): void {
    this.#guard.crossing(bytes);
  }
}

function bucketOf(most: number, clock: Clock): TokenBucket {
  return new TokenBucket({ perSecond: most / periodSeconds, burst: most }, clock);
}
