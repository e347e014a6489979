// TLS below tcp:// and ws://: who is let in, what the ends know of one another, and what a stranger can do to a server.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from 'node:net';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import type { TlsClientOptions, TlsServerOptions } from '../../lib/transport/secure-channel.js';
import { TcpTransport } from '../../lib/transport/tcp.js';
import { TlsAcceptor } from '../../lib/transport/tls.js';
import type { TransportConnection } from '../../lib/transport/transport.js';
import { WebSocketTransport } from '../../lib/transport/websocket.js';
import {
  authority,
  clientCertificate,
  credentials,
  serverCertificate,
  serverName,
  strangeAuthority,
} from '../support/authority.js';
import { connectOptions, failure, frameLimits, Recorder, sealwireError, until } from './meeting.js';
import { tlsClient, tlsIdentity, tlsServer } from './tls-ends.js';

const { cert, key } = credentials(serverCertificate());

for (const [scheme, Transport] of [
  ['tls', TcpTransport],
  ['wss', WebSocketTransport],
] as const) {
  describe(`transport/tls: ${scheme}://`, () => {
    const cleanUp: (() => unknown)[] = [];
    let accepted: TransportConnection[];

    async function listen(options: Partial<TlsServerOptions> = {}): Promise<string> {
      accepted = [];
      const listener = await new Transport(`${scheme}://127.0.0.1:0`).listen({
        ...frameLimits,
        accept: (connection) => accepted.push(connection),
        tls: tlsServer(options),
      });
      cleanUp.push(() => listener.close());
      return listener.url;
    }

    async function dial(url: string, options: Partial<TlsClientOptions> = {}, signal?: AbortSignal) {
      const connection = await new Transport(url).connect({
        ...connectOptions(signal),
        tls: tlsClient(options),
      });
      cleanUp.push(() => connection.destroy());
      return connection;
    }

    afterEach(async () => {
      for (const connection of accepted ?? []) connection.destroy();
      for (const clean of cleanUp.splice(0)) await clean();
    });

    it('tells both ends what they share, and nobody else has', async () => {
      const url = await listen({ asksClient: true });
      const ada = clientCertificate('ada');
      const client = await dial(url, { identity: tlsIdentity(ada) });
      const other = await dial(url);
      await until(() => accepted.length === 2);
      const [server, otherServer] = accepted as [TransportConnection, TransportConnection];
      const nothing = new Uint8Array(0);
      const exported = [client, server, other, otherServer].map(({ secure }) =>
        toHex(secure!.exportKey('EXPORTER-spec', 32, nothing)),
      );
      expect(exported[0]).to.equal(exported[1]);
      expect(exported[2]).to.equal(exported[3]);
      expect(exported[0]).to.not.equal(exported[2]);
      expect(toHex(client.secure!.exportKey('EXPORTER-other', 32, nothing))).to.not.equal(exported[0]);
      expect(toHex(client.secure!.exportKey('EXPORTER-spec', 32, Uint8Array.of(1)))).to.not.equal(
        exported[0],
      );
      expect(client.secure!.protocol).to.equal('TLSv1.3');
      expect(client.secure!.cipher).to.match(/^TLS_/);
      expect(client.secure!.peerChain[0]).to.deep.equal(serverCertificate().certificate);
      expect(server.secure!.peerChain.map(toHex)).to.deep.equal([toHex(ada.certificate)]);
      expect(otherServer.secure!.peerChain).to.deep.equal([]);

      client.destroy();
      await until(() => {
        try {
          client.secure!.exportKey('EXPORTER-spec', 32, nothing);
          return false;
        } catch (error) {
          return sealwireError('ENCRYPTION_UNAVAILABLE')(error);
        }
      });
    });

    it('asks for a certificate by name, and for none by address', async () => {
      const asked: string[] = [];
      const identity = tlsIdentity(serverCertificate());
      const url = await listen({
        choose: (name) => {
          asked.push(name);
          return identity;
        },
      });
      await dial(url);
      await dial(url, { serverName: '127.0.0.1', checkServer: () => undefined });
      expect(asked.filter((name) => name !== '')).to.deep.equal([serverName]);
      // One more when the server looks at what it has.
      expect(asked.filter((name) => name === '')).to.have.length(3);
    });

    for (const [what, issuer, expected] of [
      ['a certificate of a root that it does not trust', strangeAuthority, 'untrusted'],
      ['a certificate for another name', authority, 'name-mismatch'],
    ] as const) {
      it(`sends nothing to a server that shows ${what}`, async () => {
        const identity = tlsIdentity(serverCertificate(issuer()));
        const url = await listen({ choose: () => identity });
        const wrong = { ...tlsClient(), serverName };
        const attempt =
          expected === 'untrusted'
            ? dial(url, wrong)
            : dial(url, {
                checkServer: () => {
                  throw Object.assign(new Error('wrong name'), { reason: expected });
                },
              });
        const error = (await failure(attempt)) as Error & { reason?: string };
        expect(error.reason).to.equal(expected);
        // tls:// hands over a connection when TLS is done, wss:// when the upgrade is: nothing came over either.
        for (const connection of accepted) {
          const recorder = Recorder.on(connection);
          await recorder.ended;
          expect(recorder.frames).to.deep.equal([]);
        }
        if (scheme === 'wss') expect(accepted).to.deep.equal([]);
      });
    }

    it('waits for a verdict that takes its time, and refuses by it', async () => {
      const url = await listen();
      let decide: (verdict: Error | undefined) => void = () => undefined;
      const checkServer = () =>
        new Promise<void>((resolve, reject) => {
          decide = (error) => (error ? reject(error) : resolve());
        });
      const first = dial(url, { checkServer });
      await until(() => scheme === 'wss' || accepted.length === 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (scheme === 'wss') expect(accepted).to.have.length(0);
      decide(undefined);
      await first;
      const second = dial(url, { checkServer });
      await new Promise((resolve) => setTimeout(resolve, 20));
      decide(new Error('no'));
      expect((await failure(second)).message).to.equal('no');
    });

    it('is given up when it is told to, in TLS and behind it', async () => {
      const silent = createServer();
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      cleanUp.push(() => silent.close());
      const { port } = silent.address() as AddressInfo;
      for (const url of [`${scheme}://127.0.0.1:${port}`, await listen()]) {
        const giveUp = new AbortController();
        const checkServer = () => new Promise<void>(() => undefined);
        const attempt = dial(url, { checkServer }, giveUp.signal);
        setTimeout(() => giveUp.abort(), 30);
        expect(await failure(attempt)).to.satisfy(sealwireError('CONNECT_FAILED', 'aborted'));
      }
    });

    it('says what is wrong with a server that speaks no TLS, another protocol, or an older version', async () => {
      const plain = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
      const old = createTlsServer({ cert, key, maxVersion: 'TLSv1.2' });
      const other = createTlsServer({ cert, key, ALPNProtocols: ['smtp'] });
      for (const server of [plain, old, other]) {
        server.on('tlsClientError', () => undefined);
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        cleanUp.push(() => server.close());
        const { port } = server.address() as AddressInfo;
        const error = await failure(dial(`${scheme}://127.0.0.1:${port}`));
        expect(error).to.satisfy(sealwireError('CONNECT_FAILED', 'not-sealwire'));
        expect(error.message).to.match(/no TLS 1\.3 handshake with \w+:.*ws:\/\/ or tcp:\/\//);
      }
    });

    it('lives through whatever comes in the place of TLS', async () => {
      const url = await listen();
      const port = Number(new URL(url).port);
      for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x02\x00', '\0'.repeat(5000), '']) {
        const socket = tcpConnect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.end(Buffer.from(bytes, 'latin1'));
        await once(socket, 'close');
      }
      // Older versions Node's own client does not even begin with, from Node 26 on.
      const old = tlsConnect({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', rejectUnauthorized: false });
      expect(String((await once(old, 'error'))[0])).to.include('protocol version');
      const smtp = tlsConnect({
        port,
        host: '127.0.0.1',
        ALPNProtocols: ['smtp'],
        rejectUnauthorized: false,
      });
      expect(String((await once(smtp, 'error'))[0])).to.include('no application protocol');
      await dial(url);
    });

    it('holds 256 handshakes at most, and lets others in when they are over', async () => {
      const url = await listen();
      const port = Number(new URL(url).port);
      const idle: Socket[] = [];
      let cut = 0;
      for (let index = 0; index < 300; index += 1) {
        const socket = tcpConnect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.on('close', () => {
          cut += 1;
        });
        idle.push(socket);
      }
      await until(() => cut === 44);
      expect(await failure(dial(url))).to.satisfy(sealwireError('CONNECT_FAILED'));
      for (const socket of idle) socket.destroy();
      await until(() => cut === 300);
      await until(() => idle.every(({ destroyed }) => destroyed));
      let connection: TransportConnection | undefined;
      for (let attempt = 0; connection === undefined && attempt < 50; attempt += 1)
        connection = await dial(url).catch(() => undefined);
      expect(connection).to.not.equal(undefined);
    });
  });
}

describe('transport/tls', () => {
  it('cuts off whoever does not finish the handshake in time', async () => {
    const acceptor = new TlsAcceptor(tlsServer({ timeoutMs: 50 }), 'sealwire/1');
    const server = createServer((socket) => acceptor.secure(socket, () => undefined));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = tcpConnect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'close');
    server.close();
  });

  // Node's HTTP server keeps its limits on time only where it listens itself, so over TLS whoever asked for nothing stayed for ever.
  describe('behind it, whoever asks for no WebSocket', () => {
    async function listen(timeoutMs?: number) {
      const accepted: TransportConnection[] = [];
      const listener = await new WebSocketTransport('wss://127.0.0.1:0').listen({
        ...frameLimits,
        accept: (connection) => accepted.push(connection),
        tls: tlsServer(timeoutMs === undefined ? {} : { timeoutMs }),
      });
      return { listener, accepted };
    }

    /** Has done its TLS, says this, and nothing else. Resolves to what resolves when it is cut off. */
    async function stranger(url: string, words: string) {
      const { port } = new URL(url.replace('wss:', 'https:'));
      const socket = tlsConnect({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', () => undefined);
      socket.resume();
      await once(socket, 'secureConnect');
      socket.write(words);
      return { cut: new Promise<void>((resolve) => socket.on('close', () => resolve())) };
    }

    const words = ['', 'GET / HTTP/1.1\r\nHost: arena.example\r\n'];

    it('is cut off in time, and nobody else is', async () => {
      const { listener, accepted } = await listen(500);
      const client = await new WebSocketTransport(listener.url).connect({
        ...connectOptions(),
        tls: tlsClient(),
      });
      const strangers = await Promise.all(words.map((said) => stranger(listener.url, said)));
      await Promise.all(strangers.map(({ cut }) => cut));
      const recorder = Recorder.on(client);
      accepted[0]!.open(new Recorder());
      accepted[0]!.send(Uint8Array.of(1));
      await until(() => recorder.frames.length === 1);
      client.destroy();
      await listener.close();
    });

    it('is cut off when the server closes', async () => {
      const { listener } = await listen();
      const strangers = await Promise.all(words.map((said) => stranger(listener.url, said)));
      await listener.close();
      await Promise.all(strangers.map(({ cut }) => cut));
    });
  });

  it('closes the connection when there is no certificate to show', async () => {
    const broken = () => {
      throw new Error('no certificate');
    };
    expect(() => new TlsAcceptor(tlsServer({ choose: broken }), 'sealwire/1')).to.throw('no certificate');
    let asked = 0;
    for (const choose of [
      () => (asked++ === 0 ? tlsIdentity(serverCertificate()) : broken()),
      (name: string) => (name === '' ? tlsIdentity(serverCertificate()) : broken()),
    ]) {
      const acceptor = new TlsAcceptor(tlsServer({ choose }), 'sealwire/1');
      const server = createServer((socket) => acceptor.secure(socket, () => undefined));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const error = await failure(
        new TcpTransport(`tls://127.0.0.1:${port}`).connect({ ...connectOptions(), tls: tlsClient() }),
      );
      expect(error).to.satisfy(sealwireError('CONNECT_FAILED'));
      server.close();
    }
  });

  it('refuses a certificate that TLS can do nothing with, before it listens', async () => {
    const { chain } = tlsIdentity(serverCertificate());
    const { exportKey } = tlsIdentity(clientCertificate('ada'));
    const choose = () => ({ chain, exportKey });
    for (const transport of [
      new TcpTransport('tls://127.0.0.1:0'),
      new WebSocketTransport('wss://127.0.0.1:0'),
    ]) {
      const listening = transport.listen({
        ...frameLimits,
        accept: () => undefined,
        tls: tlsServer({ choose }),
      });
      expect(await failure(listening)).to.satisfy(sealwireError('INVALID_CERTIFICATE'));
    }
  });

  it('cuts off whoever does not finish closing in time', async () => {
    const server = createTlsServer({ cert, key, allowHalfOpen: true, ALPNProtocols: ['sealwire/1'] });
    const held: Socket[] = [];
    server.on('secureConnection', (socket) => held.push(socket.pause()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = await new TcpTransport(`tls://127.0.0.1:${port}`).connect({
      ...connectOptions(),
      tls: tlsClient(),
    });
    const recorder = Recorder.on(connection);
    const begun = performance.now();
    connection.close();
    expect(await recorder.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
    expect(performance.now() - begun).to.be.greaterThan(1000);
    for (const socket of held) socket.destroy();
    server.close();
  });
});
