import { expect } from 'chai';
import type { SealwireError } from '../../../lib/base/errors.js';
import type { ValidationResult } from '../../../lib/certificate/path/path.js';
import {
  type CertificateValidator,
  checkClientCertificate,
  checkServerCertificate,
  type ServerCertificateCheck,
  type ValidationContext,
} from '../../../lib/certificate/trust/validator.js';
import { publicKeyPin } from '../../../lib/certificate/x509/fingerprint.js';
import type { Certificate } from '../../../lib/certificate/x509/x509.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { backends } from '../../crypto/backends.js';
import { refusalError } from '../../support/refusal.js';
import { requireProgram } from '../../support/requirements.js';
import { ProgramFolder } from '../program-folder.js';
import { altNames, extendedKeyUsage, fromPem, type Made, make, makeCa, now } from '../workshop.js';

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

describe('the certificate validator', () => {
  describe('by default', () => {
    it('accepts a chain to a root with the right name, at once', () => {
      expect(checkServerCertificate(good)).to.equal(undefined);
    });

    it('looks at a chain that it has accepted before as at any other', () => {
      for (let round = 0; round < 3; round++) expect(checkServerCertificate(good)).to.equal(undefined);
      const later = new Date('2027-01-01T00:00:00Z');
      expect(refusal(() => checkServerCertificate({ ...good, time: later })).reason).to.equal('expired');
      expect(refusal(() => checkServerCertificate({ ...good, hostname: 'b.example' })).reason).to.equal(
        'name-mismatch',
      );
      expect(refusal(() => checkServerCertificate({ ...good, roots: [] })).reason).to.equal('untrusted');
    });

    it('goes by the bytes that it is given, whatever was in that memory before', () => {
      const fresh = make({ issuer: middle, extensions: [altNames('arena.example')] });
      const frame = new Uint8Array(fresh.der);
      const check = (first: Uint8Array) => checkServerCertificate({ ...good, chain: [first, middle.der] });
      expect(check(frame)).to.equal(undefined);
      frame[frame.length - 1]! ^= 1;
      expect(refusal(() => check(frame)).reason).to.equal('untrusted');
      frame.fill(0);
      expect(refusal(() => check(frame)).reason).to.equal('malformed');
      expect(check(fresh.der)).to.equal(undefined);
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
        expect(context.time).to.deep.equal(now);
        expect(context.purpose).to.equal('server');
        return context.validateDefault();
      };
      expect(checkServerCertificate({ ...good, validate })).to.equal(undefined);
      expect(seen.map(({ der }) => der)).to.deep.equal([leaf.der, middle.der]);
    });

    it('names the key of what was refused, for those who pin', () => {
      const error = refusal(() => checkServerCertificate(withAnswer(false)));
      expect(error.reason).to.equal('revoked-by-validator');
      expect(error.cause).to.equal(undefined);
      expect(error.message).to.include('"leaf"');
      expect(error.message).to.include(publicKeyPin(nodeCrypto, parseCertificate(leaf.der)));
    });

    it('keeps what the default rule said as the cause, where it was asked', () => {
      const validate: CertificateValidator = (_chain, _hostname, context) => context.validateDefault();
      const error = refusal(() => checkServerCertificate({ ...good, roots: [], validate }));
      expect(error.reason).to.equal('revoked-by-validator');
      expect(error.cause).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'untrusted' });
    });

    it('tells why the default rule refuses, or the path that it found', () => {
      let found: ValidationResult | undefined;
      const validate: CertificateValidator = (_chain, _hostname, context) => {
        found = context.defaultResult();
        return context.validateDefault();
      };
      refusal(() => checkServerCertificate({ ...good, hostname: 'b.example', validate }));
      expect(found).to.include({ ok: false, reason: 'name-mismatch' });
      expect(checkServerCertificate({ ...good, validate })).to.equal(undefined);
      expect(found?.ok && found.path.map(({ der }) => der)).to.deep.equal([leaf.der, middle.der, root.der]);
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

  describe('keeps to itself what is validated next', () => {
    // In a way that a program might do it by mistake: turning the chain round, marking it, sorting names.
    const meddling: readonly (readonly [string, (chain: Certificate[]) => void])[] = [
      ['reverses the chain', (chain) => chain.reverse()],
      ['empties the chain', (chain) => chain.splice(0)],
      ['puts another certificate first', (chain) => chain.unshift(parseCertificate(root.der))],
      ['writes into a certificate', ([first]) => Object.assign(first!, { notAfter: now, marked: true })],
      ['writes into a key', ([first]) => Object.assign(first!.publicKey, { kind: 'rsa' })],
      ['drops a name', ([first]) => (first!.subjectAltName as unknown[]).pop()],
    ];
    for (const [what, meddle] of meddling) {
      it(`refuses where a validator ${what}`, () => {
        const validate: CertificateValidator = (chain) => {
          meddle(chain as Certificate[]);
          return true;
        };
        expect(refusal(() => checkServerCertificate({ ...good, validate })).cause).to.be.instanceOf(
          TypeError,
        );
      });
    }

    function scramble(chain: readonly Certificate[]): void {
      for (const { der, tbs, signature, publicKey, subject, issuer, notAfter } of chain) {
        for (const bytes of [der, tbs, signature, publicKey.spki, subject.der, issuer.der]) bytes.fill(0xff);
        notAfter.setTime(0);
      }
    }

    it('goes by bytes and dates that the validator never saw', () => {
      const before = good.chain.map((der) => Uint8Array.from(der));
      // A Buffer, too: its slice() is no copy.
      for (const chain of [good.chain, good.chain.map((der) => Buffer.from(der))]) {
        const validate: CertificateValidator = (shown, _hostname, context) => {
          scramble(shown);
          context.time.setTime(0);
          return context.validateDefault();
        };
        expect(checkServerCertificate({ ...good, chain, validate })).to.equal(undefined);
        expect(chain.map((der) => Uint8Array.from(der))).to.deep.equal(before);
      }
    });

    it('accepts nothing more because of what a validator did', () => {
      // To write the right certificate over a wrong one is what the default rule must not notice.
      const named = { extensions: [altNames('arena.example')] };
      const stranger = makeCa({ subject: 'middle' });
      let right = make({ issuer: middle, ...named });
      const wrong = make({ issuer: stranger, ...named });
      // Of one length, or it could not be tried: serial numbers grow.
      if (right.der.length !== wrong.der.length) right = make({ issuer: middle, ...named });
      const { der, tbs, signature } = parseCertificate(right.der);
      const validate: CertificateValidator = ([shown], _hostname, context) => {
        shown!.der.set(der);
        shown!.tbs.set(tbs);
        shown!.signature.set(signature);
        return context.validateDefault();
      };
      const check = (leafShown: Made) => ({ ...good, chain: [leafShown.der, middle.der], validate });
      expect(wrong.der.length).to.equal(der.length);
      expect(checkServerCertificate(check(right))).to.equal(undefined);
      expect(refusal(() => checkServerCertificate(check(wrong))).cause).to.include({ reason: 'untrusted' });
    });

    it('gives out no root: all connections share those', () => {
      const before = Uint8Array.from(root.der);
      const validate: CertificateValidator = (_chain, _hostname, context) => {
        const result = context.defaultResult();
        if (result.ok) scramble(result.path);
        return context.validateDefault();
      };
      for (let connection = 0; connection < 2; connection++) {
        expect(checkServerCertificate({ ...good, validate })).to.equal(undefined);
      }
      expect(good.roots[0]!.der).to.deep.equal(before);
      expect(good.roots[0]!.notAfter.getTime()).to.be.greaterThan(0);
    });

    it('lets nobody answer in the place of the default rule', () => {
      const meddling: readonly ((context: ValidationContext) => unknown)[] = [
        (context) => Object.assign(context, { validateDefault: () => true }),
        (context) => Object.assign(context.defaultResult(), { ok: true }),
      ];
      for (const meddle of meddling) {
        const thrown: unknown[] = [];
        const validate: CertificateValidator = (_chain, _hostname, context) => {
          try {
            meddle(context);
          } catch (error) {
            thrown.push(error);
          }
          return context.validateDefault();
        };
        refusal(() => checkServerCertificate({ ...good, roots: [], validate }));
        expect(thrown).to.have.length(1);
        expect(thrown[0]).to.be.instanceOf(TypeError);
      }
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
