import { expect } from 'chai';
import fc from 'fast-check';
import { toHex, utf8 } from '../../lib/base/bytes.js';
import {
  contextTag,
  DerReader,
  der,
  readBitString,
  readBoolean,
  readDer,
  readInteger,
  readNamedBits,
  readNull,
  readOid,
  readSequence,
  readSmallInteger,
  readText,
  readTime,
  readUnsignedInteger,
  tags,
} from '../../lib/base/der.js';
import { SealwireError } from '../../lib/base/errors.js';
import { refusal } from '../support/refusal.js';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

function expectMalformed(read: () => unknown, note?: string): void {
  refusal('INVALID_CERTIFICATE', read, note);
}

describe('DER', () => {
  describe('elements', () => {
    it('gives tag, content and the whole element', () => {
      const element = readDer(bytes('3003020105'));
      expect(element.tag).to.equal(tags.sequence);
      expect(toHex(element.content)).to.equal('020105');
      expect(toHex(element.bytes)).to.equal('3003020105');
    });

    it('refuses what is not the one shortest encoding', () => {
      const wrong: Record<string, string> = {
        'an indefinite length': '3080020105' + '0000',
        'a long form for a short length': '308103020105',
        'a length with leading zeros': `0482008${'0'}${'00'.repeat(128)}`,
        'a length of five octets': '048500000000010a',
        'a tag of several octets': '1f810101ff',
        'an end in the middle of the length': '0482',
        'an end in the middle of the content': '04050102',
        'nothing at all': '',
        'something behind': '02010500',
      };
      for (const [what, hex] of Object.entries(wrong)) expectMalformed(() => readDer(bytes(hex)), what);
    });

    it('reads and writes lengths of one, two and three octets', () => {
      for (const length of [0, 127, 128, 255, 256, 65_535, 65_536]) {
        const content = new Uint8Array(length).fill(7);
        expect(readDer(der.octetString(content)).content).to.deep.equal(content);
      }
    });

    it('walks: expect, optional, sequence, finish', () => {
      const reader = new DerReader(der.sequence(der.integer(1), der.null())).sequence();
      expect(reader.optional(tags.boolean)).to.equal(undefined);
      expect(reader.peekTag()).to.equal(tags.integer);
      expectMalformed(() => reader.expect(tags.null));
      expect(readSmallInteger(reader.expect(tags.integer).content)).to.equal(1);
      expectMalformed(() => reader.finish());
      expect(reader.next().tag).to.equal(tags.null);
      expect(reader.done).to.equal(true);
      reader.finish();
      expectMalformed(() => reader.next());
      expectMalformed(() => reader.expect(tags.null));
    });

    it('reads exactly one element, of one tag where that is asked for', () => {
      expect(toHex(readDer(bytes('020105'), tags.integer).content)).to.equal('05');
      const elements = readSequence(bytes('3003020105'));
      expect(toHex(elements.next().bytes)).to.equal('020105');
      elements.finish();
      for (const hex of ['020105', '0500', '', '30030201050500', '3103020105']) {
        expectMalformed(() => readSequence(bytes(hex)), hex);
        expectMalformed(() => readDer(bytes(hex), tags.bitString), hex);
      }
    });

    it('forms context tags', () => {
      expect(contextTag(0, true)).to.equal(0xa0);
      expect(contextTag(2, false)).to.equal(0x82);
      expect(() => contextTag(31, false)).to.throw(RangeError);
    });
  });

  describe('values', () => {
    it('holds integers in their shortest two’s complement', () => {
      for (const [value, hex] of [
        [0n, '020100'],
        [127n, '02017f'],
        [128n, '02020080'],
        [-1n, '0201ff'],
        [-128n, '020180'],
        [-129n, '0202ff7f'],
      ] as const) {
        expect(toHex(der.integer(value))).to.equal(hex);
        expect(readInteger(bytes(hex).subarray(2))).to.equal(value);
      }
      expectMalformed(() => readInteger(bytes('')));
      expectMalformed(() => readInteger(bytes('0001')));
      expectMalformed(() => readInteger(bytes('ff80')));
      expectMalformed(() => readSmallInteger(bytes('ff')));
      expectMalformed(() => readSmallInteger(bytes('0080000000')));
    });

    it('turns any integer into bytes and back', () => {
      fc.assert(
        fc.property(fc.bigInt({ min: -(2n ** 600n), max: 2n ** 600n }), (value) => {
          expect(readInteger(readDer(der.integer(value)).content)).to.equal(value);
        }),
      );
    });

    it('takes bytes for an unsigned integer, and gives them back without leading zeros', () => {
      for (const [given, encoded, read] of [
        ['0000ff', '020200ff', 'ff'],
        ['007f', '02017f', '7f'],
        ['80', '02020080', '80'],
        ['0100', '02020100', '0100'],
        ['00', '020100', ''],
        ['', '020100', ''],
      ] as const) {
        const element = der.integer(bytes(given));
        expect(toHex(element), given).to.equal(encoded);
        expect(toHex(readUnsignedInteger(readDer(element).content)), given).to.equal(read);
      }
      for (const hex of ['', '80', 'ff', 'ff80', '0001', '0000']) {
        expectMalformed(() => readUnsignedInteger(bytes(hex)), hex);
      }
    });

    it('writes the bytes of a number as it writes the number', () => {
      fc.assert(
        fc.property(fc.bigInt({ min: 0n, max: 2n ** 600n }), (value) => {
          const hex = value.toString(16);
          const octets = bytes(hex.length % 2 === 0 ? hex : `0${hex}`);
          expect(der.integer(octets)).to.deep.equal(der.integer(value));
        }),
      );
    });

    it('knows one NULL', () => {
      readNull(readDer(der.null()).content);
      expectMalformed(() => readNull(bytes('00')));
    });

    it('reads object identifiers, large arcs too', () => {
      for (const oid of [
        '0.9.2342.19200300.100.1.25',
        '1.2.840.113549.1.1.11',
        '2.999.3',
        '2.25.329800735698586629',
      ]) {
        expect(readOid(readDer(der.oid(oid)).content)).to.equal(oid);
      }
      expect(toHex(der.oid('1.2.840.113549'))).to.equal('06062a864886f70d');
      for (const hex of ['', '80', '2a8001', '2a86', '01'.repeat(65)])
        expectMalformed(() => readOid(bytes(hex)), hex);
      expect(() => der.oid('1.40.1')).to.throw(RangeError);
      expect(() => der.oid('3.1')).to.throw(RangeError);
    });

    it('reads booleans of one form only', () => {
      expect(readBoolean(bytes('ff'))).to.equal(true);
      expect(readBoolean(bytes('00'))).to.equal(false);
      for (const hex of ['01', '', 'ffff']) expectMalformed(() => readBoolean(bytes(hex)));
    });

    it('reads bit strings of octets, and of named bits', () => {
      expect(toHex(readBitString(bytes('00abcd')))).to.equal('abcd');
      expectMalformed(() => readBitString(bytes('01ab')));
      expectMalformed(() => readBitString(bytes('')));
      expect([...readNamedBits(bytes('0584a0'))]).to.deep.equal([0, 5, 8, 10]);
      for (const hex of ['', '0880', '01', '0301']) expectMalformed(() => readNamedBits(bytes(hex)), hex);
    });

    it('reads times to the second, and refuses those that do not exist', () => {
      const time = (tag: number, text: string): Date =>
        readTime({ tag, content: utf8(text), bytes: utf8(text) });
      expect(time(tags.utcTime, '491231235959Z').toISOString()).to.equal('2049-12-31T23:59:59.000Z');
      expect(time(tags.utcTime, '500101000000Z').toISOString()).to.equal('1950-01-01T00:00:00.000Z');
      expect(time(tags.generalizedTime, '20500228120000Z').toISOString()).to.equal(
        '2050-02-28T12:00:00.000Z',
      );
      for (const text of [
        '230229000000Z',
        '231301000000Z',
        '230101240000Z',
        '230101006000Z',
        '230101000060Z',
      ]) {
        expectMalformed(() => time(tags.utcTime, text), text);
      }
      for (const text of ['2301010000Z', '230101000000', '230101000000+0000', '23010100000Z ', '']) {
        expectMalformed(() => time(tags.utcTime, text), text);
      }
      expectMalformed(() => time(tags.generalizedTime, '20500228120000.5Z'));
      expectMalformed(() => time(tags.integer, '230101000000Z'));
    });

    it('writes UTCTime through 2049 and GeneralizedTime from 2050', () => {
      for (const [iso, tag] of [
        ['1949-12-31T23:59:59Z', tags.generalizedTime],
        ['1950-01-01T00:00:00Z', tags.utcTime],
        ['2049-12-31T23:59:59Z', tags.utcTime],
        ['2050-01-01T00:00:00Z', tags.generalizedTime],
      ] as const) {
        const element = readDer(der.time(new Date(iso)));
        expect(element.tag, iso).to.equal(tag);
        expect(readTime(element).getTime()).to.equal(Date.parse(iso));
      }
    });

    it('reads the string types', () => {
      for (const element of [der.utf8String('grün'), der.bmpString('grün')]) {
        expect(readText(readDer(element))).to.equal('grün');
      }
      expect(readText(readDer(der.printableString('A b.c')))).to.equal('A b.c');
      expect(readText(readDer(der.ia5String('a@b')))).to.equal('a@b');
      expect(readText(readDer(bytes('1c040001f600')))).to.equal('😀');
      for (const hex of ['0c01ff', '1301ff', '1601ff', '1e0141', '1c0400110000', '0401ff']) {
        expectMalformed(() => readText(readDer(bytes(hex))), hex);
      }
    });

    it('sorts a set by its encodings', () => {
      expect(toHex(der.set(der.integer(300), der.integer(2), der.integer(1)))).to.equal(
        '310a0201010201020202012c',
      );
    });
  });

  it('never throws anything uncoded, whatever it reads', () => {
    const readers = [
      readBitString,
      readBoolean,
      readInteger,
      readNamedBits,
      readNull,
      readOid,
      readSequence,
      readSmallInteger,
      readUnsignedInteger,
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (input) => {
        for (const read of [
          ...readers.map((reader) => () => reader(input)),
          () => readDer(input),
          () => readTime(readDer(input)),
          () => readText(readDer(input)),
        ]) {
          try {
            read();
          } catch (error) {
            expect((error as SealwireError).code).to.equal('INVALID_CERTIFICATE');
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reads back what it accepts: there is no second encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (input) => {
        let element: ReturnType<typeof readDer>;
        try {
          element = readDer(input);
        } catch {
          return;
        }
        expect(der.element(element.tag, element.content)).to.deep.equal(input);
      }),
      { numRuns: 2000 },
    );
  });
});
