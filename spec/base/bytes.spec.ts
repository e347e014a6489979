// Reader and writer are each other's inverse, and the reader never looks past its end.

import { expect } from 'chai';
import fc from 'fast-check';
import {
  ByteReader,
  ByteWriter,
  concat,
  decodeUtf8,
  empty,
  sameBytes,
  toHex,
  utf8,
  wipe,
} from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';

type Field =
  | { readonly kind: 'u8' | 'u16' | 'u24' | 'u32'; readonly value: number }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'vector'; readonly lengthBytes: 1 | 2 | 3; readonly value: Uint8Array }
  | { readonly kind: 'string'; readonly lengthBytes: 1 | 2; readonly value: string };

const number = (kind: 'u8' | 'u16' | 'u24' | 'u32', bytes: number): fc.Arbitrary<Field> =>
  fc.integer({ min: 0, max: 256 ** bytes - 1 }).map((value) => ({ kind, value }));
const fields: fc.Arbitrary<Field[]> = fc.array(
  fc.oneof(
    number('u8', 1),
    number('u16', 2),
    number('u24', 3),
    number('u32', 4),
    fc.uint8Array({ maxLength: 20 }).map((value): Field => ({ kind: 'bytes', value })),
    fc
      .record({
        lengthBytes: fc.constantFrom(1 as const, 2 as const, 3 as const),
        value: fc.uint8Array({ maxLength: 255 }),
      })
      .map((vector): Field => ({ kind: 'vector', ...vector })),
    fc
      .record({
        lengthBytes: fc.constantFrom(1 as const, 2 as const),
        value: fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => utf8(text).length < 256),
      })
      .map((text): Field => ({ kind: 'string', ...text })),
  ),
  { maxLength: 12 },
);

function write(writer: ByteWriter, field: Field): void {
  if (field.kind === 'vector') writer.vector(field.lengthBytes, field.value);
  else if (field.kind === 'string') writer.string(field.lengthBytes, field.value);
  else if (field.kind === 'bytes') writer.bytes(field.value);
  else writer[field.kind](field.value);
}

function read(reader: ByteReader, field: Field): Field['value'] {
  if (field.kind === 'vector') return reader.vector(field.lengthBytes);
  if (field.kind === 'string') return reader.string(field.lengthBytes);
  if (field.kind === 'bytes') return reader.bytes(field.value.length);
  return reader[field.kind]();
}

function expectMalformed(act: () => unknown): void {
  expect(act).to.throw(SealwireError).with.property('code', 'PROTOCOL_ERROR');
}

describe('bytes', () => {
  describe('reader and writer', () => {
    it('read what was written, field by field, with nothing left over', () => {
      fc.assert(
        fc.property(fields, (list) => {
          const writer = new ByteWriter();
          for (const field of list) write(writer, field);
          const bytes = writer.finish();
          const reader = new ByteReader(bytes);
          for (const field of list) expect(read(reader, field)).to.deep.equal(field.value);
          expect(reader.remaining).to.equal(0);
          reader.finish();
        }),
      );
    });

    it('refuse whatever is cut short, at any place', () => {
      fc.assert(
        fc.property(fields, fc.nat(), (list, seed) => {
          const writer = new ByteWriter();
          for (const field of list) write(writer, field);
          const bytes = writer.finish();
          if (bytes.length === 0) return;
          const reader = new ByteReader(bytes.subarray(0, seed % bytes.length));
          expectMalformed(() => {
            for (const field of list) read(reader, field);
          });
        }),
      );
    });

    it('write big-endian numbers', () => {
      const bytes = new ByteWriter().u8(0x01).u16(0x0203).u24(0x040506).u32(0xf708090a).finish();
      expect(toHex(bytes)).to.equal('010203040506f708090a');
      const reader = new ByteReader(bytes);
      expect([reader.u8(), reader.u16(), reader.u24(), reader.u32()]).to.deep.equal([
        0x01, 0x0203, 0x040506, 0xf708090a,
      ]);
    });

    it('refuse numbers that do not fit, and lengths that do not fit their prefix', () => {
      const writes: (() => unknown)[] = [
        () => new ByteWriter().u8(256),
        () => new ByteWriter().u16(65_536),
        () => new ByteWriter().u24(2 ** 24),
        () => new ByteWriter().u32(2 ** 32),
        () => new ByteWriter().u8(-1),
        () => new ByteWriter().u16(1.5),
        () => new ByteWriter().u32(Number.NaN),
        () => new ByteWriter().vector(1, new Uint8Array(256)),
        () => new ByteWriter().vector(2, new Uint8Array(65_536)),
        () => new ByteWriter().string(1, 'é'.repeat(128)),
      ];
      for (const act of writes) expect(act).to.throw(RangeError);
      expect(new ByteWriter().vector(1, new Uint8Array(255)).finish()).to.have.length(256);
      expect(new ByteWriter().vector(3, new Uint8Array(65_536)).finish()).to.have.length(65_539);
    });

    it('refuse to look past the end, and stay where they were', () => {
      const reader = new ByteReader(Uint8Array.of(2, 1));
      expectMalformed(() => reader.u24());
      expectMalformed(() => reader.u32());
      expectMalformed(() => reader.bytes(3));
      expect(reader.remaining).to.equal(2);
      expectMalformed(() => reader.vector(1));
      expectMalformed(() => new ByteReader(Uint8Array.of(255, 255, 0)).vector(2));
      expectMalformed(() => new ByteReader(Uint8Array.of(255, 255, 255)).vector(3));
      expectMalformed(() => new ByteReader(empty).u8());
    });

    it('refuse what is left over', () => {
      const reader = new ByteReader(Uint8Array.of(1, 2));
      reader.u8();
      expectMalformed(() => reader.finish());
      reader.u8();
      reader.finish();
    });

    it('refuse invalid UTF-8: cut, overlong, surrogates, beyond U+10FFFF', () => {
      for (const bad of [
        '80',
        'c3',
        'c080',
        'e08080',
        'eda080',
        'f0808080',
        'f4908080',
        'f8888080',
        '61ff',
      ]) {
        const bytes = new Uint8Array(Buffer.from(bad, 'hex'));
        expectMalformed(() => new ByteReader(new ByteWriter().vector(1, bytes).finish()).string(1));
        expect(() => decodeUtf8(bytes)).to.throw(TypeError);
      }
    });

    it('give views, not copies', () => {
      const bytes = Uint8Array.of(1, 9, 9);
      const view = new ByteReader(bytes.subarray(1)).bytes(2);
      expect(view.buffer).to.equal(bytes.buffer);
      expect(view.byteOffset).to.equal(1);
    });
  });

  describe('text', () => {
    it('comes back as it was, a byte order mark included', () => {
      for (const text of ['', 'ada', 'é🎮', '\ufeffmark', 'a\0b'])
        expect(decodeUtf8(utf8(text))).to.equal(text);
    });
  });

  describe('arrays', () => {
    it('are joined in order', () => {
      expect(toHex(concat([Uint8Array.of(1), empty, Uint8Array.of(2, 3)]))).to.equal('010203');
      expect(concat([])).to.have.length(0);
    });

    it('are shown as lower-case hexadecimal', () => {
      fc.assert(
        fc.property(fc.uint8Array(), (bytes) => {
          expect(toHex(bytes)).to.equal(Buffer.from(bytes).toString('hex'));
        }),
      );
    });

    it('are the same by length and content', () => {
      const cases = [
        ['', '', true],
        ['00', '00', true],
        ['00', '', false],
        ['', '00', false],
        ['0102', '0102', true],
        ['0102', '0103', false],
        ['0102', '01', false],
      ] as const;
      for (const [a, b, same] of cases) {
        expect(sameBytes(Buffer.from(a, 'hex'), Buffer.from(b, 'hex')), `${a} ${b}`).to.equal(same);
      }
    });

    it('are wiped in place, all of them', () => {
      const whole = new Uint8Array(6).fill(5);
      const other = new Uint8Array(2).fill(5);
      wipe(whole.subarray(1, 4), other);
      expect([...whole, ...other]).to.deep.equal([5, 0, 0, 0, 5, 5, 0, 0]);
    });
  });
});
