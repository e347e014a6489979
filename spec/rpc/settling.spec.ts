// How calls end that are not answered: timeouts, aborts, connections that go away; on real connections.

import { expect } from 'chai';
import type { Limits } from '../../lib/base/limits.js';
import { Security } from '../../lib/contract/security.js';
import { type Pair, type PairOptions, type Scheme, schemes, startPair } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Echo } from './echo.js';

describe('rpc: how calls end', () => {
  nothingUncaught();

  let pairs: Pair[] = [];
  afterEach(async () => {
    for (const pair of pairs) await pair.stop();
    pairs = [];
  });

  async function start(options: PairOptions = {}) {
    const echo = new Echo();
    const pair = await startPair({ scheme: 'memory', services: [echo], ...options });
    pairs.push(pair);
    return { pair, echo, remote: pair.client.rpc<Echo>('Echo') };
  }

  it('fires a timeout in time, aborts the method there with CANCELLED, and drops the late answer', async () => {
    const { pair, echo } = await start();
    const startedMs = performance.now();
    const call = outcomeOf(pair.client.invokeServerRpc('Echo.hang', [], { timeoutMs: 60 }));
    await eventually('it runs', () => echo.hanging.length === 1);
    const outcome = await call;
    const tookMs = performance.now() - startedMs;
    expect(outcome).to.include({ kind: 'failed', code: 'DEADLINE_EXCEEDED' });
    expect(tookMs).to.be.within(58, 5000);
    const { signal } = echo.hanging[0]!;
    await eventually('the method is told', () => signal.aborted);
    // Both sides measure the same patience: whose timer is first gives the reason.
    expect(signal.reason.code).to.be.oneOf(['CANCELLED', 'DEADLINE_EXCEEDED']);
    echo.release('late');
    expect(await pair.client.rpc<Echo>('Echo').plain('next')).to.equal('next');
  });

  it('ends a call at the method’s own limit, as told by the server', async () => {
    const { echo, remote } = await start();
    const outcome = await outcomeOf(remote.hangBriefly());
    expect(outcome).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(outcome).to.have.nested.property('error.message', 'the method took more than 30 ms');
    expect(echo.hanging[0]!.signal.aborted).to.equal(true);
    echo.release();
  });

  it('ends a call at limits.maxCallMs of either side', async () => {
    const server = { limits: { maxCallMs: 30 } };
    const byServer = await start({ server });
    const told = await outcomeOf(byServer.remote.hang());
    expect(told).to.have.nested.property('error.message', 'the method took more than 30 ms');
    const byClient = await start({ client: server });
    const outcome = await outcomeOf(byClient.remote.hang());
    for (const each of [told, outcome]) expect(each).to.include({ code: 'DEADLINE_EXCEEDED' });
    for (const { echo } of [byServer, byClient]) echo.release();
  });

  it('cancels on abort: at once here, CANCELLED there, under the flags of the call', async () => {
    const seen: number[] = [];
    const { pair, echo } = await start({
      intercept: ({ from, bytes }) => {
        if (from === 'client') seen.push(bytes[0]!);
        return [bytes];
      },
    });
    const controller = new AbortController();
    const call = outcomeOf(
      pair.client.invokeServerRpc('Echo.hang', [], {
        signal: controller.signal,
        security: Security.Encrypted,
      }),
    );
    await eventually('it runs', () => echo.hanging.length === 1);
    seen.length = 0;
    const reason = new Error('the player left');
    controller.abort(reason);
    const outcome = await call;
    expect(outcome).to.include({ code: 'CANCELLED' });
    expect(outcome).to.have.nested.property('error.cause', reason);
    await eventually('the method is told', () => echo.hanging[0]!.signal.aborted);
    // Nothing of the reason travels.
    expect(echo.hanging[0]!.signal.reason).to.include({ code: 'CANCELLED' });
    expect(echo.hanging[0]!.signal.reason.cause).to.equal(undefined);
    expect(seen).to.deep.equal([0b1100_0010]);
    echo.release();
  });

  it('does not call at all when the signal is aborted already', async () => {
    const { pair, echo, remote } = await start();
    const signal = AbortSignal.abort('too late');
    expect(await codeOf(pair.client.invokeServerRpc('Echo.note', ['x'], { signal }))).to.equal('CANCELLED');
    expect(await codeOf(pair.client.rpc<Echo>('Echo', { signal }).hang())).to.equal('CANCELLED');
    await remote.authenticated(null);
    expect([echo.notes, echo.hanging]).to.deep.equal([[], []]);
  });

  it('leaves an answered call alone when its signal is aborted later', async () => {
    const { pair, remote } = await start();
    const controller = new AbortController();
    const call = pair.client.rpc<Echo>('Echo', { signal: controller.signal }).plain('answered');
    expect(await call).to.equal('answered');
    controller.abort();
    expect(await remote.plain('alive')).to.equal('alive');
  });

  it('answers RESOURCE_EXHAUSTED past limits.maxCallsInFlight, and again serves when methods have returned', async () => {
    const { pair, echo, remote } = await start({ server: { limits: { maxCallsInFlight: 3 } } });
    const refused: string[] = [];
    pair.server.on('callRefused', (_peer, method, code) => refused.push(`${method} ${code}`));
    const hanging = [remote.hang(), remote.hang(), remote.hang()];
    await eventually('all run', () => echo.hanging.length === 3);
    expect(await codeOf(remote.plain(1))).to.equal('RESOURCE_EXHAUSTED');
    await remote.note('dropped');
    await eventually('both are noticed', () => refused.length === 2);
    expect(refused).to.deep.equal(['Echo.plain RESOURCE_EXHAUSTED', 'Echo.note RESOURCE_EXHAUSTED']);
    expect(echo.notes).to.deep.equal([]);
    echo.release('done');
    expect(await Promise.all(hanging)).to.deep.equal(['done', 'done', 'done']);
    expect(await remote.plain(1)).to.equal(1);
  });

  it('counts methods that were given up by their caller until they return: an abort makes no room for more', async () => {
    const { pair, echo, remote } = await start({ server: { limits: { maxCallsInFlight: 1 } } });
    expect(await codeOf(pair.client.invokeServerRpc('Echo.hang', [], { timeoutMs: 20 }))).to.equal(
      'DEADLINE_EXCEEDED',
    );
    expect(await codeOf(remote.plain(1))).to.equal('RESOURCE_EXHAUSTED');
    echo.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await remote.plain(1)).to.equal(1);
  });

  it('refuses here past limits.maxPendingCalls', async () => {
    const { pair, echo, remote } = await start({ client: { limits: { maxPendingCalls: 2 } } });
    const hanging = [remote.hang(), remote.hang()];
    const outcome = await outcomeOf(remote.plain(1));
    expect(outcome).to.include({ code: 'RESOURCE_EXHAUSTED' });
    expect(outcome).to.have.nested.property('error.message').that.includes('limits.maxPendingCalls');
    await eventually('both run', () => echo.hanging.length === 2);
    expect(await pair.peer.invoke('X.y').catch((error) => error.code)).to.equal('UNIMPLEMENTED');
    echo.release();
    await Promise.all(hanging);
    expect(await remote.plain(1)).to.equal(1);
  });

  const endings: readonly (readonly [string, string, (pair: Pair) => unknown])[] = [
    ['the client stops', 'closed-here', ({ client }) => client.stop()],
    ['the client disconnects', 'closed-here', ({ client }) => client.connection!.disconnect()],
    ['the server stops', 'going-away', ({ server }) => server.stop({ drainMs: 0 })],
    ['the server disconnects the client', 'normal', ({ peer }) => peer.disconnect()],
    ['the way is cut', 'transport-closed', ({ relay }) => relay!.cut()],
  ];
  for (const scheme of schemes) {
    for (const [what, reason, end] of endings) {
      it(`fails all waiting calls once each when ${what} (${scheme}), and calls made later`, async () => {
        await endsAll(scheme, reason, end);
      });
    }
  }

  async function endsAll(scheme: Scheme, reason: string, end: (pair: Pair) => unknown): Promise<void> {
    const clientEcho = new Echo();
    const cut = reason === 'transport-closed';
    const { pair, echo, remote } = await start({
      scheme,
      clientServices: [clientEcho],
      ...(cut && { intercept: ({ bytes }) => [bytes] }),
    });
    const down = pair.peer.rpc<Echo>('Echo');
    let settled = 0;
    const note = () => void settled++;
    const calls = [
      ...Array.from({ length: 20 }, () => remote.hang()),
      remote.hangOneWay().then(() => remote.hang()),
    ];
    const downCalls = Array.from({ length: 20 }, () => down.hang());
    for (const call of [...calls, ...downCalls]) call.then(note, note);
    await eventually('all run', () => echo.hanging.length === 22 && clientEcho.hanging.length === 20);
    await end(pair);
    const outcomes = await Promise.all(calls.map(outcomeOf));
    for (const outcome of outcomes) {
      expect(outcome).to.include({ kind: 'failed', code: 'CONNECTION_CLOSED' });
      // A cut TCP connection may show as a reset first: both mean that no farewell came.
      expect(outcome).to.have.property('reason', reason);
    }
    for (const outcome of await Promise.all(downCalls.map(outcomeOf))) {
      expect(outcome).to.include({ kind: 'failed', code: 'CONNECTION_CLOSED' });
    }
    await eventually('every signal is aborted', () =>
      [...echo.hanging, ...clientEcho.hanging].every(({ signal }) => signal.aborted),
    );
    expect(settled).to.equal(41);
    const client = pair.client.connection;
    expect(client).to.equal(undefined);
    expect(await codeOf(remote.plain(1))).to.equal('CONNECTION_CLOSED');
    expect(await outcomeOf(pair.peer.invoke('Echo.plain'))).to.include({ code: 'CONNECTION_CLOSED' });
    echo.release();
    clientEcho.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).to.equal(41);
  }

  it('keeps the limits apart: one client that hangs does not hold up another', async () => {
    const limits: Partial<Limits> = { maxCallsInFlight: 1 };
    const { pair, echo, remote } = await start({ server: { limits } });
    void remote.hang().catch(() => undefined);
    await eventually('it runs', () => echo.hanging.length === 1);
    const second = await start({ server: { limits } });
    expect(await second.remote.plain(2)).to.equal(2);
    expect(await codeOf(pair.client.rpc<Echo>('Echo').plain(1))).to.equal('RESOURCE_EXHAUSTED');
    echo.release();
  });
});
