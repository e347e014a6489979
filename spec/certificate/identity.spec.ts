import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { utf8 } from '../../lib/base/bytes.js';
import { der, readSequence } from '../../lib/base/der.js';
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
import { authenticatedSafe, certificateBag, dataInfo, keyBag, pfxFile, pfxPassphrase } from './pfx-file.js';
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

    it('takes all of them as what fs reads, and a PFX file, a certificate and a key in base64', () => {
      const { certificate: cert, key } = leaf.pem;
      expectWhole(crypto, loadIdentity(crypto, { pfx: Buffer.from(leafPfx), passphrase }));
      expectWhole(crypto, loadIdentity(crypto, { pfx: Buffer.from(encodeBase64(leafPfx)), passphrase }));
      expectWhole(crypto, loadIdentity(crypto, { cert: Buffer.from(cert), key: Buffer.from(key) }));
      const short = loadIdentity(crypto, {
        cert: encodeBase64(leaf.certificate),
        key: encodeBase64(leaf.key.export()),
      });
      expect(short.chain).to.deep.equal([leaf.certificate]);
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

  describe('says what is wrong and what to do:', () => {
    const { certificate: cert, key } = leaf.pem;
    const sealed = writePem('ENCRYPTED PRIVATE KEY', encryptPkcs8(crypto, leaf.key.export(), passphrase));
    const pfx = pfxOf(wholeChain, [{ key: leaf.key }]);
    const withoutMac = der.sequence(der.integer(3), dataInfo(authenticatedSafe(keyBag(leaf.key))));
    const given = (source: unknown): IdentitySource => source as IdentitySource;
    const faults: Readonly<Record<string, [source: unknown, message: RegExp, code?: 'PFX_PASSPHRASE']>> = {
      nothing: [undefined, /given as { pfx, passphrase } or as { cert, key }/],
      null: [null, /given as { pfx, passphrase }/],
      'a path instead of a source': ['server.pfx', /given as .* the content of the files/],
      'an empty object': [{}, /given as { pfx, passphrase }/],
      'PEM text instead of a source': [cert + key, /given as .* { cert, key }/],

      'the path of a PFX file': [{ pfx: './server.pfx' }, /not base64.*not its path/],
      'a path that happens to be base64': [{ pfx: '/etc/ssl/my/server/certs' }, /no PFX file.*not its path/],
      'a path as bytes': [{ pfx: utf8('./server.pfx') }, /no PFX file.*not its path/],
      'an empty PFX string': [{ pfx: '' }, /is empty: pass the bytes/],
      'an empty PFX file': [{ pfx: new Uint8Array(0) }, /is empty: pass the bytes/],
      'no PFX file': [{ pfx: undefined }, /is empty/],
      'a number as PFX file': [{ pfx: 7 }, /is empty/],
      'PEM text as PFX file': [{ pfx: cert }, /is PEM text: pass it as "cert" and "key"/],
      'the bytes of PEM text as PFX file': [{ pfx: utf8(cert) }, /is PEM text/],
      'base64 of something else': [{ pfx: encodeBase64(utf8('hello')) }, /no PFX file/],
      'a certificate as PFX file': [
        { pfx: leaf.certificate, passphrase },
        /no PFX file: pass certificates and keys as "cert" and "key"/,
      ],
      'an old Java keystore': [{ pfx: Uint8Array.of(0xfe, 0xed, 0xfe, 0xed, 0) }, /keytool -importkeystore/],
      'a PFX file without MAC': [{ pfx: withoutMac }, /no MAC.*"allowMissingMac"/],
      'a PFX file without key': [
        { pfx: pfxOf([leaf.certificate], []), passphrase },
        /holds no private key: export/,
      ],
      'a PFX file without certificate': [
        { pfx: pfxOf([], [{ key: leaf.key }]), passphrase },
        /holds no certificate: export/,
      ],
      'a PFX file of another key': [
        { pfx: pfxOf([root.certificate], [{ key: leaf.key }]), passphrase },
        /the key does not belong to the certificate .*: pass the key that/,
      ],
      'an alias that is no string': [{ pfx, passphrase, alias: 7 }, /"alias" must be a string/],
      'allowMissingMac that is no boolean': [
        { pfx, passphrase, allowMissingMac: 'no' },
        /must be true or false/,
      ],

      'a wrong passphrase': [
        { pfx, passphrase: 'hunter2' },
        /does not open the PFX file.*"passphrase" option/,
        'PFX_PASSPHRASE',
      ],
      'no passphrase': [{ pfx }, /does not open the PFX file/, 'PFX_PASSPHRASE'],
      'a number as passphrase': [
        { pfx, passphrase: 1234 },
        /must be a string, not of the type number/,
        'PFX_PASSPHRASE',
      ],
      'null as passphrase': [{ pfx, passphrase: null }, /must be a string, not null/, 'PFX_PASSPHRASE'],
      'bytes as passphrase': [
        { cert, key: sealed, passphrase: utf8('1234') },
        /not of the type object/,
        'PFX_PASSPHRASE',
      ],
      'a wrong passphrase of a key': [
        { cert, key: sealed, passphrase: 'hunter2' },
        /does not open the private key/,
        'PFX_PASSPHRASE',
      ],
      'no passphrase of a key': [
        { cert, key: sealed },
        /is encrypted: pass its "passphrase"/,
        'PFX_PASSPHRASE',
      ],

      'the key of another certificate': [
        { cert, key: root.pem.key },
        /does not belong to the certificate \(3 certificate/,
      ],
      'no certificate': [{ key }, /"cert" and "key" must both be given/],
      'no key': [{ cert }, /"cert" and "key" must both be given/],
      'a key as certificate': [{ cert: key, key }, /certificate was expected.*only PRIVATE KEY/],
      'a certificate as key': [{ cert, key: cert }, /private key was expected.*only CERTIFICATE/],
      'the path of a certificate': [{ cert: 'server.pem', key }, /no PEM block.*not the path/],
      'the path of a key': [{ cert, key: '/etc/ssl/key.pem' }, /no PEM block.*not the path/],
      'a PFX file as key': [{ cert, key: pfx }, /PFX file and no private key: pass it as { pfx/],
      'something else as certificate': [{ cert: writePem('CERTIFICATE', utf8('x')), key }, /DER|malformed/],
    };
    for (const [what, [source, message, code = 'INVALID_CERTIFICATE']] of Object.entries(faults)) {
      it(what, () => {
        expect(refusal(code, load(given(source))))
          .to.match(message)
          .and.not.contain('hunter2')
          .and.not.contain('1234');
      });
    }
  });

  it('reads a PFX file without MAC when that is asked for', () => {
    const safe = authenticatedSafe(certificateBag(leaf.certificate), keyBag(leaf.key));
    const pfx = der.sequence(der.integer(3), dataInfo(safe));
    expect(invalid({ pfx })).to.match(/no MAC/);
    expect(loadIdentity(crypto, { pfx, allowMissingMac: true }).chain).to.deep.equal([leaf.certificate]);
  });

  it('names keys that it cannot use', () => {
    const keys: Readonly<Record<string, [KeyObject, RegExp]>> = {
      'P-521': [generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey, /its curve is P-521, neither/],
      secp256k1: [generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey, /secp256k1/],
      'explicit curve': [
        generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey,
        /explicit parameters/,
      ],
      Ed448: [generateKeyPairSync('ed448').privateKey, /an Ed448 key/],
      X25519: [generateKeyPairSync('x25519').privateKey, /an X25519 key/],
      'RSA of 1024 bits': [
        generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
        /2048 to 8192 bits, not 1024/,
      ],
    };
    for (const [name, [key, message]] of Object.entries(keys)) {
      for (const backend of backends) {
        const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
        const load = () => loadIdentity(backend, { cert: leaf.pem.certificate, key: pem });
        expect(refusal('INVALID_CERTIFICATE', load, name)).to.match(message);
      }
    }
  });

  it('finds the certificate of a key whose point it holds in its short form', () => {
    const { publicKey } = leaf.key;
    const point = publicKey.subarray(-65);
    const compressed = Uint8Array.of(2 | (point[64]! & 1), ...point.subarray(1, 33));
    const algorithm = readSequence(publicKey).next().bytes;
    const short = resign(
      {
        certificate: leaf.certificate,
        key: { publicKey: der.sequence(algorithm, der.bitString(compressed)) },
      },
      root,
    );
    for (const backend of backends) {
      const identity = loadIdentity(backend, { cert: short, key: leaf.pem.key });
      expect(identity.chain).to.deep.equal([short]);
    }
  });

  it('does not check signatures without end where many CAs have one name', () => {
    const namesakes = Array.from({ length: 200 }, () =>
      resign({ certificate: second.certificate, key: stranger.key }, root),
    );
    let checks = 0;
    const counting: CryptoProvider = {
      ...crypto,
      verify(...args) {
        checks++;
        return crypto.verify(...args);
      },
    };
    const cert = [leaf.certificate, ...namesakes].map((one) => writePem('CERTIFICATE', one)).join('');
    expect(
      refusal('INVALID_CERTIFICATE', () => loadIdentity(counting, { cert, key: leaf.pem.key })),
    ).to.match(/too many certificates have the same subject/);
    expect(checks).to.be.at.most(32);
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
    loadIdentity(watching, { cert: leaf.certificate, key: Buffer.from(leaf.key.export()) });
    expect(handed).to.have.length(3);
    for (const pkcs8 of handed) expect(pkcs8.every((byte) => byte === 0)).to.equal(true);
  });

  it('leaves the bytes that it was given as they are', () => {
    // As Buffers, whose slice() is no copy: a key would be wiped in the caller's hands.
    const sources = [leafPfx, leaf.key.export(), pfxOf([leaf.certificate], [{ key: leaf.key }])].map(
      (bytes) => Buffer.from(bytes),
    );
    const copies = sources.map((bytes) => Buffer.from(bytes));
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
  subject: { certificate: Uint8Array; key: Pick<PrivateKey, 'publicKey'> },
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
