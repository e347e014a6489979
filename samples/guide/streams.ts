// Streams from the server, to the server, and both at once. Run it: node dist/samples/guide/streams.js

import { callContext, NetworkingManager, Rpc, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

class Arena {
  /** Items leave as fast as the caller takes them, under the flags of the call. */
  @Rpc(Security.Authenticated)
  async *watch(match: string): AsyncGenerator<string> {
    try {
      for (let turn = 1; ; turn++) yield `${match}: turn ${turn}`;
    } finally {
      console.log(`nobody watches ${match} any more`);
    }
  }

  /** An argument may be a stream, too. */
  @Rpc(Security.Authenticated)
  async sum(numbers: AsyncIterable<number>): Promise<number> {
    let total = 0;
    for await (const number of numbers) total += number;
    return total;
  }

  /** And both at once. A time limit is for the whole stream; without one there is none. */
  @Rpc(Security.Encrypted | Security.Authenticated, { timeoutMs: 60_000 })
  async *shout(lines: AsyncIterable<string>): AsyncGenerator<string> {
    const { metadata } = callContext();
    for await (const line of lines) yield `${line.toUpperCase()}${metadata.mark ?? ''}`;
  }
}

const authority = issueCertificate({ commonName: 'Stream authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });
const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Arena());
const url = await server.startServer('ws://127.0.0.1:0');
const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'arena.example' });
await client.startClient(url);
const arena = client.rpc<Arena>('Arena');

for await (const event of arena.watch('m1')) {
  console.log(event);
  // Leaving the loop ends the method on the other side: its `finally` runs.
  if (event.endsWith('3')) break;
}

async function* count(): AsyncGenerator<number> {
  for (let number = 1; number <= 4; number++) yield number;
}
console.log(await arena.sum(count()));

async function* lines(): AsyncGenerator<string> {
  yield 'ready';
  yield 'go';
}
for await (const line of client.rpc<Arena>('Arena', { metadata: { mark: '!' } }).shout(lines())) {
  console.log(line);
}

await client.stop();
await server.stop();
