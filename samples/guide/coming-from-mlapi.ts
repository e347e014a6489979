// What an MLAPI program becomes; docs/coming-from/mlapi.md has both side by side.
// Run it: node dist/samples/guide/coming-from-mlapi.js

import { deepEqual, equal } from 'node:assert/strict';
import {
  ApprovalDenied,
  callContext,
  NetworkingManager,
  Rpc,
  RpcError,
  SealwireError,
  Security,
} from 'sealwire';
import { allOf, defaultRule, fromDelegate, issueCertificate } from 'sealwire/certificate';

// [ServerRPC]: what the server offers. The protection is declared here, once, and enforced here.
class Match {
  readonly #places = new Map<number, [x: number, y: number]>();

  @Rpc(Security.Authenticated)
  move(x: number, y: number): number {
    const { client } = callContext(); // ExecutingRpcSender, and not a field of the message
    if (x < 0 || y < 0) throw new RpcError('OUT_OF_RANGE', 'the field begins at 0, 0');
    this.#places.set(client.id, [x, y]);
    return this.#places.size;
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  buy(item: string, cardNumber: string): string {
    return `${item}, paid with the card that ends in ${cardNumber.slice(-2)}`;
  }

  @Rpc(Security.Authenticated)
  async *events(): AsyncGenerator<string> {
    yield 'round 1';
    yield 'round 2';
  }
}

// RequireOwnership: a thing that belongs to one connection at a time.
class Ball {
  @Rpc(Security.Authenticated, { allow: 'owner', rateLimit: { perSecond: 20 } })
  kick(direction: number): string {
    return `kicked to ${direction}`;
  }
}

// [ClientRPC]: what each client offers.
class Hud {
  points = 0;

  @Rpc(Security.Authenticated, { oneWay: true })
  damage(points: number): void {
    this.points += points;
  }

  @Rpc(Security.Authenticated)
  pickTeam(teams: string[]): string {
    return teams[0] ?? 'none';
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const issued = issueCertificate({ dnsNames: ['game.example'], issuer: authority });
const pfx = issued.pfx(''); // bytes, or what stood in ServerBase64PfxCertificate
const caPem = authority.pem.certificate;

const server = new NetworkingManager({
  certificate: { pfx },
  // ConnectionApprovalCallback: asked before the first call of each client.
  approveConnection: ({ connectionData, id }) => {
    if (connectionData !== 'room password') return { approved: false, code: 'WRONG_PASSWORD' };
    return { approved: true, data: { player: { name: `player ${id}`, score: 0 } } }; // PeerData of docs/approval.md
  },
  rateLimit: { perSecond: 500 },
});
server.register(new Match()).register(new Ball());
server.on('clientDisconnected', (client, error) => console.log(`client ${client.id} left: ${error.reason}`));
const url = await server.startServer('ws://127.0.0.1:0');

const huds = [new Hud(), new Hud(), new Hud()];
const clients: NetworkingManager[] = [];
for (const hud of huds) {
  const known = new Promise((resolve) => server.on('clientConnected', resolve));
  const client = new NetworkingManager({
    ca: caPem,
    serverName: 'game.example',
    connectionData: 'room password',
    reconnect: true,
  });
  client.register(hud);
  await client.startClient(url);
  await known;
  clients.push(client);
}
const [client] = clients as [NetworkingManager];

// InvokeServerRpc, with and without an answer.
const match = client.rpc<Match>('Match');
equal(await match.move(3, 4), 1);
equal(await match.buy('sword', '4111 1111'), 'sword, paid with the card that ends in 11');
equal(await codeOf(match.move(-1, 0)), 'OUT_OF_RANGE');

// Flags of one call: they can be raised, and not lowered.
await client.invokeServerRpc('Match.move', [5, 6], {
  security: Security.Encrypted | Security.Authenticated,
  channel: 'moves',
  timeoutMs: 10_000,
});

// The server's calls to its clients, by whom they are for.
const everyone = server.everyone().rpc<Hud>('Hud');
await everyone.damage(1);
await server.everyoneExcept(1).rpc<Hud>('Hud').damage(10);
await server.only([1, 2]).rpc<Hud>('Hud').damage(100);
equal(await server.clients.get(1)?.rpc<Hud>('Hud').pickTeam(['red', 'blue']), 'red');
// The answers come in turn behind the events: so all of these have been seen.
const { settled } = await everyone.pickTeam(['red']);
deepEqual([...settled.keys()], [1, 2, 3]);
deepEqual(
  huds.map(({ points }) => points),
  [101, 111, 11],
);

// InvokeClientRpcOnOwner, and what only the owner may call.
server.setOwner('Ball', 1);
equal(await client.rpc<Ball>('Ball').kick(90), 'kicked to 90');
equal(await codeOf(clients[1]!.rpc<Ball>('Ball').kick(90)), 'PERMISSION_DENIED');

// What was sent by InvokeClientRpc in a loop, until somebody lost interest.
for await (const event of match.events()) if (event === 'round 2') break;

// GetClientKey and GetServerKey gave out the key itself; this is one for your own use, the same on both sides.
const exported = client.connection?.exportKey('voice chat', 32);
deepEqual(server.clients.get(1)?.exportKey('voice chat', 32), exported);

// OnValidateCertificateCallback: true accepts. Alone it replaces the default rule, here it comes on top of it.
const careful = new NetworkingManager({
  ca: caPem,
  serverName: 'game.example',
  connectionData: 'a guess',
  validateCertificate: allOf(
    defaultRule,
    fromDelegate((_certificate, hostname) => hostname === 'game.example'),
  ),
});
await careful.startClient(url).catch((error: unknown) => {
  if (error instanceof ApprovalDenied) console.log(error.reason);
  else throw error;
});

for (const each of clients) await each.stop();
await server.stop();

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SealwireError) return error.code;
    throw error;
  }
  return 'it answered';
}
