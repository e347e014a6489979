// The certificates that people have: those that openssl, keytool, easy-rsa, mkcert and .NET make, as they are told to
// use them. Whatever rule is added, these stay accepted.

import { expect } from 'chai';
import { der } from '../../../lib/base/der.js';
import { validateCertificateChain } from '../../../lib/certificate/path/path.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { requireProgram } from '../../support/requirements.js';
import { ProgramFolder } from '../program-folder.js';
import { expectPath, expectReason, validate } from '../verdict.js';
import {
  altNames,
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  fromPem,
  keyIdentifier,
  keyUsage,
  make,
  makeCa,
  nameOf,
  oids,
} from '../workshop.js';

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

describe('certificates that people make', function () {
  this.timeout(60_000);
  const folder = new ProgramFolder();
  after(() => folder.remove());

  /** `chain` and `root` are names of PEM files; the chain's file has the leaf first. */
  function expectAccepted(chain: string, root: string, hostname: string): void {
    const [leaf, ...intermediates] = folder
      .text(chain)
      .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)!
      .map(fromPem);
    const result = validateCertificateChain({
      crypto: nodeCrypto,
      leaf: leaf!,
      intermediates,
      roots: [fromPem(folder.text(root))],
      hostname,
      time: new Date(),
      purpose: 'server',
    });
    expect(result.ok, result.ok ? '' : result.detail).to.equal(true);
  }

  describe('with openssl', () => {
    const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-sha256'];
    before(function () {
      requireProgram(this, 'openssl', 'version');
      folder.generateKey('ca', 'p256');
      folder.generateKey('key', 'p256');
      const self = ['req', '-x509', '-new', '-nodes', '-key', 'ca.key', '-sha256', '-days', '30'];
      folder.openssl(...self, '-subj', '/CN=my-game-ca', '-out', 'ca.pem');
      folder.openssl('req', '-new', '-key', 'key.key', '-subj', '/CN=localserver', '-out', 'server.csr');
    });

    it('`req -x509` for the root and `x509 -req` for the leaf: version 1, a common name, no key usage', () => {
      folder.openssl('x509', '-req', '-in', 'server.csr', ...sign, '-out', 'plain.pem');
      expectAccepted('plain.pem', 'ca.pem', 'localserver');
    });

    it('with an -extfile that has the names alone, or purposes too', () => {
      for (const [index, lines] of [
        'subjectAltName=DNS:localhost,IP:127.0.0.1\n',
        'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature,keyEncipherment\n',
        'subjectAltName=critical,DNS:localhost\nbasicConstraints=CA:FALSE\n',
        'authorityKeyIdentifier=keyid,issuer\nbasicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n' +
          'keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment\n',
        'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always,issuer:always\nsubjectAltName=DNS:localhost\n',
      ].entries()) {
        folder.write('names.cnf', lines);
        const out = `names-${index}.pem`;
        folder.openssl('x509', '-req', '-in', 'server.csr', ...sign, '-extfile', 'names.cnf', '-out', out);
        expectAccepted(out, 'ca.pem', 'localhost');
      }
    });

    it('with an intermediate as `openssl ca` is told to make it', () => {
      folder.generateKey('middle', 'p256');
      folder.openssl('req', '-new', '-key', 'middle.key', '-subj', '/CN=middle', '-out', 'middle.csr');
      folder.write(
        'middle.cnf',
        'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always,issuer\n' +
          'basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,digitalSignature,cRLSign,keyCertSign\n',
      );
      folder.openssl(
        'x509',
        '-req',
        '-in',
        'middle.csr',
        ...sign,
        '-extfile',
        'middle.cnf',
        '-out',
        'middle.pem',
      );
      const signer = ['-CA', 'middle.pem', '-CAkey', 'middle.key', '-CAcreateserial', '-days', '30'];
      folder.openssl('x509', '-req', '-in', 'server.csr', ...signer, '-out', 'below.pem');
      folder.write('chain.pem', folder.text('below.pem') + folder.text('middle.pem'));
      expectAccepted('chain.pem', 'ca.pem', 'localserver');
    });

    it('self-signed and pinned: `req -x509` as it is, with names, and with purposes', () => {
      const self = ['req', '-x509', '-new', '-key', 'key.key', '-days', '30', '-subj', '/CN=localserver'];
      for (const [index, extensions] of [
        [],
        ['-addext', 'subjectAltName=DNS:localserver'],
        ['-addext', 'basicConstraints=critical,CA:FALSE'],
        ['-addext', 'keyUsage=digitalSignature', '-addext', 'extendedKeyUsage=serverAuth'],
      ].entries()) {
        const out = `self-${index}.pem`;
        folder.openssl(...self, ...extensions, '-out', out);
        expectAccepted(out, out, 'localserver');
      }
    });

    it('easy-rsa: roots whose authority key identifier repeats issuer and serial number', () => {
      folder.write(
        'easy-rsa.cnf',
        '[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nsubjectKeyIdentifier=hash\n' +
          'authorityKeyIdentifier=keyid:always,issuer:always\nbasicConstraints=critical,CA:true\n' +
          'keyUsage=cRLSign,keyCertSign\n',
      );
      const root = [
        'req',
        '-x509',
        '-new',
        '-key',
        'ca.key',
        '-config',
        'easy-rsa.cnf',
        '-subj',
        '/CN=Easy-RSA CA',
      ];
      folder.openssl(...root, '-days', '30', '-out', 'easy.pem');
      expect(folder.openssl('x509', '-in', 'easy.pem', '-noout', '-text')).to.match(/DirName:.*\n.*serial:/);
      folder.write(
        'easy-leaf.cnf',
        'basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid,issuer:always\n' +
          'extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature,keyEncipherment\nsubjectAltName=DNS:localserver\n',
      );
      const signer = ['-CA', 'easy.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30'];
      const leaf = ['x509', '-req', '-in', 'server.csr', ...signer, '-extfile', 'easy-leaf.cnf'];
      folder.openssl(...leaf, '-out', 'easy-leaf.pem');
      expectAccepted('easy-leaf.pem', 'easy.pem', 'localserver');
    });
  });

  it('with keytool: a root, an intermediate and leaves', function () {
    requireProgram(this, 'keytool', '-help');
    requireProgram(this, 'openssl', 'version');
    const store = ['-keystore', 'store.p12', '-storepass', 'changeit', '-storetype', 'PKCS12'];
    const pair = ['-genkeypair', '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '30', ...store];
    const certify = (issuer: string, name: string, ...extensions: string[]): string => {
      const files = ['-infile', `${name}.csr`, '-outfile', `${name}.pem`, '-rfc'];
      const flags = extensions.flatMap((each) => ['-ext', each]);
      folder.run('keytool', '-gencert', '-alias', issuer, ...files, ...flags, '-validity', '30', ...store);
      return folder.text(`${name}.pem`);
    };
    folder.run(
      'keytool',
      ...pair,
      '-alias',
      'kt-root',
      '-dname',
      'CN=kt-root',
      '-ext',
      'bc:critical=ca:true',
    );
    folder.run('keytool', ...pair, '-alias', 'kt-middle', '-dname', 'CN=kt-middle');
    folder.run('keytool', '-certreq', '-alias', 'kt-middle', '-file', 'kt-middle.csr', ...store);
    const middle = certify(
      'kt-root',
      'kt-middle',
      'bc:critical=ca:true,pathlen:0',
      'ku:critical=keyCertSign',
    );
    const opened = folder.openssl('pkcs12', '-in', 'store.p12', '-nokeys', '-passin', 'pass:changeit');
    folder.write(
      'kt-root.pem',
      /friendlyName: kt-root(?:.|\n)*?(-----BEGIN(?:.|\n)*?-----END CERTIFICATE-----)/.exec(opened)![1]!,
    );
    folder.generateKey('kt-leaf', 'p256');
    folder.openssl('req', '-new', '-key', 'kt-leaf.key', '-subj', '/CN=arena.example', '-out', 'kt-leaf.csr');
    const plain = certify('kt-middle', 'kt-leaf');
    folder.write('kt-plain-chain.pem', plain + middle);
    expectAccepted('kt-plain-chain.pem', 'kt-root.pem', 'arena.example');
    const named = certify('kt-middle', 'kt-leaf', 'san=dns:arena.example', 'eku=serverAuth');
    folder.write('kt-chain.pem', named + middle);
    expectAccepted('kt-chain.pem', 'kt-root.pem', 'arena.example');
  });

  it('with mkcert: no common name in the leaf, both purposes, an authority key identifier alone', () => {
    const root = makeCa({
      subject: nameOf(['2.5.4.10', 'mkcert development CA'], ['2.5.4.3', 'mkcert me@box']),
      pathLength: 0,
      extensions: [keyUsage(5)],
    });
    const leaf = make({
      subject: nameOf(['2.5.4.10', 'mkcert development certificate'], ['2.5.4.11', 'me@box']),
      issuer: root,
      extensions: [
        keyUsage(0, 2),
        extendedKeyUsage(serverAuth),
        authorityKeyIdentifier(keyIdentifier(root.key)),
        altNames('arena.test', 'localhost', 'ip:127.0.0.1', 'ip:::1'),
      ],
    });
    for (const hostname of ['arena.test', 'localhost', '127.0.0.1', '::1']) {
      expectPath(validate(leaf, [], [root], { hostname }), leaf, root);
    }
  });

  it('with .NET: a CertificateRequest writes what it is given, and no key identifiers', () => {
    const root = makeCa({ subject: 'dotnet root', extensions: [keyUsage(5, 6)] });
    const leaf = make({
      subject: 'arena.example',
      issuer: root,
      extensions: [
        basicConstraints(false),
        keyUsage(0, 2),
        extendedKeyUsage(serverAuth, clientAuth),
        altNames('ip:127.0.0.1', 'ip:::1'),
      ],
    });
    expectPath(validate(leaf, [], [root], { hostname: 'arena.example' }), leaf, root);
    expectPath(validate(leaf, [], [root], { hostname: '127.0.0.1' }), leaf, root);
    expectPath(validate(leaf, [], [root], { purpose: 'client' }), leaf, root);
    // `dotnet dev-certs`: self-signed, a critical name beside the subject.
    const names = extension(
      oids.subjectAltName,
      true,
      der.sequence(der.implicit(2, Buffer.from('localhost'), false)),
    );
    const extensions = [basicConstraints(false), keyUsage(0, 2), extendedKeyUsage(serverAuth), names];
    const developer = make({ subject: 'localhost', extensions });
    expectPath(validate(developer, [], [developer], { hostname: 'localhost' }), developer);
    expectReason(validate(developer, [], [root], { hostname: 'localhost' }), 'untrusted', 'self-signed');
  });
});
