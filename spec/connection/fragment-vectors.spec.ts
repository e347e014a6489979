// The known answers of fragments.json: what the reference cut and sealed is put together here, and what it refuses is.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { defaultLimits } from '../../lib/base/limits.js';
import { Reassembly } from '../../lib/connection/reassembly.js';
import { Receiver } from '../../lib/connection/receive.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { TrafficSecret } from '../../lib/record/traffic-keys.js';
import { decodeExtensions, encodeExtensions, readPeerExtensions } from '../../lib/wire/extensions.js';
import { ManualClock } from '../support/manual-clock.js';
import { fromHex, vectors } from '../support/vectors.js';

interface FragmentVectors {
  streams: {
    suite: number;
    trafficSecret: string;
    frames: string[];
    delivered: { flags: number; body: string }[];
  }[];
  refused: { why: string; fragments: { flags: number; body: string }[] }[];
  extensions: { maxMessageBytes: number; body: string }[];
}

describe('known answers: fragments', () => {
  const { streams, refused, extensions } = vectors<FragmentVectors>('fragments');

  for (const { suite, trafficSecret, frames, delivered } of streams) {
    it(`of suite ${suite}, interleaved and across a key update`, () => {
      const seen: { flags: number; body: string }[] = [];
      const cipher = suite === 1 ? 'aes-256-gcm' : 'chacha20-poly1305';
      const receiver = new Receiver({
        secret: new TrafficSecret(nodeCrypto, cipher, fromHex(trafficSecret), 1),
        mayBeRefused: false,
        limits: defaultLimits,
        clock: new ManualClock(),
        consumer: {
          messages: (flags, body) => void seen.push({ flags, body: toHex(body) }) as undefined,
          closeReceived: () => undefined,
          stalled: () => undefined,
        },
      });
      for (const frame of frames) receiver.receive(fromHex(frame));
      expect(seen).to.deep.equal(delivered);
      receiver.destroy();
    });
  }

  for (const { why, fragments } of refused) {
    it(`refused: ${why}`, () => {
      const limits = { maxMessageBytes: 65_536, fragmentTimeoutMs: 1000 };
      const reassembly = new Reassembly(limits, new ManualClock(), { stalled: () => undefined });
      for (const { flags, body } of fragments.slice(0, -1)) reassembly.add(flags, fromHex(body));
      const { flags, body } = fragments.at(-1)!;
      expect(() => reassembly.add(flags, fromHex(body))).to.throw(SealwireError);
    });
  }

  it('the announcement of the largest message', () => {
    for (const { maxMessageBytes, body } of extensions) {
      const map = decodeExtensions(fromHex(body).subarray(2));
      expect(readPeerExtensions(map).maxMessageBytes).to.equal(maxMessageBytes);
      expect(toHex(encodeExtensions(map))).to.equal(body.slice(4));
    }
    const map = decodeExtensions(fromHex(extensions[0]!.body).subarray(2));
    const small = new Map([...map, [7, Uint8Array.of(0, 0, 255, 255)]]);
    expect(() => readPeerExtensions(small)).to.throw(SealwireError, 'max_message_bytes');
  });
});
