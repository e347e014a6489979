import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { KeyRing, type TokenKey } from '../../lib/token/key-ring.js';

function refusal(keys: unknown): string {
  try {
    new KeyRing(keys as TokenKey[]);
  } catch (error) {
    expect(error).to.be.instanceOf(SealwireError);
    expect((error as SealwireError).code).to.equal('INVALID_CONFIG');
    return (error as SealwireError).message;
  }
  throw new Error('the ring was accepted');
}

describe('the key ring', () => {
  const first = randomBytes(32);
  const second = randomBytes(32);

  it('seals with the first key and opens with all', () => {
    const ring = new KeyRing([
      { id: 'b', key: second },
      { id: 'a', key: first.toString('base64') },
    ]);
    expect(ring.sealingId).to.equal('b');
    expect(ring.find('a')).to.deep.equal(new Uint8Array(first));
    expect(ring.find('b')).to.deep.equal(new Uint8Array(second));
    expect(ring.find('c')).to.equal(undefined);
    expect(ring.find('__proto__')).to.equal(undefined);
  });

  it('reads base64 with and without padding, and base64url', () => {
    const key = Uint8Array.from({ length: 32 }, (_, index) => 0xf8 + (index % 8));
    for (const text of [
      Buffer.from(key).toString('base64'),
      Buffer.from(key).toString('base64').replace('=', ''),
      Buffer.from(key).toString('base64url'),
      ` ${Buffer.from(key).toString('base64')}\n`,
    ]) {
      expect(new KeyRing([{ id: 'a', key: text }]).find('a')).to.deep.equal(key);
    }
  });

  it('keeps a copy of its own', () => {
    const mine = Uint8Array.from(first);
    const ring = new KeyRing([{ id: 'a', key: mine }]);
    mine.fill(0);
    expect(ring.find('a')).to.deep.equal(new Uint8Array(first));
  });

  it('has no default, and takes no key that is short, long, empty or not random', () => {
    for (const keys of [undefined, null, {}, []]) expect(refusal(keys)).to.include('one key at least');
    for (const key of [
      undefined,
      '',
      new Uint8Array(0),
      randomBytes(31),
      randomBytes(33),
      randomBytes(16).toString('base64'),
      'a passphrase of thirty-two bytes',
      'ä'.repeat(43),
    ]) {
      expect(refusal([{ id: 'a', key }])).to.include('32 bytes');
    }
    expect(refusal([{ id: 'a', key: new Uint8Array(32) }])).to.include('not random');
    expect(refusal([{ id: 'a', key: `${'A'.repeat(43)}=` }])).to.include('not random');
  });

  it('takes no id that a header cannot carry, and nothing twice', () => {
    for (const id of ['', 'a b', 'ä', 'x'.repeat(65), 7])
      expect(refusal([{ id, key: first }])).to.include('the id of a token key');
    expect(
      refusal([
        { id: 'a', key: first },
        { id: 'a', key: second },
      ]),
    ).to.include('two token keys');
    expect(
      refusal([
        { id: 'a', key: first },
        { id: 'b', key: first.toString('base64url') },
      ]),
    ).to.include('the same key');
    const many = Array.from({ length: 17 }, (_, index) => ({ id: `k${index}`, key: randomBytes(32) }));
    expect(refusal(many)).to.include('more than 16');
  });

  it('shows no key: not in errors, not to an inspector', () => {
    const text = first.toString('base64');
    expect(refusal([{ id: 'a', key: `${text}AA` }])).to.not.include(text.slice(0, 8));
    const ring = new KeyRing([{ id: 'a', key: first }]);
    const shown = inspect(ring, { depth: 9, showHidden: true }) + JSON.stringify(ring);
    expect(shown).to.not.include(`${String(first[0])}, ${String(first[1])}`);
    expect(shown).to.not.include(text.slice(0, 8));
  });
});
