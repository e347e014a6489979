// One timer for many calls: exact for each of them, outlived by none and set for nobody.

import { expect } from 'chai';
import { CallTimer } from '../../lib/rpc/call-timer.js';
import { ManualClock } from '../support/manual-clock.js';

interface Call {
  readonly name: string;
  readonly dueMs: number;
}

function setUp() {
  const clock = new ManualClock();
  const calls = new Map<string, Call>();
  const expired: string[] = [];
  const timer = new CallTimer<Call>(clock, calls, (call) => {
    end(call.name);
    expired.push(`${call.name} at ${clock.now()}`);
  });
  const begin = (name: string, ms: number): void => {
    const call = { name, dueMs: timer.dueIn(ms) };
    calls.set(name, call);
    timer.added(call);
  };
  const end = (name: string): void => {
    calls.delete(name);
  };
  return { clock, expired, begin, end, stop: () => timer.stop() };
}

describe('rpc/call-timer', () => {
  it('ends each call at its very millisecond, in the order in which they are due, with one timer', () => {
    const { clock, expired, begin } = setUp();
    begin('c', 300);
    begin('a', 100);
    clock.advance(50);
    begin('b', 150);
    begin('a too', 50);
    expect(clock.timers).to.equal(1);
    clock.advance(49);
    expect(expired).to.deep.equal([]);
    clock.advance(1000);
    expect(expired).to.deep.equal(['a at 100', 'a too at 100', 'b at 200', 'c at 300']);
    expect(clock.timers).to.equal(0);
  });

  it('lets calls end early, is exact for those that stay, and is set anew for nobody', () => {
    const { clock, expired, begin, end } = setUp();
    for (const [name, ms] of [
      ['a', 10],
      ['b', 20],
      ['c', 30],
    ] as const)
      begin(name, ms);
    end('a');
    clock.advance(15);
    begin('d', 10);
    end('b');
    clock.advance(9);
    expect(expired).to.deep.equal([]);
    clock.advance(1);
    expect(expired).to.deep.equal(['d at 25']);
    end('c');
    clock.advance(100);
    expect(clock.timers).to.equal(0);
    begin('e', 5);
    clock.advance(5);
    expect(expired).to.deep.equal(['d at 25', 'e at 130']);
  });

  it('costs calls that come one after the other a timer in all their time, not one each', () => {
    const { clock, expired, begin, end, stop } = setUp();
    let set = 0;
    const setTimer = clock.setTimer.bind(clock);
    clock.setTimer = (ms, callback) => {
      set += 1;
      return setTimer(ms, callback);
    };
    for (let call = 0; call < 100; call++) {
      begin(`${call}`, 60);
      clock.advance(1);
      end(`${call}`);
    }
    // Set for the first one, and once more for the one that was there when it fired.
    expect([set, clock.timers]).to.deep.equal([2, 1]);
    stop();
    expect([expired, clock.timers]).to.deep.equal([[], 0]);
  });

  it('sets no timer for calls without a limit', () => {
    const { clock, expired, begin } = setUp();
    begin('for ever', Number.POSITIVE_INFINITY);
    expect(clock.timers).to.equal(0);
    begin('a', 10);
    clock.advance(10);
    expect([expired, clock.timers]).to.deep.equal([['a at 10'], 0]);
    begin('b', 10);
    clock.advance(10);
    expect([expired, clock.timers]).to.deep.equal([['a at 10', 'b at 20'], 0]);
  });

  it('takes calls that begin and end while others expire', () => {
    const clock = new ManualClock();
    const calls = new Set<Call>();
    const expired: string[] = [];
    const begin = (name: string, ms: number): void => {
      const call = { name, dueMs: timer.dueIn(ms) };
      calls.add(call);
      timer.added(call);
    };
    const timer = new CallTimer<Call>(clock, calls, (call) => {
      if (!calls.delete(call)) return;
      expired.push(call.name);
      if (call.name !== 'a') return;
      // The application ends the other ones, and begins another.
      calls.clear();
      begin('next', 5);
    });
    for (const name of ['a', 'b']) begin(name, 10);
    begin('c', 11);
    clock.advance(10);
    expect([expired, clock.timers]).to.deep.equal([['a'], 1]);
    clock.advance(5);
    expect([expired, clock.timers]).to.deep.equal([['a', 'next'], 0]);
  });

  it('looks again where its timer, which counts whole milliseconds, fires a little early', () => {
    const { clock, expired, begin } = setUp();
    begin('a', 100.3);
    clock.advance(100);
    expect(expired).to.deep.equal([]);
    clock.advance(1);
    expect([expired, clock.timers]).to.deep.equal([['a at 101'], 0]);
  });
});
