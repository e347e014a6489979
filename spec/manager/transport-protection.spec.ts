// `protection: 'transport'` under a manager: what both ends, their methods and their events know of it, that all else is as
// over keys of Sealwire's own, and what somebody who ends TLS on the way can do with it: nothing.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { loadIdentity } from '../../lib/certificate/identity.js';
import { Security } from '../../lib/contract/security.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { callContext } from '../../lib/rpc/call-context.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { TcpTransport } from '../../lib/transport/tcp.js';
import type { ServerTransport, TransportConnection } from '../../lib/transport/transport.js';
import { WebSocketTransport } from '../../lib/transport/websocket.js';
import { frameTypes, plainFrame } from '../../lib/wire/frame.js';
import { encodeHelloRequest, encodeTransportHello, messageTypes } from '../../lib/wire/handshake-message.js';
import { type Intercept, startRelay } from '../../samples/tour/relay.js';
import {
  authority,
  clientCertificate,
  credentials,
  serverCertificate,
  serverName,
  strangeAuthority,
} from '../support/authority.js';
import { eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { tlsClient, tlsServer, withTls } from '../transport/tls-ends.js';
import { password, shown } from './fleet.js';
import { nothingLeftBehind } from './left-behind.js';

const ca = authority().pem.certificate;
const certificate = credentials(serverCertificate());

class Vault {
  @Rpc()
  echo(value: unknown): unknown {
    return value;
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  open(): unknown {
    const { security, identity } = callContext();
    return { security, name: identity?.name };
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  mine(): string {
    return callContext().identity!.name;
  }

  @Rpc(Security.Authenticated)
  async *count(to: number): AsyncGenerator<number> {
    for (let index = 0; index < to; index += 1) yield index;
  }
}

describe("manager: protection 'transport'", () => {
  nothingUncaught();
  const cleanUp: (() => unknown)[] = [];
  let events: string[];

  afterEach(async () => {
    for (const clean of cleanUp.splice(0).reverse()) await clean();
  });
  nothingLeftBehind();

  async function listen(config: NetworkConfig = {}, target: string | ServerTransport = 'tls://127.0.0.1:0') {
    events = [];
    const server = new NetworkingManager({ certificate, ...config }).register(new Vault());
    server.on('encryptionEstablished', ({ security }) => events.push(`server ${security.protection}`));
    server.on('encryptionFailed', ({ code, reason }) => events.push(`server ${code} ${reason}`));
    cleanUp.push(() => server.stop({ drainMs: 0 }));
    return { server, url: await server.startServer(target) };
  }

  async function connect(url: string, config: NetworkConfig = {}) {
    const client = new NetworkingManager({ ca, serverName, ...config }).register(new Vault());
    client.on('encryptionEstablished', ({ security }) => events.push(`client ${security.protection}`));
    client.on('encryptionFailed', ({ code, reason }) => events.push(`client ${code} ${reason}`));
    cleanUp.push(() => client.stop());
    const outcome = await outcomeOf(client.startClient(url));
    return { client, ...outcome };
  }

  async function peerOf(server: NetworkingManager): Promise<Peer> {
    await eventually('the client is known', () => server.clients.size === 1);
    return [...server.clients.values()][0]!;
  }

  it('is what both ends, their methods and their events say', async () => {
    const { server, url } = await listen();
    const { client } = await connect(url);
    const peer = await peerOf(server);
    const security = {
      protection: 'transport',
      state: 'secured',
      suite: client.connection!.security.suite,
      group: undefined,
      tls: 'TLSv1.3',
    };
    expect(client.connection!.security).to.deep.equal(security);
    expect(peer.security).to.deep.equal(security);
    expect(security.suite).to.match(/^TLS_/);
    expect(events.sort()).to.deep.equal(['client transport', 'server transport']);
    expect(await client.rpc(Vault).open()).to.deep.equal({ security: 3 });
    expect(await peer.rpc(Vault).open()).to.deep.include({ security: 3 });
    await client.connection!.establishEncryption();
    expect(client.connection!.certificates[0]).to.deep.equal(serverCertificate().certificate);
  });

  it('carries streams, messages of many frames, and signs of life, like any other', async () => {
    const heartbeat = { intervalMs: 20, timeoutMs: 2000 };
    const { server, url } = await listen({ heartbeat });
    const { client } = await connect(url, { heartbeat });
    const big = new Uint8Array(600_000).map((_, index) => index % 251);
    expect(await client.rpc(Vault).echo(big)).to.deep.equal(big);
    let sum = 0;
    for await (const item of client.rpc(Vault).count(100)) sum += item;
    expect(sum).to.equal(4950);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await (await peerOf(server)).rpc(Vault).echo('alive')).to.equal('alive');
  });

  it('gives the same identity as the handshake: to methods, to approvals, and by the same validator', async () => {
    const asked: unknown[] = [];
    const judged: string[] = [];
    const { server, url } = await listen({
      clientAuthentication: 'required',
      ca,
      validateCertificate: (_chain, name, context) => {
        judged.push(`${context.purpose} ${name}`);
        return context.validateDefault();
      },
      approveConnection: ({ identity, connectionData, protection }) => {
        asked.push([identity?.name, connectionData, protection]);
        return { approved: true, data: {} as Peer['data'] };
      },
    });
    const { client } = await connect(url, {
      certificate: credentials(clientCertificate('ada')),
      connectionData: { ticket: 7 },
    });
    expect(asked).to.deep.equal([['ada', { ticket: 7 }, 'transport']]);
    expect(judged).to.deep.equal(['client ']);
    expect(await client.rpc(Vault).mine()).to.equal('ada');
    expect(client.connection!.security.protection).to.equal('transport');
    expect((await peerOf(server)).identity?.name).to.equal('ada');
  });

  it('asks the validator of the client once, and before a byte of Sealwire is said', async () => {
    let checks = 0;
    const { url } = await listen();
    await connect(url, {
      validateCertificate: (_chain, _name, context) => {
        checks += 1;
        return context.validateDefault();
      },
    });
    expect(checks).to.equal(1);
  });

  it('lets a server refuse by its approval, and says why', async () => {
    const { url } = await listen({
      approveConnection: () => ({ approved: false, code: 'FULL', message: 'no room' }),
    });
    expect(await connect(url)).to.include({ code: 'APPROVAL_DENIED', reason: 'FULL' });
  });

  it('satisfies minimumSecurity, and waits for nothing with onDemand', async () => {
    const { url } = await listen({ minimumSecurity: 3 });
    expect((await connect(url, { minimumSecurity: 2 })).kind).to.equal('answered');
    const onDemand = await listen({ encryption: 'onDemand' });
    const { client } = await connect(onDemand.url, { encryption: 'onDemand' });
    expect(client.connection!.security).to.include({ protection: 'transport', state: 'secured' });
    expect(await client.rpc(Vault).open()).to.include({ security: 3 });
  });

  it('needs no agreement on signKeyExchange, which is about a handshake that does not run', async () => {
    const { url } = await listen({ signKeyExchange: false });
    const { client } = await connect(url);
    expect(client.connection!.security.protection).to.equal('transport');
  });

  it('is not there without encryption: then TLS counts for nothing, and what must be protected fails', async () => {
    const { url } = await listen({ enableEncryption: false });
    const { client } = await connect(url, { enableEncryption: false });
    expect(client.connection!.security).to.include({ protection: 'none', tls: 'TLSv1.3' });
    expect(await outcomeOf(client.rpc(Vault).open())).to.include({ code: 'ENCRYPTION_UNAVAILABLE' });
    expect(await connect(url)).to.include({ code: 'HANDSHAKE_FAILED', reason: 'encryption-mismatch' });
  });

  for (const [side, config] of [
    ['client', [{}, { trustSecureTransport: false }]],
    ['server', [{ trustSecureTransport: false }, {}]],
  ] as const) {
    it(`is not there where the ${side} does not let TLS count`, async () => {
      const [serverConfig, clientConfig] = config;
      const { server, url } = await listen({ ...serverConfig, clientAuthentication: 'required', ca });
      const { client } = await connect(url, {
        ...clientConfig,
        certificate: credentials(clientCertificate('ada')),
      });
      expect(client.connection!.security).to.include({
        protection: 'signed',
        group: 'x25519',
        tls: 'TLSv1.3',
      });
      expect((await peerOf(server)).identity?.name).to.equal('ada');
    });
  }

  it('is not there where the server does not let TLS count, which then asks for no certificate in it', async () => {
    const accepted: TransportConnection[] = [];
    const transport = new TcpTransport('tls://127.0.0.1:0');
    const { url } = await listen(
      { trustSecureTransport: false, clientAuthentication: 'optional', ca },
      {
        usesTls: true,
        listen: (options) =>
          transport.listen({
            ...options,
            accept(connection) {
              accepted.push(connection);
              options.accept(connection);
            },
          }),
      },
    );
    await connect(url, { certificate: credentials(clientCertificate('ada')) });
    expect(accepted[0]!.secure).to.deep.include({ askedClient: false, peerChain: [] });
    const { url: open } = await listen({ trustSecureTransport: false });
    expect((await connect(open)).client.connection!.security.protection).to.equal('signed');
  });

  it('is judged here where a transport of the application’s own has not asked', async () => {
    const { url } = await listen();
    const inner = new TcpTransport(url);
    const careless = {
      hostname: inner.hostname,
      connect: (options: Parameters<TcpTransport['connect']>[0]) =>
        inner.connect({ ...options, tls: tlsClient({ checkServer: () => undefined }) }),
    };
    const stranger = new NetworkingManager({ ca: strangeAuthority().pem.certificate, serverName });
    cleanUp.push(() => stranger.stop());
    expect(await outcomeOf(stranger.startClient(careless))).to.include({
      code: 'CERTIFICATE_REJECTED',
      reason: 'untrusted',
    });
    const friend = new NetworkingManager({ ca, serverName });
    cleanUp.push(() => friend.stop());
    await friend.startClient(careless);
    expect(friend.connection!.security.protection).to.equal('transport');
  });

  it('takes credentials, and gives tokens that are bound to the connection, from server to server', async () => {
    const config: NetworkConfig = {
      authenticate: { password },
      tokens: { keys: [{ id: 'one', key: randomBytes(32) }] },
    };
    const first = await listen(config);
    const second = await listen(config, 'wss://127.0.0.1:0');
    const { client } = await connect(first.url, { credentials: () => shown('ada') });
    expect(await client.rpc(Vault).mine()).to.equal('ada');
    await client.moveTo(second.url);
    expect(client.connection!.security.protection).to.equal('transport');
    expect(await client.rpc(Vault).mine()).to.equal('ada');
  });

  describe('over an HTTPS server of the application’s own', () => {
    async function ownServer(config: NetworkConfig = {}) {
      const https = createServer({ ...certificate, minVersion: 'TLSv1.3' });
      https.listen(0, '127.0.0.1');
      await once(https, 'listening');
      cleanUp.push(async () => {
        https.closeAllConnections();
        https.close();
        await once(https, 'close');
      });
      const { port } = https.address() as AddressInfo;
      const { server } = await listen(
        config,
        new WebSocketTransport(`ws://127.0.0.1:${port}`, { server: https }),
      );
      return { server, url: `wss://127.0.0.1:${port}` };
    }

    it('is the same', async () => {
      const { url } = await ownServer();
      const { client } = await connect(url);
      expect(client.connection!.security.protection).to.equal('transport');
    });

    it('is left to the handshake where clients show certificates, since TLS has not asked for them', async () => {
      const { url } = await ownServer({ clientAuthentication: 'required', ca });
      const { client } = await connect(url, { certificate: credentials(clientCertificate('ada')) });
      expect(client.connection!.security.protection).to.equal('signed');
      expect(await client.rpc(Vault).mine()).to.equal('ada');
    });
  });

  describe('with somebody on the way who ends TLS on both sides', () => {
    const { chain, key } = loadIdentity(nodeCrypto, certificate);
    let seen: { from: string; bytes: Uint8Array }[];

    /** The relay has the certificate of the server, as a proxy in front of it has. */
    async function through(url: string, intercept: Intercept): Promise<string> {
      seen = [];
      const tls = { server: tlsServer({ choose: () => identity }), client: tlsClient() };
      const identity = { chain, exportKey: () => key.export() };
      const relay = await startRelay({
        listen: withTls(new TcpTransport('tls://127.0.0.1:0'), tls),
        dial: () => withTls(new TcpTransport(url), tls),
        intercept: (frame) => {
          seen.push(frame);
          return intercept(frame);
        },
      });
      cleanUp.push(() => relay.close());
      return relay.url;
    }

    const hello = (binding: Uint8Array): Uint8Array =>
      plainFrame(frameTypes.handshake, encodeTransportHello({ transport: 2, binding }).bytes);

    it('is the whole handshake, and they read what is in the clear, and no more', async () => {
      const { url } = await listen();
      const { client } = await connect(await through(url, ({ bytes }) => [bytes]));
      expect(client.connection!.security).to.include({ protection: 'signed', tls: 'TLSv1.3' });
      expect(seen.slice(0, 3).map(({ from, bytes }) => [from, bytes[1]])).to.deep.equal([
        ['client', messageTypes.transportHello],
        ['server', messageTypes.helloRequest],
        ['client', messageTypes.clientHello],
      ]);
      const words = (): string => Buffer.concat(seen.map(({ bytes }) => bytes)).toString('latin1');
      expect(words()).to.not.include('Vault');
      await client.rpc(Vault).echo('in the clear');
      await client.invokeServerRpc('Vault.echo', ['well kept'], { security: 3 });
      expect(words()).to.include('in the clear');
      expect(words()).to.not.include('well kept');
    });

    it('fails, with a code on both sides, where they change what is said first', async () => {
      const { url } = await listen();
      const dialled = await through(url, ({ from, index, bytes }) =>
        from === 'client' && index === 0 ? [hello(new Uint8Array(32))] : [bytes],
      );
      expect(await connect(dialled)).to.include({ code: 'HANDSHAKE_FAILED', reason: 'tag' });
      await eventually('both have said so', () => events.length === 2);
      // Only the side that checks knows what was wrong.
      expect(events.sort()).to.deep.equal([
        'client HANDSHAKE_FAILED tag',
        'server HANDSHAKE_FAILED handshake-failed',
      ]);
    });

    it('fails where they answer the client in the place of the server', async () => {
      const answers: [string, () => Uint8Array[]][] = [
        ['unexpected-message', () => [plainHelloFrame()]],
        ['channel-binding', () => [hello(new Uint8Array(32).fill(7))]],
        ['channel-binding', () => [seen[0]!.bytes]],
      ];
      for (const [reason, answer] of answers) {
        const { url } = await listen();
        const dialled = await through(url, ({ from, index, bytes }) =>
          from === 'server' && index === 0 ? answer() : [bytes],
        );
        expect(await connect(dialled)).to.include({ code: 'HANDSHAKE_FAILED', reason });
        await eventually('the server hears of it', () => events.some((event) => event.startsWith('server ')));
        expect(events.join()).to.not.match(/transport|signed/);
        expect(Buffer.concat(seen.map(({ bytes }) => bytes)).toString('latin1')).to.not.include('Vault');
      }
    });

    it('is the whole handshake where they replay what another client said to the server itself', async () => {
      const { url } = await listen();
      const honest: Uint8Array[] = [];
      const direct = withSpy(new TcpTransport(url), honest);
      const first = new NetworkingManager({ ca, serverName });
      cleanUp.push(() => first.stop());
      await first.startClient(direct);
      expect(first.connection!.security.protection).to.equal('transport');
      expect(honest[0]![1]).to.equal(messageTypes.transportHello);
      const dialled = await through(url, ({ from, index, bytes }) =>
        from === 'client' && index === 0 ? [honest[0]!] : [bytes],
      );
      const { kind } = await connect(dialled);
      expect(kind).to.equal('failed');
      expect(seen.filter(({ from }) => from === 'server')[0]!.bytes).to.deep.equal(
        plainFrame(frameTypes.handshake, encodeHelloRequest().bytes),
      );
    });
  });
});

/** What a server of old would say. */
function plainHelloFrame(): Uint8Array {
  const extensions = Uint8Array.of(0, 13, 0, 1, 0, 1, 0, 0, 2, 0, 4, 0, 1, 0, 0);
  const body = Uint8Array.of(0, 1, 2, ...extensions);
  return Uint8Array.of(frameTypes.handshake, messageTypes.plainHello, 0, 0, body.length, ...body);
}

/** Writes down what is sent. */
function withSpy(transport: TcpTransport, sent: Uint8Array[]) {
  return {
    hostname: transport.hostname,
    usesTls: transport.usesTls,
    async connect(options: Parameters<TcpTransport['connect']>[0]): Promise<TransportConnection> {
      const connection = await transport.connect(options);
      const send = connection.send.bind(connection);
      connection.send = (frame) => {
        sent.push(frame.slice());
        send(frame);
      };
      return connection;
    },
  };
}
