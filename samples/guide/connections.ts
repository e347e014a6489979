// A client that comes back by itself after its server was restarted. Run it: node dist/samples/guide/connections.js

import { deepEqual, equal } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientState, callContext, NetworkingManager, Rpc, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });

class Arena {
  readonly #seats = new Map<number, string>();

  /** A new connection is a new client: it says who it was. */
  @Rpc(Security.Encrypted | Security.Authenticated)
  resume(ticket: string): string {
    this.#seats.set(callContext().client.id, ticket);
    return `welcome back, ${ticket}`;
  }

  /** To ask twice is the same as to ask once. */
  @Rpc(Security.Authenticated, { idempotent: true })
  whoAmI(): string {
    return this.#seats.get(callContext().client.id) ?? 'a stranger';
  }

  @Rpc(Security.Authenticated)
  async think(ms: number): Promise<string> {
    await sleep(ms, undefined, { signal: callContext().signal });
    return 'done';
  }
}

let server = newServer();
const url = await server.startServer('ws://127.0.0.1:0');

const client = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'arena.example',
  reconnect: { initialDelayMs: 50, maxDelayMs: 1000 }, // or true; off by default
  heartbeat: { intervalMs: 15_000, timeoutMs: 15_000 }, // the default; false asks nothing
});
const states: ClientState[] = [];
client.on('stateChanged', async (state, _previous, error) => {
  states.push(state);
  if (state === 'reconnecting') console.log(`lost: ${error?.reason ?? error?.code}`);
  // Goes out in front of the calls that waited.
  if (state === 'ready') console.log(await client.rpc<Arena>('Arena').resume('ada'));
});
await client.startClient(url);
const arena = client.rpc<Arena>('Arena');
equal(await arena.whoAmI(), 'ada');

// In flight when the server stops: it lets the call finish, as long as drainMs says.
const thinking = arena.think(20);
const hanging = arena.think(60_000).catch((error: unknown) => error);
await arena.whoAmI();
await server.stop({ drainMs: 400 });
equal(await thinking, 'done');
// Cut off: whether it ran is not known, and nobody runs it a second time.
const cut = await hanging;
equal(cut instanceof SealwireError && cut.code, 'CONNECTION_CLOSED');

// Made while away: it waits for the next connection, as long as its own time limit says.
equal(client.connection, undefined);
const later = arena.whoAmI();
server = newServer();
await server.startServer(url);
equal(await later, 'ada');
equal(client.state, 'ready');
deepEqual(states.slice(0, 5), ['connecting', 'connected', 'securing', 'ready', 'reconnecting']);

await client.stop();
equal(states.at(-1), 'closed');
await server.stop();

function newServer(): NetworkingManager {
  return new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } }).register(
    new Arena(),
  );
}
