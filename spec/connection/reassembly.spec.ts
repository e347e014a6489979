// What a receiver makes of fragments, and of peers and people on the way who play with them.

import { expect } from 'chai';
import { concat, sameBytes } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { Reassembly } from '../../lib/connection/reassembly.js';
import { decodeFragment, encodeFragmentHeader, fragmentHeaderBytes } from '../../lib/wire/fragment.js';
import { ManualClock } from '../support/manual-clock.js';
import { anonymous, established, expectEnd, turns } from './joined.js';

const limits = { maxMessageBytes: 65_536, fragmentTimeoutMs: 1000 };
const part = (transfer: number, last: boolean, length: number, byte = 7) =>
  concat([encodeFragmentHeader({ transfer, last }), new Uint8Array(length).fill(byte)]);

function reassembly(): { each: Reassembly; clock: ManualClock; stalls: SealwireError[] } {
  const clock = new ManualClock();
  const stalls: SealwireError[] = [];
  return { each: new Reassembly(limits, clock, { stalled: (error) => stalls.push(error) }), clock, stalls };
}

function expectRefused(act: () => unknown, code: string): void {
  expect(act).to.throw(SealwireError).with.property('code', code);
}

describe('fragments', () => {
  it('are a number, whether it is the last one, and bytes', () => {
    const body = concat([encodeFragmentHeader({ transfer: 0xfedcba98, last: true }), Uint8Array.of(1, 2)]);
    expect([...body]).to.deep.equal([0xfe, 0xdc, 0xba, 0x98, 1, 1, 2]);
    expect(decodeFragment(body)).to.deep.equal({
      transfer: 0xfedcba98,
      last: true,
      bytes: Uint8Array.of(1, 2),
    });
    for (const bad of [[], [0, 0, 0, 1], [0, 0, 0, 1, 1], [0, 0, 0, 1, 2, 9], [0, 0, 0, 1, 255, 9]]) {
      expectRefused(() => decodeFragment(Uint8Array.from(bad)), 'PROTOCOL_ERROR');
    }
  });
});

describe('connection, reassembly', () => {
  it('puts messages together that come interleaved, whatever the sizes of the pieces', () => {
    const { each, clock } = reassembly();
    expect(each.add(3, part(1, false, 65_000, 1))).to.equal(undefined);
    expect(each.add(2, part(2, false, 1, 2))).to.equal(undefined);
    expect(each.add(3, part(1, false, 500, 3))).to.equal(undefined);
    expect(each.bytes).to.equal(65_501);
    expect([...each.add(2, part(2, true, 2, 4))!]).to.deep.equal([2, 4, 4]);
    const whole = each.add(3, part(1, true, 36, 5))!;
    expect(whole).to.have.length(65_536);
    expect([whole[64_999], whole[65_000], whole[65_499], whole[65_500], whole[65_535]]).to.deep.equal([
      1, 3, 3, 5, 5,
    ]);
    expect(each.bytes).to.equal(0);
    expect(clock.timers).to.equal(0);
    expect([...each.add(0, part(9, true, 1))!], 'one alone').to.deep.equal([7]);
  });

  it('copies what would keep more memory alive than it has bytes, and keeps the rest as it came', () => {
    const { each } = reassembly();
    // 20,000 bytes: in memory of their own, in twice as much, and in the chunk that a socket read.
    const own = part(1, false, 20_000, 1);
    const half = new Uint8Array(40_000).subarray(0, 20_000 + fragmentHeaderBytes);
    half.set(part(1, false, 20_000, 2));
    const chunk = new Uint8Array(65_536).subarray(100, 20_105);
    chunk.set(part(1, false, 20_000, 3));
    const small = part(1, false, 3, 4);
    for (const body of [own, half, chunk, small]) {
      each.add(0, body);
      body.fill(9);
    }
    const whole = each.add(0, part(1, true, 1, 5))!;
    expect([0, 20_000, 40_000, 60_000, 60_003].map((at) => whole[at])).to.deep.equal([9, 9, 3, 4, 5]);
  });

  it('gives out what came in one fragment without a copy', () => {
    const { each } = reassembly();
    const body = part(1, true, 20_000);
    expect(each.add(0, body)!.buffer).to.equal(body.buffer);
    expect(each.bytes).to.equal(0);
  });

  it('puts all lengths together in any mixture, those around a block and around what is kept included', () => {
    const each = new Reassembly({ ...limits, maxMessageBytes: 2 ** 20 }, new ManualClock(), {
      stalled: () => {},
    });
    const lengths = [1, 8191, 2, 8192, 3, 65_535, 1, 1, 65_536, 65_537, 4, 20_000, 5, 131_073];
    const chunk = new Uint8Array(400_000);
    lengths.forEach((length, index) => {
      const body = part(1, false, length, index + 1);
      // Every other one is a view of something large, and is copied.
      if (index % 2 === 0) each.add(3, body);
      else {
        chunk.set(body);
        each.add(3, chunk.subarray(0, body.length));
      }
    });
    const whole = each.add(3, part(1, true, 1, 99))!;
    const expected = concat([
      ...lengths.map((length, index) => new Uint8Array(length).fill(index + 1)),
      Uint8Array.of(99),
    ]);
    expect(sameBytes(whole, expected)).to.equal(true);
    expect(each.bytes).to.equal(0);
  });

  it('refuses a message whose fragments have different flags, in each direction', () => {
    for (const [first, second] of [
      [3, 0],
      [2, 0],
      [3, 2],
      [2, 3],
      [0, 3],
      [1, 0],
    ] as const) {
      const { each } = reassembly();
      each.add(first, part(1, false, 10));
      expectRefused(() => each.add(second, part(1, true, 10)), 'PROTOCOL_ERROR');
    }
  });

  it('refuses a number that was used, or that is not larger than the last', () => {
    const { each } = reassembly();
    each.add(0, part(5, false, 10));
    each.add(0, part(7, true, 10));
    expectRefused(() => each.add(0, part(7, true, 10)), 'PROTOCOL_ERROR');
    expectRefused(() => each.add(0, part(6, false, 10)), 'PROTOCOL_ERROR');
    each.add(0, part(5, true, 10));
    expectRefused(() => each.add(0, part(5, true, 10)), 'PROTOCOL_ERROR');
    expectRefused(() => each.add(0, part(0, true, 10)), 'PROTOCOL_ERROR');
  });

  it('refuses a message that becomes too large, by its last fragment or by any', () => {
    for (const last of [false, true]) {
      const { each } = reassembly();
      each.add(3, part(1, false, 65_536));
      expectRefused(() => each.add(3, part(1, last, 1)), 'LIMIT_EXCEEDED');
    }
  });

  it('refuses more unfinished bytes than twice the largest message, and more than 16 messages', () => {
    const large = reassembly();
    large.each.add(3, part(1, false, 65_536));
    large.each.add(3, part(2, false, 65_536));
    expectRefused(() => large.each.add(3, part(3, false, 1)), 'LIMIT_EXCEEDED');
    const many = reassembly();
    for (let transfer = 1; transfer <= 16; transfer++) many.each.add(0, part(transfer, false, 1));
    expectRefused(() => many.each.add(0, part(17, false, 1)), 'LIMIT_EXCEEDED');
    many.each.add(0, part(4, true, 1));
    many.each.add(0, part(17, false, 1));
  });

  it('cuts who leaves a message unfinished, not who is slow, and keeps no timer otherwise', () => {
    const { each, clock, stalls } = reassembly();
    each.add(0, part(1, false, 1));
    each.add(0, part(2, false, 1));
    for (let slow = 0; slow < 10; slow++) {
      clock.advance(900);
      each.add(0, part(1, false, 1));
      each.add(0, part(2, false, 1));
    }
    expect(stalls).to.deep.equal([]);
    for (let slow = 0; slow < 3; slow++) {
      clock.advance(900);
      if (stalls.length === 0) each.add(0, part(1, false, 1));
    }
    expect(stalls.map(({ code }) => code)).to.deep.equal(['LIMIT_EXCEEDED']);
    each.destroy();
    expect(clock.timers).to.equal(0);
    expect(each.bytes).to.equal(0);
  });

  it('starts to watch anew once all was finished', () => {
    const { each, clock, stalls } = reassembly();
    each.add(0, part(1, false, 1));
    each.add(0, part(1, true, 1));
    expect(clock.timers).to.equal(0);
    clock.advance(5000);
    each.add(0, part(2, false, 1));
    expect(clock.timers).to.equal(1);
    clock.advance(2000);
    expect(stalls).to.have.length(1);
  });

  describe('on the way', () => {
    const fragment = (first: number, ...bytes: number[]) => Uint8Array.of(first, ...bytes);

    it('lets nobody put plain bytes into a message that is vouched for, nor finish it', async () => {
      for (const last of [0, 1]) {
        const joined = established(anonymous);
        joined.client.connection.send(3, new Uint8Array(200_000), 'bulk');
        await turns(joined, 1);
        expect(joined.server.owner.delivered).to.deep.equal([]);
        joined.server.end.inject(fragment(0x05, 0, 0, 0, 1, last, 0x90));
        expectEnd(joined.server, 'PROTOCOL_ERROR');
        expect(joined.server.owner.delivered).to.deep.equal([]);
        expect(joined.server.clock.timers).to.equal(0);
      }
    });

    it('gives a message out only when its last fragment has come', async () => {
      const joined = established(anonymous);
      // 16 KiB, 16 KiB, then three times as much as every peer accepts.
      const lastFrame = 5;
      let kept: Uint8Array | undefined;
      let seen = 0;
      joined.client.end.meddle = (frame) => {
        seen += 1;
        if (seen !== lastFrame) return [frame];
        kept = frame;
        return [];
      };
      joined.client.connection.send(3, new Uint8Array(200_000), 'bulk');
      await turns(joined, 30);
      expect(kept).to.not.equal(undefined);
      expect(joined.server.owner.delivered).to.deep.equal([]);
      expect(joined.server.owner.ends).to.deep.equal([]);
    });

    it('ends the connection for a fragment that is flipped, doubled, missing or out of order', async () => {
      type Meddle = (frame: Uint8Array, index: number) => Uint8Array[];
      const flip =
        (at: number): Meddle =>
        (frame, index) => {
          if (index === 3) frame[at < 0 ? frame.length + at : at]! ^= 1;
          return [frame];
        };
      let held: Uint8Array[] = [];
      const attacks: [string, Meddle][] = [
        ['number', flip(11)],
        ['last', flip(12)],
        ['content', flip(40)],
        ['tag', flip(-1)],
        ['sequence', flip(7)],
        ['doubled', (frame, index) => (index === 3 ? [frame, frame.slice()] : [frame])],
        ['missing', (frame, index) => (index === 3 ? [] : [frame])],
        [
          'swapped',
          (frame, index) => {
            if (index !== 3) return [frame, ...held.splice(0)];
            held = [frame];
            return [];
          },
        ],
      ];
      for (const [what, meddle] of attacks) {
        for (const flags of [2, 3]) {
          const joined = established(anonymous);
          let index = 0;
          joined.client.end.meddle = (frame) => meddle(frame, index++);
          joined.client.connection.send(flags, new Uint8Array(200_000), 'bulk');
          await turns(joined, 20);
          expect(joined.server.owner.end?.code, what).to.equal('RECORD_REJECTED');
          expect(joined.server.owner.delivered, what).to.deep.equal([]);
        }
      }
    });

    it('cuts who opens transfer after transfer, and tells limit-exceeded', () => {
      const joined = established({ plain: true });
      for (let transfer = 1; transfer <= 1000; transfer++) {
        joined.server.end.inject(fragment(0x05, 0, 0, transfer >> 8, transfer & 0xff, 0, 1));
      }
      expectEnd(joined.server, 'LIMIT_EXCEEDED');
      joined.line.flow();
      expect(joined.client.owner.end!.reason).to.equal('limit-exceeded');
      expect(joined.server.clock.timers).to.equal(0);
    });

    it('cuts who never finishes one', () => {
      const joined = established({ plain: true, serverLimits: { fragmentTimeoutMs: 1000 } });
      joined.server.end.inject(fragment(0x05, 0, 0, 0, 1, 0, 1));
      joined.server.clock.advance(2001);
      expectEnd(joined.server, 'LIMIT_EXCEEDED');
    });

    it('refuses empty fragments, the first of them', () => {
      const joined = established({ plain: true });
      joined.server.end.inject(fragment(0x05, 0, 0, 0, 1, 0));
      expectEnd(joined.server, 'PROTOCOL_ERROR');
    });
  });
});
