// A PFX for the server, and a client that decides for itself. Run it: node dist/samples/guide/certificates.js

import { createHash } from 'node:crypto';
import { NetworkingManager, Rpc, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

class Bank {
  @Rpc(Security.Encrypted | Security.Authenticated)
  balance(): number {
    return 42;
  }
}

const authority = issueCertificate({ commonName: 'Bank authority', ca: true });
const issued = issueCertificate({ dnsNames: ['bank.example'], issuer: authority });
const passphrase = 'read me from the environment';
const pfx = issued.pfx(passphrase);

// On the server: the file's bytes, or their base64 from a configuration file.
const server = new NetworkingManager({ certificate: { pfx, passphrase } });
server.register(new Bank());
const url = await server.startServer('tcp://127.0.0.1:0');

// On the client: the default rule, and one certificate alone.
const fingerprint = createHash('sha256').update(issued.certificate).digest('hex');
const client = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'bank.example',
  validateCertificate([leaf], _hostname, context) {
    const seen = createHash('sha256').update(leaf!.der).digest('hex');
    return context.validateDefault() && seen === fingerprint;
  },
});
await client.startClient(url);
console.log(await client.rpc<Bank>('Bank').balance());

await client.stop();
await server.stop();
