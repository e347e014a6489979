import { expect } from 'chai';
import { maxIterationsPerFile, Passphrase } from '../../../lib/certificate/file/passphrase.js';
import { purposes } from '../../../lib/certificate/file/pkcs12-kdf.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { CryptoProvider } from '../../../lib/crypto/provider.js';
import { refusal } from '../../support/refusal.js';

const salt = new Uint8Array(8);

/** Derives at once, whatever is asked for: what is allowed is decided before. */
const idle: CryptoProvider = {
  ...nodeCrypto,
  iterateHash: (name, data) => nodeCrypto.hash(name, data),
  pbkdf2: (name, password, own, _iterations, length) => nodeCrypto.pbkdf2(name, password, own, 1, length),
  scrypt: (_password, _salt, _cost, length) => new Uint8Array(length),
};

describe('a passphrase at work on one file', () => {
  it('counts an iteration once for each digest of the key, over all keys of the file', () => {
    const costs: Readonly<Record<string, [cost: number, derive: (passphrase: Passphrase) => unknown]>> = {
      'PBKDF2, one digest': [1.5e6, (it) => it.pbkdf2({ salt, iterations: 1.5e6, prf: 'sha256' }, 32)],
      'PBKDF2, two digests': [3e6, (it) => it.pbkdf2({ salt, iterations: 1.5e6, prf: 'sha1' }, 32)],
      'PKCS #12, two digests': [
        3e6,
        (it) =>
          it.tryPkcs12((derive) =>
            derive({ hash: 'sha1', purpose: purposes.key, salt, iterations: 1.5e6, bytes: 24 }),
          ),
      ],
      scrypt: [2 ** 19, (it) => it.scrypt({ salt, cost: { N: 2 ** 16, r: 8, p: 1 } }, 32)],
    };
    for (const [name, [cost, derive]] of Object.entries(costs)) {
      const passphrase = new Passphrase(idle, '1234', 'PFX file');
      for (let spent = cost; spent <= maxIterationsPerFile; spent += cost) derive(passphrase);
      expect(refusal('INVALID_CERTIFICATE', () => derive(passphrase), name)).to.match(
        /more than 6000000 passphrase iterations together/,
      );
    }
  });

  it('tries both encodings of the empty passphrase, and then stays with the one that fitted', () => {
    const passphrase = new Passphrase(nodeCrypto, '', 'PFX file');
    const derivation = { hash: 'sha1', purpose: purposes.key, salt, iterations: 1, bytes: 20 } as const;
    const seen: string[] = [];
    const open = (fitting: number) =>
      passphrase.tryPkcs12((derive) => {
        seen.push(String(derive(derivation)));
        return seen.length === fitting ? 'opened' : undefined;
      });
    expect(open(9)).to.equal(undefined);
    expect(new Set(seen).size).to.equal(2);
    expect(open(4)).to.equal('opened');
    expect(open(9)).to.equal(undefined);
    expect(seen).to.deep.equal([seen[0], seen[1], seen[0], seen[1], seen[1]]);
  });

  it('has one encoding of its own otherwise', () => {
    let tries = 0;
    new Passphrase(nodeCrypto, ' ', 'PFX file').tryPkcs12(() => void tries++);
    expect(tries).to.equal(1);
  });
});
