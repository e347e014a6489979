// A host: a server whose player sits at the same machine. Run it: node dist/samples/guide/host.js

import { callContext, NetworkingManager, Rpc, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });

// What the server offers.
class Arena {
  /** Whoever sits at the server's machine starts the match. */
  @Rpc(Security.Authenticated, { allow: (caller) => caller.isHost })
  startMatch(): string {
    return 'the match begins';
  }

  @Rpc(Security.Authenticated)
  hello(name: string): void {
    console.log(`client ${callContext().client.id} is here: ${name}`);
  }
}

// What each player offers, the host's own among them.
class Hud {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }

  /** Only the server may: a host offers this to its clients, too. */
  @Rpc(Security.Authenticated, { oneWay: true, allow: (caller) => caller.id === 0 })
  damage(points: number): void {
    console.log(`${this.name}: ${points} damage`);
  }
}

const host = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
host.register(new Arena()).register(new Hud('host'));
const url = await host.startHost('ws://127.0.0.1:0'); // without a URL: nobody outside of this process

const guest = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'arena.example' });
guest.register(new Hud('guest'));
await guest.startClient(url);

await host.rpc<Arena>('Arena').hello('host');
await guest.rpc<Arena>('Arena').hello('guest');

console.log(await host.rpc<Arena>('Arena').startMatch()); // as a client
await host.everyone().rpc<Hud>('Hud').damage(7); // as a server

await attempt(guest.rpc<Arena>('Arena').startMatch());
await host.everyoneExcept(host.hostClient!).rpc<Hud>('Hud').damage(3);

// One-way calls are refused without a word to their caller: the host's event tells.
const refused = new Promise<string>((resolve) =>
  host.on('callRefused', (_peer, _method, code) => resolve(code)),
);
await guest.rpc<Hud>('Hud').damage(100);
console.log(await refused);

const gone = new Promise<SealwireError>((resolve) => guest.on('disconnected', resolve));
await host.stop({ drainMs: 10_000 });
console.log(`the host is gone: ${(await gone).reason}`);

async function attempt(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SealwireError) console.log(error.code);
  }
}
