// The calling side of streams with a way out that is only written down: what is said, and what of the peer is refused.

import { expect } from 'chai';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { resolveLimits } from '../../lib/base/limits.js';
import { Caller, type RemoteMethod } from '../../lib/rpc/caller.js';
import { ManualClock } from '../support/manual-clock.js';
import { codeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { FakeOutgoing } from './fake-outgoing.js';

const watch: RemoteMethod = { id: 4, fullName: 'Arena.watch', security: 2, oneWay: false, stream: true };
const move: RemoteMethod = { ...watch, id: 5, fullName: 'Arena.move', stream: false };

function setUp() {
  const outgoing = new FakeOutgoing();
  const clock = new ManualClock();
  return { outgoing, clock, caller: new Caller(outgoing, resolveLimits(), clock) };
}

const said = (outgoing: FakeOutgoing) => outgoing.take().map(({ flags, message }) => [flags, message.kind]);

describe('rpc/caller, streams', () => {
  nothingUncaught();

  it('calls with the first next(), without a time limit, and cancels under the flags of the call', async () => {
    const { caller, outgoing, clock } = setUp();
    const stream = caller.stream(watch, ['m1'], { security: 1 });
    expect(outgoing.sent).to.deep.equal([]);
    const next = stream.next();
    expect(outgoing.take()).to.deep.equal([
      { flags: 3, message: { kind: 'call', id: 1, method: 4, args: ['m1'], timeoutMs: 0 } },
    ]);
    expect(clock.timers).to.equal(0);
    caller.item(1, 3, 'a', 10);
    expect(await next).to.deep.equal({ done: false, value: 'a' });
    await stream.return();
    expect(said(outgoing)).to.deep.equal([[3, 'cancel']]);
    caller.item(1, 0, 'late', 10);
    caller.end(1, 0);
    expect(caller.pendingCalls).to.equal(0);
  });

  it('gives out what came before the end, the error or the loss of the connection', async () => {
    for (const finish of [
      (caller: Caller) => caller.reject(1, 2, new RpcError('GONE', '')),
      (caller: Caller) => caller.close(new SealwireError('CONNECTION_CLOSED', 'lost')),
      (caller: Caller) => caller.end(1, 2),
    ]) {
      const { caller } = setUp();
      const stream = caller.stream(watch, []);
      const first = stream.next();
      caller.item(1, 2, 'a', 1);
      caller.item(1, 2, 'b', 1);
      finish(caller);
      expect([(await first).value, (await stream.next()).value]).to.deep.equal(['a', 'b']);
      await codeOf(stream.next());
      expect([(await stream.next()).done, caller.pendingCalls]).to.deep.equal([true, 0]);
    }
  });

  it('refuses what is less protected than its call, and what is no answer of its kind', async () => {
    const { caller } = setUp();
    const stream = caller.stream(watch, []);
    const next = codeOf(stream.next());
    const value = codeOf(caller.invoke(move, []));
    const refused: [string, () => void][] = [
      ['an item without protection', () => caller.item(1, 0, 'forged', 1)],
      ['an item under other flags', () => caller.item(1, 1, 'forged', 1)],
      ['an end without protection', () => caller.end(1, 1)],
      ['an error without protection', () => caller.reject(1, 1, new RpcError('NO', ''))],
      ['a value of a stream', () => caller.resolve(1, 2, 1)],
      ['an item of a value', () => caller.item(2, 2, 1, 1)],
      ['an end of a value', () => caller.end(2, 2)],
      ['credit for no argument', () => caller.argumentCredit(2, 2, 1)],
      ['a stop of no argument', () => caller.argumentStop(2, 2)],
    ];
    for (const [what, act] of refused) {
      expect(act, what).to.throw(SealwireError).with.property('code', 'PROTOCOL_ERROR');
    }
    expect(caller.pendingCalls).to.equal(2);
    caller.close(new SealwireError('CONNECTION_CLOSED', 'over'));
    expect(await Promise.all([next, value])).to.deep.equal(['CONNECTION_CLOSED', 'CONNECTION_CLOSED']);
  });
});
