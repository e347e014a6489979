import { expect } from 'chai';
import type { SealwireError } from '../../../lib/base/errors.js';
import {
  type CertificateValidator,
  checkClientCertificate,
  checkServerCertificate,
  type ServerCertificateCheck,
} from '../../../lib/certificate/trust/validator.js';
import type { Certificate } from '../../../lib/certificate/x509/x509.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { backends } from '../../crypto/backends.js';
import { refusalError } from '../../support/refusal.js';
import { requireProgram } from '../../support/requirements.js';
import { ProgramFolder } from '../program-folder.js';
import { altNames, extendedKeyUsage, fromPem, make, makeCa, now } from '../workshop.js';

const root = makeCa({ subject: 'root' });
const middle = makeCa({ subject: 'middle', issuer: root });
const leaf = make({ issuer: middle, extensions: [altNames('arena.example')] });
const good: ServerCertificateCheck = {
  crypto: nodeCrypto,
  chain: [leaf.der, middle.der],
  roots: [parseCertificate(root.der)],
  hostname: 'arena.example',
  time: now,
};

const refusal = (run: () => unknown): SealwireError => refusalError('CERTIFICATE_REJECTED', run);

async function laterRefusal(check: ServerCertificateCheck): Promise<SealwireError> {
  const pending = checkServerCertificate(check);
  expect(pending).to.be.instanceOf(Promise);
  try {
    await pending;
  } catch (error) {
    return refusal(() => {
      throw error;
    });
  }
  throw new Error('the certificate was accepted');
}

describe('the certificate validator', () => {
  describe('by default', () => {
    it('accepts a chain to a root with the right name, at once', () => {
      expect(checkServerCertificate(good)).to.equal(undefined);
    });

    it('refuses with the reason, and says what to do', () => {
      expect(refusal(() => checkServerCertificate({ ...good, roots: [] }))).to.include({
        reason: 'untrusted',
      });
      expect(refusal(() => checkServerCertificate({ ...good, roots: [] })).message).to.include('`ca`');
      expect(refusal(() => checkServerCertificate({ ...good, chain: [leaf.der] })).reason).to.equal(
        'untrusted',
      );
      expect(refusal(() => checkServerCertificate({ ...good, hostname: 'b.example' })).reason).to.equal(
        'name-mismatch',
      );
      const later = new Date('2027-01-01T00:00:00Z');
      expect(refusal(() => checkServerCertificate({ ...good, time: later })).reason).to.equal('expired');
      expect(refusal(() => checkServerCertificate({ ...good, chain: [] })).reason).to.equal('malformed');
      const malformed = refusal(() =>
        checkServerCertificate({ ...good, chain: [leaf.der, Uint8Array.of(1)] }),
      );
      expect(malformed.reason).to.equal('malformed');
      expect(malformed.cause).to.have.property('code', 'INVALID_CERTIFICATE');
    });

    it('waives the name, and nothing else, where exactly 127.0.0.1 is dialled', () => {
      const other = { ...good, hostname: 'b.example' };
      expect(checkServerCertificate({ ...other, dialledHost: '127.0.0.1' })).to.equal(undefined);
      for (const dialledHost of [
        '::1',
        '[::1]',
        'localhost',
        '127.0.0.2',
        '127.1',
        ' 127.0.0.1',
        'arena.example',
      ]) {
        const error = refusal(() => checkServerCertificate({ ...other, dialledHost }));
        expect(error.reason, dialledHost).to.equal('name-mismatch');
      }
      // The address alone is no waiver: it must have been dialled.
      expect(refusal(() => checkServerCertificate({ ...good, hostname: '127.0.0.1' })).reason).to.equal(
        'name-mismatch',
      );
      const local = { ...other, dialledHost: '127.0.0.1' };
      expect(refusal(() => checkServerCertificate({ ...local, roots: [] })).reason).to.equal('untrusted');
      const time = new Date('2027-01-01T00:00:00Z');
      expect(refusal(() => checkServerCertificate({ ...local, time })).reason).to.equal('expired');
    });

    it('accepts a leaf of version 1 that has a common name alone', () => {
      const plain = make({ subject: 'localserver', issuer: root, version: 1 });
      const check = { ...good, chain: [plain.der], hostname: 'localserver' };
      expect(checkServerCertificate(check)).to.equal(undefined);
      expect(refusal(() => checkServerCertificate({ ...check, hostname: 'other' })).reason).to.equal(
        'name-mismatch',
      );
    });

    it('holds servers and clients to their purpose', () => {
      const client = make({ issuer: root, extensions: [extendedKeyUsage('1.3.6.1.5.5.7.3.2')] });
      const check = { ...good, chain: [client.der] };
      expect(checkClientCertificate(check)).to.equal(undefined);
      expect(refusal(() => checkServerCertificate({ ...check, dialledHost: '127.0.0.1' })).reason).to.equal(
        'wrong-purpose',
      );
    });
  });

  describe('with a function of the application', () => {
    const withAnswer = (answer: unknown): ServerCertificateCheck => ({
      ...good,
      validate: (() => answer) as CertificateValidator,
    });

    it('shows it the chain as it came, the name, the time, the purpose and the default rule', () => {
      let seen: readonly Certificate[] = [];
      const validate: CertificateValidator = (chain, hostname, context) => {
        seen = chain;
        expect(hostname).to.equal('arena.example');
        expect(context.time).to.equal(now);
        expect(context.purpose).to.equal('server');
        return context.validateDefault();
      };
      expect(checkServerCertificate({ ...good, validate })).to.equal(undefined);
      expect(seen.map(({ der }) => der)).to.deep.equal([leaf.der, middle.der]);
    });

    it('accepts on true: MLAPI inverted the answer of its validator, and accepted on false', () => {
      // Neither answer depends on what the default rule would have said.
      for (const roots of [good.roots, []]) {
        expect(checkServerCertificate({ ...withAnswer(true), roots })).to.equal(undefined);
        const error = refusal(() => checkServerCertificate({ ...withAnswer(false), roots }));
        expect(error.reason).to.equal('revoked-by-validator');
      }
    });

    it('refuses on everything that is not true, however truthy', () => {
      for (const answer of [false, undefined, null, 1, 'true', {}, [], new Boolean(true), () => true]) {
        expect(refusal(() => checkServerCertificate(withAnswer(answer))).reason).to.equal(
          'revoked-by-validator',
        );
      }
    });

    it('waits for a promise, with the same rules', async () => {
      await checkServerCertificate(withAnswer(Promise.resolve(true)));
      for (const answer of [false, undefined, 1, 'true']) {
        expect((await laterRefusal(withAnswer(Promise.resolve(answer)))).reason).to.equal(
          'revoked-by-validator',
        );
      }
    });

    it('refuses when it throws or rejects, with the error as the cause', async () => {
      const cause = new Error('no');
      const thrown = refusal(() =>
        checkServerCertificate({
          ...good,
          validate: () => {
            throw cause;
          },
        }),
      );
      expect(thrown).to.include({ reason: 'revoked-by-validator', cause });
      const rejected = await laterRefusal({ ...good, validate: () => Promise.reject(cause) });
      expect(rejected).to.include({ reason: 'revoked-by-validator', cause });
      const hostile = Object.defineProperty({}, 'then', {
        get: () => {
          throw cause;
        },
      });
      expect(refusal(() => checkServerCertificate(withAnswer(hostile))).cause).to.equal(cause);
    });

    it('keeps what the default rule said as the cause, where it was asked', () => {
      const validate: CertificateValidator = (_chain, _hostname, context) => context.validateDefault();
      const error = refusal(() => checkServerCertificate({ ...good, roots: [], validate }));
      expect(error.reason).to.equal('revoked-by-validator');
      expect(error.cause).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'untrusted' });
    });

    it('gives the default rule with the waiver for 127.0.0.1', () => {
      const validate: CertificateValidator = (_chain, _hostname, context) => context.validateDefault();
      const other = { ...good, hostname: 'b.example', validate };
      expect(checkServerCertificate({ ...other, dialledHost: '127.0.0.1' })).to.equal(undefined);
      refusal(() => checkServerCertificate(other));
    });

    it('is not asked about what cannot be read', () => {
      let asked = false;
      const validate: CertificateValidator = () => {
        asked = true;
        return true;
      };
      for (const chain of [[], [Uint8Array.of(0x30, 0)], [leaf.der, Uint8Array.of(1)]]) {
        expect(refusal(() => checkServerCertificate({ ...good, chain, validate })).reason).to.equal(
          'malformed',
        );
      }
      expect(asked).to.equal(false);
    });
  });

  describe('with the certificates that the recipe of MLAPI makes', () => {
    const folder = new ProgramFolder();
    let chain: Uint8Array[] = [];
    let roots: Certificate[] = [];
    let otherRoots: Certificate[] = [];
    let time = now;
    before(function () {
      this.timeout(20_000);
      requireProgram(this, 'openssl', 'version');
      for (const ca of ['ca', 'other']) {
        folder.generateKey(ca, 'rsa-2048');
        const self = ['req', '-x509', '-new', '-nodes', '-key', `${ca}.key`, '-sha256', '-days', '1095'];
        folder.openssl(...self, '-subj', '/CN=my-game-ca', '-out', `${ca}.pem`);
      }
      folder.generateKey('key', 'rsa-2048');
      folder.openssl('req', '-new', '-key', 'key.key', '-subj', '/CN=localserver', '-out', 'server.csr');
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
      const request = ['x509', '-req', '-in', 'server.csr', ...signer];
      folder.openssl(...request, '-out', 'cert.pem', '-days', '365', '-sha256');
      chain = [fromPem(folder.text('cert.pem'))];
      roots = [parseCertificate(fromPem(folder.text('ca.pem')))];
      otherRoots = [parseCertificate(fromPem(folder.text('other.pem')))];
      time = new Date();
    });
    after(() => folder.remove());

    for (const crypto of backends) {
      it(`are accepted for the common name alone, and for 127.0.0.1 (${crypto.name})`, () => {
        const check = { crypto, chain, roots, hostname: 'localserver', time };
        const certificate = parseCertificate(chain[0]!);
        expect(certificate.publicKey).to.include({ kind: 'rsa', bits: 2048 });
        expect(certificate.subjectAltName).to.equal(undefined);
        expect(checkServerCertificate(check)).to.equal(undefined);

        const other = { ...check, hostname: 'other' };
        expect(refusal(() => checkServerCertificate(other)).reason).to.equal('name-mismatch');
        const local = { ...other, dialledHost: '127.0.0.1' };
        expect(checkServerCertificate(local)).to.equal(undefined);
        // The other CA has the same name, but another key.
        expect(refusal(() => checkServerCertificate({ ...local, roots: otherRoots })).reason).to.equal(
          'untrusted',
        );
        const nextYear = new Date(time.getTime() + 366 * 24 * 3600 * 1000);
        expect(refusal(() => checkServerCertificate({ ...local, time: nextYear })).reason).to.equal(
          'expired',
        );
        const yesterday = new Date(time.getTime() - 24 * 3600 * 1000);
        expect(refusal(() => checkServerCertificate({ ...local, time: yesterday })).reason).to.equal(
          'not-yet-valid',
        );
      });
    }
  });
});
