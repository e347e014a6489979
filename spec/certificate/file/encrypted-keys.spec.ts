// Private keys that openssl encrypted, in every form that it knows, read by both backends.

import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { der, readSequence, tags } from '../../../lib/base/der.js';
import { readCertificates, readPem, writePem } from '../../../lib/certificate/file/pem.js';
import { readPrivateKey } from '../../../lib/certificate/file/pkcs8.js';
import { loadIdentity } from '../../../lib/certificate/identity.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { requireOrSkip, requireProgram } from '../../support/requirements.js';
import { ProgramFolder } from '../program-folder.js';
import { type IdentityKeyKind, identityKey, identityKeyKinds, publicKeyOf } from './program-keys.js';

const passphrase = 'p\u00e4ss w\u00f6rt \u20ac';
const legacy = ['-provider', 'legacy', '-provider', 'default'] as const;

/** What is told to `openssl pkcs8 -topk8` of a P-256 key. */
const forms: readonly (readonly string[])[] = [
  ['-v2', 'aes-128-cbc'],
  ['-v2', 'aes-192-cbc'],
  ...['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512', 'SHA512-224', 'SHA512-256'].map(
    (hash) => ['-v2', 'aes-256-cbc', '-v2prf', `hmacWith${hash}`] as const,
  ),
  ['-v2', 'des3'],
  ['-v2', 'rc2-cbc', ...legacy],
  ['-v2', 'rc2-64-cbc', ...legacy],
  ['-v2', 'rc2-40-cbc', ...legacy],
  ['-scrypt'],
  ['-scrypt', '-scrypt_N', '1024', '-scrypt_r', '1', '-scrypt_p', '16'],
  ['-iter', '1'],
  ['-iter', '20000'],
  ['-v1', 'PBE-SHA1-3DES'],
  ['-v1', 'PBE-SHA1-2DES'],
  ['-v1', 'PBE-SHA1-RC2-128', ...legacy],
  ['-v1', 'PBE-SHA1-RC2-40', ...legacy],
];

const refusedForms: readonly [string, ...string[]][] = [
  ['MD5 and DES', '-v1', 'PBE-MD5-DES'],
  ['SHA-1 and DES', '-v1', 'PBE-SHA1-DES'],
  ['SHA-1 and RC2', '-v1', 'PBE-SHA1-RC2-64'],
  ['128-bit RC4', '-v1', 'PBE-SHA1-RC4-128'],
  ['DES', '-v2', 'des-cbc'],
  ['Camellia', '-v2', 'camellia-128-cbc'],
];

describe('private keys that openssl encrypted', () => {
  let folder: ProgramFolder;
  let hasLegacy = false;
  before(function () {
    requireProgram(this, 'openssl', 'version');
    hasLegacy = spawnSync('openssl', ['list', '-providers', '-provider', 'legacy']).status === 0;
    folder = new ProgramFolder();
    for (const kind of identityKeyKinds)
      folder.write(`${kind}.key`, identityKey(kind).export({ type: 'pkcs8', format: 'pem' }));
  });
  after(() => folder?.remove());

  function expectRead(kind: IdentityKeyKind, phrase: string): void {
    const pem = folder.text('encrypted.key');
    expect(pem).to.match(/ENCRYPTED/);
    for (const crypto of backends) {
      const read = (given?: string) => readPrivateKey(crypto, pem, given);
      expect(crypto.importPrivateKey(read(phrase)).publicKey).to.deep.equal(publicKeyOf(identityKey(kind)));
      expect(refusal('PFX_PASSPHRASE', () => read('other'))).to.match(/does not open the private key/);
      expect(refusal('PFX_PASSPHRASE', () => read())).to.match(/is encrypted: pass its "passphrase"/);
    }
  }

  function encrypt(kind: IdentityKeyKind, phrase: string, ...options: readonly string[]): void {
    folder.openssl(
      ...['pkcs8', '-topk8', '-in', `${kind}.key`, '-out', 'encrypted.key', '-passout', `pass:${phrase}`],
      ...options,
    );
  }

  for (const kind of identityKeyKinds) {
    it(`${kind}, as openssl does by default`, () => {
      encrypt(kind, passphrase);
      expectRead(kind, passphrase);
    });
  }

  for (const options of forms) {
    it(`with ${options.filter((option) => !legacy.includes(option as '-provider')).join(' ')}`, function () {
      requireOrSkip(this, !options.includes('legacy') || hasLegacy, "OpenSSL's legacy provider");
      encrypt('p256', passphrase, ...options);
      expectRead('p256', passphrase);
    });
  }

  it('refuses what is too old with the way to convert the key, and the way works', function () {
    requireOrSkip(this, hasLegacy, "OpenSSL's legacy provider");
    for (const [name, ...options] of refusedForms) {
      encrypt('p256', '1234', ...options, ...legacy);
      const pem = folder.text('encrypted.key');
      const message = refusal('INVALID_CERTIFICATE', () => readPrivateKey(nodeCrypto, pem, '1234'), name);
      expect(message).to.contain(`protected with ${name} (`);
      const command = /"openssl (pkcs8 [^"]+)"/.exec(message)![1]!;
      folder.write('old.pem', pem);
      folder.openssl(...command.split(' '), '-passin', 'pass:1234', '-passout', 'pass:1234');
      folder.write('encrypted.key', folder.text('new.pem'));
      expectRead('p256', '1234');
    }
  });

  const oldKinds = [
    ['rsa-2048', 'rsa'],
    ['rsa-4096', 'rsa'],
    ['p256', 'ec'],
    ['p384', 'ec'],
  ] as const;
  for (const [kind, program] of oldKinds) {
    for (const cipher of ['-aes128', '-aes192', '-aes256', '-des3']) {
      // Every kind once, every cipher once.
      if (kind !== 'p256' && cipher !== '-aes256') continue;
      it(`${kind} in the way of OpenSSL 1 (Proc-Type), ${cipher}`, () => {
        const traditional = program === 'rsa' ? ['-traditional'] : [];
        folder.openssl(
          ...[program, '-in', `${kind}.key`, '-out', 'encrypted.key', cipher, ...traditional],
          ...['-passout', `pass:${passphrase}`],
        );
        expect(folder.text('encrypted.key')).to.contain('Proc-Type: 4,ENCRYPTED');
        expectRead(kind, passphrase);
      });
    }
  }

  it('refuses other ciphers of OpenSSL 1 by name', () => {
    folder.openssl('ec', '-in', 'p256.key', '-out', 'encrypted.key', '-camellia256', '-passout', 'pass:1234');
    const pem = folder.text('encrypted.key');
    expect(refusal('INVALID_CERTIFICATE', () => readPrivateKey(nodeCrypto, pem, '1234'))).to.match(
      /protected with "CAMELLIA-256-CBC".*openssl pkcs8 -topk8/,
    );
  });

  it('refuses headers that nobody writes', () => {
    folder.openssl('ec', '-in', 'p256.key', '-out', 'encrypted.key', '-aes256', '-passout', 'pass:1234');
    const pem = folder.text('encrypted.key');
    const changed = (from: string | RegExp, to: string) => () =>
      readPrivateKey(nodeCrypto, pem.replace(from, to), '1234');
    for (const [from, to, message] of [
      ['4,ENCRYPTED', '5,ENCRYPTED', /headers that nobody knows/],
      [/DEK-Info.*\n/, '', /headers that nobody knows/],
      [/(DEK-Info.*\n)\n/, '$1', /headers that nobody knows/],
      [/(DEK-Info.*)\n/, '$1\nX-Other: 1\n', /headers that nobody knows/],
      ['Proc-Type', 'Proc', /not valid base64/],
      [/CBC,\w+/, 'CBC', /DEK-Info .* malformed/],
      [/CBC,\w\w/, 'CBC,', /IV .* malformed/],
      ['CBC,', 'CBC,z', /DEK-Info .* malformed/],
      ['AES-256-CBC', 'AES-256-ECB', /protected with "AES-256-ECB"/],
    ] as const) {
      expect(refusal('INVALID_CERTIFICATE', changed(from, to), String(from))).to.match(message);
    }
    refusal('PFX_PASSPHRASE', changed(/CBC,../, 'CBC,00'));
  });

  it('passes over an encrypted key where certificates are looked for', () => {
    folder.certify('p256');
    folder.openssl('ec', '-in', 'p256.key', '-out', 'encrypted.key', '-aes256', '-passout', 'pass:1234');
    const bundle = folder.text('encrypted.key') + folder.text('p256.pem');
    expect(readCertificates(bundle)).to.deep.equal([readPem(folder.text('p256.pem'))[0]!.bytes]);
    const identity = loadIdentity(nodeCrypto, { cert: bundle, key: bundle, passphrase: '1234' });
    expect(identity.key.publicKey).to.deep.equal(publicKeyOf(identityKey('p256')));
  });

  it('bounds what scrypt may cost, before it does the work', () => {
    encrypt('p256', '1234', '-scrypt');
    const fields = readSequence(readPem(folder.text('encrypted.key'))[0]!.bytes);
    const scheme = fields.sequence();
    scheme.expect(tags.oid);
    const parameters = scheme.sequence();
    parameters.expect(tags.sequence);
    const cipher = parameters.expect(tags.sequence).bytes;
    const ciphertext = fields.expect(tags.octetString).bytes;
    const asking = (N: number, r: number, p: number, ...keyLength: number[]) => {
      const numbers = [N, r, p, ...keyLength].map((number) => der.integer(number));
      const scrypt = der.sequence(
        der.oid('1.3.6.1.4.1.11591.4.11'),
        der.sequence(der.octetString(new Uint8Array(8)), ...numbers),
      );
      const algorithm = der.sequence(der.oid('1.2.840.113549.1.5.13'), der.sequence(scrypt, cipher));
      const file = writePem('ENCRYPTED PRIVATE KEY', der.sequence(algorithm, ciphertext));
      return () => readPrivateKey(nodeCrypto, file, '1234');
    };
    refusal('PFX_PASSPHRASE', asking(1024, 8, 1));
    refusal('PFX_PASSPHRASE', asking(1024, 8, 1, 32));
    refusal('PFX_PASSPHRASE', asking(65_536, 8, 1));
    expect(refusal('INVALID_CERTIFICATE', asking(1024, 8, 1, 16))).to.match(/another length/);
    for (const [N, r, p] of [
      [131_072, 8, 1],
      [65_536, 8, 2],
      [2, 2 ** 31 - 1, 1],
      [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1],
      [2, 1, 2 ** 31 - 1],
    ]) {
      expect(refusal('INVALID_CERTIFICATE', asking(N!, r!, p!))).to.match(/at most 67108864 bytes/);
    }
    for (const [N, r, p] of [
      [1000, 8, 1],
      [1, 8, 1],
      [0, 8, 1],
      [1024, 0, 1],
      [1024, 8, 0],
      [65_536, 1, 1],
    ]) {
      expect(refusal('INVALID_CERTIFICATE', asking(N!, r!, p!))).to.match(/scrypt with N = .*not supported/);
    }
  });
});
