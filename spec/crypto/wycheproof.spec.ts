// Wycheproof over both backends: what is `valid` is accepted, what is `invalid` is refused, and for `acceptable` each
// file says here what is expected and why. The number of vectors that ran stands behind the name of each test.

import { expect } from 'chai';
import type { SignatureAlgorithm } from '../../lib/crypto/provider.js';
import { sharedVectors } from '../support/requirements.js';
import { backends, codeThrownBy, hex } from './backends.js';

interface Vector {
  readonly tcId: number;
  readonly flags: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

interface File<Group, Test> {
  readonly testGroups: readonly (Group & { readonly tests: readonly (Vector & Test)[] })[];
}

interface AeadGroup {
  readonly ivSize: number;
  readonly keySize: number;
  readonly tagSize: number;
}
type AeadTest = Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>;
type X25519Test = Record<'public' | 'private' | 'shared', string>;
type HkdfTest = Record<'ikm' | 'salt' | 'info' | 'okm', string> & { readonly size: number };
type MacTest = Record<'key' | 'msg' | 'tag', string>;
type SignatureTest = Record<'msg' | 'sig', string>;

const signatureFiles: readonly (readonly [string, SignatureAlgorithm])[] = [
  ['ecdsa_secp256r1_sha256_test.json', 'ecdsa-p256-sha256'],
  ['ed25519_test.json', 'ed25519'],
  ['rsa_signature_2048_sha256_test.json', 'rsa-pkcs1-sha256'],
  ['rsa_pss_2048_sha256_mgf1_32_test.json', 'rsa-pss-sha256'],
];

for (const crypto of backends) {
  describe(`Wycheproof on ${crypto.name}`, () => {
    for (const [file, cipher] of [
      ['aes_gcm_test.json', 'aes-256-gcm'],
      ['chacha20_poly1305_test.json', 'chacha20-poly1305'],
    ] as const) {
      it(`${cipher}: 256-bit keys, 96-bit nonces, 128-bit tags; every other nonce is refused`, function () {
        const count = counter();
        for (const group of load<AeadGroup, AeadTest>(this, file).testGroups) {
          if (group.keySize !== 256 || group.tagSize !== 128) continue;
          for (const test of group.tests) {
            const [nonce, ad, plaintext] = [hex(test.iv), hex(test.aad), hex(test.msg)];
            const sealed = hex(test.ct + test.tag);
            const opened = new Uint8Array(plaintext.length);
            const aead = crypto.aead(cipher, hex(test.key));
            const open = () => aead.open(nonce, ad, sealed, opened);
            if (group.ivSize !== 96) {
              // Valid or not for the algorithm: this protocol has 12-byte nonces only.
              expect(codeThrownBy(open), `#${test.tcId}`).to.equal('INVALID_CONFIG');
              count('invalid');
              continue;
            }
            expect(open(), `#${test.tcId}`).to.equal(test.result === 'valid');
            if (test.result === 'valid') {
              expect(opened, `#${test.tcId}`).to.deep.equal(plaintext);
              const output = new Uint8Array(sealed.length);
              aead.seal(nonce, ad, plaintext, output);
              expect(output, `#${test.tcId}`).to.deep.equal(sealed);
            }
            count(test.result);
          }
        }
        count.report(this);
      });
    }

    it('X25519: the all-zero secret is undefined; twists and non-canonical points are computed', function () {
      const count = counter();
      for (const { tests } of load<object, X25519Test>(this, 'x25519_test.json').testGroups) {
        for (const test of tests) {
          const secret = crypto.x25519KeyPair(hex(test.private)).agree(hex(test.public));
          // `acceptable` are the zero secrets, which RFC 9846 §7.4.2 makes an abort, and the points that RFC 7748 §5
          // says MUST be accepted: on the twist, or with coordinates above p.
          const isRefused = test.flags.includes('ZeroSharedSecret');
          expect(secret, `#${test.tcId}`).to.deep.equal(isRefused ? undefined : hex(test.shared));
          count(isRefused ? 'invalid' : 'valid');
        }
      }
      count.report(this);
    });

    it('HKDF-SHA256: extract and expand; more than 255 blocks are refused', function () {
      const count = counter();
      for (const { tests } of load<object, HkdfTest>(this, 'hkdf_sha256_test.json').testGroups) {
        for (const test of tests) {
          const key = crypto.hkdfExtract(hex(test.salt), hex(test.ikm));
          const expand = () => crypto.hkdfExpand(key, hex(test.info), test.size);
          if (test.result === 'valid') expect(expand(), `#${test.tcId}`).to.deep.equal(hex(test.okm));
          else expect(codeThrownBy(expand), `#${test.tcId}`).to.equal('INVALID_CONFIG');
          count(test.result);
        }
      }
      count.report(this);
    });

    it('HMAC-SHA256: whole tags by hmac(), and 128-bit ones under 256-bit keys by mac()', function () {
      const count = counter();
      const groups = load<{ keySize: number; tagSize: number }, MacTest>(this, 'hmac_sha256_test.json');
      for (const { keySize, tagSize, tests } of groups.testGroups) {
        for (const test of tests) {
          const tag = hex(test.tag);
          const computed = crypto.hmac('sha256', hex(test.key), hex(test.msg)).subarray(0, tagSize / 8);
          expect(crypto.equal(computed, tag), `#${test.tcId}`).to.equal(test.result === 'valid');
          if (keySize === 256) {
            const verified = crypto.mac(hex(test.key)).verify(hex(test.msg), tag);
            // A whole tag is a tag of another length: refused, even where it is right.
            expect(verified, `#${test.tcId}`).to.equal(test.result === 'valid' && tagSize === 128);
          }
          count(test.result);
        }
      }
      count.report(this);
    });

    for (const [file, algorithm] of signatureFiles) {
      it(`${algorithm} of ${file}`, function () {
        this.timeout(20_000);
        const count = counter();
        const groups = load<{ publicKeyDer: string }, SignatureTest>(this, file).testGroups;
        for (const { publicKeyDer, tests } of groups) {
          for (const test of tests) {
            const verified = crypto.verify(algorithm, hex(publicKeyDer), hex(test.msg), hex(test.sig));
            // `acceptable` is one PKCS#1 signature whose DigestInfo lacks its NULL. RFC 8017 §8.2.2 compares whole
            // encodings and §9.2 has the NULL in them, so it is refused.
            expect(verified, `#${test.tcId}`).to.equal(test.result === 'valid');
            count(test.result);
          }
        }
        count.report(this);
      });
    }
  });
}

function load<Group, Test>(context: Mocha.Context, file: string): File<Group, Test> {
  return sharedVectors<File<Group, Test>>(context, `wycheproof/${file}`);
}

interface Counter {
  (result: Vector['result']): void;
  /** Shows the numbers, and fails unless something was accepted and something refused. */
  report(context: Mocha.Context): void;
}

function counter(): Counter {
  let accepted = 0;
  let refused = 0;
  const count = (result: Vector['result']): void => {
    if (result === 'valid') accepted++;
    else refused++;
  };
  const report = (context: Mocha.Context): void => {
    expect(accepted, 'vectors to accept').to.be.above(0);
    expect(refused, 'vectors to refuse').to.be.above(0);
    context.test!.title += ` [${accepted} accepted, ${refused} refused]`;
  };
  return Object.assign(count, { report });
}
