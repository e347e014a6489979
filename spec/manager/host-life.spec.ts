// A host from its start to its end: who comes in first and goes last, and what is undone where one half fails.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { MemoryTransport } from '../../lib/transport/memory.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Arena, Hud, newClient, newHost, own, watch } from './host-arena.js';
import { Ledger } from './ledger.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

describe('manager: the life of a host', () => {
  nothingUncaught();
  nothingLeftBehind();

  it('lets its own client in first, however early others come', async () => {
    for (const end of ['start', 'failure'] as const) {
      const host = newHost().register(new Arena());
      const guest = newClient();
      const events = watch(host);
      const memory = new MemoryTransport('memory://early');
      let coming: Promise<string> | undefined;
      // Dialled as soon as anybody listens.
      const listen: MemoryTransport['listen'] = async (options) => {
        const listener = await memory.listen(options);
        coming = codeOf(guest.startClient('memory://early'));
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        return listener;
      };
      if (end === 'start') {
        await host.startHost({ listen });
        expect(await coming).to.equal('answered');
        await eventually('the guest is in', () => host.clients.size === 2);
        expect(events.filter((event) => event.startsWith('clientConnected'))).to.deep.equal([
          'clientConnected peer 1',
          'clientConnected peer 2',
        ]);
      } else {
        host.rpc(Ping);
        expect(await codeOf(host.startHost({ listen }))).to.equal('POLICY_MISMATCH');
        expect(await coming).to.equal('HANDSHAKE_FAILED');
        expect(events.join()).to.not.include('clientConnected');
      }
      await guest.stop();
      await host.stop();
    }
  });

  it('holds no more of the early ones than may be half open', async () => {
    const host = newHost({ limits: { maxHalfOpenConnections: 2 } });
    const guests = Array.from({ length: 4 }, () => newClient());
    const memory = new MemoryTransport('memory://crowded');
    let coming: Promise<string[]> | undefined;
    await host.startHost({
      async listen(options) {
        const listener = await memory.listen(options);
        let refused = 0;
        coming = Promise.all(
          guests.map(async (guest) => {
            const code = await codeOf(guest.startClient('memory://crowded'));
            if (code === 'HANDSHAKE_FAILED') refused += 1;
            return code;
          }),
        );
        await eventually('two are refused while the others wait', () => refused === 2);
        return listener;
      },
    });
    expect((await coming)!.sort()).to.deep.equal([
      'HANDSHAKE_FAILED',
      'HANDSHAKE_FAILED',
      'answered',
      'answered',
    ]);
    for (const guest of guests) await guest.stop();
    await host.stop();
  });

  it('tells of a start and a stop once for each role, without errors', async () => {
    const host = newHost().register(new Arena());
    const events = watch(host);
    const url = await host.startHost('tcp://127.0.0.1:0');
    expect(events.splice(0).sort()).to.deep.equal([
      'clientConnected peer 1',
      'encryptionEstablished peer 0',
      'encryptionEstablished peer 1',
      'stateChanged connected connecting',
      'stateChanged connecting closed',
      'stateChanged ready securing',
      'stateChanged securing connected',
    ]);
    const guest = newClient();
    const guestEvents = watch(guest);
    await guest.startClient(url);
    await eventually('the guest is in', () => host.clients.size === 2);
    events.length = 0;
    await host.stop();
    expect(events.sort()).to.deep.equal([
      'clientDisconnected peer 1 normal',
      'clientDisconnected peer 2 closed-here',
      'disconnected closed-here',
      'stateChanged closed ready closed-here',
    ]);
    await guest.stop();
    expect(guestEvents.at(-2)).to.equal('disconnected going-away');
  });

  it('is started once, and again after stop()', async () => {
    const host = newHost({ validateCertificate: () => true }).register(new Arena());
    const events = watch(host);
    const first = host.startHost('memory://once');
    for (const again of [
      () => host.startHost('memory://twice'),
      () => host.startServer('memory://twice'),
      () => host.startClient('memory://once'),
    ]) {
      expect(await codeOf(again())).to.equal('INVALID_STATE');
    }
    expect(() => host.register(new Hud()))
      .to.throw()
      .with.property('code', 'INVALID_STATE');
    await first;
    expect(await codeOf(host.startHost('memory://twice'))).to.equal('INVALID_STATE');
    expect(await host.rpc(Arena).enter()).to.equal(1);
    expect(events.filter((event) => event.startsWith('clientConnected'))).to.have.length(1);
    await host.stop();
    await host.startServer('memory://once');
    expect([host.hostClient, host.connection, host.clients.size]).to.deep.equal([undefined, undefined, 0]);
    await host.stop();
    await host.startHost('memory://once');
    expect(await host.rpc(Arena).enter()).to.equal(1);
    await host.stop();
  });

  it('undoes its client, which has told nobody, where it cannot listen', async () => {
    const blocker = newHost();
    const url = await blocker.startServer('tcp://127.0.0.1:0');
    const host = newHost();
    const events = watch(host);
    expect(await codeOf(host.startHost(url))).to.equal('LISTEN_FAILED');
    expect(events).to.deep.equal([]);
    expect([host.hostClient, host.connection, host.state]).to.deep.equal([undefined, undefined, 'closed']);
    await blocker.stop();
    expect(await host.startHost(url)).to.equal(url);
    await host.stop();
  });

  it('undoes its server where its client does not get in', async () => {
    const host = newHost().register(new Arena());
    const other = newHost();
    await other.startServer('tcp://127.0.0.1:0').then(async (url) => {
      await other.stop();
      // It expects of its server what the server does not offer.
      host.rpc(Ping);
      expect(await codeOf(host.startHost(url))).to.equal('POLICY_MISMATCH');
      expect([host.hostClient, host.connection, host.state]).to.deep.equal([undefined, undefined, 'closed']);
      expect(await other.startServer(url)).to.equal(url);
      await other.stop();
    });
    host.register(new Ping());
    await host.startHost();
    expect(await host.rpc(Ping).ping()).to.equal('pong');
    await host.stop();
  });

  it('undoes both where the server turns its client away when that is ready already', async () => {
    let compared = 0;
    const crypto = Object.assign(Object.create(nodeCrypto) as typeof nodeCrypto, {
      // The client's Finished, behind the server's.
      equal: (a: Uint8Array, b: Uint8Array) => ++compared !== 2 && nodeCrypto.equal(a, b),
    });
    const host = newHost({ crypto });
    const states: string[] = [];
    host.on('stateChanged', (state) => states.push(state));
    expect(await outcomeOf(host.startHost())).to.include({ code: 'HANDSHAKE_FAILED', reason: 'finished' });
    expect(states.slice(-2)).to.deep.equal(['ready', 'closed']);
    expect([host.hostClient, host.clients.size]).to.deep.equal([undefined, 0]);
    await host.startHost();
    await host.stop();
  });

  it('refuses a configuration and a target that cannot work, and nothing is started', async () => {
    for (const [config, target, code] of [
      [{ certificate: undefined }, undefined, 'INVALID_CONFIG'],
      [{}, 'http://127.0.0.1', 'INVALID_CONFIG'],
      [{}, {} as never, 'INVALID_CONFIG'],
      [{ clientAuthentication: 'required' }, undefined, 'INVALID_CONFIG'],
    ] as const) {
      const host = new NetworkingManager({ certificate: own, ...config } as NetworkConfig);
      expect(await codeOf(host.startHost(target))).to.equal(code);
      expect(host.state).to.equal('closed');
    }
  });

  it('stops at any moment of its start', async () => {
    const outcomes = new Set<string>();
    for (let turns = 0; turns < 30; turns++) {
      const host = newHost().register(new Arena());
      const events = watch(host);
      const start = codeOf(host.startHost(turns % 2 ? 'tcp://127.0.0.1:0' : undefined));
      for (let turn = 0; turn < turns; turn++) {
        await (turn % 3 === 2 ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve)));
      }
      await host.stop();
      const told = events.length;
      outcomes.add(await start);
      expect([host.hostClient, host.connection, host.state]).to.deep.equal([undefined, undefined, 'closed']);
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(events.slice(told), `after ${turns} turns`).to.deep.equal([]);
      const came = events.filter((event) => event.startsWith('clientConnected')).length;
      expect(events.filter((event) => event.startsWith('clientDisconnected'))).to.have.length(came);
    }
    for (const outcome of outcomes)
      expect(outcome).to.be.oneOf(['answered', 'LISTEN_FAILED', 'CONNECT_FAILED', 'CONNECTION_CLOSED']);
    expect(outcomes.size).to.be.greaterThan(2);
  });

  it('stops from inside a listener of every event of its start', async () => {
    for (const name of ['stateChanged', 'encryptionEstablished', 'clientConnected'] as const) {
      for (let count = 1; count <= (name === 'stateChanged' ? 4 : 1); count++) {
        const host = newHost();
        let [seen, stopped] = [0, Promise.resolve()];
        host.on(name, () => {
          seen += 1;
          if (seen === count) stopped = host.stop();
        });
        expect(await codeOf(host.startHost()), `${name} ${count}`).to.not.equal('answered');
        await stopped;
        expect([host.hostClient, host.state]).to.deep.equal([undefined, 'closed']);
      }
    }
  });

  it('lets its own client go last: calls of others that still run may need it', async () => {
    class Relay {
      readonly #ledger = new Ledger();
      get ledger(): Ledger {
        return this.#ledger;
      }
      @Rpc()
      async viaHost(entry: number): Promise<unknown> {
        await this.#ledger.hold(entry);
        return host.hostClient!.rpc<Hud>('Hud').damage(entry);
      }
    }
    const relay = new Relay();
    const host = newHost().register(relay).register(new Hud());
    const guest = newClient();
    await guest.startClient(await host.startHost('tcp://127.0.0.1:0'));
    const call = guest.rpc(Relay).viaHost(5);
    await eventually('it runs', () => relay.ledger.runs.size === 1);
    const stopped = host.stop({ drainMs: 5000 });
    expect(host.state).to.equal('ready');
    expect(await outcomeOf(host.rpc(Relay).viaHost(6))).to.include({ code: 'UNAVAILABLE' });
    relay.ledger.release();
    expect(await call).to.equal(-5);
    await stopped;
    expect(host.state).to.equal('closed');
    await guest.stop();
  });

  it('lets calls of its own client finish, for drainMs and no longer', async () => {
    const ledger = new Ledger();
    const host = newHost().register(ledger);
    await host.startHost();
    const call = host.rpc(Ledger).hold(1);
    await eventually('it runs', () => ledger.runs.size === 1);
    const stopped = host.stop();
    ledger.release();
    expect(await call).to.equal(1);
    await stopped;
    await host.startHost();
    const lost = outcomeOf(host.rpc(Ledger).hold(2));
    await eventually('it runs', () => ledger.runs.size === 2);
    await host.stop({ drainMs: 20 });
    expect(await lost).to.include({ code: 'CONNECTION_CLOSED', reason: 'closed-here' });
  });

  it('goes on as a server when its own client is disconnected, which does not come back', async () => {
    for (const side of ['server', 'client'] as const) {
      const host = newHost({ reconnect: { initialDelayMs: 1 } }).register(new Arena());
      const guest = newClient();
      await guest.startClient(await host.startHost('tcp://127.0.0.1:0'));
      await eventually('the guest is in', () => host.clients.size === 2);
      const events = watch(host);
      (side === 'server' ? host.hostClient! : host.connection!).disconnect();
      await eventually('both sides know', () => events.length >= 3);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(events.sort()).to.deep.equal([
        `clientDisconnected peer 1 ${side === 'server' ? 'closed-here' : 'normal'}`,
        `disconnected ${side === 'server' ? 'normal' : 'closed-here'}`,
        `stateChanged closed ready ${side === 'server' ? 'normal' : 'closed-here'}`,
      ]);
      expect([host.hostClient, host.connection]).to.deep.equal([undefined, undefined]);
      expect(await codeOf(host.rpc<Arena>('Arena').enter())).to.equal('CONNECTION_CLOSED');
      expect(await guest.rpc(Arena).enter()).to.equal(2);
      await guest.stop();
      await host.stop();
    }
  });
});
