// How often a peer may call, what happens when it goes further, and who is told. Run it: node dist/samples/guide/limits.js

import { NetworkingManager, Rpc, RpcCode, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

class Arena {
  /** Twenty moves a second, forty at once. Beyond that the caller gets RESOURCE_EXHAUSTED, and no argument is decoded. */
  @Rpc(Security.Authenticated, { rateLimit: { perSecond: 20, burst: 40 } })
  move(x: number, y: number): string {
    return `${x},${y}`;
  }

  /** Positions that are too many are not worth an answer. */
  @Rpc(Security.Authenticated, { oneWay: true, rateLimit: { perSecond: 60, onExceeded: 'drop' } })
  aim(_angle: number): void {}

  /** Whoever guesses so fast is not a person. */
  @Rpc(Security.Encrypted | Security.Authenticated, {
    rateLimit: { perSecond: 0.2, burst: 3, onExceeded: 'disconnect' },
  })
  login(_name: string, pin: string): boolean {
    return pin === '4711';
  }
}

const authority = issueCertificate({ commonName: 'Limits authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });
const certificate = { cert: pem.certificate, key: pem.key };

const server = new NetworkingManager({
  certificate,
  // All calls of one client together, whatever they call.
  rateLimit: { perSecond: 200, burst: 400 },
  limits: { maxCallsInFlight: 64, maxStreams: 8, maxMessageBytes: 256 * 1024 },
  onLimit: { streams: 'disconnect' },
});
server.register(new Arena());

server.on('limitExceeded', (client, { limit, action, method, count }) => {
  console.log(`client ${client?.id}: ${limit} ${action} ${method} (${count})`);
});

const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'arena.example' });
await client.startClient(await server.startServer('ws://127.0.0.1:0'));
const arena = client.rpc<Arena>('Arena');

const moves = await Promise.allSettled(Array.from({ length: 45 }, (_, step) => arena.move(step, 0)));
const refused = moves.flatMap((move) => (move.status === 'rejected' ? [move.reason as unknown] : []));
for (const error of refused.slice(0, 1)) {
  if (error instanceof SealwireError && error.code === RpcCode.RESOURCE_EXHAUSTED) {
    console.log(`${refused.length} too many`);
  }
}

try {
  for (const pin of ['0000', '0001', '0002', '0003']) await arena.login('ada', pin);
} catch (error) {
  if (error instanceof SealwireError) console.log(`${error.code}: ${error.reason}`);
}

await client.stop();
await server.stop();
