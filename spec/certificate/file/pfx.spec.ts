import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { concat, utf8 } from '../../../lib/base/bytes.js';
import { DerReader, der } from '../../../lib/base/der.js';
import { SealwireError } from '../../../lib/base/errors.js';
import { readPem } from '../../../lib/certificate/file/pem.js';
import { type PfxContents, readPfx, writePfx } from '../../../lib/certificate/file/pfx.js';
import { nobleCrypto } from '../../../lib/crypto/noble.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { requireProgram, sharedVectorPath, sharedVectors } from '../../support/requirements.js';
import {
  authenticatedSafe,
  certificateBag,
  dataInfo,
  keyBag,
  pfxFile,
  pfxPassphrase,
  safeBag,
} from '../pfx-file.js';
import { programKeyKinds as kinds, ProgramFolder, type ProgramKeyKind } from '../program-folder.js';

function publicKeyOf(certificate: Uint8Array): Uint8Array {
  const { publicKey } = new X509Certificate(certificate);
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
}

/** Whether each key of a file belongs to a certificate of it, by node's reading of both. */
function keysFit({ certificates, keys }: PfxContents): boolean {
  const known = certificates.map((certificate) => Buffer.from(publicKeyOf(certificate)).toString('hex'));
  return keys.every(({ pkcs8 }) => {
    const key = createPublicKey(createPrivateKey({ key: Buffer.from(pkcs8), type: 'pkcs8', format: 'der' }));
    return known.includes(key.export({ type: 'spki', format: 'der' }).toString('hex'));
  });
}

interface SharedFile {
  readonly file: string;
  readonly passphrase: string;
  readonly certificates: number;
  readonly key: string | null;
  readonly rejected: boolean;
}

/** Files of index.json that are good, but made with what is refused for its age or for being unknown. */
const outOfScope: Readonly<Record<string, RegExp>> = {
  'rc_ValidCertificatePathTest1EE_macos.p12': /protected with .*RC2 .*openssl pkcs12 -legacy/,
  'rc_example11.pfx': /1\.3\.6\.1\.4\.1\.1722\.12\.2\.1\.16.*openssl pkcs12/, // BLAKE2b
};

const otherVariants: readonly (readonly string[])[] = [
  ['-iter', '1'],
  ['-iter', '3000'],
  ['-nomaciter'],
  ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-192-CBC'],
  ['-keypbe', 'NONE', '-certpbe', 'NONE'],
  ['-certpbe', 'NONE'],
];
const passphrases: readonly string[] = [
  'p\u00e4ssw\u00f6rt',
  '\u043f\u0430\u0440\u043e\u043b\u044c \u20ac',
  '\ud83d\udd11 key',
  ' spaces ',
];

for (const crypto of backends) {
  describe(`PFX files of other programs, read with ${crypto.name}`, () => {
    it('the shared files: read as the index says, or refused by name', function () {
      const index = sharedVectors<SharedFile[]>(this, 'pfx/index.json');
      const read: string[] = [];
      const refused: string[] = [];
      for (const { file, passphrase, certificates, key, rejected } of index) {
        const bytes = new Uint8Array(readFileSync(sharedVectorPath(this, `pfx/${file}`)));
        const open = () => readPfx(crypto, bytes, passphrase);
        if (outOfScope[file]) {
          expect(refusal('INVALID_CERTIFICATE', open), file).to.match(outOfScope[file]);
          refused.push(file);
        } else if (rejected) {
          refusal('PFX_PASSPHRASE', open);
          refused.push(file);
        } else {
          const contents = open();
          expect(contents.certificates, file).to.have.length(certificates);
          expect(contents.keys, file).to.have.length(key ? 1 : 0);
          expect(keysFit(contents), file).to.equal(true);
          expect(refusal('PFX_PASSPHRASE', () => readPfx(crypto, bytes, `${passphrase}x`))).to.match(
            /does not open the PFX file/,
          );
          read.push(file);
        }
      }
      expect(read).to.have.members([
        'rc_ValidCertificatePathTest1EE_windows_aes.p12.pfx',
        'rc_example.pfx',
        'rc_example2.pfx',
        'rc_example4.pfx',
        'rc_example7.pfx',
        'rc_example9.pfx',
        'rc_example15.pfx',
        'rfc9579-a1.p12',
        'rfc9579-a2.p12',
      ]);
      expect(refused).to.have.members([
        'rc_ValidCertificatePathTest1EE_macos.p12',
        'rc_example11.pfx',
        'rfc9579-a4.p12',
      ]);
    });

    describe('openssl', () => {
      let folder: ProgramFolder;
      before(function () {
        requireProgram(this, 'openssl', 'version');
        folder = new ProgramFolder();
        folder.generateKey('root', 'p256');
        folder.certify('root', { ca: true });
        folder.generateKey('middle', 'p256');
        folder.certify('middle', { ca: true, issuer: 'root' });
        for (const kind of kinds) {
          folder.generateKey(kind, kind);
          folder.certify(kind, { issuer: 'middle' });
        }
        folder.write('above.pem', folder.text('middle.pem') + folder.text('root.pem'));
      });
      after(() => folder?.remove());

      function made(kind: ProgramKeyKind, passphrase: string, ...options: string[]): Uint8Array {
        folder.openssl(
          ...['pkcs12', '-export', '-in', `${kind}.pem`, '-inkey', `${kind}.key`, '-certfile', 'above.pem'],
          ...['-passout', `pass:${passphrase}`, '-out', 'made.pfx', ...options],
        );
        return folder.read('made.pfx');
      }

      function expectWhole(kind: ProgramKeyKind, contents: PfxContents): void {
        const expected = [kind, 'middle', 'root'].map(
          (name) => readPem(folder.text(`${name}.pem`))[0]!.bytes,
        );
        expect(contents.certificates).to.have.deep.members(expected);
        expect(contents.keys).to.have.length(1);
        expect(keysFit(contents)).to.equal(true);
        expect(crypto.importPrivateKey(contents.keys[0]!.pkcs8).publicKey).to.deep.equal(
          publicKeyOf(expected[0]!),
        );
      }

      for (const kind of kinds) {
        it(`${kind} with its chain, with the defaults of OpenSSL 3`, () => {
          const contents = readPfx(crypto, made(kind, '1234', '-name', 'Ar\u00e8na'), '1234');
          expectWhole(kind, contents);
          expect(contents.keys[0]!.friendlyName).to.equal('Ar\u00e8na');
          const leaf = readPem(folder.text(`${kind}.pem`))[0]!.bytes;
          expect(contents.keys[0]!.localKeyId).to.deep.equal(crypto.hash('sha1', leaf));
        });
      }

      // What the backends do differently is hash; the rest is the same code, and openssl takes its time.
      const variants: readonly (readonly string[])[] = [
        ['-macalg', 'sha1'],
        ['-macalg', 'sha384'],
        ['-macalg', 'sha512'],
        ...(crypto === nobleCrypto ? [] : otherVariants),
      ];
      for (const options of variants) {
        it(`with ${options.join(' ')}`, () => {
          expectWhole('p256', readPfx(crypto, made('p256', '1234', ...options), '1234'));
        });
      }

      for (const passphrase of crypto === nobleCrypto ? passphrases.slice(0, 1) : passphrases) {
        it(`opens with ${JSON.stringify(passphrase)}, which MAC and cipher encode differently`, () => {
          const pfx = made('p256', passphrase);
          expectWhole('p256', readPfx(crypto, pfx, passphrase));
          refusal('PFX_PASSPHRASE', () => readPfx(crypto, pfx, passphrase.trim().slice(1)));
        });
      }

      it('opens with the empty passphrase', () => {
        const pfx = made('p256', '');
        expectWhole('p256', readPfx(crypto, pfx, ''));
        refusal('PFX_PASSPHRASE', () => readPfx(crypto, pfx, ' '));
        expect(refusal('PFX_PASSPHRASE', () => readPfx(crypto, made('p256', '1234'), ''))).to.match(
          /"passphrase" option/,
        );
      });

      it('without a key, and without certificates', () => {
        folder.openssl(
          ...[
            'pkcs12',
            '-export',
            '-nokeys',
            '-in',
            'above.pem',
            '-passout',
            'pass:1234',
            '-out',
            'made.pfx',
          ],
        );
        const certificatesOnly = readPfx(crypto, folder.read('made.pfx'), '1234');
        expect(certificatesOnly.certificates).to.have.length(2);
        expect(certificatesOnly.keys).to.deep.equal([]);
        folder.openssl(
          ...['pkcs12', '-export', '-nocerts', '-inkey', 'p256.key', '-in', 'p256.key'],
          ...['-passout', 'pass:1234', '-out', 'made.pfx'],
        );
        const keyOnly = readPfx(crypto, folder.read('made.pfx'), '1234');
        expect(keyOnly.certificates).to.deep.equal([]);
        expect(keyOnly.keys).to.have.length(1);
      });

      it('refuses a file without MAC and says how to get one', () => {
        expect(
          refusal('INVALID_CERTIFICATE', () => readPfx(crypto, made('p256', '1234', '-nomac'), '1234')),
        ).to.match(/no MAC.*export it again/);
      });

      if (crypto === nodeCrypto) {
        it('refuses the old ciphers and says how to convert the file, and the way works', () => {
          for (const [algorithm, ...options] of [
            ['Triple DES', '-keypbe', 'PBE-SHA1-3DES'],
            ['Triple DES', '-certpbe', 'PBE-SHA1-3DES'],
            ['40-bit RC2', '-legacy'],
          ] as [string, ...string[]][]) {
            const old = made('p256', '1234', ...options);
            const message = refusal('INVALID_CERTIFICATE', () => readPfx(crypto, old, '1234'));
            expect(message).to.contain(algorithm);
            expect(message).to.contain('openssl pkcs12 -legacy -in old.pfx -out all.pem');
            expect(message).to.contain('openssl pkcs12 -export -in all.pem -out new.pfx');
            folder.write('old.pfx', old);
            folder.openssl(
              ...['pkcs12', '-legacy', '-in', 'old.pfx', '-out', 'all.pem'],
              ...['-passin', 'pass:1234', '-passout', 'pass:1234'],
            );
            folder.openssl(
              ...['pkcs12', '-export', '-in', 'all.pem', '-out', 'new.pfx'],
              ...['-passin', 'pass:1234', '-passout', 'pass:1234'],
            );
            expectWhole('p256', readPfx(crypto, folder.read('new.pfx'), '1234'));
          }
        });
      }

      // The key is opaque to the writer: each kind once, and one of them with noble, whose PBKDF2 is slow.
      for (const kind of kinds.filter((each) => (each === 'p256') === (crypto === nobleCrypto))) {
        it(`reads what we write for ${kind}`, () => {
          const key = crypto.importPrivateKey(readPem(folder.text(`${kind}.key`))[0]!.bytes);
          const certificates = [kind, 'middle'].map((name) => readPem(folder.text(`${name}.pem`))[0]!.bytes);
          const passphrase = 'p\u00e4ss \u20ac';
          const pfx = writePfx(crypto, { certificates, privateKey: key, passphrase, friendlyName: 'ours' });
          folder.write('ours.pfx', pfx);
          folder.write('passphrase', `${passphrase}\n`);
          const info = folder.openssl(
            ...[
              'pkcs12',
              '-in',
              'ours.pfx',
              '-passin',
              'file:passphrase',
              '-info',
              '-nodes',
              '-out',
              'ours.pem',
            ],
          );
          expect(info).to.match(/MAC: sha256, Iteration 20000/);
          expect(
            info.match(/PBES2, PBKDF2, AES-256-CBC, Iteration 20000, PRF hmacWithSHA256/g),
          ).to.have.length(2);
          const blocks = readPem(folder.text('ours.pem'));
          expect(
            blocks.filter(({ label }) => label === 'CERTIFICATE').map(({ bytes }) => bytes),
          ).to.deep.equal(certificates);
          expect(
            blocks.filter(({ label }) => label === 'PRIVATE KEY').map(({ bytes }) => bytes),
          ).to.deep.equal([key.export()]);
          expect(folder.text('ours.pem')).to.contain('friendlyName: ours');

          const { keys } = readPfx(crypto, pfx, passphrase);
          expect(keys).to.deep.equal([
            { pkcs8: key.export(), localKeyId: crypto.hash('sha1', certificates[0]!), friendlyName: 'ours' },
          ]);
        });
      }

      it('writes the empty passphrase as openssl and others expect it', () => {
        const key = crypto.importPrivateKey(readPem(folder.text('p256.key'))[0]!.bytes);
        const certificates = [readPem(folder.text('p256.pem'))[0]!.bytes];
        const pfx = writePfx(crypto, { certificates, privateKey: key, passphrase: '' });
        folder.write('ours.pfx', pfx);
        folder.openssl('pkcs12', '-in', 'ours.pfx', '-passin', 'pass:', '-noout');
        expect(readPfx(crypto, pfx, '').keys).to.have.length(1);
      });
    });
  });
}

describe('PFX files of keytool', () => {
  it('hold a key under its alias', function () {
    requireProgram(this, 'keytool', '-help');
    ProgramFolder.during((folder) => {
      folder.run(
        ...(['keytool', '-genkeypair', '-alias', 'red', '-keyalg', 'EC', '-groupname', 'secp384r1'] as const),
        ...['-dname', 'CN=red', '-storetype', 'PKCS12', '-keystore', 'store.p12', '-storepass', 'secret12'],
        '-J-XX:TieredStopAtLevel=1',
      );
      for (const crypto of backends) {
        const contents = readPfx(crypto, folder.read('store.p12'), 'secret12');
        expect(contents.certificates).to.have.length(1);
        expect(contents.keys.map(({ friendlyName }) => friendlyName)).to.deep.equal(['red']);
        expect(keysFit(contents)).to.equal(true);
      }
    });
  });
});

describe('PFX files that are damaged or made to harm', () => {
  const crypto = nodeCrypto;
  const passphrase = pfxPassphrase;
  const bag = keyBag(nodeCrypto.generateKeyPair('ed25519'));
  const authSafe = authenticatedSafe(bag);
  const open = (bytes: Uint8Array) => () => readPfx(crypto, bytes, passphrase);

  it('PBMAC1 must state a key length of 20 to 64 bytes (RFC 9579)', () => {
    for (const keyLength of [20, 32, 64])
      expect(open(pfxFile(authSafe, { keyLength }))().keys).to.have.length(1);
    for (const keyLength of [0, 1, 19, 65, 2 ** 31 - 1]) {
      expect(
        refusal('INVALID_CERTIFICATE', open(pfxFile(authSafe, { keyLength, macKeyLength: 32 }))),
      ).to.match(/key length/);
    }
    expect(refusal('INVALID_CERTIFICATE', open(pfxFile(authSafe, {})))).to.match(/key length/);
  });

  it('opens a file whose writer took the empty passphrase for no bytes at all, as Azure does', () => {
    // RFC 7292 appendix B.2 by hand: one iteration, D = 64 × 03, S = the 8-byte salt 8 times, P = nothing or 00 00.
    const salt = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    for (const password of [new Uint8Array(0), new Uint8Array(64)]) {
      const repeated = concat(new Array<Uint8Array>(8).fill(salt));
      const key = crypto.hash('sha256', concat([new Uint8Array(64).fill(3), repeated, password]));
      const sha256 = der.sequence(der.oid('2.16.840.1.101.3.4.2.1'), der.null());
      const mac = der.octetString(crypto.hmac('sha256', key, authSafe));
      const file = der.sequence(
        der.integer(3),
        dataInfo(authSafe),
        der.sequence(der.sequence(sha256, mac), der.octetString(salt)),
      );
      expect(readPfx(crypto, file, '').keys).to.have.length(1);
      refusal('PFX_PASSPHRASE', () => readPfx(crypto, file, '1'));
      refusal('PFX_PASSPHRASE', () => readPfx(crypto, file, passphrase));
    }
  });

  it('bounds the iterations of PBMAC1 and of the MAC of RFC 7292', () => {
    const pbmac1 = pfxFile(authSafe, { keyLength: 32, iterations: 2_000_001 });
    expect(refusal('INVALID_CERTIFICATE', open(pbmac1))).to.match(/2000001 passphrase iterations/);
    const sha256 = der.sequence(der.oid('2.16.840.1.101.3.4.2.1'), der.null());
    const rfc7292 = der.sequence(
      der.integer(3),
      dataInfo(authSafe),
      der.sequence(
        der.sequence(sha256, der.octetString(new Uint8Array(32))),
        der.octetString(new Uint8Array(8)),
        der.integer(2_000_001),
      ),
    );
    expect(refusal('INVALID_CERTIFICATE', open(rfc7292))).to.match(/2000001 passphrase iterations/);
  });

  it('bounds the number of bags and their nesting', () => {
    const nested = (levels: number): Uint8Array =>
      levels === 0 ? bag : safeBag(6, der.sequence(nested(levels - 1)));
    const withBags = (...bags: Uint8Array[]) => open(pfxFile(authenticatedSafe(...bags)));
    expect(withBags(nested(3))().keys).to.have.length(1);
    expect(refusal('INVALID_CERTIFICATE', withBags(nested(4)))).to.match(/nesting/);
    expect(withBags(...new Array<Uint8Array>(256).fill(bag))().keys).to.have.length(256);
    expect(refusal('INVALID_CERTIFICATE', withBags(...new Array<Uint8Array>(257).fill(bag)))).to.match(
      /more than 256 objects/,
    );
    expect(refusal('INVALID_CERTIFICATE', open(new Uint8Array(1024 * 1024 + 1)))).to.match(/larger than/);
  });

  it('passes over CRLs, secrets and attributes that it does not know', () => {
    const secret = safeBag(5, der.null());
    const unknown = der.sequence(der.oid('1.2.3.4'), der.set(der.null()));
    const named = safeBag(1, nodeCrypto.generateKeyPair('p256').export(), unknown);
    const contents = open(pfxFile(authenticatedSafe(secret, named)))();
    expect(contents.keys).to.have.length(1);
    expect(Object.keys(contents.keys[0]!)).to.deep.equal(['pkcs8']);
  });

  it('takes the terminating zero of Windows off a name', () => {
    const key = nodeCrypto.generateKeyPair('p256');
    const { keys } = open(pfxFile(authenticatedSafe(keyBag(key, 'arena\0'), keyBag(key, '\u0430\u0440'))))();
    expect(keys.map(({ friendlyName }) => friendlyName)).to.deep.equal(['arena', '\u0430\u0440']);
  });

  it('refuses what is no PFX file', () => {
    const version4 = der.sequence(der.integer(4), dataInfo(authSafe));
    const signed = der.sequence(der.oid('1.2.840.113549.1.7.2'), der.explicit(0, der.null()));
    expect(refusal('INVALID_CERTIFICATE', open(version4))).to.match(/version 3/);
    expect(refusal('INVALID_CERTIFICATE', open(der.sequence(der.integer(3), signed)))).to.match(/public key/);
    expect(refusal('INVALID_CERTIFICATE', open(der.sequence(der.integer(3), dataInfo(authSafe))))).to.match(
      /no MAC/,
    );
    refusal('INVALID_CERTIFICATE', open(new Uint8Array(0)));
    refusal('INVALID_CERTIFICATE', open(utf8('-----BEGIN CERTIFICATE-----')));
    refusal('INVALID_CERTIFICATE', open(der.octetString(authSafe)));
  });

  it('refuses every change of one byte under the MAC, and every other one with a code or not at all', () => {
    const good = pfxFile(authSafe);
    const covered = Buffer.from(good).indexOf(authSafe);
    expect(covered).to.be.greaterThan(0);
    for (let index = 0; index < good.length; index++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const changed = good.slice();
        changed[index]! ^= mask;
        let accepted = true;
        try {
          readPfx(crypto, changed, passphrase);
        } catch (error) {
          accepted = false;
          expect(error, `byte ${index}`).to.be.instanceOf(SealwireError);
        }
        const isCovered = index >= covered && index < covered + authSafe.length;
        if (isCovered) expect(accepted, `byte ${index} ^ ${mask}`).to.equal(false);
      }
    }
  });

  it('refuses every change of one byte anywhere in a file of openssl', function () {
    requireProgram(this, 'openssl', 'version');
    const good = ProgramFolder.during((folder) => {
      folder.generateKey('leaf', 'p256');
      folder.certify('leaf');
      // One iteration: the thousand tries below test the format, not PBKDF2.
      folder.openssl(
        ...['pkcs12', '-export', '-in', 'leaf.pem', '-inkey', 'leaf.key', '-iter', '1', '-nomaciter'],
        ...['-passout', `pass:${passphrase}`, '-out', 'made.pfx'],
      );
      return folder.read('made.pfx');
    });
    expect(open(good)().keys).to.have.length(1);
    for (let index = 0; index < good.length; index++) {
      for (const mask of [0x01, 0x80]) {
        const changed = good.slice();
        changed[index]! ^= mask;
        let accepted = true;
        try {
          open(changed)();
        } catch (error) {
          accepted = false;
          expect(error, `byte ${index}`).to.be.instanceOf(SealwireError);
        }
        expect(accepted, `byte ${index} ^ ${mask}`).to.equal(false);
      }
    }
  });

  it('answers any bytes and any cut with a coded error', () => {
    const good = pfxFile(authSafe);
    for (let length = 0; length < good.length; length++)
      refusal('INVALID_CERTIFICATE', open(good.subarray(0, length)));
    refusal('INVALID_CERTIFICATE', open(concat([good, Uint8Array.of(0)])));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        refusal('INVALID_CERTIFICATE', open(bytes));
        refusal('INVALID_CERTIFICATE', open(pfxFile(bytes)));
      }),
      { numRuns: 300 },
    );
  });

  it('answers any change inside the MAC by someone who knows the passphrase with a code or with contents', () => {
    const content = authenticatedSafe(bag, certificateBag(der.null()));
    expect(new DerReader(content).sequence().done).to.equal(false);
    for (let index = 0; index < content.length; index++) {
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        const changed = content.slice();
        changed[index]! ^= mask;
        try {
          open(pfxFile(changed))();
        } catch (error) {
          expect(error, `byte ${index}`).to.be.instanceOf(SealwireError);
        }
      }
    }
  });
});
