// The calling side with a way out that is only written down, and a clock that is moved by hand.

import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { type Limits, resolveLimits } from '../../lib/base/limits.js';
import { Caller, type CallOptions, type RemoteMethod } from '../../lib/rpc/caller.js';
import { ManualClock } from '../support/manual-clock.js';
import { codeOf, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { FakeOutgoing, notRead } from './fake-outgoing.js';

const move: RemoteMethod = { id: 4, fullName: 'Arena.move', security: 2, oneWay: false, stream: false };
const wave: RemoteMethod = { id: 5, fullName: 'Arena.wave', security: 0, oneWay: true, stream: false };

function setUp(limits: Partial<Limits> = {}, allowed?: number) {
  const outgoing = new FakeOutgoing(allowed);
  const clock = new ManualClock();
  const caller = new Caller(outgoing, resolveLimits(limits), clock);
  return { outgoing, clock, caller };
}

describe('rpc/caller', () => {
  nothingUncaught();

  it('numbers calls from 1, sends id, method, arguments and patience under the flags of the method', () => {
    const { caller, outgoing } = setUp();
    void caller.invoke(move, [1, 'two']);
    void caller.invoke({ ...move, security: 0 }, [], { timeoutMs: 250, security: 1 });
    expect(outgoing.sent).to.deep.equal([
      { flags: 2, message: { kind: 'call', id: 1, method: 4, args: [1, 'two'], timeoutMs: 60_000 } },
      { flags: 1, message: { kind: 'call', id: 2, method: 4, args: [], timeoutMs: 250 } },
    ]);
    expect(caller.pendingCalls).to.equal(2);
  });

  it('settles with the answer, once, and leaves no listener, nor a timer for long', async () => {
    const { caller, clock } = setUp();
    const controller = new AbortController();
    const call = caller.invoke(move, [], { signal: controller.signal });
    expect(clock.timers).to.equal(1);
    expect(getEventListeners(controller.signal, 'abort')).to.have.length(1);
    caller.resolve(1, 2, { ok: true });
    caller.resolve(1, 2, 'again');
    caller.resolve(1, 0, 'again, and with less protection');
    expect(await call).to.deep.equal({ ok: true });
    expect(caller.pendingCalls).to.equal(0);
    clock.advance(60_000);
    expect(clock.timers).to.equal(0);
    expect(getEventListeners(controller.signal, 'abort')).to.have.length(0);
  });

  it('says that half of its calls are to go together once all were answered at once, and nothing before', () => {
    const { caller, outgoing } = setUp();
    const flights: (number | undefined)[] = [];
    for (let id = 1; id <= 40; id++) void caller.invoke(move, []);
    for (let id = 1; id <= 41; id++) {
      if (id === 20) void caller.invoke(move, []);
      flights.push(outgoing.flight);
      caller.resolve(id, 2, null);
    }
    expect(new Set(flights)).to.deep.equal(new Set([undefined]));
    expect(outgoing.flight).to.equal(20);
    void caller.invoke(move, []);
    caller.resolve(42, 2, null);
    expect(outgoing.flight, 'each time anew').to.equal(0);
  });

  it('counts calls that wait for room, until they are sent or given up', async () => {
    const { outgoing, clock } = setUp();
    let make: (() => void) | undefined;
    const room = new Promise<void>((resolve) => {
      make = resolve;
    });
    let isFull = true;
    const { send, allowed } = outgoing;
    const full = { allowed, send, room: () => (isFull ? room : undefined) };
    const caller = new Caller(full, resolveLimits(), clock);
    const controller = new AbortController();
    const call = caller.invoke(move, [1], { whenFull: 'wait' });
    const given = caller.invoke(move, [2], { whenFull: 'wait', signal: controller.signal });
    expect([caller.waitingForRoom, caller.pendingCalls]).to.deep.equal([2, 0]);
    controller.abort();
    expect(await codeOf(given)).to.equal('CANCELLED');
    expect([caller.waitingForRoom, caller.pendingCalls]).to.deep.equal([1, 0]);
    isFull = false;
    make!();
    await new Promise((resolve) => setImmediate(resolve));
    expect([caller.waitingForRoom, caller.pendingCalls]).to.deep.equal([0, 1]);
    caller.resolve(1, 2, 'sent');
    expect(await call).to.equal('sent');
  });

  it('settles calls by their ids, in whatever order the answers come', async () => {
    const { caller } = setUp();
    const calls = [caller.invoke(move, []), caller.invoke(move, []), caller.invoke(move, [])];
    caller.resolve(3, 2, 'c');
    caller.resolve(1, 2, 'a');
    caller.reject(2, 2, new RpcError('NOT_FOUND', 'b'));
    expect(await codeOf(calls[1]!)).to.equal('NOT_FOUND');
    expect([await calls[0], await calls[2]]).to.deep.equal(['a', 'c']);
  });

  it('refuses an answer that lacks a flag of its call, and the call still waits', async () => {
    const { caller } = setUp();
    const call = caller.invoke(move, [], { security: 1 });
    for (const flags of [0, 1, 2]) {
      expect(() => caller.resolve(1, flags, 'forged'))
        .to.throw(SealwireError)
        .with.property('code', 'PROTOCOL_ERROR');
    }
    expect(caller.pendingCalls).to.equal(1);
    caller.resolve(1, 3, 'real');
    expect(await call).to.equal('real');
  });

  it('ignores answers to calls that never were', () => {
    const { caller } = setUp();
    caller.resolve(7, 0, 'nobody asked');
    expect(caller.pendingCalls).to.equal(0);
  });

  it('gives up at the very millisecond, tells the peer under the flags of the call, and drops a late answer', async () => {
    const { caller, clock, outgoing } = setUp();
    const call = outcomeOf(caller.invoke(move, [], { timeoutMs: 100, security: 1 }));
    clock.advance(99);
    expect([caller.pendingCalls, outgoing.sent.length]).to.deep.equal([1, 1]);
    clock.advance(1);
    expect(outgoing.sent[1]).to.deep.equal({ flags: 3, message: { kind: 'cancel', id: 1 } });
    caller.resolve(1, 0, 'late');
    const outcome = await call;
    expect(outcome).to.include({ kind: 'failed', code: 'DEADLINE_EXCEEDED' });
    expect(outcome).to.have.nested.property('error.message', 'Arena.move did not answer within 100 ms');
    expect(clock.timers).to.equal(0);
  });

  it('waits no longer than limits.maxCallMs, whatever is asked for', async () => {
    const { caller, clock, outgoing } = setUp({ maxCallMs: 50 });
    const calls = [caller.invoke(move, []), caller.invoke(move, [], { timeoutMs: 1000 })].map(codeOf);
    expect(outgoing.sent.map(({ message }) => message.kind === 'call' && message.timeoutMs)).to.deep.equal([
      50, 50,
    ]);
    clock.advance(50);
    expect(await Promise.all(calls)).to.deep.equal(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
  });

  it('cancels when the signal is aborted, with its reason as the cause', async () => {
    const { caller, clock, outgoing } = setUp();
    const controller = new AbortController();
    const call = outcomeOf(caller.invoke(move, [], { signal: controller.signal }));
    const reason = new Error('the player left');
    controller.abort(reason);
    controller.abort(new Error('twice'));
    const outcome = await call;
    expect(outcome).to.include({ kind: 'failed', code: 'CANCELLED' });
    expect(outcome).to.have.nested.property('error.cause', reason);
    expect(outgoing.sent.map(({ message }) => message.kind)).to.deep.equal(['call', 'cancel']);
    clock.advance(60_000);
    expect(clock.timers).to.equal(0);
  });

  it('sends nothing at all for a signal that is aborted already', async () => {
    const { caller, outgoing, clock } = setUp();
    for (const method of [move, wave]) {
      expect(await codeOf(caller.invoke(method, [], { signal: AbortSignal.abort() }))).to.equal('CANCELLED');
    }
    expect([outgoing.sent.length, clock.timers, caller.pendingCalls]).to.deep.equal([0, 0, 0]);
  });

  it('is not disturbed by a cancellation that cannot be sent', async () => {
    const { caller, clock, outgoing } = setUp();
    const call = codeOf(caller.invoke(move, [], { timeoutMs: 5 }));
    outgoing.obstacles.push(notRead());
    clock.advance(5);
    expect(await call).to.equal('DEADLINE_EXCEEDED');
  });

  it('fails when the message cannot be sent, and forgets the call', async () => {
    const { caller, clock, outgoing } = setUp();
    outgoing.obstacles.push(notRead());
    expect(await outcomeOf(caller.invoke(move, []))).to.include({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'send-buffer',
    });
    expect([caller.pendingCalls, clock.timers]).to.deep.equal([0, 0]);
    void caller.invoke(move, []);
    expect(outgoing.sent[0]!.message).to.include({ kind: 'call', id: 1 });
  });

  it('fails all that wait when the connection ends, each once, and stops their timers', async () => {
    const { caller, clock } = setUp();
    const controller = new AbortController();
    const calls = [caller.invoke(move, []), caller.invoke(move, [], { signal: controller.signal })].map(
      outcomeOf,
    );
    const cause = new SealwireError('RECORD_REJECTED', 'a record was forged', { reason: 'tag' });
    caller.close(cause);
    controller.abort();
    clock.advance(100_000);
    for (const outcome of await Promise.all(calls)) {
      expect(outcome).to.include({ kind: 'failed', code: 'CONNECTION_CLOSED', reason: 'RECORD_REJECTED' });
      expect(outcome).to.have.nested.property('error.cause', cause);
    }
    expect([caller.pendingCalls, clock.timers]).to.deep.equal([0, 0]);
  });

  it('tells by the reason how the connection ended, as docs/errors.md has it', async () => {
    const { caller } = setUp();
    const call = outcomeOf(caller.invoke(move, []));
    caller.close(new SealwireError('CONNECTION_CLOSED', 'the peer stops', { reason: 'going-away' }));
    expect(await call).to.include({ code: 'CONNECTION_CLOSED', reason: 'going-away' });
  });

  it('resolves one-way calls at once, without waiting and without an id', async () => {
    const { caller, clock, outgoing } = setUp({ maxPendingCalls: 1 });
    void caller.invoke(move, []);
    expect(await caller.invoke(wave, ['hello'], { timeoutMs: 5 })).to.equal(undefined);
    expect(outgoing.sent[1]).to.deep.equal({
      flags: 0,
      message: { kind: 'notify', method: 5, args: ['hello'] },
    });
    expect([caller.pendingCalls, clock.timers]).to.deep.equal([1, 1]);
  });

  it('keeps the number of waiting calls within limits.maxPendingCalls', async () => {
    const { caller, outgoing } = setUp({ maxPendingCalls: 2 });
    const first = caller.invoke(move, []);
    void caller.invoke(move, []);
    expect(await codeOf(caller.invoke(move, []))).to.equal('RESOURCE_EXHAUSTED');
    expect(outgoing.sent).to.have.length(2);
    caller.resolve(1, 2, null);
    await first;
    void caller.invoke(move, []);
    expect(outgoing.sent[2]!.message).to.include({ id: 3 });
  });

  for (const [what, options] of [
    ['a time limit of nothing', { timeoutMs: 0 }],
    ['a negative time limit', { timeoutMs: -1 }],
    ['a time limit that is no number', { timeoutMs: Number.NaN }],
    ['a time limit without end', { timeoutMs: Number.POSITIVE_INFINITY }],
    ['a time limit with a fraction', { timeoutMs: 1.5 }],
    ['a time limit in words', { timeoutMs: '5s' as never }],
    ['flags that do not exist', { security: 4 }],
    ['negative flags', { security: -1 }],
    ['half a flag', { security: 0.5 }],
    ['flags in words', { security: 'Encrypted' as never }],
    ['a controller where its signal belongs', { signal: new AbortController() as never }],
    ['options that are none', null as never],
  ] as [string, CallOptions][]) {
    it(`refuses ${what} with INVALID_ARGUMENT, and sends nothing`, async () => {
      const { caller, outgoing, clock } = setUp();
      expect(await codeOf(caller.invoke(move, [], options))).to.equal('INVALID_ARGUMENT');
      expect([outgoing.sent.length, clock.timers, caller.pendingCalls]).to.deep.equal([0, 0, 0]);
    });
  }

  for (const args of ['text', 5, null, { 0: 'a', length: 1 }] as unknown[]) {
    it(`refuses ${JSON.stringify(args)} as arguments: the peer would end the connection`, async () => {
      const { caller, outgoing } = setUp();
      for (const method of [move, wave]) {
        expect(await codeOf(caller.invoke(method, args as never))).to.equal('INVALID_ARGUMENT');
      }
      expect(outgoing.sent).to.have.length(0);
    });
  }

  it('names the argument that cannot be sent', async () => {
    const { caller, outgoing } = setUp();
    const outcome = await outcomeOf(caller.invoke(move, [1, { hit: () => 1 }]));
    expect(outcome).to.include({ code: 'INVALID_ARGUMENT' });
    expect(outcome).to.have.nested.property('error.message').that.includes('argument[1].hit');
    expect([outgoing.sent.length, caller.pendingCalls]).to.deep.equal([0, 0]);
  });

  it('sends nothing that must be protected without keys', async () => {
    const { caller, outgoing } = setUp({}, 0b0001);
    expect(await codeOf(caller.invoke(move, []))).to.equal('ENCRYPTION_UNAVAILABLE');
    expect(await codeOf(caller.invoke(wave, [], { security: 1 }))).to.equal('ENCRYPTION_UNAVAILABLE');
    expect(outgoing.sent).to.have.length(0);
  });
});
