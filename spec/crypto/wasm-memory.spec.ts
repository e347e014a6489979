// After each call the memory of WebAssembly is what it was when it was made: no key, no key stream, no plaintext, nothing
// of one connection for the next one to find. And what JavaScript holds of a key is wiped by destroy().

import { expect } from 'chai';
import { concat, sameBytes } from '../../lib/base/bytes.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { tagBytes } from '../../lib/crypto/provider.js';
import type { Build } from '../../lib/crypto/wasm/cipher.js';
import { SeededRandom } from '../support/random.js';
import { bytesOf, codeThrownBy } from './backends.js';
import { watchedWasm } from './watched-wasm.js';

const cipher = 'chacha20-poly1305';
const lengths = [
  0, 1, 15, 16, 63, 64, 65, 191, 192, 193, 300, 1023, 1024, 1025, 5000, 16_384, 16_385, 50_000,
];

for (const build of ['simd', 'scalar'] as const satisfies readonly Build[]) {
  describe(`memory of WebAssembly, ${build}`, () => {
    const random = new SeededRandom(0x3e3);
    const [key, nonce, ad] = [random.bytes(32), random.bytes(12), random.bytes(8)];

    it('is as it was after every call, whatever became of it', () => {
      const { crypto, memories } = watchedWasm(build);
      expect(memories).to.have.length(2);
      const asMade = memories.map((memory) => memory.slice());
      // The constants of SHA-256 and nothing else.
      expect(asMade.map((memory) => memory.filter((byte) => byte !== 0).length)).to.satisfy(
        ([macs, ciphers]: number[]) => ciphers === 0 && macs! > 200 && macs! <= 256,
      );
      const expectAsMade = (what: string): void => {
        for (const [index, memory] of memories.entries()) {
          const different = memory.findIndex((byte, at) => byte !== asMade[index]![at]);
          expect(different, `${what}: first byte left behind`).to.equal(-1);
        }
      };

      const aead = crypto.aead(cipher, key);
      const stream = crypto.streamCipher(cipher, key);
      const mac = crypto.mac(key);
      expectAsMade('made');
      for (const length of lengths) {
        const plaintext = random.bytes(length);
        const sealed = new Uint8Array(length + tagBytes);
        for (const more of [ad, random.bytes(64), random.bytes(65), random.bytes(20_000)]) {
          aead.seal(nonce, more, plaintext, sealed);
          expectAsMade(`seal ${length}`);
          aead.sealParts!(nonce, more, [plaintext], length, sealed, 0);
          expectAsMade(`seal parts ${length}`);
          expect(aead.openFrom!(nonce, more, sealed, 0, plaintext)).to.equal(true);
          expectAsMade(`open from ${length}`);
          expect(aead.open(nonce, more, sealed, plaintext)).to.equal(true);
          expectAsMade(`open ${length}`);
          sealed[length]! ^= 1;
          expect(aead.open(nonce, more, sealed, plaintext.slice())).to.equal(false);
          expectAsMade(`forged ${length}`);
          expect(aead.openFrom!(nonce, more, concat([ad, sealed]), ad.length, plaintext.slice())).to.equal(
            false,
          );
          expectAsMade(`forged behind something ${length}`);
        }
        stream.apply(nonce, plaintext, plaintext);
        expectAsMade(`apply ${length}`);
        const tag = new Uint8Array(tagBytes);
        mac.compute(plaintext, tag);
        expectAsMade(`compute ${length}`);
        expect(mac.verify(plaintext, tag)).to.equal(true);
        expectAsMade(`verify ${length}`);
        expect(mac.verify(plaintext, bytesOf(tagBytes, 1))).to.equal(false);
        expectAsMade(`verify, forged ${length}`);
        crypto.hmac('sha256', plaintext, plaintext);
        expectAsMade(`HMAC under a key of ${length}`);
        crypto.hmac('sha256', key, plaintext);
        expectAsMade(`HMAC ${length}`);
        crypto.hkdfExtract(plaintext, key);
        expectAsMade(`HKDF-Extract ${length}`);
        for (const bytes of [0, 1, 32, 33, 200]) {
          crypto.hkdfExpand(key, plaintext, bytes);
          expectAsMade(`HKDF-Expand of ${length} to ${bytes}`);
        }
      }
    });

    it('holds the secret of a key schedule while a call lasts: the control for HMAC and HKDF', () => {
      const { crypto, seenInside } = watchedWasm(build);
      for (const derive of [
        () => crypto.hmac('sha256', key, ad),
        () => crypto.hkdfExtract(key, ad),
        () => crypto.hkdfExpand(key, ad, 32),
      ]) {
        seenInside.length = 0;
        const derived = derive();
        expect(seenInside.some((memory) => holds(memory, key))).to.equal(true);
        expect(seenInside.some((memory) => holds(memory, derived))).to.equal(true);
      }
    });

    it('holds key and plaintext while a call lasts: the control of the case above', () => {
      const { crypto, seenInside } = watchedWasm(build);
      const plaintext = bytesOf(100, 0x77);
      crypto.aead(cipher, key).seal(nonce, ad, plaintext, new Uint8Array(100 + tagBytes));
      expect(seenInside.some((memory) => holds(memory, key) && holds(memory, plaintext))).to.equal(true);
    });

    it('never holds plaintext of what was forged', () => {
      const { crypto, seenInside } = watchedWasm(build);
      const aead = crypto.aead(cipher, key);
      for (const length of [40, 1000, 40_000]) {
        const plaintext = bytesOf(length, 0x77);
        const sealed = new Uint8Array(length + tagBytes);
        aead.seal(nonce, ad, plaintext, sealed);
        seenInside.length = 0;
        const output = bytesOf(length, 0xaa);
        expect(aead.open(nonce, ad, sealed, output)).to.equal(true);
        expect(seenInside.some((memory) => holds(memory, bytesOf(32, 0x77)))).to.equal(true);

        for (const at of [0, length - 1, length, length + 15]) {
          const forged = Uint8Array.from(sealed);
          forged[at]! ^= 0x80;
          seenInside.length = 0;
          expect(aead.open(nonce, ad, forged, output)).to.equal(false);
          expect(sameBytes(output, new Uint8Array(length))).to.equal(true);
          expect(seenInside.length).to.be.above(1);
          expect(seenInside.some((memory) => holds(memory, bytesOf(16, 0x77)))).to.equal(false);
        }
      }
    });

    it('is wiped when a call fails on the way', () => {
      const { crypto, memories } = watchedWasm(build);
      const asMade = memories.map((memory) => memory.slice());
      const aead = crypto.aead(cipher, key);
      // A view that claims another length than it has: the copy out throws a RangeError.
      for (const length of [40, 40_000]) {
        const plaintext = bytesOf(length, 0x77);
        const lying = new Proxy(new Uint8Array(length), {
          get: (target, name) => (name === 'length' ? length + tagBytes : Reflect.get(target, name, target)),
        });
        expect(codeThrownBy(() => aead.seal(nonce, ad, plaintext, lying))).to.match(/^not a SealwireError/);
        for (const [index, memory] of memories.entries()) {
          expect(sameBytes(memory, asMade[index]!)).to.equal(true);
        }
      }
    });

    it('keys that take turns never mix, across ciphers, MACs and pieces', () => {
      const { crypto } = watchedWasm(build);
      const keys = Array.from({ length: 5 }, () => random.bytes(32));
      const own = keys.map((each) => ({
        aead: crypto.aead(cipher, each),
        stream: crypto.streamCipher(cipher, each),
        mac: crypto.mac(each),
      }));
      const reference = keys.map((each) => ({
        aead: nodeCrypto.aead(cipher, each),
        stream: nodeCrypto.streamCipher(cipher, each),
        mac: nodeCrypto.mac(each),
      }));
      for (let turn = 0; turn < 400; turn++) {
        const index = random.below(keys.length);
        const [mine, right] = [own[index]!, reference[index]!];
        const length = turn % 40 === 0 ? 20_000 : random.below(400);
        const [plaintext, each] = [bytesOf(length, turn), random.bytes(12)];
        const [sealed, expected] = [new Uint8Array(length + 16), new Uint8Array(length + 16)];
        mine.aead.seal(each, ad, plaintext, sealed);
        right.aead.seal(each, ad, plaintext, expected);
        expect(sameBytes(sealed, expected), `seal ${turn}`).to.equal(true);
        const other = own[(index + 1) % own.length]!;
        expect(other.aead.open(each, ad, sealed, new Uint8Array(length))).to.equal(false);
        expect(mine.aead.open(each, ad, sealed, new Uint8Array(length))).to.equal(true);
        mine.stream.apply(each, plaintext, sealed.subarray(16));
        right.stream.apply(each, plaintext, expected.subarray(16));
        expect(sameBytes(sealed, expected), `apply ${turn}`).to.equal(true);
        mine.mac.compute(plaintext, sealed.subarray(0, 16));
        expect(right.mac.verify(plaintext, sealed.subarray(0, 16))).to.equal(true);
        expect(other.mac.verify(plaintext, sealed.subarray(0, 16))).to.equal(false);
      }
    });
  });
}

function holds(memory: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(memory.buffer, memory.byteOffset, memory.length).includes(Buffer.from(part));
}
