// The shares of one connection, on a clock that is moved by hand: turns end when the spec says so.

import { expect } from 'chai';
import { Inbox, type More } from '../../lib/connection/inbox.js';
import { ManualClock } from '../support/manual-clock.js';

/** Frames are one byte: how many messages they hold. What happens is written down. */
function setUp({ canPause = true, messageMs = 0.5, waste = 0 } = {}) {
  const clock = new ManualClock();
  const log: string[] = [];
  let left = 0;
  const handle = (): More | undefined => {
    while (left > 0) {
      left -= 1;
      log.push('message');
      clock.advance(messageMs);
      if (waste > 0) inbox.waste(waste);
      if (left > 0 && inbox.used) return 'more';
    }
    return undefined;
  };
  const transport = canPause ? { pause: () => log.push('pause'), resume: () => log.push('resume') } : {};
  const inbox = new Inbox(transport as { pause(): void; resume(): void }, clock, {
    open(frame) {
      left = frame[0]!;
      return handle();
    },
    proceed: handle,
  });
  /** What happened since the last look, counted. */
  const seen = () => {
    const runs: string[] = [];
    for (const entry of log.splice(0)) {
      const last = runs.at(-1)?.split(' ');
      if (last?.[0] === entry) runs[runs.length - 1] = `${entry} ${Number(last[1] ?? 1) + 1}`;
      else runs.push(entry);
    }
    return runs.join(', ');
  };
  return { clock, inbox, seen, add: (messages: number) => inbox.add(Uint8Array.of(messages)) };
}

describe('connection/inbox', () => {
  it('handles at once what is within the share, and asks nothing of the transport', () => {
    const { clock, seen, add } = setUp({ messageMs: 0.01 });
    for (let turn = 0; turn < 20; turn++) {
      add(2);
      add(2);
      clock.endTurn();
    }
    expect(seen()).to.equal('message 80');
    expect(clock.waitingForEndOfTurn).to.equal(0);
  });

  it('leaves the rest of a frame to the next turns, with what comes behind it, in order', () => {
    const { clock, seen, add } = setUp();
    add(10);
    expect(seen()).to.equal('message 4, pause');
    add(2);
    expect(seen()).to.equal('');
    clock.endTurn();
    expect(seen()).to.equal('message 4');
    clock.endTurn();
    expect(seen()).to.equal('message 4, resume');
    clock.endTurn();
    add(1);
    expect(seen()).to.equal('message');
  });

  it('counts frames of one turn together', () => {
    const { clock, seen, add } = setUp();
    for (let frame = 0; frame < 7; frame++) add(1);
    expect(seen()).to.equal('message 4, pause');
    clock.endTurn();
    expect(seen()).to.equal('message 3, resume');
    clock.endTurn();
    for (let frame = 0; frame < 3; frame++) add(1);
    expect(seen()).to.equal('message 3');
  });

  it('lets whoever wastes the share wait for longer than a turn', () => {
    const { clock, seen, add } = setUp({ messageMs: 0, waste: 1 });
    add(40);
    expect(seen()).to.equal('message 16, pause');
    for (let turn = 0; turn < 5; turn++) clock.endTurn();
    expect(seen()).to.equal('');
    clock.advance(1);
    expect(seen()).to.equal('message 16');
    clock.endTurn();
    clock.advance(1);
    expect(seen()).to.equal('message 8, resume');
  });

  it('lets it wait in proportion to what it wastes, and not for a little', () => {
    const large = setUp({ messageMs: 0, waste: 160 });
    large.add(1);
    large.add(1);
    expect(large.seen()).to.equal('message, pause');
    large.clock.endTurn();
    large.clock.advance(9.9);
    expect(large.seen()).to.equal('');
    large.clock.advance(0.1);
    expect(large.seen()).to.equal('message, resume');
    const little = setUp({ messageMs: 0, waste: 1 });
    for (let turn = 0; turn < 10; turn++) {
      little.add(10);
      little.clock.endTurn();
    }
    expect(little.seen()).to.equal('message 100');
  });

  it('lets it wait for longer than it took', () => {
    const { clock, seen, add } = setUp({ messageMs: 2, waste: 16 });
    add(2);
    expect(seen()).to.equal('message, pause');
    clock.endTurn();
    clock.advance(9.5);
    expect(seen()).to.equal('');
    clock.advance(0.5);
    expect(seen()).to.equal('message, resume');
  });

  it('tells when nothing waits any more, and at the end drops what waits and leaves no timer', () => {
    const { clock, inbox, seen, add } = setUp({ messageMs: 0, waste: 1 });
    let told = 0;
    const count = () => {
      told += 1;
    };
    inbox.whenEmpty(count);
    expect(told).to.equal(1);
    add(20);
    inbox.whenEmpty(count);
    clock.endTurn();
    expect(told).to.equal(1);
    clock.advance(1);
    expect([told, seen()]).to.deep.equal([2, 'message 16, pause, message 4, resume']);
    clock.endTurn();
    add(20);
    inbox.whenEmpty(count);
    clock.endTurn();
    inbox.close();
    expect(told).to.equal(3);
    expect(clock.timers).to.equal(0);
    add(1);
    clock.endTurn();
    clock.advance(1000);
    expect(seen()).to.equal('message 16, pause');
  });

  it('handles everything at once where the transport cannot pause', () => {
    const { clock, seen, add } = setUp({ canPause: false, waste: 100 });
    add(100);
    add(1);
    expect(seen()).to.equal('message 101');
    expect(clock.waitingForEndOfTurn).to.equal(0);
  });
});
