// When a chunk is given back: held against what `ws` may still need, frames and chunks as random as they come.

import { expect } from 'chai';
import fc from 'fast-check';
import { concat } from '../../lib/base/bytes.js';
import { WebSocketChunks } from '../../lib/transport/websocket-chunks.js';
import { pattern } from './meeting.js';

/** What is given back has so many bytes at least. */
const leastBytes = 12 * 1024;

interface Frame {
  /** FIN, and the opcode. */
  readonly first: number;
  readonly bytes: number;
  readonly isMasked: boolean;
}

/** Written out once more, not by what it is to be compared with. */
function encode({ first, bytes, isMasked }: Frame): Uint8Array {
  const length =
    bytes < 126
      ? [bytes]
      : bytes < 65_536
        ? [126, bytes >> 8, bytes & 255]
        : [127, 0, 0, 0, 0, bytes >> 24, (bytes >> 16) & 255, (bytes >> 8) & 255, bytes & 255];
  if (isMasked) length[0]! |= 0x80;
  return concat([Uint8Array.of(first, ...length), new Uint8Array(isMasked ? 4 : 0), pattern(bytes)]);
}

const frames = fc.array(
  fc.record({
    first: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0x82) },
      fc.constantFrom(0x02, 0x00, 0x80, 0x89, 0x8a),
    ),
    bytes: fc.oneof(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536), fc.nat(40_000), fc.nat(100_000)),
    isMasked: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);

/** Some that cut headers, and one at least that gets on. */
const chunkSizes = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 10_000, max: 70_000 })), {
    maxLength: 6,
  })
  .map((sizes) => [...sizes, 30_000]);

describe('transport/websocket-chunks', () => {
  it('gives back a chunk when all its frames are whole, and at once; never one with anything but whole binary messages', () => {
    fc.assert(
      fc.property(frames, chunkSizes, (sent, sizes) => {
        const encoded = sent.map(encode);
        const stream = concat(encoded);
        const ends: number[] = [];
        for (const each of encoded) ends.push((ends.at(-1) ?? 0) + each.length);

        const chunks = new WebSocketChunks();
        const seen: { memory: Uint8Array; from: number; to: number }[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const to = Math.min(stream.length, at + sizes[turn % sizes.length]!);
          const memory = stream.slice(at, to);
          seen.push({ memory, from: at, to });
          chunks.add(memory);
          at = to;
          // What has come so far ends in a frame, or between two.
          for (const one of seen) {
            const touched = sent.filter(
              (_, index) => one.from < ends[index]! && (ends[index - 1] ?? 0) < one.to,
            );
            const end = ends.find((each) => each >= one.to)!;
            const isNeeded = end > to || touched.some(({ first }) => first !== 0x82);
            const isGivenBack = !isNeeded && one.to - one.from >= leastBytes;
            expect(one.memory.length).to.equal(isGivenBack ? 0 : one.to - one.from);
          }
        }
      }),
      { numRuns: 300, endOnFailure: true },
    );
  });
});
