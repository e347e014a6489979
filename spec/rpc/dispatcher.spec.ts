// The serving side with a way out that is only written down, and a clock that is moved by hand.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { type Limits, resolveLimits } from '../../lib/base/limits.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';
import type { CallObserver } from '../../lib/rpc/call-observer.js';
import { Dispatcher } from '../../lib/rpc/dispatcher.js';
import type { PeerIdentity } from '../../lib/rpc/identity.js';
import { incidentMessage } from '../../lib/rpc/incident.js';
import { defaultLimitActions } from '../../lib/rpc/limit-actions.js';
import { LimitGuard } from '../../lib/rpc/limit-guard.js';
import { Peer } from '../../lib/rpc/peer.js';
import type { ServedMethod } from '../../lib/rpc/registry.js';
import type { Session } from '../../lib/rpc/session.js';
import { ManualClock } from '../support/manual-clock.js';
import { eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { FakeOutgoing, notRead, tooLarge } from './fake-outgoing.js';

type Body = (...args: unknown[]) => unknown;

interface SetUp {
  readonly body?: Body;
  readonly method?: Partial<ServedMethod>;
  readonly limits?: Partial<Limits>;
  readonly allowed?: number;
  readonly caller?: Peer;
}

/** Only its identity is asked for here. */
const known = Object.freeze({ kind: 'certificate', name: 'ada' }) as PeerIdentity;
const peerWith = (identity: PeerIdentity | undefined) => new Peer(7, { identity } as Session);
const peer = peerWith(known);

/** Method 0 answers, method 1 is one-way; both run `body`. */
function setUp(options: SetUp = {}) {
  const { body = () => undefined, method = {}, limits = {}, allowed = 0b1111, caller = peer } = options;
  const outgoing = new FakeOutgoing();
  const clock = new ManualClock();
  const events: unknown[][] = [];
  const incidents: string[] = [];
  const failures: SealwireError[] = [];
  const served: ServedMethod = {
    fullName: 'Arena.move',
    security: 0,
    oneWay: false,
    stream: false,
    requiresIdentity: false,
    timeoutMs: undefined,
    invoke: (args) => body(...args),
    ...method,
  };
  const fail = (error: SealwireError) => void failures.push(error);
  const observer: CallObserver = {
    failed: (failing, method, error, incident) => {
      expect(incident).to.match(/^\w{8}$/);
      incidents.push(incident);
      events.push(['failed', failing, method, error]);
    },
    refused: (...args) => events.push(['refused', ...args]),
  };
  const guard = new LimitGuard({
    peer: caller,
    limits: resolveLimits(limits),
    actions: defaultLimitActions,
    clock,
    observer,
    fail,
    wasted: () => undefined,
  });
  const dispatcher = new Dispatcher({
    guard,
    peer: caller,
    methods: [served, { ...served, fullName: 'Arena.wave', oneWay: true, timeoutMs: undefined }],
    limits: resolveLimits(limits),
    clock,
    allowed,
    send: outgoing.send,
    fail,
    observer,
  });
  return { dispatcher, outgoing, clock, events, failures, incidents };
}

describe('rpc/dispatcher', () => {
  nothingUncaught();

  it('tells who calls for calls with a tag alone: the others anybody can have made', () => {
    const told: unknown[] = [];
    const body = () => {
      told.push(callContext().identity);
    };
    const { dispatcher } = setUp({ body });
    for (const flags of [0, 1, 2, 3])
      dispatcher.call(flags, { id: flags + 1, method: 0, args: [], timeoutMs: 0 });
    expect(told).to.deep.equal([undefined, undefined, known, known]);
  });

  describe('answers', () => {
    it('in the turn of the call for a synchronous method, under the flags of the call', () => {
      const { dispatcher, outgoing, clock } = setUp({ body: (a, b) => [b, a] });
      dispatcher.call(2, { id: 1, method: 0, args: ['x', 'y'], timeoutMs: 0 });
      expect(outgoing.sent).to.deep.equal([
        { flags: 2, message: { kind: 'result', id: 1, value: ['y', 'x'] } },
      ]);
      expect([dispatcher.callsInFlight, clock.timers]).to.deep.equal([0, 0]);
    });

    for (const [what, value] of [
      ['a promise', () => Promise.resolve(5)],
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      ['a thenable', () => ({ then: (resolve: (value: number) => void) => resolve(5) })],
      [
        'a function with a then',
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
        () => Object.assign(() => {}, { then: (resolve: (value: number) => void) => resolve(5) }),
      ],
    ] as [string, () => unknown][]) {
      it(`later for ${what}`, async () => {
        const { dispatcher, outgoing } = setUp({ body: value });
        dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
        await eventually('the answer', () => outgoing.sent.length > 0);
        expect(outgoing.sent[0]!.message).to.deep.equal({ kind: 'result', id: 1, value: 5 });
        expect(dispatcher.callsInFlight).to.equal(0);
      });
    }

    it('once, for a thenable that calls back again and again, and counts it once', async () => {
      const { dispatcher, outgoing } = setUp({
        body: () => ({
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
          then(resolve: (value: number) => void, reject: (error: Error) => void) {
            resolve(1);
            resolve(2);
            reject(new Error('3'));
          },
        }),
      });
      dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
      await eventually('the answer', () => outgoing.sent.length > 0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(outgoing.sent.map(({ message }) => message)).to.deep.equal([
        { kind: 'result', id: 1, value: 1 },
      ]);
      expect(dispatcher.callsInFlight).to.equal(0);
    });

    for (const [what, value] of [
      [
        'whose then throws',
        () => ({
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
          then() {
            throw new Error('boom');
          },
        }),
      ],
      [
        'whose then cannot be read',
        () => ({
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
          get then() {
            throw new Error('boom');
          },
        }),
      ],
    ] as [string, () => unknown][]) {
      it(`INTERNAL for a thenable ${what}, and the connection lives`, async () => {
        const { dispatcher, outgoing, events } = setUp({ body: value });
        dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
        await eventually('the answer', () => outgoing.sent.length > 0);
        expect(outgoing.sent[0]!.message).to.include({ kind: 'error', code: 'INTERNAL' });
        expect(events[0]).to.include('failed').and.include('Arena.move');
        expect(dispatcher.callsInFlight).to.equal(0);
      });
    }

    it('nothing to a one-way call, whatever happens in it', async () => {
      let body: Body = () => 5;
      const { dispatcher, outgoing, events } = setUp({ body: () => body() });
      dispatcher.notify(0, { method: 1, args: [] });
      body = () => {
        throw new Error('sync');
      };
      dispatcher.notify(0, { method: 1, args: [] });
      body = () => Promise.reject(new Error('async'));
      dispatcher.notify(0, { method: 1, args: [] });
      await eventually('both failures', () => events.length === 2);
      expect(
        events.map(([kind, who, name, error]) => [kind, who, name, (error as Error).message]),
      ).to.deep.equal([
        ['failed', peer, 'Arena.wave', 'sync'],
        ['failed', peer, 'Arena.wave', 'async'],
      ]);
      const onPurpose = new RpcError('ABORTED', 'nobody hears this but the author');
      body = () => {
        throw onPurpose;
      };
      dispatcher.notify(0, { method: 1, args: [] });
      expect(events[2]).to.deep.equal(['failed', peer, 'Arena.wave', onPurpose]);
      expect(outgoing.sent).to.have.length(0);
      expect(dispatcher.callsInFlight).to.equal(0);
    });
  });

  describe('refuses', () => {
    it('methods that there are not, by number, and says so', () => {
      const { dispatcher, outgoing, events } = setUp();
      const ids = [2, 3, 1e9, Number.MAX_SAFE_INTEGER];
      for (const [index, id] of ids.entries())
        dispatcher.call(3, { id: index + 1, method: id, args: [], timeoutMs: 0 });
      expect(
        outgoing.sent.map(({ flags, message }) => [flags, message.kind === 'error' && message.code]),
      ).to.deep.equal(ids.map(() => [3, 'UNIMPLEMENTED']));
      expect(events[0]).to.deep.equal(['refused', peer, 'unknown', 'UNIMPLEMENTED']);
      dispatcher.notify(0, { method: 99, args: [] });
      expect(outgoing.sent).to.have.length(ids.length);
    });

    for (const [actual, minimum, runs] of [
      [0, 0, true],
      [3, 0, true],
      [0, 1, false],
      [2, 1, false],
      [1, 1, true],
      [1, 2, false],
      [2, 2, true],
      [1, 3, false],
      [2, 3, false],
      [3, 3, true],
    ] as const) {
      it(`${runs ? 'runs' : 'refuses'} flags ${actual} where ${minimum} are asked for`, () => {
        let ran = 0;
        const { dispatcher, outgoing, events } = setUp({ body: () => ++ran, method: { security: minimum } });
        dispatcher.call(actual, { id: 1, method: 0, args: [], timeoutMs: 0 });
        dispatcher.notify(actual, { method: 1, args: [] });
        expect(ran).to.equal(runs ? 2 : 0);
        expect(outgoing.sent).to.have.length(1);
        expect(outgoing.sent[0]!.flags).to.equal(actual);
        if (!runs) expect(outgoing.sent[0]!.message).to.include({ code: 'SECURITY_REQUIRED' });
        expect(events).to.have.length(runs ? 0 : 2);
      });
    }

    it('callers that are nobody, where the method is for those who are known, and runs nothing', () => {
      let ran = 0;
      const body = () => {
        ran += 1;
      };
      const method = { security: 2, requiresIdentity: true };
      const nobody = peerWith(undefined);
      const { dispatcher, outgoing, events } = setUp({ body, method, caller: nobody });
      for (const flags of [2, 3]) dispatcher.call(flags, { id: flags, method: 0, args: [], timeoutMs: 0 });
      dispatcher.notify(2, { method: 1, args: [] });
      expect(ran).to.equal(0);
      for (const { message } of outgoing.sent) {
        expect(message).to.include({ kind: 'error', code: 'UNAUTHENTICATED' });
        // It may go out where others read it.
        expect((message as { message: string }).message)
          .to.match(/who calls/)
          .and.not.match(/move/);
      }
      expect(outgoing.sent.map(({ flags }) => flags)).to.deep.equal([2, 3]);
      expect(events.map(([kind, who, name, code]) => [kind, who === nobody, name, code])).to.deep.equal([
        ['refused', true, 'Arena.move', 'UNAUTHENTICATED'],
        ['refused', true, 'Arena.move', 'UNAUTHENTICATED'],
        ['refused', true, 'Arena.wave', 'UNAUTHENTICATED'],
      ]);

      const accepting = setUp({ body, method });
      accepting.dispatcher.call(2, { id: 1, method: 0, args: [], timeoutMs: 0 });
      accepting.dispatcher.notify(2, { method: 1, args: [] });
      expect(ran).to.equal(2);
    });

    it('a known caller’s unprotected call for its flags first: it need not be the caller’s', () => {
      const { dispatcher, outgoing } = setUp({ method: { security: 2, requiresIdentity: true } });
      for (const flags of [0, 1])
        dispatcher.call(flags, { id: flags + 1, method: 0, args: [], timeoutMs: 0 });
      for (const { message } of outgoing.sent) expect(message).to.include({ code: 'SECURITY_REQUIRED' });
    });

    it('flags that the two sides did not agree on, even for a public method', () => {
      const { dispatcher, outgoing } = setUp({ allowed: 0b1000 });
      for (const flags of [0, 1, 2, 3])
        dispatcher.call(flags, { id: flags + 1, method: 0, args: [], timeoutMs: 0 });
      expect(outgoing.sent.map(({ message }) => message.kind)).to.deep.equal([
        'error',
        'error',
        'error',
        'result',
      ]);
    });

    it('ids that do not rise, one-way calls that ask for an answer, and the other way round', () => {
      const { dispatcher } = setUp();
      dispatcher.call(0, { id: 5, method: 0, args: [], timeoutMs: 0 });
      for (const violation of [
        () => dispatcher.call(0, { id: 5, method: 0, args: [], timeoutMs: 0 }),
        () => dispatcher.call(0, { id: 4, method: 0, args: [], timeoutMs: 0 }),
        () => dispatcher.call(0, { id: 6, method: 1, args: [], timeoutMs: 0 }),
        () => dispatcher.notify(0, { method: 0, args: [] }),
      ]) {
        expect(violation).to.throw(SealwireError).with.property('code', 'PROTOCOL_ERROR');
      }
    });

    it('calls past limits.maxCallsInFlight, one-way ones counted, answered ones as long as they run', async () => {
      const hanging: (() => void)[] = [];
      const { dispatcher, outgoing, clock, events } = setUp({
        body: () => new Promise<void>((resolve) => hanging.push(resolve)),
        limits: { maxCallsInFlight: 2, maxCallMs: 10 },
      });
      dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
      dispatcher.notify(0, { method: 1, args: [] });
      clock.advance(10);
      expect(outgoing.take().map(({ message }) => message)).to.have.length(1);
      dispatcher.call(0, { id: 2, method: 0, args: [], timeoutMs: 0 });
      dispatcher.notify(0, { method: 1, args: [] });
      expect(outgoing.take()[0]!.message).to.include({ kind: 'error', id: 2, code: 'RESOURCE_EXHAUSTED' });
      expect(events.filter(([kind]) => kind === 'refused')).to.have.length(2);
      expect([dispatcher.callsInFlight, hanging.length]).to.deep.equal([2, 2]);
      for (const finish of hanging) finish();
      await eventually('both have returned', () => dispatcher.callsInFlight === 0);
      dispatcher.call(0, { id: 3, method: 0, args: [], timeoutMs: 0 });
      expect(hanging).to.have.length(3);
    });
  });

  describe('tells of errors', () => {
    for (const [what, thrown] of [
      ['an Error', new Error('the password is swordfish')],
      ['a SealwireError of a floor below', new SealwireError('CONNECT_FAILED', 'no database at 10.0.0.7')],
      ['a string', 'swordfish'],
      ['nothing', undefined],
      ['null', null],
      [
        'an object that looks like an RpcError',
        { name: 'RpcError', code: 'NOT_FOUND', message: 'swordfish' },
      ],
    ] as [string, unknown][]) {
      it(`INTERNAL and nothing else of ${what}, thrown or rejected; the cause goes to the observer`, async () => {
        for (const body of [
          () => {
            throw thrown;
          },
          () => Promise.reject(thrown),
        ]) {
          const { dispatcher, outgoing, events, incidents } = setUp({ body });
          dispatcher.call(3, { id: 1, method: 0, args: [], timeoutMs: 0 });
          await eventually('the answer', () => outgoing.sent.length > 0);
          expect(outgoing.sent).to.deep.equal([
            {
              flags: 3,
              message: {
                kind: 'error',
                id: 1,
                code: 'INTERNAL',
                message: incidentMessage(incidents[0]!),
                data: undefined,
              },
            },
          ]);
          expect(events).to.have.length(1);
          expect(events[0]![3]).to.equal(thrown);
        }
      });
    }

    it('all of an RpcError, and the observer hears nothing', () => {
      const { dispatcher, outgoing, events } = setUp({
        body: () => {
          throw new RpcError('NO_SUCH_MATCH', 'there is no match m1', { tryAgainMs: 50 });
        },
      });
      dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
      expect(outgoing.sent[0]!.message).to.deep.equal({
        kind: 'error',
        id: 1,
        code: 'NO_SUCH_MATCH',
        message: 'there is no match m1',
        data: { tryAgainMs: 50 },
      });
      expect(events).to.have.length(0);
    });

    for (const [what, make] of [
      ['data that cannot be sent', () => new RpcError('ABORTED', 'm', { run: () => 1 })],
      ['half of a surrogate pair', () => new RpcError('ABORTED', 'broken \ud83d text')],
      [
        'a message that is no string any more',
        () => Object.assign(new RpcError('ABORTED', 'm'), { message: 5 as unknown as string }),
      ],
    ] as [string, () => RpcError][]) {
      it(`the code alone, where the error has ${what}`, () => {
        const { dispatcher, outgoing } = setUp({
          body: () => {
            throw make();
          },
        });
        dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
        expect(outgoing.sent[0]!.message).to.deep.equal({
          kind: 'error',
          id: 1,
          code: 'ABORTED',
          message: 'the details of this error cannot be sent',
          data: undefined,
        });
      });
    }

    for (const code of ['not a code', '', 5, undefined]) {
      it(`INTERNAL for an RpcError whose code was changed to ${JSON.stringify(code)}: the caller would hang up`, () => {
        const { dispatcher, outgoing, events } = setUp({
          body: () => {
            throw Object.assign(new RpcError('ABORTED', 'm'), { code: code as string });
          },
        });
        dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
        expect(outgoing.sent[0]!.message).to.include({ kind: 'error', code: 'INTERNAL' });
        expect(events).to.have.length(1);
      });
    }

    for (const [what, value] of [
      ['a function', () => 1],
      ['a Map', new Map()],
      ['a symbol', Symbol('x')],
      ['a cycle', cycle()],
      [
        'an accessor that throws',
        {
          get score() {
            throw new Error('swordfish');
          },
        },
      ],
    ] as [string, unknown][]) {
      it(`INTERNAL where the method returned ${what}, and why to the observer`, () => {
        const { dispatcher, outgoing, events, incidents } = setUp({ body: () => value });
        dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
        expect(outgoing.sent).to.have.length(1);
        expect(outgoing.sent[0]!.message).to.include({
          code: 'INTERNAL',
          message: incidentMessage(incidents[0]!),
        });
        expect(events).to.have.length(1);
        expect(events[0]![3]).to.be.instanceOf(Error);
      });
    }

    it('RESOURCE_EXHAUSTED for an answer that is larger than the caller accepts', () => {
      const { dispatcher, outgoing, failures } = setUp({ body: () => 'much' });
      outgoing.obstacles.push(tooLarge());
      dispatcher.call(1, { id: 1, method: 0, args: [], timeoutMs: 0 });
      expect(outgoing.sent).to.have.length(1);
      expect(outgoing.sent[0]).to.have.property('flags', 1);
      expect(outgoing.sent[0]!.message).to.include({ kind: 'error', id: 1, code: 'RESOURCE_EXHAUSTED' });
      expect(failures).to.have.length(0);
    });

    for (const [what, obstacles] of [
      ['an answer', [notRead()]],
      ['the word that it is too large', [tooLarge(), notRead()]],
    ] as [string, SealwireError[]][]) {
      for (const body of [() => 1, async () => 1]) {
        it(`ends the connection of a peer that does not read ${what} (${body.constructor.name}), and nothing else`, async () => {
          const { dispatcher, outgoing, failures } = setUp({ body });
          outgoing.obstacles.push(...obstacles);
          dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
          await eventually('the connection is given up', () => failures.length > 0);
          expect(failures.map(({ code }) => code)).to.deep.equal(['LIMIT_EXCEEDED']);
          expect(dispatcher.callsInFlight).to.equal(0);
        });
      }
    }
  });

  describe('deadlines and cancellations', () => {
    function hanging(options: Omit<SetUp, 'body'> = {}) {
      const contexts: CallContext[] = [];
      const finish: ((value: unknown) => void)[] = [];
      const body = () => {
        contexts.push(callContext());
        return new Promise((resolve) => finish.push(resolve));
      };
      return { ...setUp({ ...options, body }), contexts, finish };
    }

    for (const [own, asked, limit, patience] of [
      [undefined, 0, 1000, 1000],
      [undefined, 300, 1000, 300],
      [undefined, 5000, 1000, 1000],
      [200, 0, 1000, 200],
      [200, 300, 1000, 200],
      [200, 100, 1000, 100],
      [5000, 0, 1000, 1000],
      [undefined, Number.MAX_SAFE_INTEGER, 1000, 1000],
    ] as const) {
      it(`gives a method ${own ?? 'without a limit'} that is asked for within ${asked} ms ${patience} ms`, async () => {
        const { dispatcher, clock, outgoing, contexts, finish } = hanging({
          method: { timeoutMs: own },
          limits: { maxCallMs: limit },
        });
        const before = clock.date().getTime();
        dispatcher.call(2, { id: 1, method: 0, args: [], timeoutMs: asked });
        expect(contexts[0]!.deadline!.getTime() - before).to.equal(patience);
        clock.advance(patience - 1);
        expect([outgoing.sent.length, contexts[0]!.signal.aborted]).to.deep.equal([0, false]);
        clock.advance(1);
        expect(outgoing.sent[0]).to.have.property('flags', 2);
        expect(outgoing.sent[0]!.message).to.include({ kind: 'error', code: 'DEADLINE_EXCEEDED' });
        expect(contexts[0]!.signal.reason).to.include({ code: 'DEADLINE_EXCEEDED' });
        finish[0]!('late');
        await eventually('the method has returned', () => dispatcher.callsInFlight === 0);
        expect([outgoing.sent.length, clock.timers]).to.deep.equal([1, 0]);
      });
    }

    it('aborts and does not answer a call that its caller cancelled', async () => {
      const { dispatcher, clock, outgoing, contexts, finish, events } = hanging();
      dispatcher.call(2, { id: 1, method: 0, args: [], timeoutMs: 0 });
      dispatcher.cancel(2, 1);
      dispatcher.cancel(2, 1);
      dispatcher.cancel(0, 99);
      expect(contexts[0]!.signal.aborted).to.equal(true);
      expect(contexts[0]!.signal.reason).to.include({ code: 'CANCELLED' });
      finish[0]!('late');
      await eventually('the method has returned', () => dispatcher.callsInFlight === 0);
      clock.advance(120_000);
      expect([outgoing.sent, events, clock.timers]).to.deep.equal([[], [], 0]);
    });

    it('tells a method that ends its own connection, before it has returned, that its call is over', () => {
      const seen: unknown[] = [];
      const body = () => {
        const { signal } = callContext();
        dispatcher.close(new SealwireError('CONNECTION_CLOSED', 'gone'));
        seen.push(signal.aborted, (signal.reason as SealwireError).code);
        return 'for nobody';
      };
      const { dispatcher, outgoing } = setUp({ body });
      dispatcher.call(2, { id: 1, method: 0, args: [], timeoutMs: 0 });
      expect([seen, outgoing.sent, dispatcher.callsInFlight]).to.deep.equal([
        [true, 'CONNECTION_CLOSED'],
        [],
        0,
      ]);
    });

    it('has one signal and one deadline for each call, whenever they are asked for', () => {
      const { dispatcher, clock, contexts } = hanging({ limits: { maxCallMs: 100 } });
      const startedMs = clock.date().getTime();
      for (const id of [1, 2]) dispatcher.call(2, { id, method: 0, args: [], timeoutMs: 0 });
      const [first, second] = contexts as [CallContext, CallContext];
      clock.advance(30);
      expect(first.deadline!.getTime() - startedMs).to.equal(100);
      const { signal } = first;
      clock.advance(20);
      dispatcher.cancel(2, 1);
      dispatcher.close(new SealwireError('CONNECTION_CLOSED', 'gone'));
      for (const [context, code] of [
        [first, 'CANCELLED'],
        [second, 'CONNECTION_CLOSED'],
      ] as const) {
        expect(context.signal.aborted).to.equal(true);
        expect(context.signal.reason).to.include({ code });
        expect(context.signal).to.equal(context.signal);
        expect(context.deadline).to.equal(context.deadline);
        expect(context.deadline!.getTime() - startedMs).to.equal(100);
      }
      expect(first.signal).to.equal(signal);
    });

    it('ends for the first reason alone, where hearing of it ends the connection', async () => {
      const gone = new SealwireError('CONNECTION_CLOSED', 'gone');
      const body = () => {
        const { signal } = callContext();
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            dispatcher.close(gone);
            reject(signal.reason as SealwireError);
          });
        });
      };
      const { dispatcher, events } = setUp({ body });
      dispatcher.call(2, { id: 1, method: 0, args: [], timeoutMs: 0 });
      dispatcher.cancel(2, 1);
      await eventually('the method has ended', () => dispatcher.callsInFlight === 0);
      expect(events, 'it threw what it was told').to.deep.equal([]);
    });

    it('sets a timer for calls that outlast their turn, and for no others', () => {
      const seen: number[] = [];
      let ending = false;
      const body = (outlasts: unknown) => {
        seen.push(clock.timers);
        if (ending) dispatcher.close(new SealwireError('CONNECTION_CLOSED', 'gone'));
        return outlasts ? new Promise(() => undefined) : undefined;
      };
      const { dispatcher, clock } = setUp({ body });
      dispatcher.call(2, { id: 1, method: 0, args: [false], timeoutMs: 0 });
      expect(clock.timers).to.equal(0);
      dispatcher.call(2, { id: 2, method: 0, args: [true], timeoutMs: 0 });
      expect(clock.timers).to.equal(1);
      dispatcher.cancel(2, 2);
      ending = true;
      dispatcher.call(2, { id: 3, method: 0, args: [true], timeoutMs: 0 });
      // That of the second call is still there, for whoever comes next, until the connection ends.
      expect([clock.timers, seen]).to.deep.equal([0, [0, 0, 1]]);
    });

    it('gives a stream no longer than a timer can measure', () => {
      const { dispatcher, clock, contexts } = hanging({ method: { stream: true } });
      dispatcher.call(2, { id: 1, method: 0, args: [], timeoutMs: Number.MAX_SAFE_INTEGER });
      expect(contexts[0]!.deadline!.getTime() - clock.date().getTime()).to.equal(2 ** 31 - 1);
    });

    it('takes no failure from a method that ends as it is told to, by itself or through a function of Node', async () => {
      const ends: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
        reason: (signal) => until(signal).then(() => Promise.reject(signal.reason)),
        node: (signal) => sleep(60_000, undefined, { signal }),
        other: (signal) => until(signal).then(() => Promise.reject(new Error('while cleaning up'))),
        unrelated: (signal) => until(signal).then(() => sleep(1, undefined, { signal: AbortSignal.abort() })),
      };
      const { dispatcher, outgoing, events } = setUp({
        body: (how) => ends[how as string]!(callContext().signal),
      });
      for (const [index, how] of Object.keys(ends).entries()) {
        dispatcher.call(0, { id: index + 1, method: 0, args: [how], timeoutMs: 0 });
        dispatcher.cancel(0, index + 1);
      }
      await eventually('all have ended', () => dispatcher.callsInFlight === 0);
      expect(events.map(([, , , error]) => (error as Error).message)).to.deep.equal([
        'while cleaning up',
        'The operation was aborted',
      ]);
      expect(outgoing.sent).to.have.length(0);
    });

    it('refuses a cancellation that lacks a flag of its call, and the call goes on', () => {
      const { dispatcher, contexts } = hanging();
      dispatcher.call(3, { id: 1, method: 0, args: [], timeoutMs: 0 });
      for (const flags of [0, 1, 2]) {
        expect(() => dispatcher.cancel(flags, 1))
          .to.throw(SealwireError)
          .with.property('code', 'PROTOCOL_ERROR');
      }
      expect(contexts[0]!.signal.aborted).to.equal(false);
    });

    it('aborts everything when the connection ends, one-way calls too, answers nobody and leaves no timer', async () => {
      const { dispatcher, clock, outgoing, contexts, finish } = hanging();
      dispatcher.call(0, { id: 1, method: 0, args: [], timeoutMs: 0 });
      dispatcher.notify(0, { method: 1, args: [] });
      expect(clock.timers).to.equal(1);
      const cause = new SealwireError('CONNECTION_CLOSED', 'gone');
      dispatcher.close(cause);
      expect(contexts.map(({ signal }) => signal.reason)).to.deep.equal([cause, cause]);
      expect(clock.timers).to.equal(0);
      for (const resolve of finish) resolve('late');
      await eventually('both have returned', () => dispatcher.callsInFlight === 0);
      expect(outgoing.sent).to.have.length(0);
    });

    it('aborts a one-way call at its deadline, and answers nobody', () => {
      const { dispatcher, clock, outgoing, contexts } = hanging({ limits: { maxCallMs: 100 } });
      dispatcher.notify(0, { method: 1, args: [] });
      clock.advance(100);
      expect(contexts[0]!.signal.reason).to.include({ code: 'DEADLINE_EXCEEDED' });
      expect([outgoing.sent.length, clock.timers]).to.deep.equal([0, 0]);
    });
  });
});

function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

function cycle(): object {
  const ring: Record<string, unknown> = {};
  ring.ring = ring;
  return ring;
}
