// The same as samples/hello in one file and without decorators. Run it: node dist/samples/guide/without-decorators.js

import { defineRpcs, NetworkingManager, rpc, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

class Hello {
  motto(): string {
    return 'sealed where it matters';
  }

  greet(name: string, secret: string): string {
    return `Hello ${name}, your secret has ${secret.length} letters`;
  }
}

defineRpcs(Hello, {
  motto: rpc(),
  greet: rpc(Security.Encrypted | Security.Authenticated),
});

const authority = issueCertificate({ commonName: 'Hello authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['hello'], issuer: authority });

const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Hello());
const url = await server.startServer('memory://hello');

const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'hello' });
await client.startClient(url);
console.log(await client.rpc(Hello).greet('Ada', 'swordfish'));

await client.stop();
await server.stop();
