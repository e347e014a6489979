// Servers that know one another's tokens and clients that go between them, by one clock that a spec can put forward.

import { randomBytes } from 'node:crypto';
import { Rpc } from '../../decorators/index.js';
import { RpcError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { nodePlatform } from '../../lib/manager/node.js';
import { ServerManager } from '../../lib/manager/server-manager.js';
import type { TokenOptions } from '../../lib/manager/server-tokens.js';
import { callContext } from '../../lib/rpc/call-context.js';
import type { TokenKey } from '../../lib/token/key-ring.js';
import { authority, credentials, serverCertificate, serverName } from '../support/authority.js';
import { JumpingClock } from '../support/jumping-clock.js';

export const pin = 'a pin that nobody else knows';
const both = Security.Encrypted | Security.Authenticated;

/** What servers of a fleet offer. */
export class Desk {
  readonly #waiting: (() => void)[] = [];

  @Rpc(Security.Authenticated)
  whoAmI(): unknown {
    const { identity } = callContext();
    return identity && identity.kind === 'token'
      ? { name: identity.name, claims: identity.claims, data: identity.data }
      : identity?.name;
  }

  @Rpc()
  open(): string {
    return 'for everybody';
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  known(): string {
    return callContext().identity!.name;
  }

  @Rpc(Security.Authenticated, { claims: { role: ['admin', 'referee'] } })
  rule(): string {
    return callContext().identity!.name;
  }

  @Rpc(both)
  async slowly(): Promise<string | undefined> {
    const { identity } = callContext();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return identity?.name;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  goOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** `{ name, pin }` of ada, an admin, and of bob, a player. */
export async function password(shown: unknown): Promise<{
  subject: string;
  claims: { role: string };
  data: { wallet: string };
  public: { rank: number };
}> {
  const { name, pin: told } = shown as { name: string; pin: string };
  if (told !== pin) throw new RpcError('UNAUTHENTICATED', 'wrong pin', { left: 2 });
  const role = name === 'ada' ? 'admin' : 'player';
  return { subject: name, claims: { role }, data: { wallet: `${name}'s gold` }, public: { rank: 7 } };
}

export class Manager extends ServerManager {
  constructor(config: NetworkConfig, clock: JumpingClock) {
    super(config, { ...nodePlatform, clock });
  }
}

export class Fleet {
  readonly clock: JumpingClock = new JumpingClock();
  readonly keys: readonly TokenKey[] = [{ id: 'one', key: randomBytes(32) }];
  readonly #started: ServerManager[] = [];

  /** A server with the keys of the fleet, and its address. */
  async server(
    config: NetworkConfig = {},
    tokens: Partial<TokenOptions> = {},
    services: readonly object[] = [new Desk()],
  ): Promise<{ server: Manager; url: string }> {
    const server = new Manager(
      {
        certificate: credentials(serverCertificate()),
        authenticate: { password },
        tokens: { keys: this.keys, ...tokens },
        ...config,
      },
      this.clock,
    );
    for (const service of services) server.register(service);
    this.#started.push(server);
    return { server, url: await server.startServer('tcp://127.0.0.1:0') };
  }

  /** A client that has not dialled yet. */
  client(config: NetworkConfig = {}): Manager {
    const client = new Manager({ ca: authority().pem.certificate, serverName, ...config }, this.clock);
    this.#started.push(client);
    return client;
  }

  /** Ada's, by her password. */
  ada(config: NetworkConfig = {}): Manager {
    return this.client({ credentials: () => shown('ada'), ...config });
  }

  async stop(): Promise<void> {
    for (const manager of this.#started.splice(0).reverse()) await manager.stop({ drainMs: 0 });
  }
}

export function shown(
  name: string,
  told: string = pin,
): { scheme: string; credentials: { name: string; pin: string } } {
  return { scheme: 'password', credentials: { name, pin: told } };
}
