// What interceptors may do to a call on its way, and what they may not.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import {
  type CallChanges,
  checkInterceptor,
  type InterceptedCall,
  type Interceptor,
  intercept,
} from '../../lib/rpc/interceptor.js';
import type { Peer } from '../../lib/rpc/peer.js';

function call(): InterceptedCall {
  return {
    direction: 'incoming',
    peer: {} as Peer,
    method: 'Arena.move',
    security: 2,
    oneWay: false,
    streaming: false,
    args: [1, 2],
    metadata: {},
    signal: undefined,
  };
}

describe('rpc/interceptor', () => {
  it('is run in order, the first outermost, around the call', async () => {
    const heard: string[] = [];
    const named =
      (name: string): Interceptor =>
      async (_call, next) => {
        heard.push(`${name} before`);
        const result = await next();
        heard.push(`${name} after`);
        return `${name}(${result})`;
      };
    const result = await intercept([named('a'), named('b')], call(), async ({ args }) => {
      heard.push('run');
      return args.join();
    });
    expect(result).to.equal('a(b(1,2))');
    expect(heard).to.deep.equal(['a before', 'b before', 'run', 'b after', 'a after']);
  });

  it('is nothing where there is none: the call goes on as it is, in the same turn', () => {
    const given = call();
    expect(intercept([], given, (current) => current)).to.equal(given);
  });

  it('stays synchronous where all are, as callContext() needs it', () => {
    expect(intercept([(_call, next) => next()], call(), ({ method }) => method)).to.equal('Arena.move');
  });

  it('may change arguments and metadata for those behind it, and nothing else', () => {
    const seen: InterceptedCall[] = [];
    const changing: Interceptor = (_call, next) =>
      next({ args: [7], metadata: { trace: 'x' }, security: 0, method: 'Arena.win' } as CallChanges);
    const first: Interceptor = (current, next) => {
      const result = next();
      seen.push(current);
      return result;
    };
    const result = intercept([first, changing], call(), (current) => current);
    expect(result).to.deep.include({
      args: [7],
      metadata: { trace: 'x' },
      security: 2,
      method: 'Arena.move',
    });
    expect(seen[0]).to.deep.include({ args: [1, 2], metadata: {} });
    expect(result).to.satisfy(Object.isFrozen);
    expect(seen[0]).to.satisfy(Object.isFrozen);
  });

  it('may answer by itself, refuse, and go on again', async () => {
    expect(intercept([() => 'cached'], call(), () => 'run')).to.equal('cached');
    const refusing: Interceptor = () => {
      throw new SealwireError('PERMISSION_DENIED', 'no');
    };
    expect(() => intercept([refusing], call(), () => 'run')).to.throw('no');

    let runs = 0;
    const retrying: Interceptor = async (_call, next) => {
      try {
        return await next();
      } catch {
        return next();
      }
    };
    const flaky = async (): Promise<string> => {
      runs += 1;
      if (runs === 1) throw new Error('once');
      return 'at last';
    };
    expect(await intercept([retrying], call(), flaky)).to.equal('at last');
    expect(runs).to.equal(2);
  });

  it('may go around the items of a stream', async () => {
    async function* items(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }
    const doubling: Interceptor = async function* (_call, next) {
      for await (const item of next() as AsyncIterable<number>) yield item * 2;
    };
    const seen: unknown[] = [];
    const stream = intercept([doubling], { ...call(), streaming: true }, items) as AsyncIterable<number>;
    for await (const item of stream) seen.push(item);
    expect(seen).to.deep.equal([2, 4]);
  });

  it('must be a function', () => {
    for (const wrong of [undefined, {}, 'log']) {
      expect(() => checkInterceptor(wrong)).to.throw(SealwireError, 'use() takes a function');
    }
    expect(() => checkInterceptor(() => undefined)).not.to.throw();
  });
});
