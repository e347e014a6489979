// Whom a server lets in, by what the client says of itself: what is asked, what each answer means to either side, what is
// told to whom, for how long it may take, and what is kept about those who are in.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { ApprovalDenied } from '../../lib/base/approval-denied.js';
import { RpcError, type SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import type { ApprovalRequest, ApprovalVerdict, ConnectionApproval } from '../../lib/manager/approval.js';
import { NetworkingManager as BrowserManager } from '../../lib/manager/browser.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { callContext } from '../../lib/rpc/call-context.js';
import type { PeerData } from '../../lib/rpc/peer.js';
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
const everybody = true as unknown as ApprovalVerdict;
/** Specs keep what they like: what a program keeps is typed by the program. */
const kept = (data: object): ApprovalVerdict => ({ approved: true, data: data as PeerData });

class Desk {
  @Rpc(Security.Authenticated)
  data(): unknown {
    return callContext().client.data;
  }

  @Rpc(Security.Authenticated)
  remember(key: string, value: unknown): void {
    Object.assign(callContext().client.data, { [key]: value });
  }

  @Rpc()
  touch(): void {
    touched += 1;
  }
}

let touched = 0;

describe('manager: approval', () => {
  nothingUncaught();
  let server: NetworkingManager;
  /** Clients that specs have started. */
  let clients: NetworkingManager[];
  let events: string[];
  let refusals: [ApprovalRequest, SealwireError][];
  let requests: ApprovalRequest[];

  beforeEach(() => {
    clients = [];
    events = [];
    refusals = [];
    requests = [];
    touched = 0;
  });

  async function listen(
    approve: ConnectionApproval,
    config: NetworkConfig = {},
    url = 'memory://desk',
  ): Promise<string> {
    server = new NetworkingManager({
      certificate: credentials(serverCertificate()),
      approveConnection: (request) => {
        requests.push(request);
        return approve(request);
      },
      ...config,
    }).register(new Desk());
    server.on('clientRefused', (request, error) => {
      refusals.push([request, error]);
      events.push(`refused ${error.code} ${error.reason}`);
    });
    server.on('encryptionFailed', ({ code, reason }) => events.push(`failed ${code} ${reason}`));
    server.on('clientConnected', ({ id }) => events.push(`connected ${id}`));
    server.on('clientDisconnected', ({ id }) => events.push(`gone ${id}`));
    return server.startServer(url);
  }

  function clientWith(config: NetworkConfig = {}): NetworkingManager {
    const client = new NetworkingManager({ ca, serverName, ...config });
    clients.push(client);
    return client;
  }

  async function connected(url: string, config: NetworkConfig = {}): Promise<NetworkingManager> {
    const client = clientWith(config);
    await client.startClient(url);
    return client;
  }

  const attempt = (url: string, config: NetworkConfig = {}): Promise<Outcome> =>
    outcomeOf(clientWith(config).startClient(url));

  async function denied(url: string, config: NetworkConfig = {}): Promise<ApprovalDenied> {
    const outcome = await attempt(url, config);
    if (outcome.kind === 'failed' && outcome.error instanceof ApprovalDenied) return outcome.error;
    throw new Error(`not denied: ${JSON.stringify(outcome)}`);
  }

  afterEach(async () => {
    for (const client of clients) await client.stop();
    await server.stop();
  });
  nothingLeftBehind();

  describe('asks', () => {
    for (const scheme of ['ws', 'tcp', 'memory'] as const) {
      it(`about each client, with what it says, before anything of it runs (${scheme})`, async () => {
        const address = scheme === 'memory' ? 'memory://desk' : `${scheme}://127.0.0.1:0`;
        const url = await listen(() => everybody, {}, address);
        const client = await connected(url, {
          connectionData: { ticket: 7, tags: ['a', new Uint8Array(2)] },
        });
        await client.rpc(Desk).touch();
        expect(requests).to.have.length(1);
        const [request] = requests;
        expect(Object.isFrozen(request)).to.equal(true);
        expect(request!.connectionData).to.deep.equal({ ticket: 7, tags: ['a', new Uint8Array(2)] });
        expect(request).to.include({ id: 1, isHost: false, identity: undefined, protection: 'signed' });
        expect(request!.remoteAddress).to.equal(server.clients.get(1)!.remoteAddress);
        expect(request!.signal.aborted).to.equal(false);
        expect(events).to.deep.equal(['connected 1']);
        await client.stop();
        await eventually('the server knows', () => request!.signal.aborted);
      });
    }

    it('about every value that can be sent, and about a client that says nothing', async () => {
      const url = await listen(() => everybody);
      const values = [
        null,
        false,
        0,
        -1.5,
        2n ** 63n,
        '',
        'é🎮',
        new Uint8Array(3),
        [],
        {},
        [[1], { a: [null] }],
      ];
      for (const connectionData of values) await connected(url, { connectionData });
      await connected(url);
      expect(requests.map(({ connectionData }) => connectionData)).to.deep.equal([...values, undefined]);
    });

    it('with the identity that a client has proved, and not before its certificate is accepted', async () => {
      const url = await listen(() => everybody, { clientAuthentication: 'optional', ca });
      await connected(url, { certificate: credentials(clientCertificate('ada')) });
      await connected(url);
      const stranger = credentials(clientCertificate('ada', strangeAuthority()));
      expect(await attempt(url, { certificate: stranger })).to.include({ reason: 'refused-by-peer' });
      expect(requests.map(({ identity }) => identity?.name)).to.deep.equal(['ada', undefined]);
      expect(events).to.deep.equal(['connected 1', 'connected 2', 'failed CERTIFICATE_REJECTED untrusted']);
    });

    it('behind an asynchronous validator, and not about a client that left meanwhile', async () => {
      const validations: ((accepted: boolean) => void)[] = [];
      const url = await listen(() => everybody, {
        clientAuthentication: 'required',
        validateCertificate: () => new Promise((resolve) => validations.push(resolve)),
      });
      const certificate = credentials(clientCertificate('ada'));
      const entering = connected(url, { certificate });
      await eventually('the certificate is looked at', () => validations.length === 1);
      expect(requests).to.deep.equal([]);
      validations[0]!(true);
      await entering;
      expect(requests).to.have.length(1);

      const leaving = clientWith({ certificate });
      const start = codeOf(leaving.startClient(url));
      await eventually('the certificate is looked at', () => validations.length === 2);
      await leaving.stop();
      await start;
      await eventually('the server knows', () => events.length === 2);
      validations[1]!(true);
      await new Promise((resolve) => setImmediate(resolve));
      expect(requests).to.have.length(1);
    });

    it('where the key exchange is anonymous, and where there is no encryption, with what there is then', async () => {
      const anonymous = { signKeyExchange: false };
      const url = await listen(() => everybody, anonymous);
      await connected(url, { ...anonymous, connectionData: 'ticket' });
      await clients[0]!.stop();
      await server.stop();
      const plain = { enableEncryption: false };
      await listen(({ remoteAddress }) => remoteAddress !== '' && everybody, plain);
      const client = await connected(url, plain);
      expect(await codeOf(client.invokeServerRpc('Desk.touch'))).to.equal('answered');
      expect(requests.map(({ protection, connectionData }) => [protection, connectionData])).to.deep.equal([
        ['anonymous', 'ticket'],
        ['none', undefined],
      ]);
      expect(touched).to.equal(1);
    });

    it('about browsers as well', async () => {
      const url = await listen(({ connectionData }) => connectionData === 'from a page' && everybody);
      const page = new BrowserManager({ ca, serverName, connectionData: 'from a page' });
      await page.startClient(url);
      await page.stop();
      expect(events[0]).to.equal('connected 1');
    });

    it('about the own client of a host, which says and is refused like all others', async () => {
      await listen(({ isHost, connectionData }) => isHost && connectionData === 'me' && kept({ seat: 1 }), {
        connectionData: 'me',
      });
      await server.stop();
      requests.length = 0;
      events.length = 0;
      await server.startHost();
      expect(requests[0]).to.include({ isHost: true, id: 1, connectionData: 'me', protection: 'signed' });
      expect(await server.rpc(Desk).data()).to.deep.equal({ seat: 1 });
      expect(server.hostClient!.data).to.deep.equal({ seat: 1 });
      await server.stop();

      await listen(() => ({ approved: false, code: 'NOT_YOU' }));
      await server.stop();
      expect(await outcomeOf(server.startHost())).to.include({ code: 'APPROVAL_DENIED', reason: 'NOT_YOU' });
      await listen(() => everybody, { enableEncryption: false, connectionData: 'me' });
      await server.stop();
      expect(await codeOf(server.startHost())).to.equal('ENCRYPTION_UNAVAILABLE');
    });
  });

  describe('lets in', () => {
    const accepting: readonly (readonly [string, () => unknown])[] = [
      ['true', () => true],
      ['a promise of true', async () => true],
      ['true after a while', () => new Promise((resolve) => setTimeout(() => resolve(true), 20))],
      ['data', () => ({ approved: true, data: {} })],
      ['a promise of data', async () => ({ approved: true, data: {} })],
    ];
    for (const [what, approve] of accepting) {
      it(`for ${what}`, async () => {
        const client = await connected(await listen(approve as ConnectionApproval));
        expect(await client.rpc(Desk).data()).to.deep.equal({});
        expect(events).to.deep.equal(['connected 1']);
      });
    }
  });

  describe('refuses', () => {
    const refusing: readonly (readonly [string, () => unknown, object])[] = [
      ['false', () => false, { reason: undefined, text: '', data: undefined }],
      ['a promise of false', async () => false, { reason: undefined, text: '', data: undefined }],
      ['approved: false', () => ({ approved: false }), { reason: undefined, text: '', data: undefined }],
      [
        'a code, a message and data',
        () => ({ approved: false, code: 'FULL', message: 'no seat', data: { waiting: [1, 2n ** 60n] } }),
        { reason: 'FULL', text: 'no seat', data: { waiting: [1, 2n ** 60n] } },
      ],
      [
        'an RpcError',
        () => {
          throw new RpcError('BANNED', 'come back on Monday', 3);
        },
        { reason: 'BANNED', text: 'come back on Monday', data: 3 },
      ],
      [
        'a rejection with an RpcError',
        () => Promise.reject(new RpcError('UNAUTHENTICATED', 'which ticket?')),
        { reason: 'UNAUTHENTICATED', text: 'which ticket?', data: undefined },
      ],
      ['data that are null', () => ({ approved: false, data: null }), { text: '', data: null }],
    ];
    for (const [what, approve, told] of refusing) {
      for (const config of [{}, { signKeyExchange: false }, { enableEncryption: false }]) {
        it(`for ${what}, and the client reads it (${Object.keys(config)[0] ?? 'signed'})`, async () => {
          const url = await listen(approve as ConnectionApproval, config);
          const client = clientWith(config);
          const heard: string[] = [];
          client.on('encryptionFailed', () => heard.push('encryptionFailed'));
          client.on('stateChanged', (state, _previous, error) => heard.push(`${state} ${error?.code}`));
          const outcome = await outcomeOf(client.startClient(url));
          const error = (outcome as { error: Error }).error as ApprovalDenied;
          expect(error).to.be.instanceOf(ApprovalDenied);
          expect(error.code).to.equal('APPROVAL_DENIED');
          expect(error.cause).to.equal(undefined);
          expect(error).to.deep.include(told);
          await eventually('the server says so', () => events.length > 0);
          expect(events).to.deep.equal([`refused APPROVAL_DENIED ${error.reason}`]);
          expect(refusals[0]![0]).to.equal(requests[0]);
          expect(heard.at(-1)).to.equal('closed APPROVAL_DENIED');
          expect(heard).to.not.include('encryptionFailed');
          expect([server.clients.size, client.connection]).to.deep.equal([0, undefined]);
        });
      }
    }

    for (const scheme of ['ws', 'tcp'] as const) {
      it(`over sockets, which the reason comes through before they close (${scheme})`, async () => {
        const refusal = {
          approved: false,
          code: 'FULL',
          message: 'x'.repeat(256),
          data: 'y'.repeat(8000),
        } as const;
        const url = await listen(() => refusal, {}, `${scheme}://127.0.0.1:0`);
        const { reason, text, data } = await denied(url, { connectionData: 'z'.repeat(16_000) });
        expect([reason, text, data]).to.deep.equal([refusal.code, refusal.message, refusal.data]);
        await eventually('the server says so', () => events.length > 0);
        expect(events).to.deep.equal(['refused APPROVAL_DENIED FULL']);
      });
    }

    const failing: readonly (readonly [string, () => unknown, RegExp])[] = [
      ['undefined', () => undefined, /gave undefined: return, or promise, true, false/],
      ['a promise of nothing', async () => undefined, /gave undefined/],
      ['null', () => null, /gave null/],
      ['1', () => 1, /gave number/],
      ["'true'", () => 'true', /gave string/],
      ['an empty object', () => ({}), /gave another object/],
      ['approved: 1', () => ({ approved: 1, data: {} }), /another object/],
      [
        'approved without data',
        () => ({ approved: true }),
        /\{ approved: true, data \} with an object as data/,
      ],
      ['approved with data that are no object', () => ({ approved: true, data: 'ada' }), /another object/],
      ['a row that has such a column', () => ({ approved: true, data: {}, name: 'ada' }), /another object/],
      ['a refusal with a reason', () => ({ approved: false, reason: 'full' }), /another object/],
      ['an RpcError that is returned', () => new RpcError('FULL', ''), /another object/],
      ['a code in small letters', () => ({ approved: false, code: 'full' }), /the code of a refusal/],
      ['a message that is no text', () => ({ approved: false, message: 7 }), /the message of a refusal/],
      ['data that cannot be sent', () => ({ approved: false, data: new Map() }), /array of pairs/],
      ['data of 8 KiB', () => ({ approved: false, data: 'x'.repeat(8190) }), /there is room for 8192/],
      ['an error', () => Promise.reject(new Error('the password is swordfish')), /swordfish/],
      [
        'something else that is thrown',
        () => {
          throw 'swordfish';
        },
        /swordfish/,
      ],
    ];
    for (const [what, approve, cause] of failing) {
      it(`for ${what}, and only this side learns why`, async () => {
        const url = await listen(approve as ConnectionApproval);
        const error = await denied(url, { connectionData: 'x' });
        expect(error.reason).to.equal('INTERNAL');
        expect(error.text).to.match(/^it could not decide; its log has the reason, incident [0-9A-Z]{8}$/);
        expect(error.message + String(error.data)).to.not.match(/swordfish|approveConnection/);
        await eventually('the server says so', () => refusals.length > 0);
        const [[, told]] = refusals as [[ApprovalRequest, ApprovalDenied]];
        // The same incident, and what is behind it.
        expect(told.text).to.equal(error.text);
        expect(String((told.cause as Error).message ?? told.cause)).to.match(cause);
        expect(server.clients.size).to.equal(0);
      });
    }

    it('with a text that is cut where it is long, and that commands no terminal', async () => {
      const url = await listen(() => ({ approved: false, message: `${'€'.repeat(254)}\n\u202e1234` }));
      const { text, message } = await denied(url);
      expect(text).to.equal(`${'€'.repeat(254)}\\u{a}…`);
      expect(message).to.include(text);
      await server.stop();
      await listen(() => ({ approved: false, message: '\u001b[2J\u202e' }));
      expect((await denied(url)).text).to.equal('\\u{1b}[2J\\u{202e}');
    });

    it('warns its author once, where nobody listens, of a verdict that is none, and never of what was meant', async () => {
      const warnings: string[] = [];
      const note = (warning: Error & { code?: string }): void => {
        if (warning.code === 'SEALWIRE_APPROVAL') warnings.push(warning.message);
      };
      process.on('warning', note);
      const warnedOf = async (...verdicts: (() => unknown)[]): Promise<string[]> => {
        const approve = (): unknown => verdicts.shift()!();
        const certificate = credentials(serverCertificate());
        server = new NetworkingManager({ certificate, approveConnection: approve as ConnectionApproval });
        const url = await server.startServer('memory://desk');
        while (verdicts.length > 0) await denied(url);
        await server.stop();
        await new Promise((resolve) => setImmediate(resolve));
        return warnings.splice(0);
      };
      const meant = [() => false, () => Promise.reject(new RpcError('FULL', 'no seat'))];
      expect(await warnedOf(...meant)).to.deep.equal([]);
      const [secret, ...more] = await warnedOf(
        ...meant,
        () => Promise.reject(new Error('swordfish')),
        () => undefined,
      );
      expect(secret).to.match(/: approveConnection threw an error\. Listen to clientRefused/);
      expect(more).to.deep.equal([]);
      expect((await warnedOf(() => undefined))[0]).to.match(/: approveConnection gave undefined: return/);
      process.off('warning', note);
    });
  });

  describe('takes its time', () => {
    let answers: ((verdict: unknown) => void)[];
    const thinking = (config: NetworkConfig = {}): Promise<string> => {
      answers = [];
      return listen(() => new Promise((resolve) => answers.push(resolve as () => void)), config);
    };
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

    for (const config of [{}, { enableEncryption: false }]) {
      it(`and nobody is connected until it has (${Object.keys(config)[0] ?? 'signed'})`, async () => {
        const url = await thinking(config);
        const client = clientWith(config);
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
        expect(await codeOf(client.invokeServerRpc('Desk.touch'))).to.equal('CONNECTION_CLOSED');
        answers[0]!(true);
        await start;
        await client.rpc(Desk).touch();
        expect([touched, ...events]).to.deep.equal([1, 'connected 1']);
      });

      it(`within the time for the handshake, and no late yes counts (${Object.keys(config)[0] ?? 'signed'})`, async () => {
        const url = await thinking({ ...config, limits: { handshakeTimeoutMs: 400 } });
        expect(await attempt(url, config)).to.include({
          code: 'HANDSHAKE_FAILED',
          reason: 'handshake-timeout',
        });
        expect(events).to.deep.equal(['refused HANDSHAKE_TIMEOUT undefined']);
        expect(requests[0]!.signal.aborted).to.equal(true);
        answers[0]!(true);
        await turn();
        expect([server.clients.size, events.length]).to.deep.equal([0, 1]);
      });
    }

    it('but the patience of the client is its own', async () => {
      const url = await thinking();
      expect(await attempt(url, { limits: { handshakeTimeoutMs: 400 } })).to.include({
        code: 'HANDSHAKE_TIMEOUT',
      });
      await eventually('the server has heard of it', () => events.length > 0);
      expect(events).to.deep.equal(['failed HANDSHAKE_FAILED handshake-timeout']);
      expect(requests[0]!.signal.aborted).to.equal(true);
    });

    it('and what outlives its connection counts as half-open until it is over', async () => {
      const url = await thinking({ limits: { maxHalfOpenConnections: 1 } });
      const leaving = clientWith();
      const start = codeOf(leaving.startClient(url));
      await eventually('it is asked', () => answers.length === 1);
      await leaving.stop();
      await start;
      await eventually('the server has heard of it', () => events.length > 0);
      expect(await attempt(url)).to.include({ reason: 'limit-exceeded' });
      expect(answers).to.have.length(1);
      answers[0]!(undefined);
      await turn();
      // Nobody is left to be told, and nothing is.
      expect(events).to.deep.equal(['failed HANDSHAKE_FAILED normal']);
      const next = connected(url);
      await eventually('the next one is asked about', () => answers.length === 2);
      answers[1]!(true);
      await next;
    });

    it('and a server that stops tells those who wait', async () => {
      const url = await thinking();
      const start = attempt(url);
      await eventually('it is asked', () => answers.length === 1);
      await server.stop();
      expect(await start).to.include({ code: 'HANDSHAKE_FAILED', reason: 'going-away' });
      expect(requests[0]!.signal.aborted).to.equal(true);
    });
  });

  describe('connectionData', () => {
    it('is asked for anew for each connection, a reconnection too, until it is refused', async () => {
      const url = await listen(({ connectionData }) => connectionData !== 'ticket 3' && everybody);
      let ticket = 0;
      const client = await connected(url, {
        connectionData: async () => `ticket ${++ticket}`,
        reconnect: { initialDelayMs: 1, maxDelayMs: 5 },
      });
      const states: string[] = [];
      client.on('stateChanged', (state, _previous, error) => states.push(`${state} ${error?.code ?? ''}`));
      await server.stop();
      await server.startServer(url);
      await eventually('it is back', () => server.clients.size === 1);
      await server.stop();
      await server.startServer(url);
      await eventually('it is refused', () => client.state === 'closed');
      expect(requests.map(({ connectionData }) => connectionData)).to.deep.equal([
        'ticket 1',
        'ticket 2',
        'ticket 3',
      ]);
      expect(states.at(-1)).to.equal('closed APPROVAL_DENIED');
    });

    it('is asked for only when the server is accepted, and holds what the class declares', async () => {
      let asked = 0;
      const connectionData = (): string => `ticket ${++asked}`;
      const url = await listen(() => everybody, {
        certificate: credentials(serverCertificate(strangeAuthority())),
      });
      expect(await attempt(url, { connectionData })).to.include({ code: 'CERTIFICATE_REJECTED' });
      await server.stop();
      await listen(() => everybody);
      class Elsewhere {
        @Rpc()
        nothing(): void {}
      }
      const expecting = clientWith({ connectionData });
      expecting.rpc(Elsewhere);
      expect(await codeOf(expecting.startClient(url))).to.equal('POLICY_MISMATCH');
      expect([asked, requests.length]).to.deep.equal([0, 0]);
      await connected(url, { connectionData });
      expect([asked, requests[0]!.connectionData]).to.deep.equal([1, 'ticket 1']);
    });

    it('is not asked for when the client was stopped while it looked at the server', async () => {
      const validations: ((accepted: boolean) => void)[] = [];
      let asked = 0;
      const url = await listen(() => everybody);
      const client = clientWith({
        connectionData: () => `ticket ${++asked}`,
        validateCertificate: () => new Promise((resolve) => validations.push(resolve)),
      });
      const start = codeOf(client.startClient(url));
      await eventually('the certificate is looked at', () => validations.length === 1);
      await client.stop();
      expect(await start).to.equal('CONNECTION_CLOSED');
      validations[0]!(true);
      await new Promise((resolve) => setImmediate(resolve));
      expect(asked).to.equal(0);
    });

    it('may be nothing, and null is something', async () => {
      const url = await listen(() => everybody);
      await connected(url, { connectionData: () => undefined });
      await connected(url, { connectionData: () => null });
      expect(requests.map(({ connectionData }) => connectionData)).to.deep.equal([undefined, null]);
    });

    it('has up to 16 KiB, beside a certificate', async () => {
      const url = await listen(() => everybody, { clientAuthentication: 'optional', ca });
      await connected(url, {
        connectionData: new Uint8Array(16_380),
        certificate: credentials(clientCertificate('ada')),
      });
      expect(requests[0]!.connectionData).to.deep.equal(new Uint8Array(16_380));
    });

    const unsendable: readonly (readonly [string, unknown, RegExp])[] = [
      ['a Date in it', { born: new Date() }, /connectionData\.born .*Date/],
      ['one byte too many', new Uint8Array(16_381), /connectionData has 16385 bytes.* room for 16384/],
      ['a symbol', Symbol('x'), /connectionData/],
    ];
    for (const [what, value, message] of unsendable) {
      it(`ends the start with INVALID_CONFIG for ${what}: at once, or when the function gives it`, async () => {
        const url = await listen(() => everybody);
        const atOnce = await attempt('memory://nobody', { connectionData: value as object });
        expect(atOnce).to.include({ code: 'INVALID_CONFIG' });
        expect((atOnce as { error: Error }).error.message).to.match(message);
        const later = await attempt(url, { connectionData: async () => value });
        expect(later).to.include({ code: 'INVALID_CONFIG' });
        expect((later as { error: Error }).error.message).to.match(message);
        await eventually('the server has heard of it', () => events.length > 0);
        expect(events).to.deep.equal(['failed HANDSHAKE_FAILED normal']);
        expect(requests).to.deep.equal([]);
      });
    }

    it('that throws ends the attempt, which is tried again where clients come back', async () => {
      const url = await listen(() => everybody);
      const cause = new Error('the login service is away');
      let fails = true;
      const connectionData = (): string => {
        if (fails) throw cause;
        return 'ticket';
      };
      const outcome = await attempt(url, { connectionData });
      expect(outcome).to.include({ code: 'CONNECT_FAILED', reason: 'connection-data' });
      expect((outcome as { error: Error }).error.cause).to.equal(cause);
      fails = false;
      const client = await connected(url, {
        connectionData,
        reconnect: { initialDelayMs: 1, maxDelayMs: 5 },
      });
      fails = true;
      const errors: unknown[] = [];
      client.on('stateChanged', (_state, _previous, error) => errors.push(error?.reason));
      await server.stop();
      await server.startServer(url);
      await eventually('it has tried', () => errors.includes('connection-data'));
      fails = false;
      await eventually('it is back', () => client.state === 'ready');
    });

    it('that never comes has the time of the handshake, and is told', async () => {
      const url = await listen(() => everybody);
      let signal: AbortSignal | undefined;
      const outcome = await attempt(url, {
        limits: { handshakeTimeoutMs: 400 },
        connectionData: (asked) => {
          ({ signal } = asked);
          return new Promise(() => undefined);
        },
      });
      expect(outcome).to.include({ code: 'HANDSHAKE_TIMEOUT' });
      expect(signal!.aborted).to.equal(true);
      expect(requests).to.deep.equal([]);
    });

    it('without encryption ends the start before anybody is dialled, whatever it is', async () => {
      const url = await listen(() => everybody, { enableEncryption: false });
      let asked = false;
      for (const connectionData of ['x', null, () => (asked = true)]) {
        expect(await attempt(url, { enableEncryption: false, connectionData })).to.include({
          code: 'ENCRYPTION_UNAVAILABLE',
        });
      }
      await new Promise((resolve) => setImmediate(resolve));
      expect([asked, events, requests]).to.deep.equal([false, [], []]);
    });

    it('may be said to a server that asks nobody', async () => {
      server = new NetworkingManager({ certificate: credentials(serverCertificate()) }).register(new Desk());
      const client = await connected(await server.startServer('memory://desk'), { connectionData: 'x' });
      expect(await client.rpc(Desk).data()).to.deep.equal({});
    });
  });

  describe('data', () => {
    it('is what the approval gave, itself, for each connection its own, and for server code to change', async () => {
      const given = [{ name: 'ada' }, { name: 'bob' }];
      const url = await listen(({ id }) => kept(given[id - 1]!));
      const [ada, bob] = [await connected(url), await connected(url)];
      expect(server.clients.get(1)!.data).to.equal(given[0]);
      await ada.rpc(Desk).remember('score', 7);
      expect(await ada.rpc(Desk).data()).to.deep.equal({ name: 'ada', score: 7 });
      expect(await bob.rpc(Desk).data()).to.deep.equal({ name: 'bob' });
      const peer = server.clients.get(2)!;
      peer.data = { name: 'eve' } as unknown as PeerData;
      expect(await bob.rpc(Desk).data()).to.deep.equal({ name: 'eve' });
      await bob.stop();
      await eventually('it is gone', () => events.includes('gone 2'));
      expect(peer.data).to.deep.equal({ name: 'eve' });
    });

    it('is there for listeners of clientConnected', async () => {
      const url = await listen(() => kept({ name: 'ada' }));
      let seen: unknown;
      server.on('clientConnected', ({ data }) => {
        seen = data;
      });
      await connected(url);
      await eventually('the server knows', () => seen !== undefined);
      expect(seen).to.deep.equal({ name: 'ada' });
    });

    it('is nothing where nobody is asked, and on clients their own', async () => {
      const url = await listen(() => kept({ secret: 'x' }));
      const client = await connected(url);
      expect(client.connection!.data).to.deep.equal({});
      Object.assign(client.connection!.data, { mine: 1 });
      expect(await client.rpc(Desk).data()).to.deep.equal({ secret: 'x' });
    });
  });
});
