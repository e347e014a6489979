// The way of a message out, in the order of its steps:
//
//   1. queue     refuse what the peer would refuse (size) and what nobody reads (send buffer)
//   2. batch     messages of one turn and the same flags share a frame; the first of an idle connection goes at once
//   3. rekey     change keys when they are worn
//   4. seal      record/seal.ts
//   5. transport
//
// Order is kept: a change of flags closes the batch. Nothing here knows what a message means.

import { concat } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { recordOverheadBytes, Sealer } from '../record/seal.js';
import type { TrafficSecret } from '../record/traffic-keys.js';
import type { TransportConnection } from '../transport/transport.js';
import { type CloseReason, encodeClose, frameTypes, plainFrame } from '../wire/frame.js';

const both = 3;

export class Sender {
  readonly #transport: TransportConnection;
  readonly #limits: Limits;
  readonly #clock: Clock;
  #sealer: Sealer | undefined;
  #maxMessageBytes = 0;
  #batch: Uint8Array[] = [];
  #batchFlags = 0;
  #batchBytes = 0;
  /** Something was sent in this turn of the event loop, so what follows is gathered. */
  #busy = false;

  constructor(transport: TransportConnection, limits: Limits, clock: Clock) {
    this.#transport = transport;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Goes over to traffic: with keys where there are any. `peerMaxFrameBytes` is what the peer accepts. */
  establish(secret: TrafficSecret | undefined, peerMaxFrameBytes: number): void {
    this.#sealer = secret && new Sealer(secret, this.#limits, () => this.#clock.now());
    this.#maxMessageBytes = peerMaxFrameBytes - recordOverheadBytes;
  }

  get generation(): number {
    return this.#sealer?.generation ?? 0;
  }

  /** A frame of the handshake, which is sealed already. */
  sendHandshake(frame: Uint8Array): void {
    this.#transport.send(frame);
  }

  /**
   * Sends one message under `flags`. Throws ENCRYPTION_UNAVAILABLE without keys, and RESOURCE_EXHAUSTED for a
   * message that is larger than the peer accepts (reason `message-size`) or when the peer reads too slowly
   * (reason `send-buffer`); nothing was sent then.
   */
  send(flags: number, message: Uint8Array): void {
    this.#admit(flags, message);
    if (!this.#busy) {
      this.#busy = true;
      this.#clock.endOfTurn(() => this.#endTurn());
      this.#write(flags, message);
      return;
    }
    const room = Math.min(this.#limits.maxBatchBytes, this.#maxMessageBytes) - this.#batchBytes;
    if (flags !== this.#batchFlags || message.length > room) this.flush();
    this.#batchFlags = flags;
    this.#batchBytes += message.length;
    this.#batch.push(message);
  }

  /** Sends what is gathered. */
  flush(): void {
    if (this.#batch.length === 0) return;
    const [first] = this.#batch;
    const body = this.#batch.length === 1 ? first! : concat(this.#batch);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#write(this.#batchFlags, body);
  }

  /** The last frame: sealed where there are keys. */
  sendClose(reason: CloseReason): void {
    this.flush();
    const body = encodeClose(reason);
    const sealer = this.#sealer;
    this.#transport.send(
      sealer ? sealer.seal(both, frameTypes.close, body) : plainFrame(frameTypes.close, body),
    );
  }

  /** Wipes the keys and drops what is gathered. */
  destroy(): void {
    this.#sealer?.destroy();
    this.#sealer = undefined;
    this.#batch = [];
    this.#batchBytes = 0;
  }

  #admit(flags: number, message: Uint8Array): void {
    if (flags !== 0 && this.#sealer === undefined) {
      throw new SealwireError(
        'ENCRYPTION_UNAVAILABLE',
        'this connection has no keys; set enableEncryption on both sides',
      );
    }
    if (message.length > this.#maxMessageBytes) {
      throw new SealwireError(
        'RESOURCE_EXHAUSTED',
        `a message of ${message.length} bytes is larger than the ${this.#maxMessageBytes} that the peer accepts ` +
          '(limits.maxFrameBytes on its side)',
        { reason: 'message-size' },
      );
    }
    if (this.#transport.bufferedBytes + this.#batchBytes + message.length > this.#limits.maxSendBufferBytes) {
      throw new SealwireError('RESOURCE_EXHAUSTED', 'the peer reads more slowly than this side sends', {
        reason: 'send-buffer',
      });
    }
  }

  #write(flags: number, body: Uint8Array): void {
    const sealer = this.#sealer;
    if (flags === 0 || sealer === undefined) {
      this.#transport.send(plainFrame(frameTypes.messages, body));
      return;
    }
    if (sealer.needsRekey(body.length)) this.#transport.send(sealer.rekey());
    this.#transport.send(sealer.seal(flags, frameTypes.messages, body));
  }

  #endTurn(): void {
    if (this.#batch.length === 0) {
      this.#busy = false;
      return;
    }
    this.#clock.endOfTurn(() => this.#endTurn());
    this.flush();
  }
}
