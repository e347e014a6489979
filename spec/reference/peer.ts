// What client.ts and server.ts have in common: frames go in, frames and messages bodies come out, no socket and no
// clock. Here are the frame limit of section 1, the traffic of sections 2 and 7, and the end, section 8.
//
//   stage: handshake -> traffic (with keys) or plain (without) -> ended
//                       plain -> traffic, where both sides said on_demand: section 4.8
//
// `receive` never throws for what the peer did: a refusal comes back as the close frame to send and an `ended`.

import { Direction } from './direction.js';
import { Unfragmenter } from './fragments.js';
import { exportKey } from './key-schedule.js';
import {
  type Announcement,
  decodeClose,
  decodeMessages,
  encodeClose,
  type Message,
  messageTypes,
  type Refusal,
} from './messages.js';
import { closeCodes, Refused, refuseUnless } from './notation.js';
import { Both, decodeFirstByte, frameTypes, plainFrame } from './record.js';
import { exportKeyOverTls, type TlsExporter } from './tls-exporter.js';
import { transcriptHash } from './transcript.js';

export interface Turn {
  /** Frames to send, in order. */
  send: Uint8Array[];
  /** Bodies of `messages` frames, with the combination that each really had. */
  delivered: { flags: number; body: Uint8Array }[];
  /** Now close the transport. */
  ended?: End;
}

export interface End {
  by: 'peer' | 'us';
  closeCode: number;
  /** For the one who debugs; the peer never learns it. */
  reason: string;
  /** Section 4.7: there is no close frame then. */
  refusal?: Refusal;
}

export interface Agreement extends Announcement {
  /** The peer's manifest and max_frame_bytes stand beside this: the combinations that both accept, a mask. */
  agreed: number;
}

export abstract class Peer {
  stage: 'handshake' | 'traffic' | 'plain' | 'ended' = 'handshake';
  /** What the peer announced, once the handshake is over. */
  agreement?: Agreement;
  private sending?: Direction;
  private receiving?: Direction;
  private exporterSecret?: Uint8Array;
  private ownMaxFrameBytes = 65_536;
  private unfragmenter?: Unfragmenter;
  /** Section 8: a client takes a plain close until it has opened Accepted or the first record of generation 1. */
  protected plainCloseTaken = false;
  /** Section 4.8: what the peer announced in the clear, while keys may yet be agreed. */
  protected clear?: Announcement | undefined;
  /** Section 4.9: every message has both flags. */
  private tls?: TlsExporter;
  /** That handshake has begun. */
  protected securing = false;
  protected readonly transcript: Message[] = [];

  receive(frame: Uint8Array): Turn {
    const turn: Turn = { send: [], delivered: [] };
    if (this.stage === 'ended') return turn;
    try {
      const limit = this.stage === 'handshake' ? 65_536 : this.ownMaxFrameBytes;
      refuseUnless(frame.length <= limit, 'a frame too large', closeCodes.limitExceeded);
      if (this.stage === 'handshake') this.receiveInHandshake(frame, turn);
      else if (this.clear && (frame[0]! & 0x3f) === frameTypes.handshake) this.receiveLater(frame, turn);
      else this.receiveTraffic(frame, turn);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const inHandshake = this.stage === 'handshake' || this.securing;
      const code = error.closeCode ?? (inHandshake ? closeCodes.handshakeFailed : closeCodes.protocolError);
      turn.send = [this.close(code)];
      turn.ended = { by: 'us', closeCode: code, reason: error.message };
    }
    return turn;
  }

  /** A `messages` frame. Without flags it is plain. */
  send(flags: number, body: Uint8Array): Uint8Array {
    if (!this.agreement) throw new RangeError('the handshake is not over');
    if (this.tls) flags &= ~Both;
    if (flags === 0) return plainFrame(frameTypes.messages, body);
    if (!this.sending) throw new RangeError('there are no traffic keys');
    return this.sending.seal(flags, frameTypes.messages, body);
  }

  /** A fragment frame, section 2.1. */
  sendFragment(flags: number, body: Uint8Array): Uint8Array {
    if (flags === 0) return plainFrame(frameTypes.fragment, body);
    if (!this.sending) throw new RangeError('there are no traffic keys');
    return this.sending.seal(flags, frameTypes.fragment, body);
  }

  updateKeys(): Uint8Array {
    if (!this.sending) throw new RangeError('there are no traffic keys');
    return this.sending.sealKeyUpdate();
  }

  close(code: number = closeCodes.normal): Uint8Array {
    this.stage = 'ended';
    const body = encodeClose(code);
    return this.sending
      ? this.sending.seal(Both, frameTypes.close, body)
      : plainFrame(frameTypes.close, body);
  }

  /** Section 5.4 */
  exportKey(label: string, context: Uint8Array, length: number): Uint8Array {
    if (this.tls) return exportKeyOverTls(this.tls, label, context, length);
    if (!this.exporterSecret) throw new RangeError('there are no traffic keys');
    return exportKey(this.exporterSecret, label, context, length);
  }

  /** Section 4.8: the frame by which this side asks for keys on the living connection. */
  abstract secure(): Uint8Array;

  protected abstract receiveHandshakeFrame(frame: Uint8Array, turn: Turn): void;

  /**
   * Nothing follows a Finished, an Accepted or a Refused in its record: what its receiver sends next must not go out before that
   * is known.
   */
  protected sealedMessages(body: Uint8Array): Message[] {
    const messages = decodeMessages(body);
    const last = messages.findIndex(({ type }) =>
      [messageTypes.finished, messageTypes.accepted, messageTypes.refused].includes(type as 20),
    );
    refuseUnless(last === -1 || last === messages.length - 1, 'a message behind Finished');
    return messages;
  }

  protected transcriptHash(): Uint8Array {
    return transcriptHash(this.transcript);
  }

  /** The handshake is over for this side. */
  protected startTraffic(options: {
    suite: number;
    sendingSecret: Uint8Array;
    receivingSecret: Uint8Array;
    exporterSecret: Uint8Array;
    agreement: Agreement;
    ownMaxFrameBytes: number;
  }): void {
    this.sending = new Direction(options.suite, 1, options.sendingSecret);
    this.receiving = new Direction(options.suite, 1, options.receivingSecret);
    this.exporterSecret = options.exporterSecret;
    this.clear = undefined;
    this.securing = false;
    this.agreement = options.agreement;
    this.ownMaxFrameBytes = options.ownMaxFrameBytes;
    this.stage = 'traffic';
  }

  protected startPlain(agreement: Agreement, ownMaxFrameBytes: number): void {
    this.agreement = agreement;
    this.ownMaxFrameBytes = ownMaxFrameBytes;
    this.stage = 'plain';
  }

  /** Section 4.9 */
  protected startOverTls(tls: TlsExporter, peer: Announcement, ownMaxFrameBytes: number): void {
    this.startPlain({ ...peer, agreed: 0b1000 }, ownMaxFrameBytes);
    this.tls = tls;
  }

  private receiveInHandshake(frame: Uint8Array, turn: Turn): void {
    const { flags, type } = decodeFirstByte(frame);
    if (type === frameTypes.close && flags === 0) {
      this.endByPeer(frame.slice(1), turn);
      return;
    }
    refuseUnless(type === frameTypes.handshake, 'not a handshake frame');
    refuseUnless(flags === 0 || flags === Both, 'a handshake frame has no flag or both');
    this.receiveHandshakeFrame(frame, turn);
  }

  private receiveLater(frame: Uint8Array, turn: Turn): void {
    this.securing = true;
    refuseUnless(frame.length <= 65_536, 'a handshake frame too large', closeCodes.limitExceeded);
    const { flags } = decodeFirstByte(frame);
    refuseUnless(flags === 0 || flags === Both, 'a handshake frame has no flag or both');
    this.receiveHandshakeFrame(frame, turn);
  }

  private receiveTraffic(frame: Uint8Array, turn: Turn): void {
    const { flags, type } = decodeFirstByte(frame);
    if (flags === 0) {
      this.receivePlain(type, frame.slice(1), turn);
      return;
    }
    refuseUnless(this.receiving !== undefined, 'a record on a connection without keys');
    const opened = this.receiving.open(frame);
    this.plainCloseTaken = false;
    switch (type) {
      case frameTypes.messages:
        this.deliver(flags, opened.body, turn);
        return;
      case frameTypes.fragment:
        this.takeFragment(flags, opened.body, turn);
        return;
      case frameTypes.keyUpdate:
        this.receiving.takeKeyUpdate(opened);
        return;
      case frameTypes.close:
        refuseUnless(flags === Both, 'a close record has both flags');
        this.endByPeer(opened.body, turn);
        return;
      default:
        throw new Refused('a handshake record after the handshake');
    }
  }

  private receivePlain(type: number, body: Uint8Array, turn: Turn): void {
    const flags = this.tls ? Both : 0;
    if (type === frameTypes.messages) {
      this.deliver(flags, body, turn);
      return;
    }
    if (type === frameTypes.fragment) {
      this.takeFragment(flags, body, turn);
      return;
    }
    refuseUnless(type === frameTypes.close, 'a frame that must not be plain');
    refuseUnless(
      this.stage === 'plain' || this.plainCloseTaken,
      'a plain close frame where there are traffic keys',
    );
    this.endByPeer(body, turn);
  }

  private deliver(flags: number, body: Uint8Array, turn: Turn): void {
    refuseUnless(body.length > 0, 'an empty body in a messages frame');
    turn.delivered.push({ flags, body });
  }

  /** This implementation announces no max_message_bytes, so a message may have as much as a frame. */
  private takeFragment(flags: number, body: Uint8Array, turn: Turn): void {
    this.unfragmenter ??= new Unfragmenter(this.ownMaxFrameBytes);
    const whole = this.unfragmenter.take(flags, body);
    if (whole) this.deliver(flags, whole, turn);
  }

  private endByPeer(body: Uint8Array, turn: Turn): void {
    turn.ended = { by: 'peer', closeCode: decodeClose(body), reason: 'the peer closed' };
    this.stage = 'ended';
  }
}
