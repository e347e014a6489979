// Two sessions over one connection, in memory or over sockets, with keys and without certificates: for specs that want to look at what a
// manager keeps to itself (the load) or send what no caller would.

import type { Clock } from '../../lib/base/clock.js';
import { type Limits, resolveLimits } from '../../lib/base/limits.js';
import { Connection } from '../../lib/connection/connection.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { startClientHandshake } from '../../lib/handshake/client.js';
import { startServerHandshake } from '../../lib/handshake/server.js';
import { nodePlatform } from '../../lib/manager/node.js';
import { Registry, type Services } from '../../lib/rpc/registry.js';
import { Session } from '../../lib/rpc/session.js';
import type { TransportConnection } from '../../lib/transport/transport.js';
import { transportCodes } from '../../lib/wire/handshake-message.js';
import { type Scheme, transport } from '../support/pair.js';

export interface LinkedSide {
  readonly session: Session;
  readonly connection: Connection;
  /** What its observer was told: the kind, then the arguments behind the peer. */
  readonly events: readonly unknown[][];
}

export interface LinkedSessions {
  readonly client: LinkedSide;
  readonly server: LinkedSide;
  stop(): Promise<void>;
}

export interface LinkOptions {
  readonly clientServices?: readonly object[];
  readonly serverServices?: readonly object[];
  readonly limits?: Partial<Limits>;
  readonly clock?: Clock;
  /** Default `memory`. */
  readonly scheme?: Scheme;
}

const allowed = 0b1111;
let names = 0;

export async function linkSessions(options: LinkOptions = {}): Promise<LinkedSessions> {
  const limits = resolveLimits(options.limits);
  const { scheme = 'memory' } = options;
  const frames = { maxFrameBytes: limits.maxHandshakeFrameBytes, maxFrameBytesLater: limits.maxFrameBytes };
  let accept: (connection: TransportConnection) => void = () => undefined;
  const accepted = new Promise<TransportConnection>((resolve) => {
    accept = resolve;
  });
  const address = scheme === 'memory' ? `memory://linked-${names++}` : `${scheme}://127.0.0.1:0`;
  const listener = await transport(scheme, address).listen({
    ...frames,
    accept: (connection) => accept(connection),
  });
  const { signal } = new AbortController();
  const dialled = await transport(scheme, listener.url).connect({ ...frames, signal });
  const common = {
    transport: transportCodes[dialled.kind],
    crypto: nodeCrypto,
    allowed,
    maxFrameBytes: limits.maxFrameBytes,
    maxMessageBytes: limits.maxMessageBytes,
  };

  const serverServices = served(options.serverServices);
  const atServer = await accepted;
  // The connection lives on, and stop() need not know of it.
  const closed = listener.close();
  const server = open(atServer, 1, serverServices, limits, options.clock, {
    handshake: startServerHandshake({
      ...common,
      manifest: serverServices.manifest,
      identities: undefined,
      clientAuthentication: 'none',
      iterations: 1,
    }),
  });
  const clientServices = served(options.clientServices);
  const { handshake, send } = startClientHandshake({
    ...common,
    manifest: clientServices.manifest,
    signed: false,
    identities: [],
    serverName: '',
    maxIterations: 1,
  });
  const client = open(dialled, 0, clientServices, limits, options.clock, { handshake, firstFrame: send });
  await Promise.all([client.ready, server.ready]);
  return {
    client,
    server,
    async stop() {
      client.session.disconnect();
      await Promise.all([client.session.finished, server.session.finished, closed]);
    },
  };
}

function served(targets: readonly object[] = []): Services {
  const registry = new Registry();
  for (const target of targets) registry.register(target.constructor.name, target);
  return registry.services();
}

type Hello = Pick<ConstructorParameters<typeof Connection>[0], 'handshake' | 'firstFrame'>;

function open(
  transport: TransportConnection,
  id: number,
  services: Services,
  limits: Limits,
  clock: Clock = nodePlatform.clock,
  hello: Hello,
): LinkedSide & { readonly ready: Promise<void> } {
  const events: unknown[][] = [];
  let isReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const session: Session = new Session({
    id,
    services,
    limits,
    clock,
    expectations: new Set(),
    judge: { checkPeer: () => undefined },
    observer: {
      established: () => isReady(),
      failed: (_peer, ...args) => events.push(['failed', ...args]),
      refused: (_peer, ...args) => events.push(['refused', ...args]),
      closed: (_peer, error) => events.push(['closed', error.code, error.reason]),
    },
  });
  const connection = new Connection({
    transport,
    ...hello,
    limits,
    clock,
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
    owner: session,
  });
  session.attach(connection);
  return { session, connection, events, ready };
}
