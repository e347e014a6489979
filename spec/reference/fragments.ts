// Section 2.1 of docs/protocol.md: large messages in fragments. Knows no keys: bodies of fragment frames go in and out.

import { closeCodes, concat, Reader, Refused, refuseUnless, u8, u32 } from './notation.js';

const maxUnfinished = 16;

/** The bodies of the fragment frames of one transfer. */
export function cut(transfer: number, message: Uint8Array, fragmentBytes: number): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (let start = 0; start < message.length; start += fragmentBytes) {
    const last = start + fragmentBytes >= message.length;
    const part = message.slice(start, start + fragmentBytes);
    bodies.push(concat(u32(transfer), u8(last ? 1 : 0), part));
  }
  return bodies;
}

interface Unfinished {
  flags: number;
  parts: Uint8Array[];
}

/** What a receiver has of messages whose last fragment has not come. */
export class Unfragmenter {
  private readonly unfinished = new Map<number, Unfinished>();
  private lastTransfer = -1;

  /** `maxMessageBytes` is what this side announced. */
  constructor(private readonly maxMessageBytes: number) {}

  /** Gives the message when this was its last fragment. */
  take(flags: number, body: Uint8Array): Uint8Array | undefined {
    const reader = new Reader(body);
    const transfer = reader.u32();
    const last = reader.u8();
    const part = body.slice(5);
    refuseUnless(last <= 1, 'a last that is neither 0 nor 1');
    refuseUnless(part.length > 0, 'a fragment without content');
    let message = this.unfinished.get(transfer);
    if (!message) {
      refuseUnless(transfer > this.lastTransfer, 'a number that is not larger than the last');
      refuseUnless(
        this.unfinished.size < maxUnfinished,
        'too many unfinished messages',
        closeCodes.limitExceeded,
      );
      this.lastTransfer = transfer;
      message = { flags, parts: [] };
      this.unfinished.set(transfer, message);
    }
    if (message.flags !== flags) throw new Refused('fragments of one message with different flags');
    message.parts.push(part);
    const whole = concat(...message.parts);
    refuseUnless(whole.length <= this.maxMessageBytes, 'a message too large', closeCodes.limitExceeded);
    refuseUnless(
      this.bytes() <= 2 * this.maxMessageBytes,
      'too many unfinished bytes',
      closeCodes.limitExceeded,
    );
    if (last === 0) return undefined;
    this.unfinished.delete(transfer);
    return whole;
  }

  private bytes(): number {
    let bytes = 0;
    for (const { parts } of this.unfinished.values()) for (const part of parts) bytes += part.length;
    return bytes;
  }
}
