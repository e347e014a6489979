// A server with many clients, each with a notebook of what it was told; for the specs of targets and groups.

import { Rpc } from '../../decorators/index.js';
import { RpcError, type SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { authority, serverName } from '../support/authority.js';
import { type Scheme, startUnconnected } from '../support/pair.js';
import { eventually } from '../support/settled.js';

/** What clients offer. */
export class Hud {
  readonly told: unknown[] = [];
  waiting = 0;

  @Rpc(Security.None, { oneWay: true })
  tell(what: unknown): void {
    this.told.push(what);
  }

  @Rpc(Security.Encrypted | Security.Authenticated, { oneWay: true })
  whisper(what: unknown): void {
    this.told.push(what);
  }

  @Rpc(Security.Authenticated)
  echo(what: unknown): unknown {
    return what;
  }

  @Rpc(Security.Authenticated)
  count(): number {
    return this.told.length;
  }

  @Rpc()
  refuse(): never {
    throw new RpcError('FAILED_PRECONDITION', 'not now');
  }

  @Rpc()
  wait(): Promise<never> {
    this.waiting += 1;
    return new Promise(() => {});
  }
}

export interface Crowd {
  readonly server: NetworkingManager;
  readonly url: string;
  /** In the order of their ids, from 1. */
  readonly clients: readonly NetworkingManager[];
  readonly huds: readonly Hud[];
  /** `client 3 Hud.tell UNIMPLEMENTED` */
  readonly failures: string[];
  readonly errors: SealwireError[];
  /** Connects one more. */
  join(service: object, config?: NetworkConfig): Promise<{ client: NetworkingManager; peer: Peer }>;
  stop(): Promise<void>;
}

export async function crowdOf(
  count: number,
  scheme: Scheme = 'memory',
  config: NetworkConfig = {},
): Promise<Crowd> {
  const setup = await startUnconnected({ scheme, server: config });
  const { server, url } = setup;
  const clients: NetworkingManager[] = [];
  const failures: string[] = [];
  const errors: SealwireError[] = [];
  server.on('deliveryFailed', (client, method, error) => {
    failures.push(`client ${client.id} ${method} ${error.code}`);
    errors.push(error);
  });
  const join: Crowd['join'] = async (service, own = {}) => {
    const common = { ca: authority().pem.certificate, serverName };
    const client = new NetworkingManager({ ...common, ...own }).register('Hud', service);
    clients.push(client);
    const known = server.clients.size;
    await client.startClient(url);
    await eventually('it is in', () => server.clients.size > known);
    return { client, peer: [...server.clients.values()].at(-1)! };
  };
  const huds = Array.from({ length: count }, () => new Hud());
  for (const hud of huds) await join(hud);
  const stop = async () => {
    await Promise.all(clients.map((client) => client.stop()));
    await setup.stop();
  };
  return { server, url, clients, huds, failures, errors, join, stop };
}
