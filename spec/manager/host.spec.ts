// A host: a server whose player sits at the same machine. Its own client is a client like any other, and the first one.

import { expect } from 'chai';
import type { Clock } from '../../lib/base/clock.js';
import { Security } from '../../lib/contract/security.js';
import { NetworkingManager, nodePlatform } from '../../lib/manager/node.js';
import { ServerManager } from '../../lib/manager/server-manager.js';
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
import { Arena, Hud, newClient, newHost, own } from './host-arena.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

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
        {
          protection: 'signed',
          state: 'secured',
          suite: hostClient!.security.suite,
          group: 'x25519',
          tls: undefined,
        },
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
