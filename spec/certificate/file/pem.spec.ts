import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import fc from 'fast-check';
import { utf8 } from '../../../lib/base/bytes.js';
import { SealwireError } from '../../../lib/base/errors.js';
import {
  decodeBase64,
  encodeBase64,
  readCertificates,
  readPem,
  writePem,
} from '../../../lib/certificate/file/pem.js';
import { refusal } from '../../support/refusal.js';

const three = Uint8Array.of(1, 2, 3);
const block = '-----BEGIN THING-----\nAQID\n-----END THING-----\n';
const rootPem = rootCertificates[0]!;
const rootDer = new Uint8Array(Buffer.from(rootPem.replace(/-----.*-----|\n/g, ''), 'base64'));

describe('PEM (RFC 7468)', () => {
  it('reads what stands between BEGIN and END, and ignores the text around it', () => {
    const text = `# my bundle: ${'\u00e4'}\nsubject=CN\n${block}between-----\n\n${block.replace('THING', 'X').replace('THING', 'X')}end`;
    expect(readPem(text)).to.deep.equal([
      { label: 'THING', bytes: three },
      { label: 'X', bytes: three },
    ]);
    expect(readPem('nothing here')).to.deep.equal([]);
  });

  it('takes any line ending, indented lines and spaces at their end', () => {
    for (const text of [
      block.replaceAll('\n', '\r\n'),
      block.replaceAll('\n', '\r'),
      block.replaceAll('\n', ' \t\n'),
      block.replaceAll(/^/gm, '    '),
      block.trim(),
    ]) {
      expect(readPem(text), JSON.stringify(text)).to.deep.equal([{ label: 'THING', bytes: three }]);
    }
  });

  it('writes 64 characters a line', () => {
    const lines = writePem('CERTIFICATE', rootDer).split('\n');
    expect(lines.slice(1, -3).every((line) => line.length === 64)).to.equal(true);
    expect(lines.slice(1, -2).join('')).to.equal(Buffer.from(rootDer).toString('base64'));
    expect([lines[0], ...lines.slice(-2)]).to.deep.equal([
      '-----BEGIN CERTIFICATE-----',
      '-----END CERTIFICATE-----',
      '',
    ]);
  });

  const broken: Record<string, [string, RegExp]> = {
    'without END': ['-----BEGIN THING-----\nAQID\n', /no END line/],
    'without BEGIN': ['AQID\n-----END THING-----\n', /no BEGIN line/],
    'with another label at the end': [
      block.replace('END THING', 'END THINGS'),
      /not valid base64|no END line/,
    ],
    'with a second BEGIN inside': [`-----BEGIN THING-----\n${block}`, /no END line/],
    'with a foreign character': [block.replace('AQID', 'AQI_'), /not valid base64/],
    'without padding': [block.replace('AQID', 'AQI'), /not valid base64/],
    'with too much padding': [block.replace('AQID', 'AQ==='), /not valid base64/],
    'with padding in the middle': [block.replace('AQID', 'AQ==AQID'), /not valid base64/],
    'with bits behind the last byte': [block.replace('AQID', 'AR=='), /not valid base64/],
    'without content': [block.replace('AQID\n', ''), /not valid base64/],
  };
  for (const [name, [text, message]] of Object.entries(broken)) {
    it(`refuses a block ${name}`, () => {
      expect(refusal('INVALID_CERTIFICATE', () => readPem(text))).to.match(message);
    });
  }

  it('reads the headers of keys that openssl encrypted in its old way', () => {
    const headers = 'Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\n';
    expect(readPem(block.replace('AQID', `${headers}AQID`))).to.deep.equal([
      { label: 'THING', bytes: three, dekInfo: 'DES-EDE3-CBC,00' },
    ]);
    expect(refusal('INVALID_CERTIFICATE', () => readPem(block.replace('AQID', headers)))).to.match(/base64/);
  });

  it('refuses labels that are no printable ASCII, and does not show them', () => {
    for (const label of ['KEY\0', 'SCHLÜSSEL', '\u202eYEK']) {
      const message = refusal('INVALID_CERTIFICATE', () => readPem(`-----BEGIN ${label}-----\nAAAA\n`));
      expect(message).to.contain('label').and.not.contain(label);
    }
  });

  it('refuses labels that are longer than any', () => {
    expect(readPem(block.replaceAll('THING', 'X'.repeat(64)))).to.have.length(1);
    const message = refusal('INVALID_CERTIFICATE', () => readPem(block.replaceAll('THING', 'X'.repeat(65))));
    expect(message).to.match(/label/).and.not.contain('XXX');
  });

  it('refuses text and lists of blocks beyond its limits before it looks into them', () => {
    expect(refusal('INVALID_CERTIFICATE', () => readPem('x'.repeat(4 * 1024 * 1024 + 1)))).to.contain(
      'characters',
    );
    expect(refusal('INVALID_CERTIFICATE', () => readPem(block.repeat(4097)))).to.contain('blocks');
    expect(readPem(block.repeat(4096))).to.have.length(4096);
    expect(refusal('INVALID_CERTIFICATE', () => readPem('\n'.repeat(4 * 1024 * 1024)))).to.contain('lines');
    const largest = writePem('THING', new Uint8Array(256 * 1024));
    expect(readPem(largest)[0]!.bytes).to.have.length(256 * 1024);
    const larger = writePem('THING', new Uint8Array(257 * 1024));
    expect(refusal('INVALID_CERTIFICATE', () => readPem(larger))).to.contain('larger than any certificate');
  });

  it('gives back what it wrote, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        expect(readPem(writePem('THING', bytes))).to.deep.equal([{ label: 'THING', bytes }]);
        expect(encodeBase64(bytes)).to.equal(Buffer.from(bytes).toString('base64'));
      }),
    );
  });

  it('gives base64 one spelling', () => {
    expect(decodeBase64('')).to.deep.equal(new Uint8Array(0));
    expect(decodeBase64('AQ\r\nID\n')).to.deep.equal(three);
    expect(decodeBase64('/+8=')).to.deep.equal(Uint8Array.of(0xff, 0xef));
    for (const text of ['AQI', 'AQID=', 'A===', '=AQI', 'AB==', 'AQJ=', 'AQ-_', 'AQ\u00a0ID', 'AQID\0']) {
      expect(decodeBase64(text), JSON.stringify(text)).to.equal(undefined);
    }
  });

  it('answers every change of one character with the same bytes, other bytes or a coded error', () => {
    const text = writePem('THING', rootDer.subarray(0, 100));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(255), (index, code) => {
        const changed = text.slice(0, index) + String.fromCharCode(code) + text.slice(index + 1);
        try {
          readPem(changed);
        } catch (error) {
          expect(error).to.be.instanceOf(SealwireError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('never answers a changed base64 character with the same bytes', () => {
    const body = encodeBase64(rootDer.subarray(0, 31));
    for (let index = 0; index < body.length; index++) {
      for (const character of 'ABCDghij0189+/=') {
        if (character === body[index]) continue;
        const changed = decodeBase64(body.slice(0, index) + character + body.slice(index + 1));
        expect(changed).to.not.deep.equal(rootDer.subarray(0, 31));
      }
    }
  });
});

describe('certificates from PEM or DER', () => {
  it('takes text, bytes of text, DER, and lists of them', () => {
    expect(readCertificates(rootPem)).to.deep.equal([rootDer]);
    expect(readCertificates(utf8(rootPem))).to.deep.equal([rootDer]);
    expect(readCertificates(rootDer)).to.deep.equal([rootDer]);
    // Whose slice() would be a view, where others expect a copy.
    expect(readCertificates(Buffer.from(rootDer))[0])
      .to.deep.equal(rootDer)
      .and.not.be.instanceOf(Buffer);
    expect(readCertificates([rootPem + rootPem, rootDer])).to.deep.equal([rootDer, rootDer, rootDer]);
    expect(readCertificates([])).to.deep.equal([]);
  });

  it('takes DER in base64 without BEGIN and END, in one line or in many, as text or as its bytes', () => {
    const base64 = encodeBase64(rootDer);
    const wrapped = `${base64.replace(/.{64}/g, '$&\r\n')}\n`;
    for (const input of [base64, wrapped, utf8(base64), Buffer.from(wrapped)])
      expect(readCertificates(input)).to.deep.equal([rootDer]);
    for (const input of [base64.slice(1), base64.slice(0, -1), `${base64}!`, 'MIIB', 'M', 'MQA='])
      refusal('INVALID_CERTIFICATE', () => readCertificates(input), input.slice(0, 9));
  });

  it('passes over keys in the same text', () => {
    expect(readCertificates(`${block.replaceAll('THING', 'PRIVATE KEY')}${rootPem}`)).to.deep.equal([
      rootDer,
    ]);
  });

  it('reads all roots that Node has, as one bundle', () => {
    expect(readCertificates(rootCertificates.join('\n'))).to.have.length(rootCertificates.length);
  });

  it('says what it found where a certificate was expected', () => {
    expect(refusal('INVALID_CERTIFICATE', () => readCertificates('/etc/ssl/ca.pem'))).to.match(
      /no PEM block.*not the path/,
    );
    expect(refusal('INVALID_CERTIFICATE', () => readCertificates(['']))).to.match(/no PEM block/);
    expect(refusal('INVALID_CERTIFICATE', () => readCertificates([rootPem, block]))).to.match(/only THING/);
    expect(refusal('INVALID_CERTIFICATE', () => readCertificates(rootDer.subarray(0, -1)))).to.match(
      /well-formed DER/,
    );
    expect(refusal('INVALID_CERTIFICATE', () => readCertificates(Uint8Array.of(...rootDer, 0)))).to.match(
      /well-formed DER/,
    );
  });
});
