// Interceptors that hang, leave early, come late or close nothing: every call settles once, and nothing of it goes on.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import type { ReconnectOptions } from '../../lib/manager/reconnect.js';
import type { InterceptedAnswer, Interceptor } from '../../lib/rpc/interceptor.js';
import { sessionOf } from '../../lib/rpc/peer.js';
import type { PairOptions } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Ledger } from './ledger.js';
import { nothingLeftBehind } from './left-behind.js';
import { type Post, type PostPair, startPosts } from './post.js';

const forever = (): Promise<never> => new Promise(() => {});
const soon: ReconnectOptions = { initialDelayMs: 1, maxDelayMs: 5 };

describe('manager: interceptors and the end of calls', () => {
  nothingUncaught();
  let pair: PostPair;
  let post: Post;
  const start = async (options?: PairOptions): Promise<PostPair> => {
    pair = await startPosts(options);
    post = pair.post;
    return pair;
  };
  /** Calls of either direction that the server has not done with; the client's likewise. */
  const loads = () =>
    [pair.peer, pair.client.connection!].map((peer) => {
      const { pendingCalls, callsInFlight } = sessionOf(peer).load;
      return pendingCalls + callsInFlight;
    });
  afterEach(() => pair.stop());
  nothingLeftBehind();

  describe('on the calling side', () => {
    const hangs: readonly (readonly [how: string, Interceptor])[] = [
      ['before next()', forever],
      [
        'behind next()',
        async (_call, next) => {
          await next();
          return forever();
        },
      ],
      [
        'behind a failure of next()',
        async (_call, next) => {
          await next().catch(() => undefined);
          return forever();
        },
      ],
    ];
    for (const [how, interceptor] of hangs) {
      it(`that hang ${how} are waited for until the deadline, the abort or the end`, async () => {
        const { client, server, peer } = await start();
        client.use({ outgoing: interceptor });
        server.use({ outgoing: interceptor });
        for (const proxy of [
          client.rpc<Post>('Post', { timeoutMs: 20 }),
          peer.rpc<Post>('Post', { timeoutMs: 20 }),
        ]) {
          expect(await codeOf(proxy.send(1))).to.equal('DEADLINE_EXCEEDED');
          expect(await codeOf(proxy.hang())).to.equal('DEADLINE_EXCEEDED');
        }
        const abort = new AbortController();
        const { signal } = abort;
        const calls = [
          client.rpc<Post>('Post', { signal }).send(1),
          client.rpc<Post>('Post', { signal }).hang(),
          peer.rpc<Post>('Post', { signal }).hang(),
          client.rpc<Post>('Post', { signal }).count().next(),
          peer.rpc<Post>('Post', { signal }).stall().next(),
        ].map(codeOf);
        await nextTurn();
        abort.abort();
        const isHungLate = how !== 'before next()';
        const codes = await Promise.all(calls);
        expect(codes).to.deep.equal(codes.map(() => 'CANCELLED'));
        if (isHungLate) {
          await eventually(
            'the method ended',
            () => post.log.filter((line) => line.startsWith('hang:')).length === 2,
          );
          expect(post.log).to.include('hang: CANCELLED');
        }
        await eventually('all is done', () => loads().every((load) => load === 0));

        const left = [client.rpc<Post>('Post').send(1), peer.rpc<Post>('Post').hang()].map(codeOf);
        const leftStream = codeOf(peer.rpc<Post>('Post').count().next());
        await nextTurn();
        await client.stop();
        expect(await Promise.all([...left, leftStream])).to.deep.equal(Array(3).fill('CONNECTION_CLOSED'));
      });
    }

    it('may make something of a deadline in the turn in which it passes', async () => {
      const { client } = await start();
      const seen: unknown[] = [];
      client.use({
        outgoing: async (call, next) => {
          try {
            return await next();
          } catch (error) {
            seen.push((error as SealwireError).code, call.signal.aborted);
            return 'cached';
          }
        },
      });
      expect(await client.rpc<Post>('Post', { timeoutMs: 20 }).hang()).to.equal('cached');
      expect(seen).to.deep.equal(['DEADLINE_EXCEEDED', true]);
      await eventually('it ended', () => post.log.length === 2);
    });

    it('that answer without waiting for next() cancel what it began, and cannot begin more', async () => {
      const { client } = await start();
      let late: InterceptedAnswer | undefined;
      let goOn = (): void => undefined;
      client.use({
        outgoing: async (_call, next) => {
          void next();
          goOn = () => {
            late = next();
          };
          return 'early';
        },
      });
      expect(await client.rpc<Post>('Post').hang()).to.equal('early');
      await eventually('it was cancelled', () => post.log.includes('hang: CANCELLED'));
      goOn();
      expect(await outcomeOf(late!)).to.include({ kind: 'failed', code: 'CANCELLED' });

      expect(await client.rpc<Post>('Post').send(1)).to.equal('early');
      await nextTurn();
      goOn();
      expect(await codeOf(late!)).to.be.oneOf(['INVALID_STATE', 'CANCELLED']);
      expect(post.log.filter((line) => line === 'hang')).to.have.length(1);
    });

    it('that are blocked are left at once by whoever leaves a stream', async () => {
      const { client } = await start();
      const ends: string[] = [];
      client.use({
        outgoing: async function* (_call, next) {
          try {
            for await (const item of next()) yield item;
          } catch (error) {
            ends.push((error as SealwireError).code);
            throw error;
          } finally {
            ends.push('finally');
          }
        },
      });
      const stream = client.rpc<Post>('Post').stall();
      expect((await stream.next()).value).to.equal(1);
      const blocked = stream.next();
      expect(await stream.return()).to.deep.equal({ done: true, value: undefined });
      expect(await blocked).to.deep.equal({ done: true, value: undefined });
      expect(ends).to.deep.equal(['CANCELLED', 'finally']);
      await eventually('it ended there', () => post.log.includes('stall ended'));
      expect(await stream.next()).to.deep.equal({ done: true, value: undefined });
    });

    it('end what they have wrapped, and the method, with break, with throw, and when they close nothing', async () => {
      const { client } = await start();
      const ends: string[] = [];
      client.use({
        outgoing: async function* (_call, next) {
          try {
            yield* next();
          } finally {
            ends.push('wrapper');
          }
        },
      });
      for await (const item of client.rpc<Post>('Post').count()) if (item === 3) break;
      const thrown = outcomeOf(
        (async () => {
          for await (const _ of client.rpc<Post>('Post').count())
            throw new SealwireError('ABORTED', 'enough');
        })(),
      );
      expect(await thrown).to.include({ code: 'ABORTED' });
      expect(ends).to.deep.equal(['wrapper', 'wrapper']);
      await eventually('both ended', () => post.log.length === 2);

      client.use({
        outgoing: async function* (_call, next) {
          const iterator = next()[Symbol.asyncIterator]();
          yield (await iterator.next()).value;
        },
      });
      const taken: unknown[] = [];
      for await (const item of client.rpc<Post>('Post').count()) taken.push(item);
      expect(taken).to.deep.equal([1]);
      await eventually('it ended, too', () => post.log.length === 3);
      await eventually('all is done', () => loads().every((load) => load === 0));
    });

    it('give out what came before the connection ended', async () => {
      const { client } = await start();
      client.use({
        outgoing: async function* (_call, next) {
          for await (const item of next()) yield item;
        },
      });
      const stream = client.rpc<Post>('Post').stall();
      await stream.next();
      const items = client.rpc<Post>('Post').count();
      await items.next();
      await nextTurn();
      await nextTurn();
      await client.stop();
      const rest: unknown[] = [];
      const end = await outcomeOf(
        (async () => {
          for await (const item of items) rest.push(item);
        })(),
      );
      expect(rest).to.have.length.greaterThan(1);
      expect(rest[0]).to.equal(2);
      expect(end).to.include({ code: 'CONNECTION_CLOSED' });
      expect(await codeOf(stream.next())).to.equal('CONNECTION_CLOSED');
    });

    it('see no call on a connection that has ended', async () => {
      const { client, server, peer } = await start();
      let seen = 0;
      const hanging = {
        outgoing: () => {
          seen += 1;
          return forever();
        },
      };
      server.use(hanging);
      client.use(hanging);
      await client.stop();
      await eventually('it is gone', () => server.clients.size === 0);
      for (const proxy of [peer.rpc<Post>('Post'), client.rpc<Post>('Post')]) {
        expect(await codeOf(proxy.send(1))).to.equal('CONNECTION_CLOSED');
        expect(await codeOf(proxy.count().next())).to.equal('CONNECTION_CLOSED');
      }
      expect(seen).to.equal(0);
    });

    it('are given time by stop({ drainMs })', async () => {
      const { server, peer } = await start();
      let goOn = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      server.use({
        outgoing: async (_call, next) => {
          await held;
          return next();
        },
      });
      const call = peer.rpc<Post>('Post').send(4);
      const stopped = server.stop({ drainMs: 5000 });
      await nextTurn();
      goOn();
      expect(await call).to.equal(4);
      await stopped;
    });
  });

  describe('on the serving side', () => {
    it('that hang are waited for until the deadline of the call', async () => {
      const { server, client } = await start();
      let seen: AbortSignal | undefined;
      server.use({
        incoming: (call) => {
          seen = call.signal;
          return new Promise((resolve) => call.signal.addEventListener('abort', resolve));
        },
      });
      expect(await codeOf(client.rpc<Post>('Post', { timeoutMs: 20 }).send(1))).to.equal('DEADLINE_EXCEEDED');
      await eventually('it was aborted', () => seen?.aborted === true);
      await eventually('nothing runs', () => loads().every((load) => load === 0));
      expect(post.log).to.deep.equal([]);
    });

    it('run no method behind the end of the call', async () => {
      const { server, client } = await start();
      let goOn = (): void => undefined;
      server.use({
        incoming: async (_call, next) => {
          await new Promise<void>((resolve) => {
            goOn = resolve;
          });
          return next();
        },
      });
      const failed: unknown[] = [];
      server.on('callFailed', (...failure) => failed.push(failure));
      const abort = new AbortController();
      for (const begin of [
        () => client.rpc<Post>('Post', { signal: abort.signal }).send(1),
        () => client.rpc<Post>('Post', { timeoutMs: 20 }).send(1),
        () => client.rpc<Post>('Post', { timeoutMs: 20 }).count().next(),
      ]) {
        const call = codeOf(begin());
        await eventually('it is there', () => loads()[0]! > 0);
        abort.abort();
        expect(await call).to.be.oneOf(['CANCELLED', 'DEADLINE_EXCEEDED']);
        await nextTurn();
        goOn();
        await eventually('nothing runs', () => loads().every((load) => load === 0));
      }
      expect([post.log, failed]).to.deep.equal([[], []]);
    });

    it('run a method once: a second next() fails, and is told as a failure', async () => {
      const { server, client } = await start();
      const failed: unknown[] = [];
      server.on('callFailed', (_peer, _method, error) => failed.push((error as SealwireError).code));
      server.use({
        incoming: async (_call, next) => {
          await next();
          return next();
        },
      });
      expect(await codeOf(client.rpc<Post>('Post').send(1))).to.equal('INTERNAL');
      expect([post.log, failed]).to.deep.equal([['send 1'], ['INVALID_STATE']]);
    });

    it('run no method behind an answer of their own', async () => {
      const { server, client } = await start();
      let late: InterceptedAnswer | undefined;
      server.use({
        incoming: (_call, next) => {
          setImmediate(() => {
            late = next();
          });
          return 'early';
        },
      });
      expect(await client.rpc<Post>('Post').send(1)).to.equal('early');
      await eventually('it went on', () => late !== undefined);
      expect(await outcomeOf(late!)).to.include({ code: 'INVALID_STATE', reason: 'interceptor' });
      expect(post.log).to.deep.equal([]);
    });

    it('that answer without their method tell it to stop, and it counts until it has', async () => {
      const { server, client } = await start();
      let late: InterceptedAnswer | undefined;
      server.use({
        incoming: (call, next) => {
          const answer = next();
          if (call.method === 'Post.send')
            setImmediate(() => {
              late = next();
            });
          return call.method === 'Post.hang' ? Promise.race([answer, 'early']) : answer;
        },
      });
      expect(await client.rpc<Post>('Post').hang()).to.equal('early');
      expect(post.log).to.deep.equal(['hang']);
      expect(sessionOf(pair.peer).load.callsInFlight).to.equal(1);
      await eventually('it has ended', () => post.log.includes('hang: CANCELLED'));
      await eventually('it counts no more', () => sessionOf(pair.peer).load.callsInFlight === 0);
      await client.rpc<Post>('Post').send(1);
      await eventually('it went on', () => late !== undefined);
      expect(await codeOf(late!)).to.equal('INVALID_STATE');
    });

    it("close the method's stream whatever they do with it", async () => {
      const { server, client } = await start();
      const wraps: Record<string, Interceptor> = {
        // Leaves without closing.
        first: async function* (_call, next) {
          yield (await next()[Symbol.asyncIterator]().next()).value;
        },
        // Asks and looks at nothing.
        none: (_call, next) => {
          void next();
          return (async function* () {})();
        },
        garbage: async (_call, next) => {
          await next()[Symbol.asyncIterator]().next();
          return 7;
        },
        fails: async function* (_call, next) {
          const iterator = next()[Symbol.asyncIterator]();
          yield (await iterator.next()).value;
          throw new Error('enough');
        },
        // Has no return().
        cannotClose: (_call, next) => {
          const iterator = next()[Symbol.asyncIterator]();
          return { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) };
        },
        passes: (_call, next) => next(),
      };
      let wrap: Interceptor = wraps.passes!;
      server.use({ incoming: (call, next) => wrap(call, next) });
      for (const [name, interceptor] of Object.entries(wraps)) {
        wrap = interceptor;
        post.log.length = 0;
        const taken: unknown[] = [];
        const end = await codeOf(
          (async () => {
            for await (const item of client.rpc<Post>('Post').count()) if (taken.push(item) === 2) break;
          })(),
        );
        expect([name, end, taken]).to.deep.equal([
          name,
          name === 'garbage' || name === 'fails' ? 'INTERNAL' : 'answered',
          name === 'passes' || name === 'cannotClose'
            ? [1, 2]
            : name === 'none' || name === 'garbage'
              ? []
              : [1],
        ]);
        if (name !== 'none') await eventually(`it ended: ${name}`, () => post.log.length === 1);
        await eventually(`nothing runs: ${name}`, () => loads().every((load) => load === 0));
      }
    });

    it('that are blocked on a method end with their call', async () => {
      const { server, client } = await start();
      const ends: unknown[] = [];
      server.use({
        incoming: async function* (_call, next) {
          try {
            for await (const item of next()) yield item;
          } finally {
            ends.push('finally');
          }
        },
      });
      for await (const _ of client.rpc<Post>('Post').stall()) break;
      await eventually('it ended', () => post.log.includes('stall ended') && ends.length === 1);
      const late = client.rpc<Post>('Post', { timeoutMs: 20 }).stall();
      await late.next();
      expect(await codeOf(late.next())).to.equal('DEADLINE_EXCEEDED');
      await eventually('it ended, too', () => post.log.length === 2 && ends.length === 2);
      await eventually('nothing runs', () => loads().every((load) => load === 0));
    });
  });

  describe('and reconnection', () => {
    const cutPair = async (reconnect: ReconnectOptions) => {
      const ledger = new Ledger();
      await start({
        scheme: 'tcp',
        services: [ledger],
        client: { reconnect },
        intercept: ({ bytes }) => [bytes],
      });
      const seen: string[] = [];
      pair.client.use({
        outgoing: async (call, next) => {
          seen.push(call.method);
          try {
            return await next();
          } finally {
            seen.push(`${call.method} over`);
          }
        },
      });
      return { ledger, seen, ...pair, cut: () => pair.relay!.cut() };
    };

    it('see a call once that waits for a connection, or is repeated on the next one', async () => {
      const { client, ledger, seen, cut } = await cutPair(soon);
      const note = client.rpc(Ledger).note(1);
      await eventually('it runs', () => ledger.runs.get(1) === 1);
      cut();
      await eventually('it runs again', () => ledger.runs.get(1) === 2);
      ledger.release();
      expect(await note).to.equal(1);
      expect(seen).to.deep.equal(['Ledger.note', 'Ledger.note over']);
      seen.length = 0;
      cut();
      await eventually('away', () => client.state !== 'ready');
      const waiting = client.rpc<Ledger>('Ledger').enter(7);
      expect(seen).to.deep.equal(['Ledger.enter']);
      const stream = client.rpc<Ledger>('Ledger').count(2);
      const items: number[] = [];
      for await (const item of stream) items.push(item);
      expect(items).to.deep.equal([1, 2]);
      expect(await waiting).to.equal(7);
      expect(seen.filter((line) => line === 'Ledger.enter')).to.have.length(1);
      expect(seen.filter((line) => line === 'Ledger.count')).to.have.length(1);
    });

    it('end with the client, wherever they are', async () => {
      const { client, cut } = await cutPair({ initialDelayMs: 3_600_000, maxDelayMs: 3_600_000, jitter: 0 });
      client.use({ outgoing: (call, next) => (call.args[0] === 1 ? next() : forever()) });
      cut();
      await eventually('away', () => client.state === 'reconnecting');
      const calls = [1, 2].map((entry) => codeOf(client.rpc<Ledger>('Ledger').enter(entry)));
      await client.stop();
      expect(await Promise.all(calls)).to.deep.equal(['CONNECTION_CLOSED', 'CONNECTION_CLOSED']);
    });
  });
});
