// When a chunk is given back, and what of it lives on: held against `ws` itself, with frames and chunks as random as they come.

import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import fc from 'fast-check';
import * as ws from 'ws';
import { concat } from '../../lib/base/bytes.js';
import { WebSocketChunks } from '../../lib/transport/websocket-chunks.js';
import { pattern, sameFrames } from './meeting.js';

/** The reader of `ws`, which its types leave out. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => ReaderOfWs };
interface ReaderOfWs extends EventEmitter {
  write(chunk: Uint8Array): boolean;
}

/** What is given back has so many bytes at least. */
const leastBytes = 12 * 1024;

interface Sent {
  readonly kind: 'message' | 'ping' | 'fragments';
  readonly bytes: number;
}

/** Written out once more, not by what it is to be compared with. */
function encode(first: number, payload: Uint8Array, isMasked: boolean): Uint8Array {
  const { length: bytes } = payload;
  const length =
    bytes < 126
      ? [bytes]
      : bytes < 65_536
        ? [126, bytes >> 8, bytes & 255]
        : [127, 0, 0, 0, 0, bytes >> 24, (bytes >> 16) & 255, (bytes >> 8) & 255, bytes & 255];
  if (!isMasked) return concat([Uint8Array.of(first, ...length), payload]);
  length[0]! |= 0x80;
  const mask = [1, 2, 3, 4];
  return concat([Uint8Array.of(first, ...length, ...mask), payload.map((byte, at) => byte ^ mask[at & 3]!)]);
}

const frames = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 6, arbitrary: fc.constant('message' as const) },
      fc.constantFrom('ping' as const, 'fragments' as const),
    ),
    bytes: fc.oneof(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536), fc.nat(40_000), fc.nat(100_000)),
  }),
  { minLength: 1, maxLength: 8 },
);

/** Where the stream is cut, by where its frames begin. */
type Cut = (starts: readonly number[]) => readonly number[];

/** Behind the beginnings of frames, where headers end among other places; or nowhere but where a chunk is full. */
const cuts: fc.Arbitrary<Cut> = fc
  .array(fc.oneof(fc.constantFrom(0, 2, 4, 6, 8, 10, 14), fc.nat(70_000)), { maxLength: 6 })
  .map((behind) => (starts) => starts.flatMap((start) => behind.map((bytes) => start + bytes)));

describe('transport/websocket-chunks', () => {
  it('gives back each chunk as soon as nobody needs it, and no sooner', () => {
    fc.assert(fc.property(frames, cuts, fc.integer({ min: 12_000, max: 70_000 }), fc.boolean(), check), {
      numRuns: 400,
      endOnFailure: true,
    });
  });

  it('leaves a chunk that is all one message to its receiver', () => {
    const sent: Sent[] = Array.from({ length: 8 }, () => ({ kind: 'message', bytes: 20_000 }));
    // One message, so that chunks are looked at; two in one chunk, which tell where frames begin; then headers and payloads apart.
    const apart: Cut = (starts) => [
      starts[1]!,
      starts[3]! + 4,
      ...starts.slice(4).flatMap((at) => [at, at + 4]),
    ];
    check(sent, apart, 70_000, false);
  });
});

function check(sent: readonly Sent[], cut: Cut, most: number, isMasked: boolean): void {
  const encoded: { bytes: Uint8Array; isWholeBinary: boolean }[] = [];
  const payloads = { message: [] as Uint8Array[], ping: [] as Uint8Array[] };
  for (const [index, { kind, bytes }] of sent.entries()) {
    const payload = pattern(kind === 'ping' ? Math.min(bytes, 125) : bytes, index);
    payloads[kind === 'ping' ? 'ping' : 'message'].push(payload);
    if (kind === 'fragments') {
      const half = payload.length >> 1;
      encoded.push({ bytes: encode(0x02, payload.subarray(0, half), isMasked), isWholeBinary: false });
      encoded.push({ bytes: encode(0x80, payload.subarray(half), isMasked), isWholeBinary: false });
    } else {
      const first = kind === 'ping' ? 0x89 : 0x82;
      encoded.push({ bytes: encode(first, payload, isMasked), isWholeBinary: kind === 'message' });
    }
  }
  const stream = concat(encoded.map(({ bytes }) => bytes));
  const starts: number[] = [];
  let length = 0;
  for (const { bytes } of encoded) {
    starts.push(length);
    length += bytes.length;
  }
  const boundaries = [...new Set([...cut(starts), stream.length])].filter(
    (at) => at > 0 && at <= stream.length,
  );

  // As in transport/websocket.ts: around the listener of `ws`, once a large message has come.
  const socket = new EventEmitter();
  const reader = new Receiver({
    isServer: isMasked,
    binaryType: 'nodebuffer',
    maxPayload: 2 ** 20,
    allowSynchronousEvents: true,
  });
  socket.on('data', (chunk: Uint8Array) => reader.write(chunk));
  let chunks: WebSocketChunks | undefined;
  let current = Buffer.alloc(0);
  let begun = false;
  let tells = false;
  const got = { message: [] as Uint8Array[], ping: [] as Uint8Array[] };
  reader.on('message', (data: Uint8Array) => {
    const message = new Uint8Array(data.buffer, data.byteOffset, data.length);
    if (chunks === undefined && message.length >= leastBytes) {
      const made = new WebSocketChunks();
      socket.prependListener('data', (chunk: Uint8Array) => made.begin(chunk));
      socket.on('data', (chunk: Uint8Array) => made.end(chunk));
      chunks = made;
    }
    const isPart = data.buffer === current.buffer && data.length < current.length;
    // From a chunk on that was begun with: where frames begin is seen by a message in the middle of it.
    if (begun && isPart && current.length >= leastBytes) tells = true;
    got.message.push(chunks?.own(message) ?? message);
  });
  reader.on('ping', (data: Uint8Array) => got.ping.push(data));
  reader.on('error', (error: Error) => {
    throw error;
  });

  const followed: { chunk: Buffer; from: number; to: number }[] = [];
  const others: { chunk: Buffer; bytes: number }[] = [];
  for (let from = 0; from < stream.length; ) {
    const to = Math.min(from + most, ...boundaries.filter((at) => at > from));
    current = Buffer.from(stream.slice(from, to).buffer);
    begun = chunks !== undefined;
    const isFollowed = tells;
    const before = got.message.length;
    socket.emit('data', current);
    const isHandedOn = got.message.slice(before).some(({ buffer }) => buffer === current.buffer);
    if (isFollowed && !isHandedOn) followed.push({ chunk: current, from, to });
    else others.push({ chunk: current, bytes: to - from });
    from = to;
    for (const one of followed) {
      const frames = encoded.filter(
        (_, at) => starts[at]! < one.to && (starts[at + 1] ?? stream.length) > one.from,
      );
      const end = [...starts, stream.length].find((at) => at >= one.to)!;
      const isNeeded = end > to || frames.some(({ isWholeBinary }) => !isWholeBinary);
      const isGivenBack = !isNeeded && one.to - one.from >= leastBytes;
      expect(one.chunk.length, `of ${one.from} to ${one.to}, at ${to}`).to.equal(
        isGivenBack ? 0 : one.to - one.from,
      );
    }
  }
  for (const { chunk, bytes } of others) expect(chunk.length).to.equal(bytes);
  expect(sameFrames(got.message, payloads.message), 'messages').to.equal(true);
  expect(sameFrames(got.ping, payloads.ping), 'pings').to.equal(true);
}
