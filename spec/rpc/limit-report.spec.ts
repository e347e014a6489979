import { expect } from 'chai';
import { type LimitReport, LimitReporter } from '../../lib/rpc/limit-report.js';
import { ManualClock } from '../support/manual-clock.js';

describe('rpc/limit-report', () => {
  const setUp = () => {
    const clock = new ManualClock();
    const told: LimitReport[] = [];
    return { clock, told, reporter: new LimitReporter(clock, (report) => told.push(report)) };
  };

  it('tells the first at once, the others once a second with their count, and then forgets', () => {
    const { clock, told, reporter } = setUp();
    const flood = (times: number, method: string) => {
      for (let time = 0; time < times; time++) reporter.add('rateLimit', 'refuse', 'here:1', method);
    };
    flood(1000, 'Arena.move');
    expect(told.splice(0)).to.deep.equal([
      { limit: 'rateLimit', action: 'refuse', count: 1, method: 'Arena.move', remoteAddress: 'here:1' },
    ]);
    clock.advance(999);
    flood(1, 'Arena.chat');
    expect(told).to.deep.equal([]);
    clock.advance(1);
    expect(told.splice(0)).to.deep.equal([
      { limit: 'rateLimit', action: 'refuse', count: 1000, method: 'Arena.move', remoteAddress: 'here:1' },
    ]);
    flood(2, 'Arena.chat');
    clock.advance(1000);
    expect(told.splice(0)).to.deep.equal([
      { limit: 'rateLimit', action: 'refuse', count: 2, method: 'Arena.chat', remoteAddress: 'here:1' },
    ]);
    // A second without any: the next one is a first one, and no timer was left meanwhile.
    clock.advance(1000);
    expect(clock.timers).to.equal(0);
    expect(told).to.deep.equal([]);
    flood(1, 'Arena.move');
    expect(told).to.have.length(1);
  });

  it('keeps limits and actions apart, and tells what is left at the end', () => {
    const { clock, told, reporter } = setUp();
    for (let time = 0; time < 3; time++) {
      reporter.add('streams', 'refuse', 'here:1');
      reporter.add('streams', 'drop', 'here:1');
      reporter.add('connections', 'refuse', 'here:1');
    }
    const counts = () => told.splice(0).map(({ limit, action, count }) => `${limit} ${action} ${count}`);
    expect(counts()).to.deep.equal(['streams refuse 1', 'streams drop 1', 'connections refuse 1']);
    reporter.close();
    expect(counts()).to.deep.equal(['streams refuse 2', 'streams drop 2', 'connections refuse 2']);
    expect(clock.timers).to.equal(0);
    clock.advance(5000);
    expect(told).to.deep.equal([]);
  });
});
