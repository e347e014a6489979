// The three forms in which a server takes its certificate. Run it: node dist/samples/guide/deploy.js

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetworkingManager, Rpc } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

class Hello {
  @Rpc()
  motto(): string {
    return 'sealed where it matters';
  }
}

const authority = issueCertificate({ commonName: 'Deployment authority', ca: true });
const issued = issueCertificate({ dnsNames: ['game.example'], issuer: authority });
const passphrase = 'read me from the environment';
const folder = mkdtempSync(join(tmpdir(), 'sealwire-deploy-'));
process.chdir(folder);
writeFileSync('server.pfx', issued.pfx(passphrase), { mode: 0o600 });
writeFileSync('server.pem', issued.pem.certificate);
writeFileSync('server-key.pem', issued.pem.key, { mode: 0o600 });
process.env.ARENA_PFX = readFileSync('server.pfx', 'base64');

const fromFile = { pfx: readFileSync('server.pfx'), passphrase };
const fromEnvironment = { pfx: process.env.ARENA_PFX!, passphrase };
const fromPem = { cert: readFileSync('server.pem'), key: readFileSync('server-key.pem') };

for (const certificate of [fromFile, fromEnvironment, fromPem]) {
  const server = new NetworkingManager({ certificate }).register(new Hello());
  const url = await server.startServer('ws://127.0.0.1:0');
  const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'game.example' });
  await client.startClient(url);
  console.log(await client.rpc<Hello>('Hello').motto());
  await client.stop();
  await server.stop();
}
rmSync(folder, { recursive: true });
