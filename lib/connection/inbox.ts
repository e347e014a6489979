// What comes in on a connection, and its share of each turn of the event loop. Whoever sends more than that waits, so that
// others get their turn.
//
//   frame ─▸ share left? ─ yes ─▸ handled at once, as far as the share goes
//                        └ no ──▸ waits; the transport reads no more until all that waits is handled, a share each turn
//
// A share is a time, and smaller for whoever wastes it: with calls that are refused and messages that lead to nothing. They wait
// for longer than a turn, too, or a flood of them would take all the time that is left over, and the processor with it.
// What waits is what the transport had read already. A transport that cannot pause has no shares: what comes is handled at once.

import type { Clock, StopTimer } from '../base/clock.js';
import type { TransportConnection } from '../transport/transport.js';

/** Time for what one connection sends, in one turn: little to others, and a batch of calls is answered as one, in cold code too. */
const shareMs = 2;
/** So much is no sign of haste: the turn may end without being watched. */
const unwatchedMs = shareMs / 32;
/** What may be wasted in one turn, or in a millisecond where it is more. */
const mostWasted = 16;
/** And whoever wasted that waits for so many times as long as it took: most of the time is left to others. */
const waitFactor = 5;

/** The part of a turn that a connection may use. */
export interface Share {
  /** Whether there is none left. */
  readonly used: boolean;
}

/** Something is left, for the next turn. */
export type More = 'more';

export interface InboxOwner {
  /** Handles a frame. Throws nothing. */
  open(frame: Uint8Array): More | undefined;
  /** Goes on with what was left of the last frame. Throws nothing. */
  proceed(): More | undefined;
}

export class Inbox implements Share {
  readonly #transport: Pick<TransportConnection, 'pause' | 'resume'>;
  readonly #clock: Clock;
  readonly #owner: InboxOwner;
  readonly #waiting: Uint8Array[] = [];
  /** Something of the last frame is left. */
  #unfinished = false;
  #beganMs = 0;
  #spentMs = 0;
  #wasted = 0;
  #watching = false;
  #paused = false;
  #closed = false;
  #stopTimer: StopTimer | undefined;
  #whenEmpty: (() => void) | undefined;

  constructor(transport: Pick<TransportConnection, 'pause' | 'resume'>, clock: Clock, owner: InboxOwner) {
    this.#transport = transport;
    this.#clock = clock;
    this.#owner = owner;
  }

  get used(): boolean {
    if (this.#transport.pause === undefined) return false;
    return this.#wasted >= mostWasted || this.#spentMs + this.#clock.now() - this.#beganMs >= shareMs;
  }

  /** What was handled last was a waste of the share: 1, or more for what is large. */
  waste(much: number): void {
    this.#wasted += much;
  }

  /** A frame came. */
  add(frame: Uint8Array): void {
    if (this.#closed) return;
    if (this.#transport.pause === undefined) this.#owner.open(frame);
    else if (this.#paused) this.#waiting.push(frame);
    else {
      this.#beganMs = this.#clock.now();
      this.#handle(frame);
      this.#spentMs += this.#clock.now() - this.#beganMs;
      if (this.#unfinished || this.#wasted >= mostWasted || this.#spentMs >= shareMs) this.#pause();
      if (this.#spentMs > unwatchedMs || this.#wasted > 0 || this.#paused) this.#watch();
    }
  }

  /** Calls back when nothing waits any more, at once where nothing does. */
  whenEmpty(callback: () => void): void {
    if (this.#closed || !this.#paused) callback();
    else this.#whenEmpty = callback;
  }

  /** The connection has ended: what waits is dropped. */
  close(): void {
    this.#closed = true;
    this.#stopTimer?.();
    this.#waiting.length = 0;
    this.#tellEmpty();
  }

  #handle(frame: Uint8Array | undefined): void {
    const left = frame === undefined ? this.#owner.proceed() : this.#owner.open(frame);
    this.#unfinished = left === 'more';
  }

  #pause(): void {
    if (this.#closed) return;
    this.#paused = true;
    this.#transport.pause!();
  }

  /** The share is full again when the turn is over, or later. */
  #watch(): void {
    if (this.#watching || this.#closed) return;
    this.#watching = true;
    const full = (): void => {
      this.#watching = false;
      this.#wasted = 0;
      this.#spentMs = 0;
      if (this.#paused && !this.#closed) this.#goOn();
    };
    this.#clock.endOfTurn(() => {
      if (this.#wasted < mostWasted || this.#closed) full();
      else this.#stopTimer = this.#clock.setTimer(this.#wait(), full);
    });
  }

  #wait(): number {
    return Math.max(this.#wasted / mostWasted, waitFactor * this.#spentMs);
  }

  #goOn(): void {
    this.#beganMs = this.#clock.now();
    let taken = 0;
    while ((this.#unfinished || taken < this.#waiting.length) && !this.used) {
      this.#handle(this.#unfinished ? undefined : this.#waiting[taken++]);
      if (this.#closed) return;
    }
    this.#waiting.splice(0, taken);
    this.#spentMs = this.#clock.now() - this.#beganMs;
    this.#watch();
    if (this.#unfinished || this.#waiting.length > 0) return;
    this.#paused = false;
    this.#transport.resume?.();
    this.#tellEmpty();
  }

  #tellEmpty(): void {
    const tell = this.#whenEmpty;
    this.#whenEmpty = undefined;
    tell?.();
  }
}
