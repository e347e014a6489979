// The bench's arithmetic: medians, quartiles, ratios.

import { expect } from 'chai';
import { quantile, summarize, timesAsGood } from '../../bench/report/statistics.js';

describe('Bench: statistics', () => {
  it('takes the middle one, whatever the order, and the mean of two middle ones', () => {
    expect(quantile([9, 1, 5], 0.5)).equal(5);
    expect(quantile([10, 1, 4, 2], 0.5)).equal(3);
  });

  it('sorts by size, not as text, and leaves its input alone', () => {
    const values = [100, 20, 3];
    expect(summarize(values)).deep.equal({ median: 20, low: 11.5, high: 60 });
    expect(values).deep.equal([100, 20, 3]);
  });

  it('is not moved by an outlier', () => {
    expect(summarize([10, 11, 12, 13, 1_000_000]).median).equal(12);
  });

  it('has one value for everything where there is one, and none of none', () => {
    expect(summarize([7])).deep.equal({ median: 7, low: 7, high: 7 });
    expect(quantile([], 0.5)).NaN;
  });

  it('says above 1 of what is better, whether less or more is', () => {
    expect(timesAsGood(50, 100, 'less')).equal(2);
    expect(timesAsGood(50, 100, 'more')).equal(0.5);
  });
});
