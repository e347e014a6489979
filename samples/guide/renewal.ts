// A server that renews its certificate while it runs, on SIGHUP. Run it: node dist/samples/guide/renewal.js

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetworkingManager, Rpc } from 'sealwire';
import { describeCertificate, issueCertificate } from 'sealwire/certificate';

class Hello {
  @Rpc()
  motto(): string {
    return 'sealed where it matters';
  }
}

const authority = issueCertificate({ commonName: 'Renewal authority', ca: true });

/** What a certificate authority, or a cron job, does from time to time. */
function renew(days: number): void {
  const { pem } = issueCertificate({ dnsNames: ['game.example'], issuer: authority, days });
  writeFileSync('server.pem', pem.certificate);
  writeFileSync('server-key.pem', pem.key, { mode: 0o600 });
}

const folder = mkdtempSync(join(tmpdir(), 'sealwire-renewal-'));
process.chdir(folder);
renew(90);

const read = () => ({ cert: readFileSync('server.pem'), key: readFileSync('server-key.pem') });

const server = new NetworkingManager({ certificate: read() });
server.on('certificateExpiring', (certificate, daysLeft) => {
  console.warn(`renew ${describeCertificate(certificate).dnsNames}: ${daysLeft} days left`);
});
process.on('SIGHUP', () => {
  try {
    server.setCertificate(read());
  } catch (error) {
    console.error('the old certificate stays, the new one cannot be used:', error);
  }
});
server.register(new Hello());
const url = await server.startServer('ws://127.0.0.1:0');

/** Until when the certificate is valid that a client of now gets to see. */
async function validUntil(): Promise<string> {
  const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'game.example' });
  await client.startClient(url);
  const [leaf] = client.connection!.certificates;
  await client.stop();
  return describeCertificate(leaf!).notAfter.toISOString().slice(0, 10);
}

const before = await validUntil();
renew(180);
const hangUp = once(process, 'SIGHUP');
process.kill(process.pid, 'SIGHUP');
await hangUp;
const after = await validUntil();
console.log(before < after ? 'renewed without a restart' : `still the old one: ${after}`);

await server.stop();
rmSync(folder, { recursive: true });
