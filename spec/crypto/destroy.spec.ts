// destroy(): what JavaScript can wipe is wiped, and nobody works with what is gone.
//
// The copies of a key are private, so the specs look where every wiping passes through: TypedArray.prototype.fill for
// keys, and the destroy() of noble's hash states. A KeyObject of node:crypto cannot be read or wiped; it is dropped.

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { expect } from 'chai';
import { sameBytes } from '../../lib/base/bytes.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { backends, bytesOf, ciphers, codeThrownBy, wasmBackends } from './backends.js';

// Never the same array twice: a backend that kept its caller's bytes would wipe them for all tests at once.
const keyBytes = (): Uint8Array => Uint8Array.from({ length: 32 }, (_, index) => index + 100);
const nonce = bytesOf(12, 1);
const none = new Uint8Array(0);

describe('destroy()', () => {
  for (const crypto of backends) {
    it(`${crypto.name}: a destroyed cipher or MAC refuses all work, twice destroyed or not`, () => {
      for (const cipher of ciphers) {
        const aead = crypto.aead(cipher, keyBytes());
        const stream = crypto.streamCipher(cipher, keyBytes());
        const output = bytesOf(20, 0xaa);
        for (let times = 0; times < 2; times++) {
          aead.destroy();
          stream.destroy();
          expect(codeThrownBy(() => aead.seal(nonce, none, bytesOf(4, 1), output))).to.equal('INVALID_STATE');
          expect(codeThrownBy(() => aead.open(nonce, none, bytesOf(36, 1), output))).to.equal(
            'INVALID_STATE',
          );
          expect(codeThrownBy(() => stream.apply(nonce, bytesOf(20, 1), output))).to.equal('INVALID_STATE');
          expect(output).to.deep.equal(bytesOf(20, 0xaa));
        }
      }
      const mac = crypto.mac(keyBytes());
      mac.destroy();
      mac.destroy();
      expect(codeThrownBy(() => mac.compute(none, new Uint8Array(16)))).to.equal('INVALID_STATE');
      expect(codeThrownBy(() => mac.verify(none, new Uint8Array(16)))).to.equal('INVALID_STATE');
    });

    it(`${crypto.name}: the key belongs to the caller, who may wipe it at once`, () => {
      for (const wrap of [(bytes: Uint8Array) => bytes, (bytes: Uint8Array) => Buffer.from(bytes)]) {
        for (const cipher of ciphers) {
          const mine = wrap(keyBytes());
          const aead = crypto.aead(cipher, mine);
          const expected = new Uint8Array(20);
          crypto.aead(cipher, keyBytes()).seal(nonce, none, bytesOf(4, 1), expected);
          mine.fill(0);
          const sealed = new Uint8Array(20);
          aead.seal(nonce, none, bytesOf(4, 1), sealed);
          expect(sealed).to.deep.equal(expected);
          const kept = wrap(keyBytes());
          crypto.aead(cipher, kept).destroy();
          expect(sameBytes(kept, keyBytes()), 'destroy() leaves the caller’s bytes alone').to.equal(true);
        }
      }
    });
  }

  for (const crypto of [nobleCrypto, ...wasmBackends]) {
    it(`${crypto.name}: the copy of the key reads zero`, () => {
      for (const cipher of ciphers) {
        for (const made of [crypto.aead(cipher, keyBytes()), crypto.streamCipher(cipher, keyBytes())]) {
          const wiped = wipedDuring(() => made.destroy()).filter(({ before }) =>
            sameBytes(before, keyBytes()),
          );
          expect(wiped, 'one array held the key').to.have.length(1);
          expect(wiped[0]!.array).to.deep.equal(new Uint8Array(32));
        }
      }
    });
  }

  for (const crypto of wasmBackends) {
    it(`${crypto.name}: what a MAC keeps of its key reads zero`, () => {
      // RFC 2104 §4: the states behind the two padded blocks, big-endian in noble's words, little-endian in these bytes.
      const { iHash, oHash } = hmac.create(sha256, keyBytes()) as unknown as Record<'iHash' | 'oHash', State>;
      const states = new DataView(new ArrayBuffer(64));
      for (const [index, word] of [...wordsOf(iHash), ...wordsOf(oHash)].entries()) {
        states.setInt32(4 * index, word, true);
      }
      const mac = crypto.mac(keyBytes());
      mac.compute(none, new Uint8Array(16));
      const wiped = wipedDuring(() => mac.destroy());
      for (const secret of [keyBytes(), new Uint8Array(states.buffer)]) {
        const held = wiped.filter(({ before }) => sameBytes(before, secret));
        expect(held, `${secret.length} bytes`).to.have.length(1);
        expect(held[0]!.array).to.deep.equal(new Uint8Array(secret.length));
      }
    });
  }

  it('noble: the keyed states of a MAC read zero', () => {
    const prototype = Object.getPrototypeOf(hmac.create(sha256, keyBytes())) as { destroy(): void };
    const original = prototype.destroy;
    const destroyed: { iHash: State; oHash: State }[] = [];
    const mac = nobleCrypto.mac(keyBytes());
    // After a message the working state is spent: what is left of the key is the state it starts from.
    mac.compute(none, new Uint8Array(16));
    // What the first block of HMAC leaves behind is as good as the key.
    const { iHash, oHash } = hmac.create(sha256, keyBytes()) as unknown as { iHash: State; oHash: State };
    let heldTheKey = false;
    prototype.destroy = function (this: { iHash: State; oHash: State }) {
      if (this.iHash.A === iHash.A && this.oHash.A === oHash.A) heldTheKey = true;
      destroyed.push(this);
      original.call(this);
    };
    try {
      mac.destroy();
    } finally {
      prototype.destroy = original;
    }
    expect(heldTheKey).to.equal(true);
    for (const state of destroyed.flatMap((each) => [each.iHash, each.oHash])) {
      expect(wordsOf(state)).to.deep.equal([0, 0, 0, 0, 0, 0, 0, 0]);
    }
  });

  for (const crypto of backends) {
    it(`${crypto.name}: importing a key wipes every copy of its scalar that the import made`, () => {
      const file = crypto.generateKeyPair('p256').export();
      const at = file.findIndex((byte, index) => byte === 4 && file[index + 1] === 32) + 2;
      const scalar = file.slice(at, at + 32);
      const wiped = wipedDuring(() => crypto.importPrivateKey(file)).filter(({ before }) =>
        holds(before, scalar),
      );
      expect(
        wiped.some(({ before }) => sameBytes(before, scalar)),
        'the scalar itself',
      ).to.equal(true);
      for (const { array } of wiped) expect(holds(array, scalar)).to.equal(false);
    });
  }
});

type State = Record<'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H', number>;

/** The words of a state of noble's SHA-256. */
function wordsOf({ A, B, C, D, E, F, G, H }: State): number[] {
  return [A, B, C, D, E, F, G, H];
}

interface Wiped {
  readonly before: Uint8Array;
  readonly array: Uint8Array;
}

/** Every byte array that `action` fills with zeros, with what it held before. */
function wipedDuring(action: () => void): readonly Wiped[] {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype) as { fill: Uint8Array['fill'] };
  const original = prototype.fill;
  const wiped: Wiped[] = [];
  prototype.fill = function (this: Uint8Array, value: number, ...range: number[]) {
    if (value === 0 && range.length === 0 && this instanceof Uint8Array) {
      wiped.push({ before: Uint8Array.from(this), array: this });
    }
    return original.call(this, value, ...range);
  } as Uint8Array['fill'];
  try {
    action();
  } finally {
    prototype.fill = original;
  }
  return wiped;
}

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from(part));
}
