// Schemas, rate limits and incidents through a real connection: what the caller gets, what the server's events tell, and
// that the method has not run.

import { expect } from 'chai';
import * as v from 'valibot';
import { z } from 'zod';
import { Rpc, Security } from '../../decorators/index.js';
import { isRpcError, RpcCode, RpcError, type SealwireError } from '../../lib/base/errors.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { type Pair, startPair } from '../support/pair.js';
import { codeOf, eventually, type Outcome, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';

const slow = z.string().refine(async (name) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return name !== 'ada';
}, 'it is taken');

class Shop {
  readonly runs: unknown[][] = [];

  @Rpc(Security.Authenticated, {
    params: [z.string().min(2), z.coerce.number()],
    result: z.object({ count: z.number() }),
  })
  order(...args: [name: string, count: number]): { count: number; secret: string } {
    this.runs.push(args);
    return { count: args[1], secret: 'not for callers' };
  }

  @Rpc(Security.Authenticated, { params: z.tuple([slow]) })
  register(name: string): number {
    this.runs.push([name]);
    return callContext().security;
  }

  @Rpc(Security.None, {
    timeoutMs: 40,
    params: [z.any().refine(() => new Promise<boolean>(() => undefined))],
  })
  never(...args: unknown[]): void {
    this.runs.push(args);
  }

  @Rpc(Security.None, { oneWay: true, params: [v.number()] })
  note(...args: [number]): void {
    this.runs.push(args);
  }

  @Rpc(Security.None, { result: z.number() })
  broken(): number {
    return 'swordfish' as never;
  }

  @Rpc(Security.None, { result: z.number().max(2) })
  async *countUp(): AsyncGenerator<number> {
    try {
      for (let item = 1; ; item++) yield item;
    } finally {
      this.runs.push(['finally']);
    }
  }

  @Rpc()
  plain(first: unknown, second: unknown): unknown[] {
    this.runs.push([first, second]);
    return [first, second];
  }

  @Rpc(Security.Authenticated, { rateLimit: { perSecond: 0.5, burst: 2 } })
  refuse(): void {
    this.runs.push([]);
  }

  @Rpc(Security.None, { oneWay: true, rateLimit: { perSecond: 0.5, burst: 2, onExceeded: 'drop' } })
  drop(): void {
    this.runs.push([]);
  }

  @Rpc(Security.None, { rateLimit: { perSecond: 0.5, burst: 2, onExceeded: 'disconnect' } })
  disconnect(): void {
    this.runs.push([]);
  }

  @Rpc(Security.None, { rateLimit: { perSecond: 0.5, burst: 1 }, params: [z.number()] })
  guess(...args: [number]): void {
    this.runs.push(args);
  }

  @Rpc()
  crash(): void {
    throw new Error('the password is swordfish');
  }
}

interface Failure {
  readonly error: SealwireError;
  readonly incident: string;
}

describe('guarded calls', () => {
  nothingUncaught();

  let pair: Pair;
  let shop: Shop;
  let refused: string[];
  let failed: Failure[];

  beforeEach(async () => {
    shop = new Shop();
    refused = [];
    failed = [];
    pair = await startPair({ scheme: 'memory', services: [shop] });
    pair.server
      .on('callRefused', (_peer, method, code) => refused.push(`${method} ${code}`))
      .on('callFailed', (_peer, _method, error, incident) =>
        failed.push({ error: error as SealwireError, incident }),
      );
  });

  afterEach(() => pair.stop());

  const call = (name: string, ...args: unknown[]): Promise<Outcome> =>
    outcomeOf(pair.client.invokeServerRpc(`Shop.${name}`, args));

  const messageOf = (outcome: Outcome): string =>
    outcome.kind === 'failed' ? outcome.error.message : expect.fail('it was answered');

  it('give the method what the schemas make, and the caller what the result schema leaves', async () => {
    expect(await call('order', 'tea', '3')).to.deep.equal({ kind: 'answered', value: { count: 3 } });
    expect(shop.runs).to.deep.equal([['tea', 3]]);
    expect([refused, failed]).to.deep.equal([[], []]);
  });

  it('tell which argument is wrong and why, to the caller; the event tells that it was refused', async () => {
    const outcome = await call('order', 't', 3);
    expect(outcome).to.include({ kind: 'failed', code: 'INVALID_ARGUMENT' });
    expect(messageOf(outcome)).to.match(/^Shop\.order: argument 1: /);
    const { error } = outcome as { readonly error: Error };
    expect(isRpcError(error, RpcCode.INVALID_ARGUMENT)).to.equal(true);
    expect((error as RpcError).data).to.have.nested.property('issues[0].argument', 0);
    expect(refused).to.deep.equal(['Shop.order INVALID_ARGUMENT']);
    expect([shop.runs, failed]).to.deep.equal([[], []]);
  });

  it('count arguments where there is no schema', async () => {
    const outcome = await call('plain', 1, 2, 3);
    expect(outcome).to.include({ code: 'INVALID_ARGUMENT' });
    expect(messageOf(outcome)).to.include('the method takes 2, got 3');
    expect(await call('plain', 1, null)).to.deep.equal({ kind: 'answered', value: [1, null] });
    // Its author may have written `?`, of which nothing is left.
    expect(await call('plain', 1)).to.include({ kind: 'answered' });
    expect(refused).to.have.length(1);
  });

  it('wait for schemas that take their time, and run in the context of the call then', async () => {
    expect(await call('register', 'bob')).to.deep.equal({ kind: 'answered', value: 2 });
    expect(messageOf(await call('register', 'ada'))).to.equal('Shop.register: argument 1: it is taken');
    expect(shop.runs).to.deep.equal([['bob']]);
  });

  it('do not run when the caller has given up while a schema took its time', async () => {
    const abort = new AbortController();
    const given = codeOf(pair.client.invokeServerRpc('Shop.register', ['bob'], { signal: abort.signal }));
    await eventually('it is there', () => pair.server.clients.size === 1);
    setTimeout(() => abort.abort(), 5);
    expect(await given).to.equal('CANCELLED');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([shop.runs, failed]).to.deep.equal([[], []]);
  });

  it('end at their deadline where a schema never answers', async () => {
    expect(await call('never', 1)).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(shop.runs).to.deep.equal([]);
  });

  it('that are one-way tell the event alone', async () => {
    expect(await call('note', 'x')).to.deep.equal({ kind: 'answered', value: undefined });
    expect(await call('note', 5)).to.deep.equal({ kind: 'answered', value: undefined });
    await eventually('the second', () => shop.runs.length > 0);
    expect([shop.runs, refused, failed]).to.deep.equal([[[5]], ['Shop.note INVALID_ARGUMENT'], []]);
  });

  for (const [method, reason] of [
    ['broken', 'Shop.broken returned what its result schema refuses: '],
    ['crash', 'the password is swordfish'],
  ] as const) {
    it(`that fail by our own fault name an incident, which is in the event: ${method}`, async () => {
      const outcome = await call(method);
      expect(outcome).to.include({ code: 'INTERNAL' });
      expect(failed).to.have.length(1);
      const [{ error, incident }] = failed as [Failure];
      expect(error.message).to.include(reason);
      expect(messageOf(outcome)).to.equal(
        `the method failed; the other side's log has the reason, incident ${incident}`,
      );
      expect(refused).to.deep.equal([]);
    });
  }

  it('that stream end with the first item that breaks the schema, on both sides', async () => {
    const taken: number[] = [];
    const drained = (async () => {
      for await (const item of pair.client.rpc<Shop>('Shop').countUp()) taken.push(item);
    })();
    expect(await codeOf(drained)).to.equal('INTERNAL');
    expect(taken).to.deep.equal([1, 2]);
    await eventually('the end', () => shop.runs.length > 0);
    expect(failed).to.have.length(1);
  });

  it('that are too many are refused, with the time to wait, and no other method is held up', async () => {
    expect((await call('refuse')).kind + (await call('refuse')).kind).to.equal('answeredanswered');
    const outcome = await call('refuse');
    expect(outcome).to.include({ code: 'RESOURCE_EXHAUSTED' });
    const { data } = (outcome as unknown as { readonly error: RpcError<{ retryAfterMs: number }> }).error;
    expect(data!.retryAfterMs).to.be.within(1, 2000);
    expect(refused).to.deep.equal(['Shop.refuse RESOURCE_EXHAUSTED']);
    expect(shop.runs).to.have.length(2);
    expect(await call('plain', 1, 2)).to.include({ kind: 'answered' });
  });

  it('that are too many are counted for each client', async () => {
    await Promise.all([call('refuse'), call('refuse')]);
    const other = await startPair({ scheme: 'memory', services: [shop] });
    try {
      expect(await codeOf(other.client.invokeServerRpc('Shop.refuse'))).to.equal('answered');
    } finally {
      await other.stop();
    }
  });

  it('that are too many are dropped where it says so, and told', async () => {
    for (let index = 0; index < 5; index++) await call('drop');
    await call('plain', 1, 2);
    expect(shop.runs).to.have.length(3);
    expect(refused).to.deep.equal(Array.from({ length: 3 }, () => 'Shop.drop RESOURCE_EXHAUSTED'));
  });

  it('that are too many end the connection where it says so', async () => {
    const gone = new Promise<SealwireError>((resolve) => {
      pair.server.on('clientDisconnected', (_peer, error) => resolve(error));
    });
    await Promise.all([call('disconnect'), call('disconnect')]);
    expect(await call('disconnect')).to.include({ code: 'CONNECTION_CLOSED' });
    expect(await gone).to.include({ code: 'LIMIT_EXCEEDED' });
    expect(shop.runs).to.have.length(2);
    expect(refused).to.deep.equal(['Shop.disconnect RESOURCE_EXHAUSTED']);
  });

  it('are counted before their arguments are looked at', async () => {
    expect(await call('guess', 'x')).to.include({ code: 'INVALID_ARGUMENT' });
    expect(await call('guess', 1)).to.include({ code: 'RESOURCE_EXHAUSTED' });
    expect(shop.runs).to.deep.equal([]);
  });
});
