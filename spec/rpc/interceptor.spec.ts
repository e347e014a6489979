// What interceptors may do to a call on its way, and what they may not.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { type CallContext, callContext, runInContext } from '../../lib/rpc/call-context.js';
import {
  type CallChanges,
  type DirectedInterceptors,
  type IncomingCall,
  type InterceptedCall,
  type Interceptor,
  Interceptors,
  intercept,
  type OutgoingCall,
} from '../../lib/rpc/interceptor.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';

const common = {
  peer: {} as Peer,
  method: 'Arena.move',
  security: 2,
  oneWay: false,
  streaming: false,
  args: [1, 2],
  metadata: {},
  signal: new AbortController().signal,
  deadline: undefined,
};
const outgoing = (given: Partial<OutgoingCall> = {}): OutgoingCall => ({
  ...common,
  direction: 'outgoing',
  idempotent: false,
  ...given,
});
const incoming = (given: Partial<IncomingCall> = {}): IncomingCall => ({
  ...common,
  direction: 'incoming',
  context: {} as CallContext,
  ...given,
});

async function* count(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

async function listOf(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('rpc/interceptor', () => {
  nothingUncaught();

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
    const result = await intercept([named('a'), named('b')], outgoing(), async ({ args }) => {
      heard.push('run');
      return args.join();
    });
    expect(result).to.equal('a(b(1,2))');
    expect(heard).to.deep.equal(['a before', 'b before', 'run', 'b after', 'a after']);
  });

  it('runs the call in the same turn where all go on at once', () => {
    let ran = false;
    const passing: Interceptor = (_call, next) => next();
    void intercept([passing, passing], outgoing(), () => {
      ran = true;
    });
    expect(ran).to.equal(true);
  });

  it('may change arguments and metadata for those behind it, and nothing else', async () => {
    const seen: InterceptedCall[] = [];
    const changing: Interceptor = (_call, next) =>
      next({ args: [7], metadata: { trace: 'x' }, security: 0, method: 'Arena.win' } as CallChanges);
    const first: Interceptor = (current, next) => {
      const result = next();
      seen.push(current);
      return result;
    };
    const result = await intercept([first, changing], outgoing(), (current) => current);
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

  it('may give next() the call itself, which changes nothing', async () => {
    for (const call of [outgoing(), incoming()]) {
      const result = await intercept([(current, next) => next(current)], call, (current) => current);
      expect(result).to.deep.equal(call);
    }
  });

  for (const [what, changes] of [
    ['arguments that are no array', { args: 'ab' }],
    ['what is no object', 'ab'],
    ['what is no object', null],
    ['metadata that has a key', { metadata: { 'A B': 'x' } }],
    ['metadata that is no map', { metadata: null }],
  ] as const) {
    it(`is told by next() when it gives it ${what}`, async () => {
      let ran = false;
      const interceptor: Interceptor = (_call, next) => next(changes as unknown as CallChanges);
      const outcome = await outcomeOf(
        intercept([interceptor], outgoing(), () => {
          ran = true;
        }),
      );
      expect(outcome).to.include({ kind: 'failed', code: 'INTERNAL', reason: 'interceptor' });
      expect(outcome).to.have.nested.property('error.message').that.includes(what);
      expect(ran).to.equal(false);
    });
  }

  it('may not change what came beside the arguments', async () => {
    const outcome = await outcomeOf(
      intercept([(_call, next) => next({ metadata: { user: 'root' } })], incoming(), () => 'ran'),
    );
    expect(outcome).to.include({ kind: 'failed', code: 'INTERNAL', reason: 'interceptor' });
  });

  it('may answer by itself, and refuse: at once or later', async () => {
    const refuse = (): never => {
      throw new SealwireError('PERMISSION_DENIED', 'no');
    };
    for (const [interceptor, expected] of [
      [() => 'cached', 'cached'],
      [async () => 'cached', 'cached'],
      [refuse, 'PERMISSION_DENIED'],
      [async () => refuse(), 'PERMISSION_DENIED'],
    ] as const) {
      const outcome = await outcomeOf(
        intercept([interceptor], outgoing(), () => {
          throw new Error('it ran');
        }),
      );
      expect(outcome.kind === 'answered' ? outcome.value : outcome.code).to.equal(expected);
    }
  });

  it('may go on again where the call is made, and not where it is served', async () => {
    for (const call of [outgoing(), incoming()]) {
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
      const outcome = await outcomeOf(intercept([retrying], call, flaky));
      if (call.direction === 'outgoing') expect(outcome).to.include({ value: 'at last' });
      else expect(outcome).to.include({ code: 'INVALID_STATE', reason: 'interceptor' });
      expect(runs).to.equal(call.direction === 'outgoing' ? 2 : 1);
    }
  });

  it('may leave an answer alone, even one that fails: the process lives', async () => {
    const hasty: Interceptor = (_call, next) => {
      void next();
      return 'early';
    };
    const failing = async (): Promise<never> => {
      throw new Error('nobody waits for me');
    };
    expect(await intercept([hasty], outgoing(), failing)).to.equal('early');
  });

  it('is entered in the context of its call, however late it is come to, and so is the call', async () => {
    const context = {} as CallContext;
    const late: Interceptor = async (_call, next) => {
      expect(callContext()).to.equal(context);
      await new Promise((resolve) => setImmediate(resolve));
      return next();
    };
    const enter = <Result>(step: () => Result): Result => runInContext(context, step);
    const result = await intercept([late, late], incoming(), () => callContext(), enter);
    expect(result).to.equal(context);
  });

  it('has the context at each step of a stream that it makes, wherever it stands', async () => {
    const context = {} as CallContext;
    const enter = <Result>(step: () => Result): Result => runInContext(context, step);
    const heard: unknown[] = [];
    const wrapping: Interceptor = async function* (_call, next) {
      heard.push(callContext() === context);
      for await (const item of next()) {
        yield item;
        heard.push(callContext() === context);
      }
    };
    const items = intercept([wrapping, wrapping], incoming({ streaming: true }), count, enter);
    expect(await listOf(items)).to.deep.equal([1, 2]);
    expect(heard).to.deep.equal(Array(6).fill(true));
  });

  describe('around a stream', () => {
    const streaming = { streaming: true };
    for (const [how, interceptor] of [
      [
        'a generator over next()',
        async function* (_call, next) {
          for await (const item of next()) yield Number(item) * 2;
        },
      ],
      [
        'a promise of one',
        async (_call, next) => {
          const items = (await next()) as AsyncIterable<number>;
          return (async function* () {
            for await (const item of items) yield item * 2;
          })();
        },
      ],
    ] as const satisfies readonly (readonly [string, Interceptor])[]) {
      it(`goes around its items: ${how}`, async () => {
        const passing: Interceptor = (_call, next) => next();
        const waiting: Interceptor = async (_call, next) => await next();
        for (const call of [outgoing(streaming), incoming(streaming)]) {
          for (const run of [count, async () => count()]) {
            const items = intercept([passing, interceptor, waiting], call, run);
            expect(await listOf(items)).to.deep.equal([2, 4]);
          }
        }
      });
    }

    it('is told, with a code, when it gives none', async () => {
      for (const garbage of [undefined, 7, [1], {}, 'abc', new Map(), Promise.resolve(null)]) {
        const outcome = await outcomeOf(listOf(intercept([() => garbage], outgoing(streaming), count)));
        expect(outcome).to.include({ kind: 'failed', code: 'INTERNAL', reason: 'interceptor' });
      }
    });

    it('ends with what it throws, before the items or between them', async () => {
      const between: Interceptor = async function* (_call, next) {
        for await (const item of next()) {
          yield item;
          throw new SealwireError('ABORTED', 'enough');
        }
      };
      const before: Interceptor = () => {
        throw new SealwireError('ABORTED', 'not at all');
      };
      for (const interceptor of [between, before]) {
        const outcome = await outcomeOf(listOf(intercept([interceptor], outgoing(streaming), count)));
        expect(outcome).to.include({ code: 'ABORTED' });
      }
    });
  });

  describe('lists', () => {
    it('are for one direction or both, in order, and those that calls have do not change', () => {
      const interceptors = new Interceptors();
      const before = interceptors.incoming;
      const both: Interceptor = () => undefined;
      const incomingOnly: Interceptor<IncomingCall> = () => undefined;
      const outgoingOnly: Interceptor<OutgoingCall> = () => undefined;
      interceptors.add(both);
      interceptors.add({ incoming: incomingOnly });
      interceptors.add({ outgoing: outgoingOnly });
      interceptors.add({ incoming: incomingOnly, outgoing: outgoingOnly });
      expect(before).to.deep.equal([]);
      expect(interceptors.incoming).to.deep.equal([both, incomingOnly, incomingOnly]);
      expect(interceptors.outgoing).to.deep.equal([both, outgoingOnly, outgoingOnly]);
    });

    it('take nothing else', () => {
      const interceptors = new Interceptors();
      const wrongs = [undefined, null, {}, 'log', [], { incoming: 7 }, { outgoing: () => 1, both: () => 1 }];
      for (const wrong of wrongs) {
        expect(() => interceptors.add(wrong as unknown as DirectedInterceptors))
          .to.throw(SealwireError, 'use() takes a function')
          .with.property('code', 'INVALID_ARGUMENT');
      }
      expect([...interceptors.incoming, ...interceptors.outgoing]).to.deep.equal([]);
    });
  });
});
