import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import fc from 'fast-check';
import { concat, toHex } from '../../../lib/base/bytes.js';
import { der } from '../../../lib/base/der.js';
import { SealwireError } from '../../../lib/base/errors.js';
import { validateCertificateChain } from '../../../lib/certificate/path/path.js';
import {
  attributeValues,
  commonNameOid,
  describeName,
} from '../../../lib/certificate/x509/distinguished-name.js';
import { type Certificate, parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { refusal } from '../../support/refusal.js';
import {
  altNames,
  basicConstraints,
  extendedKeyUsage,
  extension,
  fromPem,
  generalName,
  keyUsage,
  make,
  makeCa,
  nameConstraints,
  nameOf,
  now,
  oids,
  read,
} from '../workshop.js';

function expectMalformed(input: () => unknown, part = ''): void {
  expect(refusal('INVALID_CERTIFICATE', input)).to.include(part);
}

describe('X.509 certificates', function () {
  this.timeout(20_000);

  it('reads every root that Node trusts, with a key that can be used', () => {
    expect(rootCertificates.length).to.be.greaterThan(100);
    for (const pem of rootCertificates) {
      const root = parseCertificate(fromPem(pem));
      expect(root.version).to.equal(3);
      expect(root.basicConstraints?.ca).to.equal(true);
      // Node 26 has one root on P-521, which Sealwire does not verify with: paths to it are refused, no others.
      const { namedCurve } = new X509Certificate(pem).publicKey.asymmetricKeyDetails ?? {};
      if (namedCurve === 'secp521r1') {
        expect(root.publicKey.kind).to.equal('unsupported');
      } else {
        expect(root.publicKey.kind).to.be.oneOf(['rsa', 'p384', 'p256']);
        expect(root.publicKey.bits).to.be.oneOf([256, 384, 2048, 4096]);
      }
      expect(root.notAfter > root.notBefore).to.equal(true);
    }
  });

  it('gives every field', () => {
    const ca = makeCa({ subject: 'ca' });
    const made = make({
      subject: nameOf([commonNameOid, 'arena'], ['2.5.4.10', 'Games']),
      issuer: ca,
      notBefore: new Date('2026-01-02T03:04:05Z'),
      notAfter: new Date('2051-01-02T03:04:05Z'),
      extensions: [
        basicConstraints(false),
        keyUsage(0),
        extendedKeyUsage('1.3.6.1.5.5.7.3.1'),
        altNames('arena.example', 'ip:127.0.0.1', 'email:me@arena.example'),
        extension(oids.subjectKeyIdentifier, false, der.octetString(Uint8Array.of(1, 2))),
        extension(
          oids.authorityKeyIdentifier,
          false,
          der.sequence(der.implicit(0, Uint8Array.of(3, 4), false)),
        ),
        extension('1.2.3.4', true, der.null()),
        extension('1.2.3.5', false, der.null()),
      ],
    });
    const certificate = parseCertificate(made.der);
    expect(certificate.version).to.equal(3);
    expect(certificate.serialNumber).to.match(/^[0-9a-f]+$/);
    expect(certificate.issuer.der).to.deep.equal(ca.name);
    expect(attributeValues(certificate.subject, commonNameOid)).to.deep.equal(['arena']);
    expect(describeName(certificate.subject)).to.equal('"arena"');
    expect(certificate.notBefore.toISOString()).to.equal('2026-01-02T03:04:05.000Z');
    expect(certificate.notAfter.toISOString()).to.equal('2051-01-02T03:04:05.000Z');
    expect(certificate.publicKey.kind).to.equal('ed25519');
    expect(certificate.publicKey.spki).to.deep.equal(made.key.publicKey);
    expect(certificate.signatureScheme).to.equal('ed25519');
    expect(certificate.basicConstraints).to.deep.equal({ ca: false, pathLength: undefined });
    expect(certificate.keyUsage).to.deep.equal({ digitalSignature: true, keyCertSign: false });
    expect(certificate.extendedKeyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.1']);
    expect(certificate.subjectAltName?.map(({ kind }) => kind)).to.deep.equal(['dns', 'ip', 'email']);
    expect(toHex(certificate.subjectKeyIdentifier!)).to.equal('0102');
    expect(toHex(certificate.authorityKeyIdentifier!)).to.equal('0304');
    expect(certificate.unknownCritical).to.deep.equal(['1.2.3.4']);
    const verified = nodeCrypto.verify('ed25519', ca.key.publicKey, certificate.tbs, certificate.signature);
    expect(verified).to.equal(true);
  });

  it('reads version 1, which has no extensions', () => {
    const certificate = read({ version: 1 });
    expect(certificate.version).to.equal(1);
    expect(certificate.basicConstraints).to.equal(undefined);
    for (const version of [1, 2] as const) {
      expectMalformed(() => read({ version, extensions: [basicConstraints(false)] }), 'extensions');
    }
  });

  it('refuses what RFC 5280 says a certificate must not say', () => {
    const cases: Record<string, readonly Uint8Array[]> = {
      'stands there twice': [altNames('a.example'), altNames('b.example')],
      'neither 4 nor 16': [altNames(der.implicit(7, Uint8Array.of(1, 2, 3), false))],
      'no known form': [altNames(der.integer(1))],
      'keyCertSign but it is not marked': [keyUsage(5), basicConstraints(false)],
      'an issuer or a serial number': [
        extension(oids.authorityKeyIdentifier, false, der.sequence(der.implicit(2, Uint8Array.of(1), false))),
      ],
      'allows nothing': [keyUsage()],
      'constraints are empty': [nameConstraints([])],
      'is no DNS name': [nameConstraints(['*.example'])],
      'has gaps': [nameConstraints(['ip:10.0.0.0/255.0.255.0'])],
      'an address and a mask': [nameConstraints(['ip:10.0.0.0'])],
      'neither a mailbox nor': [nameConstraints(['email:a@b@c.example'])],
    };
    for (const [part, extensions] of Object.entries(cases)) expectMalformed(() => read({ extensions }), part);
    expectMalformed(
      () => read({ subject: nameOf(), extensions: [basicConstraints(true)] }),
      'without a subject',
    );
    expectMalformed(() => read({ subject: nameOf(), extensions: [altNames('a.example')] }), 'not critical');
    expectMalformed(() => read({ extensions: [extension(oids.subjectAltName, false, der.sequence())] }));
    expectMalformed(() => read({ extensions: [extension(oids.extendedKeyUsage, false, der.sequence())] }));
    const maximum = der.sequence(
      der.implicit(2, Uint8Array.of(0x61), false),
      der.implicit(1, Uint8Array.of(1), false),
    );
    const limited = extension(oids.nameConstraints, true, der.sequence(der.explicit(0, maximum)));
    expectMalformed(() => read({ extensions: [limited] }));
  });

  it('refuses known extensions that are not what their section says, and reads those that are', () => {
    const name = generalName('uri:http://ca.example/');
    const access = der.sequence(der.sequence(der.oid('1.3.6.1.5.5.7.48.2'), name));
    const point = der.sequence(der.sequence(der.explicit(0, der.element(0xa0, name))));
    const policy = der.sequence(der.oid('1.2.3'));
    const qualified = der.sequence(
      der.oid('1.2.4'),
      der.sequence(der.sequence(der.oid('1.3.6.1.5.5.7.2.1'), der.ia5String('http://ca.example/'))),
    );
    const mapping = (from: string, to: string): Uint8Array =>
      der.sequence(der.sequence(der.oid(from), der.oid(to)));
    const reasons = der.sequence(der.sequence(der.implicit(1, Uint8Array.of(0, 0x80), false)));
    const zero = der.implicit(0, Uint8Array.of(0), false);
    const known: readonly (readonly [keyof typeof oids, readonly Uint8Array[], readonly Uint8Array[]])[] = [
      ['authorityInfoAccess', [access], [der.sequence(der.sequence(der.oid('1.2.3'))), der.sequence(name)]],
      ['subjectInfoAccess', [access], [der.sequence(der.sequence(name, name))]],
      ['crlDistributionPoints', [point], [reasons, der.sequence(der.sequence(der.explicit(0, name)))]],
      ['freshestCrl', [point], [reasons]],
      ['issuerAltName', [der.sequence(name)], [name, der.sequence(der.integer(1))]],
      ['certificatePolicies', [der.sequence(policy, qualified)], [der.sequence(policy, policy), policy]],
      [
        'policyMappings',
        [mapping('1.2.3', '1.2.4')],
        [mapping('1.2.3', '2.5.29.32.0'), mapping('2.5.29.32.0', '1.2.3')],
      ],
      [
        'policyConstraints',
        [der.sequence(zero)],
        [der.sequence(zero, zero), der.sequence(der.implicit(1, Uint8Array.of(0xff), false))],
      ],
      ['inhibitAnyPolicy', [der.integer(0)], [der.integer(-1), der.null()]],
      [
        'subjectDirectoryAttributes',
        [der.sequence(der.sequence(der.oid('1.2.3'), der.set(der.null())))],
        [der.sequence(der.sequence(der.oid('1.2.3')))],
      ],
    ];
    const junk = [new TextEncoder().encode('malformed'), new Uint8Array(0), der.sequence()];
    for (const [extensionName, good, bad] of known) {
      const readWith = (value: Uint8Array): Certificate =>
        read({ extensions: [extension(oids[extensionName], false, value)] });
      for (const value of good) expect(readWith(value).criticality.get(oids[extensionName])).to.equal(false);
      for (const value of [...bad, ...junk, ...good.map((value) => concat([value, der.null()]))]) {
        expectMalformed(() => readWith(value));
      }
    }
    const unknown = extension('1.2.3.4', false, junk[0]!);
    expect(read({ extensions: [unknown] }).criticality).to.deep.equal(new Map([['1.2.3.4', false]]));
  });

  it('refuses bytes behind the certificate, and what is too long to be one', () => {
    const { der: good } = make({});
    expectMalformed(() => parseCertificate(new Uint8Array([...good, 0])));
    expectMalformed(() => parseCertificate(new Uint8Array(70_000)), '65536');
    expectMalformed(() => parseCertificate('certificate' as unknown as Uint8Array), 'bytes');
  });

  it('refuses what stands in the certificate but is not signed', () => {
    const { der: good } = make({});
    const { tbs, signature } = parseCertificate(good);
    const algorithm = (oid: string): Uint8Array => der.sequence(der.oid(oid));
    const parts = [tbs, algorithm('1.3.101.112'), der.bitString(signature)];
    expect(der.sequence(...parts)).to.deep.equal(good);
    expectMalformed(() => parseCertificate(der.sequence(...parts, der.null())), 'left over');
    const other = der.sequence(tbs, algorithm('1.3.101.113'), der.bitString(signature));
    expectMalformed(() => parseCertificate(other), 'two different signature algorithms');
  });

  it('tells keys that are too weak or unknown from those it can use', () => {
    const rsa = (modulus: Uint8Array, exponent: number): Uint8Array =>
      der.sequence(
        der.sequence(der.oid('1.2.840.113549.1.1.1'), der.null()),
        der.bitString(der.sequence(der.integer(modulus), der.integer(exponent))),
      );
    const withKey = (publicKey: Uint8Array) => {
      const key = { ...make({}).key, publicKey, sign: () => new Uint8Array(64) };
      return read({ key: key as never }).publicKey;
    };
    const modulus = new Uint8Array(256).fill(0xff);
    expect(withKey(rsa(modulus, 65_537))).to.include({ kind: 'rsa', bits: 2048 });
    expect(
      withKey(
        rsa(
          modulus.map((octet, index) => (index === 0 ? 0x1f : octet)),
          3,
        ),
      ).bits,
    ).to.equal(2045);
    // With the exponent 1 every message is its own signature.
    for (const exponent of [1, 2, 65_536])
      expect(withKey(rsa(modulus, exponent)).kind).to.equal('unsupported');
    const explicitCurve = der.sequence(
      der.sequence(der.oid('1.2.840.10045.2.1'), der.sequence(der.integer(1))),
      der.bitString(new Uint8Array(65)),
    );
    expect(withKey(explicitCurve).kind).to.equal('unsupported');
  });

  it('never throws anything uncoded on random input', () => {
    const { der: good } = makeCa({ extensions: [altNames('a.example'), nameConstraints(['a.example'])] });
    const check = (input: Uint8Array): void => {
      try {
        parseCertificate(input);
      } catch (error) {
        expect((error as SealwireError).code).to.equal('INVALID_CERTIFICATE');
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 300 });
    const splice = fc.tuple(fc.nat(good.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }));
    fc.assert(
      fc.property(splice, ([offset, patch]) => {
        const changed = good.slice();
        changed.set(patch.subarray(0, good.length - offset), offset);
        check(changed);
      }),
      { numRuns: 1000 },
    );
  });

  it('is never accepted with one byte changed, be it leaf, intermediate or root', () => {
    const root = makeCa({ subject: 'root' });
    const middle = makeCa({
      subject: 'middle',
      issuer: root,
      extensions: [nameConstraints(['arena.example'])],
    });
    const leaf = make({
      issuer: middle,
      subject: 'arena.example',
      extensions: [altNames('arena.example'), keyUsage(0), extendedKeyUsage('1.3.6.1.5.5.7.3.1')],
    });
    const good = { leaf: leaf.der, middle: middle.der, root: root.der };
    const validate = (chain: typeof good): ReturnType<typeof validateCertificateChain> =>
      validateCertificateChain({
        crypto: nodeCrypto,
        leaf: chain.leaf,
        intermediates: [chain.middle],
        roots: [chain.root],
        hostname: 'arena.example',
        time: now,
        purpose: 'server',
      });
    expect(validate(good).ok).to.equal(true);
    const anchor = (bytes: Uint8Array): unknown[] => {
      const { subject, issuer, publicKey, basicConstraints, criticality } = parseCertificate(bytes);
      return [subject.der, issuer.der, publicKey.spki, basicConstraints, criticality];
    };
    for (const part of ['leaf', 'middle', 'root'] as const) {
      for (let offset = 0; offset < good[part].length; offset++) {
        for (const bits of [0x01, 0x80, 0xff]) {
          const changed = good[part].slice();
          changed[offset]! ^= bits;
          const { ok } = validate({ ...good, [part]: changed });
          const what = `byte ${offset} of ${part} xor ${bits}`;
          // §6.1.1 (d): a root is trusted for its name and key. Its serial number and signature are its own affair.
          if (ok && part === 'root') expect(anchor(changed), what).to.deep.equal(anchor(good.root));
          else expect(ok, what).to.equal(false);
        }
      }
    }
  });
});
