// The strict reader of keys: one encoding per key, the forms that real files have, and nothing but INVALID_CERTIFICATE
// for the rest. That the keys work is the business of signature.spec.ts.

import { expect } from 'chai';
import fc from 'fast-check';
import { concat, toHex } from '../../lib/base/bytes.js';
import { DerReader, der, readDer, tags } from '../../lib/base/der.js';
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

  it('refuses one more element at the end of whatever holds elements, however deep', () => {
    let variants = 0;
    for (const [files, decode] of [
      [publicKeys, decodePublicKey],
      [privateKeys, decodePrivateKey],
    ] as const) {
      for (const file of files) {
        for (const damaged of withOneMore(file)) {
          variants++;
          expect(
            codeThrownBy(() => decode(damaged)),
            toHex(damaged),
          ).to.equal('INVALID_CERTIFICATE');
        }
      }
    }
    expect(variants).to.be.above(50);
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

  it('refuses a PSS salt length that is written although it is the default (X.690 §11.5)', () => {
    let restricted = 0;
    for (const file of publicKeys) {
      const written = toHex(file);
      if (!written.includes('a203020120')) continue;
      restricted++;
      const damaged = hex(written.replace('a203020120', 'a203020114'));
      expect(codeThrownBy(() => decodePublicKey(damaged))).to.equal('INVALID_CERTIFICATE');
    }
    expect(restricted).to.be.above(0);
  });

  it('reads PKCS#8 with attributes, version 1 with a public key, and scalars without their leading zeros', () => {
    const scalar = new Uint8Array(32).fill(7);
    scalar[0] = 0;
    const expected = importAll(pkcs8Of({ contents: ecPrivateKey(scalar) }));
    const attributes = der.explicit(0, hex('300d0603551d0f310603040080'));
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
      pkcs8Of({ contents: ecPrivateKey(scalar, der.explicit(0, p256)) }),
      pkcs8Of({ contents: ecPrivateKey(scalar, der.explicit(1, der.bitString(compressed(point)))) }),
    ]) {
      expect(importAll(file)).to.deep.equal(expected);
    }
  });

  it('refuses what contradicts itself or hides something', () => {
    const scalar = bytesOf(32, 7);
    const p384 = der.oid('1.3.132.0.34');
    const other = nodeCrypto.generateKeyPair('p256').publicKey.slice(-65);
    for (const [name, file] of Object.entries({
      'two curves': pkcs8Of({ contents: ecPrivateKey(scalar, der.explicit(0, p384)) }),
      'a public key in version 0': pkcs8Of({ contents: ecPrivateKey(scalar), behind: publicBits(other) }),
      'a foreign public key': pkcs8Of({
        contents: ecPrivateKey(scalar),
        version: 1,
        behind: publicBits(other),
      }),
      'version 2': pkcs8Of({ contents: ecPrivateKey(scalar), version: 2 }),
      'a scalar of 33 bytes': pkcs8Of({ contents: ecPrivateKey(bytesOf(33, 1)) }),
      'something behind the key': pkcs8Of({ contents: concat([ecPrivateKey(scalar), der.null()]) }),
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

  it('reads files of up to 64 KiB, and looks no further into longer ones', () => {
    const scalar = bytesOf(32, 7);
    const without = pkcs8Of({ contents: ecPrivateKey(scalar), behind: der.explicit(0, bytesOf(60_000, 0)) });
    const withAttributes = (bytes: number): Uint8Array =>
      pkcs8Of({
        contents: ecPrivateKey(scalar),
        behind: der.explicit(0, bytesOf(60_000 + bytes - without.length, 0)),
      });
    expect(withAttributes(65_536)).to.have.length(65_536);
    expect(importAll(withAttributes(65_536))).to.deep.equal(importAll(without));
    expect(() => decodePrivateKey(withAttributes(65_537))).to.throw(/longer than 64 KiB/);
    expect(() => decodePublicKey(bytesOf(65_537, 0x30))).to.throw(/longer than 64 KiB/);
  });

  it('reads the parameters of id-RSASSA-PSS in one form: NULL without content, salts of at most 65,535 bytes', () => {
    const { modulus, exponent } = decodePublicKey(spki(made.rsa)) as {
      modulus: Uint8Array;
      exponent: Uint8Array;
    };
    const read =
      (salt: Uint8Array, nothing: Uint8Array = der.null(), behind: Uint8Array = new Uint8Array(0)) =>
      () => {
        const sha256 = der.sequence(der.oid('2.16.840.1.101.3.4.2.1'), nothing);
        const mask = der.sequence(der.oid('1.2.840.113549.1.1.8'), sha256);
        const fields = der.sequence(
          der.explicit(0, sha256),
          der.explicit(1, mask),
          der.explicit(2, salt),
          behind,
        );
        const numbers = der.sequence(der.integer(modulus), der.integer(exponent));
        const algorithm = der.sequence(der.oid('1.2.840.113549.1.1.10'), fields);
        return decodePublicKey(der.sequence(algorithm, der.bitString(numbers)));
      };
    const restriction = { hash: 'sha256', saltBytes: 32 };
    expect(read(der.integer(32))()).to.deep.equal({ kind: 'rsa-pss', modulus, exponent, restriction });
    expect(read(der.integer(32), new Uint8Array(0))()).to.deep.include({ restriction });
    expect(read(der.integer(65_535))()).to.have.nested.property('restriction.saltBytes', 65_535);
    for (const refused of [
      read(der.integer(65_536)),
      read(der.integer(-1)),
      read(concat([der.integer(32), der.null()])),
      read(der.integer(32), hex('050100')),
      read(der.integer(32), concat([der.null(), der.null()])),
      read(der.integer(32), der.null(), der.null()),
    ]) {
      expect(codeThrownBy(refused)).to.equal('INVALID_CERTIFICATE');
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
    const numbers = der.sequence(der.integer(modulus), der.integer(exponent));
    const name = der.oid('1.2.840.113549.1.1.1');
    const info = (algorithm: Uint8Array, key: Uint8Array): Uint8Array =>
      der.sequence(der.sequence(algorithm), der.bitString(key));
    expect(info(concat([name, der.null()]), numbers)).to.deep.equal(file);
    const padded = der.sequence(
      der.element(tags.integer, concat([hex('0000'), modulus])),
      der.integer(exponent),
    );
    const negative = der.sequence(der.element(tags.integer, modulus), der.integer(exponent));
    const long = concat([hex('30820007'), hex('0201010202ffff')]);
    for (const damaged of [
      info(name, numbers),
      info(concat([name, der.null(), der.null()]), numbers),
      info(concat([name, hex('050100')]), numbers),
      info(concat([name, der.null()]), padded),
      info(concat([name, der.null()]), negative),
      info(concat([name, der.null()]), long),
      der.sequence(der.sequence(name, der.null()), der.bitString(numbers, 1)),
    ]) {
      expect(codeThrownBy(() => decodePublicKey(damaged))).to.equal('INVALID_CERTIFICATE');
    }
  });
});

const p256 = der.oid('1.2.840.10045.3.1.7');

function pkcs8Of(parts: { contents: Uint8Array; version?: number; behind?: Uint8Array }): Uint8Array {
  return der.sequence(
    der.integer(parts.version ?? 0),
    der.sequence(der.oid('1.2.840.10045.2.1'), p256),
    der.octetString(parts.contents),
    parts.behind ?? new Uint8Array(0),
  );
}

/** The encoding with a NULL at the end of one SEQUENCE, explicit tag, or string that holds an element: each in turn. */
function withOneMore(bytes: Uint8Array): Uint8Array[] {
  const { tag, content } = readDer(bytes);
  const prefix = tag === tags.bitString ? content.subarray(0, 1) : new Uint8Array(0);
  const children = childrenOf(tag, content.subarray(prefix.length));
  if (children === undefined) return [];
  const rebuilt = (parts: readonly Uint8Array[]): Uint8Array => der.element(tag, concat([prefix, ...parts]));
  const deeper = children.flatMap((child, index) =>
    withOneMore(child).map((changed) => rebuilt(children.with(index, changed))),
  );
  return [rebuilt([...children, der.null()]), ...deeper];
}

function childrenOf(tag: number, content: Uint8Array): Uint8Array[] | undefined {
  if (tag === tags.octetString || tag === tags.bitString) {
    try {
      return [readDer(content).bytes];
    } catch {
      return undefined;
    }
  }
  if ((tag & 0x20) === 0) return undefined;
  const reader = new DerReader(content);
  const children: Uint8Array[] = [];
  while (!reader.done) children.push(reader.next().bytes);
  return children;
}

function ecPrivateKey(scalar: Uint8Array, ...behind: readonly Uint8Array[]): Uint8Array {
  return der.sequence(der.integer(1), der.octetString(scalar), ...behind);
}

function publicBits(point: Uint8Array): Uint8Array {
  return der.implicit(1, concat([Uint8Array.of(0), point]), false);
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
