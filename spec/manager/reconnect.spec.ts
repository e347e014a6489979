// Clients that come back: states, calls while away, calls that were lost, and a relay that is killed again and again.

import { expect } from 'chai';
import type { ReconnectOptions } from '../../lib/manager/reconnect.js';
import { type Pair, type PairOptions, startPair, startUnconnected } from '../support/pair.js';
import { SeededRandom } from '../support/random.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Ledger } from './ledger.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const soon: ReconnectOptions = { initialDelayMs: 1, maxDelayMs: 5 };
const never: ReconnectOptions = { initialDelayMs: 3_600_000, maxDelayMs: 3_600_000, jitter: 0 };

interface Watched extends Pair {
  readonly ledger: Ledger;
  readonly states: string[];
  cut(): void;
}

async function relayedPair(reconnect: ReconnectOptions | boolean, more: PairOptions = {}): Promise<Watched> {
  const ledger = new Ledger();
  const pair = await startPair({
    scheme: 'tcp',
    services: [ledger, new Ping()],
    client: { reconnect },
    intercept: ({ bytes }) => [bytes],
    ...more,
  });
  const states: string[] = [];
  pair.client.on('stateChanged', (state, previous, error) =>
    states.push(error ? `${previous} > ${state} ${error.code} ${error.reason}` : `${previous} > ${state}`),
  );
  return { ...pair, ledger, states, cut: () => pair.relay!.cut() };
}

describe('manager: reconnection', () => {
  nothingUncaught();
  nothingLeftBehind();

  it('tells each state, and is back under the same proxies with a new client for the server', async () => {
    const { client, server, states, cut, stop } = await relayedPair(soon);
    const ledger = client.rpc(Ledger);
    expect(client.state).to.equal('ready');
    const [first] = server.clients.keys();
    cut();
    await eventually('away', () => client.state !== 'ready');
    expect(client.connection).to.equal(undefined);
    await eventually('back', () => client.state === 'ready');
    expect(await ledger.enter(1)).to.equal(1);
    expect(states).to.deep.equal([
      'ready > reconnecting CONNECTION_CLOSED transport-closed',
      'reconnecting > connecting',
      'connecting > connected',
      'connected > securing',
      'securing > ready',
    ]);
    expect([...server.clients.keys()]).to.not.include(first);
    await stop();
    expect(states.at(-1)).to.equal('ready > closed CONNECTION_CLOSED closed-here');
    expect(client.state).to.equal('closed');
  });

  it('tells the states of a start, and of one that fails and is not tried again', async () => {
    const { client, server, states, stop } = await relayedPair(soon, { client: { reconnect: soon } });
    await client.stop();
    states.length = 0;
    expect(await codeOf(client.startClient('tcp://127.0.0.1:1'))).to.equal('CONNECT_FAILED');
    expect(states).to.deep.equal(['closed > connecting', 'connecting > closed CONNECT_FAILED refused']);
    expect(client.state).to.equal('closed');
    await server.stop();
    await stop();
  });

  it('does not come back where nobody asked for it', async () => {
    const { client, states, cut, stop } = await relayedPair(false);
    cut();
    await eventually('closed', () => client.state === 'closed');
    expect(states).to.deep.equal(['ready > closed CONNECTION_CLOSED transport-closed']);
    expect(await codeOf(client.rpc(Ledger).enter(1))).to.equal('CONNECTION_CLOSED');
    await stop();
  });

  it('comes back to a server that was restarted, and not to one that threw it out', async () => {
    const { client, server, url, connect, stop } = await startUnconnected({
      scheme: 'tcp',
      services: [new Ledger()],
      client: { reconnect: soon },
    });
    await connect();
    const ended: unknown[] = [];
    client.on('disconnected', ({ reason }) => ended.push(reason));
    await server.stop();
    await eventually('away', () => client.state !== 'ready');
    await server.startServer(url);
    await eventually('back', () => client.state === 'ready');
    expect(await client.rpc(Ledger).enter(7)).to.equal(7);
    await eventually('known', () => server.clients.size === 1);
    for (const other of server.clients.values()) other.disconnect();
    await eventually('closed', () => client.state === 'closed');
    expect(ended).to.deep.equal(['going-away', 'normal']);
    await stop();
  });

  it('stays away from a server whose certificate it does not accept any more', async () => {
    let trusted = true;
    const { client, states, cut, stop } = await relayedPair(soon, {
      client: { reconnect: soon, validateCertificate: () => trusted },
    });
    trusted = false;
    cut();
    await eventually('closed', () => client.state === 'closed');
    expect(states.at(-1)).to.equal('securing > closed CERTIFICATE_REJECTED revoked-by-validator');
    await stop();
  });

  it('gives up after maxAttempts, with what stood in the way', async () => {
    const { client, states, relay, stop } = await relayedPair({ ...soon, maxAttempts: 2 });
    await relay!.close();
    await eventually('closed', () => client.state === 'closed');
    expect(states.filter((state) => state === 'reconnecting > connecting')).to.have.length(2);
    expect(states.at(-1)).to.equal('connecting > closed CONNECT_FAILED refused');
    await stop();
  });

  it('stops while it is away, and no timer stays', async () => {
    const { client, cut, stop } = await relayedPair(never);
    cut();
    await eventually('away', () => client.state === 'reconnecting');
    const waiting = codeOf(client.rpc(Ledger).enter(1));
    await client.stop();
    expect(await waiting).to.equal('CONNECTION_CLOSED');
    expect(client.state).to.equal('closed');
    await stop();
  });

  it('stops from inside a listener, at every state of the way back', async () => {
    for (const at of ['reconnecting', 'connecting', 'connected', 'securing', 'ready'] as const) {
      const { client, cut, stop } = await relayedPair(soon);
      client.on('stateChanged', (state) => {
        if (state === at) void client.stop();
      });
      cut();
      await eventually(`closed at ${at}`, () => client.state === 'closed');
      await stop();
      expect(client.state, at).to.equal('closed');
    }
  });

  it('lets calls wait, in order, behind those of a listener of ready', async () => {
    const { client, ledger, cut, stop } = await relayedPair({ ...soon, initialDelayMs: 5 });
    const proxy = client.rpc(Ledger);
    cut();
    await eventually('away', () => client.state === 'reconnecting');
    client.on('stateChanged', (state) => {
      if (state === 'ready') void proxy.enter(0);
    });
    expect(await Promise.all([proxy.enter(1), proxy.enter(2), proxy.enter(3)])).to.deep.equal([1, 2, 3]);
    expect([...ledger.runs]).to.deep.equal([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    await stop();
  });

  it('lets streams wait, too, and ends those that were lost', async () => {
    const { client, cut, stop } = await relayedPair(soon);
    const lost = client.rpc(Ledger).count(1_000_000);
    expect(await lost.next()).to.deep.equal({ done: false, value: 1 });
    cut();
    const rest = async () => {
      for await (const _ of lost);
    };
    expect(await codeOf(rest())).to.equal('CONNECTION_CLOSED');
    await eventually('away or back', () => client.state !== 'closed');
    cut();
    await eventually('away', () => client.connection === undefined);
    const items: number[] = [];
    for await (const item of client.rpc(Ledger).count(3)) items.push(item);
    expect(items).to.deep.equal([1, 2, 3]);
    await stop();
  });

  it('bounds how many calls wait, and how long each does', async () => {
    const { client, cut, stop } = await relayedPair({ ...never, maxWaitingCalls: 2 });
    const proxy = client.rpc(Ledger, { timeoutMs: 20 });
    cut();
    await eventually('away', () => client.state === 'reconnecting');
    const abort = new AbortController();
    const calls = [
      proxy.enter(1),
      client.invokeServerRpc('Ledger.enter', [2], { signal: abort.signal }),
      proxy.enter(3),
    ].map(outcomeOf);
    expect(await calls[2]).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'waiting-calls' });
    abort.abort();
    expect(await calls[1]).to.include({ code: 'CANCELLED' });
    expect(await calls[0]).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(await codeOf(client.invokeServerRpc('Ledger.enter', [4], { signal: abort.signal }))).to.equal(
      'CANCELLED',
    );
    // Their places are free again.
    const last = outcomeOf(proxy.enter(5));
    expect(await last).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(await codeOf(client.invokeServerRpc('Ledger.enter', [6], { timeoutMs: -1 }))).to.equal(
      'INVALID_ARGUMENT',
    );
    await stop();
  });

  it('counts the time that a call has waited', async () => {
    const { client, ledger, cut, stop } = await relayedPair({
      initialDelayMs: 200,
      maxDelayMs: 200,
      jitter: 0,
    });
    cut();
    await eventually('away', () => client.state === 'reconnecting');
    const before = performance.now();
    expect(await codeOf(client.rpc(Ledger, { timeoutMs: 300 }).hold(1))).to.equal('DEADLINE_EXCEEDED');
    expect(performance.now() - before).to.be.within(290, 450);
    expect(ledger.runs.get(1)).to.equal(1);
    await stop();
  });

  it("fails calls while away with UNAVAILABLE, where it is told to: whileAway 'fail'", async () => {
    const { client, cut, stop } = await relayedPair({ ...never, whileAway: 'fail' });
    cut();
    await eventually('away', () => client.state === 'reconnecting');
    expect(await outcomeOf(client.rpc(Ledger).enter(1))).to.include({
      code: 'UNAVAILABLE',
      reason: 'reconnecting',
    });
    await stop();
  });

  it('makes a lost call again, once, only where it is idempotent', async () => {
    const { client, ledger, cut, stop } = await relayedPair(soon);
    const lost = outcomeOf(client.rpc(Ledger).hold(1));
    const repeated = outcomeOf(client.rpc(Ledger, { idempotent: true }).hold(2));
    const declared = outcomeOf(client.rpc(Ledger).note(3));
    await eventually('all run', () => ledger.runs.size === 3);
    cut();
    expect(await lost).to.include({ code: 'CONNECTION_CLOSED', reason: 'transport-closed' });
    await eventually('they run again', () => ledger.runs.get(2) === 2 && ledger.runs.get(3) === 2);
    cut();
    expect(await declared).to.include({ code: 'CONNECTION_CLOSED' });
    expect(await repeated).to.include({ code: 'CONNECTION_CLOSED', reason: 'transport-closed' });
    await eventually('back', () => client.state === 'ready');
    expect([...ledger.runs]).to.deep.equal([
      [1, 1],
      [2, 2],
      [3, 2],
    ]);
    await stop();
  });

  it('checks on each connection what it expects of the server', async () => {
    const { client, server, url, connect, stop } = await startUnconnected({
      scheme: 'tcp',
      services: [new Ping()],
      client: { reconnect: soon },
    });
    await connect();
    client.rpc(Ping);
    const errors: unknown[] = [];
    client.on('stateChanged', (state, _previous, error) => {
      if (state === 'closed') errors.push(error?.code);
    });
    await server.stop();
    // Another version of the server, without the service that was agreed on.
    const other = await startUnconnected({ scheme: 'memory', services: [new Ledger()] });
    await other.server.stop();
    await other.server.startServer(url);
    await eventually('closed', () => errors.length > 0);
    expect(errors).to.deep.equal(['POLICY_MISMATCH']);
    await other.stop();
    await stop();
  });

  it('is back each time when the relay is killed 100 times, and nothing ran twice that must not', async () => {
    const random = new SeededRandom(4);
    const { client, ledger, cut, stop } = await relayedPair(soon);
    const once = client.rpc(Ledger);
    const again = client.rpc(Ledger, { idempotent: true });
    const outcomes: Promise<unknown>[] = [];
    const odd: number[] = [];
    const even: number[] = [];
    let entry = 0;
    for (let kills = 0; kills < 100; kills++) {
      for (let calls = random.below(4); calls >= 0; calls--) {
        odd.push(++entry);
        outcomes.push(codeOf(once.enter(entry, random.below(6))));
        even.push(++entry);
        outcomes.push(codeOf(again.enter(entry, random.below(6))));
      }
      for (let turns = random.below(25); turns > 0; turns--) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      cut();
      // Now and then it may find its way back first.
      if (random.below(3) === 0) await eventually(`back after kill ${kills}`, () => client.state === 'ready');
    }
    await eventually('back', () => client.state === 'ready');
    // It may not have noticed the last kill yet, which a call that may run twice survives.
    expect(await again.enter(0)).to.equal(0);
    for (const outcome of await Promise.all(outcomes))
      expect(outcome).to.be.oneOf(['answered', 'CONNECTION_CLOSED']);
    expect(Math.max(...odd.map((made) => ledger.runs.get(made) ?? 0)), 'runs of a call').to.equal(1);
    expect(Math.max(...even.map((made) => ledger.runs.get(made) ?? 0)), 'of an idempotent one').to.equal(2);
    await stop();
  });
});
