// stop({ drainMs }): calls in flight finish, new ones are refused, and what takes too long is aborted.

import { expect } from 'chai';
import { RpcError } from '../../lib/base/errors.js';
import { startPair } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Ledger } from './ledger.js';
import { nothingLeftBehind } from './left-behind.js';

describe('manager: stop({ drainMs })', () => {
  nothingUncaught();
  nothingLeftBehind();

  for (const side of ['server', 'client'] as const) {
    it(`lets calls in flight finish, both ways, and refuses new ones (${side})`, async () => {
      const [offered, clients] = [new Ledger(), new Ledger()];
      const { server, client, peer, stop } = await startPair({
        scheme: 'tcp',
        services: [offered],
        clientServices: [clients],
      });
      const calls = [client.rpc(Ledger).hold(1), peer.rpc(Ledger).hold(2)];
      await eventually('both run', () => offered.runs.size + clients.runs.size === 2);
      const refused: unknown[] = [];
      const [stopping, other, caller] = side === 'server' ? [server, client, client] : [client, server, peer];
      stopping.on('callRefused', (_peer, method, code) => refused.push(method, code));
      let over = false;
      const stopped = stopping.stop({ drainMs: 5000 }).then(() => {
        over = true;
      });
      const outcome = await outcomeOf(caller.rpc(Ledger).enter(3));
      expect(outcome).to.include({ code: 'UNAVAILABLE' });
      expect(outcome.kind === 'failed' && (outcome.error as RpcError).data).to.deep.equal({
        reason: 'draining',
      });
      expect(refused).to.deep.equal(['Ledger.enter', 'UNAVAILABLE']);
      // One of the two is not enough.
      offered.release();
      expect(await calls[0]).to.equal(1);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(over).to.equal(false);
      clients.release();
      expect(await calls[1]).to.equal(2);
      await stopped;
      expect([...offered.runs.keys(), ...clients.runs.keys()]).to.deep.equal([1, 2]);
      await other.stop();
      await stop();
    });
  }

  it('lets nobody in meanwhile, and lets those go at once who have no call in flight', async () => {
    const ledger = new Ledger();
    const { server, client, stop } = await startPair({ scheme: 'memory', services: [ledger] });
    const idle = await startPair({ scheme: 'memory' });
    await idle.client.stop();
    const url = await server.stop().then(() => server.startServer('memory://drained'));
    await client.startClient(url);
    const reasons: unknown[] = [];
    idle.client.on('disconnected', ({ reason }) => reasons.push(reason));
    await idle.client.startClient(url);
    const call = client.rpc(Ledger).hold(1);
    await eventually('it runs', () => ledger.runs.size === 1);
    const stopped = server.stop();
    await eventually('the idle one has heard', () => reasons.length === 1);
    expect(reasons).to.deep.equal(['going-away']);
    expect(client.state).to.equal('ready');
    expect(await outcomeOf(idle.client.startClient(url))).to.include({
      code: 'HANDSHAKE_FAILED',
      reason: 'going-away',
    });
    ledger.release();
    expect(await call).to.equal(1);
    await stopped;
    await idle.stop();
    await stop();
  });

  it('aborts what is left when the time is up; a second stop() waits for the first', async () => {
    const ledger = new Ledger();
    const { server, client, stop } = await startPair({ scheme: 'tcp', services: [ledger] });
    const call = outcomeOf(client.rpc(Ledger).hold(1));
    await eventually('it runs', () => ledger.runs.size === 1);
    const before = performance.now();
    const first = server.stop({ drainMs: 60 });
    await server.stop({ drainMs: 0 });
    expect(performance.now() - before).to.be.within(55, 1000);
    expect(await call).to.include({ code: 'CONNECTION_CLOSED', reason: 'going-away' });
    await first;
    await stop();
  });

  it('waits for nobody by default on a client, and for no method whose caller is gone', async () => {
    const ledger = new Ledger();
    const { server, client, stop } = await startPair({ scheme: 'tcp', services: [ledger] });
    const call = codeOf(client.rpc(Ledger).hold(1));
    await eventually('it runs', () => ledger.runs.size === 1);
    const before = performance.now();
    await client.stop();
    await server.stop();
    expect(performance.now() - before).to.be.below(1000);
    expect(await call).to.equal('CONNECTION_CLOSED');
    await stop();
  });

  it('waits no longer on a client whose connection is lost meanwhile, and does not come back', async () => {
    const ledger = new Ledger();
    const { server, client, peer, stop } = await startPair({
      scheme: 'tcp',
      clientServices: [ledger],
      client: { reconnect: { initialDelayMs: 1 } },
    });
    const call = codeOf(peer.rpc(Ledger).hold(1));
    await eventually('it runs', () => ledger.runs.size === 1);
    const stopped = client.stop({ drainMs: 60_000 });
    await server.stop({ drainMs: 0 });
    await stopped;
    expect(await call).to.equal('CONNECTION_CLOSED');
    expect(client.state).to.equal('closed');
    await stop();
  });

  for (const drainMs of [-1, 0.5, Number.POSITIVE_INFINITY, '5' as never]) {
    it(`refuses drainMs: ${drainMs}`, async () => {
      const { server, stop } = await startPair({ scheme: 'memory' });
      expect(await codeOf(server.stop({ drainMs }))).to.equal('INVALID_ARGUMENT');
      await stop();
    });
  }
});
