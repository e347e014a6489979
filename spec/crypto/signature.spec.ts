// Keys and signatures across the backends: whatever one makes, exports and signs, the other reads and verifies, and
// both refuse the same keys. The strict reader of keys has a spec of its own.

import { spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, generatePrimeSync, sign } from 'node:crypto';
import { expect } from 'chai';
import { invert, numberToBytes } from 'micro-rsa-dsa-dh/utils.js';
import { utf8 } from '../../lib/base/bytes.js';
import { encodePrivateKey } from '../../lib/crypto/key-encoding.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { PrivateKey, SignatureAlgorithm } from '../../lib/crypto/provider.js';
import { requireProgram } from '../support/requirements.js';
import {
  allAlgorithms,
  backends,
  codeThrownBy,
  curveAlgorithms,
  pairs,
  rsaPkcs1Algorithms,
  rsaPssAlgorithms,
} from './backends.js';
import { made, pkcs8, spki } from './openssl-keys.js';

const message = utf8('what is signed');
const curveKinds = ['p256', 'p384', 'ed25519'] as const;

for (const backend of backends) {
  describe(`keys that have verified something, on ${backend.name}`, () => {
    for (const kind of curveKinds) {
      it(`${kind}: verify as before, and nothing but what is theirs`, () => {
        const [algorithm] = curveAlgorithms[kind] as readonly [SignatureAlgorithm];
        const keys = Array.from({ length: 40 }, () => backend.generateKeyPair(kind));
        const signatures = keys.map((key) => key.sign(algorithm, message));
        // More keys than are kept, twice: each comes and goes.
        for (const round of [1, 2]) {
          for (const [index, { publicKey }] of keys.entries()) {
            const verify = (signature: Uint8Array, about = message) =>
              backend.verify(algorithm, publicKey, about, signature);
            expect(verify(signatures[index]!), `key ${index}, round ${round}`).to.equal(true);
            if (index > 2) continue;
            expect(verify(signatures[index + 1]!), 'the signature of another key').to.equal(false);
            expect(verify(signatures[index]!, utf8('something else'))).to.equal(false);
            expect(verify(signatures[index]!), 'and still').to.equal(true);
          }
        }
      });
    }

    it('are kept by their bytes, which may change in the memory of whoever has shown them', () => {
      const [key, another] = [backend.generateKeyPair('p256'), backend.generateKeyPair('p256')];
      const signature = key.sign('ecdsa-p256-sha256', message);
      const shown = new Uint8Array(key.publicKey);
      expect(backend.verify('ecdsa-p256-sha256', shown, message, signature)).to.equal(true);
      shown.set(another.publicKey);
      expect(backend.verify('ecdsa-p256-sha256', shown, message, signature)).to.equal(false);
      expect(
        backend.verify('ecdsa-p256-sha256', shown, message, another.sign('ecdsa-p256-sha256', message)),
      ).to.equal(true);
      expect(backend.verify('ecdsa-p256-sha256', key.publicKey, message, signature)).to.equal(true);
    });

    it('are used with no algorithm that is not theirs', () => {
      const key = backend.importPrivateKey(pkcs8(made['rsa-pss for SHA-256']));
      const signature = key.sign('rsa-pss-sha256', message);
      expect(backend.verify('rsa-pss-sha256', key.publicKey, message, signature)).to.equal(true);
      for (const algorithm of allAlgorithms) {
        expect(backend.verify(algorithm, key.publicKey, message, signature)).to.equal(
          algorithm === 'rsa-pss-sha256',
        );
      }
    });
  });
}

for (const [one, other] of pairs) {
  describe(`signatures: ${one.name} to ${other.name}`, () => {
    for (const kind of curveKinds) {
      it(`${kind}: made, exported, imported, signed and verified`, () => {
        const key = one.generateKeyPair(kind);
        expect(key.kind).to.equal(kind);
        const copy = other.importPrivateKey(key.export());
        expect(copy.kind).to.equal(kind);
        expect(copy.publicKey).to.deep.equal(key.publicKey);
        expect(copy.export(), 'the same PKCS#8 from both').to.deep.equal(key.export());
        expectSignatures(key, curveAlgorithms[kind], other);
        expectSignatures(copy, curveAlgorithms[kind], one);
      });
    }

    it('RSA: imported, exported, signed and verified, PSS and PKCS#1', () => {
      const key = one.importPrivateKey(pkcs8(made.rsa));
      expect(key.kind).to.equal('rsa');
      expect(key.export()).to.deep.equal(pkcs8(made.rsa));
      expect(key.publicKey).to.deep.equal(spki(made.rsa));
      expectSignatures(key, [...rsaPssAlgorithms, ...rsaPkcs1Algorithms], other);
    });

    it('id-RSASSA-PSS keys: kept as such, and used within their restriction only', () => {
      const unrestricted = one.importPrivateKey(pkcs8(made['rsa-pss']));
      expect(unrestricted.kind).to.equal('rsa-pss');
      expect(unrestricted.export()).to.deep.equal(pkcs8(made['rsa-pss']));
      expectSignatures(unrestricted, rsaPssAlgorithms, other);

      const restricted = one.importPrivateKey(pkcs8(made['rsa-pss for SHA-256']));
      expect(restricted.export()).to.deep.equal(pkcs8(made['rsa-pss for SHA-256']));
      expect(restricted.publicKey).to.deep.equal(spki(made['rsa-pss for SHA-256']));
      expectSignatures(restricted, ['rsa-pss-sha256'], other);

      const short = one.importPrivateKey(pkcs8(made['rsa-pss for SHA-384, short salts']));
      expect(short.export()).to.deep.equal(pkcs8(made['rsa-pss for SHA-384, short salts']));
      expectSignatures(short, ['rsa-pss-sha384'], other);

      expectSignatures(one.importPrivateKey(pkcs8(made['rsa-pss for SHA-256, long salts'])), [], other);
    });
  });
}

for (const crypto of backends) {
  describe(`signatures: ${crypto.name} refuses`, () => {
    it('RSA keys below 2048 bits, though the signature is right', () => {
      const signature = new Uint8Array(sign('sha256', message, made['rsa-1024']));
      expect(crypto.verify('rsa-pkcs1-sha256', spki(made['rsa-1024']), message, signature)).to.equal(false);
      expect(codeThrownBy(() => crypto.importPrivateKey(pkcs8(made['rsa-1024'])))).to.equal(
        'INVALID_CERTIFICATE',
      );
      const signature3072 = new Uint8Array(sign('sha256', message, made['rsa-3072']));
      expect(crypto.verify('rsa-pkcs1-sha256', spki(made['rsa-3072']), message, signature3072)).to.equal(
        true,
      );
    });

    it('PSS salts of any length but that of the hash', () => {
      for (const saltLength of [0, 20, 31, 32, 33, 64]) {
        const signature = sign('sha256', message, { key: made.rsa, padding: 6, saltLength });
        const verified = crypto.verify('rsa-pss-sha256', spki(made.rsa), message, new Uint8Array(signature));
        expect(verified, `${saltLength}`).to.equal(saltLength === 32);
      }
    });

    it('PKCS#1 signatures under id-RSASSA-PSS keys', () => {
      // The numbers of a plain RSA key, under the name that allows PSS alone.
      const { n, e } = made.rsa.export({ format: 'jwk' }) as { n: string; e: string };
      const plain = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
      const named = spkiAsPss(new Uint8Array(plain.export({ format: 'der', type: 'spki' })));
      const pkcs1 = new Uint8Array(sign('sha256', message, made.rsa));
      const pss = new Uint8Array(sign('sha256', message, { key: made.rsa, padding: 6, saltLength: 32 }));
      expect(crypto.verify('rsa-pss-sha256', named, message, pss)).to.equal(true);
      expect(crypto.verify('rsa-pkcs1-sha256', named, message, pkcs1)).to.equal(false);
      expect(crypto.verify('rsa-pkcs1-sha256', spki(made.rsa), message, pkcs1)).to.equal(true);
    });

    it('id-RSASSA-PSS keys whose mask has another hash than the message', () => {
      const key = made['rsa-pss with two hashes'];
      expect(codeThrownBy(() => crypto.importPrivateKey(pkcs8(key)))).to.equal('INVALID_CERTIFICATE');
      const signature = new Uint8Array(sign('sha256', message, key));
      for (const algorithm of rsaPssAlgorithms) {
        expect(crypto.verify(algorithm, spki(key), message, signature)).to.equal(false);
      }
    });

    it('keys on other curves, and X25519 and X448 keys', () => {
      for (const namedCurve of ['secp256k1', 'P-521', 'P-224']) {
        const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
        const signature = new Uint8Array(sign('sha256', message, privateKey));
        const der = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
        for (const algorithm of allAlgorithms) {
          expect(crypto.verify(algorithm, der, message, signature)).to.equal(false);
        }
        expect(codeThrownBy(() => crypto.importPrivateKey(pkcs8(privateKey)))).to.equal(
          'INVALID_CERTIFICATE',
        );
      }
      for (const { privateKey } of [generateKeyPairSync('x25519'), generateKeyPairSync('ed448')]) {
        expect(codeThrownBy(() => crypto.importPrivateKey(pkcs8(privateKey)))).to.equal(
          'INVALID_CERTIFICATE',
        );
      }
    });

    it('algorithms that do not exist', () => {
      const key = crypto.generateKeyPair('ed25519');
      const signature = key.sign('ed25519', message);
      for (const name of ['__proto__', 'constructor', 'none', '', 'ED25519']) {
        const algorithm = name as SignatureAlgorithm;
        expect(crypto.verify(algorithm, key.publicKey, message, signature)).to.equal(false);
        expect(codeThrownBy(() => key.sign(algorithm, message))).to.equal('INVALID_CONFIG');
      }
    });

    it('one flipped bit anywhere in the public key, in the same way as the other backend', () => {
      for (const kind of ['p256', 'ed25519'] as const) {
        const key = nodeCrypto.generateKeyPair(kind);
        const algorithm = curveAlgorithms[kind][0]!;
        const signature = key.sign(algorithm, message);
        for (let index = 0; index < key.publicKey.length; index++) {
          const changed = Uint8Array.from(key.publicKey);
          changed[index]! ^= 1 << (index & 7);
          expect(crypto.verify(algorithm, changed, message, signature), `byte ${index}`).to.equal(false);
        }
        expect(crypto.verify(algorithm, key.publicKey, message, signature)).to.equal(true);
      }
    });

    it('an Ed25519 key of small order, under which OpenSSL itself accepts a signature of anything', () => {
      const identity = new Uint8Array(32);
      identity[0] = 1;
      const prefix = nodeCrypto.generateKeyPair('ed25519').publicKey.subarray(0, 12);
      const universal = new Uint8Array(64);
      universal[0] = 1;
      const key = new Uint8Array([...prefix, ...identity]);
      expect(crypto.verify('ed25519', key, message, universal)).to.equal(false);
    });

    it('private scalars outside 1 to n-1', () => {
      for (const kind of ['p256', 'p384'] as const) {
        const file = crypto.generateKeyPair(kind).export();
        const bytes = kind === 'p256' ? 32 : 48;
        const at = file.findIndex((byte, index) => byte === 4 && file[index + 1] === bytes) + 2;
        for (const value of [0x00, 0xff]) {
          const changed = Uint8Array.from(file);
          changed.fill(value, at, at + bytes);
          expect(codeThrownBy(() => crypto.importPrivateKey(changed))).to.equal('INVALID_CERTIFICATE');
        }
      }
    });

    it('a private key beside a public key that is not its own', () => {
      for (const kind of ['p256', 'p384'] as const) {
        const [mine, theirs] = [crypto.generateKeyPair(kind), crypto.generateKeyPair(kind)];
        const point = theirs.publicKey.slice(kind === 'p256' ? -65 : -97);
        const file = mine.export();
        file.set(point, file.length - point.length);
        expect(codeThrownBy(() => crypto.importPrivateKey(file))).to.equal('INVALID_CERTIFICATE');
      }
    });
  });

  describe(`private keys of ${crypto.name}`, () => {
    it('are read by openssl, and openssl finds them consistent', function () {
      requireProgram(this, 'openssl', 'version');
      const keys = [
        ...curveKinds.map((kind) => crypto.generateKeyPair(kind)),
        crypto.importPrivateKey(pkcs8(made.rsa)),
      ];
      for (const key of keys) {
        expectOpensslAgrees(key);
      }
    });

    it('rsa-2048 is made, exported and used everywhere', function () {
      this.timeout(60_000);
      requireProgram(this, 'openssl', 'version');
      const key = crypto.generateKeyPair('rsa-2048');
      expect(key.kind).to.equal('rsa');
      expectOpensslAgrees(key);
      for (const other of backends) {
        expect(other.importPrivateKey(key.export()).export()).to.deep.equal(key.export());
        const signature = other.importPrivateKey(key.export()).sign('rsa-pss-sha256', message);
        expect(crypto.verify('rsa-pss-sha256', key.publicKey, message, signature)).to.equal(true);
      }
      const { asymmetricKeyDetails } = createPrivateKey({
        key: Buffer.from(key.export()),
        format: 'der',
        type: 'pkcs8',
      });
      expect(asymmetricKeyDetails).to.deep.include({ modulusLength: 2048, publicExponent: 65537n });
    });

    it('outlive the file they were read from', () => {
      for (const source of [
        pkcs8(made.rsa),
        crypto.generateKeyPair('p256').export(),
        crypto.generateKeyPair('ed25519').export(),
      ]) {
        const expected = Uint8Array.from(source);
        const key = crypto.importPrivateKey(source);
        expect(source, 'the file is left alone').to.deep.equal(expected);
        source.fill(0);
        expect(key.export()).to.deep.equal(expected);
        key.export().fill(0);
        expect(key.export()).to.deep.equal(expected);
      }
    });
  });
}

describe('signatures: what the libraries below would get wrong', () => {
  it('OpenSSL accepts a PSS signature whose leading zero byte was cut off', () => {
    let signature = new Uint8Array([1]);
    // One in 256 starts with a zero byte; a try takes less than a millisecond.
    for (let attempt = 0; attempt < 10_000 && signature[0] !== 0; attempt++) {
      signature = new Uint8Array(sign('sha256', message, { key: made.rsa, padding: 6, saltLength: 32 }));
    }
    expect(signature[0]).to.equal(0);
    for (const crypto of backends) {
      expect(crypto.verify('rsa-pss-sha256', spki(made.rsa), message, signature)).to.equal(true);
      expect(crypto.verify('rsa-pss-sha256', spki(made.rsa), message, signature.subarray(1))).to.equal(false);
    }
  });

  it('micro-rsa-dsa-dh makes PSS signatures one byte short under moduli of 8k + 1 bits: refused on import', () => {
    const file = rsaFileOf2049Bits();
    expect(codeThrownBy(() => nobleCrypto.importPrivateKey(file))).to.equal('INVALID_CERTIFICATE');
    const key = nodeCrypto.importPrivateKey(file);
    for (const algorithm of ['rsa-pss-sha256', 'rsa-pkcs1-sha256'] as const) {
      const signature = key.sign(algorithm, message);
      for (const crypto of backends) {
        expect(crypto.verify(algorithm, key.publicKey, message, signature), crypto.name).to.equal(true);
      }
    }
  });
});

/** `key` makes exactly these signatures, both backends accept them, and nothing that was changed. */
function expectSignatures(
  key: PrivateKey,
  algorithms: readonly SignatureAlgorithm[],
  verifier: typeof nodeCrypto,
): void {
  for (const algorithm of allAlgorithms) {
    if (!algorithms.includes(algorithm)) {
      expect(
        codeThrownBy(() => key.sign(algorithm, message)),
        algorithm,
      ).to.equal('INVALID_CONFIG');
      expect(verifier.verify(algorithm, key.publicKey, message, new Uint8Array(64)), algorithm).to.equal(
        false,
      );
      continue;
    }
    const signature = key.sign(algorithm, message);
    expect(verifier.verify(algorithm, key.publicKey, message, signature), algorithm).to.equal(true);
    expect(verifier.verify(algorithm, key.publicKey, utf8('something else'), signature), algorithm).to.equal(
      false,
    );
    expect(verifier.verify(algorithm, key.publicKey, message, signature.subarray(1)), algorithm).to.equal(
      false,
    );
    const longer = new Uint8Array([...signature, 0]);
    expect(verifier.verify(algorithm, key.publicKey, message, longer), algorithm).to.equal(false);
    for (const another of algorithms) {
      if (another === algorithm) continue;
      expect(verifier.verify(another, key.publicKey, message, signature), `as ${another}`).to.equal(false);
    }
  }
}

function expectOpensslAgrees(key: PrivateKey): void {
  const check = spawnSync('openssl', ['pkey', '-inform', 'DER', '-noout', '-check'], { input: key.export() });
  expect(check.stderr.toString() + check.stdout.toString()).to.include('Key is valid');
  expect(check.status).to.equal(0);
  const convert = spawnSync('openssl', ['pkey', '-inform', 'DER', '-pubout', '-outform', 'DER'], {
    input: key.export(),
  });
  expect(new Uint8Array(convert.stdout)).to.deep.equal(key.publicKey);
}

/** OpenSSL makes no such key by itself, but it makes the primes; their two top bits are set. */
function rsaFileOf2049Bits(): Uint8Array {
  const p = generatePrimeSync(1025, { bigint: true });
  const q = generatePrimeSync(1024, { bigint: true });
  expect((p * q).toString(2)).to.have.length(2049);
  const d = invert(65537n, (p - 1n) * (q - 1n));
  const factors = [p, q, d % (p - 1n), d % (q - 1n), invert(q, p)];
  return encodePrivateKey({
    kind: 'rsa',
    modulus: numberToBytes(p * q),
    exponent: numberToBytes(65537n),
    privateExponent: numberToBytes(d),
    factors: factors.map((factor) => numberToBytes(factor)),
  });
}

/** Puts id-RSASSA-PSS without parameters in the place of rsaEncryption with NULL. */
function spkiAsPss(plain: Uint8Array): Uint8Array {
  // SEQUENCE 82 nn nn, SEQUENCE 0d (OID 09 …01, NULL), BIT STRING …
  expect(plain.subarray(4, 6)).to.deep.equal(Uint8Array.of(0x30, 0x0d));
  const changed = new Uint8Array([...plain.subarray(0, 17), ...plain.subarray(19)]);
  changed[5] = 0x0b;
  changed[16] = 10;
  const length = changed.length - 4;
  changed[2] = length >>> 8;
  changed[3] = length & 0xff;
  return changed;
}
