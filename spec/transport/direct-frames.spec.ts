// Messages that pass `ws` by: in order with what goes to it, however the bytes are cut, and nothing but what is plainly good.

import { randomInt } from 'node:crypto';
import { expect } from 'chai';
import { concat } from '../../lib/base/bytes.js';
import { DirectFrames } from '../../lib/transport/direct-frames.js';

interface Taken {
  readonly messages: Uint8Array[];
  /** What went to `ws`, in one piece. */
  readonly rest: Uint8Array;
  /** m for a message, r for something that went to `ws`. */
  readonly order: string;
}

function take(chunks: readonly Uint8Array[], isShort = true): Taken {
  const messages: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  let order = '';
  const frames = new DirectFrames({
    message: (bytes) => {
      messages.push(bytes);
      order += 'm';
    },
    rest: (bytes) => {
      rest.push(bytes);
      order += 'r';
    },
  });
  // One memory for all, as the sockets have it.
  const memory = new Uint8Array(300_000);
  for (const chunk of chunks) {
    memory.set(chunk);
    frames.take(memory, chunk.length, isShort);
    memory.fill(0xee);
  }
  return { messages, rest: concat(rest), order };
}

function frame(first: number, body: Uint8Array): Uint8Array {
  const { length } = body;
  const header =
    length < 126
      ? [first, length]
      : length < 65_536
        ? [first, 126, length >> 8, length & 255]
        : [first, 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  return concat([Uint8Array.from(header), body]);
}

function body(length: number, fill: number): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

const binary = 0x82;
const ping = 0x89;

describe('direct frames', () => {
  it('hands on whole messages of every form of length, each in memory of its own', () => {
    const bodies = [body(1, 1), body(125, 2), body(126, 3), body(65_535, 4), body(70_000, 5)];
    const { messages, rest } = take([concat(bodies.map((each) => frame(binary, each)))]);
    expect(messages).to.deep.equal(bodies);
    expect(rest.length).to.equal(0);
  });

  it('leaves to ws what it is not sure of, and goes on behind it', () => {
    const odd = concat([frame(ping, body(3, 9)), frame(0x81, body(4, 65)), frame(0x8a, body(0, 0))]);
    const { messages, rest, order } = take([
      concat([frame(binary, body(2, 1)), odd, frame(binary, body(2, 2))]),
    ]);
    expect(order).to.equal('mrm');
    expect(messages).to.deep.equal([body(2, 1), body(2, 2)]);
    expect(rest).to.deep.equal(odd);
  });

  it('leaves fragments to ws until the last, with what stands between them', () => {
    const parts = [frame(0x02, body(5, 1)), frame(ping, body(1, 2)), frame(0x00, body(5, 3))];
    // No honest server begins a message inside another: `ws` is to see it.
    const forbidden = frame(binary, body(3, 4));
    const last = frame(0x80, body(5, 5));
    const whole = frame(binary, body(1, 6));
    const honest = take([concat([...parts, last]), whole]);
    expect(honest.messages).to.deep.equal([body(1, 6)]);
    expect(honest.rest).to.deep.equal(concat([...parts, last]));
    const broken = take([concat([...parts, forbidden]), last, whole]);
    expect(broken.messages).to.deep.equal([]);
    expect(broken.rest).to.deep.equal(concat([...parts, forbidden, last, whole]));
  });

  for (const [what, bad] of [
    ['a close', frame(0x88, body(2, 3))],
    ['a reserved bit', frame(0xc2, body(2, 3))],
    ['a reserved opcode', frame(0x83, body(2, 3))],
    ['a continuation of nothing', frame(0x80, body(2, 3))],
    ['a ping in parts', frame(0x09, body(2, 3))],
    ['a masked frame', Uint8Array.of(0x82, 0x81, 1, 2, 3, 4, 5)],
  ] as const) {
    it(`leaves everything to ws from ${what} on`, () => {
      const behind = frame(binary, body(2, 1));
      const { messages, rest } = take([concat([frame(binary, body(1, 7)), bad, behind]), behind]);
      expect(messages).to.deep.equal([body(1, 7)]);
      expect(rest).to.deep.equal(concat([bad, behind, behind]));
    });
  }

  it('leaves everything to ws while it may not go the short way, and knows where that ends', () => {
    const all = concat([frame(binary, body(9, 1)), frame(ping, body(2, 2))]);
    const { messages, rest } = take([all, all.subarray(0, 4), all.subarray(4)], false);
    expect(messages).to.deep.equal([]);
    expect(rest).to.deep.equal(concat([all, all]));
  });

  it('keeps the order, and loses and changes nothing, however the bytes are cut', () => {
    for (let round = 0; round < 150; round++) {
      const sent = Array.from({ length: 1 + randomInt(12) }, (_, index) => {
        const first = [binary, binary, ping, 0x81][randomInt(4)]!;
        const most = first === ping ? 126 : [10, 200, 3000][randomInt(3)]!;
        return { first, body: body(randomInt(most), index + 1) };
      });
      const bytes = concat(sent.map((each) => frame(each.first, each.body)));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + 1 + randomInt([3, 50, 5000][round % 3]!));
        chunks.push(bytes.subarray(at, end));
        at = end;
      }
      const { messages, rest } = take(chunks);
      const seen = [...messages];
      let left = rest;
      for (const each of sent) {
        const whole = frame(each.first, each.body);
        if (each.first === binary && isSame(seen[0], each.body)) seen.shift();
        else {
          expect(isSame(left.subarray(0, whole.length), whole)).to.equal(true);
          left = left.subarray(whole.length);
        }
      }
      expect(seen.length + left.length).to.equal(0);
    }
  });
});

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index]);
}
