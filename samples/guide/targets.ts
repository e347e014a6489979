// Calls for many clients, groups, and who owns what. Run it: node dist/samples/guide/targets.js

import { callContext, NetworkingManager, Rpc, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });

// What the server offers.
class Lobby {
  /** A client asks; the policy below decides. */
  @Rpc(Security.Authenticated)
  join(team: string): Promise<void> {
    return server.group(team).join(callContext().client);
  }
}

class Ship {
  /** Only for the connection that owns this ship, whatever a message may say. */
  @Rpc(Security.Authenticated, { allow: 'owner' })
  steer(course: number): string {
    return `the course is ${course}`;
  }
}

// What each client offers.
class Hud {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }

  @Rpc(Security.Authenticated, { oneWay: true })
  damage(points: number): void {
    console.log(`${this.name}: ${points} damage`);
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  async chooseColour(choices: string[]): Promise<string> {
    if (this.name === 'cleo') await new Promise((resolve) => setTimeout(resolve, 500));
    return choices[this.name.length % choices.length] ?? 'white';
  }
}

const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Lobby()).register(new Ship());
server.allowJoin((client, group) => group === 'red' || (group === 'blue' && client.id % 2 === 0));
server.on('deliveryFailed', (client, method, error) => console.log(client.id, method, error.code));
const url = await server.startServer('ws://127.0.0.1:0');

const clients: NetworkingManager[] = [];
for (const name of ['ada', 'bob', 'cleo']) {
  const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'arena.example' });
  client.register(new Hud(name));
  const known = new Promise((resolve) => server.on('clientConnected', resolve));
  await client.startClient(url);
  await known;
  clients.push(client);
}
const [ada, bob, cleo] = clients as [NetworkingManager, NetworkingManager, NetworkingManager];

// Groups: joined by server code, or by clients that the policy lets in.
await ada.rpc<Lobby>('Lobby').join('red');
server.group('red').add(2);
await attempt(cleo.rpc<Lobby>('Lobby').join('blue'));

// An event for many is serialized once. It is handed over, and nobody waits for anybody.
const { succeeded } = await server.everyone().rpc<Hud>('Hud').damage(7);
console.log(`sent to ${succeeded}`);
await server.group('red').except(1).rpc<Hud>('Hud').damage(3);

// With answers: what became of it for each client. None of them can make the call fail for the others.
const { settled } = await server
  .everyone()
  .rpc<Hud>('Hud', { timeoutMs: 100 })
  .chooseColour(['red', 'green', 'blue', 'black']);
for (const [id, outcome] of settled) console.log(id, outcome.ok ? outcome.value : outcome.error.code);

// Owners: a connection, or the name of an identity.
server.setOwner('Ship', 2);
console.log(await bob.rpc<Ship>('Ship').steer(90));
await attempt(ada.rpc<Ship>('Ship').steer(180));

for (const client of clients) await client.stop();
await server.stop();

async function attempt(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SealwireError) console.log(error.code);
  }
}
