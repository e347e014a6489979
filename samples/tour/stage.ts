// The cast of the tour, over real WebSockets on this machine:
//
//   visitor ──▸ relay, where the eavesdropper sits ──▸ server ◂── bystander
//
// Each attack gets a visitor and a relay of its own, so that none disturbs another. The bystander is connected from the
// beginning to the end, and whatever happens to visitors must not touch it.

import { NetworkingManager, type Peer, type RpcProxy } from 'sealwire';
import { WebSocketTransport } from 'sealwire/transport/websocket';
import { Arena, Hud } from './arena.js';
import { type Credentials, makeCredentials } from './credentials.js';
import { Eavesdropper, type Tamper } from './eavesdropper.js';
import { Journal } from './journal.js';
import { type Relay, startRelay } from './relay.js';

const freePort = 'ws://127.0.0.1:0';

/** A server that is running. */
export interface House {
  readonly arena: Arena;
  readonly server: NetworkingManager;
  readonly journal: Journal;
  readonly url: string;
}

/** A client on the other side of the eavesdropper. */
export interface Visitor {
  readonly client: NetworkingManager;
  readonly arena: RpcProxy<Arena>;
  readonly hud: Hud;
  readonly journal: Journal;
  readonly eavesdropper: Eavesdropper;
  readonly relay: Relay;
  /** Connects; resolves to the client as the server sees it. */
  connect(): Promise<Peer>;
}

export class Stage {
  readonly credentials: Credentials;
  readonly house: House;
  /** Codes of what Sealwire told the developer meanwhile; `npm start` has Node not print it as well. */
  readonly warnings: readonly string[];
  readonly #bystander: NetworkingManager;
  readonly #bystanderConnection: Peer | undefined;
  readonly #visits: { client: NetworkingManager; relay: Relay }[] = [];

  static async set(): Promise<Stage> {
    const warnings: string[] = [];
    process.on('warning', (warning: NodeJS.ErrnoException) => warnings.push(warning.code ?? warning.name));
    const credentials = makeCredentials('Tour authority');
    const house = await openHouse(credentials);
    const bystander = new NetworkingManager({ ca: credentials.authorityPem });
    await bystander.startClient(house.url);
    // The server is ready a moment after its client: it waits for the client's Finished.
    await house.journal.entry('clientConnected');
    return new Stage(credentials, house, bystander, warnings);
  }

  private constructor(
    credentials: Credentials,
    house: House,
    bystander: NetworkingManager,
    warnings: readonly string[],
  ) {
    this.warnings = warnings;
    this.credentials = credentials;
    this.house = house;
    this.#bystander = bystander;
    this.#bystanderConnection = bystander.connection;
  }

  /** A new client, which trusts the authority of this stage, and a new relay between it and the server. */
  async visit(tamper?: Tamper, house: House = this.house): Promise<Visitor> {
    const eavesdropper = new Eavesdropper(tamper);
    const relay = await startRelay({
      listen: new WebSocketTransport(freePort),
      dial: () => new WebSocketTransport(house.url),
      intercept: eavesdropper.intercept,
    });
    const client = new NetworkingManager({ ca: this.credentials.authorityPem });
    this.#visits.push({ client, relay });
    const hud = new Hud();
    client.register(hud);
    return {
      client,
      arena: client.rpc<Arena>('Arena'),
      hud,
      journal: new Journal(client),
      eavesdropper,
      relay,
      async connect() {
        const from = house.journal.length;
        await client.startClient(relay.url);
        const entry = await house.journal.entry('clientConnected', { from });
        const peer = house.server.clients.get(entry?.peer ?? 0);
        if (peer === undefined) throw new Error('the server does not know the client that has connected');
        return peer;
      },
    };
  }

  /** Whether the bystander is still on the connection that it began with, and is answered on it. */
  async bystanderIsUndisturbed(): Promise<boolean> {
    const answer = await this.#bystander.rpc<Arena>('Arena').move('east', 1);
    return answer === '1 to the east' && this.#bystander.connection === this.#bystanderConnection;
  }

  async close(): Promise<void> {
    for (const { client, relay } of this.#visits) {
      await client.stop();
      await relay.close();
    }
    await this.#bystander.stop();
    await this.house.server.stop();
  }
}

/** Starts a server that shows these credentials. */
export async function openHouse({ pfx, passphrase }: Credentials): Promise<House> {
  const server = new NetworkingManager({ certificate: { pfx, passphrase } });
  const arena = new Arena();
  server.register(arena);
  const journal = new Journal(server);
  return { arena, server, journal, url: await server.startServer(freePort) };
}
