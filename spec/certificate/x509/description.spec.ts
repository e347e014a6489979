import { expect } from 'chai';
import { der } from '../../../lib/base/der.js';
import { describeCertificate } from '../../../lib/certificate/x509/description.js';
import { commonNameOid } from '../../../lib/certificate/x509/distinguished-name.js';
import { type Certificate, parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { backends } from '../../crypto/backends.js';
import { requireProgram } from '../../support/requirements.js';
import { ProgramFolder, programKeyKinds } from '../program-folder.js';
import { altNames, extendedKeyUsage, fromPem, makeCa, nameOf, now, read } from '../workshop.js';

const describeIt = (certificate: Certificate) => describeCertificate(nodeCrypto, certificate);
const organizationOid = '2.5.4.10';
const emailOid = '1.2.840.113549.1.9.1';

describe('the description of a certificate', () => {
  it('says who, by whom, for which names, how long, and with which key', () => {
    const root = makeCa({
      subject: nameOf(['2.5.4.6', 'DE'], [organizationOid, 'Arena'], [commonNameOid, 'root']),
    });
    const certificate = read({
      issuer: root,
      subject: nameOf([commonNameOid, 'arena.example', emailOid, 'ada@arena.example'], ['1.2.3', 'x']),
      extensions: [
        altNames(
          'arena.example',
          '*.arena.example',
          'ip:127.0.0.1',
          'ip:2001:db8::1',
          'email:ada@arena.example',
        ),
        extendedKeyUsage('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2', '1.2.3.4', '2.5.29.37.0'),
      ],
    });
    const description = describeIt(certificate);
    expect(description).to.deep.include({
      subject: 'CN=arena.example + emailAddress=ada@arena.example, 1.2.3=x',
      issuer: 'C=DE, O=Arena, CN=root',
      commonName: 'arena.example',
      dnsNames: ['arena.example', '*.arena.example'],
      ipAddresses: ['127.0.0.1', '2001:db8::1'],
      otherNames: ['email:ada@arena.example'],
      serialNumber: certificate.serialNumber,
      notBefore: new Date(now.getTime() - 86_400_000),
      notAfter: new Date(now.getTime() + 86_400_000),
      ca: false,
      purposes: ['server', 'client', '1.2.3.4', 'any'],
      key: 'Ed25519',
      signature: 'ed25519',
    });
    expect(describeIt(parseCertificate(root.der))).to.include({ ca: true, purposes: undefined });
    // It is the reader's own.
    description.notAfter.setTime(0);
    expect(certificate.notAfter.getTime()).to.be.greaterThan(0);
  });

  it('has nothing to say where nothing is said', () => {
    const empty = { commonName: undefined, subject: '', dnsNames: [], ipAddresses: [], otherNames: [] };
    expect(describeIt(read({ subject: nameOf(), version: 1 }))).to.deep.include(empty);
  });

  it('lets no name command a terminal, turn text round, or pass for another one', () => {
    const name = 'a\u001b[2J\u202eb\u2028c\\u{1b}\u009bd';
    const written = 'a\\u{1b}[2J\\u{202e}b\\u{2028}c\\\\u{1b}\\u{9b}d';
    const certificate = read({ subject: name, extensions: [altNames('x\u001b\u0000y', 'email:\r\nz')] });
    expect(describeIt(certificate)).to.deep.include({
      subject: `CN=${written}`,
      commonName: written,
      dnsNames: ['x\\u{1b}\\u{0}y'],
      otherNames: ['email:\\u{d}\\u{a}z'],
    });
    // What separates names is escaped inside one.
    const forged = read({ subject: nameOf([commonNameOid, 'x, O="Arena"']) });
    expect(describeIt(forged)).to.include({ subject: 'CN=x\\, O\\=\\"Arena\\"', commonName: 'x, O="Arena"' });
    expect(describeIt(read({ subject: 'Müller 中文 🎮' })).commonName).to.equal('Müller 中文 🎮');
  });

  it('writes addresses as RFC 5952 does', () => {
    const addresses = [
      ['::', '::'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['2001:0DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
      ['10:100:0:0:0:0:0:20', '10:100::20'],
      ['fe80:0:0:0:a0:0:0:0', 'fe80::a0:0:0:0'],
      ['0:0:1:0:0:0:1:0', '0:0:1::1:0'],
      ['0.0.0.0', '0.0.0.0'],
      ['255.255.255.255', '255.255.255.255'],
    ] as const;
    const certificate = read({ extensions: [altNames(...addresses.map(([address]) => `ip:${address}`))] });
    expect(describeIt(certificate).ipAddresses).to.deep.equal(addresses.map(([, text]) => text));
  });

  it('knows the other kinds of names', () => {
    const directory = der.explicit(4, nameOf([commonNameOid, 'somebody']));
    const other = der.implicit(8, Uint8Array.of(42), false);
    const names = altNames(directory, 'uri:https://arena.example', other);
    expect(describeIt(read({ extensions: [names] })).otherNames).to.deep.equal([
      'directory:CN=somebody',
      'uri:https://arena.example',
      'other:8',
    ]);
  });

  it('has the fingerprint that OpenSSL shows, of every kind of key', function () {
    this.timeout(20_000);
    requireProgram(this, 'openssl', 'version');
    const keys = { 'rsa-2048': 'RSA 2048', p256: 'P-256', p384: 'P-384', ed25519: 'Ed25519' } as const;
    ProgramFolder.during((folder) => {
      for (const kind of programKeyKinds) {
        folder.generateKey(kind, kind);
        folder.certify(kind);
        const shown = folder
          .openssl('x509', '-in', `${kind}.pem`, '-noout', '-fingerprint', '-sha256')
          .trim();
        for (const crypto of backends) {
          const description = describeCertificate(
            crypto,
            parseCertificate(fromPem(folder.text(`${kind}.pem`))),
          );
          expect(shown.toUpperCase(), kind).to.equal(`SHA256 FINGERPRINT=${description.sha256}`);
          expect(description).to.include({ key: keys[kind], subject: `CN=${kind}` });
        }
      }
    });
  });
});
