// Changes to bytes that know nothing of what the bytes mean.

import { concat } from '../../lib/base/bytes.js';
import type { SeededRandom } from '../support/random.js';

export type BytesMutator = (bytes: Uint8Array, random: SeededRandom, other: Uint8Array) => Uint8Array;

/** Bytes that mean something in DER, in base64 and at the edges of numbers. */
const notable = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x1f, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x84, 0xa0, 0xa3, 0xff,
];

/** By name. `other` is another file of the corpus. */
export const bytesMutators: Readonly<Record<string, BytesMutator>> = {
  'flip a bit'(bytes, random) {
    const changed = Uint8Array.from(bytes);
    changed[random.below(bytes.length)]! ^= 1 << random.below(8);
    return changed;
  },
  'set bytes'(bytes, random) {
    const changed = Uint8Array.from(bytes);
    for (let count = 1 + random.below(4); count > 0; count--) {
      const value = random.below(2) ? notable[random.below(notable.length)]! : random.below(256);
      changed[random.below(bytes.length)] = value;
    }
    return changed;
  },
  insert(bytes, random) {
    const at = random.below(bytes.length + 1);
    const count = 1 + random.below(random.below(8) ? 8 : 2000);
    return concat([bytes.subarray(0, at), random.bytes(count), bytes.subarray(at)]);
  },
  delete(bytes, random) {
    const at = random.below(bytes.length);
    const count = 1 + random.below(random.below(4) ? 8 : bytes.length);
    return concat([bytes.subarray(0, at), bytes.subarray(at + count)]);
  },
  truncate: (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  append: (bytes, random) =>
    concat([bytes, random.below(2) ? random.bytes(1 + random.below(40)) : new Uint8Array(1)]),
  'duplicate a range'(bytes, random) {
    const [from, to] = range(bytes, random);
    return concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  'swap two ranges'(bytes, random) {
    const cuts = Array.from({ length: 4 }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
    const [a, b, c, d] = cuts as [number, number, number, number];
    return concat([
      bytes.subarray(0, a),
      bytes.subarray(c, d),
      bytes.subarray(b, c),
      bytes.subarray(a, b),
      bytes.subarray(d),
    ]);
  },
  'splice two files'(bytes, random, other) {
    return concat([
      bytes.subarray(0, random.below(bytes.length)),
      other.subarray(random.below(other.length)),
    ]);
  },
  'overwrite with zeros'(bytes, random) {
    const [from, to] = range(bytes, random);
    return Uint8Array.from(bytes).fill(random.below(2) ? 0 : 0xff, from, to);
  },
};

function range(bytes: Uint8Array, random: SeededRandom): [from: number, to: number] {
  const from = random.below(bytes.length);
  return [from, from + 1 + random.below(Math.min(bytes.length - from, random.below(4) ? 16 : bytes.length))];
}
