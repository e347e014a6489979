// What a peer can make a server hold, wait for or compute: half-open connections, slow handshakes, large frames, calls in
// flight, depth and number of values. Each has its limit; who goes over it pays alone.

import { expect } from 'chai';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import type { TransportConnection } from '../../lib/transport/transport.js';
import { encodeValue, type Value } from '../reference/call-messages.js';
import { authority, serverName } from '../support/authority.js';
import { type Scheme, schemes, startUnconnected, transport, type Unconnected } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type Dishonest, dishonestClient } from './dishonest.js';
import { methodId, Vault } from './vault.js';

/** Says nothing, and tells when it was closed and what came before. */
interface Silent {
  readonly connection: TransportConnection;
  readonly heard: Uint8Array[];
  closedAfterMs: number | undefined;
}

async function silent(scheme: Scheme, url: string): Promise<Silent> {
  const limits = { maxFrameBytes: 2 ** 16, maxFrameBytesLater: 2 ** 16 };
  const connection = await transport(scheme, url).connect({
    signal: new AbortController().signal,
    ...limits,
  });
  const openedMs = performance.now();
  const peer: Silent = { connection, heard: [], closedAfterMs: undefined };
  connection.open({
    frame: (frame) => void peer.heard.push(frame.slice()),
    closed: () => {
      peer.closedAfterMs = performance.now() - openedMs;
    },
  });
  return peer;
}

function server(
  scheme: Scheme,
  limits: NetworkConfig['limits'],
  service: object = new Vault(),
): Promise<Unconnected> {
  return startUnconnected({
    scheme,
    services: [service],
    server: { keyStretching: { iterations: 1 }, ...(limits && { limits }) },
  });
}

const anotherClient = (): NetworkingManager =>
  new NetworkingManager({ ca: authority().pem.certificate, serverName });

for (const scheme of schemes) {
  describe(`limits: connections over ${scheme}`, () => {
    nothingUncaught();

    it('a flood of half-open connections is refused beyond its limit, while others work', async () => {
      const setup = await server(scheme, { maxHalfOpenConnections: 3, handshakeTimeoutMs: 300 });
      await setup.connect();
      await eventually('the server knows', () => setup.server.clients.size === 1);
      const flood: Silent[] = [];
      for (let index = 0; index < 8; index++) flood.push(await silent(scheme, setup.url));
      await eventually(
        'five are refused',
        () => flood.filter((peer) => peer.closedAfterMs !== undefined).length >= 5,
      );
      const refused = flood.filter((peer) => peer.closedAfterMs !== undefined);
      expect(refused).to.have.length(5);
      for (const { heard } of refused) expect(heard.map((frame) => [...frame])).to.deep.equal([[4, 4]]);

      // Who comes now is refused too, and knows why; who is in goes on.
      const late = anotherClient();
      expect(await outcomeOf(late.startClient(setup.url))).to.include({
        code: 'HANDSHAKE_FAILED',
        reason: 'limit-exceeded',
      });
      expect(await setup.client.invokeServerRpc('Vault.needs3', ['in'])).to.equal('in');

      // Those that said nothing are cut when their time is up, and there is room again.
      await eventually('the others are cut', () => flood.every((peer) => peer.closedAfterMs !== undefined));
      await late.startClient(setup.url);
      expect(await late.invokeServerRpc('Vault.needs3', ['late'])).to.equal('late');
      await late.stop();
      await setup.stop();
    });

    it('more connections than there may be are refused, and there is room when one leaves', async () => {
      const setup = await server(scheme, { maxConnections: 2 });
      await setup.connect();
      const second = anotherClient();
      await second.startClient(setup.url);
      const third = anotherClient();
      const refused = await outcomeOf(third.startClient(setup.url));
      expect(refused).to.include({ code: 'HANDSHAKE_FAILED', reason: 'limit-exceeded' });
      await second.stop();
      await eventually('one has left', () => setup.server.clients.size === 1);
      await third.startClient(setup.url);
      await third.stop();
      await setup.stop();
    });

    it('a handshake that is not finished is cut when its time is up, whatever trickles in', async () => {
      const handshakeTimeoutMs = 150;
      const setup = await server(scheme, { handshakeTimeoutMs });
      const failures: string[] = [];
      setup.server.on('encryptionFailed', ({ code }) => failures.push(code));
      const peer = await silent(scheme, setup.url);
      await eventually('it is cut', () => peer.closedAfterMs !== undefined);
      expect(peer.closedAfterMs).to.be.within(handshakeTimeoutMs - 20, handshakeTimeoutMs + 2000);
      expect(peer.heard.map((frame) => [...frame])).to.deep.equal([[4, 9]]);
      expect(failures).to.deep.equal(['HANDSHAKE_TIMEOUT']);
      await setup.stop();
    });

    it('a server that never answers is given up by its client when its time is up', async () => {
      const mute = await transport(
        scheme,
        scheme === 'memory' ? 'memory://mute' : `${scheme}://127.0.0.1:0`,
      ).listen({
        maxFrameBytes: 2 ** 16,
        maxFrameBytesLater: 2 ** 16,
        accept: (connection) => connection.open({ frame: () => undefined, closed: () => undefined }),
      });
      const client = new NetworkingManager({
        ca: authority().pem.certificate,
        serverName,
        limits: { handshakeTimeoutMs: 100 },
      });
      const startedMs = performance.now();
      expect(await codeOf(client.startClient(mute.url))).to.equal('HANDSHAKE_TIMEOUT');
      expect(performance.now() - startedMs).to.be.within(80, 2100);
      await mute.close();
    });

    it('a frame that is too large ends its connection, before and after the handshake, and only that one', async () => {
      const setup = await server(scheme, { maxFrameBytes: 65_536, maxMessageBytes: 65_536 });
      await setup.connect();
      const ends: string[] = [];
      setup.server.on('encryptionFailed', ({ code }) => ends.push(code));
      setup.server.on('clientDisconnected', (_peer, { code }) => ends.push(code));
      const early = await silent(scheme, setup.url);
      early.connection.send(new Uint8Array(65_537).fill(1));
      await eventually('the first end', () => ends.length === 1);

      const late = await dishonestClient(scheme, setup.url);
      late.sendFrame(new Uint8Array(65_537).fill(2));
      await eventually('the second end', () => ends.length === 2 && late.ended !== undefined);
      expect(ends).to.deep.equal(['LIMIT_EXCEEDED', 'LIMIT_EXCEEDED']);
      expect(await setup.client.invokeServerRpc('Vault.needs3', ['x'])).to.equal('x');
      // An honest caller is told in time, and keeps its connection.
      const large = await outcomeOf(setup.client.invokeServerRpc('Vault.needs3', ['x'.repeat(65_536)]));
      expect(large).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'message-size' });
      expect(await setup.client.invokeServerRpc('Vault.needs3', ['x'])).to.equal('x');
      await setup.stop();
    });

    it('ten thousand frames in place of a handshake end their connection, and only that one', async () => {
      const setup = await server(scheme, {});
      const failures: string[] = [];
      setup.server.on('encryptionFailed', ({ code }) => failures.push(code));
      const peer = await silent(scheme, setup.url);
      for (let index = 0; index < 10_000; index++) peer.connection.send(Uint8Array.of(1));
      await eventually('it is cut', () => peer.closedAfterMs !== undefined && failures.length === 1);
      await setup.connect();
      expect(await setup.client.invokeServerRpc('Vault.needs3', ['x'])).to.equal('x');
      await setup.stop();
    });
  });
}

describe('limits: calls', () => {
  nothingUncaught();

  it('more in flight than there may be are refused, and their connection lives on', async () => {
    const vault = new Vault();
    const setup = await server('memory', { maxCallsInFlight: 4 }, vault);
    await setup.connect();
    const peer = await dishonestClient('memory', setup.url);
    for (let id = 1; id <= 7; id++) peer.say(2, { kind: 'call', id, method: methodId('hold'), args: [id] });
    for (const id of [5, 6, 7]) {
      expect((await peer.answer(id)).message).to.include({ kind: 'error', code: 'RESOURCE_EXHAUSTED' });
    }
    expect(vault.runs.map(({ args }) => args[0])).to.deep.equal([1, 2, 3, 4]);
    expect(await setup.client.invokeServerRpc('Vault.needs3', ['x'])).to.equal('x');
    // A cancelled call makes room again, once its method has returned.
    peer.say(2, { kind: 'cancel', id: 1 });
    peer.say(2, { kind: 'call', id: 8, method: methodId('needs0'), args: ['behind it'] });
    await peer.answer(8);
    peer.say(2, { kind: 'call', id: 9, method: methodId('needs0'), args: ['room'] });
    expect((await peer.answer(9)).message).to.include({ kind: 'result', value: 'room' });
    peer.close();
    await setup.stop();
  });

  it('more waiting for an answer than there may be fail at their caller', async () => {
    const setup = await startUnconnected({
      scheme: 'memory',
      services: [new Vault()],
      client: { limits: { maxPendingCalls: 3 } },
    });
    await setup.connect();
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const calls = Array.from({ length: 5 }, () =>
      codeOf(setup.client.invokeServerRpc('Vault.hold', [], options)),
    );
    expect(await Promise.all(calls.slice(3))).to.deep.equal(['RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED']);
    abort.abort();
    expect(await Promise.all(calls)).to.deep.equal([
      ...Array(3).fill('CANCELLED'),
      ...Array(2).fill('RESOURCE_EXHAUSTED'),
    ]);
    expect(await setup.client.invokeServerRpc('Vault.needs3', ['x'])).to.equal('x');
    await setup.stop();
  });

  const nested = (levels: number): Value => (levels === 0 ? 1 : [nested(levels - 1)]);
  const call = (...args: Value[]): Uint8Array => encodeValue([0, 1, methodId('needs3'), args, 0]);
  const bytes = (...parts: (number | readonly number[])[]): Uint8Array => Uint8Array.from(parts.flat());
  /** A call with one argument, written by hand: `[0, 1, needs3, [ … ], …]`. */
  const callHead = [0x94, 0, 1, methodId('needs3'), 0x91];
  const tooMuch: [string, Uint8Array][] = [
    ['arguments nested 31 levels deep, one too many', call(nested(31))],
    ['arguments nested 300 levels deep', call(nested(300))],
    ['arguments nested 60,000 levels deep', bytes(callHead, Array(60_000).fill(0x91), 1)],
    ['maps nested 20,000 levels deep', bytes(callHead, Array(20_000).fill([0x81, 0xa1, 0x61]).flat(), 1)],
    ['65,536 values and more', bytes(callHead, [0xdd, 0, 1, 0, 0], Array(65_536).fill(1))],
    ['an array of 2^32 - 1 values of which none come', bytes(callHead, [0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['a map of 2^32 - 1 values of which none come', bytes(callHead, [0xdf, 0xff, 0xff, 0xff, 0xff])],
    ['binary of 2^32 - 1 bytes of which none come', bytes(callHead, [0xc6, 0xff, 0xff, 0xff, 0xff])],
    ['the key __proto__', call(new Map<string, Value>([['__proto__', new Map([['polluted', true]])]]))],
    ['the key constructor', call(new Map<string, Value>([['constructor', 1]]))],
    ['a key that stands twice', bytes(callHead, [0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2])],
    ['an extension type', bytes(callHead, [0xd4, 0, 0])],
    ['a string that is no UTF-8', bytes(callHead, [0xa2, 0xc3, 0x28])],
    ['an id that was used', bytes([...call()], [...call()])],
    ['an id that is no whole number', bytes([0x94, 0, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 5, 0x90])],
  ].map(([name, body]) => [name as string, body as Uint8Array]);

  for (const [name, body] of tooMuch) {
    it(`${name} end that connection, run nothing, and hurt nobody`, async () => {
      const vault = new Vault();
      const setup = await server('memory', {}, vault);
      await setup.connect();
      const ends: string[] = [];
      setup.server.on('clientDisconnected', (_peer, { code }) => ends.push(code));
      const peer: Dishonest = await dishonestClient('memory', setup.url);
      const startedMs = performance.now();
      peer.sendFrame(peer.peer.send(3, body));
      await eventually('the end', () => ends.length === 1 && peer.ended !== undefined);
      expect(performance.now() - startedMs).to.be.lessThan(1000);
      expect(ends).to.deep.equal(['PROTOCOL_ERROR']);
      expect(peer.ended?.by).to.include({ by: 'peer', closeCode: 3 });
      const ran = name === 'an id that was used' ? 1 : 0;
      expect(vault.runs).to.have.length(ran);
      expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
      expect(await setup.client.invokeServerRpc('Vault.needs3', ['x'])).to.equal('x');
      await setup.stop();
    });
  }

  it('the deepest arguments that there may be arrive', async () => {
    const vault = new Vault();
    const setup = await server('memory', {}, vault);
    const peer = await dishonestClient('memory', setup.url);
    // The message and its list of arguments are the first two levels.
    peer.sendFrame(peer.peer.send(3, call(nested(30))));
    expect((await peer.answer(1)).message).to.include({ kind: 'result' });
    peer.close();
    await setup.connect();
    const deeper = codeOf(setup.client.invokeServerRpc('Vault.needs3', [nested(31)]));
    expect(await deeper).to.equal('INVALID_ARGUMENT');
    expect(vault.runs).to.have.length(1);
    await setup.stop();
  });
});
