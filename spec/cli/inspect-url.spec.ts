// `cert inspect URL`: servers of TLS and of Sealwire, willing, unwilling and silent.

import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { type IssuedCertificate, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { freshConsole } from './console.js';

describe('sealwire cert inspect: servers', () => {
  const console = freshConsole();
  let root: IssuedCertificate;
  let middle: IssuedCertificate;
  let leaf: IssuedCertificate;
  const closing: (() => unknown)[] = [];

  before(() => {
    root = issueCertificate(nodeCrypto, { commonName: 'Root', ca: true });
    middle = issueCertificate(nodeCrypto, { commonName: 'Middle', ca: true, issuer: root });
    leaf = issueCertificate(nodeCrypto, { dnsNames: ['game.example', 'localhost'], issuer: middle });
  });
  beforeEach(() => console().write('ca.pem', root.pem.certificate));
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  const inspect = (...args: string[]) =>
    console().run(['cert', 'inspect', ...args, '--ca', 'ca.pem', '--timeout', '2']);

  async function sealwireServer(
    scheme: string,
    config: object = {},
  ): Promise<{ url: string; server: NetworkingManager }> {
    const certificate = { cert: leaf.pem.certificate, key: leaf.pem.key };
    const server = new NetworkingManager({ certificate, ...config });
    closing.push(() => server.stop());
    return { url: await server.startServer(`${scheme}://127.0.0.1:0`), server };
  }

  /** Listens, and cuts whoever is connected at the end. */
  async function listening(server: Server): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  for (const scheme of ['ws', 'tcp']) {
    it(`takes the chain of a Sealwire server over ${scheme}:, and leaves in peace`, async () => {
      const { url, server } = await sealwireServer(scheme);
      const seen: string[] = [];
      server.on('clientConnected', () => seen.push('connected'));
      server.on('encryptionFailed', ({ code }) => seen.push(code));
      const { exitCode, stdout, stderr } = await inspect(url);
      expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' });
      expect(stdout).to.include(`${url} (Sealwire handshake): 2 certificates`);
      expect(stdout).to.include('game.example  <-  Middle  <-  Root').and.include('127.0.0.1 was dialled');
      expect((await inspect(url, '--name', 'game.example')).stdout).to.include(
        'certificate for game.example',
      );
      const other = await inspect(url, '--name', 'other.example');
      expect(other.exitCode).to.equal(3);
      expect(other.stdout).to.include('name-mismatch');
      expect(server.clients.size).to.equal(0);
      await server.stop();
      // The server hears of a client that went away during the handshake, and of no client.
      expect(seen).to.have.length(3);
      expect(seen).to.not.include('connected');
    });
  }

  it('asks a server with several certificates by name', async () => {
    const other = issueCertificate(nodeCrypto, { dnsNames: ['other.example'], issuer: root });
    const certificate = [leaf, other].map(({ pem }) => ({ cert: pem.certificate, key: pem.key }));
    const { url } = await sealwireServer('tcp', { certificate });
    expect((await inspect(url, '--name', 'other.example')).stdout).to.include('other.example  <-  Root');
    expect((await inspect(url, '--name', 'game.example')).stdout).to.include('game.example  <-  Middle');
  });

  for (const scheme of ['https', 'wss', 'tls']) {
    it(`takes the chain of a TLS server by ${scheme}:, just as it was sent`, async () => {
      const tls = createTlsServer({ cert: leaf.pem.certificate, key: leaf.pem.key });
      tls.on('tlsClientError', () => {});
      const url = `${scheme}://127.0.0.1:${await listening(tls)}`;
      const { exitCode, stdout } = await inspect(url);
      expect(exitCode).to.equal(0);
      expect(stdout)
        .to.include('(TLS handshake): 2 certificates')
        .and.include('game.example  <-  Middle  <-  Root');
      const json = JSON.parse((await inspect(url, '--name', 'localhost', '--json')).stdout) as object;
      expect(json).to.have.nested.property('verdict.accepted', true);
      expect(json).to.include({ source: url, hostname: 'localhost' });
    });
  }

  it('sends the name that it was given, and no address, to a TLS server', async () => {
    const tls = createTlsServer({ cert: leaf.pem.certificate, key: leaf.pem.key });
    tls.on('tlsClientError', () => {});
    const url = `tls://127.0.0.1:${await listening(tls)}`;
    for (const [args, name] of [
      [[url], false],
      [[url, '--name', 'game.example'], 'game.example'],
    ] as const) {
      const asked = new Promise<unknown>((resolve) =>
        tls.once('secureConnection', (socket: { servername?: string | false }) => resolve(socket.servername)),
      );
      expect((await inspect(...args)).exitCode).to.equal(0);
      expect(await asked).to.equal(name);
    }
  });

  it('shows a chain that nobody else would take', async () => {
    const expired = issueCertificate(nodeCrypto, {
      dnsNames: ['old.example'],
      keyKind: 'ed25519',
      notBefore: new Date('2020-01-01'),
      notAfter: new Date('2020-02-01'),
    });
    const tls = createTlsServer({ cert: expired.pem.certificate, key: expired.pem.key });
    const { exitCode, stdout } = await inspect(`tls://127.0.0.1:${await listening(tls)}`);
    expect(exitCode).to.equal(3);
    expect(stdout).to.include('old.example').and.include('7 years ago').and.include('refused as a server');
  });

  it('speaks with a TLS server that modern clients turn away', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    const tls = createTlsServer({ cert: leaf.pem.certificate, key: leaf.pem.key, ...old });
    const { exitCode, stderr } = await inspect(`tls://127.0.0.1:${await listening(tls)}`);
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' });
  });

  it('takes the chain of servers that want a certificate of the client', async () => {
    const pem = { cert: leaf.pem.certificate, key: leaf.pem.key };
    const tls = createTlsServer({
      ...pem,
      requestCert: true,
      rejectUnauthorized: true,
      ca: root.pem.certificate,
    });
    tls.on('tlsClientError', () => {});
    expect((await inspect(`tls://127.0.0.1:${await listening(tls)}`)).exitCode).to.equal(0);
  });

  it('says what kind of server it is that shows no certificate', async () => {
    for (const [config, message] of [
      [{ enableEncryption: false, certificate: undefined }, 'has encryption off (enableEncryption)'],
      [{ signKeyExchange: false, certificate: undefined }, 'does not sign (signKeyExchange)'],
    ] as const) {
      const { url } = await sealwireServer('tcp', config);
      const { exitCode, stdout, stderr } = await inspect(url);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: '' });
      expect(stderr).to.include(message).and.include('shows no certificate');
    }
  });

  it('says what is at the other end where it is nothing of the kind', async () => {
    const http = await listening(createHttpServer((_request, response) => response.end('hello')));
    const { url: ws } = await sealwireServer('ws');
    const tlsPort = await listening(createTlsServer({ cert: leaf.pem.certificate, key: leaf.pem.key }));
    const closed = createServer();
    const closedPort = await listening(closed);
    await new Promise((resolve) => closed.close(resolve));
    for (const [url, message] of [
      [`ws://127.0.0.1:${http}`, 'seems to be no Sealwire server'],
      [`https://127.0.0.1:${http}`, 'no TLS handshake with'],
      [ws.replace('ws:', 'wss:'), 'is inspected by its own URL: ws:// or tcp://'],
      [`ws://127.0.0.1:${tlsPort}`, 'what speaks TLS is inspected as https://'],
      [`ws://127.0.0.1:${closedPort}`, 'nothing listens at'],
      [`tls://127.0.0.1:${closedPort}`, 'nothing listens at'],
      ['tls://nobody.invalid', 'is not known: check its name'],
    ] as const) {
      const { exitCode, stdout, stderr } = await inspect(url);
      expect({ exitCode, stdout }, url).to.deep.equal({ exitCode: 1, stdout: '' });
      expect(stderr, url).to.include(message);
    }
  });

  it('waits for a silent server no longer than it was told', async () => {
    const port = await listening(createServer(() => {}));
    const waiting = ['tls', 'tcp', 'ws'].map(async (scheme) => {
      const startedMs = performance.now();
      const url = `${scheme}://127.0.0.1:${port}`;
      const { exitCode, stderr } = await console().run(['cert', 'inspect', url, '--timeout', '1']);
      expect(exitCode).to.equal(1);
      expect(stderr, url).to.match(/within (1 s|1000 ms)/);
      // A second, and what Sealwire gives a peer for closing.
      expect(performance.now() - startedMs, url).to.be.within(900, 3500);
    });
    await Promise.all(waiting);
  });

  it('repeats neither the password of a URL nor one of its names unescaped', async () => {
    const { exitCode, stderr } = await inspect('https://ada:hunter2@game.example');
    expect(exitCode).to.equal(2);
    expect(stderr).to.not.include('hunter2');
  });
});
