// What a program of Netcode for GameObjects becomes; docs/coming-from/netcode.md has both side by side.
// Run it: node dist/samples/guide/coming-from-netcode.js

import { deepEqual, equal } from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { callContext, isRpcError, NetworkingManager, Rpc, RpcError, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

// [Rpc(SendTo.Server)]: what the server offers.
class Match {
  readonly #changes = new EventEmitter();
  #score = 0;

  /** Who calls is known from the connection. There is no parameter for it that a message could fill in. */
  @Rpc(Security.Authenticated)
  move(x: number, y: number): string {
    const { client } = callContext();
    if (x < 0 || y < 0) throw new RpcError('OUT_OF_RANGE', 'the field begins at 0, 0', { x, y });
    return `client ${client.id} is at ${x},${y}`;
  }

  /** Encrypted, and others are not: UseEncryption was for all of a connection or nothing. */
  @Rpc(Security.Encrypted | Security.Authenticated, { rateLimit: { perSecond: 0.1, burst: 3 } })
  buy(item: string): string {
    this.#score += 10;
    this.#changes.emit('score');
    return item;
  }

  /** NetworkVariable<int>: its value, and each that follows. Who reads slowly gets the latest. */
  @Rpc(Security.Authenticated)
  async *score(): AsyncGenerator<number> {
    const { signal } = callContext();
    let told: number | undefined;
    for (;;) {
      if (told === this.#score) await once(this.#changes, 'score', { signal });
      told = this.#score;
      yield told;
    }
  }
}

// RpcInvokePermission.Owner: enforced where the method is.
class Ball {
  @Rpc(Security.Authenticated, { allow: 'owner' })
  kick(direction: number): string {
    return `kicked to ${direction}`;
  }
}

// [Rpc(SendTo.ClientsAndHost)]: what each client offers.
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
const { pem } = issueCertificate({ dnsNames: ['game.example'], issuer: authority });
// SetServerSecrets(certificate, privateKey)
const server = new NetworkingManager({
  certificate: { cert: pem.certificate, key: pem.key },
  // ConnectionApprovalCallback
  approveConnection: ({ connectionData, id }) => {
    if (connectionData !== 'room password') return { approved: false, message: 'wrong password' };
    return { approved: true, data: { player: { name: `player ${id}`, score: 0 } } }; // PeerData of docs/approval.md
  },
});
server.register(new Match()).register(new Ball());
const url = await server.startServer('ws://127.0.0.1:0');

const huds = [new Hud(), new Hud(), new Hud()];
const clients: NetworkingManager[] = [];
for (const hud of huds) {
  // SetClientSecrets(serverCommonName, caCertificate)
  const client = new NetworkingManager({
    ca: authority.pem.certificate,
    serverName: 'game.example',
    connectionData: 'room password',
    reconnect: true,
  });
  client.register(hud);
  const known = new Promise((resolve) => server.on('clientConnected', resolve));
  await client.startClient(url);
  await known;
  clients.push(client);
}
const [client, second] = clients as [NetworkingManager, NetworkingManager];

// Every call has an answer, or an error that says why there is none.
const match = client.rpc<Match>('Match', { timeoutMs: 5000 });
equal(await match.move(3, 4), 'client 1 is at 3,4');
try {
  await match.move(-1, 0);
} catch (error) {
  if (!isRpcError(error, 'OUT_OF_RANGE')) throw error;
  console.log(error.message, error.data);
}

// RpcTarget.Single, Not, Group, and everyone.
await server.clients.get(1)?.rpc<Hud>('Hud').damage(1);
await server.everyoneExcept(1).rpc<Hud>('Hud').damage(10);
await server.only([1, 2]).rpc<Hud>('Hud').damage(100);
server.group('red').add(1).add(2);
await server.group('red').rpc<Hud>('Hud').damage(1000);
const { settled } = await server.everyone().rpc<Hud>('Hud').pickTeam(['red', 'blue']);
deepEqual([...settled.keys()], [1, 2, 3]);
deepEqual(
  huds.map(({ points }) => points),
  [1101, 1110, 10],
);

// Ownership
server.setOwner('Ball', 1);
equal(await client.rpc<Ball>('Ball').kick(90), 'kicked to 90');
equal(await codeOf(second.rpc<Ball>('Ball').kick(90)), 'PERMISSION_DENIED');

// OnValueChanged
for await (const score of client.rpc<Match>('Match').score()) {
  if (score === 20) break;
  await match.buy('sword');
}
await match.buy('shield');
equal(await codeOf(match.buy('too much')), 'RESOURCE_EXHAUSTED');

// DisconnectClient
const gone = new Promise<SealwireError>((resolve) => second.on('disconnected', resolve));
server.clients.get(2)?.disconnect();
console.log(`client 2 was sent away: ${(await gone).reason}`);

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
