// Who is let in, and what is kept about them. Run it: node dist/samples/guide/approval.js

import { ApprovalDenied, callContext, NetworkingManager, Rpc, RpcError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });
const ca = authority.pem.certificate;

/** Tickets are good once. Yours come from your login service. */
const tickets = new Map<string, string>();
function newTicket(name: string): Promise<string> {
  const ticket = `ticket ${tickets.size} of ${name}`;
  tickets.set(ticket, name);
  return Promise.resolve(ticket);
}

function redeem(connectionData: unknown): Promise<string | undefined> {
  // It is what the client says of itself: its type is looked at like everything else of it.
  if (typeof connectionData !== 'string') return Promise.resolve(undefined);
  const name = tickets.get(connectionData);
  tickets.delete(connectionData);
  return Promise.resolve(name);
}

interface Player {
  readonly name: string;
  score: number;
}

declare module 'sealwire' {
  interface PeerData {
    player: Player;
  }
}

class Arena {
  @Rpc(Security.Authenticated)
  hit(): string {
    const { player } = callContext().client.data;
    player.score += 10;
    return `${player.name} has ${player.score}`;
  }
}

const server = new NetworkingManager({
  certificate: { cert: pem.certificate, key: pem.key },
  approveConnection: async ({ connectionData }) => {
    const name = await redeem(connectionData);
    if (name === undefined) return false;
    if (name === 'eve') throw new RpcError('BANNED', 'come back on Monday', { days: 3 });
    return { approved: true, data: { player: { name, score: 0 } } };
  },
});
server.register(new Arena());
server.on('clientRefused', ({ connectionData }, { reason = 'no reason given' }) => {
  console.log(`server: ${String(connectionData)} is refused, ${reason}`);
});
const url = await server.startServer('memory://approval-guide');

const client = new NetworkingManager({
  ca,
  serverName: 'arena.example',
  reconnect: true,
  connectionData: () => newTicket('ada'),
});
await client.startClient(url);
const arena = client.rpc<Arena>('Arena');
await arena.hit();
console.log(await arena.hit());
await client.stop();

for (const connectionData of [await newTicket('eve'), 'a guess']) {
  const stranger = new NetworkingManager({ ca, serverName: 'arena.example', connectionData });
  try {
    await stranger.startClient(url);
  } catch (error) {
    if (!(error instanceof ApprovalDenied)) throw error;
    console.log(error.code, error.reason, error.text, error.data);
  }
}

await server.stop();
