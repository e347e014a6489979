// The last subtraction of Poly1305 (RFC 8439 §2.5.1): random messages come to it once in 2^128 times, and no Wycheproof
// vector does. So the message is computed backwards from the sum: 2^130 - 5 + t for t from 0 to 4.

import { expect } from 'chai';
import { sameBytes } from '../../lib/base/bytes.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { backends, bytesOf } from './backends.js';

const cipher = 'chacha20-poly1305';
const p = 2n ** 130n - 5n;

describe('Poly1305, sums of 2^130 - 5 and above', () => {
  for (const crypto of backends) {
    it(`${crypto.name} subtracts once more`, () => {
      const found = new Set<bigint>();
      for (let number = 0; number < 100; number++) {
        const [key, nonce] = [bytesOf(32, number), bytesOf(12, 1)];
        const stream = new Uint8Array(80);
        nodeCrypto.streamCipher(cipher, key).apply(nonce, stream, stream);
        const inverse = invert(littleEndian(stream.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn);
        for (let t = 0n; t < 5n; t++) {
          // Behind the one block of ciphertext stands the block of the lengths: 0 and 16.
          const before = t * inverse - (2n ** 128n + (16n << 64n));
          const block = modulo(modulo(before) * inverse - 2n ** 128n);
          if (block >= 2n ** 128n) continue;
          found.add(t);
          const plaintext = stream
            .slice(64)
            .map((byte, at) => byte ^ Number((block >> BigInt(8 * at)) & 0xffn));
          const [sealed, expected] = [new Uint8Array(32), new Uint8Array(32)];
          nodeCrypto.aead(cipher, key).seal(nonce, new Uint8Array(0), plaintext, expected);
          expect(littleEndian(expected.subarray(0, 16)), 'the block that was asked for').to.equal(block);
          // The tag is t + s alone: what RFC 8439 computes, not only OpenSSL.
          const s = littleEndian(stream.subarray(16, 32));
          expect(littleEndian(expected.subarray(16))).to.equal((t + s) % 2n ** 128n);
          crypto.aead(cipher, key).seal(nonce, new Uint8Array(0), plaintext, sealed);
          expect(sameBytes(sealed, expected), `key ${number}, sum 2^130 - 5 + ${t}`).to.equal(true);
        }
      }
      expect([...found].sort()).to.deep.equal([0n, 1n, 2n, 3n, 4n]);
    });
  }
});

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function modulo(number: bigint): bigint {
  return ((number % p) + p) % p;
}

/** Fermat: r^(p - 2). */
function invert(r: bigint): bigint {
  let [result, power] = [1n, r];
  for (let exponent = p - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = modulo(result * power);
    power = modulo(power * power);
  }
  return result;
}
