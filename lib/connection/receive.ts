// The way of a frame in, in the order of its steps:
//
//   1. first byte   flags and type
//   2. open         record/open.ts, or nothing for a plain frame
//   3. sort         messages, close; fragments until they are whole; key updates are done inside open
//
// This is for established connections; during the handshake frames go to handshake/state.ts instead. Whatever does
// not fit throws, and the connection ends: on an ordered transport nobody honest sends it.

import type { Clock } from '../base/clock.js';
import { discard, discardCiphertext } from '../base/discard.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { bothFlags } from '../contract/security.js';
import { Opener } from '../record/open.js';
import type { TrafficSecret } from '../record/traffic-keys.js';
import {
  type CloseReason,
  decodeClose,
  type FrameType,
  frameTypes,
  plainHeaderBytes,
  readFirstByte,
} from '../wire/frame.js';
import type { More } from './inbox.js';
import { Reassembly } from './reassembly.js';

export interface FrameConsumer {
  /** One or more messages in a row, and the flags that their record really had. */
  messages(flags: number, body: Uint8Array): More | undefined;
  closeReceived(reason: CloseReason): void;
  /** A message stays unfinished for too long: the connection must end. */
  stalled(error: SealwireError): void;
}

export interface ReceiverOptions {
  /** Undefined: only plain frames are accepted. */
  readonly secret: TrafficSecret | undefined;
  /** What plain frames are worth: both flags where the transport gives them to everything, else none. */
  readonly plainFlags?: 0 | typeof bothFlags;
  /**
   * A client that is through with its handshake takes a plain close until the first record, or until Accepted: a server
   * that refuses the client's flight has no traffic keys to say so with.
   */
  readonly mayBeRefused: boolean;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly consumer: FrameConsumer;
}

export class Receiver {
  #opener: Opener | undefined;
  readonly #plainFlags: number;
  readonly #consumer: FrameConsumer;
  readonly #reassembly: Reassembly;
  /** Whether a plain close frame is taken: always without keys; with keys while the peer may still refuse. */
  #plainClose: boolean;

  constructor({ secret, plainFlags = 0, mayBeRefused, limits, clock, consumer }: ReceiverOptions) {
    this.#opener = secret && new Opener(secret);
    this.#plainFlags = plainFlags;
    this.#plainClose = secret === undefined || mayBeRefused;
    this.#consumer = consumer;
    this.#reassembly = new Reassembly(limits, clock, consumer);
  }

  /** Keys for a connection that had none. Plain messages go on to be taken, a plain close only as `mayBeRefused` says. */
  useKeys(secret: TrafficSecret, mayBeRefused: boolean): void {
    this.#opener = new Opener(secret);
    this.#plainClose = mayBeRefused;
  }

  get generation(): number {
    return this.#opener?.generation ?? 0;
  }

  /** Throws RECORD_REJECTED, PROTOCOL_ERROR or LIMIT_EXCEEDED; nothing of the frame was used then. */
  receive(frame: Uint8Array): More | undefined {
    const { flags, type, body } = this.#open(frame);
    // The body has memory of its own: nothing of the frame is needed.
    if (body.buffer !== frame.buffer) discardCiphertext(frame);
    switch (type) {
      case frameTypes.messages: {
        if (body.length === 0) throw unexpected('an empty frame of messages');
        const more = this.#consumer.messages(flags, body);
        // What was handled has been copied out of it.
        if (more === undefined) discard(body.buffer === frame.buffer ? frame : body);
        return more;
      }
      case frameTypes.fragment: {
        const whole = this.#reassembly.add(flags, body);
        if (whole === undefined) return undefined;
        const more = this.#consumer.messages(flags, whole);
        if (more === undefined) discard(whole);
        return more;
      }
      case frameTypes.close:
        // Once there are keys a plain close is a forgery: it would hide that messages were cut off.
        if (flags === 0 ? !this.#plainClose : flags !== bothFlags)
          throw unexpected('a close frame without protection');
        this.#consumer.closeReceived(decodeClose(body));
        return undefined;
      case frameTypes.keyUpdate:
        if (flags === 0 || this.#opener === undefined) throw unexpected('a key update without protection');
        return undefined;
      default:
        throw unexpected('a handshake frame on an established connection');
    }
  }

  destroy(): void {
    this.#opener?.destroy();
    this.#reassembly.destroy();
  }

  #open(frame: Uint8Array): { flags: number; type: FrameType; body: Uint8Array } {
    const { flags, type } = readFirstByte(frame);
    if (flags === 0) return { flags: this.#plainFlags, type, body: frame.subarray(plainHeaderBytes) };
    if (this.#opener === undefined) throw unexpected('a sealed record on a connection without keys');
    const opened = this.#opener.open(frame);
    this.#plainClose = false;
    return opened;
  }
}

function unexpected(what: string): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', `the peer sent ${what}`);
}
