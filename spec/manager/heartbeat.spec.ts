// Peers that are gone without a farewell: a relay that swallows everything, as a pulled cable does.

import { expect } from 'chai';
import { NetworkingManager } from '../../lib/manager/node.js';
import { startPair } from '../support/pair.js';
import { codeOf, eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const quick = { intervalMs: 20, timeoutMs: 20 };

describe('manager: heartbeats', () => {
  nothingUncaught();
  nothingLeftBehind();

  for (const side of ['server', 'client'] as const) {
    it(`notices a peer that is gone without a farewell (${side})`, async () => {
      let swallow = false;
      const { server, client, stop } = await startPair({
        scheme: 'tcp',
        services: [new Ping()],
        [side]: { heartbeat: quick },
        intercept: ({ bytes }) => (swallow ? [] : [bytes]),
      });
      const reasons: unknown[] = [];
      server.on('clientDisconnected', (_client, { code, reason }) => reasons.push(code, reason));
      client.on('disconnected', ({ code, reason }) => reasons.push(code, reason));
      // It stands for many times as long as both limits, with nothing said.
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(await client.rpc(Ping).secret()).to.equal(3);
      swallow = true;
      const call = codeOf(client.rpc(Ping).ping());
      await eventually('it is noticed', () => reasons.length > 0);
      expect(reasons.slice(0, 2)).to.deep.equal(['CONNECTION_CLOSED', 'heartbeat-timeout']);
      await stop();
      expect(await call).to.equal('CONNECTION_CLOSED');
    });
  }

  it('stands without keys, too', async () => {
    const { client, stop } = await startPair({
      scheme: 'memory',
      services: [new Ping()],
      server: { enableEncryption: false, heartbeat: { intervalMs: 5, timeoutMs: 200 } },
      client: { enableEncryption: false, heartbeat: false },
    });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await client.rpc(Ping).ping(1)).to.equal(1);
    await stop();
  });

  it('brings a client back that lost a connection in silence', async () => {
    let swallowed = -1;
    const { client, stop } = await startPair({
      scheme: 'tcp',
      services: [new Ping()],
      client: { heartbeat: quick, reconnect: { initialDelayMs: 1 } },
      intercept: ({ bytes, connection }) => (connection === swallowed ? [] : [bytes]),
    });
    swallowed = 0;
    await eventually('away', () => client.state !== 'ready');
    expect(await client.rpc(Ping).ping(2)).to.equal(2);
    await stop();
  });

  for (const [heartbeat, message] of [
    [true, /heartbeat must be false or/],
    [null, /heartbeat must be false or/],
    [{ intervalMs: 0 }, /heartbeat\.intervalMs/],
    [{ timeoutMs: 1.5 }, /heartbeat\.timeoutMs/],
    [{ timeoutMs: 3_600_001 }, /heartbeat\.timeoutMs/],
    [{ everyMs: 5 }, /heartbeat\.everyMs does not exist/],
  ] as const) {
    it(`refuses ${JSON.stringify(heartbeat)}`, async () => {
      const manager = new NetworkingManager({ heartbeat: heartbeat as never });
      const refused = await manager.startClient('memory://nobody').catch((error: unknown) => error);
      expect(refused).to.have.property('code', 'INVALID_CONFIG');
      expect(refused).to.have.property('message').that.matches(message);
    });
  }
});
