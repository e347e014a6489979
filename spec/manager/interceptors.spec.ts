// Interceptors between real managers: in both directions, under all flags, around calls and streams, for one and for many.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { RpcError } from '../../lib/base/errors.js';
import type { NetworkingManager } from '../../lib/manager/node.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';
import type { IncomingCall, InterceptedCall, Interceptor, OutgoingCall } from '../../lib/rpc/interceptor.js';
import type { PairOptions } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { crowdOf, Hud } from './crowd-of.js';
import { nothingLeftBehind } from './left-behind.js';
import { Post, type PostPair, startPosts } from './post.js';

/** Written down, and passed on as they are. */
function watch(manager: NetworkingManager): InterceptedCall[] {
  const calls: InterceptedCall[] = [];
  manager.use((call, next) => {
    calls.push(call);
    return next();
  });
  return calls;
}

const take = async (items: AsyncIterable<unknown>, count: number): Promise<unknown[]> => {
  const taken: unknown[] = [];
  for await (const item of items) if (taken.push(item) === count) break;
  return taken;
};

async function* from(...values: number[]): AsyncGenerator<number> {
  yield* values;
}

const flagsOf = [0, 1, 2, 3] as const;

describe('manager: interceptors', () => {
  nothingUncaught();
  let pair: PostPair;
  let post: Post;
  let clientPost: Post;
  const start = async (options?: PairOptions): Promise<PostPair> => {
    pair = await startPosts(options);
    ({ post, clientPost } = pair);
    return pair;
  };
  afterEach(() => pair.stop());
  nothingLeftBehind();

  for (const direction of ['to the server', 'to a client'] as const) {
    for (const security of flagsOf) {
      it(`see calls and streams ${direction} on both ends (flags ${security})`, async () => {
        const { server, client, peer } = await start({ scheme: security === 0 ? 'ws' : 'memory' });
        const [caller, callee] = direction === 'to the server' ? [client, server] : [server, client];
        const made = watch(caller);
        const served = watch(callee);
        const there = direction === 'to the server' ? post : clientPost;
        const options = { security, metadata: { trace: 't1' }, timeoutMs: 5000 };
        const proxy = (direction === 'to the server' ? client : peer).rpc<Post>('Post', options);

        expect(await proxy.send(5)).to.equal(5);
        await proxy.drop(6);
        expect(await take(proxy.count(), 2)).to.deep.equal([1, 2]);
        expect(await proxy.sum(from(1, 2, 3))).to.equal(6);
        await eventually('it ended', () => there.log.includes('count ended'));

        const kinds = (calls: readonly InterceptedCall[]) =>
          calls.map(({ method, oneWay, streaming }) => [method, oneWay, streaming]);
        const expected = [
          ['Post.send', false, false],
          ['Post.drop', true, false],
          ['Post.count', false, true],
          ['Post.sum', false, false],
        ];
        expect(kinds(made)).to.deep.equal(expected);
        expect(kinds(served)).to.deep.equal(expected);
        const theOther = direction === 'to the server' ? client.connection : peer;
        const theCaller = direction === 'to the server' ? peer : client.connection;
        for (const call of made) {
          expect(call).to.include({ direction: 'outgoing', security, peer: theOther, idempotent: false });
          expect(call.metadata).to.deep.include({ trace: 't1' });
          expect(call.deadline).to.be.instanceOf(Date);
        }
        for (const call of served) {
          expect(call).to.include({ direction: 'incoming', peer: theCaller });
          expect(call.security & security).to.equal(security);
          expect((call as IncomingCall).context).to.include({
            security: call.security,
            metadata: call.metadata,
          });
          expect(call.metadata).to.deep.include({ trace: 't1' });
        }
        expect(made[0]!.args).to.deep.equal([5]);
        expect(there.contexts).to.deep.equal(
          served.slice(0, 3).map((call) => (call as IncomingCall).context),
        );
      });
    }

    it(`change arguments, metadata, results and items ${direction}`, async () => {
      const { server, client, peer } = await start();
      const [caller, callee] = direction === 'to the server' ? [client, server] : [server, client];
      const there = direction === 'to the server' ? post : clientPost;
      const proxy = (direction === 'to the server' ? client : peer).rpc<Post>('Post');
      const plus =
        (added: number): Interceptor =>
        (call, next) => {
          if (call.streaming) {
            return (async function* () {
              for await (const item of next()) yield Number(item) + added;
            })();
          }
          const [first] = call.args;
          if (call.method === 'Post.sum') {
            const values = first as AsyncIterable<number>;
            const more = (async function* () {
              for await (const value of values) yield value + added;
            })();
            return next({ args: [more] });
          }
          return next({ args: [Number(first) + added] });
        };
      caller.use({
        outgoing: (_call, next) => next({ metadata: { user: 'ada', bytes: Uint8Array.of(1, 2) } }),
      });
      caller.use({ outgoing: plus(10) });
      callee.use({ incoming: plus(20) });
      expect(await proxy.send(1)).to.equal(31);
      expect(await take(proxy.count(), 2)).to.deep.equal([31, 32]);
      expect(await proxy.sum(from(1, 2))).to.equal(63);
      expect(there.contexts[0]!.metadata).to.deep.equal(
        Object.assign(Object.create(null), { user: 'ada', bytes: Uint8Array.of(1, 2) }),
      );
      await eventually('it ended', () => there.log.includes('count ended'));
    });
  }

  it('are asked by every way to call, once', async () => {
    const { server, client, peer } = await start();
    const made = watch(client);
    const madeByServer = watch(server).filter(({ direction }) => direction === 'outgoing');
    await client.rpc(Post).send(1);
    await client.invokeServerRpc('Post.send', [2]);
    await client.connection!.rpc<Post>('Post').send(3);
    await client.connection!.invoke('Post.send', [4]);
    await take(client.connection!.stream('Post.count'), 1);
    expect(made.map(({ method, args }) => `${method} ${args}`)).to.deep.equal([
      'Post.send 1',
      'Post.send 2',
      'Post.send 3',
      'Post.send 4',
      'Post.count ',
    ]);
    const seen: InterceptedCall[] = [];
    server.use({
      outgoing: (call, next) => {
        seen.push(call);
        return next();
      },
    });
    await peer.rpc<Post>('Post').send(1);
    await server.invokeClientRpc(peer, 'Post.send', [2]);
    await server.invokeClientRpc(peer.id, 'Post.send', [3]);
    await server.everyone().rpc(Post).send(4);
    await server.invokeClientRpc(server.everyone(), 'Post.send', [5]);
    expect(seen.map(({ args }) => args[0])).to.deep.equal([1, 2, 3, 4, 5]);
    expect(madeByServer).to.deep.equal([]);
  });

  it('are not asked for a stream that nobody reads, and for calls that cannot be made', async () => {
    const { client } = await start();
    const made = watch(client);
    const proxy = client.rpc<Post>('Post');
    await proxy.count().return();
    proxy.count();
    const unknown = client.invokeServerRpc('Post.nothing');
    const noArray = client.invokeServerRpc('Post.send', 'abc' as unknown as []);
    const badFlags = client.invokeServerRpc('Post.send', [1], { security: 7 });
    const badMetadata = client.invokeServerRpc('Post.send', [1], { metadata: { 'A B': 'x' } });
    const twoStreams = client.invokeServerRpc('Post.sum', [from(1), from(2)]);
    const aborted = client.invokeServerRpc('Post.send', [1], { signal: AbortSignal.abort() });
    expect(await codeOf(unknown)).to.equal('UNIMPLEMENTED');
    expect(await codeOf(noArray)).to.equal('INVALID_ARGUMENT');
    expect(await codeOf(badFlags)).to.equal('INVALID_ARGUMENT');
    expect(await codeOf(badMetadata)).to.equal('INVALID_ARGUMENT');
    expect(await codeOf(twoStreams)).to.equal('INVALID_ARGUMENT');
    expect(await codeOf(aborted)).to.equal('CANCELLED');
    expect(made).to.deep.equal([]);
  });

  it('are added at any time, in order, and calls that are under way keep those that they had', async () => {
    const { server, client } = await start();
    const heard: string[] = [];
    let release = (): void => undefined;
    const named =
      (name: string, held?: Promise<void>): Interceptor =>
      async (_call, next) => {
        await held;
        heard.push(name);
        return next();
      };
    server.use({ incoming: named('server a') });
    client.use({
      outgoing: named(
        'client a',
        new Promise<void>((resolve) => {
          release = resolve;
        }),
      ),
    });
    const underWay = client.rpc<Post>('Post').send(1);
    client.use({ outgoing: named('client b') }).use({ incoming: named('never') });
    server.use({ incoming: named('server b') });
    release();
    await underWay;
    expect(heard).to.deep.equal(['client a', 'server a', 'server b']);
    heard.length = 0;
    await client.rpc<Post>('Post').send(2);
    expect(heard).to.deep.equal(['client a', 'client b', 'server a', 'server b']);
  });

  it("cannot lower the protection, nor raise it behind anybody's back", async () => {
    const { client } = await start();
    client.use({
      outgoing: (call, next) => {
        const meddled = { ...call, security: 0 };
        expect(() => Object.assign(call, { security: 0 })).to.throw(TypeError);
        return next(meddled);
      },
    });
    expect(await client.rpc<Post>('Post').secret()).to.equal(3);
  });

  it('see nothing of calls that are refused by flags, identity, rate or name', async () => {
    const { server, client } = await start();
    await client.rpc<Post>('Post').rarely();
    const served = watch(server);
    const refused: string[] = [];
    server.on('callRefused', (_peer, method, code) => refused.push(`${method} ${code}`));
    expect(await codeOf(client.rpc<Post>('Post').rarely())).to.equal('RESOURCE_EXHAUSTED');
    expect(await codeOf(client.rpc<Post>('Post').identified())).to.equal('UNAUTHENTICATED');
    expect(served).to.deep.equal([]);
    expect(refused).to.deep.equal(['Post.rarely RESOURCE_EXHAUSTED', 'Post.identified UNAUTHENTICATED']);
  });

  describe('on the serving side', () => {
    it('refuse with an RpcError, and are masked with anything else', async () => {
      const { server, client } = await start();
      const failures: unknown[] = [];
      server.on('callFailed', (_peer, method, error) => failures.push([method, String(error)]));
      server.use({
        incoming: async ({ args }, next) => {
          if (args[0] === 1) throw new RpcError('UNAUTHENTICATED', 'who are you?', { hint: 'token' });
          if (args[0] === 2) throw new Error('the password is swordfish');
          return next();
        },
      });
      const proxy = client.rpc<Post>('Post');
      const refused = await outcomeOf(proxy.send(1));
      expect(refused).to.deep.include({ kind: 'failed', code: 'UNAUTHENTICATED' });
      expect(refused).to.have.nested.property('error.data').that.deep.equals({ hint: 'token' });
      const masked = await outcomeOf(proxy.send(2));
      expect(masked).to.include({ code: 'INTERNAL' });
      expect(masked).to.have.nested.property('error.message').that.does.not.include('swordfish');
      expect(failures).to.deep.equal([['Post.send', 'Error: the password is swordfish']]);
      expect(await proxy.send(3)).to.equal(3);
      expect(post.log).to.deep.equal(['send 3']);
    });

    it('give arguments that are validated behind them', async () => {
      const { server, client } = await start();
      server.use({ incoming: ({ args }, next) => next({ args: [args[0] === 1 ? 'text' : 100] }) });
      for (const value of [1, 2]) {
        expect(await codeOf(client.rpc<Post>('Post').send(value))).to.equal('INVALID_ARGUMENT');
      }
      expect(post.log).to.deep.equal([]);
    });

    it('answer in the place of the method', async () => {
      const { server, client } = await start();
      server.use({
        incoming: (call, next) => {
          if (call.method === 'Post.send') return 'cached';
          return call.streaming ? from(7, 8) : next();
        },
      });
      expect(await client.rpc<Post>('Post').send(1)).to.equal('cached');
      expect(await take(client.rpc<Post>('Post').count(), 9)).to.deep.equal([7, 8]);
      expect(post.log).to.deep.equal([]);
    });

    it('have the context of the call, and leave the method something by it, however late it begins', async () => {
      const { server, client } = await start();
      const users = new WeakMap<CallContext, string>();
      server.use({
        incoming: async (call, next) => {
          expect(callContext()).to.equal(call.context);
          await nextTurn();
          users.set(call.context, `user ${String(call.metadata.token)}`);
          return next();
        },
      });
      // Begun behind an await of the first: the context is there anew.
      server.use({
        incoming: (call, next) => {
          expect(callContext()).to.equal(call.context);
          return next();
        },
      });
      const [ada, bob] = ['ada', 'bob'].map((token) => client.rpc<Post>('Post', { metadata: { token } }));
      await Promise.all([ada!.send(1), bob!.send(2), take(ada!.count(), 3)]);
      expect(post.contexts.map((context) => users.get(context)).sort()).to.deep.equal([
        'user ada',
        'user ada',
        'user bob',
      ]);
    });

    it('are run around one-way calls, and told of as a method is', async () => {
      const { server, client } = await start();
      const failures: string[] = [];
      server.on('callFailed', (_peer, method) => failures.push(method));
      server.use({
        incoming: (call, next) => {
          if (call.args[0] === 1) throw new RpcError('UNAUTHENTICATED', 'no');
          return next({ args: ['changed'] });
        },
      });
      await client.rpc<Post>('Post').drop(1);
      await client.rpc<Post>('Post').drop(2);
      await eventually('it came', () => post.log.length === 1 && failures.length === 1);
      expect([post.log, failures]).to.deep.equal([['drop changed'], ['Post.drop']]);
    });
  });

  describe('on the calling side', () => {
    it('make a call again: each next() is a call of its own', async () => {
      const { client } = await start();
      post.isOpen = false;
      client.use({
        outgoing: async (call, next) => {
          for (let attempt = 1; ; attempt++) {
            try {
              return await next({ metadata: { attempt: String(attempt) } });
            } catch (error) {
              if (attempt === 3) throw error;
              if (attempt === 2) post.isOpen = call.args[0] === 1;
            }
          }
        },
      });
      expect(await client.rpc<Post>('Post').send(1)).to.equal(1);
      post.isOpen = false;
      expect(await codeOf(client.rpc<Post>('Post').send(2))).to.equal('UNAVAILABLE');
      expect(post.contexts.map(({ metadata }) => metadata.attempt)).to.deep.equal([
        '1',
        '2',
        '3',
        '1',
        '2',
        '3',
      ]);
    });

    it('know what may run twice: by the class, or by the call', async () => {
      const { client, peer, server } = await start();
      const idempotent: boolean[] = [];
      const note = (call: OutgoingCall, next: () => unknown): unknown => {
        idempotent.push(call.idempotent);
        return next();
      };
      client.use({ outgoing: note });
      server.use({ outgoing: note });
      await client.rpc<Post>('Post').send(1);
      await client.rpc<Post>('Post', { idempotent: true }).send(1);
      await client.invokeServerRpc('Post.send', [1], { idempotent: true });
      await peer.rpc<Post>('Post', { idempotent: true }).send(1);
      await server.everyone().rpc<Post>('Post', { idempotent: true }).send(1);
      expect(idempotent).to.deep.equal([false, true, true, true, true]);
    });

    it('are told when what they changed cannot be sent', async () => {
      const { client } = await start();
      client.use({
        outgoing: ({ method }, next) =>
          next(method === 'Post.send' ? { args: [() => 1] } : { args: [from(1)] }),
      });
      for (const call of [client.rpc<Post>('Post').send(1), client.rpc<Post>('Post').drop(1)]) {
        expect(await outcomeOf(call)).to.include({ code: 'INTERNAL', reason: 'interceptor' });
      }
      expect(post.log).to.deep.equal([]);
    });
  });
});

describe('manager: interceptors of calls for many', () => {
  nothingUncaught();
  nothingLeftBehind();

  /** Reads of `points`: once for each time that it is serialized. */
  class Counted {
    reads = 0;
    constructor() {
      Object.defineProperty(this, 'points', { enumerable: true, get: () => (this.reads += 1) });
    }
  }

  async function readsOf(
    call: (counted: object) => Promise<{ readonly succeeded: number }>,
  ): Promise<number> {
    const counted = new Counted();
    Object.defineProperty(counted, 'reads', { enumerable: false });
    const { succeeded } = await call(counted);
    expect(succeeded).to.equal(12);
    return counted.reads;
  }

  it('leave an event serialized once, unless they change it for one', async () => {
    const { server, huds, stop } = await crowdOf(12);
    const all = server.everyone().rpc<Hud>('Hud', { timeoutMs: 4000 });
    const calls = [
      (counted: object) => all.tell(counted),
      (counted: object) => all.whisper(counted),
      (counted: object) => all.echo(counted),
    ];
    const once: number[] = [];
    for (const call of calls) once.push(await readsOf(call));

    server.use((_call, next) => next());
    const trace = { trace: 'the same for all' };
    server.use({ outgoing: (call, next) => next({ ...call, metadata: trace }) });
    for (const [index, call] of calls.entries()) expect(await readsOf(call)).to.equal(once[index]);

    server.use({
      outgoing: (call, next) => (call.peer.id === 7 ? next({ metadata: { trace: 'seven' } }) : next()),
    });
    for (const [index, call] of calls.entries()) expect(await readsOf(call)).to.equal(2 * once[index]!);
    await eventually('they have come', () => huds.every(({ told }) => told.length === 6));
    await stop();
  });

  it('fail for one client alone, whatever they throw or change', async () => {
    const { server, failures, stop } = await crowdOf(3);
    server.use({
      outgoing: (call, next) => {
        if (call.peer.id === 1) throw new Error('not for you');
        return call.peer.id === 2 ? next({ args: [() => 'unsendable'] }) : next();
      },
    });
    for (const method of ['Hud.echo', 'Hud.tell']) {
      const { settled, succeeded } = await server.everyone().invoke(method, ['x']);
      expect(
        [...settled].map(([id, outcome]) => `${id}:${outcome.ok ? 'ok' : outcome.error.code}`),
      ).to.deep.equal(['1:INTERNAL', '2:INTERNAL', '3:ok']);
      expect(succeeded).to.equal(1);
    }
    expect(failures).to.deep.equal(['client 1 Hud.tell INTERNAL', 'client 2 Hud.tell INTERNAL']);
    const nobody = await outcomeOf(server.everyone().invoke('Hud.echo', 'x' as unknown as []));
    expect(nobody).to.include({ kind: 'failed', code: 'INVALID_ARGUMENT' });
    await stop();
  });
});
