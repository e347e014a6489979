// Starting and stopping, in every order that a program may come up with. Nothing may be left after stop().

import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { MemoryTransport } from '../../lib/transport/memory.js';
import type { ClientTransport, ServerTransport, TransportConnection } from '../../lib/transport/transport.js';
import { WebSocketTransport } from '../../lib/transport/websocket.js';
import { authority, serverCertificate, serverName } from '../support/authority.js';
import { schemes, startPair, startUnconnected } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { alive, nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const { certificate: cert, key } = serverCertificate().pem;
const newServer = (): NetworkingManager => new NetworkingManager({ certificate: { cert, key } });
const newClient = (): NetworkingManager =>
  new NetworkingManager({ ca: authority().pem.certificate, serverName });

describe('manager: life cycle', () => {
  nothingUncaught();
  nothingLeftBehind();

  for (const scheme of ['ws', 'tcp'] as const) {
    it(`resolves port 0 to the port that it listens on, and lets go of it (${scheme})`, async () => {
      const server = newServer().register(new Ping());
      const url = await server.startServer(`${scheme}://127.0.0.1:0`);
      expect(url).to.match(new RegExp(`^${scheme}://127\\.0\\.0\\.1:[1-9][0-9]*$`));
      const client = newClient();
      await client.startClient(url);
      expect(await client.rpc(Ping).ping()).to.equal('pong');
      await client.stop();
      await server.stop();
      expect(await outcomeOf(client.startClient(url))).to.include({
        code: 'CONNECT_FAILED',
        reason: 'refused',
      });
      // The very same port, at once.
      expect(await server.startServer(url)).to.equal(url);
      await server.stop();
    });

    it(`fails with LISTEN_FAILED on a busy port, and can be started elsewhere then (${scheme})`, async () => {
      const blocker = createTcpServer();
      await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
      const { port } = blocker.address() as { port: number };
      const server = newServer();
      expect(await codeOf(server.startServer(`${scheme}://127.0.0.1:${port}`))).to.equal('LISTEN_FAILED');
      expect([...server.clients]).to.deep.equal([]);
      expect(await server.startServer(`${scheme}://127.0.0.1:0`)).to.include(scheme);
      await server.stop();
      await new Promise((resolve) => blocker.close(resolve));
    });

    it(`fails with CONNECT_FAILED where nobody listens, and can be started again (${scheme})`, async () => {
      const server = newServer();
      const url = await server.startServer(`${scheme}://127.0.0.1:0`);
      await server.stop();
      const client = newClient();
      const events: string[] = [];
      for (const name of ['disconnected', 'encryptionFailed'] as const)
        client.on(name, () => events.push(name));
      expect(await outcomeOf(client.startClient(url))).to.include({
        code: 'CONNECT_FAILED',
        reason: 'refused',
      });
      await server.startServer(url);
      await client.startClient(url);
      await client.stop();
      await server.stop();
      expect(events).to.deep.equal(['disconnected']);
    });
  }

  for (const scheme of schemes) {
    it(`restarts both sides as often as one likes (${scheme})`, async () => {
      const { server, client, url, stop } = await startUnconnected({ scheme, services: [new Ping()] });
      const ids: number[] = [];
      server.on('clientConnected', ({ id }) => ids.push(id));
      for (let round = 0; round < 3; round++) {
        if (round > 0) await server.startServer(url);
        await client.startClient(url);
        expect(await client.rpc(Ping).secret()).to.equal(3);
        await client.stop();
        await client.startClient(url);
        expect(await client.rpc(Ping).ping(round)).to.equal(round);
        // In both orders.
        if (round === 1) await client.stop();
        await server.stop();
        await client.stop();
        expect(client.connection).to.equal(undefined);
      }
      await stop();
      expect(ids).to.deep.equal([1, 2, 1, 2, 1, 2]);
    });

    it(`stops in whatever order, with calls pending both ways, and nothing is left at once (${scheme})`, async () => {
      for (const order of ['client', 'server', 'both', 'server disconnects', 'client disconnects'] as const) {
        const before = await alive();
        const clientPing = new Ping();
        const serverPing = new Ping();
        const { server, client, peer } = await startPair({
          scheme,
          services: [serverPing],
          clientServices: [clientPing],
        });
        const calls = [client.rpc(Ping).hang(), peer.rpc(Ping).hang(), client.rpc(Ping).hang()].map(codeOf);
        await eventually('all run', () => serverPing.contexts.length + clientPing.contexts.length === 3);
        if (order === 'client') await client.stop();
        if (order === 'server') await server.stop({ drainMs: 0 });
        if (order === 'server disconnects') peer.disconnect();
        if (order === 'client disconnects') client.connection!.disconnect();
        if (order.startsWith('server'))
          await eventually('the client notices', () => client.connection === undefined);
        if (order.startsWith('client'))
          await eventually('the server notices', () => server.clients.size === 0);
        await Promise.all([server.stop({ drainMs: 0 }), client.stop()]);
        expect(await alive(), order).to.equal(before);
        expect(await Promise.all(calls), order).to.deep.equal(Array.from(calls, () => 'CONNECTION_CLOSED'));
        expect(
          [...serverPing.contexts, ...clientPing.contexts].every(({ signal }) => signal.aborted),
        ).to.equal(true);
      }
    });

    it(`tells clients that a server stops: going-away (${scheme})`, async () => {
      const { server, client, stop } = await startPair({ scheme });
      const reasons: unknown[] = [];
      client.on('disconnected', ({ code, reason }) => reasons.push(code, reason));
      await server.stop();
      await eventually('the client has heard', () => reasons.length > 0);
      expect(reasons).to.deep.equal(['CONNECTION_CLOSED', 'going-away']);
      await stop();
    });
  }

  it('refuses a second start in any role, and the first goes on', async () => {
    const { server, client, url, connect, stop } = await startUnconnected({
      scheme: 'memory',
      services: [new Ping()],
      server: { ca: authority().pem.certificate, serverName },
    });
    await connect();
    for (const [start, what] of [
      [() => server.startServer('memory://second'), 'server, server'],
      [() => server.startClient(url), 'server, client'],
      [() => client.startClient(url), 'client, client'],
    ] as const) {
      const outcome = await outcomeOf(start());
      expect(outcome, what).to.include({ kind: 'failed', code: 'INVALID_STATE' });
      expect(outcome).to.have.nested.property('error.message').that.includes('stop() it first');
    }
    expect(await client.rpc(Ping).ping()).to.equal('pong');
    const nobody = newClient();
    expect(await codeOf(nobody.startClient('memory://second'))).to.equal('CONNECT_FAILED');
    await stop();
  });

  it('refuses a second start while the first is on its way', async () => {
    const { client, url, stop } = await startUnconnected({ scheme: 'tcp' });
    const [first, second] = await Promise.all([
      codeOf(client.startClient(url)),
      codeOf(client.startClient(url)),
    ]);
    expect([first, second]).to.deep.equal(['answered', 'INVALID_STATE']);
    await stop();
  });

  it('refuses services after the start, takes them again after the stop', async () => {
    const { server, client, url, stop } = await startUnconnected({ scheme: 'memory' });
    expect(() => server.register(new Ping()))
      .to.throw(SealwireError)
      .with.property('code', 'INVALID_STATE');
    await server.stop();
    server.register(new Ping()).register('game.Ping-2', new Ping());
    await server.startServer(url);
    await client.startClient(url);
    expect(() => client.register(new Ping()))
      .to.throw(SealwireError)
      .with.property('code', 'INVALID_STATE');
    expect(await client.rpc(Ping).ping(1)).to.equal(1);
    expect(await client.rpc<Ping>('game.Ping-2').ping(2)).to.equal(2);
    await stop();
  });

  for (const [what, args, message] of [
    ['a class', [Ping], /register\(new Arena\(\)\)/],
    ['nothing', [undefined], /takes an instance/],
    ['a name alone', ['Ping'], /takes an instance/],
    ['a class behind a name', ['Ping', Ping], /takes an instance/],
    ['an object without RPCs', [{ ping: () => 1 }], /has no RPC/],
    ['an object of no class', [Object.create(null)], /the service name ""/],
    ['a name that is none', ['my service', new Ping()], /the service name "my service"/],
  ] as const) {
    it(`refuses ${what} as a service`, () => {
      const register = newServer().register as (...args: unknown[]) => unknown;
      expect(() => register.apply(newServer(), [...args]))
        .to.throw(SealwireError, message)
        .with.property('code', 'INVALID_RPC');
    });
  }

  it('refuses a name that is taken', () => {
    const server = newServer().register(new Ping());
    expect(() => server.register(new Ping())).to.throw(SealwireError, /registered already/);
    expect(() => server.register('Ping', new Ping())).to.throw(SealwireError, /registered already/);
  });

  it('stops what was never started, what has stopped, and what is stopping', async () => {
    const { server, client, stop } = await startPair({ scheme: 'tcp' });
    await newServer().stop();
    await Promise.all([server.stop(), server.stop(), client.stop(), client.stop()]);
    await Promise.all([server.stop(), client.stop()]);
    await stop();
  });

  for (const scheme of schemes) {
    it(`stops in the middle of connecting, at any moment (${scheme})`, async () => {
      const { server, client, url, stop } = await startUnconnected({ scheme, services: [new Ping()] });
      const outcomes = new Set<string>();
      for (let turns = 0; turns < 30; turns++) {
        const start = codeOf(client.startClient(url));
        for (let turn = 0; turn < turns; turn++) {
          await (turn % 3 === 2 ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve)));
        }
        await client.stop();
        outcomes.add(await start);
        expect(client.connection).to.equal(undefined);
      }
      for (const outcome of outcomes)
        expect(outcome).to.be.oneOf(['answered', 'CONNECT_FAILED', 'CONNECTION_CLOSED']);
      expect(outcomes.size).to.be.greaterThan(1);
      await eventually('the server is rid of all of them', () => server.clients.size === 0);
      await client.startClient(url);
      expect(await client.rpc(Ping).ping()).to.equal('pong');
      await stop();
    });
  }

  it('stops between the moment a transport has connected and the moment the manager hears of it', async () => {
    const { client, url, stop } = await startUnconnected({ scheme: 'memory' });
    const memory = new MemoryTransport(url);
    let stopped: Promise<void> | undefined;
    const transport: ClientTransport = {
      hostname: undefined,
      async connect(options) {
        const connection = await memory.connect(options);
        stopped = client.stop();
        return connection;
      },
    };
    expect(await outcomeOf(client.startClient(transport))).to.include({
      code: 'CONNECT_FAILED',
      reason: 'aborted',
    });
    await stopped;
    expect(client.connection).to.equal(undefined);
    await stop();
  });

  it('stops while it starts to listen: then it does not listen', async () => {
    for (const url of ['tcp://127.0.0.1:0', 'ws://127.0.0.1:0', 'memory://starting']) {
      const server = newServer();
      const start = codeOf(server.startServer(url));
      await server.stop();
      expect(await start).to.equal('LISTEN_FAILED');
      await server.startServer(url);
      await server.stop();
    }
  });

  it('gives up dialling through a transport that takes no notice, and closes what that brings later', async () => {
    for (const reason of ['timeout', 'aborted']) {
      let bring: (connection: TransportConnection) => void = () => undefined;
      let destroyed = 0;
      const deaf: ClientTransport = {
        hostname: undefined,
        connect: () =>
          new Promise((resolve) => {
            bring = resolve;
          }),
      };
      const handshakeTimeoutMs = reason === 'timeout' ? 30 : 10_000;
      const client = new NetworkingManager({ signKeyExchange: false, limits: { handshakeTimeoutMs } });
      const outcome = outcomeOf(client.startClient(deaf));
      if (reason === 'aborted') await client.stop();
      expect(await outcome).to.include({ code: 'CONNECT_FAILED', reason });
      await client.stop();
      bring({ destroy: () => destroyed++ } as unknown as TransportConnection);
      await eventually('it is closed', () => destroyed === 1);
    }
  });

  it('gives up dialling at limits.handshakeTimeoutMs', async () => {
    // Accepts, and says nothing at all.
    const silent = createTcpServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const sockets: { destroy(): void }[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    for (const [scheme, code] of [
      ['ws', 'CONNECT_FAILED'],
      ['tcp', 'HANDSHAKE_TIMEOUT'],
    ] as const) {
      const client = new NetworkingManager({
        validateCertificate: () => true,
        limits: { handshakeTimeoutMs: 60 },
      });
      const startedMs = performance.now();
      const outcome = await outcomeOf(client.startClient(`${scheme}://127.0.0.1:${port}`));
      expect(outcome).to.include({ kind: 'failed', code });
      if (scheme === 'ws') expect(outcome).to.include({ reason: 'timeout' });
      expect(performance.now() - startedMs).to.be.within(50, 5000);
      for (const socket of sockets.splice(0)) socket.destroy();
      await client.stop();
    }
    await new Promise((resolve) => silent.close(resolve));
  });

  it('closes what it dialled when its crypto backend fails', async () => {
    const { url, stop, server } = await startUnconnected({ scheme: 'tcp' });
    const broken = Object.assign(Object.create(nobleCrypto) as typeof nobleCrypto, {
      x25519KeyPair() {
        throw new SealwireError('INTERNAL', 'no random numbers left');
      },
    });
    const client = new NetworkingManager({ ca: authority().pem.certificate, crypto: broken });
    expect(await codeOf(client.startClient(url))).to.equal('INTERNAL');
    await client.stop();
    expect(server.clients.size).to.equal(0);
    await stop();
  });

  describe('with a transport that takes its time to close', () => {
    /** The receiver hears of the end a while after it has come. */
    function slowly(connection: TransportConnection, ends: string[]): TransportConnection {
      return {
        kind: connection.kind,
        remoteAddress: connection.remoteAddress,
        get bufferedBytes() {
          return connection.bufferedBytes;
        },
        drained: (belowBytes) => connection.drained(belowBytes),
        open: (receiver) =>
          connection.open({
            frame: (frame) => receiver.frame(frame),
            closed: (error) =>
              void setTimeout(() => {
                ends.push('closed');
                receiver.closed(error);
              }, 40),
          }),
        send: (frame) => connection.send(frame),
        setMaxFrameBytes: (bytes) => connection.setMaxFrameBytes(bytes),
        close: () => connection.close(),
        destroy: () => connection.destroy(),
      };
    }

    /** Slow from its connection `from` on. */
    function slowServer(name: string, ends: string[], from = 0): ServerTransport {
      const memory = new MemoryTransport(name);
      let count = 0;
      return {
        listen: ({ accept, ...options }) =>
          memory.listen({
            ...options,
            accept: (connection) => accept(count++ < from ? connection : slowly(connection, ends)),
          }),
      };
    }

    it('waits for it in a client whose connection the server has ended', async () => {
      const ends: string[] = [];
      const { server, client, url, stop } = await startUnconnected({ scheme: 'memory' });
      const memory = new MemoryTransport(url);
      await client.startClient({
        hostname: undefined,
        connect: async (options) => slowly(await memory.connect(options), ends),
      });
      await eventually('it is in', () => server.clients.size === 1);
      server.clients.get(1)!.disconnect();
      await eventually('the client notices', () => client.connection === undefined);
      expect(ends).to.deep.equal([]);
      await client.stop();
      expect(ends).to.deep.equal(['closed']);
      await stop();
    });

    it('waits for it in a server whose client has ended the connection', async () => {
      const ends: string[] = [];
      const server = newServer();
      const url = await server.startServer(slowServer('memory://slow', ends));
      const client = newClient();
      await client.startClient(url);
      await eventually('it is in', () => server.clients.size === 1);
      client.connection!.disconnect();
      await eventually('the server notices', () => server.clients.size === 0);
      expect(ends).to.deep.equal([]);
      await server.stop();
      expect(ends).to.deep.equal(['closed']);
      await client.stop();
    });

    it('waits for it in a server that has refused a connection', async () => {
      const ends: string[] = [];
      const server = new NetworkingManager({ certificate: { cert, key }, limits: { maxConnections: 1 } });
      const url = await server.startServer(slowServer('memory://slow', ends, 1));
      const [first, second] = [newClient(), newClient()];
      await first.startClient(url);
      expect(await codeOf(second.startClient(url))).to.equal('HANDSHAKE_FAILED');
      expect(ends).to.deep.equal([]);
      await server.stop();
      expect(ends).to.deep.equal(['closed']);
      await Promise.all([first.stop(), second.stop()]);
    });
  });

  it('takes transport objects in place of URLs', async () => {
    const server = newServer().register(new Ping());
    const url = await server.startServer(new WebSocketTransport('ws://127.0.0.1:0/arena'));
    expect(url).to.match(/\/arena$/);
    const client = newClient();
    await client.startClient(new WebSocketTransport(url));
    expect(await client.rpc(Ping).secret()).to.equal(3);
    await client.stop();
    await server.stop();
  });

  it('shares an HTTP server, which stays the program’s own', async () => {
    const web = createServer((_request, response) => response.end('a page'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const { port } = web.address() as { port: number };
    const server = newServer().register(new Ping());
    const url = await server.startServer(new WebSocketTransport('ws://127.0.0.1/arena', { server: web }));
    expect(url).to.equal(`ws://127.0.0.1:${port}/arena`);
    const client = newClient();
    await client.startClient(url);
    expect(await client.rpc(Ping).secret()).to.equal(3);
    await client.stop();
    await server.stop();
    expect(web.listening).to.equal(true);
    expect(await outcomeOf(client.startClient(url))).to.include({ code: 'CONNECT_FAILED' });
    const closed = new Promise((resolve) => web.close(resolve));
    web.closeAllConnections();
    await closed;
  });

  it('ends with the listener that was made for it, whatever comes in then', async () => {
    let accept: Parameters<ServerTransport['listen']>[0]['accept'] | undefined;
    const memory = new MemoryTransport('memory://late');
    const server = newServer();
    await server.startServer({
      listen: (options) => {
        accept = options.accept;
        return memory.listen(options);
      },
    });
    await server.stop();
    // A connection that was on its way: it is told, and closed.
    const other = await memory.listen({
      maxFrameBytes: 65_536,
      maxFrameBytesLater: 65_536,
      accept: (late) => accept!(late),
    });
    expect(await outcomeOf(newClient().startClient('memory://late'))).to.include({
      code: 'HANDSHAKE_FAILED',
      reason: 'going-away',
    });
    await other.close();
  });
});
