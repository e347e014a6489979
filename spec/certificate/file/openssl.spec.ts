// PFX files that openssl makes, in every form it knows, read by both backends; and ours, judged by openssl.

import { spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { encodeBase64, readPem } from '../../../lib/certificate/file/pem.js';
import { readPfx, writePfx } from '../../../lib/certificate/file/pfx.js';
import { loadIdentity } from '../../../lib/certificate/identity.js';
import { nobleCrypto } from '../../../lib/crypto/noble.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { requireOrSkip, requireProgram } from '../../support/requirements.js';
import { ProgramFolder } from '../program-folder.js';
import {
  certifyKinds,
  type IdentityKeyKind,
  identityKey,
  identityKeyKinds,
  publicKeyOf,
} from './program-keys.js';

const legacy = ['-legacy'] as const;
const pbe = (key: string, certificate: string): readonly string[] => [
  ...(/RC2|RC4/.test(key + certificate) ? legacy : []),
  ...['-keypbe', key, '-certpbe', certificate],
];

/** What is told to `openssl pkcs12 -export` of a P-256 key. */
const forms: readonly (readonly string[])[] = [
  legacy,
  pbe('PBE-SHA1-3DES', 'PBE-SHA1-3DES'),
  pbe('PBE-SHA1-2DES', 'PBE-SHA1-2DES'),
  pbe('PBE-SHA1-RC2-128', 'PBE-SHA1-RC2-40'),
  pbe('PBE-SHA1-RC2-40', 'PBE-SHA1-RC2-128'),
  pbe('AES-128-CBC', 'AES-192-CBC'),
  pbe('AES-256-CBC', 'PBE-SHA1-3DES'),
  pbe('DES-EDE3-CBC', 'DES-EDE3-CBC'),
  pbe('NONE', 'NONE'),
  pbe('AES-256-CBC', 'NONE'),
  ...['sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha512-224', 'sha512-256', 'blake2b512'].map(
    (hash) => ['-macalg', hash] as const,
  ),
  ['-iter', '1'],
  ['-iter', '3000'],
  ['-nomaciter'],
];
const passphrases = [
  'p\u00e4ssw\u00f6rt',
  '\u043f\u0430\u0440\u043e\u043b\u044c \u20ac',
  '\ud83d\udd11 key',
  ' spaces ',
];

interface PfxSource {
  readonly pfx: string;
  readonly passphrase: string;
  readonly alias?: string;
  readonly allowMissingMac?: boolean;
}

describe('PFX files of openssl', function () {
  this.timeout(60_000);
  let folder: ProgramFolder;
  let hasLegacy = false;

  before(function () {
    requireProgram(this, 'openssl', 'version');
    hasLegacy = spawnSync('openssl', ['list', '-providers', '-provider', 'legacy']).status === 0;
    folder = new ProgramFolder();
    certifyKinds(folder, identityKeyKinds);
  });
  after(() => folder?.remove());

  function made(kind: IdentityKeyKind, passphrase: string, ...options: readonly string[]): Uint8Array {
    folder.openssl(
      ...['pkcs12', '-export', '-in', `${kind}.pem`, '-inkey', `${kind}.key`, '-certfile', 'above.pem'],
      ...['-passout', `pass:${passphrase}`, '-out', 'made.pfx', ...options],
    );
    return folder.read('made.pfx');
  }

  function der(name: string): Uint8Array {
    return readPem(folder.text(`${name}.pem`))[0]!.bytes;
  }

  /** Both backends find leaf and middle in the file, and the key that openssl made. */
  function expectRead(kind: IdentityKeyKind, source: PfxSource): void {
    for (const crypto of backends) {
      const identity = loadIdentity(crypto, source);
      expect(identity.chain, crypto.name).to.deep.equal([der(kind), der('middle')]);
      expect(identity.key.publicKey, crypto.name).to.deep.equal(publicKeyOf(identityKey(kind)));
      const bytes = new Uint8Array(Buffer.from(source.pfx, 'base64'));
      const contents = readPfx(crypto, bytes, source.passphrase, source);
      expect(contents.certificates).to.have.deep.members([kind, 'middle', 'root'].map(der));
    }
  }

  for (const kind of identityKeyKinds) {
    for (const options of [[], legacy]) {
      it(`${kind} with its chain, ${options.length === 0 ? 'as OpenSSL 3 makes it' : '-legacy'}`, function () {
        requireOrSkip(this, options.length === 0 || hasLegacy, "OpenSSL's legacy provider");
        const pfx = encodeBase64(made(kind, '1234', '-name', 'Ar\u00e8na', ...options));
        expectRead(kind, { pfx, passphrase: '1234', alias: 'Ar\u00e8na' });
      });
    }
  }

  for (const options of forms) {
    it(`with ${options.join(' ')}`, function () {
      requireOrSkip(this, !options.includes('-legacy') || hasLegacy, "OpenSSL's legacy provider");
      const pfx = made('p256', '1234', ...options);
      expectRead('p256', { pfx: encodeBase64(pfx), passphrase: '1234' });
      refusal('PFX_PASSPHRASE', () => readPfx(nodeCrypto, pfx, '12345'));
    });
  }

  it('with -pbmac1_pbkdf2, where this openssl has it', () => {
    if (!folder.openssl('pkcs12', '-help').includes('pbmac1')) return;
    expectRead('p256', { pfx: encodeBase64(made('p256', '1234', '-pbmac1_pbkdf2')), passphrase: '1234' });
  });

  for (const passphrase of [...passphrases, '']) {
    it(`under ${JSON.stringify(passphrase)}, which each scheme encodes in its own way`, function () {
      requireOrSkip(this, hasLegacy, "OpenSSL's legacy provider");
      for (const options of [[], legacy]) {
        const pfx = made('p256', passphrase, ...options);
        expectRead('p256', { pfx: encodeBase64(pfx), passphrase });
        refusal('PFX_PASSPHRASE', () =>
          readPfx(nodeCrypto, pfx, passphrase === '' ? ' ' : passphrase.trim().slice(1)),
        );
      }
    });
  }

  it('without a key, and without certificates', () => {
    folder.openssl(
      ...['pkcs12', '-export', '-nokeys', '-in', 'above.pem', '-passout', 'pass:1234', '-out', 'made.pfx'],
    );
    const certificatesOnly = readPfx(nodeCrypto, folder.read('made.pfx'), '1234');
    expect(certificatesOnly.certificates).to.have.length(2);
    expect(certificatesOnly.keys).to.deep.equal([]);
    folder.openssl(
      ...['pkcs12', '-export', '-nocerts', '-inkey', 'p256.key', '-in', 'p256.key'],
      ...['-passout', 'pass:1234', '-out', 'made.pfx'],
    );
    const keyOnly = readPfx(nodeCrypto, folder.read('made.pfx'), '1234');
    expect(keyOnly.certificates).to.deep.equal([]);
    expect(keyOnly.keys).to.have.length(1);
  });

  it('without MAC: refused, unless asked for', () => {
    for (const options of [[], pbe('PBE-SHA1-3DES', 'PBE-SHA1-3DES'), pbe('NONE', 'NONE')]) {
      const pfx = encodeBase64(made('p256', '1234', '-nomac', ...options));
      const source = { pfx, passphrase: '1234' };
      for (const asked of [{}, { allowMissingMac: false }]) {
        expect(
          refusal('INVALID_CERTIFICATE', () => loadIdentity(nodeCrypto, { ...source, ...asked })),
        ).to.match(/no MAC.*export it again.*"allowMissingMac"/);
      }
      expectRead('p256', { ...source, allowMissingMac: true });
      const wrong = () => loadIdentity(nodeCrypto, { pfx, passphrase: 'wrong', allowMissingMac: true });
      // Where nothing is encrypted, the passphrase was for the MAC alone.
      if (options.includes('NONE')) expect(wrong().chain).to.have.length(2);
      else refusal('PFX_PASSPHRASE', wrong);
    }
    // Under an empty passphrase there is no MAC to say which of its two encodings the ciphers took.
    const pfx = encodeBase64(made('p256', '', '-nomac', ...pbe('PBE-SHA1-3DES', 'PBE-SHA1-3DES')));
    expectRead('p256', { pfx, passphrase: '', allowMissingMac: true });
  });

  it('under RC4: refused with the way to convert the file, and the way works', function () {
    requireOrSkip(this, hasLegacy, "OpenSSL's legacy provider");
    const old = made('p256', '1234', ...pbe('PBE-SHA1-RC4-128', 'PBE-SHA1-RC4-40'));
    const message = refusal('INVALID_CERTIFICATE', () => readPfx(nodeCrypto, old, '1234'));
    expect(message).to.match(/(40|128)-bit RC4/);
    expect(message).to.contain('openssl pkcs12 -legacy -in old.pfx -out all.pem');
    expect(message).to.contain('openssl pkcs12 -export -in all.pem -out new.pfx');
    folder.write('old.pfx', old);
    folder.openssl(
      ...[
        'pkcs12',
        '-legacy',
        '-in',
        'old.pfx',
        '-out',
        'all.pem',
        '-passin',
        'pass:1234',
        '-passout',
        'pass:1234',
      ],
    );
    folder.openssl(
      ...[
        'pkcs12',
        '-export',
        '-in',
        'all.pem',
        '-out',
        'new.pfx',
        '-passin',
        'pass:1234',
        '-passout',
        'pass:1234',
      ],
    );
    expectRead('p256', { pfx: encodeBase64(folder.read('new.pfx')), passphrase: '1234' });
  });

  // The key is opaque to the writer: each kind once, and one of them with noble, whose PBKDF2 is slow.
  for (const kind of identityKeyKinds) {
    it(`opens what we write for ${kind}`, () => {
      const crypto = kind === 'p256' ? nobleCrypto : nodeCrypto;
      const key = crypto.importPrivateKey(readPem(folder.text(`${kind}.key`))[0]!.bytes);
      const certificates = [kind, 'middle'].map(der);
      const passphrase = 'p\u00e4ss \u20ac';
      const pfx = writePfx(crypto, { certificates, privateKey: key, passphrase, friendlyName: 'ours' });
      folder.write('ours.pfx', pfx);
      folder.write('passphrase', `${passphrase}\n`);
      const info = folder.openssl(
        ...['pkcs12', '-in', 'ours.pfx', '-passin', 'file:passphrase', '-info', '-nodes', '-out', 'ours.pem'],
      );
      expect(info).to.match(/MAC: sha256, Iteration 20000/);
      expect(info.match(/PBES2, PBKDF2, AES-256-CBC, Iteration 20000, PRF hmacWithSHA256/g)).to.have.length(
        2,
      );
      const blocks = readPem(folder.text('ours.pem'));
      expect(blocks.filter(({ label }) => label === 'CERTIFICATE').map(({ bytes }) => bytes)).to.deep.equal(
        certificates,
      );
      const [written] = blocks.filter(({ label }) => label === 'PRIVATE KEY');
      expect(written!.bytes).to.deep.equal(key.export());
      expect(folder.text('ours.pem')).to.contain('friendlyName: ours');
      const read = createPrivateKey({ key: Buffer.from(written!.bytes), format: 'der', type: 'pkcs8' });
      expect(publicKeyOf(read)).to.deep.equal(publicKeyOf(identityKey(kind)));
      expect(createPublicKey(read).asymmetricKeyType).to.equal(
        createPublicKey(identityKey(kind)).asymmetricKeyType,
      );

      const { keys } = readPfx(crypto, pfx, passphrase);
      expect(keys).to.deep.equal([
        { pkcs8: key.export(), localKeyId: crypto.hash('sha1', certificates[0]!), friendlyName: 'ours' },
      ]);
    });
  }

  it('writes the empty passphrase as openssl and others expect it', () => {
    const key = nodeCrypto.importPrivateKey(readPem(folder.text('p256.key'))[0]!.bytes);
    const pfx = writePfx(nodeCrypto, { certificates: [der('p256')], privateKey: key, passphrase: '' });
    folder.write('ours.pfx', pfx);
    folder.openssl('pkcs12', '-in', 'ours.pfx', '-passin', 'pass:', '-noout');
    expect(readPfx(nodeCrypto, pfx, '').keys).to.have.length(1);
  });
});
