// A server renews its certificate while it runs, shows each client the one for the name it asks for, and warns in time.

import { expect } from 'chai';
import { sameBytes } from '../../lib/base/bytes.js';
import { type IssueOptions, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager, nodePlatform } from '../../lib/manager/node.js';
import { ServerManager } from '../../lib/manager/server-manager.js';
import { authority } from '../support/authority.js';
import { ManualClock } from '../support/manual-clock.js';
import { codeOf } from '../support/settled.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const ca = authority().pem.certificate;
const dayMs = 86_400_000;

function issued(name: string, options: IssueOptions = {}) {
  const { pem, certificate } = issueCertificate(nodeCrypto, {
    dnsNames: [name],
    issuer: authority(),
    ...options,
  });
  return { source: { cert: pem.certificate, key: pem.key }, der: certificate };
}

const first = issued('arena.example');
const second = issued('arena.example', { keyKind: 'ed25519' });
const lobby = issued('lobby.example');

describe('manager: renewing the certificate of a running server', () => {
  let server: NetworkingManager;
  const clients: NetworkingManager[] = [];

  async function listen(config: NetworkConfig, url = 'tcp://127.0.0.1:0'): Promise<string> {
    server = new NetworkingManager(config).register(new Ping());
    return server.startServer(url);
  }

  async function connect(url: string, serverName = 'arena.example'): Promise<NetworkingManager> {
    const client = new NetworkingManager({ ca, serverName });
    clients.push(client);
    await client.startClient(url);
    expect(await client.rpc(Ping).ping('in')).to.equal('in');
    return client;
  }

  function shows(client: NetworkingManager, { der }: { der: Uint8Array }): boolean {
    return sameBytes(client.connection!.certificates[0]!, der);
  }

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.stop()));
    await server.stop();
  });
  nothingLeftBehind();

  it('shows the new one from then on, and disturbs nobody who is in', async () => {
    const url = await listen({ certificate: first.source });
    const before = await connect(url);
    server.setCertificate(second.source);
    const after = await connect(url);
    expect([shows(before, first), shows(after, second)]).to.deep.equal([true, true]);
    expect(await before.rpc(Ping).ping('still in')).to.equal('still in');
  });

  it('goes on with the old one when the new one cannot be used', async () => {
    const url = await listen({ certificate: first.source });
    const attempts: [unknown, string][] = [
      [{ cert: second.source.cert, key: first.source.key }, 'INVALID_CERTIFICATE'],
      [[second.source, { pfx: 'AAAA' }], 'INVALID_CERTIFICATE'],
      [[], 'INVALID_CONFIG'],
      [undefined, 'INVALID_CONFIG'],
      ['server.pfx', 'INVALID_CONFIG'],
    ];
    for (const [certificate, code] of attempts) {
      expect(
        await codeOf((async () => server.setCertificate(certificate as typeof first.source))()),
      ).to.equal(code);
    }
    expect(shows(await connect(url), first)).to.equal(true);
  });

  it('keeps the new one over a restart, and takes one before the first start', async () => {
    const url = await listen({ certificate: first.source });
    server.setCertificate(second.source);
    await server.stop();
    expect(shows(await connect(await server.startServer(url)), second)).to.equal(true);
    await Promise.all(clients.splice(0).map((client) => client.stop()));
    await server.stop();

    server = new NetworkingManager({}).register(new Ping());
    server.setCertificate(first.source);
    expect(shows(await connect(await server.startServer('tcp://127.0.0.1:0')), first)).to.equal(true);
  });

  it('shows each client the certificate for the name that it asks for, through a renewal of all', async () => {
    const url = await listen({ certificate: [first.source, lobby.source] });
    expect(shows(await connect(url), first)).to.equal(true);
    expect(shows(await connect(url, 'lobby.example'), lobby)).to.equal(true);
    server.setCertificate([lobby.source, second.source]);
    expect(shows(await connect(url), second)).to.equal(true);
    expect(shows(await connect(url, 'lobby.example'), lobby)).to.equal(true);
    expect(await codeOf(connect(url.replace('127.0.0.1', 'localhost'), 'other.example'))).to.equal(
      'CERTIFICATE_REJECTED',
    );
  });

  it('tells of the end once a day, where somebody listens to the event, and warns where nobody does', async () => {
    const clock = new ManualClock(new Date());
    const warnings: string[] = [];
    const warn = (code: string, message: string) => void warnings.push(`${code} ${message}`);
    const manager = new ServerManager(
      { certificate: issued('arena.example', { days: 10 }).source },
      { ...nodePlatform, clock, warn },
    ).register(new Ping());
    server = manager as NetworkingManager;
    await manager.startServer('memory://expiring');
    expect(warnings).to.deep.equal([]);
    clock.advance(7 * dayMs);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(
      /^SEALWIRE_CERTIFICATE the certificate for "arena\.example" of this server expires in 2 day\(s\): renew it with setCertificate\(\)$/,
    );

    const told: number[] = [];
    manager.on('certificateExpiring', (certificate, daysLeft) => {
      expect(certificate.subjectAltName).to.deep.equal([{ kind: 'dns', value: 'arena.example' }]);
      told.push(daysLeft);
    });
    clock.advance(3 * dayMs);
    expect(told).to.deep.equal([1, 0, -1]);
    manager.setCertificate(issued('arena.example', { days: 365 }).source);
    clock.advance(3 * dayMs);
    expect(told).to.deep.equal([1, 0, -1]);
    expect(warnings).to.have.length(1);
    await manager.stop();
    expect(clock.timers).to.equal(0);
  });
});
