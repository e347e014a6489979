// Tokens between servers: who takes whose, what refuses them and how that is said, fresh ones, new keys, revocation.

import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { reservedMethods } from '../../lib/manager/authentication.js';
import type { CredentialsRequest, HeldToken } from '../../lib/manager/client-authentication.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { nodePlatform } from '../../lib/manager/node.js';
import { sessionOf } from '../../lib/rpc/peer.js';
import { Session } from '../../lib/rpc/session.js';
import { bindingBytes, bindingKey, bindingLabel, prove } from '../../lib/token/binding.js';
import { MemoryRevocations, type RevocationStore } from '../../lib/token/revocation.js';
import { authority, clientCertificate, credentials, serverCertificate } from '../support/authority.js';
import { codeOf, eventually, refusalOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Desk, Fleet, type Manager, shown } from './fleet.js';
import { nothingLeftBehind } from './left-behind.js';

const hourMs = 3_600_000;

describe('manager: tokens', () => {
  nothingUncaught();

  let fleet: Fleet;
  /** What adas were asked for. */
  let asked: (string | undefined)[];
  beforeEach(() => {
    fleet = new Fleet();
    asked = [];
  });
  afterEach(() => fleet.stop());
  nothingLeftBehind();

  /** A client that notes when it is asked for its password. */
  function ada(config: NetworkConfig = {}): Manager {
    const provider = ({ reason }: CredentialsRequest) => {
      asked.push(reason);
      return shown('ada');
    };
    return fleet.client({ credentials: provider, ...config });
  }

  /** The id of the sign-in of the only client there. */
  function signInOn(server: Manager): string {
    const { identity } = [...server.clients.values()][0]!;
    if (identity?.kind !== 'token') throw new Error('nobody has signed in');
    return identity.id;
  }

  /** The code with which a client without credentials is refused that shows this token. */
  function refusedWith(token: string, url: string, config: NetworkConfig = {}): Promise<string> {
    return codeOf(fleet.client({ token, ...config }).startClient(url));
  }

  it('of one server are taken by another, with all that is known, and not by a third with other keys', async () => {
    const first = await fleet.server();
    const second = await fleet.server({ authenticate: undefined } as NetworkConfig);
    const third = await fleet.server({}, { keys: [{ id: 'one', key: randomBytes(32) }] });
    const renamed = await fleet.server({}, { issuer: 'another fleet' });
    const schemes: unknown[] = [];
    second.server.on('clientAuthenticated', (_client, scheme) => schemes.push(scheme));
    const client = ada();
    await client.startClient(first.url);
    expect(client.token!.public).to.deep.equal({ rank: 7 });
    const { text } = client.token!;
    const left = client.token!.expiresAt!.getTime() - fleet.clock.date().getTime();
    expect(left).to.be.within(hourMs - 5000, hourMs);
    await client.moveTo(second.url);
    expect(await client.rpc(Desk).whoAmI()).to.deep.equal({
      name: 'ada',
      claims: { role: 'admin' },
      data: { wallet: "ada's gold" },
    });
    expect(client.token!.public).to.deep.equal({ rank: 7 });
    // A fresh one, of the same sign-in.
    expect(client.token!.text).to.not.equal(text);
    expect(schemes).to.deep.equal([undefined]);
    expect(asked).to.deep.equal([undefined]);
    const unbound = (await first.server.issueToken({ subject: 'ada' })).text;
    expect(await refusedWith(unbound, second.url)).to.equal('answered');
    expect(await refusedWith(unbound, third.url)).to.equal('TOKEN_INVALID');
    expect(await refusedWith(unbound, renamed.url)).to.equal('TOKEN_INVALID');
  });

  it('are refused when they have run out, were tampered with or revoked, each with its own code', async () => {
    const { server, url } = await fleet.server();
    const issue = async (subject: string) => (await server.issueToken({ subject })).text;
    const good = await issue('ada');
    expect(await refusedWith(good, url)).to.equal('answered');
    const middle = good.length >> 1;
    const tampered = `${good.slice(0, middle)}${good[middle] === 'A' ? 'B' : 'A'}${good.slice(middle + 1)}`;
    expect(await refusedWith(tampered, url)).to.equal('TOKEN_INVALID');
    const bobs = await issue('bob');
    await server.revokeTokens({ subject: 'ada' });
    expect(await refusedWith(good, url)).to.equal('TOKEN_REVOKED');
    expect(await refusedWith(bobs, url)).to.equal('answered');
    fleet.clock.jump(hourMs);
    expect(await refusedWith(bobs, url)).to.equal('TOKEN_EXPIRED');
  });

  describe('that are bound', () => {
    it('are of no use to another client, whatever it proves', async () => {
      const { url } = await fleet.server();
      const client = ada();
      await client.startClient(url);
      const { text } = client.token!;
      expect(await refusedWith(text, url)).to.equal('TOKEN_NOT_BOUND');
      const thief = fleet.client();
      await thief.startClient(url);
      const session = sessionOf(thief.connection!);
      const present = (proof: unknown) =>
        codeOf(session.invokeReserved(reservedMethods.present, [text, proof]));
      const { crypto } = nodePlatform;
      const own = prove(crypto, bindingKey(crypto), session.exportKey(bindingLabel, bindingBytes), text);
      expect(await present(null)).to.equal('TOKEN_NOT_BOUND');
      expect(await present(own)).to.equal('TOKEN_NOT_BOUND');
      expect(await codeOf(thief.rpc(Desk).known())).to.equal('UNAUTHENTICATED');
    });

    it('are of no use on another connection, with all that was said on this one', async () => {
      const first = await fleet.server();
      const second = await fleet.server();
      const client = ada();
      await client.startClient(first.url);
      const { invokeReserved } = Session.prototype;
      let said: readonly unknown[] = [];
      Session.prototype.invokeReserved = function (name, args) {
        if (name === reservedMethods.present) said = args;
        return invokeReserved.call(this, name, args);
      };
      try {
        await client.moveTo(second.url);
      } finally {
        Session.prototype.invokeReserved = invokeReserved;
      }
      const repeat = (of: Manager) =>
        codeOf(sessionOf(of.connection!).invokeReserved(reservedMethods.present, said));
      // On the connection that it was said on it is as good as it was: that is what the proof is about.
      expect(await repeat(client)).to.equal('answered');
      for (const { url } of [first, second]) {
        const thief = fleet.client();
        await thief.startClient(url);
        expect(await repeat(thief)).to.equal('TOKEN_NOT_BOUND');
        expect(await codeOf(thief.rpc(Desk).known())).to.equal('UNAUTHENTICATED');
      }
    });

    it('name a certificate where the client has shown one', async () => {
      const config = { clientAuthentication: 'optional', ca: authority().pem.certificate } as const;
      const first = await fleet.server(config);
      const second = await fleet.server(config);
      const certificate = credentials(clientCertificate('ada'));
      const client = ada({ certificate });
      await client.startClient(first.url);
      const { text } = client.token!;
      expect(await client.rpc(Desk).known()).to.equal('ada');
      // Its own key is another one in each manager; what counts is the certificate.
      const twin = fleet.client({ certificate, token: text });
      await twin.startClient(second.url);
      expect(await twin.rpc(Desk).known()).to.equal('ada');
      const other = credentials(clientCertificate('bob'));
      expect(await refusedWith(text, second.url, { certificate: other })).to.equal('TOKEN_NOT_BOUND');
      expect(await refusedWith(text, second.url)).to.equal('TOKEN_NOT_BOUND');
    });

    it('are so from the first showing on where they were issued to nobody', async () => {
      const { server, url } = await fleet.server();
      const { text } = await server.issueToken({
        subject: 'ada',
        claims: { role: 'admin' },
        public: 'hello',
      });
      const client = fleet.client({ token: text });
      await client.startClient(url);
      expect(await client.rpc(Desk).rule()).to.equal('ada');
      expect(client.token!.public).to.equal('hello');
      expect(await refusedWith(client.token!.text, url)).to.equal('TOKEN_NOT_BOUND');
      await client.stop();
      expect(client.token!.text).to.equal(text);
    });

    it('are not where the server says so', async () => {
      const { url } = await fleet.server({}, { bind: false });
      const client = ada();
      await client.startClient(url);
      expect(await refusedWith(client.token!.text, url)).to.equal('answered');
    });
  });

  describe('are shown again', () => {
    it('when the client comes back, before what it calls', async () => {
      const { server, url } = await fleet.server();
      const client = ada({ reconnect: { initialDelayMs: 1, maxDelayMs: 2 } });
      await client.startClient(url);
      const known: Promise<unknown>[] = [];
      client.on('stateChanged', (state) => {
        if (state === 'ready') known.push(client.rpc(Desk).known());
      });
      sessionOf([...server.clients.values()][0]!).disconnect('going-away');
      await eventually('it is away', () => client.connection === undefined);
      const waited = client.rpc(Desk).known();
      await eventually('it is back', () => known.length === 1);
      expect(await Promise.all([waited, ...known])).to.deep.equal(['ada', 'ada']);
      expect(asked).to.deep.equal([undefined]);
    });

    it('and where they have run out, credentials are asked for, once', async () => {
      const { server, url } = await fleet.server();
      const client = ada({ reconnect: { initialDelayMs: 1, maxDelayMs: 2 } });
      await client.startClient(url);
      const { text } = client.token!;
      fleet.clock.jump(hourMs);
      // It stays connected, and who it is.
      expect(await client.rpc(Desk).known()).to.equal('ada');
      expect(client.token!.text).to.equal(text);
      sessionOf([...server.clients.values()][0]!).disconnect('going-away');
      await eventually('it is back', () => asked.length === 2 && client.state === 'ready');
      expect(await client.rpc(Desk).known()).to.equal('ada');
      expect(asked).to.deep.equal([undefined, 'TOKEN_EXPIRED']);
      const second = await fleet.server();
      fleet.clock.jump(hourMs);
      await client.moveTo(second.url);
      expect(await client.rpc(Desk).known()).to.equal('ada');
      expect(asked).to.deep.equal([undefined, 'TOKEN_EXPIRED', 'TOKEN_EXPIRED']);
    });

    it('and where there is nobody to ask, that is the end', async () => {
      const { server, url } = await fleet.server();
      const client = fleet.client({ reconnect: { initialDelayMs: 1, maxDelayMs: 2 } });
      await client.startClient(url);
      await client.authenticate(shown('ada'));
      fleet.clock.jump(hourMs);
      let end: string | undefined;
      client.on('stateChanged', (state, _previous, error) => {
        if (state === 'closed') end = error?.code;
      });
      sessionOf([...server.clients.values()][0]!).disconnect('going-away');
      await eventually('it is over', () => end !== undefined);
      expect(end).to.equal('TOKEN_EXPIRED');
    });

    it('by hand after a loss; stop() forgets them', async () => {
      const { server, url } = await fleet.server();
      const client = fleet.client();
      await client.startClient(url);
      await client.authenticate(shown('ada'));
      sessionOf([...server.clients.values()][0]!).disconnect('normal');
      await eventually('it is lost', () => client.state === 'closed');
      await client.startClient(url);
      expect(await client.rpc(Desk).known()).to.equal('ada');
      await client.stop();
      expect(client.token).to.equal(undefined);
      await client.startClient(url);
      expect(await codeOf(client.rpc(Desk).known())).to.equal('UNAUTHENTICATED');
    });
  });

  describe('are made fresh', () => {
    it('for a client that is active, by the server, before the old one runs out', async () => {
      const { server, url } = await fleet.server();
      const second = await fleet.server();
      const client = ada();
      const pushed: HeldToken[] = [];
      client.on('tokenRefreshed', (token) => pushed.push(token));
      await client.startClient(url);
      const desk = client.rpc(Desk);
      const texts = [client.token!.text];
      for (let half = 1; half <= 4; half++) {
        expect(await desk.known()).to.equal('ada');
        fleet.clock.jump(0.7 * hourMs);
        await eventually(`fresh for the ${half}. time`, () => pushed.length === half);
        texts.push(client.token!.text);
      }
      expect(new Set(texts).size).to.equal(5);
      expect(pushed.at(-1)!.text).to.equal(client.token!.text);
      const [peer] = server.clients.values();
      const { identity } = peer!;
      expect(identity?.kind === 'token' && identity.expiresAt! > fleet.clock.date()).to.equal(true);
      await client.moveTo(second.url);
      expect(await client.rpc(Desk).known()).to.equal('ada');
      expect(asked).to.deep.equal([undefined]);
    });

    it('at the call of one that was idle, if there is still time, and not for one that does nothing', async () => {
      const { url } = await fleet.server();
      const client = ada({ heartbeat: { intervalMs: 5, timeoutMs: 5000 } });
      let pushes = 0;
      client.on('tokenRefreshed', () => {
        pushes += 1;
      });
      await client.startClient(url);
      fleet.clock.jump(0.7 * hourMs);
      // Pings and pongs are no activity.
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(pushes).to.equal(0);
      await client.rpc(Desk).known();
      await eventually('fresh', () => pushes === 1);
      fleet.clock.jump(0.7 * hourMs);
      fleet.clock.jump(0.4 * hourMs);
      // It has run out: that is that, here nothing changes, and elsewhere credentials are wanted.
      await client.rpc(Desk).known();
      await client.rpc(Desk).known();
      expect(pushes).to.equal(1);
      const second = await fleet.server({ authenticate: undefined } as NetworkConfig);
      expect(await codeOf(client.moveTo(second.url))).to.equal('TOKEN_EXPIRED');
      expect(client.state).to.equal('ready');
      expect(await client.rpc(Desk).known()).to.equal('ada');
      expect(asked).to.deep.equal([undefined]);
    });

    it('when a server changes what is known of a client, from its next call on', async () => {
      const { server, url } = await fleet.server();
      const second = await fleet.server();
      const client = ada();
      await client.startClient(url);
      const desk = client.rpc(Desk);
      const [peer] = server.clients.values();
      await server.updateIdentity(peer!, { data: { match: 'm1' }, claims: { role: 'player' } });
      expect(await codeOf(desk.rule())).to.equal('PERMISSION_DENIED');
      const expected = { name: 'ada', claims: { role: 'player' }, data: { match: 'm1' } };
      expect(await desk.whoAmI()).to.deep.equal(expected);
      await client.moveTo(second.url);
      expect(await desk.whoAmI()).to.deep.equal(expected);
      expect(await codeOf(server.updateIdentity(99, {}))).to.equal('NOT_FOUND');
      const [there] = second.server.clients.values();
      const { updateIdentity } = second.server;
      const update = (changes: object) => codeOf(updateIdentity.call(second.server, there!, changes));
      expect(await update({ data: 'x'.repeat(9000) })).to.equal('INVALID_ARGUMENT');
      expect(await update({ data: new Date() })).to.equal('INVALID_ARGUMENT');
      expect(await update({ subject: 'bob' })).to.equal('INVALID_ARGUMENT');
      expect(await desk.whoAmI()).to.deep.equal(expected);
      const stranger = fleet.client();
      await stranger.startClient(second.url);
      await stranger.rpc(Desk).open();
      const nobody = [...second.server.clients.values()].at(-1)!;
      expect(await codeOf(second.server.updateIdentity(nobody, {}))).to.equal('INVALID_STATE');
    });

    it('and are only taken from the server that gave the one before', async () => {
      const { server, url } = await fleet.server();
      const client = fleet.client();
      await client.startClient(url);
      await client.rpc(Desk).open();
      const [peer] = server.clients.values();
      const push = (value: unknown) => sessionOf(peer!).invokeReserved(reservedMethods.token, [value]);
      await push({ public: null, token: 'a.b.c', expiresInMs: 60_000 });
      await client.rpc(Desk).open();
      await client.rpc(Desk).whoAmI();
      expect(client.token).to.equal(undefined);
      await client.authenticate(shown('ada'));
      const { text } = client.token!;
      const odd = { public: null, token: 'x'.repeat(9000), expiresInMs: 60_000 };
      for (const value of [7, null, odd, { ...odd, token: 'a', expiresInMs: -1 }, { ...odd, token: '' }])
        await push(value);
      expect(await client.rpc(Desk).known()).to.equal('ada');
      expect(client.token!.text).to.equal(text);
    });
  });

  describe('are under new keys', () => {
    it('while clients come and go, and nobody is thrown out', async () => {
      const servers = [await fleet.server(), await fleet.server()];
      const clients = Array.from({ length: 4 }, () => ada());
      for (const client of clients) await client.startClient(servers[0]!.url);
      let isOver = false;
      let calls = 0;
      const load = clients.map(async (client, index) => {
        for (let move = 1; !isOver; move++) {
          expect(await client.rpc(Desk).known()).to.equal('ada');
          await client.moveTo(servers[(move + index) % 2]!.url);
          calls += 1;
        }
      });
      let keys = fleet.keys;
      for (let rotation = 1; rotation <= 4; rotation++) {
        const next = { id: `key-${rotation}`, key: randomBytes(32) };
        // As docs/tokens.md has it: known everywhere, then used everywhere, then the old one is taken out.
        for (const step of [[...keys, next], [next, ...keys], [next]]) {
          for (const { server } of servers) server.setTokenKeys(step);
          const before = calls;
          // Every client has a token under the new key before the old one goes.
          await eventually('the load goes on', () => calls > before + 3 * clients.length);
        }
        keys = [next];
      }
      isOver = true;
      await Promise.all(load);
      expect(asked).to.deep.equal([undefined, undefined, undefined, undefined]);
    });

    it('or under the old ones still, where the new ones are none', async () => {
      const { server, url } = await fleet.server();
      const client = ada();
      await client.startClient(url);
      expect(() => server.setTokenKeys([]))
        .to.throw()
        .with.property('code', 'INVALID_CONFIG');
      expect(() => server.setTokenKeys([{ id: 'x', key: 'short' }])).to.throw();
      const second = await fleet.server();
      await client.moveTo(second.url);
      expect(asked).to.have.length(1);
      const bare = fleet.client();
      expect(() => bare.setTokenKeys(fleet.keys))
        .to.throw()
        .with.property('code', 'INVALID_STATE');
      expect(await codeOf(bare.revokeTokens({ subject: 'ada' }))).to.equal('INVALID_STATE');
    });
  });

  describe('are revoked', () => {
    it('with all that came of them: their client is nobody from its next call on', async () => {
      const revocations = new MemoryRevocations();
      const first = await fleet.server({}, { revocations });
      const second = await fleet.server({}, { revocations });
      const desk = new Desk();
      const third = await fleet.server({}, { revocations }, [desk]);
      const client = fleet.client();
      await client.startClient(first.url);
      await client.authenticate(shown('ada'));
      const signIn = signInOn(first.server);
      await client.rpc(Desk).known();
      let isFresh = false;
      client.on('tokenRefreshed', () => {
        isFresh = true;
      });
      fleet.clock.jump(0.7 * hourMs);
      await eventually('it is fresh', () => isFresh);
      await client.moveTo(second.url);
      await client.moveTo(third.url);
      expect(signInOn(third.server)).to.equal(signIn);
      const slow = client.rpc(Desk).slowly();
      await eventually('it runs', () => desk.waiting === 1);
      await third.server.revokeTokens({ id: signIn });
      expect(await codeOf(client.rpc(Desk).known())).to.equal('UNAUTHENTICATED');
      desk.goOn();
      expect(await slow).to.equal('ada');
      expect(await codeOf(client.moveTo(first.url))).to.equal('TOKEN_REVOKED');
      // Credentials are as good as ever.
      await client.authenticate(shown('ada'));
      await client.moveTo(first.url);
      expect(await client.rpc(Desk).known()).to.equal('ada');
      expect(await codeOf(first.server.revokeTokens({ subject: '' }))).to.equal('INVALID_ARGUMENT');
      expect(await codeOf(first.server.revokeTokens({} as never))).to.equal('INVALID_ARGUMENT');
    });

    it('elsewhere, and noticed when the client is active and half of its time is over', async () => {
      const revocations = new MemoryRevocations();
      const first = await fleet.server({}, { revocations });
      const second = await fleet.server({}, { revocations });
      const client = fleet.client();
      await client.startClient(first.url);
      await client.authenticate(shown('ada'));
      await second.server.revokeTokens({ subject: 'ada' });
      expect(await client.rpc(Desk).known()).to.equal('ada');
      fleet.clock.jump(0.7 * hourMs);
      await eventually('it is nobody', () => [...first.server.clients.values()][0]!.identity === undefined);
      expect(await codeOf(client.rpc(Desk).known())).to.equal('UNAUTHENTICATED');
    });

    it('while one is shown, which lets nobody in', async () => {
      const waiting: (() => void)[] = [];
      let isSlow = false;
      const memory = new MemoryRevocations();
      const revocations: RevocationStore = {
        revokeSubject: (...args) => memory.revokeSubject(...args),
        revokeToken: (...args) => memory.revokeToken(...args),
        async isRevoked(token) {
          const isRevoked = memory.isRevoked(token);
          // What it says is old by the time it is heard.
          if (isSlow) await new Promise<void>((resolve) => waiting.push(resolve));
          return isRevoked;
        },
      };
      const { server, url } = await fleet.server({}, { revocations });
      const { text } = await server.issueToken({ subject: 'ada' });
      isSlow = true;
      const start = refusedWith(text, url);
      await eventually('it is looked at', () => waiting.length === 1);
      isSlow = false;
      await server.revokeTokens({ subject: 'ada' });
      waiting[0]!();
      expect(await start).to.equal('TOKEN_REVOKED');
    });

    it('in a store that is away: nobody comes in by a token, and nobody is thrown out', async () => {
      let isAway = false;
      const memory = new MemoryRevocations();
      const revocations: RevocationStore = {
        revokeSubject: (...args) => memory.revokeSubject(...args),
        revokeToken: (...args) => memory.revokeToken(...args),
        isRevoked(token) {
          if (isAway) throw new Error('redis://:hunter2@store');
          return memory.isRevoked(token);
        },
      };
      const { server, url } = await fleet.server({}, { revocations });
      const failures: unknown[] = [];
      server.on('callFailed', (_peer, method, error) => failures.push([method, String(error)]));
      const client = ada();
      await client.startClient(url);
      const { text } = await server.issueToken({ subject: 'bob' });
      isAway = true;
      const refusal = await refusalOf(fleet.client({ token: text }).startClient(url));
      expect(refusal.code).to.equal('UNAVAILABLE');
      expect(refusal.message).to.not.include('hunter2');
      expect(failures).to.deep.equal([['sealwire.present', 'Error: redis://:hunter2@store']]);
      await client.rpc(Desk).known();
      fleet.clock.jump(0.7 * hourMs);
      expect(await client.rpc(Desk).known()).to.equal('ada');
      isAway = false;
      let pushes = 0;
      client.on('tokenRefreshed', () => {
        pushes += 1;
      });
      await client.rpc(Desk).known();
      fleet.clock.jump(hourMs / 16);
      await eventually('it is asked again', () => pushes === 1);
    });
  });

  it('are not pushed to a client that does not know of them', async () => {
    const { server, url } = await fleet.server();
    const client = ada();
    await client.startClient(url);
    const [peer] = server.clients.values();
    const session = sessionOf(peer!);
    const sent: string[] = [];
    session.offers = () => false;
    session.invokeReserved = async (name) => void sent.push(name);
    await server.updateIdentity(peer!, { data: 1 });
    await client.rpc(Desk).known();
    fleet.clock.jump(0.7 * hourMs);
    await client.rpc(Desk).known();
    expect(sent).to.deep.equal([]);
  });

  it('are none where the server issues none: who has authenticated is somebody all the same', async () => {
    const { server, url } = await fleet.server({ tokens: undefined } as NetworkConfig);
    const client = ada();
    await client.startClient(url);
    expect(await client.rpc(Desk).rule()).to.equal('ada');
    expect(client.token).to.equal(undefined);
    const [peer] = server.clients.values();
    await server.updateIdentity(peer!, { claims: {} });
    expect(await codeOf(client.rpc(Desk).rule())).to.equal('PERMISSION_DENIED');
    expect(peer!.identity).to.include({ name: 'ada', expiresAt: undefined });
  });

  it('work for the client of a host as for any other', async () => {
    const host = fleet.client({
      certificate: credentials(serverCertificate()),
      authenticate: () => ({ subject: 'the host', claims: { role: 'admin' } }),
      tokens: { keys: fleet.keys },
      credentials: () => ({ credentials: 1 }),
    });
    host.register(new Desk());
    await host.startHost();
    expect(await host.rpc(Desk).rule()).to.equal('the host');
    expect(await codeOf(host.moveTo('tcp://127.0.0.1:9'))).to.equal('INVALID_STATE');
  });
});
