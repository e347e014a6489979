// A connection that begins in the clear, and agrees on keys when somebody asks. Run it: node dist/samples/guide/on-demand.js

import { deepEqual, equal } from 'node:assert/strict';
import { callContext, NetworkingManager, Rpc, RpcError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['lobby.example'], issuer: authority });
const ca = authority.pem.certificate;

class Lobby {
  @Rpc() // Security.None: in the clear at any time
  rooms(): string[] {
    return ['red', 'blue'];
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  logIn(name: string, password: string): string {
    if (password !== 'hunter2') throw new RpcError('UNAUTHENTICATED', 'wrong password');
    return `welcome, ${name}, under flags ${callContext().security}`;
  }
}

class Hud {
  @Rpc(Security.Authenticated, { oneWay: true })
  damage(points: number): void {
    console.log(`${points} damage`);
  }
}

const certificate = { cert: pem.certificate, key: pem.key };
const server = new NetworkingManager({ certificate, encryption: 'onDemand' });
server.register(new Lobby());
server.on('encryptionEstablished', (client) => console.log(`server: keys with client ${client.id}`));
server.on('encryptionFailed', ({ code }) => console.log(`server: no keys, ${code}`));
const url = await server.startServer('tcp://127.0.0.1:0');

const client = new NetworkingManager({ ca, serverName: 'lobby.example', encryption: 'onDemand' });
client.register(new Hud());
client.on('encryptionEstablished', ({ security }) => console.log(`client: ${security.protection}`));
client.on('encryptionFailed', ({ code, reason }) => console.log(`client: no keys, ${code} ${reason}`));
await client.startClient(url);

const lobby = client.rpc(Lobby);
const rooms = await lobby.rooms(); // goes out in the clear: the class says that it may
equal(client.connection!.security.state, 'plain');

await client.connection!.establishEncryption(); // or let the first secured call do it
console.log(await lobby.logIn('ada', 'hunter2'));
deepEqual(rooms, ['red', 'blue']);

// By name alone nobody on this side says so, and the call waits for keys, unless its caller says so.
const other = new NetworkingManager({ ca, serverName: 'lobby.example', encryption: 'onDemand' });
other.register(new Hud());
await other.startClient(url);
const byName = other.rpc<Lobby>('Lobby');
const open = other.rpc<Lobby>('Lobby', { inTheClear: true });
deepEqual(await open.rooms(), ['red', 'blue']);
equal(other.connection!.security.state, 'plain');
deepEqual(await byName.rooms(), ['red', 'blue']);
equal(other.connection!.security.state, 'secured');

// The server may ask as well; and what it must protect waits there.
const third = new NetworkingManager({ ca, serverName: 'lobby.example', encryption: 'onDemand' });
await third.register(new Hud()).startClient(url);
const everyone = server.everyone().rpc(Hud);
equal((await everyone.damage(7)).succeeded, 3);
equal(third.connection!.security.state, 'secured');

// Nothing goes out in the clear when it fails.
const { pem: stranger } = issueCertificate({ commonName: 'Somebody else', ca: true });
const wary = new NetworkingManager({
  ca: stranger.certificate,
  serverName: 'lobby.example',
  encryption: 'onDemand',
});
wary.on('encryptionFailed', ({ code, reason }) => console.log(`wary client: no keys, ${code} ${reason}`));
await wary.startClient(url);
const refused = await wary
  .rpc(Lobby)
  .logIn('ada', 'hunter2')
  .catch((error: unknown) => error);
console.log(`wary client: ${(refused as { code: string }).code}`);
equal(wary.connection, undefined);

for (const manager of [client, other, third, wary]) await manager.stop();
await server.stop();
