// `allow` of @Rpc: owners and rules, by the connection and its identity, before anything of the method runs.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { callContext } from '../../lib/rpc/call-context.js';
import type { Peer } from '../../lib/rpc/peer.js';
import type { Registry } from '../../lib/rpc/registry.js';
import { authority, clientCertificate, credentials, serverName } from '../support/authority.js';
import { type Pair, startPair } from '../support/pair.js';
import { codeOf, eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';

const ca = authority().pem.certificate;

class Ship {
  readonly runs: string[] = [];
  readonly crew = new Set<number>();
  decide: ((allowed: boolean) => void) | undefined;

  @Rpc(Security.Authenticated, { allow: 'owner' })
  steer(to: string): string {
    this.runs.push(`steer ${to}`);
    return to;
  }

  @Rpc(Security.Authenticated, { allow: 'owner', oneWay: true })
  horn(): void {
    this.runs.push('horn');
  }

  @Rpc(Security.Authenticated, {
    allow: (caller: Peer, [room], ship: Ship) => ship.crew.has(caller.id) && room !== 'bridge',
  })
  enter(room: string): string {
    this.runs.push(`enter ${room}`);
    return room;
  }

  @Rpc(Security.Authenticated, {
    allow: (_caller, _args, ship: Ship) => new Promise<boolean>((resolve) => (ship.decide = resolve)),
  })
  slow(): string {
    const { client, security } = callContext();
    this.runs.push('slow');
    return `client ${client.id}, flags ${security}`;
  }

  @Rpc(Security.Authenticated, {
    allow: async () => {
      throw new RpcError('UNAVAILABLE', 'the register is closed');
    },
  })
  closed(): void {
    this.runs.push('closed');
  }

  @Rpc(Security.Authenticated, { allow: (() => 'yes') as never })
  sloppy(): void {
    this.runs.push('sloppy');
  }

  @Rpc(Security.Authenticated, { allow: async (_caller, [admit]) => admit === true })
  async *log(admit: boolean): AsyncGenerator<string> {
    this.runs.push(`log ${admit}`);
    yield 'a';
    yield 'b';
  }
}

describe('rpc/permission', () => {
  nothingUncaught();
  let pair: Pair;
  let ship: Ship;
  let refused: string[];

  beforeEach(async () => {
    ship = new Ship();
    refused = [];
    pair = await startPair({
      scheme: 'memory',
      services: [ship],
      server: { ca, clientAuthentication: 'optional' },
    });
    pair.server.on('callRefused', ({ id }, method, code) => refused.push(`${id} ${method} ${code}`));
  });
  afterEach(() => pair.stop());

  /** One more client, with an identity of that name or without. */
  async function another(name?: string): Promise<NetworkingManager> {
    const own = name === undefined ? {} : { certificate: credentials(clientCertificate(name)) };
    const client = new NetworkingManager({ ca, serverName, ...own });
    const known = pair.server.clients.size;
    await client.startClient(url());
    await eventually('it is in', () => pair.server.clients.size > known);
    return client;
  }
  const url = (): string => pair.peer.remoteAddress.split('#')[0]!;
  const remote = (client: NetworkingManager) => client.rpc<Ship>('Ship');

  it('lets nobody steer what nobody owns', async () => {
    expect(await codeOf(remote(pair.client).steer('north'))).to.equal('PERMISSION_DENIED');
    await remote(pair.client).horn();
    await eventually('it is refused', () => refused.length === 2);
    expect(refused).to.deep.equal(['1 Ship.steer PERMISSION_DENIED', '1 Ship.horn PERMISSION_DENIED']);
    expect(ship.runs).to.deep.equal([]);
  });

  it('lets the connection in that owns the service, by id or as it is, until it is given away', async () => {
    const other = await another();
    pair.server.setOwner('Ship', pair.peer);
    expect(await remote(pair.client).steer('north')).to.equal('north');
    expect(await codeOf(remote(other).steer('south'))).to.equal('PERMISSION_DENIED');
    pair.server.setOwner('Ship', 2);
    expect(await codeOf(remote(pair.client).steer('east'))).to.equal('PERMISSION_DENIED');
    expect(await remote(other).steer('west')).to.equal('west');
    pair.server.setOwner('Ship', undefined);
    expect(await codeOf(remote(other).steer('down'))).to.equal('PERMISSION_DENIED');
    expect(ship.runs).to.deep.equal(['steer north', 'steer west']);
    await other.stop();
  });

  it('lets in whoever has proved to be the owner, whichever connection that is, and nobody who says so', async () => {
    pair.server.setOwner('Ship', 'ada');
    const ada = await another('ada');
    const bob = await another('bob');
    expect(await remote(ada).steer('north')).to.equal('north');
    for (const client of [bob, pair.client]) {
      expect(await codeOf(remote(client).steer('ada'))).to.equal('PERMISSION_DENIED');
      expect(await codeOf(client.invokeServerRpc('Ship.steer', ['x', { owner: 'ada' }]))).to.equal(
        'PERMISSION_DENIED',
      );
    }
    await ada.stop();
    const again = await another('ada');
    expect(await remote(again).steer('again')).to.equal('again');
    await Promise.all([again.stop(), bob.stop()]);
  });

  it('gives nothing to the next client with the id of an owner that has gone', async () => {
    pair.server.setOwner('Ship', 1);
    const address = url();
    await pair.client.stop();
    await pair.server.stop();
    await pair.server.startServer(address);
    await pair.client.startClient(address);
    expect(await codeOf(remote(pair.client).steer('north'))).to.equal('PERMISSION_DENIED');
    expect([...pair.server.clients.keys()]).to.deep.equal([1]);
  });

  it('knows connections by themselves and not by their ids, and forgets those that have ended', async () => {
    const { owners } = (pair.server as unknown as { readonly registry: Registry }).registry;
    const { peer, server, client } = pair;
    server.setOwner('Ship', peer);
    expect(owners.isOwner('Ship', peer)).to.equal(true);
    expect(owners.isOwner('Ship', { id: peer.id, identity: undefined } as Peer)).to.equal(false);
    await client.stop();
    await eventually('it has left', () => server.clients.size === 0);
    expect(owners.isOwner('Ship', peer)).to.equal(false);
    server.setOwner('Ship', 'ada');
    owners.release(peer);
    expect(owners.isOwner('Ship', { id: 2, identity: { name: 'ada' } } as Peer)).to.equal(true);
  });

  it('says so where there is no such service, or no such client', async () => {
    for (const [service, owner] of [
      ['Boat', 'ada'],
      ['Ship', 7],
    ] as const) {
      expect(() => pair.server.setOwner(service, owner))
        .to.throw(SealwireError)
        .with.property('code', 'NOT_FOUND');
    }
    const gone = await another();
    const peer = pair.server.clients.get(2)!;
    await gone.stop();
    await eventually('it has left', () => pair.server.clients.size === 1);
    expect(() => pair.server.setOwner('Ship', peer)).to.throw(SealwireError);
  });

  it('asks a rule for each call: about the connection, the arguments and the object', async () => {
    expect(await codeOf(remote(pair.client).enter('galley'))).to.equal('PERMISSION_DENIED');
    ship.crew.add(1);
    expect(await remote(pair.client).enter('galley')).to.equal('galley');
    expect(await codeOf(remote(pair.client).enter('bridge'))).to.equal('PERMISSION_DENIED');
    expect(await codeOf(remote(pair.client).sloppy())).to.equal('PERMISSION_DENIED');
    expect(await codeOf(remote(pair.client).closed())).to.equal('UNAVAILABLE');
    expect(ship.runs).to.deep.equal(['enter galley']);
  });

  it('runs the method in the context of its call where the rule took its time', async () => {
    const call = remote(pair.client).slow();
    await eventually('it is asked', () => ship.decide !== undefined);
    expect(ship.runs).to.deep.equal([]);
    ship.decide!(true);
    expect(await call).to.equal('client 1, flags 2');
  });

  it('runs no method whose call is over by the time that the rule has decided', async () => {
    const controller = new AbortController();
    const call = codeOf(pair.client.invokeServerRpc('Ship.slow', [], { signal: controller.signal }));
    await eventually('it is asked', () => ship.decide !== undefined);
    controller.abort();
    expect(await call).to.equal('CANCELLED');
    // The next answer comes behind the cancellation.
    expect(await codeOf(remote(pair.client).closed())).to.equal('UNAVAILABLE');
    ship.decide!(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ship.runs).to.deep.equal([]);
  });

  it('stands before streams, too', async () => {
    const read = async (admit: boolean): Promise<string[]> => {
      const items: string[] = [];
      for await (const item of pair.client.connection!.rpc<Ship>('Ship').log(admit)) items.push(item);
      return items;
    };
    expect(await read(true)).to.deep.equal(['a', 'b']);
    expect(await codeOf(read(false))).to.equal('PERMISSION_DENIED');
    expect(ship.runs).to.deep.equal(['log true']);
  });

  it('needs Security.Authenticated, and a rule that is one', () => {
    const declare = (security: number, allow: unknown) => () => {
      class Raft {
        @Rpc(security, { allow: allow as 'owner' })
        steer(): void {}
      }
      return Raft;
    };
    for (const [security, allow] of [
      [Security.None, 'owner'],
      [Security.Encrypted, () => true],
      [Security.Authenticated, 'anybody'],
      [Security.Authenticated, true],
      [Security.Authenticated, null],
    ] as const) {
      expect(declare(security, allow))
        .to.throw(SealwireError, /allow of/)
        .with.property('code', 'INVALID_RPC');
    }
    expect(declare(Security.Authenticated, 'owner')).not.to.throw();
  });
});
