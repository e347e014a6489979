// Events: which, in which order, how often, with what; and what listeners may do.

import { expect } from 'chai';
import type { ManagerEvents } from '../../lib/manager/events.js';
import type { NetworkingManager } from '../../lib/manager/node.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { type PairOptions, schemes, startPair, startUnconnected } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const names = [
  'clientConnected',
  'clientDisconnected',
  'disconnected',
  'encryptionEstablished',
  'encryptionFailed',
  'callFailed',
  'callRefused',
] as const satisfies (keyof ManagerEvents)[];

/** Every event of a manager, in order. */
function watch(manager: NetworkingManager): unknown[][] {
  const events: unknown[][] = [];
  for (const name of names) manager.on(name, (...args: unknown[]) => events.push([name, ...args]));
  return events;
}

const short = (events: unknown[][]): string =>
  events
    .map(([name, ...args]) => {
      const error = args.find((arg) => arg instanceof Error) as
        | { code?: string; reason?: string }
        | undefined;
      return error?.code === undefined ? name : `${name} ${error.code} ${error.reason}`;
    })
    .join(', ');

describe('manager: events', () => {
  nothingUncaught();
  nothingLeftBehind();

  async function watched(options: PairOptions) {
    const setup = await startUnconnected({
      services: [new Ping()],
      clientServices: [new Ping()],
      ...options,
    });
    return { ...setup, serverEvents: watch(setup.server), clientEvents: watch(setup.client) };
  }

  for (const scheme of schemes) {
    it(`tells of a connection from its beginning to its end, once each and in order (${scheme})`, async () => {
      const { server, client, connect, stop, serverEvents, clientEvents } = await watched({ scheme });
      await connect();
      expect(short(clientEvents)).to.equal('encryptionEstablished');
      expect(clientEvents[0]![1]).to.equal(client.connection);
      await eventually('the server knows', () => serverEvents.length === 2);
      expect(short(serverEvents)).to.equal('encryptionEstablished, clientConnected');
      const peer = server.clients.get(1)!;
      expect(serverEvents.map(([, who]) => who)).to.deep.equal([peer, peer]);
      await client.stop();
      await eventually('the server knows', () => serverEvents.length === 3);
      expect(short(serverEvents.slice(2))).to.equal('clientDisconnected CONNECTION_CLOSED normal');
      expect(serverEvents[2]![1]).to.equal(peer);
      expect(short(clientEvents.slice(1))).to.equal('disconnected CONNECTION_CLOSED closed-here');
      await stop();
      expect([serverEvents.length, clientEvents.length]).to.deep.equal([3, 2]);
    });
  }

  it('says who ended a connection: reasons of both sides', async () => {
    for (const [end, serverSees, clientSees] of [
      ['server stops', 'closed-here', 'going-away'],
      ['server disconnects', 'closed-here', 'normal'],
      ['client disconnects', 'normal', 'closed-here'],
    ] as const) {
      const { server, client, connect, stop, serverEvents, clientEvents } = await watched({
        scheme: 'memory',
      });
      await connect();
      await eventually('the server knows', () => server.clients.size === 1);
      if (end === 'server stops') await server.stop();
      else if (end === 'server disconnects') server.clients.get(1)!.disconnect();
      else client.connection!.disconnect();
      await eventually('both know', () => serverEvents.length === 3 && clientEvents.length === 2);
      expect(short(serverEvents.slice(2)), end).to.equal(
        `clientDisconnected CONNECTION_CLOSED ${serverSees}`,
      );
      expect(short(clientEvents.slice(1)), end).to.equal(`disconnected CONNECTION_CLOSED ${clientSees}`);
      await stop();
    }
  });

  it('tells of a failed handshake on both sides, with the address, and of nothing else', async () => {
    const { connect, stop, server, serverEvents, clientEvents } = await watched({
      scheme: 'tcp',
      client: { validateCertificate: () => false },
    });
    expect(await codeOf(connect())).to.equal('CERTIFICATE_REJECTED');
    await eventually('the server knows', () => serverEvents.length > 0);
    expect(short(clientEvents)).to.equal('encryptionFailed CERTIFICATE_REJECTED revoked-by-validator');
    expect(short(serverEvents)).to.equal('encryptionFailed HANDSHAKE_FAILED handshake-failed');
    for (const [[, , address]] of [clientEvents, serverEvents] as unknown as [[string, Error, string]][]) {
      expect(address).to.match(/^127\.0\.0\.1:[0-9]+$/);
    }
    expect(server.clients.size).to.equal(0);
    await stop();
    expect([serverEvents.length, clientEvents.length]).to.deep.equal([1, 1]);
  });

  it('says nothing of encryption where there is none', async () => {
    const off = { enableEncryption: false };
    const { connect, stop, serverEvents, clientEvents } = await watched({
      scheme: 'memory',
      server: off,
      client: off,
    });
    await connect();
    await stop();
    expect(short(serverEvents)).to.match(/^clientConnected, clientDisconnected CONNECTION_CLOSED/);
    expect(short(clientEvents)).to.equal('disconnected CONNECTION_CLOSED closed-here');
  });

  it('tells of calls that failed or were refused, on the side that serves them', async () => {
    const { server, client, connect, stop, serverEvents, clientEvents } = await watched({
      scheme: 'memory',
      server: { limits: { maxCallsInFlight: 1 } },
    });
    await connect();
    await eventually('the server knows', () => serverEvents.length === 2);
    const peer = server.clients.get(1)!;
    expect(await codeOf(client.rpc(Ping).crash())).to.equal('INTERNAL');
    void codeOf(client.rpc(Ping).hang());
    expect(await codeOf(client.rpc(Ping).ping())).to.equal('RESOURCE_EXHAUSTED');
    expect(await codeOf(peer.rpc(Ping).crash())).to.equal('INTERNAL');
    expect(serverEvents[2]!.slice(0, 3)).to.deep.equal(['callFailed', peer, 'Ping.crash']);
    expect(serverEvents[2]![3]).to.be.instanceOf(Error).with.property('message', 'the password is swordfish');
    expect(serverEvents[3]).to.deep.equal(['callRefused', peer, 'Ping.ping', 'RESOURCE_EXHAUSTED']);
    expect(clientEvents[1]!.slice(0, 3)).to.deep.equal(['callFailed', client.connection, 'Ping.crash']);
    await stop();
  });

  it('keeps clients in a map from the end of their handshake to the end of their connection', async () => {
    const { server, connect, client, stop } = await watched({ scheme: 'memory' });
    const seen: unknown[] = [];
    const note = (peer: Peer) => seen.push(server.clients.get(peer.id) === peer);
    server.on('encryptionEstablished', note).on('clientConnected', note).on('clientDisconnected', note);
    expect(server.clients.size).to.equal(0);
    await connect();
    await eventually('the server knows', () => server.clients.size === 1);
    expect([...server.clients.keys()]).to.deep.equal([1]);
    await client.stop();
    await eventually('the server knows', () => server.clients.size === 0);
    expect(seen).to.deep.equal([true, true, false]);
    await stop();
  });

  it('calls a client from inside clientConnected, and a server from inside encryptionEstablished', async () => {
    const { server, client, connect, stop } = await watched({ scheme: 'tcp' });
    const answers: Promise<unknown>[] = [];
    server.on('clientConnected', (peer) => answers.push(peer.rpc(Ping).ping('down')));
    client.on('encryptionEstablished', (peer) => answers.push(peer.rpc(Ping).ping('up')));
    await connect();
    await eventually('both are called', () => answers.length === 2);
    expect(await Promise.all(answers)).to.have.members(['up', 'down']);
    await stop();
  });

  it('lets a listener disconnect a client that has just come, in either event', async () => {
    for (const name of ['encryptionEstablished', 'clientConnected'] as const) {
      const { server, connect, client, stop, serverEvents } = await watched({ scheme: 'memory' });
      server.on(name, (peer) => peer.disconnect());
      await connect();
      await eventually('it is over', () => client.connection === undefined);
      // Who was never announced is not taken leave of.
      expect(short(serverEvents)).to.equal(
        name === 'encryptionEstablished'
          ? 'encryptionEstablished'
          : 'encryptionEstablished, clientConnected, clientDisconnected CONNECTION_CLOSED closed-here',
      );
      expect(server.clients.size).to.equal(0);
      await stop();
    }
  });

  it('lets a listener stop the client while it starts', async () => {
    const { client, connect, stop } = await watched({ scheme: 'memory' });
    let stopped: Promise<void> | undefined;
    client.on('encryptionEstablished', () => {
      stopped = client.stop();
    });
    expect(await codeOf(connect())).to.equal('CONNECTION_CLOSED');
    await stopped;
    await stop();
  });

  it('lets a listener of disconnected connect again', async () => {
    const { server, client, url, connect, stop } = await watched({ scheme: 'memory' });
    const again = new Promise<void>((resolve, reject) => {
      const listener = () => {
        client.off('disconnected', listener);
        client.startClient(url).then(resolve, reject);
      };
      client.on('disconnected', listener);
    });
    await connect();
    await eventually('the server knows', () => server.clients.size === 1);
    server.clients.get(1)!.disconnect();
    await again;
    expect(await client.rpc(Ping).ping()).to.equal('pong');
    await stop();
  });

  it('no longer tells whom off() took off', async () => {
    const { server, client, connect, stop } = await watched({ scheme: 'memory' });
    let told = 0;
    const note = () => void told++;
    for (const name of ['clientConnected', 'disconnected'] as const) {
      for (const manager of [server, client]) manager.on(name, note).off(name, note);
    }
    await connect();
    await stop();
    expect(told).to.equal(0);
  });

  it('calls a client by id or by peer, and says NOT_FOUND for an id that there is not', async () => {
    const { server, peer, client, stop } = await startPair({
      scheme: 'memory',
      clientServices: [new Ping()],
    });
    expect(await server.invokeClientRpc(1, 'Ping.ping', ['by id'])).to.equal('by id');
    expect(await server.invokeClientRpc(peer, 'Ping.flags', [], { security: 3 })).to.equal(3);
    for (const id of [0, 2, -1, 1.5, Number.NaN]) {
      expect(await codeOf(server.invokeClientRpc(id, 'Ping.ping'))).to.equal('NOT_FOUND');
    }
    expect(await codeOf(server.invokeClientRpc(undefined as never, 'Ping.ping'))).to.equal('NOT_FOUND');
    await client.stop();
    await eventually('the server knows', () => server.clients.size === 0);
    expect(await codeOf(server.invokeClientRpc(1, 'Ping.ping'))).to.equal('NOT_FOUND');
    expect(await outcomeOf(server.invokeClientRpc(peer, 'Ping.ping'))).to.include({
      code: 'CONNECTION_CLOSED',
      reason: 'normal',
    });
    await stop();
  });
});

describe('manager: a listener that throws', () => {
  nothingLeftBehind();

  it('disturbs no connection, no call and no other listener; the program hears of it as uncaught', async () => {
    const uncaught: string[] = [];
    const mocha = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error.message));
    try {
      const { server, client, connect, stop } = await startUnconnected({
        scheme: 'memory',
        services: [new Ping()],
      });
      const heard: string[] = [];
      for (const [who, manager] of [
        ['server', server],
        ['client', client],
      ] as const) {
        for (const name of names) {
          manager.on(name, () => {
            throw new Error(`${who} ${name}`);
          });
          manager.on(name, () => heard.push(`${who} ${name}`));
        }
      }
      await connect();
      expect(await client.rpc(Ping).ping()).to.equal('pong');
      expect(await codeOf(client.rpc(Ping).crash())).to.equal('INTERNAL');
      expect(await client.rpc(Ping).secret()).to.equal(3);
      await stop();
      await eventually('all is thrown', () => uncaught.length === heard.length);
      expect(heard).to.have.members([
        'client encryptionEstablished',
        'server encryptionEstablished',
        'server clientConnected',
        'server callFailed',
        'client disconnected',
        'server clientDisconnected',
      ]);
      expect(uncaught).to.have.members(heard);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of mocha) process.on('uncaughtException', listener);
    }
  });
});

describe('manager: an asynchronous listener that lets a call fail', () => {
  nothingUncaught();

  const callsTheClient = async (client: Peer): Promise<void> => {
    await client.invoke('Hud.missing');
  };

  it('does not end the process, since a client decides whether it offers what the listener calls', async () => {
    const { server, client, connect, stop } = await startUnconnected({
      scheme: 'memory',
      services: [new Ping()],
    });
    const failed: unknown[] = [];
    server.on('clientConnected', callsTheClient);
    server.on('listenerFailed', (event, { code }) => failed.push([event, code]));
    await connect();
    await eventually('it is told', () => failed.length === 1);
    expect(failed).to.deep.equal([['clientConnected', 'UNIMPLEMENTED']]);
    expect(await client.rpc(Ping).ping()).to.equal('pong');
    await stop();
  });

  it('is told as a warning where nobody listens, or where that listener fails in the same way', async () => {
    const warnings: string[] = [];
    const note = (warning: Error & { code?: string }): void => {
      if (warning.code === 'SEALWIRE_LISTENER') warnings.push(warning.message);
    };
    process.on('warning', note);
    const { server, connect, stop } = await startUnconnected({ scheme: 'memory' });
    server.on('clientConnected', callsTheClient);
    await connect();
    await eventually('it is warned of', () => warnings.length === 1);
    expect(warnings[0]).to.match(/^a listener of clientConnected failed: UNIMPLEMENTED, .*Hud\.missing/);
    await stop();
    const again = await startPair({ scheme: 'memory' });
    again.server.on('listenerFailed', async () => {
      await again.server.invokeClientRpc(99, 'Ping.ping');
    });
    again.server.on('clientDisconnected', callsTheClient);
    await again.stop();
    await eventually('that is warned of, too', () => warnings.length === 2);
    expect(warnings[1]).to.match(/^a listener of listenerFailed failed: NOT_FOUND, /);
    process.off('warning', note);
  });
});
