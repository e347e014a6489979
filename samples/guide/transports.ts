// The same program over ws://, wss:// and tls://, and who encrypts it. Run it: node dist/samples/guide/transports.js

import { callContext, NetworkingManager, Rpc, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });
const ca = authority.pem.certificate;

class Arena {
  @Rpc(Security.Encrypted | Security.Authenticated)
  login(name: string): string {
    const { client, security } = callContext();
    return `${name} came with flags ${security} over ${client.security.protection}`;
  }

  @Rpc()
  motto(): string {
    return `this went with flags ${callContext().security}`;
  }
}

async function play(address: string, trustSecureTransport: boolean): Promise<void> {
  const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
  server.register(new Arena());
  const url = await server.startServer(address);
  const client = new NetworkingManager({ ca, serverName: 'arena.example', trustSecureTransport });
  await client.startClient(url);

  const { protection, suite, tls } = client.connection!.security;
  console.log(
    `${address}: ${protection}, ${suite?.startsWith('TLS') ? 'suite of TLS' : suite}, ${tls ?? 'no TLS'}`,
  );
  console.log(
    `  ${await client.rpc<Arena>('Arena').login('ada')}; ${await client.rpc<Arena>('Arena').motto()}`,
  );

  await client.stop();
  await server.stop();
}

const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Arena());
const url = await server.startServer('wss://127.0.0.1:0');

const client = new NetworkingManager({ ca, serverName: 'arena.example' });
await client.startClient(url);
console.log(client.connection!.security.protection);
await client.stop();

const pinned = new NetworkingManager({
  ca,
  serverName: 'arena.example',
  // Behind a proxy it is asked twice: about the proxy's certificate, and about the server's own.
  validateCertificate: ([leaf], _name, { shownIn, validateDefault }) =>
    validateDefault() &&
    (shownIn === 'tls' || leaf!.subjectAltName!.some(({ value }) => value === 'arena.example')),
});
await pinned.startClient(url);
await pinned.stop();
await server.stop();

await play('ws://127.0.0.1:0', true);
await play('wss://127.0.0.1:0', true);
await play('tls://127.0.0.1:0', true);
await play('wss://127.0.0.1:0', false);
