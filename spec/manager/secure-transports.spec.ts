// wss:// and tls:// under a manager: one certificate, one set of roots, one time limit for TLS and for Sealwire's own
// handshake, and nothing of the application before the server's certificate was found good.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from 'node:net';
import { expect } from 'chai';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import {
  authority,
  clientCertificate,
  credentials,
  serverCertificate,
  serverName,
  strangeAuthority,
} from '../support/authority.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const ca = authority().pem.certificate;
const certificate = credentials(serverCertificate());

for (const scheme of ['wss', 'tls'] as const) {
  describe(`manager: ${scheme}://`, () => {
    nothingUncaught();
    const managers: NetworkingManager[] = [];
    let events: string[];

    function manager(config: NetworkConfig): NetworkingManager {
      const made = new NetworkingManager(config);
      managers.push(made);
      return made;
    }

    async function listen(config: NetworkConfig = {}): Promise<{ server: NetworkingManager; url: string }> {
      events = [];
      const server = manager({ certificate, ...config }).register(new Ping());
      server.on('encryptionFailed', (error) => events.push(`${error.code} ${error.reason}`));
      server.on('clientConnected', () => events.push('connected'));
      return { server, url: await server.startServer(`${scheme}://127.0.0.1:0`) };
    }

    afterEach(async () => {
      for (const made of managers.splice(0).reverse()) await made.stop();
    });
    nothingLeftBehind();

    async function connect(url: string, config: NetworkConfig = {}) {
      const client = manager({ ca, serverName, ...config });
      const failed: string[] = [];
      client.on('encryptionFailed', (error, address) =>
        failed.push(`${error.code} ${error.reason} ${address}`),
      );
      const outcome = await outcomeOf(client.startClient(url));
      const answer = outcome.kind === 'answered' ? await client.rpc(Ping).ping('in') : undefined;
      return { ...outcome, answer, failed, client };
    }

    it('listens with the certificate of the server, and calls go through', async () => {
      const { server, url } = await listen();
      expect(url).to.match(new RegExp(`^${scheme}://127\\.0\\.0\\.1:\\d+$`));
      expect(await connect(url)).to.include({ answer: 'in' });
      expect(server.clients.size).to.equal(1);
    });

    it('refuses a server whose certificate is not good, as the own handshake does, and says nothing to it', async () => {
      const { url } = await listen();
      const untrusted = await connect(url, { ca: strangeAuthority().pem.certificate });
      expect(untrusted).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'untrusted' });
      expect(untrusted.failed).to.deep.equal(['CERTIFICATE_REJECTED untrusted 127.0.0.1']);
      const named = await connect(url.replace('127.0.0.1', 'localhost'), { serverName: 'other.example' });
      expect(named).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'name-mismatch' });
      const validated = await connect(url, { validateCertificate: async () => false });
      expect(validated).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'revoked-by-validator' });
      expect(events).to.not.include('connected');
      expect(await connect(url)).to.include({ answer: 'in' });
    });

    it('checks the certificate of TLS whatever signKeyExchange and enableEncryption say', async () => {
      for (const config of [{ signKeyExchange: false }, { enableEncryption: false }] as NetworkConfig[]) {
        const { url } = await listen(config);
        expect(await connect(url, config)).to.include({ answer: 'in' });
        expect(await connect(url, { ...config, ca: strangeAuthority().pem.certificate })).to.include({
          code: 'CERTIFICATE_REJECTED',
          reason: 'untrusted',
        });
        const bare = manager(config).register(new Ping());
        expect(await codeOf(bare.startServer(`${scheme}://127.0.0.1:0`))).to.equal('INVALID_CONFIG');
      }
    });

    it('shows the certificate for the name that is asked for, and renews without a restart', async () => {
      const other = issueCertificate(nodeCrypto, { dnsNames: ['other.example'], issuer: authority() });
      const { server, url } = await listen({ certificate: [certificate, credentials(other)] });
      const seen: string[] = [];
      const validateCertificate: NetworkConfig['validateCertificate'] = ([leaf], _name, context) => {
        seen.push(Buffer.from(leaf!.der).toString('base64'));
        return context.validateDefault();
      };
      const shown = (issued: { certificate: Uint8Array }) =>
        Buffer.from(issued.certificate).toString('base64');
      expect(await connect(url, { serverName: 'other.example', validateCertificate })).to.include({
        answer: 'in',
      });
      expect(new Set(seen.splice(0))).to.deep.equal(new Set([shown(other)]));
      expect(await connect(url, { validateCertificate })).to.include({ answer: 'in' });
      expect(new Set(seen.splice(0))).to.deep.equal(new Set([shown(serverCertificate())]));

      const renewed = issueCertificate(nodeCrypto, { dnsNames: [serverName], issuer: authority() });
      server.setCertificate(credentials(renewed));
      expect(await connect(url, { validateCertificate })).to.include({ answer: 'in' });
      expect(new Set(seen)).to.deep.equal(new Set([shown(renewed)]));
      expect(server.clients.size).to.equal(3);
    });

    it('knows a client by its certificate, and refuses one that is missing or not good', async () => {
      const { server, url } = await listen({ clientAuthentication: 'required', ca });
      expect(await connect(url, { certificate: credentials(clientCertificate('ada')) })).to.include({
        answer: 'in',
      });
      await eventually('it is known', () => server.clients.size === 1);
      expect([...server.clients.values()].map(({ identity }) => identity?.name)).to.deep.equal(['ada']);
      expect(await connect(url)).to.include({ code: 'HANDSHAKE_FAILED', reason: 'certificate-required' });
      const stranger = credentials(clientCertificate('eve', strangeAuthority()));
      expect(await connect(url, { certificate: stranger })).to.include({
        code: 'CERTIFICATE_REJECTED',
        reason: 'refused-by-peer',
      });
      await eventually('the server says so', () => events.length === 3);
      expect(events.slice(1)).to.deep.equal([
        'HANDSHAKE_FAILED certificate-required',
        'CERTIFICATE_REJECTED untrusted',
      ]);
    });

    it('lets a client in without a certificate where that is optional', async () => {
      const { server, url } = await listen({ clientAuthentication: 'optional', ca });
      expect(await connect(url)).to.include({ answer: 'in' });
      expect([...server.clients.values()].map(({ identity }) => identity)).to.deep.equal([undefined]);
    });

    it('has one time limit for TCP, TLS, the verdict over the certificate, and the handshake', async () => {
      const held: Socket[] = [];
      const silent = createServer((socket) => held.push(socket));
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      const limits = { handshakeTimeoutMs: 150 };
      expect(await connect(`${scheme}://127.0.0.1:${port}`, { limits })).to.include({
        code: 'CONNECT_FAILED',
        reason: 'timeout',
      });
      for (const socket of held) socket.destroy();
      silent.close();
      await once(silent, 'close');

      const { url } = await listen();
      let aborted = 0;
      const late = await connect(url, {
        limits,
        validateCertificate: (_chain, _name, { signal }) =>
          new Promise(() => signal.addEventListener('abort', () => (aborted += 1))),
      });
      expect(late).to.include({ code: 'HANDSHAKE_TIMEOUT' });
      expect(aborted).to.equal(1);
    });

    it('cuts off who says nothing to a server, and those who wait when it stops', async () => {
      const { server, url } = await listen({ limits: { handshakeTimeoutMs: 100 } });
      const port = Number(new URL(url.replace(scheme, 'http')).port);
      const idle = tcpConnect(port, '127.0.0.1').on('error', () => undefined);
      await once(idle, 'close');
      await server.stop();

      const patient = await listen();
      const waiting = tcpConnect(Number(new URL(patient.url.replace(scheme, 'http')).port), '127.0.0.1');
      waiting.on('error', () => undefined);
      await once(waiting, 'connect');
      await new Promise((resolve) => setTimeout(resolve, 10));
      const closed = once(waiting, 'close');
      await patient.server.stop();
      await closed;
    });

    it('keeps the limit of half-open connections over TLS', async () => {
      const { url } = await listen({ limits: { maxHalfOpenConnections: 2 } });
      const port = Number(new URL(url.replace(scheme, 'http')).port);
      const idle = [1, 2, 3].map(() => tcpConnect(port, '127.0.0.1').on('error', () => undefined));
      await Promise.race(idle.map((socket) => once(socket, 'close')));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(idle.filter(({ closed }) => closed)).to.have.length(1);
      for (const socket of idle) socket.destroy();
    });

    it('comes back after a loss, with a check of the certificate each time', async () => {
      const { server, url } = await listen();
      let checks = 0;
      const { client, answer } = await connect(url, {
        reconnect: { initialDelayMs: 10, jitter: 0 },
        validateCertificate: (_chain, _name, context) => {
          checks += 1;
          return context.validateDefault();
        },
      });
      expect(answer).to.equal('in');
      const before = checks;
      const back = new Promise<void>((resolve) => {
        client.on('stateChanged', (state) => state === 'ready' && resolve());
      });
      await server.stop({ drainMs: 0 });
      const again = manager({ certificate }).register(new Ping());
      await again.startServer(url);
      await back;
      expect(await client.rpc(Ping).ping('again')).to.equal('again');
      expect(checks).to.be.greaterThan(before);
    });

    it('has a host: its own client comes in beside those over TLS', async () => {
      const host = manager({ certificate }).register(new Ping());
      const url = await host.startHost(`${scheme}://127.0.0.1:0`);
      expect(await connect(url)).to.include({ answer: 'in' });
      expect(await host.rpc(Ping).ping('own')).to.equal('own');
      expect(host.clients.size).to.equal(2);
    });
  });
}
