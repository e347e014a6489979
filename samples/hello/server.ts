// The first program, server side: two RPCs, one in the clear and one that nobody on the way can read or forge.
//
// It makes a certificate authority at every start and leaves its certificate in ca.pem for the client. A server in
// earnest loads a file instead: certificate: { pfx, passphrase }.

import { writeFileSync } from 'node:fs';
import { NetworkingManager, Rpc, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

export class Hello {
  @Rpc()
  motto(): string {
    return 'sealed where it matters';
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  greet(name: string, secret: string): string {
    return `Hello ${name}, your secret has ${secret.length} letters`;
  }
}

const authority = issueCertificate({ commonName: 'Hello authority', ca: true });
const { pem } = issueCertificate({ ipAddresses: ['127.0.0.1'], issuer: authority });
writeFileSync('ca.pem', authority.pem.certificate);

const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Hello());
console.log(`listening on ${await server.startServer(process.argv[2] ?? 'ws://127.0.0.1:7777')}`);
