// stop({ drainMs }) of a host in full work: streams both ways, its own client, clients that have gone and mean to come back.
// What finishes in time is finished, the rest ends with a coded error, and every handle of the process is one that was there
// before: looked at right behind the last stop().

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { Security } from '../../lib/contract/security.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { startRelay } from '../../samples/tour/relay.js';
import { authority, credentials, serverCertificate, serverName } from '../support/authority.js';
import { transport } from '../support/pair.js';
import { codeOf, eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';

/** Sockets, servers and pipes that keep the process alive. */
function handles(): Set<object> {
  return new Set((process as unknown as { _getActiveHandles(): object[] })._getActiveHandles());
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Offered by both sides. */
class Flow {
  running = 0;

  @Rpc(Security.Encrypted | Security.Authenticated)
  async *pour(to: number): AsyncGenerator<Uint8Array> {
    yield* this.made(to);
  }

  @Rpc(Security.Authenticated)
  async drink(items: AsyncIterable<Uint8Array>): Promise<number> {
    this.running += 1;
    let taken = 0;
    try {
      for await (const _ of items) taken += 1;
    } finally {
      this.running -= 1;
    }
    return taken;
  }

  async *made(to: number): AsyncGenerator<Uint8Array> {
    this.running += 1;
    try {
      for (let index = 0; index < to; index++) {
        if (index % 10 === 9) await pause(1);
        yield new Uint8Array(2000);
      }
    } finally {
      this.running -= 1;
    }
  }
}

describe('manager: stop({ drainMs }) and the handles of the process', () => {
  nothingUncaught();
  nothingLeftBehind();

  for (const scheme of ['ws', 'tcp'] as const) {
    for (const first of ['host', 'clients'] as const) {
      it(`leaves nothing of streams, a host and clients that come back (${scheme}, ${first} first)`, async () => {
        const before = handles();
        const flow = new Flow();
        const newClient = (config: NetworkConfig = {}): NetworkingManager =>
          new NetworkingManager({ ca: authority().pem.certificate, serverName, ...config }).register(flow);
        const host = new NetworkingManager({ certificate: credentials(serverCertificate()) }).register(flow);
        const url = await host.startHost(`${scheme}://127.0.0.1:0`);
        const relay = await startRelay({
          listen: transport(scheme, `${scheme}://127.0.0.1:0`),
          dial: () => transport(scheme, url),
          intercept: ({ bytes }) => [bytes],
        });
        const soon = { initialDelayMs: 1, maxDelayMs: 5 };
        const later = { initialDelayMs: 3_600_000, maxDelayMs: 3_600_000, jitter: 0 };
        const plain = newClient();
        const [returning, away] = [newClient({ reconnect: soon }), newClient({ reconnect: later })];
        for (const client of [plain, returning]) await client.startClient(url);
        await away.startClient(relay.url);
        await eventually('all are in', () => host.clients.size === 4);

        // Without end: cut when the time is up.
        const endless = [
          ...host.clients.values(),
          host.connection!,
          plain.connection!,
          away.connection!,
        ].flatMap((peer) => [codeOf(all(peer, Number.POSITIVE_INFINITY)), codeOf(drink(peer, flow))]);
        // Finished in time, by both ends.
        const finite = [host.connection!, returning.connection!, host.hostClient!].map((peer) =>
          all(peer, 40),
        );
        await eventually('they run', () => flow.running >= 20);
        await relay.close();
        await eventually('it is away', () => away.state !== 'ready');

        const stopClients = () => Promise.all([plain, returning, away].map((client) => client.stop()));
        if (first === 'host') {
          await host.stop({ drainMs: 1500 });
          expect(await Promise.all(finite)).to.deep.equal([40, 40, 40]);
          await eventually('it has noticed', () => returning.state !== 'ready');
          await stopClients();
        } else {
          expect(await Promise.all(finite)).to.deep.equal([40, 40, 40]);
          await stopClients();
          await host.stop({ drainMs: 50 });
        }
        // A handle that is closed goes with the turn of the event loop.
        for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
        expect([...handles()].filter((handle) => !before.has(handle))).to.deep.equal([]);
        expect(new Set(await Promise.all(endless))).to.deep.equal(new Set(['CONNECTION_CLOSED']));
        await eventually('every finally has run', () => flow.running === 0);
      });
    }
  }
});

/** How many items of a stream of the peer came. */
async function all(peer: Peer, to: number): Promise<number> {
  let taken = 0;
  for await (const _ of peer.rpc<Flow>('Flow').pour(to)) taken += 1;
  return taken;
}

function drink(peer: Peer, flow: Flow): Promise<number> {
  return peer.rpc<Flow>('Flow').drink(flow.made(Number.POSITIVE_INFINITY));
}
