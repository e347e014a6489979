// What a Photon program (PUN 2, Realtime) becomes; docs/coming-from/photon.md has both side by side.
// Run it: node dist/samples/guide/coming-from-photon.js

import { deepEqual, equal } from 'node:assert/strict';
import { callContext, NetworkingManager, Rpc, RpcError, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

// What the relay in the cloud did, is your own code now: it decides what goes to whom.
class Room {
  /** JoinOrCreateRoom: the server's policy has the last word, see allowJoin below. */
  @Rpc(Security.Authenticated)
  async join(room: string): Promise<number> {
    const { client } = callContext();
    await server.group(room).join(client);
    return server.group(room).size;
  }

  @Rpc(Security.Authenticated, { rateLimit: { perSecond: 10, burst: 20 } })
  async say(room: string, text: string): Promise<void> {
    const { client } = callContext(); // PhotonMessageInfo.Sender, as the server knows it
    const members = server.group(room);
    if (!members.has(client)) throw new RpcError('FAILED_PRECONDITION', 'join the room first');
    await members.rpc<Player>('Player').chatMessage(client.id, text);
  }

  @Rpc(Security.Authenticated, { oneWay: true })
  move(room: string, x: number, y: number): void {
    const { client } = callContext();
    const others = server.group(room).except(client);
    void others.rpc<Player>('Player', { volatile: true }).moved(client.id, x, y);
  }

  /** RpcSecure, declared once: who forgets to encrypt is refused. */
  @Rpc(Security.Encrypted | Security.Authenticated)
  redeem(coupon: string): number {
    return coupon.length * 100;
  }
}

// [PunRPC]: what each player offers.
class Player {
  readonly heard: string[] = [];

  @Rpc(Security.Authenticated, { oneWay: true })
  chatMessage(from: number, text: string): void {
    this.heard.push(`${from}: ${text}`);
  }

  @Rpc(Security.None, { oneWay: true })
  moved(from: number, x: number, y: number): void {
    this.heard.push(`${from} at ${x},${y}`);
  }

  @Rpc(Security.Authenticated)
  ready(): boolean {
    return true;
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['game.example'], issuer: authority });
const server = new NetworkingManager({
  certificate: { cert: pem.certificate, key: pem.key },
  // Custom authentication: your own function, in place of a web service that Photon asks.
  approveConnection: ({ connectionData, id }) => {
    if (connectionData !== 'ticket') throw new RpcError('UNAUTHENTICATED', 'the ticket is not valid');
    return { approved: true, data: { player: { name: `player ${id}`, score: 0 } } }; // PeerData of docs/approval.md
  },
});
server.register(new Room());
// MaxPlayers, IsOpen, passwords: a room is what your policy says.
server.allowJoin((_client, room) => room !== 'closed' && server.group(room).size < 2);
server.on('encryptionFailed', (error, address) => console.log(`${address}: ${error.code}`));
const url = await server.startServer('ws://127.0.0.1:0');

const players = [new Player(), new Player(), new Player()];
const clients: NetworkingManager[] = [];
for (const player of players) {
  const client = new NetworkingManager({
    ca: authority.pem.certificate,
    serverName: 'game.example',
    connectionData: () => 'ticket', // AuthValues; asked anew for each connection
    reconnect: { maxAttempts: 10 },
  });
  client.register(player);
  client.on('disconnected', (error) => player.heard.push(error.reason ?? error.code)); // OnDisconnected(cause)
  const known = new Promise((resolve) => server.on('clientConnected', resolve));
  await client.startClient(url);
  await known;
  clients.push(client);
}
const [client, second, third] = clients as [NetworkingManager, NetworkingManager, NetworkingManager];

// ReconnectAndRejoin: a new connection is in no room, until it says so.
client.on('stateChanged', (state) => {
  if (state === 'ready') void client.rpc<Room>('Room').join('red');
});

const room = client.rpc<Room>('Room');
equal(await room.join('red'), 1);
equal(await second.rpc<Room>('Room').join('red'), 2);
equal(await codeOf(third.rpc<Room>('Room').join('red')), 'PERMISSION_DENIED'); // OnJoinRoomFailed

// RpcTarget.All and RpcTarget.Others, by way of the server.
await room.say('red', 'hello');
await room.move('red', 3, 4);
equal(await codeOf(third.rpc<Room>('Room').say('red', 'let me in')), 'FAILED_PRECONDITION');

// SendOperation with Encrypt, and its OnOperationResponse.
equal(await client.rpc<Room>('Room', { timeoutMs: 5000 }).redeem('SUMMER'), 600);

// From the server: to one, and to all of them with an answer from each.
equal(await server.clients.get(2)?.rpc<Player>('Player').ready(), true);
const { succeeded } = await server.everyone().rpc<Player>('Player', { timeoutMs: 5000 }).ready();
equal(succeeded, 3);
deepEqual(
  players.map(({ heard }) => heard),
  [['1: hello'], ['1: hello', '1 at 3,4'], []],
);

// CloseConnection(player)
const gone = new Promise<SealwireError>((resolve) => third.on('disconnected', resolve));
server.clients.get(3)?.disconnect();
console.log(`client 3 was sent away: ${(await gone).reason}`);

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
