// Groups of clients, by name: `server.group('red')`.
//
// A group is there while somebody is in it: it needs not be made, and nothing of it is left when the last one has gone.
// A client leaves all of its groups when its connection ends. Who is in a group is for the server to say: its own code
// adds and removes, and where clients may ask, join() asks the server's policy first.

import { utf8 } from '../base/bytes.js';
import { RpcError, SealwireError } from '../base/errors.js';
import type { Peer } from '../rpc/peer.js';
import { type Audience, findClient, Targets } from '../rpc/targets.js';

/** Whether a client that asks for it may join a group. True lets it in. */
export type JoinPolicy = (client: Peer, group: string) => boolean | Promise<boolean>;

const maxNameBytes = 128;
const nobody: ReadonlyMap<number, Peer> = new Map();

export class Groups {
  /** Members by id, by the name of their group; no group is empty. */
  readonly #members = new Map<string, Map<number, Peer>>();
  /** The same, from the other side. */
  readonly #joined = new Map<Peer, Set<string>>();
  readonly #maxPerClient: () => number;

  constructor(maxPerClient: () => number) {
    this.#maxPerClient = maxPerClient;
  }

  get all(): ReadonlyMap<string, ReadonlyMap<number, Peer>> {
    return this.#members;
  }

  members(name: string): ReadonlyMap<number, Peer> | undefined {
    return this.#members.get(name);
  }

  /** Throws RESOURCE_EXHAUSTED when the client is in as many groups as it may be. */
  add(name: string, client: Peer): void {
    const joined = this.#joined.get(client) ?? new Set<string>();
    if (joined.has(name)) return;
    const most = this.#maxPerClient();
    if (joined.size >= most) {
      throw new RpcError(
        'RESOURCE_EXHAUSTED',
        `a client may be in ${most} groups at once (limits.maxGroupsPerClient)`,
      );
    }
    this.#joined.set(client, joined.add(name));
    const members = this.#members.get(name) ?? new Map<number, Peer>();
    this.#members.set(name, members.set(client.id, client));
  }

  /** Whether it was in. */
  remove(name: string, client: Peer): boolean {
    const joined = this.#joined.get(client);
    if (!joined?.delete(name)) return false;
    if (joined.size === 0) this.#joined.delete(client);
    const members = this.#members.get(name)!;
    members.delete(client.id);
    if (members.size === 0) this.#members.delete(name);
    return true;
  }

  /** Its connection has ended. */
  removeFromAll(client: Peer): void {
    for (const name of [...(this.#joined.get(client) ?? [])]) this.remove(name, client);
  }
}

/** What a group needs from its server. */
export interface GroupHost extends Audience {
  readonly groups: Groups;
  readonly joinPolicy: JoinPolicy | undefined;
}

/** One group: its members as targets of calls, and who they are. */
export class ClientGroup extends Targets {
  readonly name: string;
  readonly #host: GroupHost;

  /** Throws INVALID_ARGUMENT for a name that is no text of 1 to 128 bytes of UTF-8. */
  constructor(host: GroupHost, name: string) {
    checkName(name);
    super(host, () => host.groups.members(name)?.values() ?? []);
    this.name = name;
    this.#host = host;
  }

  get size(): number {
    return this.#host.groups.members(this.name)?.size ?? 0;
  }

  has(client: Peer | number): boolean {
    return findClient(this.#host.groups.members(this.name) ?? nobody, client) !== undefined;
  }

  /**
   * Adds a client, which may be in already. Throws NOT_FOUND for one that is not connected to this server, and
   * RESOURCE_EXHAUSTED for one that is in `limits.maxGroupsPerClient` groups.
   */
  add(client: Peer | number): this {
    this.#host.groups.add(this.name, this.#connected(client));
    return this;
  }

  /** Removes a client, which need not be in. */
  remove(client: Peer | number): this {
    const member = findClient(this.#host.clients, client);
    if (member !== undefined) this.#host.groups.remove(this.name, member);
    return this;
  }

  /**
   * Adds a client that has asked for it, if the server's policy lets it in: `server.allowJoin(…)`; without one nobody
   * is. Rejects with PERMISSION_DENIED, and with what {@link add} throws. For an RPC method, which may let these
   * through to its caller.
   */
  async join(client: Peer | number): Promise<void> {
    const asking = this.#connected(client);
    // True alone: what a policy gives by mistake lets nobody in.
    if ((await this.#host.joinPolicy?.(asking, this.name)) !== true) {
      throw new RpcError('PERMISSION_DENIED', `this client may not join the group ${this.name}`);
    }
    this.add(asking);
  }

  /** As it is now: the policy may have taken its time. */
  #connected(client: Peer | number): Peer {
    const connected = findClient(this.#host.clients, client);
    if (connected === undefined)
      throw new SealwireError('NOT_FOUND', 'this client is not connected to the server');
    return connected;
  }
}

function checkName(name: unknown): asserts name is string {
  if (
    typeof name === 'string' &&
    name.length > 0 &&
    name.length <= maxNameBytes &&
    utf8(name).length <= maxNameBytes
  )
    return;
  throw new RpcError(
    'INVALID_ARGUMENT',
    `the name of a group must be a text of 1 to ${maxNameBytes} bytes of UTF-8`,
  );
}
