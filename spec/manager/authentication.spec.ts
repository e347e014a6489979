// Who a client is, by the credentials that it shows: hooks, refusals, limits, and where credentials never go.

import { inspect } from 'node:util';
import { expect } from 'chai';
import { type RpcError, SealwireError } from '../../lib/base/errors.js';
import { defineRpc } from '../../lib/contract/metadata.js';
import { Security } from '../../lib/contract/security.js';
import { reservedMethods } from '../../lib/manager/authentication.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import type { AuthenticationRequest } from '../../lib/manager/server-authentication.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { sessionOf } from '../../lib/rpc/peer.js';
import { authority, serverCertificate, serverName } from '../support/authority.js';
import { startUnconnected } from '../support/pair.js';
import { codeOf, eventually, outcomeOf, refusalOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Desk, Fleet, Manager, password, pin, shown } from './fleet.js';
import { nothingLeftBehind } from './left-behind.js';

describe('manager: authentication', () => {
  nothingUncaught();

  let fleet: Fleet;
  beforeEach(() => {
    fleet = new Fleet();
  });
  afterEach(() => fleet.stop());
  nothingLeftBehind();

  it('makes a client somebody: for requiresIdentity, for claims, for callContext()', async () => {
    const { server, url } = await fleet.server();
    const events: unknown[] = [];
    server.on('clientAuthenticated', (peer, scheme) => events.push([peer.id, scheme, peer.identity?.name]));
    const client = fleet.client();
    await client.startClient(url);
    const desk = client.rpc(Desk);
    expect(await desk.open()).to.equal('for everybody');
    expect(await desk.whoAmI()).to.equal(undefined);
    expect(await codeOf(desk.known())).to.equal('UNAUTHENTICATED');
    expect(await codeOf(desk.rule())).to.equal('UNAUTHENTICATED');
    expect(await client.authenticate(shown('bob'))).to.deep.equal({ rank: 7 });
    expect(await desk.known()).to.equal('bob');
    expect(await codeOf(desk.rule())).to.equal('PERMISSION_DENIED');
    expect(await client.authenticate(shown('ada'))).to.deep.equal({ rank: 7 });
    expect(await desk.rule()).to.equal('ada');
    expect(await desk.whoAmI()).to.deep.equal({
      name: 'ada',
      claims: { role: 'admin' },
      data: { wallet: "ada's gold" },
    });
    const [peer] = server.clients.values();
    expect(events).to.deep.equal([
      [peer!.id, 'password', 'bob'],
      [peer!.id, 'password', 'ada'],
    ]);
    expect(Object.isFrozen(peer!.identity)).to.equal(true);
  });

  it('takes place before calls go out, and in a state of its own', async () => {
    const { url } = await fleet.server();
    const states: string[] = [];
    const client = fleet.ada();
    client.on('stateChanged', (state) => states.push(state));
    let first: Promise<string> | undefined;
    client.on('encryptionEstablished', () => {
      first = client.rpc(Desk).known();
    });
    await client.startClient(url);
    expect(await first).to.equal('ada');
    expect(states).to.deep.equal(['connecting', 'connected', 'securing', 'authenticating', 'ready']);
  });

  it('knows several schemes, and one function without a name', async () => {
    const asked: string[] = [];
    const hook = (credentials: unknown, { scheme }: AuthenticationRequest) => {
      asked.push(`${scheme} ${String(credentials)}`);
      return { subject: String(credentials) };
    };
    const many = await fleet.server({ authenticate: { steam: hook, guest: hook } });
    const client = fleet.client({ credentials: () => ({ scheme: 'guest', credentials: 'g1' }) });
    await client.startClient(many.url);
    await client.authenticate({ scheme: 'steam', credentials: 's1' });
    for (const scheme of ['default', '', 'toString', '__proto__', 'x'.repeat(1000)]) {
      fleet.clock.jump(2000);
      expect(await codeOf(client.authenticate({ scheme, credentials: 1 }))).to.equal('UNAUTHENTICATED');
    }
    const { url } = await fleet.server({ authenticate: hook });
    const other = fleet.client({ credentials: () => ({ credentials: 'd1' }) });
    await other.startClient(url);
    expect(asked).to.deep.equal(['guest g1', 'steam s1', 'default d1']);
  });

  it('fails with what the hook says on purpose, and with nothing of what else it throws', async () => {
    const failures: unknown[][] = [];
    const refusals: unknown[][] = [];
    const hooks = {
      password,
      nobody: () => undefined,
      no: () => false as const,
      broken: () => {
        throw new TypeError('postgres://root:hunter2@db');
      },
      late: () => Promise.reject(new Error('secret')),
      odd: () => ({ subject: 7 }) as never,
      typo: () => ({ subject: 'ada', claim: {} }) as never,
      date: () => ({ subject: 'ada', data: new Date() }) as never,
    };
    const { server, url } = await fleet.server({ authenticate: hooks });
    server.on('callFailed', (_peer, method, error, incident) => failures.push([method, error, incident]));
    server.on('authenticationRefused', (_peer, scheme, code) => refusals.push([scheme, code]));
    const client = fleet.client();
    await client.startClient(url);
    const wrong = await outcomeOf(client.authenticate(shown('ada', 'guess')));
    expect(wrong).to.include({ kind: 'failed', code: 'UNAUTHENTICATED' });
    expect(wrong.kind === 'failed' && (wrong.error as RpcError).data).to.deep.equal({ left: 2 });
    for (const scheme of ['nobody', 'no']) {
      expect(await codeOf(client.authenticate({ scheme, credentials: {} }))).to.equal('UNAUTHENTICATED');
    }
    expect(failures).to.deep.equal([]);
    expect(refusals).to.deep.equal([
      ['password', 'UNAUTHENTICATED'],
      ['nobody', 'UNAUTHENTICATED'],
      ['no', 'UNAUTHENTICATED'],
    ]);
    for (const scheme of ['broken', 'late', 'odd', 'typo', 'date']) {
      fleet.clock.jump(2000);
      const outcome = await outcomeOf(client.authenticate({ scheme, credentials: {} }));
      expect(outcome).to.include({ kind: 'failed', code: 'UNAUTHENTICATED' });
      const [method, , incident] = failures.at(-1)!;
      expect(method).to.equal('sealwire.authenticate');
      expect(outcome.kind === 'failed' && outcome.error.message)
        .to.include(String(incident))
        .and.not.match(/hunter2|secret|subject/);
    }
    expect(failures).to.have.length(5);
    expect(client.state).to.equal('ready');
  });

  it('fails the start of a client that is refused, and is not tried again', async () => {
    const { server, url } = await fleet.server();
    let asked = 0;
    const credentials = () => {
      asked += 1;
      return shown('ada', 'guess');
    };
    const client = fleet.client({ credentials, reconnect: true });
    const disconnected: string[] = [];
    const failed: string[] = [];
    client.on('disconnected', ({ code }) => disconnected.push(code));
    client.on('encryptionFailed', ({ code }) => failed.push(code));
    const refusal = await refusalOf(client.startClient(url));
    expect(refusal.code).to.equal('UNAUTHENTICATED');
    expect((refusal as RpcError).data).to.deep.equal({ left: 2 });
    expect(client.state).to.equal('closed');
    expect({ asked, disconnected, failed }).to.deep.equal({ asked: 1, disconnected: [], failed: [] });
    await eventually('the server lets go', () => server.clients.size === 0);
  });

  it('fails where the function for credentials does, or gives none, and goes on as nobody where it says so', async () => {
    const { url } = await fleet.server();
    const broken = () => {
      throw new Error('the dialog was closed');
    };
    const refusal = await refusalOf(fleet.client({ credentials: broken }).startClient(url));
    expect(refusal).to.include({ code: 'UNAUTHENTICATED', reason: 'credentials' });
    expect(String(refusal.cause)).to.include('the dialog was closed');
    const odd = fleet.client({ credentials: () => 'ada' as never });
    expect(await refusalOf(odd.startClient(url))).to.include({
      code: 'UNAUTHENTICATED',
      reason: 'credentials',
    });
    const guest = fleet.client({ credentials: () => undefined });
    await guest.startClient(url);
    expect(await codeOf(guest.rpc(Desk).known())).to.equal('UNAUTHENTICATED');
    expect(await guest.rpc(Desk).open()).to.equal('for everybody');
  });

  it('fails where the server knows neither credentials nor tokens', async () => {
    const { url } = await fleet.server({ authenticate: undefined, tokens: undefined } as NetworkConfig);
    const refusal = await refusalOf(fleet.ada().startClient(url));
    expect(refusal.code).to.equal('UNIMPLEMENTED');
    const client = fleet.client();
    await client.startClient(url);
    expect(await codeOf(client.authenticate(shown('ada')))).to.equal('UNIMPLEMENTED');
    expect(client.connection!.identity?.kind).to.equal('certificate');
  });

  it('replaces who a client is: a call under way stays what it was, one from now on is not', async () => {
    const desk = new Desk();
    const { url } = await fleet.server({}, {}, [desk]);
    const client = fleet.client({ credentials: () => shown('bob') });
    await client.startClient(url);
    const slow = client.rpc(Desk).slowly();
    await eventually('it runs', () => desk.waiting === 1);
    await client.authenticate(shown('ada'));
    expect(await client.rpc(Desk).known()).to.equal('ada');
    desk.goOn();
    expect(await slow).to.equal('bob');
    // Who fails to become somebody else stays who it is.
    expect(await codeOf(client.authenticate(shown('bob', 'guess')))).to.equal('UNAUTHENTICATED');
    expect(await client.rpc(Desk).known()).to.equal('ada');
  });

  describe('is limited', () => {
    it('to one at a time on a connection', async () => {
      const asked: (() => void)[] = [];
      const slow = () =>
        new Promise<{ subject: string }>((resolve) => asked.push(() => resolve({ subject: 'ada' })));
      const { url } = await fleet.server({ authenticate: slow });
      const client = fleet.client();
      await client.startClient(url);
      const first = client.authenticate({ credentials: 1 });
      await eventually('the hook runs', () => asked.length === 1);
      expect(await codeOf(client.authenticate({ credentials: 2 }))).to.equal('RESOURCE_EXHAUSTED');
      expect(await client.rpc(Desk).open()).to.equal('for everybody');
      expect(await codeOf(client.rpc(Desk).known())).to.equal('UNAUTHENTICATED');
      asked[0]!();
      await first;
      expect(await client.rpc(Desk).known()).to.equal('ada');
      expect(asked).to.have.length(1);
    });

    it('in how often it can be guessed', async () => {
      let asked = 0;
      const { url } = await fleet.server({
        authenticate: () => {
          asked += 1;
          return undefined;
        },
      });
      const client = fleet.client();
      await client.startClient(url);
      const codes: string[] = [];
      for (let guess = 0; guess < 20; guess++)
        codes.push(await codeOf(client.authenticate({ credentials: guess })));
      expect(asked).to.equal(5);
      expect(codes.slice(5)).to.deep.equal(Array.from({ length: 15 }, () => 'RESOURCE_EXHAUSTED'));
      fleet.clock.jump(2000);
      expect(await codeOf(client.authenticate({ credentials: 'later' }))).to.equal('UNAUTHENTICATED');
      expect(asked).to.equal(6);
    });

    it('in time, and what comes too late lets nobody in', async () => {
      let accept: (() => void) | undefined;
      let signal: AbortSignal | undefined;
      const { server, url } = await fleet.server({
        tokens: undefined as never,
        authenticate: (_credentials, request) => {
          signal = request.signal;
          return new Promise((resolve) => {
            accept = () => resolve({ subject: 'ada' });
          });
        },
      });
      const client = fleet.client();
      await client.startClient(url);
      const attempt = codeOf(client.authenticate({ credentials: 1 }));
      await eventually('the hook runs', () => accept !== undefined);
      fleet.clock.jump(30_000);
      expect(await attempt).to.equal('DEADLINE_EXCEEDED');
      expect(signal!.aborted).to.equal(true);
      // It is still at work: one at a time.
      expect(await codeOf(client.authenticate({ credentials: 2 }))).to.equal('RESOURCE_EXHAUSTED');
      accept!();
      await new Promise((resolve) => setImmediate(resolve));
      expect([...server.clients.values()][0]!.identity).to.equal(undefined);
    });

    it('in how many hooks outlive their connections', async () => {
      const waiting: (() => void)[] = [];
      const { server, url } = await fleet.server({
        tokens: undefined as never,
        limits: { maxHalfOpenConnections: 2 },
        authenticate: () =>
          new Promise<{ subject: string }>((resolve) => waiting.push(() => resolve({ subject: 'ada' }))),
      });
      for (let round = 1; round <= 2; round++) {
        const client = fleet.client();
        await client.startClient(url);
        client.authenticate({ credentials: 1 }).catch(() => undefined);
        await eventually('the hook runs', () => waiting.length === round);
        await client.stop();
      }
      await eventually('both are gone', () => server.clients.size === 0);
      const client = fleet.client();
      await client.startClient(url);
      expect(await codeOf(client.authenticate({ credentials: 1 }))).to.equal('RESOURCE_EXHAUSTED');
      expect(waiting).to.have.length(2);
      for (const goOn of waiting.splice(0)) goOn();
      const later = client.authenticate({ credentials: 1 });
      await eventually('there is room', () => waiting.length === 1);
      waiting[0]!();
      await later;
    });

    it('by the end of the client, which waits for its application no longer', async () => {
      const { url } = await fleet.server();
      let request: { signal: AbortSignal } | undefined;
      const client = fleet.client({
        credentials: (given) => {
          request = given;
          return new Promise(() => undefined);
        },
      });
      const start = codeOf(client.startClient(url));
      await eventually('it is asked', () => request !== undefined);
      expect(client.state).to.equal('authenticating');
      await client.stop();
      expect(await start).to.equal('CONNECTION_CLOSED');
      expect(request!.signal.aborted).to.equal(true);
    });

    it('by the end of the server, within the time that it gives to calls', async () => {
      let begun = false;
      const { server, url } = await fleet.server({
        authenticate: () => {
          begun = true;
          return new Promise(() => undefined);
        },
      });
      const client = fleet.client({ credentials: () => ({ credentials: 1 }) });
      const start = codeOf(client.startClient(url));
      await eventually('the hook runs', () => begun);
      await server.stop({ drainMs: 20 });
      expect(await start).to.equal('CONNECTION_CLOSED');
    });
  });

  describe('shows credentials', () => {
    it('to nobody where there are no keys, and does not even ask for them', async () => {
      let asked = 0;
      const plain = { enableEncryption: false };
      const { url } = await fleet.server({ ...plain, certificate: undefined } as NetworkConfig);
      const client = fleet.client({
        ...plain,
        credentials: () => {
          asked += 1;
          return shown('ada');
        },
      });
      expect((await refusalOf(client.startClient(url))).code).to.equal('ENCRYPTION_UNAVAILABLE');
      const withToken = fleet.client({ ...plain, token: 'abc' });
      expect((await refusalOf(withToken.startClient(url))).code).to.equal('ENCRYPTION_UNAVAILABLE');
      const later = fleet.client(plain);
      await later.startClient(url);
      expect(await codeOf(later.authenticate(shown('ada')))).to.equal('ENCRYPTION_UNAVAILABLE');
      expect(asked).to.equal(0);
    });

    for (const encryption of ['onConnect', 'onDemand'] as const) {
      it(`to nobody on the way (${encryption})`, async () => {
        const frames: Uint8Array[] = [];
        const setup = await startUnconnected({
          scheme: 'tcp',
          server: { encryption, authenticate: { password }, tokens: { keys: fleet.keys } },
          client: { encryption, credentials: () => shown('ada') },
          services: [new Desk()],
          intercept: ({ bytes }) => {
            frames.push(bytes.slice());
            return [bytes];
          },
        });
        await setup.connect();
        await setup.client.rpc(Desk).known();
        await setup.server.updateIdentity(1, { public: 'something new' });
        await setup.client.authenticate(shown('ada'));
        const { text } = setup.client.token!;
        await setup.stop();
        const seen = Buffer.concat(frames).toString('latin1');
        // In the clear there are the names of methods, where encryption is on demand, and nothing else.
        expect(seen.includes('sealwire')).to.equal(encryption === 'onDemand');
        for (const marker of [pin, "ada's gold", 'something new', text, text.split('.')[3]!]) {
          expect(seen.includes(marker), marker).to.equal(false);
        }
      });
    }

    it('under keys that are agreed for them, on a connection that began in the clear', async () => {
      const { url } = await fleet.server({ encryption: 'onDemand' });
      const client = fleet.client({ encryption: 'onDemand' });
      await client.startClient(url);
      expect(await client.rpc(Desk).open()).to.equal('for everybody');
      expect(client.connection!.security.state).to.equal('plain');
      await client.authenticate(shown('ada'));
      expect(client.connection!.security.state).to.equal('secured');
      expect(await client.rpc(Desk).rule()).to.equal('ada');
      const states: string[] = [];
      const eager = fleet.ada({ encryption: 'onDemand' });
      eager.on('stateChanged', (state) => states.push(state));
      await eager.startClient(url);
      expect(eager.connection!.security.state).to.equal('secured');
      expect(states).to.deep.equal(['connecting', 'connected', 'authenticating', 'ready']);
      const { url: next } = await fleet.server({ encryption: 'onDemand' });
      await eager.moveTo(next);
      expect(await eager.rpc(Desk).rule()).to.equal('ada');
    });

    it('and tokens under both flags, whatever the manifest of the other side asks for', async () => {
      const flags: number[] = [];
      const noted = async () => {
        flags.push(callContext().security);
        return { public: null, token: 'a.b.c', expiresInMs: 60_000 };
      };
      const weak = new Weak({ authenticate: noted, present: noted }, fleet);
      const client = fleet.client({ token: 'a token' });
      await client.startClient(await weak.startServer('tcp://127.0.0.1:0'));
      await client.authenticate(shown('ada'));
      expect(flags).to.deep.equal([3, 3]);
      await client.stop();
      await weak.stop();
      const plain = new Weak({ authenticate: noted }, fleet, { enableEncryption: false });
      const careless = fleet.client({ enableEncryption: false });
      await careless.startClient(await plain.startServer('tcp://127.0.0.1:0'));
      expect(await codeOf(careless.authenticate(shown('ada')))).to.equal('ENCRYPTION_UNAVAILABLE');
      await careless.stop();
      await plain.stop();
      expect(flags).to.have.length(2);
      // The other way: what is pushed.
      const { server, url } = await fleet.server();
      const reader = new Weak({ token: noted }, fleet, { credentials: () => shown('ada') });
      await reader.startClient(url);
      await server.updateIdentity([...server.clients.keys()][0]!, { public: 'new' });
      await eventually('it was pushed', () => flags.length === 3);
      expect(flags).to.deep.equal([3, 3, 3]);
      await reader.stop();
    });
  });

  it('is Sealwire’s own: its name cannot be registered, its methods not called in another way', async () => {
    const { url } = await fleet.server();
    const client = fleet.client();
    expect(() => client.register('sealwire', new Desk()))
      .to.throw(SealwireError, /Sealwire's own/)
      .with.property('code', 'INVALID_RPC');
    await client.startClient(url);
    expect(
      await codeOf(client.invokeServerRpc(reservedMethods.authenticate, ['password', {}, null])),
    ).to.equal('UNIMPLEMENTED');
    const proxy = client.rpc<{ authenticate(...args: unknown[]): void }>('sealwire');
    expect(await codeOf(proxy.authenticate('password', {}, null))).to.equal('UNIMPLEMENTED');
  });

  it('refuses what no client of ours would send', async () => {
    const { url } = await fleet.server();
    const client = fleet.client();
    await client.startClient(url);
    const session = sessionOf(client.connection!);
    const call = (name: string, ...args: unknown[]) => codeOf(session.invokeReserved(name, args));
    const { authenticate, present } = reservedMethods;
    expect(await call(authenticate, 'password', {}, 'no proof')).to.equal('UNAUTHENTICATED');
    expect(await call(authenticate, 7, null, null)).to.equal('UNAUTHENTICATED');
    expect(await call(authenticate)).to.equal('UNAUTHENTICATED');
    const proof = { publicKey: new Uint8Array(32), signature: new Uint8Array(64) };
    expect(await call(authenticate, 'password', shown('ada').credentials, proof)).to.equal('TOKEN_NOT_BOUND');
    expect(await call(present, 7, null)).to.equal('TOKEN_INVALID');
    expect(await call(present)).to.equal('TOKEN_INVALID');
    expect(await call(present, 'x'.repeat(100_000), null)).to.equal('TOKEN_INVALID');
    expect(await client.rpc(Desk).open()).to.equal('for everybody');
  });

  it('goes past interceptors: they see the calls of the application alone', async () => {
    const { server, url } = await fleet.server();
    const client = fleet.ada();
    const seen: string[] = [];
    for (const manager of [server, client]) {
      manager.use((call, next) => {
        seen.push(`${call.direction} ${call.method}`);
        return next();
      });
    }
    await client.startClient(url);
    await client.authenticate(shown('bob'));
    await server.updateIdentity(1, { public: 1 });
    await client.rpc(Desk).known();
    expect(seen).to.deep.equal(['outgoing Desk.known', 'incoming Desk.known']);
  });

  it('leaves no trace of credentials in managers, peers, events and errors', async () => {
    const { server, url } = await fleet.server();
    const seen: unknown[] = [];
    for (const name of ['callRefused', 'authenticationRefused', 'clientAuthenticated'] as const)
      server.on(name, (...args: unknown[]) => void seen.push(args));
    const client = fleet.ada();
    await client.startClient(url);
    const refusal = await refusalOf(client.authenticate(shown('ada', 'swordfish')));
    seen.push(refusal, client, server, client.connection, client.token, ...server.clients.values());
    const shownThings = inspect(seen, { depth: 20, showHidden: true }) + JSON.stringify(client.token);
    expect(shownThings).to.not.match(/swordfish|that nobody else knows/);
    expect(shownThings).to.not.include(client.token!.text);
  });

  for (const [option, message] of [
    [{ authenticate: 7 }, /authenticate must be a function/],
    [{ authenticate: {} }, /authenticate must be a function/],
    [{ authenticate: { a: 'b' } }, /authenticate must be a function/],
    [{ authenticate: { ['x'.repeat(65)]: password } }, /1 to 64 characters/],
    [{ tokens: { keys: [] } }, /tokens.keys must name one key/],
    [{ tokens: 7 }, /tokens must be an object/],
    [{ tokens: { keys: [], lifetime: 1 } }, /tokens.lifetime does not exist/],
    [{ tokens: { keys: [], lifetimeMs: 999 } }, /tokens.lifetimeMs/],
    [{ tokens: { keys: [], issuer: '' } }, /tokens.issuer/],
    [{ tokens: { keys: [], bind: 1 } }, /tokens.bind/],
    [{ tokens: { keys: [], revocations: {} } }, /tokens.revocations/],
  ] as const) {
    it(`refuses the configuration ${inspect(option)} of a server`, async () => {
      const error = await refusalOf(fleet.server(option as unknown as NetworkConfig));
      expect(error.code).to.equal('INVALID_CONFIG');
      expect(error.message).to.match(message);
    });
  }

  for (const option of [{ credentials: 'ada' }, { token: 7 }, { token: '' }]) {
    it(`refuses the configuration ${inspect(option)} of a client`, async () => {
      const client = fleet.client(option as unknown as NetworkConfig);
      expect((await refusalOf(client.startClient('tcp://127.0.0.1:9'))).code).to.equal('INVALID_CONFIG');
    });
  }
});

/** Its manifest says that its methods need no protection. */
class Weak extends Manager {
  constructor(methods: Record<string, () => Promise<unknown>>, { clock }: Fleet, config: NetworkConfig = {}) {
    const { pem } = serverCertificate();
    const trusted = { ca: authority().pem.certificate, serverName };
    super({ certificate: { cert: pem.certificate, key: pem.key }, ...trusted, ...config }, clock);
    const service: Record<string, unknown> = {};
    for (const [name, method] of Object.entries(methods)) {
      const own = (): Promise<unknown> => method();
      defineRpc(name, own, Security.None, { oneWay: name === 'token' });
      service[name] = own;
    }
    const { registry } = this;
    const services = registry.services.bind(registry);
    registry.services = () => services(service);
  }
}
