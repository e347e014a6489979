// A call that is served, from its admission until it is over, and the context that its method sees of it.
//
// There is one of each for every call, and most methods ask for nothing but their arguments. So what is costly to make, the
// AbortSignal and the Date of the deadline, is made when it is asked for.

import type { Clock } from '../base/clock.js';
import type { SealwireError } from '../base/errors.js';
import type { Metadata } from '../wire/call-metadata.js';
import type { Answerable } from './answers.js';
import type { CallContext } from './call-context.js';
import type { Limited } from './call-timer.js';
import type { PeerIdentity } from './identity.js';
import type { IncomingStream } from './incoming-stream.js';
import type { OutgoingStream } from './outgoing-stream.js';
import type { Peer } from './peer.js';

export class ServedCall implements Answerable, Limited {
  /** By which it is found: the peer's id; below zero for one-way calls, which have none. */
  readonly key: number;
  readonly flags: number;
  readonly channel: string | undefined;
  /** The least of all time limits, in milliseconds; Infinity: none. */
  readonly patienceMs: number;
  readonly dueMs: number;
  /** The argument that is streamed, if one is. */
  argument: IncomingStream | undefined = undefined;
  /** The answer of a method that streams, once it has returned it. */
  result: OutgoingStream | undefined = undefined;
  /** It was answered, or given up. */
  isOver = false;
  #abort: AbortController | undefined = undefined;
  #endedBy: SealwireError | undefined = undefined;

  constructor(key: number, flags: number, channel: string | undefined, patienceMs: number, dueMs: number) {
    this.key = key;
    this.flags = flags;
    this.channel = channel;
    this.patienceMs = patienceMs;
    this.dueMs = dueMs;
  }

  get id(): number | undefined {
    return this.key > 0 ? this.key : undefined;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#endedBy !== undefined) this.#abort.abort(this.#endedBy);
    }
    return this.#abort.signal;
  }

  /** The call ends before its method does, which sees it by the signal. What is said first is why. */
  abort(why: SealwireError): void {
    if (this.#endedBy !== undefined) return;
    this.#endedBy = why;
    this.#abort?.abort(why);
  }

  /** Why it was told to end; undefined where it was not. */
  get endedBy(): SealwireError | undefined {
    return this.#endedBy;
  }
}

/** What is handed out: nothing behind it but what {@link CallContext} says. */
export class ServedContext implements CallContext {
  readonly client: Peer;
  readonly identity: PeerIdentity | undefined;
  readonly security: number;
  readonly metadata: Metadata;
  readonly #call: ServedCall;
  readonly #clock: Clock;
  #deadline: Date | undefined = undefined;

  constructor(
    call: ServedCall,
    client: Peer,
    identity: PeerIdentity | undefined,
    metadata: Metadata,
    clock: Clock,
  ) {
    this.client = client;
    this.identity = identity;
    this.security = call.flags;
    this.metadata = metadata;
    this.#call = call;
    this.#clock = clock;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }

  get deadline(): Date | undefined {
    const { dueMs } = this.#call;
    if (this.#deadline === undefined && dueMs !== Number.POSITIVE_INFINITY) {
      const leftMs = Math.round(dueMs - this.#clock.now());
      this.#deadline = new Date(this.#clock.date().getTime() + leftMs);
    }
    return this.#deadline;
  }
}
