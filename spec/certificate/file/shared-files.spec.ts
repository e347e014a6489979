// The PFX files of ../shared/vectors: Windows, macOS and OpenSSL in odd shapes, and the examples of RFC 9579.

import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type PfxContents, readPfx } from '../../../lib/certificate/file/pfx.js';
import { loadIdentity } from '../../../lib/certificate/identity.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { sharedVectorPath, sharedVectors } from '../../support/requirements.js';

interface SharedFile {
  readonly file: string;
  readonly passphrase: string;
  readonly certificates: number;
  readonly key: 'rsa' | null;
  readonly rejected: boolean;
}

/** Whether each key of a file belongs to a certificate of it, by node's reading of both. */
function keysFit({ certificates, keys }: PfxContents): boolean {
  const known = certificates.map((certificate) =>
    new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' }).toString('hex'),
  );
  return keys.every(({ pkcs8 }) => {
    const key = createPublicKey(createPrivateKey({ key: Buffer.from(pkcs8), type: 'pkcs8', format: 'der' }));
    return known.includes(key.export({ type: 'spki', format: 'der' }).toString('hex'));
  });
}

function modulusBits(pkcs8: Uint8Array): number {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), type: 'pkcs8', format: 'der' });
  return key.asymmetricKeyDetails!.modulusLength!;
}

for (const crypto of backends) {
  describe(`the shared PFX files, read with ${crypto.name}`, () => {
    it('are as their index says', function () {
      const index = sharedVectors<SharedFile[]>(this, 'pfx/index.json');
      expect(index).to.have.length(12);
      for (const { file, passphrase, certificates, key, rejected } of index) {
        const bytes = new Uint8Array(readFileSync(sharedVectorPath(this, `pfx/${file}`)));
        if (rejected) {
          refusal('PFX_PASSPHRASE', () => readPfx(crypto, bytes, passphrase), file);
          continue;
        }
        const contents = readPfx(crypto, bytes, passphrase);
        expect(contents.certificates, file).to.have.length(certificates);
        expect(contents.keys, file).to.have.length(key ? 1 : 0);
        expect(keysFit(contents), file).to.equal(true);
        expect(refusal('PFX_PASSPHRASE', () => readPfx(crypto, bytes, `${passphrase}x`), file)).to.match(
          /does not open the PFX file/,
        );
      }
    });

    it('are identities, or say why not', function () {
      const index = sharedVectors<SharedFile[]>(this, 'pfx/index.json').filter(({ rejected }) => !rejected);
      const used = new Set<number>();
      for (const { file, passphrase, key } of index) {
        const pfx = readFileSync(sharedVectorPath(this, `pfx/${file}`));
        const load = () => loadIdentity(crypto, { pfx, passphrase });
        if (key === null) {
          expect(refusal('INVALID_CERTIFICATE', load)).to.match(/holds no private key/);
          continue;
        }
        const bits = modulusBits(readPfx(crypto, pfx, passphrase).keys[0]!.pkcs8);
        used.add(bits);
        // Some of the files are from a time when that was enough.
        if (bits >= 2048) expect(load().key.kind, file).to.equal(key);
        else {
          expect(refusal('INVALID_CERTIFICATE', load, file)).to.contain(
            `an RSA key must have 2048 to 8192 bits, not ${bits}`,
          );
        }
      }
      expect(used).to.deep.equal(new Set([2048, 1024]));
    });
  });
}
