// Deadlines and signals: of one call, and of the calls that a method makes in its turn.

import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { SealwireError } from '../../lib/base/errors.js';
import { defaultLimits } from '../../lib/base/limits.js';
import { type CallContext, callContext, runInContext } from '../../lib/rpc/call-context.js';
import { planCall, timeLeft } from '../../lib/rpc/call-options.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { codeOf, eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { linkSessions } from './linked-sessions.js';

const now = new Date('2026-11-20T12:00:00Z');
const inMs = (ms: number) => new Date(now.getTime() + ms);
const contextUntil = (deadline?: Date, signal = new AbortController().signal) =>
  ({ deadline, signal }) as CallContext;
const left = (options: Parameters<typeof planCall>[0], streams = false) =>
  timeLeft(planCall(options), { date: () => now }, streams, defaultLimits);

describe('rpc/call-options', () => {
  it('gives the least of all that limits a call', () => {
    expect(left({})).to.equal(60_000);
    expect(left({ timeoutMs: 500, deadline: inMs(400) })).to.equal(400);
    expect(left({ timeoutMs: 300, deadline: inMs(400) })).to.equal(300);
    expect(left({ timeoutMs: 70_000 })).to.equal(60_000);
    expect(left({ timeoutMs: 500, context: contextUntil(inMs(20)) })).to.equal(20);
    expect(left({ context: contextUntil(undefined) })).to.equal(60_000);
  });

  it('gives a stream no limit but those that are asked for', () => {
    expect(left({}, true)).to.equal(0);
    expect(left({ timeoutMs: 70_000 }, true)).to.equal(70_000);
    expect(left({ context: contextUntil(inMs(20)) }, true)).to.equal(20);
    expect(left({ timeoutMs: Number.MAX_SAFE_INTEGER }, true)).to.equal(2 ** 31 - 1);
  });

  it('makes no call behind its deadline', () => {
    for (const deadline of [now, inMs(-1)]) {
      expect(() => left({ deadline }))
        .to.throw(SealwireError)
        .with.property('code', 'DEADLINE_EXCEEDED');
    }
  });

  it('takes over the context in which it is made, unless it is told otherwise', () => {
    const outer = contextUntil(inMs(50));
    const planned = (options?: Parameters<typeof planCall>[0]) =>
      runInContext(outer, () => planCall(options));
    expect(planned()).to.deep.include({ signals: [outer.signal], deadlines: [outer.deadline] });
    expect(planned({ context: null })).to.deep.include({ signals: [], deadlines: [] });
    const other = contextUntil(inMs(60));
    expect(planned({ context: other }).signals[0]).to.equal(other.signal);
    expect(planCall().signals).to.deep.equal([]);
  });

  it('refuses what JavaScript may pass', () => {
    const bad = [
      null,
      1,
      { timeoutMs: 0 },
      { timeoutMs: 1.5 },
      { deadline: new Date(Number.NaN) },
      { deadline: 5 },
      { signal: {} },
      { signal: null },
      { context: {} },
      { channel: '' },
      { channel: 'x'.repeat(65) },
      { channel: 'é'.repeat(33) },
    ];
    for (const options of bad) {
      expect(() => planCall(options as object), JSON.stringify(options))
        .to.throw(SealwireError)
        .with.property('code', 'INVALID_ARGUMENT');
    }
  });
});

class Back {
  readonly contexts: CallContext[] = [];

  @Rpc()
  async hang(): Promise<void> {
    const context = callContext();
    this.contexts.push(context);
    await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
  }
}

class Front {
  back: Peer | undefined;
  readonly outcomes: string[] = [];

  @Rpc()
  async atOnce(): Promise<void> {
    this.outcomes.push(await codeOf(this.back!.invoke('Back.hang')));
  }

  @Rpc()
  async later(): Promise<void> {
    const context = callContext();
    await Promise.resolve();
    this.outcomes.push(await codeOf(this.back!.invoke('Back.hang', [], { context })));
  }

  @Rpc()
  async *items(): AsyncGenerator<number> {
    yield 1;
    this.outcomes.push(await codeOf(this.back!.invoke('Back.hang')));
  }
}

describe('rpc: calls made by a method', () => {
  nothingUncaught();

  for (const method of ['atOnce', 'later', 'items'] as const) {
    it(`end with the call for which ${method}() makes them, and have its deadline`, async () => {
      const [front, back] = [new Front(), new Back()];
      const behind = await linkSessions({ serverServices: [back] });
      const before = await linkSessions({ serverServices: [front] });
      front.back = behind.client.session.peer;
      const caller = before.client.session.peer;
      const call = async (options: object) => {
        if (method !== 'items') return caller.invoke(`Front.${method}`, [], options);
        for await (const _ of caller.stream('Front.items', [], options));
        return undefined;
      };

      const controller = new AbortController();
      const cancelled = codeOf(call({ timeoutMs: 5000, signal: controller.signal }));
      await eventually('the inner one runs', () => back.contexts.length === 1);
      expect(back.contexts[0]!.deadline!.getTime() - Date.now()).to.be.within(3000, 5001);
      controller.abort();
      expect(await cancelled).to.equal('CANCELLED');
      await eventually('the inner one has ended', () => front.outcomes.length === 1);
      await eventually('and knows it', () => back.contexts[0]!.signal.aborted);

      expect(await codeOf(call({ timeoutMs: 40 }))).to.equal('DEADLINE_EXCEEDED');
      await eventually('the inner one has ended', () => front.outcomes.length === 2);
      expect(front.outcomes[0]).to.equal('CANCELLED');
      expect(front.outcomes[1]).to.be.oneOf(['DEADLINE_EXCEEDED', 'CANCELLED']);
      expect(getEventListeners(controller.signal, 'abort')).to.have.length(0);
      await Promise.all([behind.stop(), before.stop()]);
      expect(behind.client.session.load.pendingCalls).to.equal(0);
    });
  }
});
