// The outside of frames and the codes of close frames, and the known answers for them.

import { expect } from 'chai';
import fc from 'fast-check';
import { SealwireError } from '../../lib/base/errors.js';
import {
  type CloseReason,
  closeCodes,
  decodeClose,
  encodeClose,
  firstByte,
  frameTypes,
  maxSequence,
  plainFrame,
  readFirstByte,
  readRecordHeader,
  recordHeaderBytes,
  writeRecordHeader,
} from '../../lib/wire/frame.js';
import { fromHex, vectors } from '../support/vectors.js';

interface CloseVectors {
  closes: { body: string; code: number }[];
  closesReadAsNormal: { body: string }[];
  refused: { what: string; why: string; body: string }[];
}

function expectRefused(act: () => unknown, what?: string): void {
  expect(act, what).to.throw(SealwireError).with.property('code', 'PROTOCOL_ERROR');
}

describe('frames', () => {
  it('have flags and type in their first byte, and no other bits', () => {
    const types = Object.values<number>(frameTypes);
    for (let byte = 0; byte < 256; byte++) {
      const type = byte & 0x3f;
      const frame = Uint8Array.of(byte, 1, 2);
      if (!types.includes(type)) {
        expectRefused(() => readFirstByte(frame), `${byte}`);
        continue;
      }
      const read = readFirstByte(frame);
      expect(read.type).to.equal(type);
      expect(Boolean(read.flags & 1), 'Encrypted is bit 7').to.equal((byte & 0x80) !== 0);
      expect(Boolean(read.flags & 2), 'Authenticated is bit 6').to.equal((byte & 0x40) !== 0);
      expect(firstByte(read.flags, read.type)).to.equal(byte);
    }
    expectRefused(() => readFirstByte(new Uint8Array(0)));
  });

  it('without flags are that byte and the body', () => {
    expect([...plainFrame(frameTypes.messages, Uint8Array.of(9, 8))]).to.deep.equal([2, 9, 8]);
    expect([...plainFrame(frameTypes.close, new Uint8Array(0))]).to.deep.equal([4]);
  });

  it('with flags have an epoch and a sequence of 48 bits, read as they were written', () => {
    const sequences = fc.oneof(
      fc.integer({ min: 0, max: maxSequence }),
      fc.constantFrom(0, 1, 255, 256, 2 ** 24, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, maxSequence),
    );
    fc.assert(
      fc.property(fc.nat({ max: 600 }), sequences, (generation, sequence) => {
        const frame = new Uint8Array(recordHeaderBytes + 2).fill(0xee);
        writeRecordHeader(frame, 3, frameTypes.messages, generation, sequence);
        expect(readRecordHeader(frame)).to.deep.equal({ epoch: generation % 256, sequence });
        expect([frame[0], frame[8], frame[9]]).to.deep.equal([0xc2, 0xee, 0xee]);
        expect(new DataView(frame.buffer).getBigUint64(0) & 0xffff_ffff_ffffn).to.equal(BigInt(sequence));
      }),
    );
  });

  it('with flags are not shorter than their header', () => {
    for (let length = 0; length < recordHeaderBytes; length++) {
      expectRefused(() => readRecordHeader(new Uint8Array(length)));
    }
    expect(readRecordHeader(new Uint8Array(recordHeaderBytes))).to.deep.equal({ epoch: 0, sequence: 0 });
  });
});

describe('close frames', () => {
  const { closes, closesReadAsNormal, refused } = vectors<CloseVectors>('messages');

  it('say and read the codes of messages.json', () => {
    expect(closes).to.have.length(Object.keys(closeCodes).length);
    for (const { body, code } of closes) {
      const reason = decodeClose(fromHex(body));
      expect(closeCodes[reason]).to.equal(code);
      expect(encodeClose(reason)).to.deep.equal(fromHex(body));
    }
  });

  it('of a later version are read as normal', () => {
    expect(closesReadAsNormal).to.have.length.greaterThan(0);
    for (const { body } of closesReadAsNormal) expect(decodeClose(fromHex(body))).to.equal('normal');
    for (let code = 12; code < 256; code++) expect(decodeClose(Uint8Array.of(code))).to.equal('normal');
  });

  it('of another size are refused', () => {
    const bad = refused.filter(({ what }) => what === 'close');
    expect(bad).to.have.length.greaterThan(1);
    for (const { body, why } of bad) expectRefused(() => decodeClose(fromHex(body)), why);
  });

  it('have the names of docs/protocol.md', () => {
    const names: CloseReason[] = [
      'normal',
      'going-away',
      'handshake-failed',
      'protocol-error',
      'limit-exceeded',
      'encryption-mismatch',
      'signature-mismatch',
      'version-mismatch',
      'no-common-algorithm',
      'handshake-timeout',
    ];
    expect(names.map((name) => closeCodes[name])).to.deep.equal(names.map((_, code) => code));
  });
});
