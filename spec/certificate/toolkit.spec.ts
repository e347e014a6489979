// The front doors of `sealwire/certificate`: what they offer on Node and in browsers, in which forms certificates may come,
// and that validation never throws, whatever it is given.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { writePem } from '../../lib/certificate/file/pem.js';
import type { ValidationResult } from '../../lib/certificate/path/path.js';
import { type ChainInput, certificateToolkit, readCertificates } from '../../lib/certificate/toolkit.js';
import * as nodeDoor from '../../lib/certificate.js';
import * as browserDoor from '../../lib/certificate-browser.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { refusal } from '../support/refusal.js';
import { expectReason } from './verdict.js';
import { altNames, extendedKeyUsage, make, makeCa, now } from './workshop.js';

const root = makeCa({ subject: 'root' });
const middle = makeCa({ subject: 'middle', issuer: root });
const leaf = make({ issuer: middle, extensions: [altNames('arena.example')] });
const [leafPem, middlePem, rootPem] = [leaf, middle, root].map(({ der }) => writePem('CERTIFICATE', der)) as [
  string,
  string,
  string,
];
const keyPem = writePem('PRIVATE KEY', Uint8Array.of(0x30, 0));
const [leafRead, middleRead, rootRead] = readCertificates([leaf.der, middle.der, root.der]);

const { validateCertificateChain } = certificateToolkit(nodeCrypto);
const good: ChainInput = {
  leaf: leafPem,
  intermediates: middlePem,
  roots: rootPem,
  hostname: 'arena.example',
  time: now,
  purpose: 'server',
};
/** What a program in JavaScript may pass. */
const validate = (input: unknown): ValidationResult => validateCertificateChain(input as ChainInput);

describe('the certificate toolkit', () => {
  it('offers the same on Node and in browsers, but for the roots of a machine', () => {
    const browser = Object.keys(browserDoor).sort();
    expect(browser).to.deep.equal([
      'allOf',
      'anyOf',
      'defaultRule',
      'describeCertificate',
      'fromDelegate',
      'issueCertificate',
      'loadIdentity',
      'parseCertificate',
      'pinPublicKey',
      'publicKeyPin',
      'readCertificates',
      'validateCertificateChain',
    ]);
    expect(Object.keys(nodeDoor).sort()).to.deep.equal([...browser, 'builtInRoots', 'systemRoots'].sort());
  });

  it('does the same with either backend', () => {
    for (const door of [nodeDoor, browserDoor]) {
      expect(door.validateCertificateChain(good).ok).to.equal(true);
      expect(door.publicKeyPin(leafPem)).to.equal(nodeDoor.describeCertificate(leaf.der).publicKeyPin);
      const context = { validateDefault: () => false } as never;
      expect(door.pinPublicKey(door.publicKeyPin(leafPem))([leafRead!], '', context)).to.equal(true);
      expect(() => door.pinPublicKey('none')).to.throw(SealwireError);
    }
  });

  describe('takes certificates in any form', () => {
    const crlf = leafPem.replaceAll('\n', '\r\n');
    const forms: readonly (readonly [string, Partial<Record<keyof ChainInput, unknown>>])[] = [
      ['PEM', {}],
      ['DER', { leaf: leaf.der, intermediates: middle.der, roots: root.der }],
      ['Buffers', { leaf: Buffer.from(leaf.der), intermediates: [Buffer.from(middle.der)] }],
      ['bytes of a PEM file', { leaf: new TextEncoder().encode(crlf) }],
      ['read ones', { leaf: leafRead, intermediates: [middleRead], roots: [rootRead] }],
      ['one read one', { intermediates: middleRead, roots: rootRead }],
      ['a mixture', { intermediates: [rootPem, middleRead], roots: [root.der, rootRead, rootPem] }],
      ['a whole chain as the leaf', { leaf: `${leafPem}${keyPem}${middlePem}`, intermediates: undefined }],
      ['a list as the leaf', { leaf: [leafRead, middlePem], intermediates: [] }],
    ];
    for (const [what, form] of forms) {
      it(what, () => {
        const result = validate({ ...good, ...form });
        expect(result).to.have.property('ok', true);
        if (result.ok)
          expect(result.path.map(({ der }) => der)).to.deep.equal([leaf.der, middle.der, root.der]);
      });
    }

    it('reads them', () => {
      expect(readCertificates(`${leafPem}${keyPem}${middlePem}`).map(({ der }) => der)).to.deep.equal([
        leaf.der,
        middle.der,
      ]);
      expect(readCertificates([])).to.deep.equal([]);
      const wrong: readonly unknown[] = [
        '',
        keyPem,
        'ca.pem',
        undefined,
        null,
        7,
        {},
        [leafPem, 7],
        { der: '' },
      ];
      for (const input of [
        ...wrong,
        new Uint8Array(3),
        Uint8Array.of(0x30, 0),
        new Array(5000).fill(leaf.der),
      ]) {
        refusal('INVALID_CERTIFICATE', () => readCertificates(input as string), String(input));
      }
      expect(refusal('INVALID_CERTIFICATE', () => nodeDoor.publicKeyPin([]))).to.include('empty');
      refusal('INVALID_CERTIFICATE', () => nodeDoor.describeCertificate(keyPem));
    });

    it('goes by the DER of those that were read, not by what was made of the objects', () => {
      const old = make({ issuer: root, notAfter: new Date(now.getTime() - 1000) });
      const [read] = readCertificates(old.der);
      const younger = { ...read!, notAfter: new Date(now.getTime() + 1000) };
      const input = { ...good, leaf: younger, hostname: undefined };
      expectReason(validate(input), 'expired');
      const forged = { ...leafRead!, publicKey: make({}).key.publicKey, tbs: rootRead!.tbs };
      expect(validate({ ...good, leaf: forged }).ok).to.equal(true);
    });
  });

  it('takes now for the time, and no hostname for no comparison', () => {
    const day = 86_400_000;
    const until = (ms: number) =>
      make({ issuer: root, notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() + ms) });
    const undated = { roots: makeUndatedRoot(), purpose: 'server', hostname: undefined };
    expect(validate({ ...undated, leaf: until(day).der }).ok).to.equal(true);
    expectReason(validate({ ...undated, leaf: until(-day).der }), 'expired');
    expectReason(validate({ ...good, hostname: '' }), 'name-mismatch');
  });

  it('says what to do where there is no root', () => {
    for (const roots of [[], undefined]) {
      const result = validate({ ...good, roots });
      expectReason(result, 'untrusted', '"roots"');
      expectReason(result, 'untrusted', 'PEM');
    }
  });

  describe('never throws: what it cannot use is malformed', () => {
    const raise = (): never => {
      throw new Error('made up');
    };
    const raiseStrangely = (): never => {
      throw new Proxy({}, { getPrototypeOf: raise, get: raise });
    };
    const hostile = (thrower: () => never): object => new Proxy({}, { get: thrower, has: thrower });
    const inputs: readonly (readonly [string, unknown])[] = [
      ['nothing', undefined],
      ['null', null],
      ['a number', 42],
      ['text', rootPem],
      ['a function', () => good],
      ['an empty object', {}],
      ['a hostile object', hostile(raise)],
      ['a more hostile object', hostile(raiseStrangely)],
    ];
    for (const [what, input] of inputs) it(what, () => expectReason(validate(input), 'malformed'));

    const values: readonly (readonly [string, unknown])[] = [
      ['null', null],
      ['a number', 7],
      ['true', true],
      ['a symbol', Symbol('leaf')],
      ['a function', () => leaf.der],
      ['empty text', ''],
      ['text', 'server.pem'],
      ['a key', keyPem],
      ['half a PEM', leafPem.slice(0, 99)],
      ['an empty object', {}],
      ['what looks like a certificate', { tbs: leaf.der, publicKey: {} }],
      ['a certificate without bytes', { ...leafRead!, der: undefined }],
      ['a certificate with text for bytes', { ...leafRead!, der: leafPem }],
      ['no bytes', new Uint8Array(0)],
      ['other bytes', Uint8Array.of(1, 2, 3)],
      ['bytes behind the certificate', Uint8Array.of(...leaf.der, 0)],
      ['too many', new Array(5000).fill(rootPem)],
      ['a list with a hole', new Array(1)],
      ['a list in a list', [[leafPem]]],
      ['a hostile object', hostile(raise)],
      ['a more hostile object', hostile(raiseStrangely)],
      ['a list of hostile objects', [leafPem, hostile(raiseStrangely)]],
      ['a hostile list', new Proxy([leafPem], { get: raise })],
      ['what only inherits from bytes', Object.create(Uint8Array.prototype)],
    ];
    for (const part of ['leaf', 'roots', 'intermediates'] as const) {
      for (const [what, value] of values) {
        it(`${what} as ${part}`, () => expectReason(validate({ ...good, [part]: value }), 'malformed'));
      }
      it(`a getter that throws as ${part}`, () => {
        const input = Object.defineProperty({ ...good }, part, { get: raiseStrangely });
        expectReason(validate(input), 'malformed');
      });
    }

    const options: readonly (readonly [string, unknown])[] = [
      ['purpose', undefined],
      ['purpose', null],
      ['purpose', 'Server'],
      ['purpose', 'constructor'],
      ['purpose', ['server']],
      ['purpose', hostile(raise)],
      ['time', null],
      ['time', '2026-11-20'],
      ['time', now.getTime()],
      ['time', new Date(Number.NaN)],
      ['time', Object.create(Date.prototype)],
      ['time', Object.assign(new Date(now), { getTime: raise })],
      ['hostname', null],
      ['hostname', 1],
      ['hostname', ['arena.example']],
      ['hostname', new String('arena.example')],
      ['hostname', hostile(raise)],
    ];
    for (const [index, [name, value]] of options.entries()) {
      it(`a ${name} that is none (${index})`, () => {
        expectReason(validate({ ...good, [name]: value }), 'malformed');
      });
    }

    it('and names the part that is at fault', () => {
      expectReason(validate({ ...good, roots: 'ca.pem' }), 'malformed', '"roots" cannot be read');
      expectReason(validate({ ...good, leaf: 7 }), 'malformed', '"leaf" cannot be read');
      expectReason(validate({ ...good, purpose: 'both' }), 'malformed', '"purpose"');
      expectReason(validate({ ...good, time: '2026-11-20' }), 'malformed', '"time"');
      expectReason(validate({ ...good, hostname: null }), 'malformed', '"hostname"');
    });
  });

  it('does not take a purpose that does not exist for another one', () => {
    const client = make({ issuer: root, extensions: [extendedKeyUsage('1.3.6.1.5.5.7.3.2')] });
    const input = { leaf: client.der, roots: root.der, time: now };
    expect(validate({ ...input, purpose: 'client' }).ok).to.equal(true);
    expectReason(validate({ ...input, purpose: 'server' }), 'wrong-purpose');
    expectReason(validate({ ...input, purpose: 'sever' }), 'malformed');
  });
});

/** The same root with dates around the real now. */
function makeUndatedRoot(): Uint8Array {
  const year = 365 * 86_400_000;
  const dates = { notBefore: new Date(Date.now() - year), notAfter: new Date(Date.now() + year) };
  return makeCa({ subject: 'root', key: root.key, ...dates }).der;
}
