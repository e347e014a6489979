// PKCS #12 keystores of Java's keytool, in its modern and its old form; and ours, judged by keytool.

import { expect } from 'chai';
import { readPem } from '../../../lib/certificate/file/pem.js';
import { readPfx, writePfx } from '../../../lib/certificate/file/pfx.js';
import { loadIdentity } from '../../../lib/certificate/identity.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { PrivateKey } from '../../../lib/crypto/provider.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { requireProgram } from '../../support/requirements.js';
import { ProgramFolder } from '../program-folder.js';
import { certifyKinds, type IdentityKeyKind } from './program-keys.js';

const passphrase = 'secret12';
const java = ['-J-XX:TieredStopAtLevel=1', '-J-Xshare:auto'];
const old = '-J-Dkeystore.pkcs12.legacy';

const stores: readonly { kind: PrivateKey['kind']; options: readonly string[] }[] = [
  { kind: 'rsa', options: ['-keyalg', 'RSA', '-keysize', '2048'] },
  { kind: 'rsa-pss', options: ['-keyalg', 'RSASSA-PSS', '-keysize', '2048'] },
  { kind: 'p256', options: ['-keyalg', 'EC', '-groupname', 'secp256r1'] },
  { kind: 'p384', options: ['-keyalg', 'EC', '-groupname', 'secp384r1', old] },
  { kind: 'ed25519', options: ['-keyalg', 'Ed25519'] },
];

/** Each sort of key once, since each takes a Java machine of its own. */
const writtenKinds: readonly IdentityKeyKind[] = ['rsa-2048', 'rsa-pss', 'p256', 'ed25519'];

describe('PFX files of keytool', function () {
  this.timeout(60_000);
  let folder: ProgramFolder;
  before(function () {
    requireProgram(this, 'keytool', '-help');
    folder = new ProgramFolder();
  });
  after(() => folder?.remove());

  function generate(store: string, alias: string, ...options: readonly string[]): void {
    folder.run(
      ...([
        'keytool',
        '-genkeypair',
        '-alias',
        alias,
        '-dname',
        `CN=${alias}`,
        '-storetype',
        'PKCS12',
      ] as const),
      ...['-keystore', store, '-storepass', passphrase, ...options, ...java],
    );
  }

  for (const { kind, options } of stores) {
    it(`${options.join(' ')}`, () => {
      generate(`${kind}.p12`, 'red', ...options);
      const pfx = folder.read(`${kind}.p12`);
      for (const crypto of backends) {
        const identity = loadIdentity(crypto, { pfx, passphrase, alias: 'red' });
        expect(identity.key.kind).to.equal(kind);
        expect(identity.leaf.publicKey.spki).to.deep.equal(identity.key.publicKey);
      }
      refusal('PFX_PASSPHRASE', () => readPfx(nodeCrypto, pfx, 'secret13'));
    });
  }

  it('hold several keys under their aliases', () => {
    generate('two.p12', 'red', '-keyalg', 'Ed25519');
    generate('two.p12', 'blue', '-keyalg', 'EC', '-groupname', 'secp256r1');
    const pfx = folder.read('two.p12');
    expect(refusal('INVALID_CERTIFICATE', () => loadIdentity(nodeCrypto, { pfx, passphrase }))).to.match(
      /2 private keys: say which with "alias", one of .*"red"/,
    );
    expect(loadIdentity(nodeCrypto, { pfx, passphrase, alias: 'red' }).key.kind).to.equal('ed25519');
    expect(loadIdentity(nodeCrypto, { pfx, passphrase, alias: 'blue' }).key.kind).to.equal('p256');
  });

  it('of the kind JKS are refused with the way to convert them, and the way works', () => {
    folder.run(
      ...(['keytool', '-genkeypair', '-alias', 'red', '-dname', 'CN=red', '-storetype', 'JKS'] as const),
      ...['-keystore', 'old.jks', '-storepass', passphrase, '-keypass', passphrase, '-keyalg', 'EC', ...java],
    );
    const message = refusal('INVALID_CERTIFICATE', () =>
      readPfx(nodeCrypto, folder.read('old.jks'), passphrase),
    );
    const [, command] = /"(keytool [^"]+)"/.exec(message)!;
    folder.run(
      ...(command!.split(' ') as [string]),
      '-srcstorepass',
      passphrase,
      '-deststorepass',
      passphrase,
    );
    expect(readPfx(nodeCrypto, folder.read('new.pfx'), passphrase).keys).to.have.length(1);
  });

  it('copies and lists what we write, for each sort of key', function () {
    requireProgram(this, 'openssl', 'version');
    certifyKinds(folder, writtenKinds);
    for (const kind of writtenKinds) {
      const privateKey = nodeCrypto.importPrivateKey(readPem(folder.text(`${kind}.key`))[0]!.bytes);
      const certificates = [kind, 'middle'].map((name) => readPem(folder.text(`${name}.pem`))[0]!.bytes);
      const pfx = writePfx(nodeCrypto, { certificates, privateKey, passphrase, friendlyName: 'ours' });
      folder.write(`ours-${kind}.p12`, pfx);
      // To copy the entry, keytool has to decrypt the key.
      folder.run(
        ...([
          'keytool',
          '-importkeystore',
          '-srckeystore',
          `ours-${kind}.p12`,
          '-srcstorepass',
          passphrase,
        ] as const),
        ...['-destkeystore', 'copy.p12', '-deststoretype', 'PKCS12', '-deststorepass', passphrase],
        ...['-srcalias', 'ours', '-destalias', kind, ...java],
      );
    }
    const list = folder.run(
      ...([
        'keytool',
        '-list',
        '-v',
        '-keystore',
        'ours-p256.p12',
        '-storepass',
        passphrase,
        ...java,
      ] as const),
    );
    expect(list)
      .to.match(/Alias name: ours/)
      .and.match(/PrivateKeyEntry/);
    expect(list)
      .to.match(/Certificate chain length: 2/)
      .and.contain('CN=p256');
    const { keys } = readPfx(nodeCrypto, folder.read('copy.p12'), passphrase);
    expect(keys.map(({ friendlyName }) => friendlyName)).to.have.members(writtenKinds);
  });
});
