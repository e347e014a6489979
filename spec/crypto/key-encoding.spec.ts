// The strict reader of keys: one encoding per key, the forms that real files have, and nothing but INVALID_CERTIFICATE
// for the rest. That the keys work is the business of signature.spec.ts.

import { expect } from 'chai';
import fc from 'fast-check';
import { concat } from '../../lib/base/bytes.js';
import { der, derBits, derNull, derUnsigned, tag } from '../../lib/crypto/key-der.js';
import {
  decodePrivateKey,
  decodePublicKey,
  encodePrivateKey,
  encodePublicKey,
  type PublicKeyFields,
} from '../../lib/crypto/key-encoding.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { backends, bytesOf, codeThrownBy, hex } from './backends.js';
import { made, pkcs8, spki } from './openssl-keys.js';

const curveKeys = (['p256', 'p384', 'ed25519'] as const).map((kind) => nodeCrypto.generateKeyPair(kind));
const publicKeys = [
  ...curveKeys.map((key) => key.publicKey),
  spki(made.rsa),
  spki(made['rsa-pss for SHA-256']),
];
const privateKeys = [
  ...curveKeys.map((key) => key.export()),
  pkcs8(made.rsa),
  pkcs8(made['rsa-pss']),
  pkcs8(made['rsa-pss for SHA-256']),
  pkcs8(made['rsa-pss for SHA-384, short salts']),
];

describe('key encoding', () => {
  it('writes back what OpenSSL wrote', () => {
    for (const file of publicKeys) expect(encodePublicKey(decodePublicKey(file))).to.deep.equal(file);
    for (const file of privateKeys) expect(encodePrivateKey(decodePrivateKey(file))).to.deep.equal(file);
  });

  it('refuses every truncation and every byte behind the end', () => {
    const empty = new Uint8Array(0);
    expect(codeThrownBy(() => decodePublicKey(empty))).to.equal('INVALID_CERTIFICATE');
    for (const [files, decode] of [
      [publicKeys, decodePublicKey],
      [privateKeys, decodePrivateKey],
    ] as const) {
      for (const file of files) {
        for (let length = 0; length < file.length; length++) {
          expect(
            codeThrownBy(() => decode(file.subarray(0, length))),
            `${length}`,
          ).to.equal('INVALID_CERTIFICATE');
        }
        expect(codeThrownBy(() => decode(concat([file, Uint8Array.of(0)])))).to.equal('INVALID_CERTIFICATE');
      }
    }
  });

  it('reads whatever it accepts in one way only, and throws nothing else', () => {
    const change = fc.record({ file: fc.nat(), at: fc.nat(), value: fc.nat({ max: 255 }) });
    let accepted = 0;
    fc.assert(
      fc.property(change, ({ file, at, value }) => {
        const changed = Uint8Array.from(publicKeys[file % publicKeys.length]!);
        changed[at % changed.length] = value;
        let key: PublicKeyFields;
        try {
          key = decodePublicKey(changed);
        } catch (error) {
          expect((error as { code?: string }).code).to.equal('INVALID_CERTIFICATE');
          return;
        }
        accepted++;
        expect(encodePublicKey(key)).to.deep.equal(changed);
      }),
      { numRuns: 2000 },
    );
    expect(accepted, 'changes inside the numbers are still keys').to.be.above(0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(codeThrownBy(() => decodePrivateKey(bytes))).to.equal('INVALID_CERTIFICATE');
      }),
      { numRuns: 500 },
    );
  });

  it('reads PKCS#8 with attributes, version 1 with a public key, and scalars without their leading zeros', () => {
    const scalar = new Uint8Array(32).fill(7);
    scalar[0] = 0;
    const expected = importAll(pkcs8Of({ contents: ecPrivateKey(scalar) }));
    const attributes = der(tag.context(0), hex('300d0603551d0f310603040080'));
    const point = expected.slice(-65);
    for (const file of [
      pkcs8Of({ contents: ecPrivateKey(scalar.subarray(1)) }),
      pkcs8Of({ contents: ecPrivateKey(scalar), behind: attributes }),
      pkcs8Of({ contents: ecPrivateKey(scalar), version: 1, behind: publicBits(point) }),
      pkcs8Of({
        contents: ecPrivateKey(scalar),
        version: 1,
        behind: concat([attributes, publicBits(point)]),
      }),
      pkcs8Of({ contents: ecPrivateKey(scalar, der(tag.context(0), p256)) }),
      pkcs8Of({ contents: ecPrivateKey(scalar, der(tag.context(1), derBits(compressed(point)))) }),
    ]) {
      expect(importAll(file)).to.deep.equal(expected);
    }
  });

  it('refuses what contradicts itself or hides something', () => {
    const scalar = bytesOf(32, 7);
    const p384 = der(tag.oid, hex('2b81040022'));
    const other = nodeCrypto.generateKeyPair('p256').publicKey.slice(-65);
    for (const [name, file] of Object.entries({
      'two curves': pkcs8Of({ contents: ecPrivateKey(scalar, der(tag.context(0), p384)) }),
      'a public key in version 0': pkcs8Of({ contents: ecPrivateKey(scalar), behind: publicBits(other) }),
      'a foreign public key': pkcs8Of({
        contents: ecPrivateKey(scalar),
        version: 1,
        behind: publicBits(other),
      }),
      'version 2': pkcs8Of({ contents: ecPrivateKey(scalar), version: 2 }),
      'a scalar of 33 bytes': pkcs8Of({ contents: ecPrivateKey(bytesOf(33, 1)) }),
      'something behind the key': pkcs8Of({ contents: concat([ecPrivateKey(scalar), derNull]) }),
      'no scalar at all': pkcs8Of({ contents: ecPrivateKey(new Uint8Array(0)) }),
    })) {
      for (const crypto of backends) {
        expect(
          codeThrownBy(() => crypto.importPrivateKey(file)),
          name,
        ).to.equal('INVALID_CERTIFICATE');
      }
    }
  });

  it('bounds RSA: 2048 to 8192 bits, an odd exponent of at most 64 bits above 1, an odd modulus', () => {
    const modulus = (bits: number): Uint8Array => {
      const bytes = bytesOf(Math.ceil(bits / 8), 0xff);
      bytes[0] = 0xff >>> (bytes.length * 8 - bits);
      return bytes;
    };
    const decode = (n: Uint8Array, e: Uint8Array) => () =>
      decodePublicKey(encodePublicKey({ kind: 'rsa', modulus: n, exponent: e }));
    const f4 = hex('010001');
    for (const bits of [2048, 2049, 3072, 8191, 8192]) expect(decode(modulus(bits), f4)).not.to.throw();
    for (const bits of [1, 512, 1024, 2047, 8193, 16384]) {
      expect(codeThrownBy(decode(modulus(bits), f4)), `${bits}`).to.equal('INVALID_CERTIFICATE');
    }
    for (const exponent of ['03', '010001', 'ffffffffffffffff']) {
      expect(decode(modulus(2048), hex(exponent))).not.to.throw();
    }
    for (const exponent of ['', '01', '02', '010000', '01ffffffffffffffff']) {
      expect(codeThrownBy(decode(modulus(2048), hex(exponent))), exponent).to.equal('INVALID_CERTIFICATE');
    }
    const even = modulus(2048);
    even[255] = 0xfe;
    expect(codeThrownBy(decode(even, f4))).to.equal('INVALID_CERTIFICATE');
  });

  it('reads compressed points, but no hybrid ones, no infinity and none of another length', () => {
    const key = nodeCrypto.generateKeyPair('p256');
    const message = bytesOf(5, 5);
    const signature = key.sign('ecdsa-p256-sha256', message);
    const point = key.publicKey.slice(-65);
    const hybrid = Uint8Array.from(point);
    hybrid[0] = 6 | (point[64]! & 1);
    const offCurve = Uint8Array.from(point);
    offCurve[40]! ^= 1;
    for (const [form, expected] of [
      [point, true],
      [compressed(point), true],
      [hybrid, false],
      [offCurve, false],
      [Uint8Array.of(0), false],
      [point.subarray(0, 64), false],
      [concat([point, Uint8Array.of(0)]), false],
    ] as const) {
      const file = encodePublicKey({ kind: 'p256', point: form });
      for (const crypto of backends) {
        expect(crypto.verify('ecdsa-p256-sha256', file, message, signature), crypto.name).to.equal(expected);
      }
    }
  });

  it('wants the NULL of rsaEncryption, and lengths and numbers in their shortest form', () => {
    const file = spki(made.rsa);
    const { modulus, exponent } = decodePublicKey(file) as { modulus: Uint8Array; exponent: Uint8Array };
    const numbers = der(tag.sequence, derUnsigned(modulus), derUnsigned(exponent));
    const name = der(tag.oid, hex('2a864886f70d010101'));
    const info = (algorithm: Uint8Array, key: Uint8Array): Uint8Array =>
      der(tag.sequence, der(tag.sequence, algorithm), derBits(key));
    expect(info(concat([name, derNull]), numbers)).to.deep.equal(file);
    const padded = der(tag.sequence, der(tag.integer, concat([hex('0000'), modulus])), derUnsigned(exponent));
    const negative = der(tag.sequence, der(tag.integer, modulus), derUnsigned(exponent));
    const long = concat([hex('30820007'), hex('0201010202ffff')]);
    for (const damaged of [
      info(name, numbers),
      info(concat([name, derNull, derNull]), numbers),
      info(concat([name, hex('050100')]), numbers),
      info(concat([name, derNull]), padded),
      info(concat([name, derNull]), negative),
      info(concat([name, derNull]), long),
      der(tag.sequence, der(tag.sequence, name, derNull), der(tag.bitString, Uint8Array.of(1), numbers)),
    ]) {
      expect(codeThrownBy(() => decodePublicKey(damaged))).to.equal('INVALID_CERTIFICATE');
    }
  });
});

const p256 = der(tag.oid, hex('2a8648ce3d030107'));

function pkcs8Of(parts: { contents: Uint8Array; version?: number; behind?: Uint8Array }): Uint8Array {
  return der(
    tag.sequence,
    derUnsigned(Uint8Array.of(parts.version ?? 0)),
    der(tag.sequence, der(tag.oid, hex('2a8648ce3d0201')), p256),
    der(tag.octetString, parts.contents),
    parts.behind ?? new Uint8Array(0),
  );
}

function ecPrivateKey(scalar: Uint8Array, ...behind: readonly Uint8Array[]): Uint8Array {
  return der(tag.sequence, derUnsigned(Uint8Array.of(1)), der(tag.octetString, scalar), ...behind);
}

function publicBits(point: Uint8Array): Uint8Array {
  return der(tag.contextPrimitive(1), Uint8Array.of(0), point);
}

function compressed(point: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(2 | (point[64]! & 1)), point.subarray(1, 33)]);
}

/** Imports into both backends, which must agree, and exports again. */
function importAll(file: Uint8Array): Uint8Array {
  const exported = nodeCrypto.importPrivateKey(file).export();
  expect(nobleCrypto.importPrivateKey(file).export()).to.deep.equal(exported);
  return exported;
}
