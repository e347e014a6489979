// What a Photon program (PUN 2, Realtime) becomes; docs/coming-from/photon.md has both side by side.
// Run it: node dist/samples/guide/coming-from-photon.js

import { deepEqual, equal } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
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

  /** Sent openly as a rule; a caller may want more for one call. */
  @Rpc(Security.Authenticated)
  status(text: string): string {
    return `${text}, under flags ${callContext().security}`;
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

// Encrypt for one call, of a method that does not ask for it.
const raised = client.rpc<Room>('Room', { security: Security.Encrypted });
equal(await raised.status('back at eight'), 'back at eight, under flags 3');

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

// EstablishEncryption, when you say so: until then what needs no protection goes in the clear.
const certificate = { cert: pem.certificate, key: pem.key };
const ca = authority.pem.certificate;
const openServer = new NetworkingManager({ certificate, encryption: 'onDemand' });
openServer.register(new Room());
const openUrl = await openServer.startServer('ws://127.0.0.1:0');
const visitor = new NetworkingManager({ ca, serverName: 'game.example', encryption: 'onDemand' });
visitor.on('encryptionEstablished', ({ security }) => console.log(`keys by ${security.group}`)); // 1048
visitor.on('encryptionFailed', ({ code }) => console.log(`no keys, ${code}`)); // 1049, and the connection ends
await visitor.startClient(openUrl);
const isEncryptionAvailable = (): boolean => visitor.connection?.security.state === 'secured';
equal(isEncryptionAvailable(), false);
await visitor.connection!.establishEncryption();
equal(isEncryptionAvailable(), true);
const voiceKey = visitor.connection!.exportKey('voice chat', 32);
await openServer.clients.get(1)!.establishEncryption(); // the server may ask as well; it is done once
deepEqual(openServer.clients.get(1)!.exportKey('voice chat', 32), voiceKey);
await visitor.stop();
await openServer.stop();

// Master and Game servers: what a web service said of a player goes along in the token.
class Match {
  @Rpc(Security.Authenticated, { requiresIdentity: true })
  whoAmI(): string {
    return callContext().identity!.name;
  }

  /** What the Master injected: servers read it, the client does not. */
  @Rpc(Security.Authenticated, { requiresIdentity: true })
  team(): unknown {
    const { identity } = callContext();
    return identity?.kind === 'token' ? identity.data : undefined;
  }
}

const TOKEN_KEY = randomBytes(32).toString('base64');
function newServer(): NetworkingManager {
  return new NetworkingManager({
    certificate,
    minimumSecurity: Security.Encrypted | Security.Authenticated, // in place of DatagramEncryption
    authenticate: {
      steam: async (ticket) => (ticket === 'ticket of ada' ? { subject: 'ada' } : undefined),
    },
    tokens: {
      keys: [{ id: '2026-11', key: TOKEN_KEY }], // openssl rand -base64 32, the same on all servers
      lifetimeMs: 3_600_000, // the default, and Photon's
    },
  }).register(new Match());
}
const master = newServer();
const game = newServer();
// As with AuthOnceWss: the credentials over WSS, the game over something else.
const masterUrl = await master.startServer('wss://127.0.0.1:0');
const gameUrl = await game.startServer('tcp://127.0.0.1:0');

const ada = new NetworkingManager({
  ca,
  serverName: 'game.example',
  // AuthValues. Asked again when there is no token any more that would do: `reason` is TOKEN_EXPIRED, say.
  credentials: async ({ reason }) => {
    console.log(reason ?? 'the first time');
    return { scheme: 'steam', credentials: 'ticket of ada' };
  },
});
ada.on('moved', ({ security }) => console.log(`moved: ${security.protection}`));
await ada.startClient(masterUrl);
equal(ada.connection?.security.protection, 'transport');
await master.updateIdentity(master.clients.get(1)!, { data: { team: 'red' } });
const match = ada.rpc<Match>('Match');
equal(await match.whoAmI(), 'ada'); // by the time this is answered, the new token is here
await ada.moveTo(gameUrl); // leaves the Master, authenticates by the token, without the ticket
deepEqual(await match.team(), { team: 'red' });

// CustomAuthenticationFailed
const cheat = new NetworkingManager({
  ca,
  serverName: 'game.example',
  credentials: () => ({ scheme: 'steam', credentials: 'made up' }),
});
equal(await codeOf(cheat.startClient(masterUrl)), 'UNAUTHENTICATED');

await ada.stop();
await Promise.all([master.stop(), game.stop()]);

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SealwireError) return error.code;
    throw error;
  }
  return 'it answered';
}
