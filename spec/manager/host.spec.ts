// A host: a server whose player sits at the same machine. Its own client is a client like any other, and the first one.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import type { Clock } from '../../lib/base/clock.js';
import { Security } from '../../lib/contract/security.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import type { ManagerEvents } from '../../lib/manager/events.js';
import { NetworkingManager, nodePlatform } from '../../lib/manager/node.js';
import { ServerManager } from '../../lib/manager/server-manager.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';
import { MemoryTransport } from '../../lib/transport/memory.js';
import {
  authority,
  clientCertificate,
  credentials,
  serverCertificate,
  serverName,
  strangeAuthority,
} from '../support/authority.js';
import { schemes } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Ledger } from './ledger.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

/** What the host offers to clients, its own among them. */
class Arena {
  readonly calls: CallContext[] = [];

  @Rpc(Security.Authenticated)
  enter(): number {
    const context = callContext();
    this.calls.push(context);
    return context.client.id;
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  whoAmI(): string {
    return callContext().identity!.name;
  }

  @Rpc()
  async *count(to: number): AsyncGenerator<number> {
    for (let item = 1; item <= to; item++) yield item;
  }
}

/** What clients offer. */
class Hud {
  readonly callers: number[] = [];

  @Rpc(Security.Encrypted | Security.Authenticated)
  damage(points: number): number {
    this.callers.push(callContext().client.id);
    return -points;
  }
}

const names = [
  'clientConnected',
  'clientDisconnected',
  'disconnected',
  'stateChanged',
  'encryptionEstablished',
  'encryptionFailed',
  'callFailed',
  'callRefused',
] as const satisfies (keyof ManagerEvents)[];

function watch(manager: NetworkingManager): string[] {
  const events: string[] = [];
  for (const name of names) {
    manager.on(name, (...args: unknown[]) => {
      const told = args.flatMap((arg) => {
        if (typeof arg === 'string') return [arg];
        if (arg instanceof Error) return [(arg as { reason?: string }).reason ?? arg.message];
        return arg === undefined ? [] : [`peer ${(arg as { id: number }).id}`];
      });
      events.push([name, ...told].join(' '));
    });
  }
  return events;
}

const own = credentials(serverCertificate());
const newHost = (config: NetworkConfig = {}): NetworkingManager =>
  new NetworkingManager({ certificate: own, ...config });
const newClient = (config: NetworkConfig = {}): NetworkingManager =>
  new NetworkingManager({ ca: authority().pem.certificate, serverName, ...config });

describe('manager: a host', () => {
  nothingUncaught();
  nothingLeftBehind();

  for (const scheme of schemes) {
    it(`is a server with a client of its own, and both are in when it has started (${scheme})`, async () => {
      const [arena, hud] = [new Arena(), new Hud()];
      const host = newHost().register(arena).register(hud);
      const url = await host.startHost(
        scheme === 'memory' ? 'memory://host-spec' : `${scheme}://127.0.0.1:0`,
      );
      expect(url).to.match(scheme === 'memory' ? /^memory:\/\/host-spec$/ : /:[1-9][0-9]*$/);
      const { hostClient, connection } = host;
      expect([...host.clients.values()]).to.deep.equal([hostClient]);
      expect([hostClient!.id, hostClient!.isHost, connection!.id]).to.deep.equal([1, true, 0]);
      expect(host.state).to.equal('ready');
      expect([hostClient!.security, connection!.security]).to.deep.equal([
        connection!.security,
        { protection: 'signed', state: 'secured', suite: hostClient!.security.suite, group: 'x25519' },
      ]);

      const guest = newClient().register(new Hud());
      await guest.startClient(url);
      await eventually('the guest is in', () => host.clients.size === 2);
      expect(host.clients.get(2)!.isHost).to.equal(false);

      // As a client …
      expect(await host.rpc<Arena>('Arena').enter()).to.equal(1);
      expect(await host.rpc(Arena).enter()).to.equal(1);
      expect(await host.invokeServerRpc('Arena.enter')).to.equal(1);
      const items: number[] = [];
      for await (const item of host.rpc<Arena>('Arena').count(3)) items.push(item);
      expect(items).to.deep.equal([1, 2, 3]);
      expect(arena.calls.every(({ client }) => client === hostClient)).to.equal(true);
      expect(await guest.rpc(Arena).enter()).to.equal(2);
      // … and as a server.
      const { settled } = await host.everyone().rpc<Hud>('Hud').damage(7);
      expect([...settled.keys()]).to.deep.equal([1, 2]);
      expect([...settled.values()].every((outcome) => outcome.ok && outcome.value === -7)).to.equal(true);
      expect([...host.everyoneExcept(hostClient!).clients].map(({ id }) => id)).to.deep.equal([2]);
      expect(await host.invokeClientRpc(hostClient!, 'Hud.damage', [2])).to.equal(-2);
      expect(hud.callers).to.deep.equal([0, 0]);

      expect(hostClient!.exportKey('spec', 16)).to.deep.equal(connection!.exportKey('spec', 16));
      await guest.stop();
      await host.stop();
      expect([host.hostClient, host.connection, host.clients.size]).to.deep.equal([undefined, undefined, 0]);
      expect(host.state).to.equal('closed');
    });
  }

  it('needs no address: then it is reached from this process alone', async () => {
    const [host, other, guest] = [newHost().register(new Arena()), newHost(), newClient()];
    const url = await host.startHost();
    expect(url).to.match(/^memory:\/\/host-[0-9a-f]{16}$/);
    expect(await other.startHost()).to.not.equal(url);
    await guest.startClient(url);
    expect(await guest.rpc(Arena).enter()).to.equal(2);
    // The link of its own client is nobody else's.
    const stranger = newClient();
    expect(await codeOf(stranger.startClient('memory://host'))).to.equal('CONNECT_FAILED');
    for (const manager of [guest, host, other]) await manager.stop();
  });

  it('trusts its own certificate and nothing else decides: ca, serverName, validateCertificate are about others', async () => {
    const strange = credentials(serverCertificate(strangeAuthority()));
    const asked: string[] = [];
    const validateCertificate = (): boolean => asked.push('asked') === 0;
    for (const config of [{}, { ca: authority().pem.certificate, serverName: 'elsewhere.example' }]) {
      const host = newHost({ ...config, certificate: strange, validateCertificate }).register(new Arena());
      await host.startHost();
      expect(await host.rpc(Arena).enter()).to.equal(1);
      expect(host.connection!.identity!.name).to.equal(serverName);
      await host.stop();
    }
    expect(asked).to.deep.equal([]);
  });

  for (const [what, config, protection] of [
    ['signKeyExchange: false', { signKeyExchange: false }, 'anonymous'],
    ['enableEncryption: false', { enableEncryption: false }, 'none'],
  ] as const) {
    it(`needs no certificate with ${what}`, async () => {
      const host = new NetworkingManager(config).register(new Ping());
      await host.startHost('tcp://127.0.0.1:0');
      expect(host.connection!.security.protection).to.equal(protection);
      expect(await host.rpc<Ping>('Ping').flags()).to.equal(0);
      const secret = await codeOf(host.rpc<Ping>('Ping').secret());
      expect(secret).to.equal(protection === 'none' ? 'ENCRYPTION_UNAVAILABLE' : 'answered');
      await host.stop();
    });
  }

  for (const clientAuthentication of ['optional', 'required'] as const) {
    it(`shows its own certificate where clients must show one (${clientAuthentication})`, async () => {
      const ca = authority().pem.certificate;
      const host = newHost({ clientAuthentication, ca }).register(new Arena());
      const url = await host.startHost('tcp://127.0.0.1:0');
      expect(await host.rpc(Arena).whoAmI()).to.equal(serverName);
      expect(host.hostClient!.identity!.name).to.equal(serverName);
      // It opens no door for others: a server's certificate is none of a client.
      const thief = newClient({ certificate: own });
      expect(await outcomeOf(thief.startClient(url))).to.include({ code: 'CERTIFICATE_REJECTED' });
      const guest = newClient({ certificate: credentials(clientCertificate('ada')) });
      await guest.startClient(url);
      expect(await guest.rpc(Arena).whoAmI()).to.equal('ada');
      await guest.stop();
      await host.stop();
    });
  }

  it('stretches keys as often as its server likes, and keeps to minimumSecurity', async () => {
    const host = newHost({
      keyStretching: { iterations: 20_000 },
      minimumSecurity: Security.Authenticated,
    }).register(new Ping());
    await host.startHost();
    expect(await host.rpc<Ping>('Ping').flags()).to.equal(Security.Authenticated);
    await host.stop();
  });

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

  it('keeps its own client when its certificate is renewed, whenever that is', async () => {
    const renewed = credentials(serverCertificate(strangeAuthority()));
    const chain = (connection: NetworkingManager['connection']): string =>
      Buffer.from(connection!.certificates[0]!).toString('base64');
    const seen = new Set<string>();
    for (let turns = 0; turns < 12; turns++) {
      const host = newHost({ clientAuthentication: 'required', ca: authority().pem.certificate });
      host.register(new Arena());
      const start = host.startHost();
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      host.setCertificate(renewed);
      await start;
      expect(await host.rpc(Arena).whoAmI()).to.equal(serverName);
      seen.add(chain(host.connection));
      await host.stop();
      // What is started from now on has the new one, on both sides.
      await host.startHost();
      expect(await host.rpc(Arena).whoAmI()).to.equal(serverName);
      await host.stop();
    }
    expect(seen.size, 'before and after the choice').to.equal(2);
  });

  it('asks itself for no sign of life: it cannot lose itself', async () => {
    const timersMs: number[] = [];
    const clock: Clock = {
      ...nodePlatform.clock,
      setTimer(ms, callback) {
        timersMs.push(ms);
        return nodePlatform.clock.setTimer(ms, callback);
      },
    };
    const intervalMs = 123_457;
    const config = { certificate: own, heartbeat: { intervalMs } };
    const host = new ServerManager(config, { ...nodePlatform, clock });
    const guest = newClient();
    const url = await host.startHost();
    expect(timersMs).to.not.include(intervalMs);
    await guest.startClient(url);
    await eventually('the guest is asked', () => timersMs.includes(intervalMs));
    await guest.stop();
    await host.stop();
  });
});
