// Groups: who is in, for how long, who says so, and what is left of them.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import type { JoinPolicy } from '../../lib/manager/groups.js';
import type { NetworkingManager } from '../../lib/manager/node.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { startPair } from '../support/pair.js';
import { codeOf, eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type Crowd, crowdOf, Hud } from './crowd-of.js';
import { nothingLeftBehind } from './left-behind.js';

/** `red:1,2 blue:3` */
function inventory({ groups }: NetworkingManager): string {
  return [...groups].map(([name, members]) => `${name}:${[...members.keys()].join(',')}`).join(' ');
}

function codeThrownBy(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof SealwireError) return error.code;
    throw error;
  }
  return 'nothing';
}

describe('manager: groups', () => {
  nothingUncaught();
  let crowd: Crowd;
  const start = async (...options: Parameters<typeof crowdOf>): Promise<Crowd> => {
    crowd = await crowdOf(...options);
    return crowd;
  };
  afterEach(() => crowd.stop());
  nothingLeftBehind();

  it('have the members that were added, by id or as they are, each once', async () => {
    const { server, huds } = await start(3);
    const red = server.group('red');
    const second = server.clients.get(2)!;
    red.add(1).add(second).add(2).add(1);
    expect([red.name, red.size, inventory(server)]).to.deep.equal(['red', 2, 'red:1,2']);
    expect([red.has(1), red.has(second), red.has(3), red.has(server.clients.get(3)!)]).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
    expect((await server.group('red').rpc<Hud>('Hud').tell('to red')).succeeded).to.equal(2);
    await eventually('it has come', () => huds[0]!.told.length + huds[1]!.told.length === 2);
    await server.everyone().rpc<Hud>('Hud').count();
    expect(huds.map(({ told }) => told.length)).to.deep.equal([1, 1, 0]);
  });

  it('combine with all other targets, and are looked at when the call is made', async () => {
    const { server } = await start(4);
    const red = server.group('red');
    const blue = server.group('blue');
    const seen = {
      both: red.and(blue),
      rest: server.everyone().except(red, blue),
      redder: red.except(blue).except(4),
    };
    const ids = () => Object.values(seen).map(({ clients }) => clients.map(({ id }) => id).join());
    expect(ids()).to.deep.equal(['', '1,2,3,4', '']);
    red.add(1).add(2).add(4);
    blue.add(2).add(3);
    expect(ids()).to.deep.equal(['1,2,4,3', '', '1']);
    red.remove(1).remove(1).remove(3).remove(99);
    expect(ids()).to.deep.equal(['2,4,3', '1', '']);
    expect((await seen.both.invoke('Hud.echo', ['x'])).succeeded).to.equal(3);
  });

  it('are nothing while they are empty', async () => {
    const { server, clients } = await start(2);
    const red = server.group('red');
    expect(server.groups.size).to.equal(0);
    expect(await red.invoke('Hud.tell', ['x'])).to.deep.equal({ settled: new Map(), succeeded: 0 });
    red.add(1);
    server.group('blue').add(1).add(2);
    expect(inventory(server)).to.equal('red:1 blue:1,2');
    red.remove(1);
    expect(inventory(server)).to.equal('blue:1,2');
    const left: string[] = [];
    server.on('clientDisconnected', ({ id }) => left.push(`${id} of ${inventory(server)}`));
    await clients[0]!.stop();
    await eventually('one has left', () => left.length === 1);
    await clients[1]!.stop();
    await eventually('both have left', () => left.length === 2);
    // Gone by the time that anybody hears of it.
    expect(left).to.deep.equal(['1 of blue:2', '2 of ']);
    expect(server.groups.size).to.equal(0);
  });

  it('can be joined in clientConnected, and take nobody who is not connected', async () => {
    const { server, join, clients } = await start(1);
    server.on('clientConnected', (client) => void server.group('all').add(client));
    const { peer } = await join(new Hud());
    expect(inventory(server)).to.equal('all:2');
    await clients[1]!.stop();
    await eventually('it has left', () => server.clients.size === 1);
    const red = server.group('red');
    expect(codeThrownBy(() => red.add(peer))).to.equal('NOT_FOUND');
    expect(codeThrownBy(() => red.add(2))).to.equal('NOT_FOUND');
    expect(await codeOf(red.join(peer))).to.equal('NOT_FOUND');
    red.remove(peer);
    const other = await startPair({ scheme: 'memory' });
    expect(other.peer.id).to.equal(1);
    expect(codeThrownBy(() => red.add(other.peer))).to.equal('NOT_FOUND');
    red.add(1);
    expect(red.has(other.peer)).to.equal(false);
    red.remove(other.peer);
    expect(inventory(server)).to.equal('red:1');
    await other.stop();
  });

  it('have names of 1 to 128 bytes, and limits for each client', async () => {
    const { server } = await start(2, 'memory', { limits: { maxGroupsPerClient: 2 } });
    for (const name of ['', 'x'.repeat(129), 'ä'.repeat(65), 7 as never, undefined as never]) {
      expect(
        codeThrownBy(() => server.group(name)),
        String(name),
      ).to.equal('INVALID_ARGUMENT');
    }
    for (const name of ['x'.repeat(128), '__proto__']) server.group(name).add(1);
    expect(codeThrownBy(() => server.group('third').add(1))).to.equal('RESOURCE_EXHAUSTED');
    server.group('__proto__').add(1).add(2);
    expect([server.groups.size, server.groups.has('third')]).to.deep.equal([2, false]);
    server.group('__proto__').remove(1);
    server.group('third').add(1);
    expect(server.group('third').size).to.equal(1);
  });

  describe('that clients ask for', () => {
    /** As an application writes it. */
    class Lobby {
      server!: NetworkingManager;
      @Rpc(Security.Authenticated)
      join(group: string): Promise<void> {
        return this.server.group(group).join(callContext().client);
      }
    }

    const startLobby = async (policy?: JoinPolicy) => {
      const lobby = new Lobby();
      const pair = await startPair({ scheme: 'memory', services: [lobby] });
      lobby.server = pair.server;
      if (policy) pair.server.allowJoin(policy);
      return { ...pair, ask: (group: string) => codeOf(pair.client.rpc<Lobby>('Lobby').join(group)) };
    };

    it('let nobody in without a policy, nor by anything but true', async () => {
      await start(0);
      const { server, ask, stop } = await startLobby();
      expect(await ask('red')).to.equal('PERMISSION_DENIED');
      for (const answer of [false, undefined, 'yes', 1, {}] as never[]) {
        server.allowJoin(() => answer);
        expect(await ask('red')).to.equal('PERMISSION_DENIED');
        server.allowJoin(async () => answer);
        expect(await ask('red')).to.equal('PERMISSION_DENIED');
      }
      expect(server.groups.size).to.equal(0);
      server.allowJoin(() => true);
      expect(await ask('red')).to.equal('answered');
      server.allowJoin(undefined);
      expect(await ask('blue')).to.equal('PERMISSION_DENIED');
      expect(inventory(server)).to.equal('red:1');
      await stop();
    });

    it('let in whom the policy lets in, and tell what it throws', async () => {
      await start(0);
      const { server, peer, ask, stop } = await startLobby(async (client, group) => {
        expect(client).to.equal(peer);
        await Promise.resolve();
        if (group === 'full') throw new RpcError('RESOURCE_EXHAUSTED', 'the group is full');
        return group.startsWith('open-');
      });
      expect(await ask('open-1')).to.equal('answered');
      expect(await ask('closed')).to.equal('PERMISSION_DENIED');
      expect(await ask('full')).to.equal('RESOURCE_EXHAUSTED');
      expect(await ask('')).to.equal('INVALID_ARGUMENT');
      expect(inventory(server)).to.equal('open-1:1');
      await stop();
    });

    it('take nobody who has left while the policy thought about it', async () => {
      await start(0);
      let decide: (allowed: boolean) => void = () => {};
      const { server, client, peer, stop } = await startLobby(
        () => new Promise<boolean>((resolve) => (decide = resolve)),
      );
      const joining = codeOf(server.group('red').join(peer));
      await client.stop();
      await eventually('it has left', () => server.clients.size === 0);
      decide(true);
      expect(await joining).to.equal('NOT_FOUND');
      expect(server.groups.size).to.equal(0);
      await stop();
    });
  });
});
