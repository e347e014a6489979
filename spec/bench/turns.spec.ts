// The order in which candidates are measured: that nobody has a better place than others.

import { expect } from 'chai';
import { inTurn } from '../../bench/driver/turns.js';

describe('Bench: turns', () => {
  for (const items of ['a', 'ab', 'abc', 'abcd', 'abcdefghi', 'abcdefghij']) {
    const rounds = items.length % 2 === 0 ? items.length : 2 * items.length;
    const rows = Array.from({ length: rounds }, (_, round) => inTurn([...items], round));

    it(`has each of ${items.length} once in each round`, () => {
      for (const row of rows) expect([...row].sort()).to.deep.equal([...items]);
    });

    it(`lets each of ${items.length} begin equally often, and come behind each other equally often`, () => {
      const times: Record<string, number> = {};
      for (const row of rows) {
        row.forEach((item, index) => {
          const behind = `${row[index - 1] ?? 'nobody'} ${item}`;
          times[behind] = (times[behind] ?? 0) + 1;
        });
      }
      expect(Object.keys(times)).to.have.lengthOf(items.length ** 2);
      expect(new Set(Object.values(times))).to.deep.equal(new Set([rounds / items.length]));
    });
  }
});
