// What turns a passphrase into a key, beside PBKDF2: the iterated hash of PKCS #12, and scrypt.

import { expect } from 'chai';
import fc from 'fast-check';
import { utf8 } from '../../lib/base/bytes.js';
import type { HashName, ScryptCost } from '../../lib/crypto/provider.js';
import { backends, codeThrownBy, hex, pairs } from './backends.js';

const hashNames: readonly HashName[] = [
  ...(['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const),
  ...(['sha512-224', 'sha512-256', 'blake2b512'] as const),
];

for (const crypto of backends) {
  describe(`crypto backend ${crypto.name}: iterateHash`, () => {
    for (const name of hashNames) {
      it(`${name}: the hash of the hash, as many times as was asked for`, () => {
        const data = utf8('x'.repeat(300));
        let expected = crypto.hash(name, data);
        for (let rounds = 1; rounds <= 20; rounds++) {
          expect(crypto.iterateHash(name, data, rounds), `${rounds}`).to.deep.equal(expected);
          expected = crypto.hash(name, expected);
        }
        expect(data).to.deep.equal(utf8('x'.repeat(300)));
      });
    }

    it('refuses to do nothing', () => {
      for (const rounds of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
        expect(codeThrownBy(() => crypto.iterateHash('sha1', utf8('x'), rounds))).to.equal('INVALID_CONFIG');
      }
    });
  });

  describe(`crypto backend ${crypto.name}: scrypt`, () => {
    it('RFC 7914 §12', () => {
      expect(crypto.scrypt(utf8(''), utf8(''), { N: 16, r: 1, p: 1 }, 64)).to.deep.equal(
        hex(
          '77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442' +
            'fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906',
        ),
      );
      expect(crypto.scrypt(utf8('password'), utf8('NaCl'), { N: 1024, r: 8, p: 16 }, 64)).to.deep.equal(
        hex(
          'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162' +
            '2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
        ),
      );
      const third = { N: 16_384, r: 8, p: 1 };
      expect(crypto.scrypt(utf8('pleaseletmein'), utf8('SodiumChloride'), third, 64)).to.deep.equal(
        hex(
          '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
            'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
        ),
      );
    });

    it('refuses costs that are none, and such as no machine has', () => {
      const refused = (cost: ScryptCost, length = 32): string =>
        codeThrownBy(() => crypto.scrypt(utf8('x'), utf8('y'), cost, length));
      for (const cost of [
        { N: 1, r: 8, p: 1 },
        { N: 0, r: 8, p: 1 },
        { N: 1000, r: 8, p: 1 },
        { N: 16, r: 0, p: 1 },
        { N: 16, r: 8, p: 0 },
        { N: 2 ** 16, r: 1, p: 1 },
        { N: 2 ** 24, r: 8, p: 1 },
        { N: 2, r: 2 ** 20, p: 2 ** 20 },
        { N: 16.5, r: 8, p: 1 },
      ]) {
        expect(refused(cost), JSON.stringify(cost)).to.equal('INVALID_CONFIG');
      }
      expect(refused({ N: 16, r: 8, p: 1 }, 0)).to.equal('INVALID_CONFIG');
    });
  });
}

describe('crypto backends: stretching', () => {
  for (const [one, other] of pairs.filter(([first, second]) => first !== second)) {
    it(`${one.name} and ${other.name} do it alike`, () => {
      const cost = fc.record({
        N: fc.constantFrom(2, 8, 64),
        r: fc.integer({ min: 1, max: 9 }),
        p: fc.integer({ min: 1, max: 3 }),
      });
      const bytes = fc.uint8Array({ maxLength: 150 });
      const length = fc.integer({ min: 1, max: 100 });
      fc.assert(
        fc.property(bytes, bytes, cost, length, (password, salt, shape, count) => {
          expect(one.scrypt(password, salt, shape, count)).to.deep.equal(
            other.scrypt(password, salt, shape, count),
          );
          for (const name of hashNames) {
            expect(one.iterateHash(name, password, count)).to.deep.equal(
              other.iterateHash(name, password, count),
            );
          }
        }),
        { numRuns: 20 },
      );
    });
  }
});
