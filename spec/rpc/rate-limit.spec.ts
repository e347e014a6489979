import { expect } from 'chai';
import { RateLimiter, TokenBucket } from '../../lib/rpc/rate-limit.js';
import { ManualClock } from '../support/manual-clock.js';
import { SeededRandom } from '../support/random.js';

describe('rpc/rate-limit', () => {
  it('lets a burst through, then as many as time brings, and tells when the next may come', () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, clock);
    expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).to.deep.equal([0, 0, 0, 100]);
    clock.advance(40);
    expect(bucket.take()).to.equal(60);
    clock.advance(59);
    expect(bucket.take()).to.equal(1);
    clock.advance(1);
    expect([bucket.take(), bucket.take()]).to.deep.equal([0, 100]);
  });

  it('holds no more than the burst, however long nothing came', () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket({ perSecond: 1000, burst: 2 }, clock);
    clock.advance(3_600_000);
    expect([bucket.take(), bucket.take(), bucket.take()]).to.deep.equal([0, 0, 1]);
  });

  it('has the calls of a second for a burst, and at least one', () => {
    const clock = new ManualClock();
    const through = (perSecond: number) => {
      const bucket = new TokenBucket({ perSecond }, clock);
      let count = 0;
      while (bucket.take() === 0) count++;
      return count;
    };
    expect([0.1, 1, 2.5, 20].map(through)).to.deep.equal([1, 1, 3, 20]);
    const slow = new TokenBucket({ perSecond: 0.1 }, clock);
    expect([slow.take(), slow.take()]).to.deep.equal([0, 10_000]);
    clock.advance(10_000);
    expect(slow.take()).to.equal(0);
  });

  it('gives nothing away when the clock goes back', () => {
    let nowMs = 1000;
    const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, { now: () => nowMs });
    expect(bucket.take()).to.equal(0);
    nowMs = 0;
    expect(bucket.take()).to.equal(1000);
    nowMs = 500;
    expect(bucket.take()).to.equal(500);
    nowMs = 1000;
    expect(bucket.take()).to.equal(0);
  });

  it('never lets more through than burst plus rate times time, whatever the times are', () => {
    const random = new SeededRandom(4);
    for (let run = 0; run < 50; run++) {
      const clock = new ManualClock();
      const perSecond = (5 + random.below(1000)) / 10;
      const burst = 1 + random.below(20);
      const bucket = new TokenBucket({ perSecond, burst }, clock);
      let passed = 0;
      for (let step = 0; step < 500; step++) {
        const waitMs = bucket.take();
        if (waitMs === 0) passed++;
        // Sometimes exactly as long as it said: then there must be one.
        const obeys = waitMs > 0 && random.below(4) === 0;
        clock.advance(obeys ? waitMs : random.below(300) / 10);
        if (obeys) {
          expect(bucket.take()).to.equal(0);
          passed++;
        }
      }
      expect(passed).to.be.at.most(burst + (clock.now() / 1000) * perSecond + 1e-6);
      expect(passed).to.be.above(burst / 2);
    }
  });

  it('keeps a bucket for each method, and one for all', () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(clock, { perSecond: 1, burst: 5, onExceeded: 'disconnect' });
    const [move, login, chat] = [{}, {}, {}];
    const once = { perSecond: 2, burst: 1 };
    expect([
      limiter.admit(move, once),
      limiter.admit(login, once),
      limiter.admit(chat, undefined),
    ]).to.deep.equal([undefined, undefined, undefined]);
    const excess = limiter.admit(move, once);
    expect(excess).to.deep.equal({
      code: 'RESOURCE_EXHAUSTED',
      message: 'this method may be called 2 times a second; try again in 500 ms',
      data: { retryAfterMs: 500 },
      action: 'refuse',
    });
    for (let call = 0; call < 5; call++) expect(limiter.admitAny(true)).to.equal(undefined);
    expect(limiter.admitAny(true)).to.deep.include({ action: 'disconnect', data: { retryAfterMs: 1000 } });
    // What anybody on the path can have sent takes nothing from the peer.
    for (let call = 0; call < 5; call++) expect(limiter.admitAny(false)).to.equal(undefined);
    expect(limiter.admitAny(false)).to.deep.include({ action: 'disconnect' });
    expect(new RateLimiter(clock).admitAny(true)).to.equal(undefined);
  });
});
