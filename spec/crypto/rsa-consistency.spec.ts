import { expect } from 'chai';
import { decodePrivateKey, encodePrivateKey, type RsaPrivateKey } from '../../lib/crypto/key-encoding.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { timesAsCostly } from '../support/cost.js';
import { refusal } from '../support/refusal.js';
import { rsaKey } from '../support/rsa-keys.js';
import { backends } from './backends.js';

describe('an RSA key whose numbers do not belong together', () => {
  const good = decodePrivateKey(
    new Uint8Array(rsaKey(0).export({ type: 'pkcs8', format: 'der' })),
  ) as RsaPrivateKey;
  const flipped = (number: Uint8Array): Uint8Array =>
    Uint8Array.from(number, (octet, index) => (index === 20 ? octet ^ 4 : octet));
  const all = { ...good, privateExponent: flipped(good.privateExponent), factors: good.factors.map(flipped) };

  for (const crypto of backends) {
    it(`is not loaded by ${crypto.name}, or signs all the same`, () => {
      expect(crypto.importPrivateKey(encodePrivateKey(good)).kind).to.equal('rsa');
      expect(refusal('INVALID_CERTIFICATE', () => crypto.importPrivateKey(encodePrivateKey(all)))).to.match(
        /cannot sign|do not belong/,
      );
      const damaged = [
        { ...good, privateExponent: flipped(good.privateExponent) },
        ...good.factors.map((_, at) => ({
          ...good,
          factors: good.factors.map((factor, index) => (index === at ? flipped(factor) : factor)),
        })),
      ];
      for (const fields of damaged) {
        const message = new Uint8Array(5);
        try {
          // A backend that needs only some of the numbers may do without the others.
          const key = crypto.importPrivateKey(encodePrivateKey(fields));
          const signature = key.sign('rsa-pkcs1-sha256', message);
          expect(nodeCrypto.verify('rsa-pkcs1-sha256', key.publicKey, message, signature)).to.equal(true);
        } catch (error) {
          expect(error).to.have.property('code', 'INVALID_CERTIFICATE');
        }
      }
    });

    it(`is refused by ${crypto.name} before it signs, where its factors are too short or too long for its modulus`, () => {
      const modulus = new Uint8Array(1024).fill(0xff);
      const long = [...good.factors.slice(0, 1), good.modulus, ...good.factors.slice(2)];
      const refuse = (): void => {
        for (const fields of [
          { ...good, modulus },
          { ...good, factors: long },
        ]) {
          const message = refusal('INVALID_CERTIFICATE', () =>
            crypto.importPrivateKey(encodePrivateKey(fields)),
          );
          expect(message).to.contain('factors do not make its modulus');
        }
      };
      const load = (): void => void crypto.importPrivateKey(encodePrivateKey(good));
      // To load the good one costs a signature: as much as both refusals where OpenSSL reads keys, and ten times as much
      // elsewhere. With a signature for each it was ten to twenty times as much (measured).
      expect(timesAsCostly(refuse, load, 4)).to.be.lessThan(4);
    });

    it(`is told from one of RSA-PSS that may use another hash, or no salt of ours, by ${crypto.name}`, () => {
      const restricted = {
        ...good,
        kind: 'rsa-pss',
        restriction: { hash: 'sha512', saltBytes: 64 },
      } as const;
      const key = crypto.importPrivateKey(encodePrivateKey(restricted));
      expect(key.sign('rsa-pss-sha512', new Uint8Array(1))).to.have.length(256);
      const unusable = { ...good, kind: 'rsa-pss', restriction: { hash: 'sha256', saltBytes: 64 } } as const;
      expect(crypto.importPrivateKey(encodePrivateKey(unusable)).kind).to.equal('rsa-pss');
    });
  }
});
