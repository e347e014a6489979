// Whom a server takes for its client: none, optional and required, what each side learns of a refusal, and who is told to
// methods, on both sides of a connection.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import type { CertificateValidator } from '../../lib/certificate/trust/validator.js';
import { Security } from '../../lib/contract/security.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { NetworkingManager as BrowserManager } from '../../lib/manager/browser.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { callContext } from '../../lib/rpc/call-context.js';
import type { PeerIdentity } from '../../lib/rpc/identity.js';
import {
  authority,
  clientCertificate,
  credentials,
  serverCertificate,
  serverName,
  strangeAuthority,
} from '../support/authority.js';
import { codeOf, eventually, type Outcome, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';

const ca = authority().pem.certificate;
const ada = credentials(clientCertificate('ada'));
const bob = credentials(clientCertificate('bob'));
const stranger = credentials(clientCertificate('ada', strangeAuthority()));

class Desk {
  @Rpc()
  shout(): string | undefined {
    return callContext().identity?.name;
  }

  @Rpc(Security.Encrypted)
  mumble(): string | undefined {
    return callContext().identity?.name;
  }

  @Rpc(Security.Authenticated)
  sign(): string | undefined {
    return callContext().identity?.name;
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  open(): string {
    return callContext().identity!.name;
  }
}

/** The same, offered by clients. */
class Pager extends Desk {}

describe('manager: the certificate of the client', () => {
  nothingUncaught();
  let server: NetworkingManager;
  let events: string[];

  async function listen(url: string, config: NetworkConfig): Promise<string> {
    server = new NetworkingManager({ certificate: credentials(serverCertificate()), ca, ...config }).register(
      new Desk(),
    );
    events = [];
    server.on('encryptionFailed', ({ code, reason }) => events.push(`${code} ${reason}`));
    server.on('clientConnected', ({ identity }) => events.push(`connected ${identity?.name}`));
    server.on('callRefused', (_peer, method, code) => events.push(`${method} ${code}`));
    return server.startServer(url);
  }

  function clientWith(certificate?: NetworkConfig['certificate'], config: NetworkConfig = {}) {
    return new NetworkingManager({ ca, serverName, ...(certificate && { certificate }), ...config });
  }

  /** Tries to connect; whom the server then takes the caller for. */
  async function connect(
    url: string,
    certificate?: NetworkConfig['certificate'],
    config: NetworkConfig = {},
  ): Promise<Outcome & { readonly caller?: string | undefined }> {
    const client = clientWith(certificate, config);
    const outcome = await outcomeOf(client.startClient(url));
    const caller = outcome.kind === 'answered' ? await client.rpc(Desk).sign() : undefined;
    await client.stop();
    return { ...outcome, caller };
  }

  afterEach(() => server.stop());
  nothingLeftBehind();

  it('is not shown to a server that does not ask', async () => {
    const url = await listen('memory://desk', {});
    expect(await connect(url, ada)).to.include({ kind: 'answered', caller: undefined });
    expect(events).to.deep.equal(['connected undefined']);
  });

  for (const scheme of ['ws', 'tcp', 'memory'] as const) {
    it(`tells a server that requires it who calls (${scheme})`, async () => {
      const address = scheme === 'memory' ? 'memory://desk' : `${scheme}://127.0.0.1:0`;
      const url = await listen(address, { clientAuthentication: 'required' });
      expect(await connect(url, ada)).to.include({ kind: 'answered', caller: 'ada' });
      expect(await connect(url, bob)).to.include({ kind: 'answered', caller: 'bob' });
      expect(events).to.deep.equal(['connected ada', 'connected bob']);
    });
  }

  it('is missed at once by a client that needs one, and the server hears why', async () => {
    const url = await listen('memory://desk', { clientAuthentication: 'required' });
    const outcome = await connect(url);
    expect(outcome).to.include({ code: 'HANDSHAKE_FAILED', reason: 'certificate-required' });
    expect(outcome)
      .to.have.nested.property('error.message')
      .that.matches(/set certificate in the client/);
    await eventually('the server has heard of it', () => events.length > 0);
    expect(events).to.deep.equal(['HANDSHAKE_FAILED certificate-required']);
  });

  it('may be missing where it is optional', async () => {
    const url = await listen('memory://desk', { clientAuthentication: 'optional' });
    expect(await connect(url)).to.include({ kind: 'answered', caller: undefined });
    expect(await connect(url, ada)).to.include({ kind: 'answered', caller: 'ada' });
    expect(events).to.deep.equal(['connected undefined', 'connected ada']);
  });

  describe('that is not good', () => {
    const day = 86_400_000;
    const from = (days: number) => new Date(Date.now() + days * day);
    const made = (options: Partial<Parameters<typeof issueCertificate>[1]>) =>
      credentials(
        issueCertificate(nodeCrypto, {
          commonName: 'eve',
          purpose: 'client',
          issuer: authority(),
          ...options,
        }),
      );
    const bad: readonly [string, NetworkConfig['certificate'], string][] = [
      ['of another authority', stranger, 'untrusted'],
      ['out of date', made({ notBefore: from(-20), notAfter: from(-10) }), 'expired'],
      ['too early', made({ notBefore: from(10), notAfter: from(20) }), 'not-yet-valid'],
      ['of a server', credentials(serverCertificate()), 'wrong-purpose'],
    ];
    for (const mode of ['required', 'optional'] as const) {
      for (const [what, certificate, reason] of bad) {
        it(`(${what}) is refused where it is ${mode}, and its owner is not told why`, async () => {
          const url = await listen('memory://desk', { clientAuthentication: mode });
          const outcome = await connect(url, certificate);
          expect(outcome).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'refused-by-peer' });
          expect(outcome)
            .to.have.nested.property('error.message')
            .that.matches(/server refused the client/);
          expect(events).to.deep.equal([`CERTIFICATE_REJECTED ${reason}`]);
        });
      }
    }
  });

  it('is not sent to a server that was not accepted', async () => {
    const url = await listen('memory://desk', {
      clientAuthentication: 'required',
      certificate: credentials(serverCertificate(strangeAuthority())),
    });
    expect(await connect(url, ada)).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'untrusted' });
    await eventually('the server has heard of it', () => events.length > 0);
    expect(events).to.deep.equal(['HANDSHAKE_FAILED handshake-failed']);
  });

  for (const keyKind of ['p256', 'p384', 'ed25519', 'rsa-2048'] as const) {
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      it(`may have a key of the kind ${keyKind}, with ${crypto.name} on both sides`, async () => {
        const url = await listen('memory://desk', { clientAuthentication: 'required', crypto });
        const issued = issueCertificate(nodeCrypto, {
          commonName: keyKind,
          purpose: 'client',
          issuer: authority(),
          keyKind,
        });
        expect(await connect(url, credentials(issued), { crypto })).to.include({ caller: keyKind });
      });
    }
  }

  it('is shown by browsers as well', async () => {
    const url = await listen('memory://desk', { clientAuthentication: 'required' });
    const client = new BrowserManager({ ca, serverName, certificate: ada });
    await client.startClient(url);
    expect(await client.rpc(Desk).open()).to.equal('ada');
    await client.stop();
  });

  describe('with validateCertificate', () => {
    it('is what it decides about: told whose it is, no name, and the default', async () => {
      const seen: unknown[] = [];
      const validateCertificate: CertificateValidator = (chain, hostname, context) => {
        seen.push(chain.length, hostname, context.purpose, context.validateDefault());
        return context.validateDefault();
      };
      const url = await listen('memory://desk', { clientAuthentication: 'required', validateCertificate });
      expect(await connect(url, ada)).to.include({ caller: 'ada' });
      expect(await connect(url, stranger)).to.include({ reason: 'refused-by-peer' });
      expect(seen).to.deep.equal([1, '', 'client', true, 1, '', 'client', false]);
      expect(events).to.deep.equal(['connected ada', 'CERTIFICATE_REJECTED revoked-by-validator']);
    });

    it('needs no ca, and then has no roots', async () => {
      const defaults: boolean[] = [];
      const config: NetworkConfig = {
        certificate: credentials(serverCertificate()),
        clientAuthentication: 'required',
        validateCertificate: (_chain, _hostname, context) => {
          defaults.push(context.validateDefault());
          return true;
        },
      };
      server = new NetworkingManager(config).register(new Desk());
      events = [];
      const url = await server.startServer('memory://desk');
      expect(await connect(url, ada)).to.include({ caller: 'ada' });
      expect(defaults).to.deep.equal([false]);
    });

    const accepting: readonly (readonly [string, CertificateValidator])[] = [
      ['true', () => true],
      ['a promise of true', async () => true],
      ['true after a while', () => new Promise((resolve) => setTimeout(() => resolve(true), 30))],
    ];
    for (const [what, validateCertificate] of accepting) {
      it(`is accepted for ${what}`, async () => {
        const url = await listen('memory://desk', { clientAuthentication: 'optional', validateCertificate });
        expect(await connect(url, stranger)).to.include({ caller: 'ada' });
      });
    }

    const refusing: readonly (readonly [string, unknown])[] = [
      ['false', () => false],
      ['a promise of false', async () => false],
      ['undefined', () => undefined],
      ['1', () => 1],
      ["'true'", () => 'true'],
      ['a promise of an object', async () => ({})],
      ['a rejection', () => Promise.reject(new Error('the list cannot be read'))],
      [
        'an error',
        () => {
          throw new Error('the list cannot be read');
        },
      ],
    ];
    for (const [what, validate] of refusing) {
      it(`is refused for ${what}, and does not become nobody`, async () => {
        const url = await listen('memory://desk', {
          clientAuthentication: 'optional',
          validateCertificate: validate as CertificateValidator,
        });
        expect(await connect(url, ada)).to.include({
          code: 'CERTIFICATE_REJECTED',
          reason: 'refused-by-peer',
        });
        expect(events).to.deep.equal(['CERTIFICATE_REJECTED revoked-by-validator']);
      });
    }

    it('is not asked about clients that show none', async () => {
      let asked = false;
      const validateCertificate = () => {
        asked = true;
        return false;
      };
      const url = await listen('memory://desk', { clientAuthentication: 'optional', validateCertificate });
      expect(await connect(url)).to.include({ kind: 'answered' });
      expect(asked).to.equal(false);
    });
  });

  describe('while the server thinks', () => {
    let answers: ((accepted: boolean) => void)[];
    const thinking = (config: NetworkConfig = {}): Promise<string> => {
      answers = [];
      return listen('memory://desk', {
        clientAuthentication: 'required',
        validateCertificate: () => new Promise((resolve) => answers.push(resolve)),
        ...config,
      });
    };

    it('nobody is connected, on either side', async () => {
      const url = await thinking();
      const client = clientWith(ada);
      let started = false;
      const start = client.startClient(url).then(() => {
        started = true;
      });
      await eventually('it is asked', () => answers.length === 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect([started, client.connection, server.clients.size, events]).to.deep.equal([
        false,
        undefined,
        0,
        [],
      ]);
      expect(await codeOf(client.invokeServerRpc('Desk.shout'))).to.equal('CONNECTION_CLOSED');
      answers[0]!(true);
      await start;
      expect(await client.rpc(Desk).open()).to.equal('ada');
      expect(events).to.deep.equal(['connected ada']);
      await client.stop();
    });

    it('the time for the handshake goes on, here and there, and no late answer counts', async () => {
      const url = await thinking({ limits: { handshakeTimeoutMs: 60 } });
      const startedMs = performance.now();
      expect(await connect(url, ada)).to.include({ code: 'HANDSHAKE_FAILED', reason: 'handshake-timeout' });
      expect(performance.now() - startedMs).to.be.within(50, 5000);
      answers[0]!(true);
      await new Promise((resolve) => setImmediate(resolve));
      expect(events).to.deep.equal(['HANDSHAKE_TIMEOUT undefined']);
      expect(server.clients.size).to.equal(0);
    });

    it('the client’s patience is its own', async () => {
      const url = await thinking();
      const outcome = await connect(url, ada, { limits: { handshakeTimeoutMs: 60 } });
      expect(outcome).to.include({ code: 'HANDSHAKE_TIMEOUT' });
      await eventually('the server has heard of it', () => events.length > 0);
      expect(events).to.deep.equal(['HANDSHAKE_FAILED handshake-timeout']);
    });

    it('a client may leave, and its certificate is taken for nobody else', async () => {
      const url = await thinking();
      const leaving = clientWith(ada);
      const start = codeOf(leaving.startClient(url));
      await eventually('it is asked', () => answers.length === 1);
      await leaving.stop();
      expect(await start).to.equal('CONNECTION_CLOSED');
      await eventually('the server has heard of it', () => events.length > 0);
      answers[0]!(true);
      await new Promise((resolve) => setImmediate(resolve));
      expect([server.clients.size, events]).to.deep.equal([0, ['HANDSHAKE_FAILED normal']]);
    });

    it('a server that stops tells those who wait', async () => {
      const url = await thinking();
      const start = connect(url, ada);
      await eventually('it is asked', () => answers.length === 1);
      await server.stop();
      expect(await start).to.include({ code: 'HANDSHAKE_FAILED', reason: 'going-away' });
    });

    it('an answer that outlives its connection counts as half-open, and its validator is told', async () => {
      const signals: AbortSignal[] = [];
      const late: ((accept: boolean) => void)[] = [];
      const url = await listen('tcp://127.0.0.1:0', {
        clientAuthentication: 'required',
        limits: { maxHalfOpenConnections: 2 },
        validateCertificate: (_chain, _hostname, { signal }) => {
          signals.push(signal);
          return new Promise((resolve) => late.push(resolve));
        },
      });
      for (const count of [1, 2]) {
        const leaving = clientWith(ada);
        const start = codeOf(leaving.startClient(url));
        await eventually('it is asked', () => signals.length === count);
        expect(signals.at(-1)!.aborted).to.equal(false);
        await leaving.stop();
        await start;
        await eventually('the server has noticed', () => signals.at(-1)!.aborted);
      }
      expect(await connect(url, ada)).to.include({ reason: 'limit-exceeded' });
      late[0]!(true);
      const again = clientWith(ada);
      const start = again.startClient(url);
      await eventually('it is asked', () => signals.length === 3);
      late[2]!(true);
      await start;
      expect(await again.rpc(Desk).open()).to.equal('ada');
      late[1]!(false);
      await again.stop();
      // Those that were answered in time, or are by now, count for nothing any more.
      const impatient = { limits: { handshakeTimeoutMs: 200 } };
      expect(await connect(url, bob, impatient)).to.include({ code: 'HANDSHAKE_TIMEOUT' });
      expect(await connect(url, bob, impatient)).to.include({ code: 'HANDSHAKE_TIMEOUT' });
      expect(await connect(url, bob, impatient)).to.include({ reason: 'limit-exceeded' });
      await eventually('each was told', () => signals.every(({ aborted }) => aborted));
    });

    it('those who wait are half-open, and no more than may be', async function () {
      this.timeout(20_000);
      const url = await thinking({ keyStretching: { iterations: 1 } });
      const waiting = Array.from({ length: 300 }, () => clientWith(ada));
      const outcomes = waiting.map((client) => outcomeOf(client.startClient(url)));
      await eventually('as many as may are waiting', () => answers.length >= 256, 15_000);
      const refused = (await Promise.all(outcomes.slice(256))).map((outcome) => outcome);
      for (const outcome of refused) {
        expect(outcome).to.include({ code: 'HANDSHAKE_FAILED', reason: 'limit-exceeded' });
      }
      expect(answers).to.have.length(256);
      expect(server.clients.size).to.equal(0);
      for (const answer of answers) answer(true);
      for (const outcome of await Promise.all(outcomes.slice(0, 256))) {
        expect(outcome.kind).to.equal('answered');
      }
      await eventually('they are in', () => server.clients.size === 256);
      await Promise.all(waiting.map((client) => client.stop()));
    });
  });

  describe('in calls', () => {
    it('is told to methods for what is Authenticated alone', async () => {
      const url = await listen('memory://desk', { clientAuthentication: 'required' });
      const client = clientWith(ada);
      await client.startClient(url);
      const desk = client.rpc(Desk);
      expect([
        await desk.shout(),
        await desk.mumble(),
        await desk.sign(),
        await desk.open(),
        await client.invokeServerRpc('Desk.shout', [], { security: Security.Authenticated }),
      ]).to.deep.equal([undefined, undefined, 'ada', 'ada', 'ada']);
      await client.stop();
    });

    it('is asked for by methods that need one: others get UNAUTHENTICATED', async () => {
      const url = await listen('memory://desk', { clientAuthentication: 'optional' });
      const client = clientWith();
      await client.startClient(url);
      const outcome = await outcomeOf(client.rpc(Desk).open());
      expect(outcome).to.include({ code: 'UNAUTHENTICATED' });
      expect(outcome)
        .to.have.nested.property('error.message')
        .that.matches(/needs to know who calls/);
      expect(await client.rpc(Desk).sign()).to.equal(undefined);
      await client.stop();
      expect(events).to.deep.equal(['connected undefined', 'Desk.open UNAUTHENTICATED']);
    });

    it('holds for its own connection alone', async () => {
      const url = await listen('memory://desk', { clientAuthentication: 'optional' });
      const clients = [clientWith(ada), clientWith(), clientWith(bob), clientWith()];
      for (const client of clients) await client.startClient(url);
      for (let round = 0; round < 3; round++) {
        const names = await Promise.all(clients.map((client) => client.rpc(Desk).sign()));
        expect(names).to.deep.equal(['ada', undefined, 'bob', undefined]);
      }
      expect(await codeOf(clients[1]!.rpc(Desk).open())).to.equal('UNAUTHENTICATED');
      // Who connects anew is whoever it then proves to be.
      await clients[0]!.stop();
      await clients[1]!.stop();
      expect(await connect(url)).to.include({ caller: undefined });
      expect(await connect(url, bob)).to.include({ caller: 'bob' });
      for (const client of clients) await client.stop();
    });

    it('of the server is told to the methods of clients', async () => {
      const url = await listen('memory://desk', {});
      const client = clientWith().register(new Pager());
      await client.startClient(url);
      await eventually('the server knows', () => server.clients.size === 1);
      const [peer] = server.clients.values();
      const pager = peer!.rpc<Pager>('Pager');
      expect(await pager.sign()).to.equal(serverName);
      expect(await pager.open()).to.equal(serverName);
      expect(await pager.shout()).to.equal(undefined);
      await client.stop();
    });

    it('of an anonymous server is nobody’s', async () => {
      const off = { signKeyExchange: false };
      const url = await listen('memory://desk', off);
      const client = new NetworkingManager(off).register(new Pager());
      await client.startClient(url);
      await eventually('the server knows', () => server.clients.size === 1);
      const [peer] = server.clients.values();
      expect(await codeOf(peer!.rpc<Pager>('Pager').open())).to.equal('UNAUTHENTICATED');
      expect(client.connection!.identity).to.equal(undefined);
      await client.stop();
    });
  });

  describe('as an identity', () => {
    async function identityOf(certificate: NetworkConfig['certificate']): Promise<PeerIdentity> {
      const url = await listen('memory://desk', { clientAuthentication: 'required' });
      let identity: PeerIdentity | undefined;
      server.on('clientConnected', (peer) => {
        identity = peer.identity;
      });
      await connect(url, certificate);
      await server.stop();
      return identity!;
    }

    it('is read, frozen, and the same each time', async () => {
      const url = await listen('memory://desk', { clientAuthentication: 'required' });
      const client = clientWith(ada);
      await client.startClient(url);
      await eventually('the server knows', () => server.clients.size === 1);
      const [peer] = server.clients.values();
      const identity = peer!.identity!;
      if (identity.kind !== 'certificate') throw new Error(`it is a ${identity.kind}`);
      expect(identity).to.include({ kind: 'certificate', name: 'ada' });
      expect(identity.certificate.der).to.deep.equal(new Uint8Array(clientCertificate('ada').certificate));
      expect(identity.chain).to.deep.equal([identity.certificate]);
      expect(peer!.identity).to.equal(identity);
      expect(Object.isFrozen(identity)).to.equal(true);
      expect(client.connection!.identity).to.include({ kind: 'certificate', name: serverName });
      await client.stop();
      // A listener of clientDisconnected asks who it was.
      expect(peer!.identity).to.equal(identity);
    });

    it('has the common name, or the first name beside it, or none', async () => {
      const made = (options: Partial<Parameters<typeof issueCertificate>[1]>) =>
        credentials(issueCertificate(nodeCrypto, { purpose: 'client', issuer: authority(), ...options }));
      const names = ['pc-7.example', 'pc-8.example'];
      expect((await identityOf(made({ commonName: 'ada', dnsNames: names }))).name).to.equal('ada');
      expect((await identityOf(made({ dnsNames: names }))).name).to.equal('pc-7.example');
      expect((await identityOf(made({ ipAddresses: ['10.0.0.7'] }))).name).to.equal('');
    });
  });
});
