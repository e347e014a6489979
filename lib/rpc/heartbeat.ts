// Noticing that a peer is gone, where no transport says so: a cable that was pulled, a phone without a network.
//
//   quiet for intervalMs ─▸ ping ─ quiet for timeoutMs ─▸ CONNECTION_CLOSED, heartbeat-timeout
//                            └ anything that only the peer can have sent ─▸ from the start
//
// One timer per connection; a message that comes in sets a flag and no more. Who is busy sends no ping.

import type { Clock, StopTimer } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import { bothFlags, Security, satisfies } from '../contract/security.js';
import { encodePing, encodePong } from '../wire/call-message.js';
import { violation } from './violation.js';

export interface HeartbeatSettings {
  /** How long a connection may be quiet before the peer is asked, in milliseconds. */
  readonly intervalMs: number;
  /** How long the peer may then say nothing, in milliseconds. */
  readonly timeoutMs: number;
}

export interface HeartbeatOptions {
  /** Undefined: this side asks nothing, and answers its peer. */
  readonly settings: HeartbeatSettings | undefined;
  readonly clock: Clock;
  readonly hasKeys: boolean;
  readonly way: HeartbeatWay;
}

/** To the peer, and out of the connection. */
export interface HeartbeatWay {
  send(flags: number, message: Uint8Array, channel: string): void;
  fail(error: SealwireError): void;
}

/** One of its own: behind a large transfer a ping would come too late. */
const channel = 'heartbeat';

export class Heartbeat {
  readonly #settings: HeartbeatSettings | undefined;
  readonly #clock: Clock;
  readonly #way: HeartbeatWay;
  /** Both flags where there are keys: whoever is on the path can keep no dead peer alive. */
  #flags: number;
  #proof: number;
  /** No ping with less is answered; where keys came later, one may be on its way that was sent before them. */
  readonly #least: number;
  #heard = false;
  #asked = 0;
  #stopTimer: StopTimer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#settings = options.settings;
    this.#clock = options.clock;
    this.#way = options.way;
    this.#flags = options.hasKeys ? bothFlags : Security.None;
    this.#proof = options.hasKeys ? Security.Authenticated : Security.None;
    this.#least = this.#flags;
    this.#listen();
  }

  /** Keys were agreed, which only a peer that is there can have done. */
  secured(): void {
    this.#flags = bothFlags;
    this.#proof = Security.Authenticated;
    this.#heard = true;
  }

  /** Something came in under these flags. Without a tag it may be anybody's. */
  heard(flags: number): void {
    if (satisfies(flags, this.#proof)) this.#heard = true;
  }

  /** The peer asks. Throws PROTOCOL_ERROR for a ping with less protection than there is. */
  ping(flags: number, id: number): void {
    this.#refuseLess(flags);
    this.#send(encodePong(id));
  }

  /** The peer answers: heard() knows already. Throws PROTOCOL_ERROR like {@link ping}. */
  pong(flags: number): void {
    this.#refuseLess(flags);
  }

  stop(): void {
    this.#stopTimer?.();
  }

  #listen(): void {
    const settings = this.#settings;
    if (settings === undefined) return;
    this.#heard = false;
    this.#stopTimer = this.#clock.setTimer(settings.intervalMs, () => {
      if (this.#heard) this.#listen();
      else this.#ask(settings);
    });
  }

  #ask({ timeoutMs }: HeartbeatSettings): void {
    this.#stopTimer = this.#clock.setTimer(timeoutMs, () => {
      if (this.#heard) this.#listen();
      else this.#way.fail(silent(timeoutMs));
    });
    this.#asked += 1;
    this.#send(encodePing(this.#asked));
  }

  #send(message: Uint8Array): void {
    try {
      this.#way.send(this.#flags, message, channel);
    } catch {
      // Nothing gets through to the peer: if that stays so, one of the two sides will notice the silence.
    }
  }

  #refuseLess(flags: number): void {
    if (satisfies(flags, this.#least)) return;
    throw violation('a ping or pong without protection');
  }
}

function silent(timeoutMs: number): SealwireError {
  return new SealwireError(
    'CONNECTION_CLOSED',
    `the peer answered no ping within ${timeoutMs} ms (heartbeat.timeoutMs): it is gone, or the network is`,
    { reason: 'heartbeat-timeout' },
  );
}
