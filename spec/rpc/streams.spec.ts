// Streams from end to end, over one connection in memory: items, ends, errors and credit, in both directions.

import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';
import type { RpcStream } from '../../lib/rpc/remote-stream.js';
import {
  encodeArgumentEnd,
  encodeCredit,
  encodeItem,
  streamWindowBytes,
} from '../../lib/wire/call-message.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type LinkedSessions, type LinkOptions, linkSessions } from './linked-sessions.js';

class Feed {
  produced = 0;
  readonly log: unknown[] = [];
  readonly contexts: CallContext[] = [];

  @Rpc(Security.Authenticated)
  async *count(to: number, payload = ''): AsyncGenerator<[number, string]> {
    this.contexts.push(callContext());
    try {
      for (let index = 0; index < to; index++) {
        this.produced += 1;
        yield [index, payload];
      }
    } finally {
      this.log.push('finally');
    }
  }

  @Rpc()
  async *fail(code: string): AsyncGenerator<number> {
    yield 1;
    throw code === '' ? new Error('swordfish') : new RpcError(code, 'told', { why: 7 });
  }

  @Rpc()
  async *unsendable(): AsyncGenerator<unknown> {
    yield 1;
    yield () => 1;
  }

  @Rpc()
  async *hang(): AsyncGenerator<number> {
    const { signal } = callContext();
    this.contexts.push(callContext());
    try {
      yield 1;
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    } finally {
      this.log.push(['hang', signal.aborted, (signal.reason as SealwireError | undefined)?.code]);
    }
  }

  @Rpc(Security.None, { timeoutMs: 30 })
  async *hangBriefly(): AsyncGenerator<number> {
    yield* this.hang();
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  async sum(start: number, values: AsyncIterable<number>): Promise<number> {
    let sum = start;
    try {
      for await (const value of values) sum += value;
    } catch (error) {
      this.log.push((error as SealwireError).code);
      throw error;
    }
    return sum;
  }

  @Rpc()
  async first(values: AsyncIterable<unknown>): Promise<unknown> {
    for await (const value of values) return value;
    return 'none';
  }

  @Rpc()
  async firstThenWait(values: AsyncIterable<unknown>): Promise<unknown> {
    this.contexts.push(callContext());
    for await (const value of values) {
      this.log.push(value);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
    return 'late';
  }

  /** Takes nothing. */
  @Rpc()
  async keep(_values: AsyncIterable<unknown>): Promise<void> {
    const { signal } = callContext();
    this.contexts.push(callContext());
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }

  @Rpc(Security.None, { oneWay: true })
  note(_values: unknown): void {}

  @Rpc()
  async *double(values: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const value of values) yield value * 2;
  }

  @Rpc()
  unary(): AsyncIterable<number> {
    return this.fail('');
  }

  @Rpc()
  metadata(): unknown {
    const { metadata } = callContext();
    return [Object.isFrozen(metadata), { ...metadata }];
  }
}

async function* numbers(to: number, log: unknown[] = []): AsyncGenerator<number> {
  try {
    for (let index = 1; index <= to; index++) yield index;
  } finally {
    log.push('source finally');
  }
}

async function all<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const idle = { pendingCalls: 0, callsInFlight: 0, streams: 0 };

describe('rpc: streams', () => {
  nothingUncaught();

  let linked: LinkedSessions;
  let feed: Feed;
  const peer = () => linked.client.session.peer;
  const remote = () => peer().rpc<Feed>('Feed');

  async function link(options: LinkOptions = {}): Promise<void> {
    feed = new Feed();
    linked = await linkSessions({ serverServices: [feed], ...options });
  }

  async function nothingIsLeft(): Promise<void> {
    const loads = () => [linked.client.session.load, linked.server.session.load];
    await eventually('no call is left', () =>
      loads().every(({ pendingCalls, callsInFlight }) => pendingCalls + callsInFlight === 0),
    );
    expect(loads()).to.deep.equal([idle, idle]);
  }

  afterEach(async () => {
    await nothingIsLeft();
    await linked.stop();
  });

  it('gives the items of a generator in order, and its end', async () => {
    await link();
    expect(await all(remote().count(3, 'x'))).to.deep.equal([
      [0, 'x'],
      [1, 'x'],
      [2, 'x'],
    ]);
    expect([feed.log, feed.contexts[0]!.security]).to.deep.equal([['finally'], 2]);
    expect(feed.contexts[0]!.deadline).to.equal(undefined);
  });

  it('calls nobody before the first next()', async () => {
    await link();
    const stream = remote().count(3);
    await stream.return();
    expect((await stream.next()).done).to.equal(true);
    expect(linked.client.session.load.pendingCalls).to.equal(0);
    expect(feed.contexts).to.have.length(0);
  });

  it('has no method for the wrong kind of call', async () => {
    await link();
    expect(await outcomeOf(peer().invoke('Feed.count', [1]))).to.include({ code: 'INVALID_ARGUMENT' });
    expect(() => peer().stream('Feed.sum', [1]))
      .to.throw(SealwireError, 'invoke')
      .with.property('code', 'INVALID_ARGUMENT');
    expect(await codeOf(peer().rpc<{ gone(): number }>('Feed').gone())).to.equal('UNIMPLEMENTED');
    const gone = peer().rpc<{ gone(): AsyncGenerator<number> }>('Feed').gone();
    expect(await codeOf(all(gone))).to.equal('UNIMPLEMENTED');
  });

  it('never lets the producer run ahead by more than the window, whatever the consumer does', async () => {
    await link();
    const payload = 'x'.repeat(1000);
    const stream = remote().count(1_000_000, payload);
    const most = streamWindowBytes / 1000 + 2;
    let taken = 0;
    for await (const _ of stream) {
      taken += 1;
      expect(feed.produced - taken).to.be.below(most);
      if (taken % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (taken === 2000) break;
    }
    await eventually('its finally has run', () => feed.log.length === 1);
    expect(feed.produced).to.be.within(2000, 2000 + most);
  });

  it('holds memory flat while one item a turn is taken of a million, and a unary call is answered meanwhile', async () => {
    await link();
    const stream = remote().count(1_000_000, 'y'.repeat(4000));
    await stream.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(feed.produced).to.be.below(streamWindowBytes / 4000 + 2);
    const before = process.memoryUsage().heapUsed + process.memoryUsage().external;
    for (let turn = 0; turn < 3000; turn++) {
      await stream.next();
      if (turn % 500 === 0) expect(await peer().invoke('Feed.metadata')).to.deep.equal([true, {}]);
    }
    const grown = process.memoryUsage().heapUsed + process.memoryUsage().external - before;
    expect(grown).to.be.below(64 * 1024 * 1024);
    await stream.return();
  });

  it('reaches the finally of the producer by break, throw, abort, deadline and disconnect', async () => {
    await link();
    for await (const _ of remote().hang()) break;
    await eventually('break', () => feed.log.length === 1);
    await expectThrown(async () => {
      for await (const _ of remote().hang()) throw new Error('consumer');
    }, 'consumer');
    await eventually('throw', () => feed.log.length === 2);
    const controller = new AbortController();
    const aborted = all(peer().stream('Feed.hang', [], { signal: controller.signal }));
    await eventually('it runs', () => feed.contexts.length === 3);
    controller.abort();
    expect(await codeOf(aborted)).to.equal('CANCELLED');
    expect(getEventListeners(controller.signal, 'abort')).to.have.length(0);
    await eventually('abort', () => feed.log.length === 3);
    expect(await codeOf(all(peer().stream('Feed.hang', [], { timeoutMs: 20 })))).to.equal(
      'DEADLINE_EXCEEDED',
    );
    await eventually('deadline', () => feed.log.length === 4);
    expect(await codeOf(all(remote().hangBriefly()))).to.equal('DEADLINE_EXCEEDED');
    await eventually('deadline of the method', () => feed.log.length === 5);
    const lost = codeOf(all(remote().hang()));
    await eventually('it runs', () => feed.contexts.length === 6);
    linked.server.session.disconnect('going-away');
    expect(await lost).to.equal('CONNECTION_CLOSED');
    await eventually('disconnect', () => feed.log.length === 6);
    expect(feed.log.map((entry) => (entry as unknown[])[1])).to.deep.equal(Array(6).fill(true));
    expect(linked.server.events.filter(([kind]) => kind === 'failed')).to.deep.equal([]);
  });

  it('hands on an RpcError behind the items before it, and masks the rest', async () => {
    await link();
    const items: number[] = [];
    const outcome = await outcomeOf(
      (async () => {
        for await (const item of remote().fail('TOO_HOT')) items.push(item);
      })(),
    );
    expect(items).to.deep.equal([1]);
    expect(outcome).to.include({ code: 'TOO_HOT' }).and.have.nested.property('error.data.why', 7);
    for (const stream of [remote().fail(''), remote().unsendable()] as RpcStream<unknown>[]) {
      const masked = await outcomeOf(all(stream));
      expect(masked).to.include({ code: 'INTERNAL' });
      expect(String(masked.kind === 'failed' && masked.error.message)).not.to.include('swordfish');
    }
    expect(await codeOf(remote().unary() as unknown as Promise<unknown>)).to.equal('INTERNAL');
    expect(linked.server.events.filter(([kind]) => kind === 'failed')).to.have.length(3);
  });

  it('sends an argument item by item', async () => {
    await link();
    const log: unknown[] = [];
    expect(await remote().sum(100, numbers(500, log))).to.equal(100 + 125_250);
    expect(log).to.deep.equal(['source finally']);
  });

  it('stops the source when the method wants no more, or is through', async () => {
    await link();
    const log: unknown[] = [];
    expect(await remote().first(numbers(1e9, log))).to.equal(1);
    await eventually('the source has ended', () => log.length === 1);
    const late = remote().firstThenWait(numbers(1e9, log));
    await eventually('the source has ended before the answer', () => log.length === 2);
    expect(await late).to.equal('late');
    expect(await remote().first(numbers(0))).to.equal('none');
  });

  it('never lets the source run ahead of a method that does not take', async () => {
    await link();
    let produced = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (;;) {
        produced += 1;
        yield new Uint8Array(10_000);
      }
    }
    const taking = remote().firstThenWait(source());
    await eventually('the first is taken', () => feed.log.length === 1);
    expect(produced).to.be.within(1, streamWindowBytes / 10_000 + 3);
    await taking;
  });

  it('throws in the loop of the method what the source throws, told or masked, and keeps the cause here', async () => {
    await link();
    async function* broken(error: Error): AsyncGenerator<number> {
      yield 1;
      throw error;
    }
    const told = await outcomeOf(remote().sum(0, broken(new RpcError('SOURCE_DRY', 'told'))));
    expect(told).to.include({ code: 'SOURCE_DRY' });
    const cause = new Error('swordfish');
    const masked = await outcomeOf(remote().sum(0, broken(cause)));
    expect(masked).to.include({ code: 'INTERNAL' }).and.have.nested.property('error.cause', cause);
    expect(feed.log).to.deep.equal(['SOURCE_DRY', 'INTERNAL']);
  });

  it('ends the argument with the call: cancelled here, the loop there throws and the source stops', async () => {
    await link();
    const log: unknown[] = [];
    const controller = new AbortController();
    async function* slow(): AsyncGenerator<number> {
      try {
        for (;;) {
          yield 1;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        log.push('source finally');
      }
    }
    const call = codeOf(peer().invoke('Feed.sum', [0, slow()], { signal: controller.signal }));
    setTimeout(() => controller.abort(), 10);
    expect(await call).to.equal('CANCELLED');
    await eventually('both have ended', () => log.length === 1 && feed.log.length === 1);
    expect(feed.log).to.deep.equal(['CANCELLED']);
    expect(linked.server.events).to.deep.equal([]);
  });

  it('does both at once', async () => {
    await link();
    expect(await all(remote().double(numbers(300)))).to.deep.equal(
      Array.from({ length: 300 }, (_, index) => (index + 1) * 2),
    );
    const log: unknown[] = [];
    for await (const item of remote().double(numbers(1e9, log))) if (item === 20) break;
    await eventually('the source has ended', () => log.length === 1);
  });

  it('sends one stream with a call, and none with a one-way call', async () => {
    await link();
    for (const [method, ...args] of [
      ['sum', numbers(1), numbers(1)],
      ['note', numbers(1)],
    ]) {
      expect(await codeOf(peer().invoke(`Feed.${method}`, args))).to.equal('INVALID_ARGUMENT');
    }
  });

  it('limits the streams of a peer, of both kinds', async () => {
    await link({ limits: { maxStreams: 2 } });
    const [first, second, third] = [remote().hang(), remote().hang(), remote().hang()];
    await Promise.all([first.next(), second.next()]);
    expect(await codeOf(third.next())).to.equal('RESOURCE_EXHAUSTED');
    expect(await codeOf(remote().first(numbers(1)))).to.equal('RESOURCE_EXHAUSTED');
    await first.return();
    await eventually('there is room again', () => feed.log.length === 1);
    expect(await remote().first(numbers(1))).to.equal(1);
    expect(await codeOf(all(remote().double(numbers(1))))).to.equal('RESOURCE_EXHAUSTED');
    await second.return();
  });

  const limits = { maxDepth: 32, maxValues: 1000 };
  const quarter = encodeItem('argumentItem', 1, new Uint8Array(streamWindowBytes / 4), limits);
  const forbidden: [string, number, Uint8Array][] = [
    ['items beyond its credit', 5, quarter],
    ['credit for a value', 1, encodeCredit('credit', 1, 1)],
    ['an argument end, and an item behind it', 2, encodeArgumentEnd(1, undefined, limits)],
  ];
  for (const [what, times, message] of forbidden) {
    it(`ends the connection of a peer that sends ${what}`, async () => {
      await link();
      const call = codeOf(remote().keep(hanging()));
      await eventually('it runs', () => feed.contexts.length === 1);
      for (let time = 1; time < times; time++) linked.client.connection.send(3, message.slice());
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(linked.server.events).to.deep.equal([]);
      linked.client.connection.send(3, message.slice());
      expect(await call).to.equal('CONNECTION_CLOSED');
      expect(linked.server.events.at(-1)?.[1]).to.equal('PROTOCOL_ERROR');
    });
  }

  for (const flags of [0, 1]) {
    it(`ends the connection over an item with the flags ${flags} of a call with 3`, async () => {
      await link();
      const call = codeOf(peer().invoke('Feed.sum', [0, hanging()]));
      await eventually('it runs', () => linked.server.session.load.callsInFlight === 1);
      linked.client.connection.send(
        flags,
        encodeItem('argumentItem', 1, 7, { maxDepth: 32, maxValues: 1000 }),
      );
      expect(await call).to.equal('CONNECTION_CLOSED');
      expect(linked.server.events.at(-1)?.[1]).to.equal('PROTOCOL_ERROR');
      expect(feed.log).to.deep.equal(['PROTOCOL_ERROR']);
    });
  }

  it('carries metadata, frozen, and none by default', async () => {
    await link();
    const metadata = { 'trace-id': '7', raw: new Uint8Array([1, 2]) };
    expect(await peer().invoke('Feed.metadata', [], { metadata })).to.deep.equal([true, metadata]);
    expect(await peer().invoke('Feed.metadata')).to.deep.equal([true, {}]);
    expect(await codeOf(peer().invoke('Feed.metadata', [], { metadata: { UPPER: '' } }))).to.equal(
      'INVALID_ARGUMENT',
    );
  });
});

/** Never gives anything, and stops when it is told to. */
function hanging(): AsyncIterable<never> {
  return {
    [Symbol.asyncIterator]: () => {
      let stop = (_: IteratorResult<never>): void => undefined;
      return {
        next: () => new Promise((resolve) => (stop = resolve)),
        return: async () => {
          stop({ done: true, value: undefined });
          return { done: true, value: undefined };
        },
      };
    },
  };
}

async function expectThrown(run: () => Promise<void>, message: string): Promise<void> {
  const error = await run().catch((thrown: unknown) => thrown);
  expect(error).to.be.instanceOf(Error).with.property('message', message);
}
