import { X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { loadIdentity } from '../../../lib/certificate/identity.js';
import {
  type IssuedCertificate,
  type IssueOptions,
  issueCertificate,
} from '../../../lib/certificate/issue/issue.js';
import { validateCertificateChain } from '../../../lib/certificate/path/path.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nobleCrypto } from '../../../lib/crypto/noble.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { CryptoProvider, KeyKind, PrivateKey } from '../../../lib/crypto/provider.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { requireProgram } from '../../support/requirements.js';
import { rsaKey } from '../../support/rsa-keys.js';
import { programKeyKinds as kinds, ProgramFolder } from '../program-folder.js';

interface Hierarchy {
  readonly root: IssuedCertificate;
  readonly middle: IssuedCertificate;
  readonly server: IssuedCertificate;
  readonly client: IssuedCertificate;
}

/** Hands out the RSA keys that all specs share, since new ones take long to make. */
function withSharedRsaKeys(crypto: CryptoProvider): CryptoProvider {
  let next = 0;
  const generateKeyPair = (kind: KeyKind): PrivateKey =>
    kind === 'rsa-2048'
      ? crypto.importPrivateKey(new Uint8Array(rsaKey(next++).export({ type: 'pkcs8', format: 'der' })))
      : crypto.generateKeyPair(kind);
  return { ...crypto, generateKeyPair };
}

/** Root, intermediate, server and client; each key of the given kind. */
function hierarchy(provider: CryptoProvider, keyKind: KeyKind): Hierarchy {
  const crypto = withSharedRsaKeys(provider);
  const root = issueCertificate(crypto, { commonName: 'Spec Root', ca: true, keyKind });
  const middle = issueCertificate(crypto, {
    commonName: 'Spec Intermediate',
    ca: { pathLength: 0 },
    keyKind,
    issuer: root,
  });
  const server = issueCertificate(crypto, {
    commonName: 'server',
    dnsNames: ['game.example', '*.arena.example'],
    ipAddresses: ['127.0.0.1', '::1'],
    keyKind,
    issuer: middle,
  });
  const client = issueCertificate(crypto, {
    commonName: 'Ada',
    purpose: 'client',
    keyKind,
    issuer: middle,
  });
  return { root, middle, server, client };
}

/** What keytool says of `server.pem` as the reply of a CA, in a store with that root and the key. */
function keytoolReply(folder: ProgramFolder, rootFile: string, server: IssuedCertificate): string {
  const password = 'changeit';
  const store = ['-keystore', 'store.p12', '-storepass', password];
  folder.write('server.pfx', server.pfx(password, 'server'));
  folder.run('keytool', '-importcert', '-noprompt', '-alias', 'root', '-file', rootFile, ...store);
  folder.run(
    'keytool',
    ...['-importkeystore', '-srckeystore', 'server.pfx', '-srcstorepass', password],
    ...['-destkeystore', 'store.p12', '-deststorepass', password],
  );
  return folder.run('keytool', '-importcert', '-alias', 'server', '-file', 'server.pem', ...store);
}

for (const crypto of backends) {
  describe(`certificates issued with ${crypto.name}`, () => {
    // RSA keys take JavaScript alone seconds each; an RSA issuer at noble is specified below, with one key.
    for (const kind of kinds.filter((each) => crypto !== nobleCrypto || each !== 'rsa-2048')) {
      describe(kind, () => {
        let made: Hierarchy;
        let folder: ProgramFolder;
        before(function () {
          this.timeout(20_000);
          requireProgram(this, 'openssl', 'version');
          made = hierarchy(crypto, kind);
          folder = new ProgramFolder();
          folder.write('root.pem', made.root.pem.certificate);
          folder.write('middle.pem', made.middle.pem.certificate);
          folder.write('server.pem', made.server.pem.certificate);
          folder.write('client.pem', made.client.pem.certificate);
        });
        after(() => folder?.remove());

        it('openssl verify -x509_strict accepts server and client, each for its purpose alone', () => {
          const verify = (file: string, purpose: string) => () =>
            folder.openssl(
              ...['verify', '-x509_strict', '-check_ss_sig', '-purpose', purpose],
              ...['-CAfile', 'root.pem', '-untrusted', 'middle.pem', file],
            );
          expect(verify('server.pem', 'sslserver')()).to.contain('server.pem: OK');
          expect(verify('client.pem', 'sslclient')()).to.contain('client.pem: OK');
          expect(verify('server.pem', 'sslclient')).to.throw(/purpose/);
          expect(verify('client.pem', 'sslserver')).to.throw(/purpose/);
          expect(verify('middle.pem', 'any')()).to.contain('middle.pem: OK');
          expect(verify('middle.pem', 'sslserver')).to.throw(/purpose/);
          expect(verify('root.pem', 'any')()).to.contain('root.pem: OK');
        });

        it('our own path validation accepts them', () => {
          const { root, middle, server, client } = made;
          for (const other of backends) {
            const accepted = (
              leaf: IssuedCertificate,
              purpose: 'server' | 'client',
              hostname?: string,
            ): boolean =>
              validateCertificateChain({
                crypto: other,
                leaf: leaf.certificate,
                intermediates: [middle.certificate],
                roots: [root.certificate],
                time: new Date(),
                purpose,
                hostname,
              }).ok;
            expect(accepted(server, 'server', 'a.arena.example')).to.equal(true);
            expect(accepted(server, 'server', '127.0.0.1')).to.equal(true);
            expect(accepted(server, 'server', 'arena.example')).to.equal(false);
            expect(accepted(server, 'client')).to.equal(false);
            expect(accepted(client, 'client')).to.equal(true);
            expect(accepted(client, 'server')).to.equal(false);
          }
        });

        if (crypto === nodeCrypto) {
          it('keytool takes the chain for one of that root', function () {
            requireProgram(this, 'keytool', '-help');
            this.timeout(20_000);
            expect(keytoolReply(folder, 'root.pem', made.server)).to.contain('reply was installed');
          });
        }

        it('a TLS server and a TLS client of Node take them, with each other', async () => {
          const { root, server, client } = made;
          const authorized = await handshake(
            { cert: server.pem.certificate, key: server.pem.key, ca: root.pem.certificate },
            { cert: client.pem.certificate, key: client.pem.key, ca: root.pem.certificate },
          );
          expect(authorized).to.deep.equal({ server: 'server', client: 'Ada' });
        });
      });
    }

    it('keytool takes it for none of another root by its name', function () {
      requireProgram(this, 'keytool', '-help');
      this.timeout(20_000);
      const { server } = hierarchy(crypto, 'p256');
      ProgramFolder.during((folder) => {
        const stranger = issueCertificate(crypto, { commonName: 'Spec Root', ca: true });
        folder.write('stranger.pem', stranger.pem.certificate);
        folder.write('server.pem', server.pem.certificate);
        const said = keytoolReply(folder, 'stranger.pem', server);
        expect(said).to.contain('not trusted').and.contain('was not installed');
      });
    });

    it('openssl, a TLS server of Node and loadIdentity read the PFX', async function () {
      requireProgram(this, 'openssl', 'version');
      const { root, middle, server, client } = hierarchy(crypto, 'p256');
      const passphrase = 'p\u00e4ss';
      const pfx = server.pfx(passphrase, 'arena');
      ProgramFolder.during((folder) => {
        folder.write('server.pfx', pfx);
        folder.write('passphrase', `${passphrase}\n`);
        const output = folder.openssl('pkcs12', '-in', 'server.pfx', '-passin', 'file:passphrase', '-nodes');
        expect(output.match(/BEGIN CERTIFICATE/g)).to.have.length(2);
        expect(output.match(/BEGIN PRIVATE KEY/g)).to.have.length(1);
      });
      const ca = root.pem.certificate;
      const authorized = await handshake(
        { pfx: Buffer.from(pfx), passphrase, ca },
        { cert: client.pem.certificate, key: client.pem.key, ca },
      );
      expect(authorized).to.deep.equal({ server: 'server', client: 'Ada' });
      const identity = loadIdentity(crypto, { pfx, passphrase, alias: 'arena' });
      expect(identity.chain).to.deep.equal([server.certificate, middle.certificate]);
      expect(identity.key.publicKey).to.deep.equal(server.key.publicKey);
    });

    it('says in its extensions what it is for, and nothing more', () => {
      const { root, middle, server, client } = hierarchy(crypto, 'p256');
      const [r, m, s, c] = [root, middle, server, client].map(({ certificate }) =>
        parseCertificate(certificate),
      );
      expect([r!, m!, s!, c!].map(({ version }) => version)).to.deep.equal([3, 3, 3, 3]);
      expect(r!.basicConstraints).to.deep.equal({ ca: true, pathLength: undefined });
      expect(m!.basicConstraints).to.deep.equal({ ca: true, pathLength: 0 });
      expect(s!.basicConstraints?.ca).to.equal(false);
      expect(r!.keyUsage).to.deep.equal({ digitalSignature: false, keyCertSign: true });
      expect(s!.keyUsage).to.deep.equal({ digitalSignature: true, keyCertSign: false });
      expect(r!.extendedKeyUsage).to.equal(undefined);
      expect(s!.extendedKeyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.1']);
      expect(c!.extendedKeyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.2']);
      expect(c!.subjectAltName).to.equal(undefined);
      expect(s!.subjectAltNameCritical).to.equal(false);
      expect(new X509Certificate(server.certificate).subjectAltName).to.equal(
        'DNS:game.example, DNS:*.arena.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
      );
      expect(r!.authorityKeyIdentifier).to.equal(undefined);
      expect(m!.authorityKeyIdentifier).to.deep.equal(r!.subjectKeyIdentifier);
      expect(s!.authorityKeyIdentifier).to.deep.equal(m!.subjectKeyIdentifier);
      expect(s!.subjectKeyIdentifier).to.have.length(20);
      expect([r!, m!, s!, c!].flatMap(({ unknownCritical }) => unknownCritical)).to.deep.equal([]);
    });

    it('marks subjectAltName critical where it is the only name', () => {
      const leaf = parseCertificate(issueCertificate(crypto, { dnsNames: ['game.example'] }).certificate);
      expect(leaf.subject.relativeNames).to.deep.equal([]);
      expect(leaf.subjectAltNameCritical).to.equal(true);
    });

    it('gives each certificate a positive serial number of 16 random bytes', () => {
      const serials = new Set<string>();
      for (let count = 0; count < 20; count++) {
        const { serialNumber } = parseCertificate(issueCertificate(crypto, { commonName: 'x' }).certificate);
        expect(serialNumber).to.match(/^[4-7][0-9a-f]{31}$/);
        serials.add(serialNumber);
      }
      expect(serials.size).to.equal(20);
    });

    it('is valid for a year, a CA for ten, or as long as asked', () => {
      const days = (options: IssueOptions): number => {
        const { notBefore, notAfter } = parseCertificate(
          issueCertificate(crypto, { commonName: 'x', ...options }).certificate,
        );
        if (!options.notBefore) expect(Date.now() - notBefore.getTime()).to.be.within(299_000, 310_000);
        return Math.round((notAfter.getTime() - notBefore.getTime()) / 86_400_000);
      };
      expect(days({})).to.equal(365);
      expect(days({ ca: true })).to.equal(3650);
      expect(days({ days: 7 })).to.equal(7);
      expect(days({ notBefore: new Date('2020-01-01'), notAfter: new Date('2020-01-03') })).to.equal(2);
      expect(days({ notBefore: new Date('2049-12-31'), days: 2 })).to.equal(2);
    });
  });
}

describe('issuing certificates', () => {
  const crypto = nodeCrypto;
  const root = issueCertificate(crypto, { commonName: 'Root', ca: true });

  it('signs as the issuer\u2019s key can, whatever the subject\u2019s key', function () {
    requireProgram(this, 'openssl', 'version');
    this.timeout(20_000);
    ProgramFolder.during((folder) => {
      const schemes: Partial<Record<KeyKind, string>> = {
        'rsa-2048': 'rsa-pkcs1-sha256',
        p256: 'ecdsa-sha256',
        p384: 'ecdsa-sha384',
        ed25519: 'ed25519',
      };
      for (const kind of kinds) {
        const ca = issueCertificate(withSharedRsaKeys(crypto), {
          commonName: kind,
          ca: true,
          keyKind: kind,
        });
        for (const backend of backends) {
          const key = backend.importPrivateKey(ca.key.export());
          const leaf = issueCertificate(backend, {
            dnsNames: ['game.example'],
            keyKind: kind === 'p256' ? 'ed25519' : 'p256',
            issuer: { certificate: ca.certificate, key },
          });
          expect(parseCertificate(leaf.certificate).signatureScheme).to.equal(schemes[kind]);
          folder.write('ca.pem', ca.pem.certificate);
          folder.write('leaf.pem', leaf.pem.certificate);
          expect(folder.openssl('verify', '-x509_strict', '-CAfile', 'ca.pem', 'leaf.pem')).to.contain('OK');
        }
      }
    });
  });

  it('makes a self-signed server certificate where there is no issuer', () => {
    const leaf = issueCertificate(crypto, { commonName: 'dev', dnsNames: ['localhost'] });
    const parsed = new X509Certificate(leaf.certificate);
    expect(parsed.verify(parsed.publicKey)).to.equal(true);
    expect(parsed.ca).to.equal(false);
    expect(leaf.chain).to.deep.equal([leaf.certificate]);
  });

  it('gives the chain up to the root, and leaves the root out', () => {
    const first = issueCertificate(crypto, { commonName: 'First', ca: true, issuer: root });
    const second = issueCertificate(crypto, { commonName: 'Second', ca: true, issuer: first });
    const leaf = issueCertificate(crypto, { dnsNames: ['game.example'], issuer: second });
    expect(leaf.chain).to.deep.equal([leaf.certificate, second.certificate, first.certificate]);
    expect(leaf.pem.certificate.match(/BEGIN/g)).to.have.length(3);
    const { certificate, key } = second;
    const short = issueCertificate(crypto, { dnsNames: ['game.example'], issuer: { certificate, key } });
    expect(short.chain).to.deep.equal([short.certificate, second.certificate]);
    expect(issueCertificate(crypto, { dnsNames: ['game.example'], issuer: root }).chain).to.have.length(1);
  });

  it('shows no key when it is printed or serialised', () => {
    const scalar = Buffer.from(root.key.export()).toString('base64').slice(48, 80);
    const shown = inspect(root, { depth: 5, showHidden: true }) + JSON.stringify(root);
    expect(root.pem.key.replaceAll('\n', '')).to.contain(scalar);
    expect(shown.replaceAll('\n', '')).to.not.contain(scalar);
    expect(shown).to.not.contain('PRIVATE KEY-----');
  });

  const leaf = issueCertificate(crypto, { dnsNames: ['game.example'], issuer: root });
  const lowest = issueCertificate(crypto, { commonName: 'Lowest', ca: { pathLength: 0 }, issuer: root });
  const refused: Record<string, [IssueOptions, RegExp]> = {
    'no name at all': [{}, /names nobody/],
    'empty lists of names': [{ dnsNames: [], ipAddresses: [] }, /names nobody/],
    'an empty common name': [{ commonName: '' }, /1 to 64/],
    'a common name of 65 characters': [{ commonName: 'x'.repeat(65) }, /1 to 64/],
    'a CA without a common name': [{ ca: true, dnsNames: ['ca.example'] }, /must have a "commonName"/],
    'a CA with a purpose': [{ ca: true, commonName: 'x', purpose: 'server' }, /no "purpose"/],
    'a path length that is none': [{ ca: { pathLength: -1 }, commonName: 'x' }, /pathLength/],
    'a host name that is none': [{ dnsNames: ['game example'] }, /no host name/],
    'a host name that is not ASCII': [{ dnsNames: ['sp\u00efel.example'] }, /no host name/],
    'a wildcard in the middle': [{ dnsNames: ['a.*.example'] }, /no host name/],
    'an address among the host names': [{ dnsNames: ['127.0.0.1'] }, /"ipAddresses"/],
    'a host name among the addresses': [{ ipAddresses: ['localhost'] }, /"dnsNames"/],
    'days and notAfter': [{ commonName: 'x', days: 1, notAfter: new Date() }, /not both/],
    'no days': [{ commonName: 'x', days: 0 }, /positive/],
    'an end before the beginning': [
      { commonName: 'x', notAfter: new Date('2020-01-01') },
      /after "notBefore"/,
    ],
    'a year of five digits': [{ commonName: 'x', days: 3_000_000 }, /between 1970 and 9999/],
    'an invalid date': [{ commonName: 'x', notAfter: new Date('never') }, /after "notBefore"/],
    'an issuer that is no CA': [{ commonName: 'x', issuer: leaf }, /not a CA/],
    'a CA below path length 0': [{ commonName: 'x', ca: true, issuer: lowest }, /path length is 0/],
    'an issuer with the key of another': [
      { commonName: 'x', issuer: { certificate: root.certificate, key: leaf.key } },
      /does not belong/,
    ],
  };
  for (const [what, [options, message]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      expect(refusal('INVALID_CONFIG', () => issueCertificate(crypto, options))).to.match(message);
    });
  }
});

/** Both ends of a TLS handshake with mutual authentication: the common names that each end has verified. */
function handshake(
  server: TlsOptions,
  client: { cert: string; key: string; ca: string },
): Promise<{ server: unknown; client: unknown }> {
  return new Promise((resolve, reject) => {
    const listener = createServer(
      { ...server, requestCert: true, rejectUnauthorized: true },
      (socket: TLSSocket) => {
        const peer = socket.getPeerCertificate().subject.CN;
        socket.end();
        listener.close();
        names.then((name) => resolve({ server: name, client: peer }), reject);
      },
    );
    listener.on('tlsClientError', reject);
    let seen: (name: unknown) => void;
    const names = new Promise<unknown>((done) => {
      seen = done;
    });
    listener.listen(0, '127.0.0.1', () => {
      const { port } = listener.address() as AddressInfo;
      const socket = connect({ ...client, port, host: '127.0.0.1', servername: 'game.example' }, () => {
        seen(socket.getPeerCertificate().subject.CN);
      });
      socket.on('error', reject);
      socket.resume();
    });
  });
}
