// The two ends of a stream by themselves: what credit lets through, what runs when, and what is refused.

import { expect } from 'chai';
import { discard } from '../../lib/base/discard.js';
import { SealwireError } from '../../lib/base/errors.js';
import { IncomingStream } from '../../lib/rpc/incoming-stream.js';
import { OutgoingStream, type StreamSink } from '../../lib/rpc/outgoing-stream.js';
import { streamWindowBytes } from '../../lib/wire/call-message.js';
import { ManualClock } from '../support/manual-clock.js';
import { codeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const quarter = streamWindowBytes / 4;

function incoming() {
  const given: number[] = [];
  let stops = 0;
  const stream = new IncomingStream({ giveBack: (bytes) => given.push(bytes), stop: () => void stops++ });
  return { stream, given, stops: () => stops };
}

describe('rpc/incoming-stream', () => {
  nothingUncaught();

  it('gives items in order, to those who wait and to those who come later', async () => {
    const { stream } = incoming();
    const early = [stream.next(), stream.next()];
    for (const value of [1, 2, 3]) stream.item(value, 10);
    stream.end();
    expect(await Promise.all(early)).to.deep.equal([1, 2].map((value) => ({ done: false, value })));
    expect(await stream.next()).to.deep.equal({ done: false, value: 3 });
    expect([await stream.next(), await stream.next()]).to.deep.equal([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
  });

  it('gives credit back for what was taken, not before, in quarters of the window at least', async () => {
    const { stream, given } = incoming();
    for (let index = 0; index < 3; index++) stream.item(index, quarter / 2);
    expect(given).to.deep.equal([]);
    await stream.next();
    expect(given).to.deep.equal([]);
    await stream.next();
    expect(given).to.deep.equal([quarter]);
    await stream.next();
    expect(given).to.deep.equal([quarter]);
  });

  it('takes one item beyond the window, and refuses the next until credit went back', async () => {
    const { stream, given } = incoming();
    stream.item(1, streamWindowBytes - 1);
    stream.item(2, 1000);
    expect(() => stream.item(3, 1))
      .to.throw(SealwireError, 'credit')
      .with.property('code', 'PROTOCOL_ERROR');
    await stream.next();
    expect(given).to.deep.equal([streamWindowBytes - 1]);
    stream.item(3, streamWindowBytes);
    expect(() => stream.item(4, 1)).to.throw(SealwireError, 'credit');
  });

  it('gives out what came before the error of the peer, then the error, once', async () => {
    const { stream, stops } = incoming();
    stream.item('first', 1);
    stream.end({ error: new SealwireError('NOT_FOUND', 'gone') });
    expect((await stream.next()).value).to.equal('first');
    expect(await codeOf(stream.next())).to.equal('NOT_FOUND');
    expect((await stream.next()).done).to.equal(true);
    expect(stops()).to.equal(0);
  });

  it('gives out nothing but the error when the call ends on this side', async () => {
    const { stream } = incoming();
    stream.item('unread', 1);
    stream.abort(new SealwireError('CANCELLED', 'no'));
    expect(await codeOf(stream.next())).to.equal('CANCELLED');
    expect((await stream.next()).done).to.equal(true);
    const waiting = incoming();
    const next = codeOf(waiting.stream.next());
    waiting.stream.abort(new SealwireError('CANCELLED', 'no'));
    expect(await next).to.equal('CANCELLED');
  });

  it('tells the peer once when the consumer leaves its loop, and drops what comes then', async () => {
    for (const leave of ['return', 'throw'] as const) {
      const { stream, stops } = incoming();
      stream.item(1, 1);
      const outcome = leave === 'return' ? stream.return() : stream.throw(new SealwireError('ABORTED', ''));
      expect(await codeOf(outcome)).to.equal(leave === 'return' ? 'answered' : 'ABORTED');
      await stream.return();
      stream.item(2, streamWindowBytes);
      stream.item(3, streamWindowBytes);
      expect((await stream.next()).done).to.equal(true);
      expect(stops()).to.equal(1);
    }
    const over = incoming();
    over.stream.end();
    await over.stream.return();
    expect(over.stops()).to.equal(0);
  });
});

function outgoing(iterator: AsyncIterator<unknown>, options: { bytes?: number; full?: () => boolean } = {}) {
  const log: unknown[] = [];
  const clock = new ManualClock();
  const rooms: (() => void)[] = [];
  const sink: StreamSink = {
    encode: (value) => {
      if (value === 'bad') throw new SealwireError('INVALID_ARGUMENT', 'bad');
      log.push(value);
      return new Uint8Array(options.bytes ?? 10);
    },
    // As a connection does with what is sealed.
    send: (message) => {
      discard(message);
      return true;
    },
    room: () => (options.full?.() ? new Promise((resolve) => rooms.push(resolve)) : undefined),
    enter: (step) => step(),
    ended: () => log.push('ended'),
    failed: (error) => log.push(['failed', (error as Error).message]),
    unsendable: (error) => log.push(['unsendable', (error as Error).message]),
    cleanupFailed: (error) => log.push(['cleanup', (error as Error).message]),
    finished: () => log.push('finished'),
  };
  const stream = new OutgoingStream(iterator, sink, clock);
  stream.start();
  return { stream, log, clock, rooms };
}

async function* counting(log: unknown[] = [], most = Number.POSITIVE_INFINITY): AsyncGenerator<number> {
  try {
    for (let count = 1; count <= most; count++) yield count;
  } finally {
    log.push('finally');
  }
}

describe('rpc/outgoing-stream', () => {
  nothingUncaught();

  it('sends what there is, then its end', async () => {
    const { log } = outgoing(counting([], 3));
    await turn();
    expect(log).to.deep.equal([1, 2, 3, 'ended', 'finished']);
  });

  it('drives the iterator while there is credit, and again when it comes back', async () => {
    const { stream, log } = outgoing(counting(), { bytes: quarter });
    await turn();
    expect(log).to.deep.equal([1, 2, 3, 4]);
    stream.giveBack(quarter);
    await turn();
    expect(log).to.deep.equal([1, 2, 3, 4, 5]);
    stream.stop();
  });

  it('overshoots by one item, and then waits until it is out of debt', async () => {
    const { stream, log } = outgoing(counting(), { bytes: streamWindowBytes - 1 });
    await turn();
    expect(log).to.deep.equal([1, 2]);
    stream.giveBack(streamWindowBytes - 2);
    await turn();
    expect(log).to.deep.equal([1, 2]);
    stream.giveBack(1);
    await turn();
    expect(log).to.deep.equal([1, 2, 3]);
    stream.stop();
  });

  it('refuses credit for what was not sent', async () => {
    const { stream } = outgoing(counting(), { bytes: quarter });
    await turn();
    expect(() => stream.giveBack(streamWindowBytes + 1))
      .to.throw(SealwireError)
      .with.property('code', 'PROTOCOL_ERROR');
    stream.stop();
  });

  it('lets others have their turn behind 64 items', async () => {
    const { stream, log, clock } = outgoing(counting());
    await turn();
    expect(log).to.have.length(64);
    clock.endTurn();
    await turn();
    expect(log).to.have.length(128);
    stream.stop();
    clock.endTurn();
  });

  it('does not run the producer while the send buffer is full', async () => {
    let full = true;
    const { stream, log, rooms } = outgoing(counting([], 2), { full: () => full });
    await turn();
    expect(log).to.deep.equal([]);
    full = false;
    rooms[0]!();
    await turn();
    expect(log).to.deep.equal([1, 2, 'ended', 'finished']);
    stream.stop();
  });

  it('runs the finally of a producer that is stopped while it waits for credit, and nothing else', async () => {
    const { stream, log } = outgoing(counting([], 1e9), { bytes: streamWindowBytes });
    await turn();
    const iteratorLog: unknown[] = [];
    const other = outgoing(counting(iteratorLog), { bytes: streamWindowBytes });
    await turn();
    other.stream.stop();
    other.stream.stop();
    await turn();
    expect(iteratorLog).to.deep.equal(['finally']);
    expect(other.log).to.deep.equal([1, 'finished']);
    expect(log).to.deep.equal([1]);
    stream.stop();
  });

  it('calls return() of an iterator whose next() is pending, and sends nothing of what that gives', async () => {
    let give = (_: IteratorResult<unknown>): void => undefined;
    let returns = 0;
    const { stream, log } = outgoing({
      next: () => new Promise((resolve) => (give = resolve)),
      return: async () => {
        returns += 1;
        give({ done: false, value: 'late' });
        return { done: true, value: undefined };
      },
    });
    await turn();
    stream.stop();
    await turn();
    expect([returns, log]).to.deep.equal([1, ['finished']]);
  });

  it('tells of an iterator that throws, and does not call it again', async () => {
    let returns = 0;
    const { log } = outgoing({
      next: () => Promise.reject(new Error('broken')),
      return: async () => {
        returns += 1;
        return { done: true, value: undefined };
      },
    });
    await turn();
    expect([returns, log]).to.deep.equal([0, [['failed', 'broken'], 'finished']]);
  });

  it('tells of an item that cannot be sent, and runs the finally', async () => {
    const iteratorLog: unknown[] = [];
    const { log } = outgoing(
      (async function* () {
        try {
          yield 'bad';
        } finally {
          iteratorLog.push('finally');
        }
      })(),
    );
    await turn();
    expect([iteratorLog, log]).to.deep.equal([['finally'], [['unsendable', 'bad'], 'finished']]);
  });

  it('tells of a finally that throws', async () => {
    const { stream, log } = outgoing(
      (async function* () {
        try {
          yield 1;
          await new Promise(() => undefined);
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: a finally that throws is what is tested
          throw new Error('twice');
        }
      })(),
      { bytes: streamWindowBytes },
    );
    await turn();
    stream.stop();
    await turn();
    expect(log).to.deep.equal([1, ['cleanup', 'twice'], 'finished']);
  });
});
