// What waits to be sent, by channel: each is a queue in itself, and the queues take turns.
//
//   channel a   [ message │ 64 MiB … ]       one turn: small messages of one channel and the same flags,
//   channel b   [ message ]            ─▸    or one fragment of its large message (a transfer)
//
// Nothing of a channel overtakes its unfinished transfer, and everything of other channels may. What the receiver holds
// of unfinished transfers stays within what docs/protocol.md section 2.1 promises it.

import { SealwireError } from '../base/errors.js';
import {
  encodeFragmentHeader,
  fragmentBytes,
  maxOpenTransfers,
  maxTransfer,
  openTransfersFactor,
} from '../wire/fragment.js';
import { type FrameType, frameTypes } from '../wire/frame.js';

/** The body of one frame. */
export interface Piece {
  readonly flags: number;
  readonly type: FrameType;
  /** The body, in a row. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  /** The messages of which nothing is left to send behind this. */
  readonly sent: readonly Uint8Array[];
}

interface Waiting {
  readonly flags: number;
  readonly message: Uint8Array;
}

/** A message that is being cut: the first of its channel. */
interface Transfer {
  readonly number: number;
  sentBytes: number;
}

export class Channels {
  /** In the order of their turns. A channel that has nothing to send is not here; undefined where none has. */
  #queues: Map<string, ChannelQueue> | undefined;
  #maxOpenBytes = 0;
  #openBytes = 0;
  #openTransfers = 0;
  /** Numbers that are given away, or promised to messages that wait. */
  #transfers = 0;
  #lastTransfer = 0;
  #bytes = 0;

  /** What the peer accepts as one message bounds what may be under way to it. */
  set maxMessageBytes(bytes: number) {
    this.#maxOpenBytes = openTransfersFactor * bytes;
  }

  /** Bytes of messages that wait, in all channels. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Channels that have something to send. */
  get waiting(): number {
    return this.#queues?.size ?? 0;
  }

  /** Bytes that wait in one of them; 0 for a channel that has nothing to send. */
  bytesOf(channel: string): number {
    return this.#queues?.get(channel)?.bytes ?? 0;
  }

  /** Throws RESOURCE_EXHAUSTED when there are no numbers left; the connection has carried 64 TiB then. */
  push(channel: string, flags: number, message: Uint8Array): void {
    if (message.length > fragmentBytes) {
      if (this.#transfers === maxTransfer) {
        throw new SealwireError(
          'RESOURCE_EXHAUSTED',
          'this connection has sent all the large messages that it may',
        );
      }
      this.#transfers += 1;
    }
    this.#queues ??= new Map();
    let queue = this.#queues.get(channel);
    if (queue === undefined) {
      queue = new ChannelQueue();
      this.#queues.set(channel, queue);
    }
    queue.push({ flags, message });
    this.#bytes += message.length;
  }

  /** What is to be sent next, `most` bytes of messages or so; undefined when nothing waits. */
  next(most: number = fragmentBytes): Piece | undefined {
    const queues = this.#queues;
    if (queues === undefined) return undefined;
    let mayOpen = true;
    for (const [channel, queue] of queues) {
      const { message } = queue.first!;
      if (message.length > fragmentBytes && queue.transfer === undefined) {
        // Whoever waits longest to begin is the first who may: no large message is kept back by smaller ones.
        mayOpen &&= this.#mayOpen(message.length);
        if (!mayOpen) continue;
        this.#open(queue, message.length);
      }
      const before = queue.bytes;
      const piece = queue.transfer === undefined ? queue.takeMessages() : this.#takeFragment(queue, most);
      this.#bytes -= before - queue.bytes;
      queues.delete(channel);
      if (queue.first !== undefined) queues.set(channel, queue);
      if (queues.size === 0) this.#queues = undefined;
      return piece;
    }
    return undefined;
  }

  clear(): void {
    this.#queues = undefined;
    this.#bytes = 0;
  }

  #mayOpen(messageBytes: number): boolean {
    return this.#openTransfers < maxOpenTransfers && this.#openBytes + messageBytes <= this.#maxOpenBytes;
  }

  #open(queue: ChannelQueue, messageBytes: number): void {
    this.#lastTransfer += 1;
    this.#openTransfers += 1;
    this.#openBytes += messageBytes;
    queue.transfer = { number: this.#lastTransfer, sentBytes: 0 };
  }

  #takeFragment(queue: ChannelQueue, most: number): Piece {
    const { flags, message } = queue.first!;
    const transfer = queue.transfer!;
    const bytes = message.subarray(transfer.sentBytes, transfer.sentBytes + most);
    transfer.sentBytes += bytes.length;
    queue.bytes -= bytes.length;
    const last = transfer.sentBytes === message.length;
    if (last) {
      this.#openTransfers -= 1;
      this.#openBytes -= message.length;
      queue.transfer = undefined;
      queue.drop();
    }
    const header = encodeFragmentHeader({ transfer: transfer.number, last });
    const type = frameTypes.fragment;
    const sent = last ? [message] : [];
    return { flags, type, parts: [header, bytes], bytes: header.length + bytes.length, sent };
  }
}

/** Shifting a long array moves all of it: what is taken stays until there is this much of it. */
const takenBeforeTidying = 1024;

/** One channel: first in, first out. */
class ChannelQueue {
  transfer: Transfer | undefined;
  /** Of messages that wait, what is sent of a transfer not counted. */
  bytes = 0;
  #waiting: (Waiting | undefined)[] = [];
  #taken = 0;

  get first(): Waiting | undefined {
    return this.#waiting[this.#taken];
  }

  push(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.bytes += waiting.message.length;
  }

  /** Whole messages in a row, of the same flags, as many as go into a fragment. */
  takeMessages(): Piece {
    const { flags } = this.first!;
    const messages: Uint8Array[] = [];
    let bytes = 0;
    for (let next = this.first; next !== undefined; next = this.first) {
      if (next.flags !== flags || bytes + next.message.length > fragmentBytes) break;
      messages.push(next.message);
      bytes += next.message.length;
      this.drop();
    }
    this.bytes -= bytes;
    return { flags, type: frameTypes.messages, parts: messages, bytes, sent: messages };
  }

  /** Takes the first one out, which is sent. */
  drop(): void {
    this.#waiting[this.#taken] = undefined;
    this.#taken += 1;
    if (this.#taken < takenBeforeTidying && this.#taken < this.#waiting.length) return;
    this.#waiting.splice(0, this.#taken);
    this.#taken = 0;
  }
}
