import { expect } from 'chai';
import { toHex } from '../../../lib/base/bytes.js';
import { bmpPassword, digestBytes, pkcs12Key, purposes } from '../../../lib/certificate/file/pkcs12-kdf.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { HashName } from '../../../lib/crypto/provider.js';
import { backends, hex } from '../../crypto/backends.js';
import { requireProgram } from '../../support/requirements.js';
import { ProgramFolder } from '../program-folder.js';

const opensslNames: Readonly<Partial<Record<HashName, string>>> = {
  sha1: 'SHA1',
  sha224: 'SHA224',
  sha256: 'SHA256',
  sha384: 'SHA384',
  sha512: 'SHA512',
  'sha512-224': 'SHA512-224',
  'sha512-256': 'SHA512-256',
  blake2b512: 'BLAKE2b512',
};

describe('the key derivation of PKCS #12 (RFC 7292 appendix B)', () => {
  it('encodes a passphrase in UTF-16, with two zero bytes behind it', () => {
    expect(toHex(bmpPassword('Be\u00e4vis \ud83d\udd11'))).to.equal(
      '0042006500e4007600690073' + '0020d83ddd11' + '0000',
    );
    expect(toHex(bmpPassword(''))).to.equal('0000');
  });

  for (const crypto of backends) {
    // The vectors that BouncyCastle, node-forge and others share: password "smeg" and "queeg", one purpose each.
    it(`gives the known keys with ${crypto.name}`, () => {
      const known = [
        ['smeg', purposes.key, '0a58cf64530d823f', 1, '8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3'],
        ['smeg', purposes.iv, '0a58cf64530d823f', 1, '79993dfe048d3b76'],
        ['smeg', purposes.mac, '3d83c0e4546ac140', 1, '8d967d88f6caa9d714800ab3d48051d63f73a312'],
        ['queeg', purposes.key, '05dec959acff72f7', 1000, 'ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4'],
        ['queeg', purposes.iv, '05dec959acff72f7', 1000, '11dedad7758d4860'],
        ['queeg', purposes.mac, '263216fcc2fab31c', 1000, '5ec4c7a80df652294c3925b6489a7ab857c83476'],
      ] as const;
      for (const [password, purpose, salt, iterations, expected] of known) {
        const derivation = {
          hash: 'sha1',
          purpose,
          salt: hex(salt),
          iterations,
          bytes: expected.length / 2,
        } as const;
        expect(toHex(pkcs12Key(crypto, bmpPassword(password), derivation))).to.equal(expected);
      }
    });
  }

  it('gives what openssl gives: each hash, one key of many digests, salts of no, one and several blocks', function () {
    requireProgram(this, 'openssl', 'version');
    ProgramFolder.during((folder) => {
      for (const [hash, name] of Object.entries(opensslNames) as [HashName, string][]) {
        for (const saltBytes of [1, 64, 65, 200]) {
          const salt = nodeCrypto.randomBytes(saltBytes);
          const password = bmpPassword('p\u00e4ss'.repeat(saltBytes % 20));
          const bytes = 3 * digestBytes[hash] + 5;
          const expected = folder
            .openssl(
              ...[
                'kdf',
                '-keylen',
                `${bytes}`,
                '-kdfopt',
                `digest:${name}`,
                '-kdfopt',
                `hexpass:${toHex(password)}`,
              ],
              ...['-kdfopt', `hexsalt:${toHex(salt)}`, '-kdfopt', 'iter:3', '-kdfopt', 'id:1', 'PKCS12KDF'],
            )
            .replace(/[:\s]/g, '')
            .toLowerCase();
          const derivation = { hash, purpose: purposes.key, salt, iterations: 3, bytes };
          expect(toHex(pkcs12Key(nodeCrypto, password, derivation)), `${hash} ${saltBytes}`).to.equal(
            expected,
          );
        }
      }
    });
  });
});
