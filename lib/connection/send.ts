// The way of a message out, in the order of its steps:
//
//   1. admit     refuse what the peer would refuse (size) and what nobody reads (send buffer)
//   2. channel   what is large, or would pile up in the socket, waits in its channel (channels.ts) and is pumped from
//                there, a little each turn of the event loop; everything else goes straight on
//   3. batch     under load, messages of one turn and the same flags share a frame; where there was one in a turn, it goes at once
//   4. rekey     change keys when they are worn
//   5. seal      record/seal.ts
//   6. transport
//
// Order is kept within a channel: a change of flags closes the batch. Nothing here knows what a message means.

import { totalBytes } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { discard } from '../base/discard.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { bothFlags, Security } from '../contract/security.js';
import { recordBytes, recordOverheadBytes, Sealer } from '../record/seal.js';
import type { TrafficSecret } from '../record/traffic-keys.js';
import type { TransportConnection } from '../transport/transport.js';
import { minAnnouncedFrameBytes } from '../wire/extensions.js';
import { fragmentBytes, fragmentHeaderBytes } from '../wire/fragment.js';
import {
  type CloseReason,
  encodeClose,
  type FrameType,
  frameTypes,
  gatheredFrame,
  plainFrame,
  plainHeaderBytes,
  writePlainFrame,
} from '../wire/frame.js';
import { Channels } from './channels.js';
import { type Backpressure, Pressure, type PressureOwner } from './pressure.js';
import { SharedFrame } from './shared-frame.js';

/** The channel of those who name none: one like any other. */
export const defaultChannel = '';

/** A message up to this size goes in one frame, which every peer accepts, where nothing is in its way. */
const maxWholeBytes = minAnnouncedFrameBytes - recordOverheadBytes;

/** So many messages, when they fill a packet, leave before their turn ends: their receiver works while the others are made. */
const leastFlight = 16;
const mostFlight = 64;
const packetBytes = 1400;

/** With so much in the socket nothing more goes there: whatever comes next waits behind all of it. */
const socketBytes = 64 * 1024;

/** What the channels send in one turn of the event loop, so that others get theirs in between. */
const pumpBytes = 32 * 1024;

/**
 * Turns that the channels give up to a conversation beside them, in a row: whoever sends small messages to and fro would
 * otherwise wait for a little of the large one with each of them.
 */
const mostTurnsSkipped = 8;
/** After so many turns without a message that went straight on, there is no conversation. */
const quietTurnsWanted = 3;

/** Behind so much in its channel a volatile message would be stale when it left: it is dropped. */
const volatileBytes = 16 * 1024;

/** From this length on a frame costs more to copy than a few more writes. */
const leastApartBytes = 12 * 1024;

/** How much of what is large goes in one frame while nobody else has anything to say. */
const quietFragmentBytes = maxWholeBytes - fragmentHeaderBytes;

/** One for all connections. */
const sharedFrame = new SharedFrame();

export interface SenderObserver {
  /** See {@link Backpressure}: it began, ended, or messages were dropped. */
  pressureChanged(state: Backpressure): void;
  /** What was queued could not be sent: the connection must end. */
  sendFailed(error: unknown): void;
}

export class Sender implements PressureOwner {
  readonly #transport: TransportConnection;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #channels = new Channels();
  readonly #pressure: Pressure;
  readonly #observer: SenderObserver;
  #sealer: Sealer | undefined;
  /** The transport protects everything: plain frames are as good as records of both flags. */
  #isSecuredBelow = false;
  #maxMessageBytes = 0;
  #maxFrameBodyBytes = 0;
  #batch: Uint8Array[] = [];
  #batchFlags = 0;
  #batchBytes = 0;
  /** Messages of this turn of the event loop; while there is one, its end is waited for. */
  #ofThisTurn = 0;
  /** Of the last turn that had any: more than one. Then the first of a turn waits for the others. */
  #gathers = false;
  #flight = mostFlight;
  /** The channels have something to send, and their next turn is arranged. */
  #pumping = false;
  #draining = false;
  #skippedTurns = 0;
  #quietTurns = 0;
  /** One function for all turns. */
  readonly #endTurn = (): void => {
    this.#gathers = this.#ofThisTurn > 1;
    this.#ofThisTurn = 0;
    this.flush();
  };

  constructor(transport: TransportConnection, limits: Limits, clock: Clock, observer: SenderObserver) {
    this.#transport = transport;
    this.#limits = limits;
    this.#clock = clock;
    this.#observer = observer;
    this.#pressure = new Pressure(
      Math.min(limits.sendHighWaterBytes, limits.maxSendBufferBytes),
      clock,
      this,
    );
  }

  /** Goes over to traffic: with keys where there are any; `isSecuredBelow` where the transport makes them needless. The numbers are what the peer accepts. */
  establish(
    secret: TrafficSecret | undefined,
    peer: { readonly maxFrameBytes: number; readonly maxMessageBytes?: number },
    isSecuredBelow = false,
  ): void {
    this.#isSecuredBelow = isSecuredBelow;
    this.#sealer = secret && new Sealer(secret, this.#limits, () => this.#clock.now());
    this.#maxFrameBodyBytes = peer.maxFrameBytes - recordOverheadBytes;
    this.#maxMessageBytes = peer.maxMessageBytes ?? peer.maxFrameBytes;
    this.#channels.maxMessageBytes = this.#maxMessageBytes;
  }

  /** Keys for a connection that is established: what was gathered and queued without flags leaves without. */
  useKeys(secret: TrafficSecret): void {
    this.#sealer = new Sealer(secret, this.#limits, () => this.#clock.now());
  }

  get generation(): number {
    return this.#sealer?.generation ?? 0;
  }

  get backpressure(): Backpressure {
    return this.#pressure.state;
  }

  /** Bytes that wait: in the channels, gathered for a frame, and in the transport. */
  get queuedBytes(): number {
    return this.#transport.bufferedBytes + this.#batchBytes + this.#channels.bytes;
  }

  /** For {@link Pressure}. */
  pressureChanged(state: Backpressure): void {
    this.#observer.pressureChanged(state);
  }

  /** Resolves when there is room again; see {@link Pressure.writable}. */
  writable(): Promise<void> {
    return this.#pressure.writable();
  }

  /** A frame of the handshake, which is sealed already. */
  sendHandshake(frame: Uint8Array): void {
    this.#transport.send(frame);
  }

  /**
   * Sends one message under `flags`, behind all that was sent on its channel before. Throws ENCRYPTION_UNAVAILABLE
   * without keys, and RESOURCE_EXHAUSTED for a message that is larger than the peer accepts (reason `message-size`)
   * or when the peer reads too slowly (reason `send-buffer`); nothing was sent then. A volatile message that would
   * have to wait is dropped instead: false is returned, and it is counted. A message that was sent is the sender's: its memory is
   * given back when it is sealed.
   */
  send(flags: number, message: Uint8Array, channel: string = defaultChannel, isVolatile = false): boolean {
    this.#checkMessage(flags, message);
    const socketAndBatch = this.#transport.bufferedBytes + this.#batchBytes;
    const direct = this.#leavesNow(socketAndBatch, message, channel);
    if (isVolatile && !direct && this.#channels.bytesOf(channel) >= volatileBytes) {
      return this.drop();
    }
    this.#checkRoom(socketAndBatch + this.#channels.bytes + message.length);
    if (direct) this.#gather(flags, message);
    else this.#queue(flags, message, channel);
    return true;
  }

  /** So many messages, within reason, leave together while the turn goes on. */
  set flight(messages: number) {
    this.#flight = Math.min(Math.max(messages, leastFlight), mostFlight);
  }

  /** The messages of a frame were handled: what answers them leaves together, as they came, if it is worth it. */
  answered(): void {
    this.#flushFlight(leastFlight);
  }

  /** Counts a volatile message that cannot leave now. */
  drop(): false {
    this.#pressure.countDropped();
    return false;
  }

  /** Today's frame, or the next one. */
  #gather(flags: number, message: Uint8Array): void {
    this.#quietTurns = 0;
    this.#ofThisTurn += 1;
    if (this.#ofThisTurn === 1) {
      if (this.#gathers) this.#clock.endOfTurn(this.#endTurn);
      else {
        // A conversation of one message at a time: nothing is gathered, and to see that needs no whole turn.
        this.#clock.soon(this.#endTurn);
        this.#write(flags, frameTypes.messages, [message]);
        discard(message);
        return;
      }
    }
    const room = Math.min(this.#limits.maxBatchBytes, this.#maxFrameBodyBytes) - this.#batchBytes;
    if (flags !== this.#batchFlags || message.length > room) this.flush();
    this.#batchFlags = flags;
    this.#batchBytes += message.length;
    this.#batch.push(message);
    this.#flushFlight(this.#flight);
  }

  #flushFlight(messages: number): void {
    if (this.#batch.length >= messages && this.#batchBytes >= packetBytes) this.flush();
  }

  /** Sends what is gathered. */
  flush(): void {
    if (this.#batch.length === 0) return;
    const messages = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#write(this.#batchFlags, frameTypes.messages, messages);
    for (const message of messages) discard(message);
  }

  /**
   * The last frame: sealed where there are keys. What was sent before a peaceful end comes first; after a fault what
   * waits in the channels is dropped.
   */
  sendClose(reason: CloseReason): void {
    this.flush();
    if (reason === 'normal' || reason === 'going-away') {
      for (let piece = this.#channels.next(); piece !== undefined; piece = this.#channels.next()) {
        this.#write(piece.flags, piece.type, piece.parts);
      }
    }
    const body = encodeClose(reason);
    const sealer = this.#sealer;
    if (sealer === undefined) this.#transport.send(plainFrame(frameTypes.close, body));
    else this.#transport.send(sealer.seal(bothFlags, frameTypes.close, body), true);
  }

  /** Wipes the keys and drops what is gathered and queued. */
  destroy(): void {
    this.#sealer?.destroy();
    this.#sealer = undefined;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#channels.clear();
    this.#pressure.end();
  }

  #checkMessage(flags: number, message: Uint8Array): void {
    if (flags !== 0 && this.#sealer === undefined && !this.#isSecuredBelow) {
      throw new SealwireError(
        'ENCRYPTION_UNAVAILABLE',
        'this connection has no keys; set enableEncryption on both sides',
      );
    }
    if (message.length > this.#maxMessageBytes) {
      throw new SealwireError(
        'RESOURCE_EXHAUSTED',
        `a message of ${message.length} bytes is larger than the ${this.#maxMessageBytes} that the peer accepts ` +
          '(limits.maxMessageBytes on its side)',
        { reason: 'message-size' },
      );
    }
  }

  #checkRoom(queuedBytes: number): void {
    if (queuedBytes > this.#limits.maxSendBufferBytes) {
      throw new SealwireError('RESOURCE_EXHAUSTED', 'the peer reads more slowly than this side sends', {
        reason: 'send-buffer',
      });
    }
  }

  /** Whether a message may go to the socket now: it fits, nothing of its channel waits, and the socket is not full. */
  #leavesNow(socketAndBatch: number, message: Uint8Array, channel: string): boolean {
    return (
      message.length <= maxWholeBytes &&
      socketAndBatch < Math.min(socketBytes, this.#pressure.highWaterBytes) &&
      (this.#channels.bytes === 0 || this.#channels.bytesOf(channel) === 0)
    );
  }

  #queue(flags: number, message: Uint8Array, channel: string): void {
    this.#channels.push(channel, flags, message);
    this.#pressure.risen();
    if (!this.#pumping) this.#pump();
  }

  /** The channels' turn. */
  #pump(): void {
    // What was gathered was sent before what waits.
    this.flush();
    const most = this.#isAlone() ? quietFragmentBytes : fragmentBytes;
    let bytes = 0;
    while (bytes < pumpBytes && this.#transport.bufferedBytes < socketBytes) {
      const piece = this.#channels.next(most);
      if (piece === undefined) break;
      this.#write(piece.flags, piece.type, piece.parts);
      for (const message of piece.sent) discard(message);
      bytes += piece.bytes;
    }
    this.#pumping = this.#channels.bytes > 0;
    if (this.#pumping) this.#clock.endOfTurn(() => this.#pumpWhenDrained());
    this.#relieve();
  }

  /** One large message is all that there is to say, and the peer reads it as fast as it leaves. */
  #isAlone(): boolean {
    const isQuiet = this.#quietTurns > quietTurnsWanted;
    return isQuiet && this.#channels.waiting === 1 && this.#transport.bufferedBytes === 0;
  }

  #pumpWhenDrained(): void {
    this.#quietTurns += 1;
    if (this.#quietTurns <= quietTurnsWanted && this.#skippedTurns < mostTurnsSkipped) {
      this.#skippedTurns += 1;
      this.#clock.endOfTurn(() => this.#pumpWhenDrained());
      return;
    }
    this.#skippedTurns = 0;
    if (this.#transport.bufferedBytes < socketBytes) this.#pumpSafely();
    else void this.#transport.drained(socketBytes / 2).then(() => this.#pumpSafely());
  }

  #pumpSafely(): void {
    try {
      this.#pump();
    } catch (error) {
      this.#observer.sendFailed(error);
    }
  }

  /** Ends the backpressure when enough has left, which the pump sees until there is nothing to pump. */
  #relieve(): void {
    this.#pressure.fallen();
    if (!this.#pressure.full || this.#pumping || this.#draining) return;
    this.#draining = true;
    void this.#transport.drained(this.#pressure.lowWaterBytes).then(() => {
      this.#clock.endOfTurn(() => {
        this.#draining = false;
        this.#relieve();
      });
    });
  }

  #write(flags: number, type: FrameType, parts: readonly Uint8Array[]): void {
    const transport = this.#transport;
    const sealer = flags === 0 ? undefined : this.#sealer;
    const bodyBytes = totalBytes(parts);
    if (sealer?.needsRekey(bodyBytes)) transport.send(sealer.rekey(), true);
    if (sealer !== undefined && transport.sendApart !== undefined && bodyBytes >= leastApartBytes) {
      const pieces = sealer.sealApart(flags, type, parts);
      if (pieces !== undefined) {
        transport.sendApart(pieces);
        return;
      }
    }
    const framing = sealer === undefined ? transport.plainFraming : undefined;
    const known = framing === undefined ? undefined : sharedFrame.find(framing, type, parts);
    if (known !== undefined) {
      transport.sendMemory!(known);
      return;
    }
    const isEncrypted = sealer !== undefined && (flags & Security.Encrypted) !== 0;
    const frameBytes = sealer === undefined ? plainHeaderBytes + bodyBytes : recordBytes(flags, bodyBytes);
    const memory = transport.frameMemory?.(frameBytes, isEncrypted);
    if (memory !== undefined) {
      const at = memory.length - frameBytes;
      if (sealer === undefined) writePlainFrame(memory, at, type, parts);
      else sealer.sealInto(memory, at, flags, type, parts);
      if (framing !== undefined) sharedFrame.keep(framing, type, parts, memory);
      transport.sendMemory!(memory);
    } else if (sealer === undefined) transport.send(gatheredFrame(type, parts));
    else transport.send(sealer.sealGathered(flags, type, parts), isEncrypted);
  }
}
