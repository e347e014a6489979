// Calls for many clients: whom they reach, how often they are serialized, in which order they come, and what becomes of
// them where a client is too slow, too weak, or gone.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import type { Targets, TargetsResult } from '../../lib/rpc/targets.js';
import { codeOf, eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type Crowd, crowdOf, Hud } from './crowd-of.js';
import { nothingLeftBehind } from './left-behind.js';

/** An argument that tells how often it was read: once for each time that it is serialized. */
class Counted {
  static reads = 0;
  get points(): number {
    return 0;
  }
  constructor(points: number) {
    Object.defineProperty(this, 'points', {
      enumerable: true,
      get: () => {
        Counted.reads += 1;
        return points;
      },
    });
  }
}

/** How often one serialization reads a value: measured, with one client. */
async function readsOf(call: () => Promise<unknown>): Promise<number> {
  Counted.reads = 0;
  await call();
  return Counted.reads;
}

/** `1:answer 2:CODE`, in the order of the result. */
function outcomes({ settled }: TargetsResult<unknown>): string {
  return [...settled]
    .map(([id, outcome]) => `${id}:${outcome.ok ? String(outcome.value) : outcome.error.code}`)
    .join(' ');
}

const ids = (targets: Targets): number[] => targets.clients.map(({ id }) => id);

describe('manager: targets', () => {
  nothingUncaught();
  let crowd: Crowd;
  const start = async (...options: Parameters<typeof crowdOf>): Promise<Crowd> => {
    crowd = await crowdOf(...options);
    return crowd;
  };
  afterEach(() => crowd.stop());
  nothingLeftBehind();

  for (const [count, scheme] of [
    [200, 'memory'],
    [24, 'ws'],
  ] as const) {
    it(`reach ${count} clients with an event that is serialized once, each once and in order (${scheme})`, async () => {
      const { server, huds, failures } = await start(count, scheme);
      for (const method of ['tell', 'whisper'] as const) {
        for (const hud of huds) hud.told.length = 0;
        const one = server.only([1]).rpc<Hud>('Hud');
        const all = server.everyone().rpc<Hud>('Hud');
        const readsForOne = await readsOf(() => one[method](new Counted(-1)));
        expect(readsForOne).to.be.greaterThan(0);
        await eventually('it has come', () => huds[0]!.told.length === 1);
        huds[0]!.told.length = 0;

        let sent = 0;
        const readsForAll = await readsOf(async () => {
          ({ succeeded: sent } = await all[method](new Counted(0)));
        });
        expect([sent, readsForAll]).to.deep.equal([count, readsForOne]);
        const more = Array.from({ length: 9 }, (_, index) => all[method](new Counted(index + 1)));
        for (const { succeeded, settled } of await Promise.all(more)) {
          expect([succeeded, settled.size]).to.deep.equal([count, count]);
        }
        await eventually('all have come', () => huds.every(({ told }) => told.length >= 10));
        const expected = Array.from({ length: 10 }, (_, points) => ({ points }));
        for (const hud of huds) expect(hud.told).to.deep.equal(expected);
      }
      expect(failures).to.deep.equal([]);
    }).timeout(20_000);
  }

  it('serialize a call with answers once, too, whatever the ids of the connections', async () => {
    const { server } = await start(5);
    // So that the connections number their calls differently, also in width.
    for (const peer of server.clients.values()) {
      for (let call = 0; call < peer.id * 40; call++) await peer.invoke('Hud.count');
    }
    const readsForOne = await readsOf(() => server.only([2]).invoke('Hud.echo', [new Counted(1)]));
    let result: TargetsResult<unknown> | undefined;
    const readsForAll = await readsOf(async () => {
      result = await server.everyone().invoke('Hud.echo', [new Counted(7)]);
    });
    expect(readsForAll).to.equal(readsForOne);
    expect([...result!.settled.values()]).to.deep.equal(
      Array.from({ length: 5 }, () => ({ ok: true, value: { points: 7 } })),
    );
    expect(result!.succeeded).to.equal(5);
  });

  it('number methods as each client does, and serialize once for each number', async () => {
    class Longer extends Hud {
      @Rpc()
      aFirst(): void {}
    }
    const { server, join, huds } = await start(2);
    const others = [new Longer(), new Longer()];
    for (const other of others) await join(other);
    const readsForOne = await readsOf(() => server.only([1]).invoke('Hud.tell', [new Counted(1)]));
    const readsForAll = await readsOf(() => server.everyone().invoke('Hud.tell', [new Counted(2)]));
    expect(readsForAll).to.equal(2 * readsForOne);
    await eventually('all have come', () => others.every(({ told }) => told.length === 1));
    expect([...huds, ...others].map(({ told }) => told.at(-1))).to.deep.equal(
      Array.from({ length: 4 }, () => ({ points: 2 })),
    );
  });

  it('are those that are there when the call is made, each once', async () => {
    const { server, join, clients } = await start(3);
    const everyone = server.everyone();
    const some = server.only([3, 1, 3, 99]);
    const [first] = server.clients.values();
    const cases: readonly [Targets, number[]][] = [
      [everyone, [1, 2, 3]],
      [server.everyoneExcept(2), [1, 3]],
      [server.everyoneExcept(first!, 3), [2]],
      [some, [3, 1]],
      [server.only([first!]), [1]],
      [some.and(everyone), [3, 1, 2]],
      [some.except(server.only([1])), [3]],
      [
        server
          .only([1])
          .and(server.only([2]), server.only([1, 3]))
          .except(3),
        [1, 2],
      ],
      [everyone.except(everyone), []],
      [server.only([]), []],
    ];
    for (const [targets, expected] of cases) expect(ids(targets)).to.deep.equal(expected);
    for (const [targets, expected] of cases) {
      expect([...(await targets.invoke('Hud.count')).settled.keys()]).to.deep.equal(expected);
    }
    await join(new Hud());
    await clients[0]!.stop();
    await eventually('one has left', () => server.clients.size === 3);
    expect(ids(everyone)).to.deep.equal([2, 3, 4]);
    expect([ids(some), ids(server.only([first!]))]).to.deep.equal([[3], []]);
  });

  it('take nobody for somebody else after a restart, when ids begin again', async () => {
    const { server, clients } = await start(1);
    const [old] = server.clients.values();
    const stale = [server.only([old!]), server.everyone().except(old!)];
    await clients[0]!.stop();
    await server.stop();
    const url = await server.startServer('memory://again');
    await clients[0]!.startClient(url);
    await eventually('it is back', () => server.clients.size === 1);
    expect([...server.clients.keys()]).to.deep.equal([old!.id]);
    expect(ids(stale[0]!)).to.deep.equal([]);
  });

  it('keep the order of what is sent to a client through different targets', async () => {
    const { server, huds } = await start(3);
    const expected: number[][] = [[], [], []];
    const routes = [
      server.everyone(),
      server.only([1, 2]),
      server.group('red').add(2).add(3),
      server.everyoneExcept(1),
    ];
    for (let index = 0; index < 60; index++) {
      const route = routes[index % routes.length]!;
      void (index % 3 === 0 ? route.invoke('Hud.whisper', [index]) : route.rpc<Hud>('Hud').tell(index));
      for (const id of ids(route)) expected[id - 1]!.push(index);
      if (index % 7 === 0) {
        void server.clients.get(1)!.rpc<Hud>('Hud').tell(index);
        expected[0]!.push(index);
      }
    }
    await eventually('all have come', () => huds.every(({ told }, i) => told.length >= expected[i]!.length));
    expect(huds.map(({ told }) => told)).to.deep.equal(expected);
  });

  it('settle each client on its own: answers, errors of methods, and those that lack the method', async () => {
    class Other {
      @Rpc()
      refuse(): string {
        return 'yes';
      }
    }
    const { server, join, failures } = await start(2);
    await join(new Other());
    const result = await server.everyone().rpc<Hud>('Hud').refuse();
    expect(outcomes(result)).to.equal('1:FAILED_PRECONDITION 2:FAILED_PRECONDITION 3:yes');
    expect(result.succeeded).to.equal(1);
    const first = result.settled.get(1)!;
    expect(!first.ok && first.error).to.be.instanceOf(RpcError);
    expect(failures).to.deep.equal([]);

    const lacking = await server.everyone().invoke('Hud.tell', ['x']);
    expect(outcomes(lacking)).to.equal('1:undefined 2:undefined 3:UNIMPLEMENTED');
    expect(lacking.succeeded).to.equal(2);
    expect(failures).to.deep.equal(['client 3 Hud.tell UNIMPLEMENTED']);
  });

  it('settle as UNIMPLEMENTED for a client that would answer with a stream', async () => {
    class Streaming {
      @Rpc(Security.Authenticated)
      async *echo(): AsyncGenerator<number> {
        yield 1;
      }
    }
    const { server, join } = await start(1);
    await join(new Streaming());
    const result = await server.everyone().invoke('Hud.echo', ['x']);
    expect(outcomes(result)).to.equal('1:x 2:UNIMPLEMENTED');
    expect(await server.only([2]).invoke('Hud.echo', ['x'])).to.include({ succeeded: 0 });
  });

  it('hold clients to the class that is given, and tell which are weaker', async () => {
    class Weak {
      @Rpc(Security.None, { oneWay: true })
      whisper(): void {}
      @Rpc()
      echo(): string {
        return 'weak';
      }
    }
    class Strict {
      @Rpc(Security.Encrypted | Security.Authenticated, { oneWay: true })
      whisper(what: string): void {
        void what;
      }
      @Rpc(Security.Authenticated)
      echo(what: string): string {
        return what;
      }
    }
    Object.defineProperty(Strict, 'name', { value: 'Hud' });
    const { server, join, huds, failures } = await start(1);
    await join(new Weak());
    const strict = server.everyone().rpc(Strict);
    for (let round = 0; round < 2; round++) {
      expect(outcomes(await strict.echo('a'))).to.equal('1:a 2:POLICY_MISMATCH');
    }
    expect(outcomes(await strict.whisper('b'))).to.equal('1:undefined 2:POLICY_MISMATCH');
    await eventually('it has come', () => huds[0]!.told.length === 1);
    expect(failures).to.deep.equal(['client 2 Hud.whisper POLICY_MISMATCH']);
  });

  it('send under the flags of each manifest, raised by the call', async () => {
    const { server, huds } = await start(2);
    const raised = server.everyone().rpc<Hud>('Hud', { security: Security.Authenticated });
    expect((await raised.tell('raised')).succeeded).to.equal(2);
    await eventually('it has come', () => huds.every(({ told }) => told.length === 1));
    expect(await codeOf(raised.tell('a'))).to.equal('answered');
    const bad = server.everyone().rpc<Hud>('Hud', { security: 9 });
    expect(await codeOf(bad.tell('a'))).to.equal('INVALID_ARGUMENT');
  });

  it('reject as a whole for what is wrong with the call itself, and nobody gets anything', async () => {
    const { server, huds, failures } = await start(3);
    const everyone = server.everyone();
    const wrong: Promise<unknown>[] = [
      everyone.invoke('Hud.tell', [() => {}]),
      everyone.invoke('Hud.echo', [Symbol('no data')]),
      everyone.invoke('Hud.tell', 'text' as never),
      everyone.invoke('Hud.echo', [1], { timeoutMs: -1 }),
      everyone.invoke('Hud.echo', [1], null as never),
      everyone.invoke('Hud.tell', [1], { onFull: 'drop' as never }),
      everyone.invoke('Hud.tell', [(async function* () {})()]),
    ];
    for (const call of wrong) expect(await codeOf(call)).to.equal('INVALID_ARGUMENT');
    await everyone.invoke('Hud.echo');
    expect(huds.map(({ told }) => told)).to.deep.equal([[], [], []]);
    expect(failures).to.deep.equal([]);
  });

  it('give up together: a deadline, and a signal, for all', async () => {
    const { server, huds, failures } = await start(20);
    const late = await server.everyone().rpc<Hud>('Hud', { timeoutMs: 30 }).wait();
    expect([...late.settled.values()].map((outcome) => !outcome.ok && outcome.error.code)).to.deep.equal(
      Array.from({ length: 20 }, () => 'DEADLINE_EXCEEDED'),
    );
    const controller = new AbortController();
    const waiting = server.everyone().rpc<Hud>('Hud', { signal: controller.signal }).wait();
    await eventually('all wait', () => huds.every((hud) => hud.waiting === 2));
    controller.abort();
    expect((await waiting).settled.get(20)).to.have.nested.property('error.code', 'CANCELLED');
    const aborted = await server.everyone().invoke('Hud.tell', ['never'], { signal: controller.signal });
    expect([aborted.succeeded, aborted.settled.size]).to.deep.equal([0, 20]);
    expect(huds.every(({ told }) => told.length === 0)).to.equal(true);
    // Who gives up knows.
    expect(failures).to.deep.equal([]);
    for (const peer of server.clients.values()) expect(await peer.invoke('Hud.count')).to.equal(0);
  });

  it('settle as CONNECTION_CLOSED for a client that leaves while its answer is awaited', async () => {
    const { server, huds, clients, failures } = await start(3);
    const calls = [
      server.only([1, 2]).rpc<Hud>('Hud', { timeoutMs: 300 }).wait(),
      server.everyoneExcept(1).rpc<Hud>('Hud').echo('b'),
    ];
    await eventually('they wait', () => huds[0]!.waiting + huds[1]!.waiting === 2);
    await clients[0]!.stop();
    const [waited, echoed] = await Promise.all(calls);
    expect(outcomes(waited!)).to.equal('1:CONNECTION_CLOSED 2:DEADLINE_EXCEEDED');
    expect(outcomes(echoed!)).to.equal('2:b 3:b');
    expect(failures).to.deep.equal([]);
  });

  for (const onFull of ['report', 'disconnect'] as const) {
    it(`are not held up by a client that reads too slowly (${onFull})`, async () => {
      const limits = { maxSendBufferBytes: 200_000 };
      const { server, huds, failures, errors } = await start(3, 'ws', { limits });
      const slow = server.clients.get(2)!;
      const big = 'x'.repeat(150_000);
      // In one turn: nothing of it has left by the time that the next call for all is made.
      const first = slow.rpc<Hud>('Hud').tell(big);
      const event = await server.everyone().invoke('Hud.tell', ['y'.repeat(100_000)], { onFull });
      await first;
      expect(outcomes(event).replaceAll('undefined', 'sent')).to.equal('1:sent 2:RESOURCE_EXHAUSTED 3:sent');
      expect(event.succeeded).to.equal(2);
      expect(failures).to.deep.equal(['client 2 Hud.tell RESOURCE_EXHAUSTED']);
      expect(errors[0]).to.have.property('reason', 'send-buffer');
      await eventually('the others have it', () => [0, 2].every((index) => huds[index]!.told.length === 1));
      if (onFull === 'report') {
        await eventually('it has read', () => huds[1]!.told.length === 1);
        expect((await server.everyone().rpc<Hud>('Hud').count()).succeeded).to.equal(3);
      } else {
        await eventually('it is cut off', () => server.clients.size === 2);
        expect(ids(server.everyone())).to.deep.equal([1, 3]);
      }
    });
  }

  it('are taken by invokeClientRpc, beside one client', async () => {
    const { server } = await start(2);
    const many = await server.invokeClientRpc<string>(server.everyone(), 'Hud.echo', ['a']);
    expect(outcomes(many)).to.equal('1:a 2:a');
    expect(await server.invokeClientRpc(2, 'Hud.echo', ['b'])).to.equal('b');
    expect(await server.invokeClientRpc(server.clients.get(1)!, 'Hud.echo', ['c'])).to.equal('c');
    expect(await codeOf(server.invokeClientRpc(9, 'Hud.echo', ['d']))).to.equal('NOT_FOUND');
  });

  it('are nobody before the start and after the end', async () => {
    const { server, stop } = await start(1);
    const everyone = server.everyone();
    await stop();
    expect(await everyone.invoke('Hud.tell', ['x'])).to.deep.equal({ settled: new Map(), succeeded: 0 });
    expect(() => server.group('red').add(1))
      .to.throw(SealwireError)
      .with.property('code', 'NOT_FOUND');
  });
});
