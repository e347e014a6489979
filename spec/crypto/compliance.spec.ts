// What every crypto backend must do, run over each backend and over each pair of them: arguments, buffers in place,
// and nothing opened that was touched. Known answers, Wycheproof, signatures and destroy() have specs of their own.

import { expect } from 'chai';
import fc from 'fast-check';
import { concat, sameBytes, toHex, utf8 } from '../../lib/base/bytes.js';
import { type Aead, nonceBytes, tagBytes } from '../../lib/crypto/provider.js';
import { backends, bytesOf, ciphers, codeThrownBy, pairs } from './backends.js';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const sealing = fc.record({
  key: exactly(32),
  nonce: exactly(nonceBytes),
  ad: bytes(40),
  plaintext: bytes(200),
  offset: fc.nat({ max: 7 }),
});
const runs = { numRuns: 60 };

for (const crypto of backends) {
  describe(`crypto backend ${crypto.name}: arguments`, () => {
    const key = bytesOf(32, 7);
    const nonce = bytesOf(12, 1);
    const ad = new Uint8Array(0);

    for (const cipher of ciphers) {
      it(`${cipher}: other keys, nonces and output lengths are refused before anything is written`, () => {
        for (const length of [0, 16, 24, 31, 33]) {
          expect(codeThrownBy(() => crypto.aead(cipher, bytesOf(length, 1)))).to.equal('INVALID_CONFIG');
          expect(codeThrownBy(() => crypto.streamCipher(cipher, bytesOf(length, 1)))).to.equal(
            'INVALID_CONFIG',
          );
          expect(codeThrownBy(() => crypto.mac(bytesOf(length, 1)))).to.equal('INVALID_CONFIG');
        }
        const aead = crypto.aead(cipher, key);
        const stream = crypto.streamCipher(cipher, key);
        for (const length of [0, 8, 11, 13, 16]) {
          const wrong = bytesOf(length, 1);
          expect(codeThrownBy(() => aead.seal(wrong, ad, bytesOf(4, 0), bytesOf(20, 0)))).to.equal(
            'INVALID_CONFIG',
          );
          expect(codeThrownBy(() => aead.open(wrong, ad, bytesOf(20, 0), bytesOf(4, 0)))).to.equal(
            'INVALID_CONFIG',
          );
          expect(codeThrownBy(() => stream.apply(wrong, bytesOf(4, 0), bytesOf(4, 0)))).to.equal(
            'INVALID_CONFIG',
          );
        }
        for (const length of [3, 19, 21, 40]) {
          const output = bytesOf(length, 0xaa);
          expect(codeThrownBy(() => aead.seal(nonce, ad, bytesOf(4, 0), output))).to.equal('INVALID_CONFIG');
          expect(codeThrownBy(() => aead.open(nonce, ad, bytesOf(20, 0), output))).to.equal('INVALID_CONFIG');
          expect(codeThrownBy(() => stream.apply(nonce, bytesOf(4, 0), output))).to.equal('INVALID_CONFIG');
          expect(output).to.deep.equal(bytesOf(length, 0xaa));
        }
      });

      it(`${cipher}: what is shorter than a tag, and every cut tag, is refused`, () => {
        const aead = crypto.aead(cipher, key);
        const sealed = new Uint8Array(tagBytes + 24);
        aead.seal(nonce, ad, bytesOf(24, 3), sealed);
        for (let length = 0; length < sealed.length; length++) {
          const output = bytesOf(Math.max(0, length - tagBytes), 0xaa);
          expect(aead.open(nonce, ad, sealed.subarray(0, length), output), `${length}`).to.equal(false);
          expect(output).to.deep.equal(bytesOf(output.length, 0));
        }
      });
    }

    it('MAC: tags of other lengths are false, and not computed', () => {
      const mac = crypto.mac(key);
      const whole = crypto.hmac('sha256', key, utf8('data'));
      const tag = new Uint8Array(tagBytes);
      mac.compute(utf8('data'), tag);
      expect(tag).to.deep.equal(whole.subarray(0, tagBytes));
      for (let length = 0; length <= 32; length++) {
        expect(mac.verify(utf8('data'), whole.subarray(0, length)), `${length}`).to.equal(
          length === tagBytes,
        );
      }
      expect(codeThrownBy(() => mac.compute(utf8('data'), new Uint8Array(32)))).to.equal('INVALID_CONFIG');
    });

    it('X25519: a peer key of another length is undefined, a private key of another length is a fault', () => {
      const pair = crypto.x25519KeyPair();
      for (const length of [0, 31, 33, 64]) {
        expect(pair.agree(bytesOf(length, 9))).to.equal(undefined);
        expect(codeThrownBy(() => crypto.x25519KeyPair(bytesOf(length, 9)))).to.equal('INVALID_CONFIG');
      }
      expect(pair.agree(bytesOf(32, 0))).to.equal(undefined);
    });

    it('X25519: key pairs differ, and one of a known private key keeps a copy of its own', () => {
      const pairs = Array.from({ length: 20 }, () => toHex(crypto.x25519KeyPair().publicKey));
      expect(new Set(pairs).size).to.equal(20);
      const privateKey = bytesOf(32, 7);
      const pair = crypto.x25519KeyPair(privateKey);
      const peer = crypto.x25519KeyPair();
      const secret = pair.agree(peer.publicKey);
      privateKey.fill(0);
      expect(pair.agree(peer.publicKey)).to.deep.equal(secret);
      expect(peer.agree(pair.publicKey)).to.deep.equal(secret);
    });

    it('X25519: a destroyed key pair agrees on nothing, and can be destroyed again', () => {
      const pair = crypto.x25519KeyPair();
      pair.destroy();
      pair.destroy();
      expect(codeThrownBy(() => pair.agree(crypto.x25519KeyPair().publicKey))).to.equal('INVALID_STATE');
    });
  });
}

for (const [one, other] of pairs) {
  describe(`crypto backends: ${one.name} to ${other.name}`, () => {
    for (const cipher of ciphers) {
      it(`${cipher}: what one seals the other opens, in place and out of place`, () => {
        fc.assert(
          fc.property(sealing, ({ key, nonce, ad, plaintext, offset }) => {
            const sealed = new Uint8Array(plaintext.length + tagBytes);
            one.aead(cipher, key).seal(nonce, ad, plaintext, sealed);

            // The same memory, at any alignment.
            const room = new Uint8Array(offset + sealed.length).subarray(offset);
            room.set(plaintext);
            const place = room.subarray(0, plaintext.length);
            one.aead(cipher, key).seal(nonce, ad, place, room);
            expect(room, 'sealed in place').to.deep.equal(sealed);

            const opened = new Uint8Array(plaintext.length);
            expect(other.aead(cipher, key).open(nonce, ad, sealed, opened)).to.equal(true);
            expect(opened).to.deep.equal(plaintext);
            expect(other.aead(cipher, key).open(nonce, ad, room, place), 'opened in place').to.equal(true);
            expect(place).to.deep.equal(plaintext);
          }),
          runs,
        );
      });

      it(`${cipher}: parts that one seals apart are what it seals in a row`, () => {
        for (const lengths of [[0], [1], [5, 9000], [16_384, 16_400, 3], [5, 65_536], [200_000]]) {
          const parts = lengths.map((length, index) => bytesOf(length, index + 1));
          const before = parts.map((part) => part.slice());
          const aead = one.aead(cipher, bytesOf(32, 3));
          const plaintext = concat(parts);
          const sealed = new Uint8Array(plaintext.length + tagBytes);
          const ad = bytesOf(8, 5);
          aead.seal(bytesOf(12, 4), ad, plaintext, sealed);
          const apart = aead.sealApart?.(bytesOf(12, 4), ad, parts, plaintext.length);
          if (one.name === 'node') expect(apart).to.have.length(parts.length + 1);
          if (apart !== undefined) expect(sameBytes(concat(apart), sealed)).to.equal(true);
          expect(sameBytes(concat(parts), concat(before)), 'nothing is changed').to.equal(true);
          aead.destroy();
          if (aead.sealApart !== undefined) {
            expect(codeThrownBy(() => aead.sealApart!(bytesOf(12, 4), ad, parts, plaintext.length))).to.equal(
              'INVALID_STATE',
            );
          }
        }
      });

      it(`${cipher}: parts that one seals to a place, and what it opens from a place, are as in memory of their own`, () => {
        const aead = one.aead(cipher, bytesOf(32, 3));
        const nonce = bytesOf(12, 4);
        // On both sides of every length at which another way is taken.
        for (const lengths of [[], [1], [5, 90], [11_000, 1200], [16_000, 384], [16_384, 1], [70_000]]) {
          for (const adBytes of [0, 8, 65]) {
            for (const at of [0, 8, 14, 65]) {
              const parts = lengths.map((length, index) => bytesOf(length, index + 1));
              const [plaintext, ad] = [concat(parts), bytesOf(adBytes, 5)];
              const sealed = new Uint8Array(plaintext.length + tagBytes);
              aead.seal(nonce, ad, plaintext, sealed);
              const memory = bytesOf(at + sealed.length, 0xaa);
              aead.sealParts?.(nonce, ad, parts, plaintext.length, memory, at);
              if (aead.sealParts === undefined) memory.set(sealed, at);
              expect(sameBytes(memory, concat([bytesOf(at, 0xaa), sealed]))).to.equal(true);

              if (aead.openFrom === undefined) continue;
              const output = new Uint8Array(plaintext.length);
              expect(aead.openFrom(nonce, ad, memory.slice(), at, output)).to.equal(true);
              expect(sameBytes(output, plaintext)).to.equal(true);
              const place = memory.subarray(at, at + plaintext.length);
              expect(aead.openFrom(nonce, ad, memory, at, place)).to.equal(true);
              expect(sameBytes(place, plaintext), 'in place').to.equal(true);
              memory[at] = 1;
              expect(aead.openFrom(nonce, ad, memory, at, output)).to.equal(false);
              expect(sameBytes(output, bytesOf(output.length, 0)), 'wiped').to.equal(true);
              expect(aead.openFrom(nonce, ad, memory.subarray(0, at + 15), at, new Uint8Array(0))).to.equal(
                false,
              );
            }
          }
        }
        const short = () => aead.sealParts?.(nonce, bytesOf(8, 5), [bytesOf(3, 1)], 3, new Uint8Array(26), 8);
        if (aead.sealParts !== undefined) expect(codeThrownBy(short)).to.equal('INVALID_CONFIG');
      });

      it(`${cipher}: what one opens apart is what it opens in place, from a place; a wrong tag gives nothing`, () => {
        const aead = one.aead(cipher, bytesOf(32, 3));
        const [nonce, ad] = [bytesOf(12, 4), bytesOf(8, 5)];
        for (const length of [0, 1, 9000, 20_000, 70_000]) {
          for (const at of [0, 8]) {
            const plaintext = bytesOf(length, 1);
            const memory = new Uint8Array(at + length + tagBytes);
            aead.seal(nonce, ad, plaintext, memory.subarray(at));
            const before = memory.slice();
            const apart = aead.openApart?.(nonce, ad, memory, at);
            if (one.name === 'node') expect(apart).to.be.instanceOf(Uint8Array);
            if (apart === undefined) continue;
            expect(apart && sameBytes(apart, plaintext)).to.equal(true);
            expect(apart).not.to.be.instanceOf(Buffer);
            expect(sameBytes(memory, before), 'nothing is changed').to.equal(true);
            for (const changed of [at, memory.length - 1]) {
              memory[changed]! ^= 1;
              expect(aead.openApart!(nonce, ad, memory, at)).to.equal(false);
              memory[changed]! ^= 1;
            }
            expect(aead.openApart!(nonce, ad, memory.subarray(0, at + tagBytes - 1), at)).to.be.oneOf([
              false,
              undefined,
            ]);
            expect(codeThrownBy(() => aead.openApart!(bytesOf(11, 4), ad, memory, at))).to.equal(
              'INVALID_CONFIG',
            );
          }
        }
        aead.destroy();
        if (aead.openApart !== undefined) {
          expect(codeThrownBy(() => aead.openApart!(nonce, ad, bytesOf(20_000, 1), 0))).to.equal(
            'INVALID_STATE',
          );
        }
      });

      it(`${cipher}: one flipped bit anywhere is refused, and no plaintext stays in the output`, () => {
        const flip = fc.record({ part: fc.constantFrom('nonce', 'ad', 'sealed', 'key'), bit: fc.nat() });
        fc.assert(
          fc.property(sealing, flip, (sample, { part, bit }) => {
            const { key, nonce, ad, plaintext } = sample;
            const sealed = new Uint8Array(plaintext.length + tagBytes);
            one.aead(cipher, key).seal(nonce, ad, plaintext, sealed);
            const target = { key, nonce, ad, sealed }[part];
            fc.pre(target.length > 0);
            target[(bit >>> 3) % target.length]! ^= 1 << (bit & 7);
            const opener: Aead = other.aead(cipher, key);
            const output = bytesOf(plaintext.length, 0xaa);
            expect(opener.open(nonce, ad, sealed, output)).to.equal(false);
            expect(sameBytes(output, bytesOf(output.length, 0)), 'wiped').to.equal(true);
            const place = sealed.subarray(0, plaintext.length);
            expect(opener.open(nonce, ad, sealed, place)).to.equal(false);
            expect(sameBytes(place, bytesOf(place.length, 0)), 'wiped in place').to.equal(true);
          }),
          { numRuns: 150 },
        );
      });

      it(`${cipher}: the stream cipher alone, in place, out of place and overlapping`, () => {
        fc.assert(
          fc.property(sealing, fc.nat({ max: 20 }), ({ key, nonce, plaintext, offset }, shift) => {
            const ciphertext = new Uint8Array(plaintext.length);
            one.streamCipher(cipher, key).apply(nonce, plaintext, ciphertext);
            const room = new Uint8Array(offset + shift + plaintext.length);
            room.set(plaintext, offset);
            const input = room.subarray(offset, offset + plaintext.length);
            other.streamCipher(cipher, key).apply(nonce, input, room.subarray(offset + shift));
            expect(room.subarray(offset + shift)).to.deep.equal(ciphertext);
            one.streamCipher(cipher, key).apply(nonce, ciphertext, ciphertext);
            expect(ciphertext).to.deep.equal(plaintext);
          }),
          runs,
        );
      });
    }

    it('one object serves many messages: ciphers and MACs keep nothing of the last one', () => {
      const key = bytesOf(32, 5);
      for (const cipher of ciphers) {
        const [aead, fresh] = [one.aead(cipher, key), () => other.aead(cipher, key)];
        const [stream, freshStream] = [one.streamCipher(cipher, key), () => other.streamCipher(cipher, key)];
        for (let message = 0; message < 20; message++) {
          const [nonce, data] = [bytesOf(12, message), bytesOf(message * 9, message)];
          const [sealed, again] = [bytesOf(data.length + tagBytes, 0), bytesOf(data.length + tagBytes, 0)];
          aead.seal(nonce, data, data, sealed);
          fresh().seal(nonce, data, data, again);
          expect(sealed).to.deep.equal(again);
          const [streamed, streamedAgain] = [bytesOf(data.length, 0), bytesOf(data.length, 0)];
          stream.apply(nonce, data, streamed);
          freshStream().apply(nonce, data, streamedAgain);
          expect(streamed).to.deep.equal(streamedAgain);
        }
      }
      const mac = one.mac(key);
      for (let message = 0; message < 20; message++) {
        const data = bytesOf(message * 17, message);
        const tag = new Uint8Array(tagBytes);
        mac.compute(data, tag);
        expect(other.mac(key).verify(data, tag)).to.equal(true);
        expect(mac.verify(data, tag)).to.equal(true);
        tag[message % tagBytes]! ^= 1;
        expect(mac.verify(data, tag)).to.equal(false);
        expect(other.mac(key).verify(data, tag)).to.equal(false);
      }
    });

    it('both make the same X25519 secret, hashes, HKDF and PBKDF2 outputs', () => {
      const [alice, bob] = [one.x25519KeyPair(), other.x25519KeyPair()];
      const secret = alice.agree(bob.publicKey);
      expect(secret).to.have.length(32);
      expect(secret).to.deep.equal(bob.agree(alice.publicKey));
      fc.assert(
        fc.property(bytes(200), bytes(80), fc.integer({ min: 1, max: 300 }), (data, salt, length) => {
          for (const name of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
            expect(one.hash(name, data)).to.deep.equal(other.hash(name, data));
            expect(one.hmac(name, salt, data)).to.deep.equal(other.hmac(name, salt, data));
            expect(one.pbkdf2(name, data, salt, 3, length)).to.deep.equal(
              other.pbkdf2(name, data, salt, 3, length),
            );
          }
          const key = one.hkdfExtract(salt, data);
          expect(key).to.deep.equal(other.hkdfExtract(salt, data));
          expect(one.hkdfExpand(key, data, length)).to.deep.equal(other.hkdfExpand(key, data, length));
        }),
        { numRuns: 25 },
      );
    });
  });
}
