// A call on its way through interceptors, with a wire that is only written down and a clock that is moved by hand: what each
// attempt is sent with, and that nothing is left of it.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { resolveLimits } from '../../lib/base/limits.js';
import { type CallContext, runInContext } from '../../lib/rpc/call-context.js';
import type { Interception } from '../../lib/rpc/call-lifetime.js';
import type { CallOptions, RemoteMethod } from '../../lib/rpc/caller.js';
import { invokeIntercepted, streamIntercepted } from '../../lib/rpc/intercepted-call.js';
import type { Interceptor, OutgoingCall } from '../../lib/rpc/interceptor.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { ManualClock } from '../support/manual-clock.js';
import { outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';

const move: RemoteMethod = { id: 0, fullName: 'Arena.move', security: 1, oneWay: false, stream: false };
const watch: RemoteMethod = { ...move, fullName: 'Arena.watch', stream: true };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(interceptor: Interceptor<OutgoingCall>, method: RemoteMethod = move) {
  const clock = new ManualClock();
  const calls: Interception['calls'] = new Set();
  const limits = resolveLimits({ maxCallMs: 1000 });
  const interception: Interception = {
    interceptors: [interceptor],
    method,
    peer: {} as Peer,
    clock,
    limits,
    calls,
  };
  const sent: { readonly args: readonly unknown[]; readonly options: CallOptions }[] = [];
  const failing = (args: readonly unknown[], options: CallOptions): Promise<never> => {
    sent.push({ args, options });
    return Promise.reject(new SealwireError('UNAVAILABLE', 'not now'));
  };
  const expectNothingLeft = () => {
    expect([clock.timers, calls.size]).to.deep.equal([0, 0]);
  };
  return { clock, calls, interception, sent, failing, expectNothingLeft };
}

/** Goes on every 40 ms until somebody says that it is enough. */
const retrying =
  (clock: () => ManualClock): Interceptor<OutgoingCall> =>
  async (_call, next) => {
    for (;;) {
      const answer = next();
      await answer.catch(() => undefined);
      await new Promise<void>((resolve) => clock().setTimer(40, resolve));
    }
  };

describe('rpc/intercepted-call', () => {
  nothingUncaught();

  it('is sent with what is left of its time, in its first turn with all of it', async () => {
    const set = setUp(retrying(() => set.clock));
    const { clock, calls, interception, sent, failing } = set;
    const options = { timeoutMs: 100, deadline: new Date(clock.date().getTime() + 5000) };
    const outcome = outcomeOf(invokeIntercepted(interception, [1], options, failing));
    for (let step = 0; step < 10; step++) {
      await turn();
      clock.advance(10);
    }
    clock.endTurn();
    expect(await outcome).to.include({ kind: 'failed', code: 'DEADLINE_EXCEEDED' });
    expect(sent.map((one) => [one.options.timeoutMs, one.options.deadline])).to.deep.equal([
      [100, undefined],
      [60, undefined],
      [20, undefined],
    ]);
    // It goes on, in vain.
    clock.advance(40);
    await turn();
    expect(sent).to.have.length(3);
    expect(calls.size).to.equal(0);
  });

  it('is sent with the flags that interceptors were told, and under its own signal and no other context', async () => {
    const told: OutgoingCall[] = [];
    const set = setUp((call, next) => {
      told.push(call);
      return next();
    });
    const abort = new AbortController();
    const metadata = { trace: 'x' };
    const context = { signal: abort.signal, deadline: undefined } as CallContext;
    await runInContext(context, () =>
      outcomeOf(
        invokeIntercepted(set.interception, [1], { security: 2, metadata, channel: 'moves' }, set.failing),
      ),
    );
    const [{ options }] = set.sent as [(typeof set.sent)[0]];
    expect(told[0]).to.include({ security: 3, direction: 'outgoing', method: 'Arena.move' });
    expect(told[0]!.deadline).to.deep.equal(new Date(set.clock.date().getTime() + 1000));
    expect(options).to.include({ security: 3, context: null, channel: 'moves', timeoutMs: 1000 });
    // The very object: calls for many are serialized once by it.
    expect(options.metadata).to.equal(metadata);
    expect(told[0]!.metadata).to.not.equal(metadata);
    expect(options.signal).to.equal(told[0]!.signal);
    set.expectNothingLeft();
  });

  it('ends with the call that it is made in, also when it goes on later', async () => {
    const abort = new AbortController();
    const context = { signal: abort.signal, deadline: undefined } as CallContext;
    const set = setUp(async (_call, next) => {
      await turn();
      return next();
    });
    const outcome = runInContext(context, () =>
      outcomeOf(invokeIntercepted(set.interception, [1], undefined, set.failing)),
    );
    abort.abort();
    set.clock.endTurn();
    expect(await outcome).to.include({ code: 'CANCELLED' });
    await turn();
    expect(set.sent).to.deep.equal([]);
    set.expectNothingLeft();
  });

  it('keeps its time in its first turn, however long interceptors are about it: many may share what is sent', async () => {
    const set = setUp((_call, next) => {
      set.clock.advance(7);
      return next();
    });
    await outcomeOf(invokeIntercepted(set.interception, [1], { timeoutMs: 100 }, set.failing));
    expect(set.sent[0]!.options.timeoutMs).to.equal(100);
    set.expectNothingLeft();
  });

  it('is not made again when it is over', async () => {
    let again: (() => Promise<unknown>) | undefined;
    const set = setUp(async (_call, next) => {
      again = () => next();
      await next().catch(() => undefined);
      return 'over';
    });
    expect(await invokeIntercepted(set.interception, [1], undefined, set.failing)).to.equal('over');
    expect(await outcomeOf(again!())).to.include({ code: 'INVALID_STATE', reason: 'interceptor' });
    expect(set.sent).to.have.length(1);
    set.expectNothingLeft();
  });

  it('gives its caller one answer, the first', async () => {
    let finish = (_value: string): void => undefined;
    const set = setUp(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    const answer = invokeIntercepted(set.interception, [1], { timeoutMs: 10 }, set.failing);
    set.clock.advance(10);
    finish('in time');
    await turn();
    set.clock.endTurn();
    expect(await answer).to.equal('in time');
    set.expectNothingLeft();

    const late = outcomeOf(invokeIntercepted(set.interception, [1], { timeoutMs: 10 }, set.failing));
    set.clock.advance(10);
    set.clock.endTurn();
    finish('too late');
    expect(await late).to.include({ code: 'DEADLINE_EXCEEDED' });
    set.expectNothingLeft();
  });

  it('has no limit as a stream, unless it is given one, and is planned when it is asked for', async () => {
    async function* items(): AsyncGenerator<number> {
      yield 1;
    }
    const told: OutgoingCall[] = [];
    const set = setUp((call, next) => {
      told.push(call);
      return next();
    }, watch);
    const options: CallOptions[] = [];
    const open = (_args: readonly unknown[], given: CallOptions) => {
      options.push(given);
      return items();
    };
    const abort = new AbortController();
    const context = { signal: abort.signal, deadline: undefined } as CallContext;
    const free = streamIntercepted(set.interception, [], undefined, open);
    const limited = runInContext(context, () =>
      streamIntercepted(set.interception, [], { timeoutMs: 50 }, open),
    );
    expect([told.length, set.clock.timers]).to.deep.equal([0, 0]);
    await free.next();
    await limited.next();
    expect(told.map(({ deadline }) => deadline === undefined)).to.deep.equal([true, false]);
    expect(options.map(({ timeoutMs }) => timeoutMs)).to.deep.equal([undefined, 50]);
    expect(set.clock.timers).to.equal(1);
    await free.next();
    abort.abort();
    set.clock.endTurn();
    expect(await outcomeOf(limited.next())).to.include({ code: 'CANCELLED' });
    set.expectNothingLeft();
  });

  it('keeps nothing of the items that have come, however many', async () => {
    async function* items(): AsyncGenerator<number> {
      for (let item = 0; item < 20_000; item++) yield item;
    }
    const set = setUp((_call, next) => next(), watch);
    let sum = 0;
    for await (const item of streamIntercepted(set.interception, [], undefined, () => items())) {
      sum += Number(item);
    }
    expect(sum).to.equal(199_990_000);
    set.expectNothingLeft();
  });
});
