import { expect } from 'chai';
import fc from 'fast-check';
import { berToDer, joinOctetStrings } from '../../lib/base/ber.js';
import { concat } from '../../lib/base/bytes.js';
import { der, readDer } from '../../lib/base/der.js';
import { SealwireError } from '../../lib/base/errors.js';
import { refusal } from '../support/refusal.js';

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

function refused(bytes: Uint8Array): string {
  return refusal('INVALID_CERTIFICATE', () => berToDer(bytes));
}

describe('BER to DER', () => {
  for (const [what, ber, expected] of [
    ['an indefinite length', '30 80 02 01 05 00 00', '30 03 02 01 05'],
    ['one inside another', '30 80 31 80 05 00 00 00 00 00', '30 04 31 02 05 00'],
    ['an indefinite length inside a definite one', '30 06 30 80 05 00 00 00', '30 04 30 02 05 00'],
    ['a padded length', '30 82 00 03 02 01 05', '30 03 02 01 05'],
    ['a padded length of a value', '04 84 00 00 00 01 aa', '04 01 aa'],
    ['an OCTET STRING in parts', '24 80 04 02 aa bb 04 01 cc 00 00', '04 03 aa bb cc'],
    ['an OCTET STRING in parts of known length', '24 07 04 02 aa bb 04 01 cc', '04 03 aa bb cc'],
    ['parts in parts', '24 80 24 80 04 01 aa 00 00 04 01 bb 00 00', '04 02 aa bb'],
    ['an OCTET STRING without parts', '24 80 00 00', '04 00'],
    ['zero octets inside a value', '30 80 04 02 00 00 00 00', '30 04 04 02 00 00'],
    ['a tag of its own', 'a0 80 04 01 aa 00 00', 'a0 03 04 01 aa'],
  ] as const) {
    it(`brings ${what} to DER`, () => {
      expect(berToDer(hex(ber))).to.deep.equal(hex(expected));
    });
  }

  it('gives DER back as it is: a view, not a copy', () => {
    const bytes = der.sequence(der.integer(5), der.octetString(new Uint8Array(300)), der.set(der.null()));
    const room = concat([Uint8Array.of(9), bytes]).subarray(1);
    const same = berToDer(room);
    expect(same).to.deep.equal(bytes);
    expect(same.buffer).to.equal(room.buffer);
    expect(same.byteOffset).to.equal(1);
  });

  it('does not look into an OCTET STRING', () => {
    const inside = hex('30 80 00 00');
    expect(berToDer(der.octetString(inside))).to.deep.equal(der.octetString(inside));
  });

  for (const [what, ber, message] of [
    ['nothing', '', /ends in the middle/],
    ['a value that ends too early', '04 03 aa bb', /past the end/],
    ['a value that is longer than its container', '30 03 04 02 aa bb', /past the end/],
    ['a mark outside of its container', '30 04 30 80 05 00 00 00', /ends in the middle|not marked/],
    ['a missing mark', '30 80 02 01 05', /ends in the middle/],
    ['half a mark', '30 80 00', /ends in the middle/],
    ['a mark with content', '30 80 00 01 00', /not marked/],
    ['an indefinite length of a value', '04 80 aa 00 00', /indefinite/],
    ['bytes behind the end', '30 80 00 00 00', /left over/],
    ['a long tag', '3f 81 01 00', /tag has several/],
    ['a length of five octets', '30 85 00 00 00 00 00', /more than four/],
    ['parts that are no OCTET STRINGs', '24 80 02 01 05 00 00', /expected tag/],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(refused(hex(ber))).to.match(message);
    });
  }

  it('bounds nesting and the number of elements', () => {
    const nested = (depth: number): Uint8Array =>
      concat([
        ...new Array<Uint8Array>(depth).fill(hex('30 80')),
        ...new Array<Uint8Array>(depth).fill(hex('0000')),
      ]);
    expect(berToDer(nested(33))).to.have.length(66);
    expect(refused(nested(34))).to.match(/nested more than 32/);
    expect(refused(nested(200_000))).to.match(/nested more than 32/);
    const flat = (count: number): Uint8Array =>
      der.sequence(concat(new Array<Uint8Array>(count).fill(der.null())));
    expect(berToDer(flat(16_383)).length).to.be.greaterThan(32_000);
    expect(refused(flat(16_384))).to.match(/more than 16384 elements/);
  });

  it('joins strings, and nothing else', () => {
    expect(joinOctetStrings(hex('04 01 aa 04 00 04 02 bb cc'))).to.deep.equal(hex('aabbcc'));
    expect(joinOctetStrings(hex(''))).to.deep.equal(hex(''));
    refusal('INVALID_CERTIFICATE', () => joinOctetStrings(hex('04 01 aa 05 00')));
  });

  it('answers whatever bytes with DER or a coded error, and DER stays as it is', () => {
    const piece = fc.constantFrom(
      ...['30', '24', '04', '80', '00', '02', '01', 'a0', '81', '05', 'ff'].map(hex),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        let transcoded: Uint8Array;
        try {
          transcoded = berToDer(concat(pieces));
        } catch (error) {
          expect(error).to.be.instanceOf(SealwireError);
          return;
        }
        expect(readDer(transcoded).bytes).to.deep.equal(transcoded);
        expect(berToDer(transcoded)).to.deep.equal(transcoded);
      }),
      { numRuns: 3000 },
    );
  });
});
