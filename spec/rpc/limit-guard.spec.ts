// Calls that are refused, dropped or answered by a cut, and messages that lead to nothing, counted on a clock that is moved by
// hand: one dispatcher with its guard.

import { expect } from 'chai';
import type { SealwireError } from '../../lib/base/errors.js';
import { type Limits, resolveLimits } from '../../lib/base/limits.js';
import type { RateLimit } from '../../lib/contract/limit.js';
import { Dispatcher } from '../../lib/rpc/dispatcher.js';
import { type OnLimit, resolveLimitActions } from '../../lib/rpc/limit-actions.js';
import { LimitGuard } from '../../lib/rpc/limit-guard.js';
import type { LimitReport } from '../../lib/rpc/limit-report.js';
import { Peer } from '../../lib/rpc/peer.js';
import type { ServedMethod } from '../../lib/rpc/registry.js';
import type { Session } from '../../lib/rpc/session.js';
import { ManualClock } from '../support/manual-clock.js';
import { FakeOutgoing, notRead } from './fake-outgoing.js';

interface SetUp {
  readonly limits?: Partial<Limits>;
  readonly onLimit?: OnLimit;
  readonly rateLimit?: RateLimit;
  readonly methodRateLimit?: RateLimit;
  readonly body?: () => unknown;
}

/** Method 0 answers and must be authenticated, method 1 is one-way and public, method 2 streams. */
function setUp({ limits, onLimit, rateLimit, methodRateLimit, body = () => 'done' }: SetUp = {}) {
  const clock = new ManualClock();
  const outgoing = new FakeOutgoing();
  const ends: SealwireError[] = [];
  const reports: LimitReport[] = [];
  const refused: string[] = [];
  let wasted = 0;
  let decoded = 0;
  const peer = new Peer(7, { remoteAddress: 'there:1', identity: undefined } as Session);
  const guard = new LimitGuard({
    peer,
    limits: resolveLimits(limits),
    actions: resolveLimitActions(onLimit),
    clock,
    observer: {
      refused: (_peer, method, code) => refused.push(`${method} ${code}`),
      limitExceeded: (_peer, report) => reports.push(report),
    },
    wasted: () => {
      wasted += 1;
    },
    fail: (error) => {
      ends.push(error);
      dispatcher.close(error);
      guard.close(error);
    },
  });
  const method: ServedMethod = {
    fullName: 'Arena.move',
    security: 2,
    oneWay: false,
    stream: false,
    requiresIdentity: false,
    timeoutMs: undefined,
    rateLimit: methodRateLimit,
    invoke: body,
  };
  const items = async function* () {};
  const dispatcher = new Dispatcher({
    peer,
    guard,
    rateLimit,
    methods: [
      method,
      { ...method, fullName: 'Arena.wave', security: 0, oneWay: true },
      { ...method, fullName: 'Arena.watch', stream: true, invoke: items },
    ],
    limits: resolveLimits(limits),
    clock,
    allowed: 0b1111,
    send: outgoing.send,
    fail: (error) => ends.push(error),
    observer: { failed: () => undefined, refused: () => undefined },
  });
  let lastId = 0;
  const call = (flags = 2, methodId = 0, bytes = 10): string => {
    lastId += 1;
    const fields = { id: lastId, method: methodId, timeoutMs: 0, bytes };
    const args = {
      get args() {
        decoded += 1;
        return [];
      },
    };
    // Without copying it, which would read it.
    dispatcher.call(flags, Object.setPrototypeOf(fields, args) as typeof fields & { args: unknown[] });
    const [answer] = outgoing.take();
    if (answer === undefined) return 'nothing';
    return answer.message.kind === 'error' ? answer.message.code : answer.message.kind;
  };
  const calls = (times: number, flags = 2): string[] => Array.from({ length: times }, () => call(flags));
  const told = () =>
    reports
      .splice(0)
      .map(({ limit, action, count }) => `${limit}: ${action}${count === 1 ? '' : ` ${count}`}`);
  return {
    clock,
    outgoing,
    dispatcher,
    guard,
    ends,
    refused,
    call,
    calls,
    told,
    wasted: () => wasted,
    decoded: () => decoded,
  };
}

const exhausted = 'RESOURCE_EXHAUSTED';

describe('rpc/limit-guard', () => {
  it('counts all calls of a peer, and decodes the arguments of none that is too many', () => {
    const { calls, call, decoded, told, clock, dispatcher, outgoing } = setUp({
      rateLimit: { perSecond: 2, burst: 3 },
    });
    expect(calls(5)).to.deep.equal(['result', 'result', 'result', exhausted, exhausted]);
    expect(decoded()).to.equal(3);
    expect(told()).to.deep.equal(['rateLimit: refuse']);
    clock.advance(500);
    expect(calls(2)).to.deep.equal(['result', exhausted]);
    // One-way calls count too; public ones take from what anybody on the path may use up.
    for (let time = 0; time < 5; time++) dispatcher.notify(0, { method: 1, args: [] });
    clock.advance(500);
    expect(call(0, 0)).to.equal('SECURITY_REQUIRED');
    expect(call(0, 0)).to.equal(exhausted);
    expect(call()).to.equal('result');
    expect(outgoing.take()).to.deep.equal([]);
    expect(told()).to.deep.equal(['rateLimit: refuse 4']);
  });

  for (const onExceeded of ['refuse', 'drop', 'disconnect'] as const) {
    for (const which of ['rateLimit', 'methodRateLimit'] as const) {
      it(`does as a ${which} says: ${onExceeded}`, () => {
        const { calls, ends, told, refused, decoded } = setUp({
          [which]: { perSecond: 1, burst: 1, onExceeded },
        });
        expect(calls(2)).to.deep.equal(['result', onExceeded === 'refuse' ? exhausted : 'nothing']);
        expect(ends.map(({ code }) => code)).to.deep.equal(
          onExceeded === 'disconnect' ? ['LIMIT_EXCEEDED'] : [],
        );
        expect(told()).to.deep.equal([`${which}: ${onExceeded}`]);
        expect(refused).to.deep.equal([`Arena.move ${exhausted}`]);
        expect(decoded()).to.equal(1);
      });
    }
  }

  for (const action of ['refuse', 'drop', 'disconnect'] as const) {
    it(`does as onLimit says with calls in flight and streams: ${action}`, () => {
      const never = () => new Promise(() => undefined);
      const inFlight = setUp({
        limits: { maxCallsInFlight: 1 },
        onLimit: { callsInFlight: action },
        body: never,
      });
      const streams = setUp({ limits: { maxStreams: 1 }, onLimit: { streams: action } });
      const last = action === 'refuse' ? exhausted : 'nothing';
      expect(inFlight.calls(2)).to.deep.equal(['nothing', last]);
      expect([streams.call(2, 2), streams.call(2, 2)]).to.deep.equal(['nothing', last]);
      expect(inFlight.told()).to.deep.equal([`callsInFlight: ${action}`]);
      expect(streams.told()).to.deep.equal([`streams: ${action}`]);
      for (const { ends } of [inFlight, streams])
        expect(ends).to.have.length(action === 'disconnect' ? 1 : 0);
    });
  }

  it('cuts a peer that goes on with calls that are refused, for whatever reason', () => {
    const limits = { maxRefusedCalls: 10 };
    for (const flags of [0, 2]) {
      const { call, ends, told, guard } = setUp({ limits, rateLimit: { perSecond: 0.001, burst: 1 } });
      call(2);
      call(0);
      const answers = Array.from({ length: 20 }, () => call(flags));
      // The forged one was refused as well.
      expect(answers.slice(0, 9)).to.deep.equal(Array(9).fill(exhausted));
      expect(answers.slice(9)).to.deep.equal(Array(11).fill('nothing'));
      expect(ends.map(({ code }) => code)).to.deep.equal(['LIMIT_EXCEEDED']);
      expect(told()).to.deep.equal(['rateLimit: refuse', 'refusedCalls: disconnect', 'rateLimit: refuse 8']);
      guard.close(ends[0]!);
      expect(told()).to.deep.equal([]);
    }
  });

  it('gives a peer time: who is refused now and then is never cut', () => {
    const { call, ends, clock } = setUp({ limits: { maxRefusedCalls: 10 } });
    for (let second = 0; second < 100; second++) {
      expect(call(0)).to.equal('SECURITY_REQUIRED');
      clock.advance(1000);
    }
    expect(ends).to.deep.equal([]);
  });

  it('counts large calls that are refused for more, and those of a side that drains for nothing', () => {
    const large = setUp({ limits: { maxRefusedCalls: 10 } });
    expect([large.call(0, 0, 2 ** 20), large.call(0, 0, 10)]).to.deep.equal(['SECURITY_REQUIRED', 'nothing']);
    expect(large.ends).to.have.length(1);
    const draining = setUp({ limits: { maxRefusedCalls: 10 } });
    draining.dispatcher.drain();
    expect(new Set(draining.calls(100))).to.deep.equal(new Set(['UNAVAILABLE']));
    expect(draining.ends).to.deep.equal([]);
  });

  it('stops answering where refused calls are dropped, and never where they are refused', () => {
    const dropping = setUp({ limits: { maxRefusedCalls: 2 }, onLimit: { refusedCalls: 'drop' } });
    expect(dropping.calls(4, 0)).to.deep.equal([
      'SECURITY_REQUIRED',
      'SECURITY_REQUIRED',
      'nothing',
      'nothing',
    ]);
    expect(dropping.told()).to.deep.equal(['refusedCalls: drop']);
    const patient = setUp({ limits: { maxRefusedCalls: 2 }, onLimit: { refusedCalls: 'refuse' } });
    expect(new Set(patient.calls(50, 0))).to.deep.equal(new Set(['SECURITY_REQUIRED']));
    for (const { ends } of [dropping, patient]) expect(ends).to.deep.equal([]);
  });

  it('tells of a hundred refused calls a second, and counts the others', () => {
    const { calls, refused, told, clock } = setUp();
    calls(150, 0);
    expect(refused).to.have.length(100);
    clock.advance(1000);
    expect(told()).to.deep.equal(['refusedCalls: refuse', 'refusedCalls: refuse 49']);
    calls(100, 0);
    expect(refused).to.have.length(200);
  });

  it('drops what leads to nothing, and cuts who goes on with it', () => {
    const messages: ((dispatcher: Dispatcher, id: number) => void)[] = [
      (dispatcher, id) => dispatcher.cancel(2, id),
      (dispatcher, id) => dispatcher.credit(2, id, 1),
      (dispatcher, id) => dispatcher.argumentItem(2, id, 'x', 36),
      (dispatcher, id) => dispatcher.argumentEnd(2, id, undefined),
    ];
    for (const [index, say] of messages.entries()) {
      // 100 bytes for an item of 36, 64 for what has none.
      const setup = setUp({ limits: { maxStrayBytes: index === 2 ? 1000 : 640 } });
      for (let id = 1; id <= 10; id++) say(setup.dispatcher, id);
      expect(setup.ends).to.deep.equal([]);
      expect(setup.wasted()).to.equal(10);
      say(setup.dispatcher, 11);
      expect(setup.ends.map(({ code }) => code)).to.deep.equal(['LIMIT_EXCEEDED']);
      expect(setup.told()).to.deep.equal(['strayMessages: disconnect']);
    }
    const patient = setUp({ limits: { maxStrayBytes: 64 }, onLimit: { strayMessages: 'drop' } });
    for (let id = 1; id <= 100; id++) patient.dispatcher.cancel(2, id);
    expect(patient.ends).to.deep.equal([]);
  });

  it('takes what crossed the end of its call on the way for no stray', () => {
    const { call, dispatcher, guard, ends, wasted } = setUp({ limits: { maxStrayBytes: 64 } });
    for (let id = 1; id <= 50; id++) {
      expect(call()).to.equal('result');
      dispatcher.cancel(2, id);
    }
    expect([wasted(), ends.length]).to.deep.equal([0, 0]);
    // Items, as many as the peer may have sent before it knew.
    guard.crossing(1000);
    for (let item = 0; item < 10; item++) dispatcher.argumentItem(2, 1, 'x', 100);
    dispatcher.argumentEnd(2, 1, undefined);
    expect([wasted(), ends.length]).to.deep.equal([0, 0]);
    dispatcher.cancel(2, 1);
    dispatcher.cancel(2, 1);
    expect([wasted(), ends.length]).to.deep.equal([2, 1]);
  });

  for (const action of ['drop', 'disconnect'] as const) {
    it(`does as onLimit says with answers that are not read: ${action}`, () => {
      const { call, outgoing, ends, told } = setUp({ onLimit: { unreadAnswers: action } });
      outgoing.obstacles.push(notRead());
      expect(call()).to.equal('nothing');
      expect(told()).to.deep.equal([`unreadAnswers: ${action}`]);
      expect(ends.map(({ code }) => code)).to.deep.equal(action === 'drop' ? [] : ['LIMIT_EXCEEDED']);
      if (action === 'drop') expect(call()).to.equal('result');
    });
  }

  it('tells of limits that were kept below it, and of its own cuts once', () => {
    const { guard, told, ends, calls } = setUp({
      rateLimit: { perSecond: 1, burst: 1, onExceeded: 'disconnect' },
    });
    calls(2);
    expect(told()).to.deep.equal(['rateLimit: disconnect']);
    guard.close(ends[0]!);
    expect(told()).to.deep.equal([]);
    const below = setUp();
    below.guard.close(Object.assign(ends[0]!, { message: 'a frame too large' }));
    expect(below.told()).to.deep.equal(['frames: disconnect']);
  });
});
