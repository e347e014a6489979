import { expect } from 'chai';
import fc from 'fast-check';
import { hash, IdMap } from '../../lib/base/id-map.js';

interface Call {
  readonly id: number;
}

const call = (id: number): Call => ({ id });

describe('a map by ids', () => {
  it('does what a Map does, whatever comes and goes', () => {
    const ids = fc.oneof(
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(-1, -2, 2 ** 31, 2 ** 32 + 3, 2 ** 53 - 1),
    );
    const step = fc.record({ what: fc.constantFrom('set', 'set', 'delete'), id: ids });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const map = new IdMap<Call>();
        const model = new Map<number, Call>();
        for (const { what, id } of steps) {
          if (what === 'delete') expect(map.delete(id)).to.equal(model.delete(id));
          else {
            const value = call(id);
            map.set(id, value);
            model.set(id, value);
          }
          expect(map.size).to.equal(model.size);
          for (const known of [...model.keys(), id, id + 16])
            expect(map.get(known)).to.equal(model.get(known));
        }
        expect(map.values()).to.deep.equal([...model.values()].sort((a, b) => a.id - b.id));
      }),
      { numRuns: 300 },
    );
  });

  it('is in the order of ids, as it was when it was asked', () => {
    const map = new IdMap<Call>();
    for (const id of [5, -1, 300, 2]) map.set(id, call(id));
    const values = map.values();
    map.delete(2);
    expect(values.map(({ id }) => id)).to.deep.equal([-1, 2, 5, 300]);
  });

  it('keeps what was there while thousands come and go, and nothing of them', () => {
    const map = new IdMap<Call>();
    const old = call(1);
    map.set(1, old);
    for (let id = 2; id < 20_000; id++) {
      map.set(id, call(id));
      if (id > 100) expect(map.delete(id - 90)).to.equal(id - 90 > 1);
    }
    expect(map.get(1)).to.equal(old);
    expect(map.size).to.equal(map.values().length);
    for (const { id } of map.values()) map.delete(id);
    expect([map.size, map.values()]).to.deep.equal([0, []]);
  });

  it('has nothing left of many when the last of them is gone', () => {
    const map = new IdMap<Call>();
    for (let id = 1; id <= 5000; id++) map.set(id, call(id));
    for (let id = 1; id <= 5000; id++) expect(map.delete(id)).to.equal(true);
    expect(map.values()).to.deep.equal([]);
    map.set(5001, call(5001));
    expect(map.get(5000)).to.equal(undefined);
    expect(map.values().map(({ id }) => id)).to.deep.equal([5001]);
  });

  it('finds slots for ids that somebody has chosen to meet in one', () => {
    for (const step of [1, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 32 - 1]) {
      const slots = new Set<number>();
      for (let index = 1; index <= 1024; index++) slots.add(hash(index * step) >>> (32 - 11));
      // Where they are drawn at random it is 806, with a deviation of 13.
      expect(slots.size, `${step}`).to.be.greaterThan(700);
    }
  });

  it('shares nothing with another that is empty', () => {
    const [one, other] = [new IdMap<Call>(), new IdMap<Call>()];
    one.set(1, call(1));
    expect([other.size, other.get(1), other.values()]).to.deep.equal([0, undefined, []]);
  });
});
