import { expect } from 'chai';
import { Recent } from '../../lib/base/recent.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('what is remembered of bytes', () => {
  const small = (): Recent<string> => new Recent<string>({ maxEntries: 3, maxBytes: 8 });

  it('is found by all of them, and by nothing else', () => {
    const recent = small();
    recent.remember([bytes(1, 2, 3)], () => 'known');
    expect(recent.find(bytes(1, 2, 3))).to.equal('known');
    for (const other of [bytes(1, 2), bytes(1, 2, 3, 4), bytes(1, 2, 4), bytes(2, 2, 3), bytes()])
      expect(recent.find(other)).to.equal(undefined);
    expect(recent.find(bytes(1, 2, 3), bytes())).to.equal(undefined);
    expect(recent.find()).to.equal(undefined);
  });

  it('tells where its parts end', () => {
    const recent = small();
    recent.remember([bytes(1), bytes(2, 3)], () => 'known');
    expect(recent.find(bytes(1), bytes(2, 3))).to.equal('known');
    expect(recent.find(bytes(1, 2), bytes(3))).to.equal(undefined);
    expect(recent.find(bytes(1, 2, 3))).to.equal(undefined);
    expect(recent.find(bytes(2, 3), bytes(1))).to.equal(undefined);
  });

  it('stays what it is when the memory that it came from is used for something else', () => {
    const recent = small();
    const frame = bytes(1, 2, 3);
    let given: Uint8Array | undefined;
    recent.remember([frame], (copy) => {
      given = copy;
      return 'known';
    });
    frame.fill(9);
    expect(recent.find(bytes(1, 2, 3))).to.equal('known');
    expect(recent.find(frame)).to.equal(undefined);
    expect(given, 'what is made of it is made of the copy').to.deep.equal(bytes(1, 2, 3));
  });

  it('is bounded: what was not asked for longest goes first, and what is too long never comes in', () => {
    const recent = small();
    for (const each of [1, 2, 3]) recent.remember([bytes(each)], () => String(each));
    recent.find(bytes(1));
    recent.remember([bytes(4)], () => '4');
    expect(recent.size).to.equal(3);
    expect([1, 2, 3, 4].map((each) => recent.find(bytes(each)))).to.deep.equal(['1', undefined, '3', '4']);
    recent.remember([new Uint8Array(5), new Uint8Array(4)], () => 'too long');
    expect(recent.size).to.equal(3);
    expect(recent.find(new Uint8Array(5), new Uint8Array(4))).to.equal(undefined);
  });

  it('is made once', () => {
    const recent = small();
    recent.remember([bytes(1)], () => 'first');
    recent.remember([bytes(1)], () => 'second');
    expect(recent.find(bytes(1))).to.equal('first');
    expect(recent.size).to.equal(1);
  });
});
