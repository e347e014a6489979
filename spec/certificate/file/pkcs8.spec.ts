import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { concat, utf8 } from '../../../lib/base/bytes.js';
import { der } from '../../../lib/base/der.js';
import { maxPassphraseIterations } from '../../../lib/certificate/file/passphrase.js';
import { readPem } from '../../../lib/certificate/file/pem.js';
import { encryptPkcs8, readPrivateKey } from '../../../lib/certificate/file/pkcs8.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { CryptoProvider } from '../../../lib/crypto/provider.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { requireProgram } from '../../support/requirements.js';
import { ProgramFolder } from '../program-folder.js';
import { identityKey, identityKeyKinds as kinds } from './program-keys.js';

const passphrase = 'p\u00e4ss w\u00f6rt \u20ac';

/** The public key that a backend sees in what was read, to compare with node's own reading of the file. */
function publicKey(crypto: CryptoProvider, input: string | Uint8Array, phrase?: string): Uint8Array {
  return crypto.importPrivateKey(readPrivateKey(crypto, input, phrase)).publicKey;
}

function expectedPublicKey(pem: string): Uint8Array {
  return new Uint8Array(createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' }));
}

for (const crypto of backends) {
  describe(`private keys that openssl writes, read with ${crypto.name}`, () => {
    let folder: ProgramFolder;
    before(function () {
      requireProgram(this, 'openssl', 'version');
      folder = new ProgramFolder();
      for (const kind of kinds)
        folder.write(`${kind}.key`, identityKey(kind).export({ type: 'pkcs8', format: 'pem' }));
    });
    after(() => folder?.remove());

    for (const kind of kinds) {
      it(`${kind}: PKCS #8, PEM and DER`, () => {
        const pem = folder.text(`${kind}.key`);
        expect(publicKey(crypto, pem)).to.deep.equal(expectedPublicKey(pem));
        expect(publicKey(crypto, folder.read(`${kind}.key`))).to.deep.equal(expectedPublicKey(pem));
        expect(publicKey(crypto, readPem(pem)[0]!.bytes)).to.deep.equal(expectedPublicKey(pem));
      });
    }

    it('RSA: PKCS #1, as openssl 1 wrote it', () => {
      folder.openssl('rsa', '-in', 'rsa-2048.key', '-traditional', '-out', 'traditional.key');
      const pem = folder.text('traditional.key');
      expect(pem).to.contain('BEGIN RSA PRIVATE KEY');
      expect(publicKey(crypto, pem)).to.deep.equal(expectedPublicKey(pem));
      expect(publicKey(crypto, readPem(pem)[0]!.bytes)).to.deep.equal(expectedPublicKey(pem));
    });

    for (const [kind, curve] of [
      ['p256', 'prime256v1'],
      ['p384', 'secp384r1'],
    ]) {
      it(`${kind}: SEC 1, also behind EC PARAMETERS`, () => {
        folder.openssl('ecparam', '-name', curve!, '-genkey', '-out', 'sec1.key');
        const pem = folder.text('sec1.key');
        expect(pem).to.contain('BEGIN EC PARAMETERS').and.contain('BEGIN EC PRIVATE KEY');
        expect(publicKey(crypto, pem)).to.deep.equal(expectedPublicKey(pem));
        expect(publicKey(crypto, readPem(pem)[1]!.bytes)).to.deep.equal(expectedPublicKey(pem));
      });
    }

    it('writes encrypted keys that openssl reads', () => {
      const key = crypto.generateKeyPair('p256');
      folder.write('ours.der', encryptPkcs8(crypto, key.export(), passphrase));
      const arguments_ = [
        'pkey',
        '-inform',
        'DER',
        '-in',
        'ours.der',
        '-pubout',
        '-outform',
        'DER',
        '-out',
        'public.der',
      ];
      folder.openssl(...arguments_, '-passin', `pass:${passphrase}`);
      expect(folder.read('public.der')).to.deep.equal(key.publicKey);
      expect(() => folder.openssl(...arguments_, '-passin', 'pass:other')).to.throw();
    });
  });
}

describe('private keys that are not read', () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const sec1 = new Uint8Array(p256.export({ type: 'sec1', format: 'der' }));
  const pem = p256.export({ type: 'pkcs8', format: 'pem' }).toString();
  const read = (input: string | Uint8Array) => () => readPrivateKey(nodeCrypto, input, '1234');

  it('says what it found where a key was expected', () => {
    expect(refusal('INVALID_CERTIFICATE', read('server.key'))).to.match(/no PEM block.*not the path/);
    expect(refusal('INVALID_CERTIFICATE', read(pem.replaceAll('PRIVATE', 'PUBLIC')))).to.match(
      /only PUBLIC KEY/,
    );
    expect(refusal('INVALID_CERTIFICATE', read(pem + pem))).to.match(/several private keys/);
    expect(refusal('INVALID_CERTIFICATE', read(pem.replaceAll('PRIVATE', 'DSA PRIVATE')))).to.match(
      /DSA PRIVATE KEY is not supported/,
    );
    expect(refusal('INVALID_CERTIFICATE', read(sec1.subarray(0, -1)))).to.match(/well-formed DER/);
    expect(refusal('INVALID_CERTIFICATE', read(der.sequence(der.null())))).to.match(/in no form/);
    expect(refusal('INVALID_CERTIFICATE', read(new Uint8Array(0)))).to.match(/no PEM block/);
  });

  it('refuses an EC key that does not name its curve', () => {
    const bare = der.sequence(der.integer(1), der.octetString(new Uint8Array(32).fill(7)));
    expect(refusal('INVALID_CERTIFICATE', read(bare))).to.match(/does not name its curve/);
    const explicit = der.sequence(
      der.integer(1),
      der.octetString(new Uint8Array(32).fill(7)),
      der.explicit(0, der.sequence(der.integer(1))),
    );
    expect(refusal('INVALID_CERTIFICATE', read(explicit))).to.match(/does not name its curve/);
  });

  const encrypted = (change: {
    iterations?: number;
    salt?: number;
    keyLength?: number;
    iv?: number;
    ciphertext?: number;
    prf?: Uint8Array;
  }): Uint8Array =>
    der.sequence(
      der.sequence(
        der.oid('1.2.840.113549.1.5.13'),
        der.sequence(
          der.sequence(
            der.oid('1.2.840.113549.1.5.12'),
            der.sequence(
              der.octetString(new Uint8Array(change.salt ?? 8)),
              der.integer(change.iterations ?? 1),
              ...(change.keyLength === undefined ? [] : [der.integer(change.keyLength)]),
              change.prf ?? der.sequence(der.oid('1.2.840.113549.2.9'), der.null()),
            ),
          ),
          der.sequence(der.oid('2.16.840.1.101.3.4.1.42'), der.octetString(new Uint8Array(change.iv ?? 16))),
        ),
      ),
      der.octetString(new Uint8Array(change.ciphertext ?? 32)),
    );

  it('bounds what an encrypted key may ask for, before it does the work', () => {
    refusal('PFX_PASSPHRASE', read(encrypted({})));
    refusal('PFX_PASSPHRASE', read(encrypted({ keyLength: 32 })));
    const tooMany = read(encrypted({ iterations: maxPassphraseIterations + 1 }));
    expect(refusal('INVALID_CERTIFICATE', tooMany)).to.match(
      /2000001 passphrase iterations.*export it again/,
    );
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ iterations: 0 })))).to.match(
      /0 passphrase iterations/,
    );
    refusal('INVALID_CERTIFICATE', read(encrypted({ iterations: 2 ** 40 })));
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ salt: 1025 })))).to.match(/salt/);
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ keyLength: 16 })))).to.match(/another length/);
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ iv: 8 })))).to.match(/16-byte IV/);
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ ciphertext: 65_552 })))).to.match(
      /longer than 65536 bytes/,
    );
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ ciphertext: 33 })))).to.match(
      /whole number of blocks/,
    );
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ ciphertext: 0 })))).to.match(
      /whole number of blocks/,
    );
    const unknownPrf = der.sequence(der.oid('1.2.3.4'), der.null());
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ prf: unknownPrf })))).to.match(/1\.2\.3\.4/);
    const prfWithParameters = der.sequence(der.oid('1.2.840.113549.2.9'), der.integer(1));
    expect(refusal('INVALID_CERTIFICATE', read(encrypted({ prf: prfWithParameters })))).to.match(
      /parameters/,
    );
  });

  it('refuses padding of which only the last byte is right', () => {
    const key = nodeCrypto.pbkdf2('sha256', utf8('1234'), new Uint8Array(8), 1, 32);
    const sealedAs = (padded: Uint8Array): Uint8Array => {
      const ciphertext = nodeCrypto.aesCbcEncrypt(key, new Uint8Array(16), padded);
      return concat([encrypted({ ciphertext: 16 }).subarray(0, -16), ciphertext]);
    };
    const sealed = (...padding: number[]): Uint8Array =>
      sealedAs(concat([der.sequence(der.octetString(new Uint8Array(10))), Uint8Array.from(padding)]));
    expect(read(sealed(2, 2))()).to.have.length(14);
    refusal('PFX_PASSPHRASE', read(sealed(1, 2)));
    refusal('PFX_PASSPHRASE', read(sealed(0, 0)));
    refusal('PFX_PASSPHRASE', read(sealed(17, 17)));
    // A whole block without padding, whose last octet is 0.
    refusal('PFX_PASSPHRASE', read(sealedAs(der.sequence(der.octetString(new Uint8Array(12))))));
  });

  it('wraps SEC 1 into the very bytes that node writes', () => {
    for (const key of [p256, generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey]) {
      const pkcs8 = new Uint8Array(key.export({ type: 'pkcs8', format: 'der' }));
      expect(read(new Uint8Array(key.export({ type: 'sec1', format: 'der' })))()).to.deep.equal(pkcs8);
    }
  });

  it('never takes what a wrong passphrase decrypts to for a key: 1,000 wrong ones', () => {
    const sealed = readPem(
      p256.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'right' }).toString(),
    )[0]!.bytes;
    // One iteration instead of node's 2048 keeps this fast; every passphrase is a wrong one then.
    const fast = Uint8Array.from(sealed);
    const iterations = Buffer.from(sealed).indexOf(Uint8Array.of(0x02, 0x02, 0x08, 0x00));
    expect(iterations).to.be.greaterThan(0);
    fast.set([0x02, 0x02, 0x00, 0x80], iterations);
    for (let count = 0; count < 1000; count++) {
      refusal('PFX_PASSPHRASE', () => readPrivateKey(nodeCrypto, fast, `wrong ${count}`));
    }
  });
});
