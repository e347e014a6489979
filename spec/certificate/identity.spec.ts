import { expect } from 'chai';
import fc from 'fast-check';
import { utf8 } from '../../lib/base/bytes.js';
import { der } from '../../lib/base/der.js';
import { SealwireError } from '../../lib/base/errors.js';
import { encodeBase64, writePem } from '../../lib/certificate/file/pem.js';
import { encryptPkcs8 } from '../../lib/certificate/file/pkcs8.js';
import { type Identity, type IdentitySource, loadIdentity } from '../../lib/certificate/identity.js';
import { type IssuedCertificate, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { parseCertificate } from '../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CryptoProvider, PrivateKey } from '../../lib/crypto/provider.js';
import { backends } from '../crypto/backends.js';
import { refusal } from '../support/refusal.js';
import { requireProgram } from '../support/requirements.js';
import { authenticatedSafe, certificateBag, keyBag, pfxFile, pfxPassphrase } from './pfx-file.js';
import { ProgramFolder } from './program-folder.js';

const passphrase = pfxPassphrase;
const message = utf8('what the transcript says');

const root = issueCertificate(nodeCrypto, { commonName: 'Root', ca: true });
const first = issueCertificate(nodeCrypto, { commonName: 'First', ca: true, issuer: root });
const second = issueCertificate(nodeCrypto, { commonName: 'Second', ca: true, issuer: first });
const leaf = issueCertificate(nodeCrypto, { dnsNames: ['game.example'], issuer: second });
const stranger = issueCertificate(nodeCrypto, { commonName: 'Stranger', ca: true });
const leafPfx = leaf.pfx(passphrase);
const wholeChain = [leaf, second, first].map(({ certificate }) => certificate);

function pemOf(...issued: IssuedCertificate[]): string {
  return issued.map(({ certificate }) => writePem('CERTIFICATE', certificate)).join('');
}

function pfxOf(
  certificates: readonly Uint8Array[],
  keys: readonly { key: PrivateKey; name?: string }[],
): Uint8Array {
  const keyBags = keys.map(({ key, name }) => keyBag(key, name));
  return pfxFile(authenticatedSafe(...certificates.map(certificateBag), ...keyBags));
}

function expectWhole(crypto: CryptoProvider, identity: Identity): void {
  expect(identity.chain).to.deep.equal(wholeChain);
  expect(identity.leaf.der).to.deep.equal(leaf.certificate);
  const signature = identity.key.sign('ecdsa-p256-sha256', message);
  expect(crypto.verify('ecdsa-p256-sha256', identity.leaf.publicKey.spki, message, signature)).to.equal(true);
}

for (const crypto of backends) {
  describe(`loadIdentity with ${crypto.name}`, () => {
    it('takes a PFX file as bytes and as base64, wrapped or not', () => {
      expectWhole(crypto, loadIdentity(crypto, { pfx: leafPfx, passphrase }));
      const base64 = encodeBase64(pfxOf(wholeChain, [{ key: leaf.key }]));
      expectWhole(crypto, loadIdentity(crypto, { pfx: base64, passphrase }));
      expectWhole(crypto, loadIdentity(crypto, { pfx: `${base64.replace(/.{76}/g, '$&\n')}\n`, passphrase }));
    });

    it('takes PEM and DER, and the key in a file with the certificates', () => {
      const { certificate: cert, key } = leaf.pem;
      expectWhole(crypto, loadIdentity(crypto, { cert, key }));
      expectWhole(crypto, loadIdentity(crypto, { cert: utf8(cert), key: utf8(key) }));
      expectWhole(crypto, loadIdentity(crypto, { cert: cert + key, key: cert + key }));
      const short = loadIdentity(crypto, { cert: leaf.certificate, key: leaf.key.export() });
      expect(short.chain).to.deep.equal([leaf.certificate]);
      const sealed = writePem('ENCRYPTED PRIVATE KEY', encryptPkcs8(crypto, leaf.key.export(), passphrase));
      expectWhole(crypto, loadIdentity(crypto, { cert, key: sealed, passphrase }));
    });

    it('rebuilds the chain from any order, with or without the root, with strangers among them', () => {
      const orders = [
        [root, first, second, leaf],
        [second, leaf, root, first],
        [first, second, leaf],
        [stranger, leaf, first, stranger, second, leaf],
      ];
      for (const order of orders) {
        expectWhole(crypto, loadIdentity(crypto, { cert: pemOf(...order), key: leaf.pem.key }));
      }
      const reversed = orders[0]!.map(({ certificate }) => certificate);
      expectWhole(crypto, loadIdentity(crypto, { pfx: pfxOf(reversed, [{ key: leaf.key }]), passphrase }));
    });

    it('ends the chain where the next issuer is missing', () => {
      const { chain } = loadIdentity(crypto, { cert: pemOf(first, leaf), key: leaf.pem.key });
      expect(chain).to.deep.equal([leaf.certificate]);
    });

    it('keeps a root that is itself the leaf', () => {
      const alone = issueCertificate(crypto, { commonName: 'dev', dnsNames: ['localhost'] });
      const pfx = pfxOf([alone.certificate], [{ key: alone.key }]);
      expect(loadIdentity(crypto, { pfx, passphrase }).chain).to.deep.equal([alone.certificate]);
      expect(loadIdentity(crypto, { cert: pemOf(root), key: root.pem.key }).chain).to.deep.equal([
        root.certificate,
      ]);
    });

    it('takes the CA that has signed, not the other one of that name', () => {
      const namesake = issueCertificate(nodeCrypto, { commonName: 'Second', ca: true, issuer: first });
      for (const order of [
        [leaf, namesake, second, first],
        [leaf, second, namesake, first],
      ]) {
        expectWhole(crypto, loadIdentity(crypto, { cert: pemOf(...order), key: leaf.pem.key }));
      }
    });
  });
}

describe('loadIdentity', () => {
  const crypto = nodeCrypto;
  const load = (source: IdentitySource) => () => loadIdentity(crypto, source);
  const invalid = (source: IdentitySource) => refusal('INVALID_CERTIFICATE', load(source));

  it('does not go round in circles of certificates that sign each other', () => {
    const a = issueCertificate(crypto, { commonName: 'A', ca: true });
    const b = issueCertificate(crypto, { commonName: 'B', ca: true, issuer: a });
    // The same A, with its key and name, but now signed by B.
    const crossSigned = resign(a, b);
    const end = issueCertificate(crypto, { commonName: 'end', issuer: b });
    const { chain } = loadIdentity(crypto, {
      cert: pemOf(end, b) + writePem('CERTIFICATE', crossSigned),
      key: end.pem.key,
    });
    expect(chain).to.deep.equal([end.certificate, b.certificate, crossSigned]);
  });

  it('takes a certificate that is no CA where a CA has the same key', () => {
    const shared = issueCertificate(crypto, { commonName: 'Shared', ca: true });
    const own = resign({ certificate: second.certificate, key: shared.key }, shared);
    const source = { cert: pemOf(shared) + writePem('CERTIFICATE', own), key: shared.pem.key };
    expect(loadIdentity(crypto, source).leaf.der).to.deep.equal(own);
  });

  it('asks for an alias where a PFX file holds several keys, and takes it', () => {
    const other = issueCertificate(crypto, { dnsNames: ['other.example'], issuer: root });
    const pfx = pfxOf(
      [leaf.certificate, other.certificate],
      [
        { key: leaf.key, name: 'red' },
        { key: other.key, name: 'blue' },
      ],
    );
    expect(invalid({ pfx, passphrase })).to.match(
      /2 private keys: say which with "alias", one of "red", "blue"/,
    );
    expect(loadIdentity(crypto, { pfx, passphrase, alias: 'red' }).leaf.der).to.deep.equal(leaf.certificate);
    expect(loadIdentity(crypto, { pfx, passphrase, alias: 'blue' }).leaf.der).to.deep.equal(
      other.certificate,
    );
    expect(invalid({ pfx, passphrase, alias: 'green' })).to.match(/no private key with the "alias" "green"/);
    const twins = pfxOf(
      [leaf.certificate],
      [
        { key: leaf.key, name: 'red' },
        { key: other.key, name: 'red' },
      ],
    );
    expect(invalid({ pfx: twins, passphrase, alias: 'red' })).to.match(
      /2 private keys with the "alias" "red"/,
    );
    const nameless = pfxOf([leaf.certificate], [{ key: leaf.key }, { key: other.key }]);
    expect(invalid({ pfx: nameless, passphrase })).to.match(/"\(no name\)"/);
  });

  it('refuses an alias that the only key does not have', () => {
    const named = pfxOf([leaf.certificate], [{ key: leaf.key, name: 'red' }]);
    expect(invalid({ pfx: named, passphrase, alias: 'blue' })).to.match(/its keys: "red"/);
  });

  it('says what is missing from a PFX file', () => {
    expect(invalid({ pfx: pfxOf([leaf.certificate], []), passphrase })).to.match(
      /holds no private key: export/,
    );
    expect(invalid({ pfx: pfxOf([], [{ key: leaf.key }]), passphrase })).to.match(
      /holds no certificate: export/,
    );
    expect(invalid({ pfx: pfxOf([root.certificate], [{ key: leaf.key }]), passphrase })).to.match(
      /the key does not belong to the certificate/,
    );
  });

  it('answers a wrong or missing passphrase with PFX_PASSPHRASE and without the passphrase', () => {
    const pfx = pfxOf(wholeChain, [{ key: leaf.key }]);
    const wrong = refusal('PFX_PASSPHRASE', load({ pfx, passphrase: 'hunter2' }));
    expect(wrong)
      .to.match(/check the "passphrase" option/)
      .and.not.contain('hunter2');
    refusal('PFX_PASSPHRASE', load({ pfx }));
    const key = writePem('ENCRYPTED PRIVATE KEY', encryptPkcs8(crypto, leaf.key.export(), passphrase));
    refusal('PFX_PASSPHRASE', load({ cert: leaf.certificate, key, passphrase: 'hunter2' }));
    expect(refusal('PFX_PASSPHRASE', load({ cert: leaf.certificate, key }))).to.match(
      /pass its "passphrase"/,
    );
  });

  it('says what a string is that is no PFX file', () => {
    expect(invalid({ pfx: './server.pfx', passphrase })).to.match(/not base64.*not its path/);
    expect(invalid({ pfx: '', passphrase })).to.match(/is empty/);
    expect(invalid({ pfx: leaf.pem.certificate, passphrase })).to.match(/is PEM text/);
    expect(invalid({ pfx: encodeBase64(utf8('hello')), passphrase })).to.match(/DER/);
    expect(invalid({ pfx: undefined as unknown as string })).to.match(/is empty/);
  });

  it('says what is wrong with certificate and key', () => {
    const { certificate: cert, key } = leaf.pem;
    expect(invalid({ cert, key: root.pem.key })).to.match(
      /does not belong to the certificate.*3 certificate/,
    );
    expect(invalid({ cert: key, key })).to.match(/only PRIVATE KEY/);
    expect(invalid({ cert, key: cert })).to.match(/private key was expected.*only CERTIFICATE/);
    expect(invalid({ cert: utf8('server.pem'), key })).to.match(/no PEM block/);
    expect(invalid({ cert } as unknown as IdentitySource)).to.match(/"cert" and "key" must both be given/);
    expect(invalid({ cert: writePem('CERTIFICATE', utf8('x')), key })).to.match(/DER|malformed/);
  });

  it('refuses chains that no peer accepts', () => {
    const third = issueCertificate(crypto, { commonName: 'Third', ca: true, issuer: second });
    const fourth = issueCertificate(crypto, { commonName: 'Fourth', ca: true, issuer: third });
    const four = issueCertificate(crypto, { commonName: 'x', issuer: third });
    const five = issueCertificate(crypto, { commonName: 'x', issuer: fourth });
    expect(loadIdentity(crypto, { cert: four.pem.certificate, key: four.pem.key }).chain).to.have.length(4);
    expect(invalid({ cert: five.pem.certificate, key: five.pem.key })).to.match(/5 certificates.*at most 4/);
    const dnsNames = Array.from({ length: 900 }, (_, index) => `host-${index}.game.example`);
    const large = issueCertificate(crypto, { commonName: 'x', dnsNames, issuer: root });
    expect(invalid({ cert: large.pem.certificate, key: large.pem.key })).to.match(/bytes; peers accept/);
  });

  it('takes the certificates of the seed: a version 1 leaf and an RSA key in PKCS #1', function () {
    requireProgram(this, 'openssl', 'version');
    ProgramFolder.during((folder) => {
      folder.generateKey('ca', 'p256');
      folder.certify('ca', { ca: true });
      folder.generateKey('leaf', 'rsa-2048');
      folder.openssl('req', '-new', '-key', 'leaf.key', '-subj', '/CN=game.example', '-out', 'leaf.csr');
      folder.openssl(
        ...['x509', '-req', '-in', 'leaf.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
        ...['-days', '30', '-out', 'leaf.pem'],
      );
      folder.openssl('rsa', '-in', 'leaf.key', '-traditional', '-out', 'leaf-1.key');
      for (const backend of backends) {
        const identity = loadIdentity(backend, {
          cert: folder.text('leaf.pem') + folder.text('ca.pem'),
          key: folder.text('leaf-1.key'),
        });
        expect(identity.leaf.version).to.equal(1);
        expect(identity.chain).to.have.length(1);
        expect(identity.key.kind).to.equal('rsa');
      }
    });
  });

  it('wipes the key that stood in the file', () => {
    const handed: Uint8Array[] = [];
    const watching: CryptoProvider = {
      ...crypto,
      importPrivateKey(pkcs8) {
        handed.push(pkcs8);
        return crypto.importPrivateKey(pkcs8);
      },
    };
    loadIdentity(watching, { pfx: leafPfx, passphrase });
    loadIdentity(watching, { cert: leaf.pem.certificate, key: leaf.pem.key });
    expect(handed).to.have.length(2);
    for (const pkcs8 of handed) expect(pkcs8.every((byte) => byte === 0)).to.equal(true);
  });

  it('leaves the bytes that it was given as they are', () => {
    const sources = [leafPfx, leaf.key.export(), pfxOf([leaf.certificate], [{ key: leaf.key }])];
    const copies = sources.map((bytes) => bytes.slice());
    loadIdentity(crypto, { pfx: sources[0]!, passphrase });
    loadIdentity(crypto, { cert: leaf.certificate, key: sources[1]! });
    loadIdentity(crypto, { pfx: sources[2]!, passphrase });
    expect(sources).to.deep.equal(copies);
  });

  it('answers any change of the PEM texts with the identity or a coded error', () => {
    const { certificate: cert, key } = leaf.pem;
    fc.assert(
      fc.property(fc.boolean(), fc.nat(), fc.nat(127), (inKey, at, code) => {
        const changed = (text: string): string => {
          const index = at % text.length;
          return text.slice(0, index) + String.fromCharCode(code) + text.slice(index + 1);
        };
        try {
          loadIdentity(crypto, inKey ? { cert, key: changed(key) } : { cert: changed(cert), key });
        } catch (error) {
          expect(error).to.be.instanceOf(SealwireError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** A version 1 certificate for the name and the key of `subject`, under the signature of `issuer` (P-256). */
function resign(
  subject: { certificate: Uint8Array; key: PrivateKey },
  issuer: { certificate: Uint8Array; key: PrivateKey },
): Uint8Array {
  const algorithm = der.sequence(der.oid('1.2.840.10045.4.3.2'));
  const tbs = der.sequence(
    der.integer(1),
    algorithm,
    parseCertificate(issuer.certificate).subject.der,
    der.sequence(der.time(new Date(Date.now() - 60_000)), der.time(new Date(Date.now() + 60_000))),
    parseCertificate(subject.certificate).subject.der,
    subject.key.publicKey,
  );
  return der.sequence(tbs, algorithm, der.bitString(issuer.key.sign('ecdsa-p256-sha256', tbs)));
}
