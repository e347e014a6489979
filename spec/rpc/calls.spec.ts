// Calls over real connections, in both directions and over every transport: what arrives, and how calls fail.

import { expect } from 'chai';
import { RpcError } from '../../lib/base/errors.js';
import type { RpcProxy } from '../../lib/rpc/proxy.js';
import { type Pair, schemes, startPair } from '../support/pair.js';
import { codeOf, eventually, type Outcome, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Echo } from './echo.js';

type Failed = Extract<Outcome, { kind: 'failed' }>;

/** Sent, and what arrives where that is something else. */
const values: readonly (readonly [name: string, sent: unknown, arrives?: unknown])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['zero', 0],
  ['a negative number', -129],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER],
  ['the least safe integer', Number.MIN_SAFE_INTEGER],
  ['a fraction', 0.1],
  ['a float past 2^53', 2 ** 60],
  ['infinity', Number.NEGATIVE_INFINITY],
  ['not a number', Number.NaN],
  ['the largest unsigned 64-bit integer', 2n ** 64n - 1n],
  ['the least 64-bit integer', -(2n ** 63n)],
  ['a small bigint', 5n, 5],
  ['no text', ''],
  ['text', 'Žižkov 木 🎲\u0000'],
  ['long text', '木'.repeat(70_000)],
  ['no bytes', new Uint8Array(0)],
  ['bytes', Uint8Array.of(0, 1, 254, 255)],
  ['many bytes', new Uint8Array(700_000).fill(9)],
  ['no array', []],
  ['an array', [1, 'two', [null, [false]]]],
  ['an array with a hole', [undefined, 1], [null, 1]],
  ['no object', {}],
  ['an object', { a: 1, nested: { list: [{ deep: Uint8Array.of(1) }] }, '': 'no key', 'ü 木': -1 }],
  ['an object with undefined', { a: undefined, b: 1 }, { b: 1 }],
  // biome-ignore lint/suspicious/noThenProperty: it is data here, and must stay data
  ['an object with names of Object', { toString: 1, hasOwnProperty: 2, then: 3, length: 4 }],
  ['an array of thousands', Array.from({ length: 20_000 }, (_, index) => index)],
];

for (const scheme of schemes) {
  describe(`calls over ${scheme}`, () => {
    nothingUncaught();
    const served = { client: new Echo(), server: new Echo() };
    let pair: Pair;

    before(async () => {
      pair = await startPair({ scheme, services: [served.server], clientServices: [served.client] });
    });
    after(() => pair.stop());

    for (const direction of ['client to server', 'server to client'] as const) {
      const down = direction === 'server to client';
      const echo = (): RpcProxy<Echo> => (down ? pair.peer.rpc<Echo>('Echo') : pair.client.rpc<Echo>('Echo'));
      const callee = () => (down ? pair.client : pair.server);
      const target = down ? served.client : served.server;

      describe(direction, () => {
        for (const method of ['plain', 'encrypted', 'authenticated', 'both'] as const) {
          it(`brings every kind of value there and back through ${method}`, async () => {
            const arrived = await Promise.all(values.map(([, sent]) => echo()[method](sent)));
            for (const [index, [name, sent, arrives = sent]] of values.entries()) {
              expect(arrived[index], name).to.deep.equal(arrives);
            }
          });
        }

        it('tells undefined from null', async () => {
          expect(await echo().plain()).to.equal(undefined);
          expect(await echo().plain(null)).to.equal(null);
        });

        it('brings as many arguments as there are', async () => {
          expect(await echo().count()).to.equal(0);
          expect(await echo().count(null, undefined, {}, [])).to.equal(4);
        });

        it('brings bytes as Uint8Array of their own, never as a Buffer', async () => {
          const bytes = (await echo().plain(Buffer.from('abc'))) as Uint8Array;
          expect(Object.getPrototypeOf(bytes)).to.equal(Uint8Array.prototype);
          expect(bytes.buffer.byteLength).to.equal(3);
        });

        it('brings an RpcError with code, message and data', async () => {
          const outcome = await outcomeOf(echo().fail('NO_SUCH_MATCH', 'there is no m1', { near: ['m2'] }));
          expect(outcome).to.have.property('kind', 'failed');
          const error = (outcome as Failed).error as RpcError<{ near: string[] }>;
          expect(error).to.be.instanceOf(RpcError);
          expect(error).to.include({ name: 'RpcError', code: 'NO_SUCH_MATCH', message: 'there is no m1' });
          expect(error.data).to.deep.equal({ near: ['m2'] });
          expect(error.cause).to.equal(undefined);
        });

        it('brings an RpcError without data, and one without a message', async () => {
          const outcome = await outcomeOf(echo().fail('ABORTED', ''));
          expect(outcome).to.have.nested.property('error.message', '');
          expect(outcome).to.have.nested.property('error.data', undefined);
        });

        for (const method of ['crash', 'crashLater', 'functionOf', 'mapOf'] as const) {
          it(`says INTERNAL and no more of ${method}; callFailed has the cause`, async () => {
            const failures: unknown[][] = [];
            const note = (...args: unknown[]) => void failures.push(args);
            callee().on('callFailed', note);
            const outcome = await outcomeOf(echo()[method]());
            callee().off('callFailed', note);
            expect(outcome).to.include({ kind: 'failed', code: 'INTERNAL' });
            const error = (outcome as Failed).error as RpcError;
            expect(error.message).to.match(/^the method failed; .* incident \w{8}$/);
            expect([error.data, error.cause]).to.deep.equal([undefined, undefined]);
            expect(error.stack).not.to.include('echo.ts');
            expect(failures).to.have.length(1);
            const [peer, name, cause, incident] = failures[0]!;
            expect(error.message).to.include(incident);
            expect(peer).to.equal(down ? pair.client.connection : pair.peer);
            expect(name).to.equal(`Echo.${method}`);
            expect(cause).to.be.instanceOf(Error);
            if (method.startsWith('crash'))
              expect(cause).to.have.property('message', 'the password is swordfish');
            else expect(cause).to.have.property('code', 'INVALID_ARGUMENT');
          });
        }

        it('says RESOURCE_EXHAUSTED of an answer that the caller would refuse, and lives on', async () => {
          expect(await outcomeOf(echo().bytes(2 ** 24))).to.include({
            kind: 'failed',
            code: 'RESOURCE_EXHAUSTED',
          });
          expect(await echo().bytes(2 ** 19)).to.have.length(2 ** 19);
        });

        it('does not send arguments that the peer would refuse, and lives on', async () => {
          const { notes } = target;
          const before = notes.length;
          for (const call of [echo().plain(new Uint8Array(2 ** 24)), echo().note(new Uint8Array(2 ** 24))]) {
            expect(await outcomeOf(call)).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'message-size' });
          }
          expect(await codeOf(echo().plain(() => 1))).to.equal('INVALID_ARGUMENT');
          expect(await codeOf(echo().plain('\udc00'))).to.equal('INVALID_ARGUMENT');
          expect(await echo().plain('alive')).to.equal('alive');
          expect(notes).to.have.length(before);
        });

        it('raises flags on demand, and never lowers them', async () => {
          const calls = (name: string, security: number) =>
            down
              ? pair.peer.invoke(name, ['x'], { security })
              : pair.client.invokeServerRpc(name, ['x'], { security });
          const raised = await Promise.all([0, 1, 2, 3].map((security) => calls('Echo.flags', security)));
          expect(raised).to.deep.equal([0, 1, 2, 3]);
          expect(await calls('Echo.both', 0)).to.equal('x');
          const viaOptions = down
            ? pair.peer.rpc<Echo>('Echo', { security: 2 })
            : pair.client.rpc<Echo>('Echo', { security: 2 });
          expect(await viaOptions.flags()).to.equal(2);
          for (const security of [4, -1, 1.5, Number.NaN, '3' as never]) {
            expect(await codeOf(calls('Echo.flags', security)), String(security)).to.equal(
              'INVALID_ARGUMENT',
            );
          }
        });

        it('runs one-way calls in their order, between calls that answer', async () => {
          target.notes.length = 0;
          const sent: unknown[] = [];
          const answers: Promise<unknown>[] = [];
          for (let index = 0; index < 300; index++) {
            sent.push(index);
            if (index % 10 === 9)
              answers.push(
                echo()
                  .authenticated(index)
                  .then(() => target.notes.length),
              );
            expect(await Promise.race([echo().note(index), Promise.resolve('later')])).to.be.oneOf([
              undefined,
              'later',
            ]);
          }
          await Promise.all(answers);
          await eventually('all have come', () => target.notes.length === 300);
          expect(target.notes).to.deep.equal(sent);
        });

        it('tells errors of one-way calls to callFailed alone', async () => {
          target.notes.length = 0;
          const failures: unknown[] = [];
          const note = (_peer: unknown, method: string, error: unknown) => void failures.push(method, error);
          callee().on('callFailed', note);
          expect(await echo().noteThenFail('ran')).to.equal(undefined);
          await eventually('the failure', () => failures.length === 2);
          callee().off('callFailed', note);
          expect(failures[0]).to.equal('Echo.noteThenFail');
          expect(failures[1]).to.have.property('code', 'ABORTED');
          expect(target.notes).to.deep.equal(['ran']);
        });

        it('answers UNIMPLEMENTED for whatever is no RPC, and runs none of it', async () => {
          const names = [
            ...[
              'constructor',
              '__proto__',
              'prototype',
              'toString',
              'valueOf',
              'hasOwnProperty',
              '__defineGetter__',
            ],
            ...[
              'undecorated',
              'guarded',
              'accessor',
              'start',
              'release',
              'hanging',
              '#finish',
              'anotherName',
            ],
            ...['then', 'apply', 'plain ', 'PLAIN', '', 'plain.call', '0'],
          ];
          const full = [
            ...names.map((name) => `Echo.${name}`),
            'plain',
            'Echo',
            'echo.plain',
            'constructor',
            '',
            '.',
            'Echo..plain',
          ];
          for (const name of full) {
            const call = down ? pair.peer.invoke(name) : pair.client.invokeServerRpc(name);
            expect(await codeOf(call), name).to.equal('UNIMPLEMENTED');
          }
          expect(target.trespasses).to.deep.equal([]);
        });

        it('says which methods there are, when there is none of that name', async () => {
          const call = down ? pair.peer.invoke('Echo.plian') : pair.client.invokeServerRpc('Echo.plian');
          const outcome = await outcomeOf(call);
          expect(outcome)
            .to.have.nested.property('error.message')
            .that.matches(/no method Echo\.plian; it offers Echo\.authenticated, .* and \d+ more/);
        });
      });
    }

    it('serves both directions at once, from inside each other', async () => {
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          index % 2 === 0
            ? pair.client.rpc<Echo>('Echo').both(index)
            : pair.peer.rpc<Echo>('Echo').authenticated(index),
        ),
      );
      expect(results).to.deep.equal(Array.from({ length: 100 }, (_, index) => index));
    });
  });
}
