// Whom a client takes for its server: names, roots, and validateCertificate in all the ways it can answer.

import { expect } from 'chai';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import type { CertificateValidator } from '../../lib/certificate/trust/validator.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { MemoryTransport } from '../../lib/transport/memory.js';
import { authority, serverCertificate, serverName, strangeAuthority } from '../support/authority.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const ca = authority().pem.certificate;

describe('manager: the certificate of the server', () => {
  nothingUncaught();
  let server: NetworkingManager;
  let serverEvents: string[];

  async function listen(url: string, config: NetworkConfig = {}): Promise<string> {
    const { certificate: cert, key } = serverCertificate().pem;
    server = new NetworkingManager({ certificate: { cert, key }, ...config }).register(new Ping());
    serverEvents = [];
    server.on('encryptionFailed', (error) => serverEvents.push(`${error.code} ${error.reason}`));
    server.on('clientConnected', () => serverEvents.push('connected'));
    return server.startServer(url);
  }

  afterEach(() => server.stop());
  nothingLeftBehind();

  async function connect(url: string, config: NetworkConfig) {
    const client = new NetworkingManager(config);
    const outcome = await outcomeOf(client.startClient(url));
    const answer = outcome.kind === 'answered' ? await client.rpc(Ping).ping('in') : undefined;
    await client.stop();
    return { ...outcome, answer };
  }

  for (const scheme of ['ws', 'tcp'] as const) {
    it(`is compared with the dialled host, except for 127.0.0.1 (${scheme})`, async () => {
      const url = await listen(`${scheme}://127.0.0.1:0`);
      expect(await connect(url, { ca })).to.include({ answer: 'in' });
      expect(await connect(url.replace('127.0.0.1', 'localhost'), { ca })).to.include({
        code: 'CERTIFICATE_REJECTED',
        reason: 'name-mismatch',
      });
      expect(await connect(url.replace('127.0.0.1', 'localhost'), { ca, serverName })).to.include({
        answer: 'in',
      });
    });
  }

  it('must be of a trusted root even for 127.0.0.1', async () => {
    const url = await listen('tcp://127.0.0.1:0');
    expect(await connect(url, { ca: strangeAuthority().pem.certificate })).to.include({
      code: 'CERTIFICATE_REJECTED',
      reason: 'untrusted',
    });
    expect(await connect(url, {})).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'untrusted' });
    expect(serverEvents).to.deep.equal([
      'HANDSHAKE_FAILED handshake-failed',
      'HANDSHAKE_FAILED handshake-failed',
    ]);
  });

  it('is compared with a serverName in any letters, which the server sees in ASCII', async () => {
    const asked: string[] = [];
    const { pem } = issueCertificate(nodeCrypto, {
      dnsNames: ['xn--bcher-kva.example'],
      issuer: authority(),
    });
    const url = await listen('memory://books', {
      certificate: [
        { cert: serverCertificate().pem.certificate, key: serverCertificate().pem.key },
        { cert: pem.certificate, key: pem.key },
      ],
    });
    const validateCertificate: CertificateValidator = (_chain, hostname, context) => {
      asked.push(hostname);
      return context.validateDefault();
    };
    const config = { ca, validateCertificate };
    expect(await connect(url, { ...config, serverName: 'bücher.example' })).to.include({ answer: 'in' });
    expect(await connect(url, { ...config, serverName: 'bucher.example' })).to.include({
      reason: 'revoked-by-validator',
    });
    expect(asked).to.deep.equal(['xn--bcher-kva.example', 'bucher.example']);
  });

  it('is compared with serverName, over a transport without host names as well', async () => {
    const url = await listen('memory://names');
    expect(await connect(url, { ca, serverName })).to.include({ answer: 'in' });
    expect(await connect(url, { ca, serverName: 'ARENA.example' })).to.include({ answer: 'in' });
    expect(await connect(url, { ca, serverName: 'other.example' })).to.include({ reason: 'name-mismatch' });
    const roots = [strangeAuthority().pem.certificate, authority().certificate];
    expect(await connect(url, { ca: roots, serverName })).to.include({ answer: 'in' });
  });

  it('may be out of date', async () => {
    const day = 86_400_000;
    for (const [from, to, reason] of [
      [-20, -10, 'expired'],
      [10, 20, 'not-yet-valid'],
    ] as const) {
      const { pem } = issueCertificate(nodeCrypto, {
        dnsNames: [serverName],
        issuer: authority(),
        notBefore: new Date(Date.now() + from * day),
        notAfter: new Date(Date.now() + to * day),
      });
      const url = await listen('memory://dates', { certificate: { cert: pem.certificate, key: pem.key } });
      expect(await connect(url, { ca, serverName })).to.include({ code: 'CERTIFICATE_REJECTED', reason });
      await server.stop();
    }
  });

  describe('with validateCertificate', () => {
    it('tells chain, hostname and time, and can ask for the default', async () => {
      const url = await listen('memory://validated');
      const seen: unknown[] = [];
      const validateCertificate: CertificateValidator = (chain, hostname, context) => {
        seen.push(chain.length, hostname, context.purpose, context.validateDefault());
        expect(chain[0]!.der).to.deep.equal(new Uint8Array(serverCertificate().certificate));
        expect(Math.abs(context.time.getTime() - Date.now())).to.be.lessThan(60_000);
        return context.validateDefault();
      };
      expect(await connect(url, { ca, serverName, validateCertificate })).to.include({ answer: 'in' });
      expect(await connect(url, { ca, serverName: 'other.example', validateCertificate })).to.include({
        reason: 'revoked-by-validator',
      });
      expect(await connect(url, { validateCertificate })).to.include({ reason: 'revoked-by-validator' });
      expect(seen).to.deep.equal([
        1,
        serverName,
        'server',
        true,
        1,
        'other.example',
        'server',
        false,
        1,
        '',
        'server',
        false,
      ]);
    });

    it('gives 127.0.0.1 as the name where that was dialled, and waives it by default', async () => {
      const url = await listen('tcp://127.0.0.1:0');
      const seen: unknown[] = [];
      const validateCertificate: CertificateValidator = (_chain, hostname, context) => {
        seen.push(hostname, context.validateDefault());
        return true;
      };
      expect(await connect(url, { ca, validateCertificate })).to.include({ answer: 'in' });
      expect(seen).to.deep.equal(['127.0.0.1', true]);
    });

    const accepting: readonly (readonly [string, CertificateValidator])[] = [
      ['true', () => true],
      ['a promise of true', async () => true],
      ['true after a while', () => new Promise((resolve) => setTimeout(() => resolve(true), 30))],
    ];
    for (const [what, validateCertificate] of accepting) {
      it(`accepts a stranger for ${what}`, async () => {
        const { pem } = serverCertificate(strangeAuthority());
        const url = await listen('memory://validated', {
          certificate: { cert: pem.certificate, key: pem.key },
        });
        expect(await connect(url, { validateCertificate })).to.include({ answer: 'in' });
      });
    }

    const boom = new Error('the revocation list cannot be read');
    const refusing: readonly (readonly [string, unknown, unknown?])[] = [
      ['false', () => false],
      ['a promise of false', async () => false],
      ['undefined', () => undefined],
      ['1', () => 1],
      ["'true'", () => 'true'],
      ['a promise of an object', async () => ({})],
      [
        'an error',
        () => {
          throw boom;
        },
        boom,
      ],
      ['a rejection', () => Promise.reject(boom), boom],
    ];
    for (const [what, validate, cause] of refusing) {
      it(`refuses the right server for ${what}, and tells it no reason`, async () => {
        const url = await listen('memory://validated');
        const validateCertificate = validate as CertificateValidator;
        const outcome = await connect(url, { ca, serverName, validateCertificate });
        expect(outcome).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'revoked-by-validator' });
        expect(outcome.kind === 'failed' && outcome.error.cause).to.equal(cause);
        await eventually('the server has heard of it', () => serverEvents.length > 0);
        expect(serverEvents).to.deep.equal(['HANDSHAKE_FAILED handshake-failed']);
      });
    }

    it('gives up with HANDSHAKE_TIMEOUT when it never answers, and takes no late answer', async () => {
      const url = await listen('memory://validated');
      let answer: (accepted: boolean) => void = () => undefined;
      const client = new NetworkingManager({
        limits: { handshakeTimeoutMs: 60 },
        serverName,
        validateCertificate: () =>
          new Promise((resolve) => {
            answer = resolve;
          }),
      });
      const startedMs = performance.now();
      expect(await codeOf(client.startClient(url))).to.equal('HANDSHAKE_TIMEOUT');
      expect(performance.now() - startedMs).to.be.within(50, 5000);
      answer(true);
      await eventually('the server has heard of it', () => serverEvents.length > 0);
      expect([client.connection, serverEvents]).to.deep.equal([
        undefined,
        ['HANDSHAKE_FAILED handshake-timeout'],
      ]);
      expect([...server.clients]).to.deep.equal([]);
      await client.stop();
    });

    it('can be stopped while it thinks', async () => {
      const url = await listen('memory://validated');
      let asked = false;
      const client = new NetworkingManager({
        serverName,
        validateCertificate: () => {
          asked = true;
          return new Promise(() => {});
        },
      });
      const start = codeOf(client.startClient(url));
      await eventually('it is asked', () => asked);
      await client.stop();
      expect(await start).to.equal('CONNECTION_CLOSED');
      expect(client.connection).to.equal(undefined);
    });

    it('is not asked where there is nothing to validate', async () => {
      const off = { signKeyExchange: false };
      const url = await listen('memory://validated', off);
      const client = new NetworkingManager({ ...off, validateCertificate: () => false });
      await client.startClient(new MemoryTransport(url));
      expect(client.connection!.security.protection).to.equal('anonymous');
      await client.stop();
    });
  });
});
