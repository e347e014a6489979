// A PFX for the server, and a client that decides for itself. Run it: node dist/samples/guide/certificates.js

import { NetworkingManager, Rpc, Security } from 'sealwire';
import { allOf, defaultRule, issueCertificate, pinPublicKey, publicKeyPin } from 'sealwire/certificate';

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

// On the client: the default rule, and this key alone. The next key's pin can stand beside it.
const pin = publicKeyPin(issued.pem.certificate);
const client = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'bank.example',
  validateCertificate: allOf(defaultRule, pinPublicKey(pin)),
});
await client.startClient(url);
console.log(await client.rpc<Bank>('Bank').balance());

await client.stop();
await server.stop();
