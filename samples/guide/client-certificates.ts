// A server that knows who its clients are. Run it: node dist/samples/guide/client-certificates.js

import { callContext, NetworkingManager, Rpc, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

class Fleet {
  @Rpc()
  motto(): string {
    return 'open to everybody';
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  report(position: string): string {
    return `${callContext().identity!.name} is at ${position}`;
  }
}

// One authority for the server, one for the devices: who has a certificate of the latter is one of them.
const authority = issueCertificate({ commonName: 'Fleet authority', ca: true });
const devices = issueCertificate({ commonName: 'Fleet devices', ca: true });
const server = issueCertificate({ dnsNames: ['fleet.example'], issuer: authority });
const drone = issueCertificate({ commonName: 'drone-7', purpose: 'client', issuer: devices });
const stranger = issueCertificate({ commonName: 'drone-7', purpose: 'client', issuer: authority });

const fleet = new NetworkingManager({
  certificate: { cert: server.pem.certificate, key: server.pem.key },
  clientAuthentication: 'optional',
  ca: devices.pem.certificate,
});
fleet.register(new Fleet());
fleet.on('encryptionFailed', (error) => console.log(`server: ${error.code}, ${error.reason}`));
const url = await fleet.startServer('ws://127.0.0.1:0');

// A client shows its certificate to servers that ask for it, once it has accepted theirs.
const client = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'fleet.example',
  certificate: { cert: drone.pem.certificate, key: drone.pem.key },
});
await client.startClient(url);
console.log(await client.rpc<Fleet>('Fleet').report('54.1, 7.9'));
await client.stop();

// Without one, it is nobody here: what is for everybody works.
const nobody = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'fleet.example' });
await nobody.startClient(url);
console.log(await nobody.rpc<Fleet>('Fleet').motto());
console.log(await codeOf(nobody.rpc<Fleet>('Fleet').report('here')));
await nobody.stop();

// Of another authority, it is refused: who shows a certificate is never taken for somebody without.
const impostor = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'fleet.example',
  certificate: { cert: stranger.pem.certificate, key: stranger.pem.key },
});
console.log(await codeOf(impostor.startClient(url)));

await fleet.stop();

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'it worked';
  } catch (error) {
    return error instanceof SealwireError ? error.code : String(error);
  }
}
