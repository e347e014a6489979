// Many clients at once, and the limits of a server: whoever is refused is told so, and whoever is in stays in.

import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { expect } from 'chai';
import { NetworkingManager } from '../../lib/manager/node.js';
import { authority, serverName } from '../support/authority.js';
import { schemes, startUnconnected } from '../support/pair.js';
import { eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const newClient = (): NetworkingManager =>
  new NetworkingManager({ ca: authority().pem.certificate, serverName });

describe('manager: a crowd', () => {
  nothingUncaught();
  nothingLeftBehind();

  for (const scheme of schemes) {
    it(`serves 50 clients at once and tells them apart (${scheme})`, async () => {
      const ping = new Ping();
      const { server, url, stop } = await startUnconnected({ scheme, services: [ping] });
      const clients = Array.from({ length: 50 }, () => newClient().register(new Ping()));
      await Promise.all(clients.map((client) => client.startClient(url)));
      await eventually('all are in', () => server.clients.size === 50);
      expect([...server.clients.keys()].sort((a, b) => a - b)).to.deep.equal(
        clients.map((_, index) => index + 1),
      );
      const answers = await Promise.all(clients.map((client, index) => client.rpc(Ping).ping(index)));
      expect(answers).to.deep.equal(clients.map((_, index) => index));
      const down = await Promise.all(
        [...server.clients.values()].map((peer) => peer.rpc(Ping).ping(peer.id)),
      );
      expect(down).to.deep.equal([...server.clients.keys()]);
      for (const client of clients) await client.rpc(Ping).wave();
      await eventually('all have waved', () => ping.contexts.length === 50);
      expect(new Set(ping.contexts.map(({ client }) => client)).size).to.equal(50);
      const keys = new Set(
        clients.map((client) => Buffer.from(client.connection!.exportKey('x', 32)).toString('hex')),
      );
      expect(keys.size).to.equal(50);
      await Promise.all(clients.slice(0, 25).map((client) => client.stop()));
      await eventually('half are gone', () => server.clients.size === 25);
      await Promise.all(clients.slice(25).map((client) => client.rpc(Ping).secret()));
      await stop();
      await Promise.all(clients.map((client) => client.stop()));
    });

    it(`refuses the client that is one too many, until another leaves (${scheme})`, async () => {
      const server = { limits: { maxConnections: 2 } };
      const setup = await startUnconnected({ scheme, server, services: [new Ping()] });
      const [first, second, third] = [newClient(), newClient(), newClient()];
      await first.startClient(setup.url);
      await second.startClient(setup.url);
      await eventually('both are in', () => setup.server.clients.size === 2);
      for (let attempt = 0; attempt < 3; attempt++) {
        const outcome = await outcomeOf(third.startClient(setup.url));
        expect(outcome).to.include({ code: 'HANDSHAKE_FAILED', reason: 'limit-exceeded' });
        expect(outcome).to.have.nested.property('error.message').that.includes('too many connections');
      }
      expect(await Promise.all([first.rpc(Ping).secret(), second.rpc(Ping).secret()])).to.deep.equal([3, 3]);
      await first.stop();
      await eventually('one has left', () => setup.server.clients.size === 1);
      await third.startClient(setup.url);
      expect(await third.rpc(Ping).ping()).to.equal('pong');
      await Promise.all([second.stop(), third.stop()]);
      await setup.stop();
    });
  }

  it('refuses half-open connections past their limit, which keep out nobody who is in, and ends them in time', async () => {
    const limits = { maxHalfOpenConnections: 2, handshakeTimeoutMs: 300 };
    const { server, client, url, connect, stop } = await startUnconnected({
      scheme: 'tcp',
      server: { limits },
      services: [new Ping()],
    });
    const failures: string[] = [];
    server.on('encryptionFailed', ({ code }) => failures.push(code));
    await connect();
    const { port } = new URL(url.replace('tcp:', 'http:'));
    const sockets: Socket[] = [];
    for (let index = 0; index < limits.maxHalfOpenConnections; index++) {
      const socket = connectSocket(Number(port), '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      sockets.push(socket);
    }
    const late = newClient();
    const outcome = await outcomeOf(late.startClient(url));
    expect(outcome).to.include({ code: 'HANDSHAKE_FAILED', reason: 'limit-exceeded' });
    expect(await client.rpc(Ping).secret()).to.equal(3);
    await eventually(
      'the silent ones are cut',
      () => failures.filter((code) => code === 'HANDSHAKE_TIMEOUT').length === 2,
    );
    await late.startClient(url);
    expect(await late.rpc(Ping).ping()).to.equal('pong');
    expect(await client.rpc(Ping).ping()).to.equal('pong');
    for (const socket of sockets) socket.destroy();
    await late.stop();
    await stop();
  });
});
