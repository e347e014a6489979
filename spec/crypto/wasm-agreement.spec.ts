// WebAssembly against node:crypto and noble on random messages: random keys, lengths, offsets and places, one seed for all.
// Here a part of them; `SEALWIRE_MESSAGES=1000000 mocha …/wasm-agreement.spec.js` runs a million (in about two minutes).

import { expect } from 'chai';
import { sameBytes } from '../../lib/base/bytes.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { type CryptoProvider, tagBytes } from '../../lib/crypto/provider.js';
import { pieceBytes } from '../../lib/crypto/wasm/cipher.js';
import { SeededRandom } from '../support/random.js';
import { bytesOf, mixedBackend, wasmBackends } from './backends.js';

const messages = Number(process.env.SEALWIRE_MESSAGES ?? 8_000);
const cipher = 'chacha20-poly1305';
const longest = 3 * pieceBytes + 200;
/** Content is a window of it: a draw for each byte would take longer than all the ciphers. */
const pool = new SeededRandom(0x9001).bytes(1 << 19);

describe('WebAssembly on random messages', function () {
  this.timeout(messages * 2 + 10_000);

  for (const crypto of [...wasmBackends, mixedBackend]) {
    it(`${crypto.name} agrees with node:crypto and noble on ${messages} of them`, () => {
      const random = new SeededRandom(0x5ea1);
      const counts = { messages: 0, pieces: 0, forged: 0, inPlace: 0 };
      for (let message = 0; message < messages; message++) {
        const sample = draw(random, message);
        // noble takes ten times as long: it is asked for every tenth one.
        compare(crypto, message % 10 === 0 ? nobleCrypto : nodeCrypto, sample, random, counts);
        counts.messages++;
      }
      expect(counts.messages).to.equal(messages);
      for (const count of Object.values(counts)) expect(count).to.be.above(messages / 500);
    });
  }

  for (const crypto of [...wasmBackends, mixedBackend]) {
    it(`${crypto.name}: every length around a block, a run and a piece, each with other associated data`, () => {
      const random = new SeededRandom(0x1e46);
      const edges = [64, 192, 256, 448, 512, 1024, 3072, 6144, pieceBytes, 2 * pieceBytes];
      const lengths = [
        ...Array(300).keys(),
        ...edges.flatMap((edge) => [-17, -16, -1, 0, 1, 15, 16, 17].map((by) => edge + by)),
      ];
      const counts = { messages: 0, pieces: 0, forged: 0, inPlace: 0 };
      for (const [index, length] of lengths.entries()) {
        const adBytes = index % 5 === 4 ? pieceBytes + (index % 19) : index % 140;
        compare(crypto, nodeCrypto, { ...draw(random, 0), length, adBytes }, random, counts);
      }
    });
  }

  it('overlapping views, each piece longer than the area: the input as it was, not as it became', () => {
    const random = new SeededRandom(0x0e1a);
    for (const crypto of wasmBackends) {
      for (const shift of [-70_000, -pieceBytes, -33, -1, 0, 1, 33, pieceBytes, 70_000]) {
        const [key, nonce, length] = [random.bytes(32), random.bytes(12), 2 * pieceBytes + 77];
        const room = windowOf(random, length + tagBytes + 2 * 70_000);
        const input = room.subarray(70_000, 70_000 + length);
        const plaintext = Uint8Array.from(input);
        const place = (bytes: number) => room.subarray(70_000 + shift, 70_000 + shift + bytes);

        const streamed = new Uint8Array(length);
        nodeCrypto.streamCipher(cipher, key).apply(nonce, plaintext, streamed);
        crypto.streamCipher(cipher, key).apply(nonce, input, place(length));
        expect(sameBytes(place(length), streamed), `apply, ${shift}`).to.equal(true);

        input.set(plaintext);
        const sealed = new Uint8Array(length + tagBytes);
        nodeCrypto.aead(cipher, key).seal(nonce, nonce, plaintext, sealed);
        crypto.aead(cipher, key).seal(nonce, nonce, input, place(length + tagBytes));
        expect(sameBytes(place(length + tagBytes), sealed), `seal, ${shift}`).to.equal(true);

        const from = room.subarray(70_000, 70_000 + length + tagBytes);
        from.set(sealed);
        expect(crypto.aead(cipher, key).open(nonce, nonce, from, place(length))).to.equal(true);
        expect(sameBytes(place(length), plaintext), `open, ${shift}`).to.equal(true);
      }
    }
  });
});

interface Sample {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly length: number;
  readonly adBytes: number;
  /** Where the views begin in their memory. */
  readonly offset: number;
  readonly isInPlace: boolean;
}

/** Mostly as short as calls are, some longer than a run, a few longer than the area. */
function draw(random: SeededRandom, message: number): Sample {
  const most = message % 200 === 199 ? longest : message % 20 === 19 ? 5000 : 300;
  return {
    key: random.bytes(32),
    nonce: random.bytes(12),
    length: random.below(most + 1),
    adBytes: message % 7 === 6 ? random.below(200) : 8,
    offset: random.below(32),
    isInPlace: random.below(2) === 0,
  };
}

function windowOf(random: SeededRandom, length: number): Uint8Array {
  const start = random.below(pool.length - length);
  return pool.slice(start, start + length);
}

interface Counts {
  pieces: number;
  forged: number;
  inPlace: number;
}

function compare(
  one: CryptoProvider,
  other: CryptoProvider,
  sample: Sample,
  random: SeededRandom,
  counts: Counts,
): void {
  const { key, nonce, length, adBytes, offset, isInPlace } = sample;
  const what = `${length} bytes at ${offset}, ${adBytes} beside them`;
  const ad = random.bytes(adBytes);
  const plaintext = windowOf(random, length);
  if (length > pieceBytes) counts.pieces++;
  if (isInPlace) counts.inPlace++;

  const expected = new Uint8Array(length + tagBytes);
  other.aead(cipher, key).seal(nonce, ad, plaintext, expected);
  const room = bytesOf(offset + length + tagBytes + 40, 0xaa);
  const sealed = room.subarray(offset, offset + length + tagBytes);
  const from = isInPlace ? sealed.subarray(0, length) : Uint8Array.from(plaintext);
  from.set(plaintext);
  const aead = one.aead(cipher, key);
  aead.seal(nonce, ad, from, sealed);
  expect(sameBytes(sealed, expected), `sealed: ${what}`).to.equal(true);
  const untouched = room.subarray(offset + length + tagBytes);
  expect(sameBytes(untouched, bytesOf(40, 0xaa)), `nothing behind it: ${what}`).to.equal(true);

  const opened = isInPlace ? sealed.subarray(0, length) : bytesOf(length, 0xaa);
  expect(aead.open(nonce, ad, sealed, opened), `opened: ${what}`).to.equal(true);
  expect(sameBytes(opened, plaintext), `plaintext: ${what}`).to.equal(true);

  const forged = Uint8Array.from(expected);
  forged[random.below(forged.length)]! ^= 1 << random.below(8);
  const output = bytesOf(length, 0xaa);
  expect(aead.open(nonce, ad, forged, output), `forged: ${what}`).to.equal(false);
  expect(sameBytes(output, new Uint8Array(length)), `wiped: ${what}`).to.equal(true);
  counts.forged++;

  const [streamed, again] = [new Uint8Array(length), new Uint8Array(length)];
  other.streamCipher(cipher, key).apply(nonce, plaintext, streamed);
  one.streamCipher(cipher, key).apply(nonce, plaintext, again);
  expect(sameBytes(again, streamed), `streamed: ${what}`).to.equal(true);

  const [tag, tagAgain] = [new Uint8Array(tagBytes), new Uint8Array(tagBytes)];
  other.mac(key).compute(plaintext, tag);
  const mac = one.mac(key);
  mac.compute(plaintext, tagAgain);
  expect(sameBytes(tagAgain, tag), `MAC: ${what}`).to.equal(true);
  expect(mac.verify(plaintext, tag)).to.equal(true);
  tag[random.below(tagBytes)]! ^= 1 << random.below(8);
  expect(mac.verify(plaintext, tag), `forged MAC: ${what}`).to.equal(false);
}
