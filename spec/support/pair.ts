// A real server and a real client over a real transport, with or without somebody on the path between them.

import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { MemoryTransport } from '../../lib/transport/memory.js';
import { TcpTransport } from '../../lib/transport/tcp.js';
import { WebSocketTransport } from '../../lib/transport/websocket.js';
import { type Intercept, type Relay, startRelay } from '../../samples/tour/relay.js';
import { authority, serverCertificate, serverName } from './authority.js';

export type Scheme = 'ws' | 'tcp' | 'memory';
export const schemes: readonly Scheme[] = ['ws', 'tcp', 'memory'];

export interface PairOptions {
  readonly scheme?: Scheme;
  /** On top of the certificate of specs. */
  readonly server?: NetworkConfig;
  /** On top of the root and the name of specs. */
  readonly client?: NetworkConfig;
  /** What the server offers. */
  readonly services?: readonly object[];
  /** What the client offers. */
  readonly clientServices?: readonly object[];
  /** Puts a relay on the path. */
  readonly intercept?: Intercept;
}

export interface Pair {
  readonly server: NetworkingManager;
  readonly client: NetworkingManager;
  /** The client as the server sees it. */
  readonly peer: Peer;
  readonly relay: Relay | undefined;
  stop(): Promise<void>;
}

/** Starts both; rejects, with everything stopped again, when the client cannot connect. */
export async function startPair(options: PairOptions = {}): Promise<Pair> {
  const setup = await startUnconnected(options);
  const { server, client, relay } = setup;
  try {
    const connected = new Promise<Peer>((resolve) => server.on('clientConnected', resolve));
    await setup.connect();
    return { server, client, relay, peer: await connected, stop: setup.stop };
  } catch (error) {
    await setup.stop();
    throw error;
  }
}

export interface Unconnected {
  readonly server: NetworkingManager;
  readonly client: NetworkingManager;
  readonly relay: Relay | undefined;
  /** What the client dials: the relay where there is one. */
  readonly url: string;
  connect(): Promise<void>;
  stop(): Promise<void>;
}

/** A server that listens and a client that has not dialled yet. */
export async function startUnconnected(options: PairOptions = {}): Promise<Unconnected> {
  const { scheme = 'ws', intercept } = options;
  const { certificate, key } = serverCertificate().pem;
  const server = new NetworkingManager({ certificate: { cert: certificate, key }, ...options.server });
  const client = new NetworkingManager({ ca: authority().pem.certificate, serverName, ...options.client });
  for (const service of options.services ?? []) server.register(service);
  for (const service of options.clientServices ?? []) client.register(service);
  const serverUrl = await server.startServer(freshUrl(scheme));
  const relay =
    intercept &&
    (await startRelay({
      listen: transport(scheme, freshUrl(scheme)),
      dial: () => transport(scheme, serverUrl),
      intercept,
    }));
  const url = relay?.url ?? serverUrl;
  return {
    server,
    client,
    relay,
    url,
    connect: () => client.startClient(url),
    async stop() {
      await client.stop();
      await server.stop();
      await relay?.close();
    },
  };
}

let memoryNames = 0;

function freshUrl(scheme: Scheme): string {
  return scheme === 'memory' ? `memory://spec-${memoryNames++}` : `${scheme}://127.0.0.1:0`;
}

/** A transport of that scheme; for `url` see the schemes' own specs. */
export function transport(scheme: Scheme, url: string): WebSocketTransport | TcpTransport | MemoryTransport {
  if (scheme === 'ws') return new WebSocketTransport(url);
  return scheme === 'tcp' ? new TcpTransport(url) : new MemoryTransport(url);
}
