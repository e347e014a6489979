// encryption: 'onDemand', end to end: connections that begin in the clear and agree on keys under the calls in flight.

import { expect } from 'chai';
import { NetworkingManager } from '../../lib/manager/node.js';
import type { Peer, PeerData } from '../../lib/rpc/peer.js';
import { frameTypes } from '../../lib/wire/frame.js';
import {
  authority,
  clientCertificate,
  credentials,
  serverCertificate,
  serverName,
} from '../support/authority.js';
import { schemes, startPair } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type BegunPlain, beginPlain, Desk, plainHandshakeType } from './begun-plain.js';
import { nothingLeftBehind } from './left-behind.js';

const clientHello = 1;
const helloRequest = 65;

const states = ({ client, peer }: BegunPlain): string[] =>
  [client.connection!, peer].map(({ security }) => `${security.state} ${security.protection}`);

for (const scheme of schemes) {
  describe(`manager: encryption on demand over ${scheme}`, () => {
    nothingUncaught();
    nothingLeftBehind();

    it('begins in the clear, and agrees on keys when it is asked to, once', async () => {
      const pair = await beginPlain({ scheme });
      const { client, peer, events } = pair;
      expect(states(pair)).to.deep.equal(['plain none', 'plain none']);
      expect(await client.rpc(Desk).open('in the clear')).to.equal('in the clear');
      expect(await peer.rpc(Desk).open('likewise')).to.equal('likewise');
      for (const side of [client.connection!, peer]) {
        expect(() => side.exportKey('x', 32))
          .to.throw()
          .with.property('code', 'ENCRYPTION_UNAVAILABLE');
        expect([side.certificates, side.identity]).to.deep.equal([[], undefined]);
      }
      expect(events).to.deep.equal([]);

      const asked = [1, 2, 3].map(() => client.connection!.establishEncryption());
      expect(pair.client.connection!.security.state).to.equal('securing');
      await Promise.all(asked);
      await peer.establishEncryption();
      await client.connection!.establishEncryption();
      expect(states(pair)).to.deep.equal(['secured signed', 'secured signed']);
      expect(events.toSorted()).to.deep.equal(['client established', 'server established']);
      expect(client.connection!.security).to.deep.equal(peer.security);
      expect(client.connection!.certificates).to.have.length(1);
      expect(client.connection!.exportKey('x', 32)).to.deep.equal(peer.exportKey('x', 32));
      expect(await client.rpc(Desk).secret('word')).to.deep.equal(['word', 3]);
      expect(await client.rpc(Desk).open('still')).to.equal('still');
      expect([pair.travelled('clientHello'), pair.travelled('helloRequest')]).to.deep.equal([1, 0]);
      await pair.stop();
    });

    it('agrees under calls and streams in flight, of which none is lost and none runs twice', async () => {
      const pair = await beginPlain({ scheme });
      const { client, peer, desk, clientDesk } = pair;
      const far = client.rpc(Desk);
      const back = peer.rpc(Desk);
      const early = [far.held('held there'), back.held('held here')];
      await eventually('they are in flight', () => desk.heard.length + clientDesk.heard.length === 2);
      const counted = (async () => {
        const items: number[] = [];
        for await (const item of far.count(20)) items.push(item);
        return items;
      })();
      let going = true;
      const load = async (proxy: typeof far, name: string): Promise<string[]> => {
        const sent: string[] = [];
        while (going) {
          const word = `${name} ${sent.length}`;
          sent.push(word);
          expect(await proxy.open(word)).to.equal(word);
        }
        return sent;
      };
      const loads = ['a', 'b'].flatMap((name) => [load(far, `far ${name}`), load(back, `back ${name}`)]);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const secrets = Array.from({ length: 100 }, (_, index) => [
        far.secret(`s${index}`),
        back.secret(`s${index}`),
      ]).flat();
      expect(await Promise.all(secrets)).to.have.length(200);
      await new Promise((resolve) => setTimeout(resolve, 5));
      going = false;
      const sent = (await Promise.all(loads)).flat();
      desk.release();
      clientDesk.release();
      expect(await Promise.all(early)).to.deep.equal(['held there', 'held here']);
      expect(await counted).to.deep.equal(Array.from({ length: 20 }, (_, item) => item));
      const heard = [...desk.heard, ...clientDesk.heard];
      expect(heard).to.have.length(2 + sent.length + 200);
      expect(new Set(heard.map(String)).size).to.equal(heard.length - 100);
      expect(desk.heard.filter((word) => /^s\d/.test(String(word)))).to.deep.equal(
        Array.from({ length: 100 }, (_, index) => `s${index}`),
      );
      expect(pair.travelled('clientHello')).to.equal(1);
      expect(pair.travelled('helloRequest')).to.be.at.most(1);
      await pair.stop();
    });

    it('comes to one handshake where both sides ask at once', async () => {
      const pair = await beginPlain({ scheme });
      await Promise.all([pair.peer.establishEncryption(), pair.client.connection!.establishEncryption()]);
      expect([pair.travelled('clientHello'), pair.travelled('helloRequest')]).to.deep.equal([1, 1]);
      expect(pair.events.toSorted()).to.deep.equal(['client established', 'server established']);
      expect(await pair.peer.rpc(Desk).secret(1)).to.deep.equal([1, 3]);
      await pair.stop();
    });

    it('begins by itself for a secured call, event or stream, of either side', async () => {
      const uses: [string, (pair: BegunPlain) => Promise<unknown>, unknown][] = [
        ['a call', ({ client }) => client.rpc(Desk).secret(7), [7, 3]],
        [
          'a call that is raised',
          ({ client }) => client.invokeServerRpc('Desk.open', [7], { security: 1 }),
          7,
        ],
        ['a call of the server', ({ peer }) => peer.rpc(Desk).secret(7), [7, 3]],
        ['a call for many', async ({ server }) => (await server.everyone().rpc(Desk).secret(7)).succeeded, 1],
        ['a stream', async ({ client }) => (await client.rpc(Desk).secrets(2).next()).value, 'secret 0'],
        [
          'a stream of the server',
          async ({ peer }) => (await peer.rpc(Desk).secrets(2).next()).value,
          'secret 0',
        ],
        ['an event', ({ client, desk }) => told(desk, client.rpc(Desk).tell(7)), 7],
        ['an event of the server', ({ peer, clientDesk }) => told(clientDesk, peer.rpc(Desk).tell(7)), 7],
      ];
      for (const [what, use, answer] of uses) {
        const pair = await beginPlain({ scheme });
        expect(await use(pair), what).to.deep.equal(answer);
        await eventually('both know', () => pair.events.length === 2);
        expect(states(pair), what).to.deep.equal(['secured signed', 'secured signed']);
        await pair.stop();
      }
    });
  });
}

async function told(desk: Desk, sent: Promise<void>): Promise<unknown> {
  await sent;
  await eventually('it was heard', () => desk.heard.length > 0);
  return desk.heard[0];
}

describe('manager: encryption on demand', () => {
  nothingUncaught();
  nothingLeftBehind();

  describe('who waits for keys', () => {
    /** Nothing of the handshake gets through until it is let go. */
    async function stuck(
      options: Parameters<typeof beginPlain>[0] = {},
    ): Promise<BegunPlain & { letGo(): void }> {
      const held: Uint8Array[] = [];
      let free = false;
      const pair: BegunPlain = await beginPlain({
        scheme: 'memory',
        ...options,
        intercept({ bytes }) {
          if (free || plainHandshakeType(bytes) !== clientHello) return [bytes];
          held.push(bytes);
          return [];
        },
      });
      return {
        ...pair,
        letGo() {
          free = true;
          pair.relay!.inject('server', ...held);
        },
      };
    }

    it('waits as long as its own time limit, deadline and signal say, and was not sent then', async () => {
      const pair = await stuck();
      const desk = pair.client.rpc(Desk);
      const giveUp = new AbortController();
      const calls = [
        codeOf(pair.client.invokeServerRpc('Desk.secret', ['late'], { timeoutMs: 20 })),
        codeOf(pair.client.invokeServerRpc('Desk.secret', ['due'], { deadline: new Date(Date.now() + 20) })),
        codeOf(pair.client.invokeServerRpc('Desk.tell', ['gone'], { signal: giveUp.signal })),
        codeOf(pair.client.connection!.stream('Desk.secrets', [1], { timeoutMs: 20 }).next()),
        codeOf(pair.client.invokeServerRpc('Desk.secret', ['never'], { signal: AbortSignal.abort() })),
        codeOf(pair.client.invokeServerRpc('Desk.secret', ['wrong'], { security: 9 })),
      ];
      const left = pair.client.connection!.stream('Desk.secrets', [3]);
      // Nobody ever reads it.
      desk.secrets(4);
      const first = left.next();
      const patient = desk.secret('patient');
      setTimeout(() => giveUp.abort(), 20);
      expect(await Promise.all(calls)).to.deep.equal([
        'DEADLINE_EXCEEDED',
        'DEADLINE_EXCEEDED',
        'CANCELLED',
        'DEADLINE_EXCEEDED',
        'CANCELLED',
        'INVALID_ARGUMENT',
      ]);
      await left.return();
      expect(await first).to.deep.equal({ done: true, value: undefined });
      expect(await desk.open('meanwhile')).to.equal('meanwhile');
      expect(pair.events).to.deep.equal([]);
      pair.letGo();
      expect(await patient).to.deep.equal(['patient', 3]);
      expect(pair.desk.heard).to.deep.equal(['meanwhile', 'patient']);
      await pair.stop();
    });

    it('has what is left of its time when there are keys', async () => {
      const pair = await stuck();
      const call = pair.client.invokeServerRpc('Desk.held', ['x'], { security: 3, timeoutMs: 200 });
      // Its time anew, had the wait not counted. Timers fire in the order in which they are due, however slow the machine is.
      let isTwiceItsTime = false;
      let timer = setTimeout(() => {
        timer = setTimeout(() => {
          isTwiceItsTime = true;
        }, 200);
        pair.letGo();
      }, 120);
      expect(await codeOf(call)).to.equal('DEADLINE_EXCEEDED');
      clearTimeout(timer);
      expect(isTwiceItsTime).to.equal(false);
      await pair.stop();
    });

    it('is one of so many, and what is volatile is dropped', async () => {
      const pair = await stuck({ client: { limits: { maxPendingCalls: 3 } } });
      const dropped = new Promise<number>((resolve) =>
        pair.client.on('backpressure', (_peer, state) => resolve(state.dropped)),
      );
      await pair.client.invokeServerRpc('Desk.tell', ['stale'], { volatile: true });
      expect(await dropped).to.equal(1);
      expect(pair.client.connection!.security.state).to.equal('securing');
      const three = [1, 2, 3].map((word) => pair.client.rpc(Desk).secret(word));
      const fourth = await outcomeOf(pair.client.rpc(Desk).secret(4));
      expect(fourth).to.include({ kind: 'failed', code: 'RESOURCE_EXHAUSTED' });
      expect(await codeOf(pair.client.rpc(Desk).tell(4))).to.equal('RESOURCE_EXHAUSTED');
      pair.letGo();
      await Promise.all(three);
      expect(pair.desk.heard).to.deep.equal([1, 2, 3]);
      await pair.stop();
    });

    it('is waited for by a client that stops with patience, and fails with one that does not', async () => {
      const patient = await stuck();
      const answer = patient.client.rpc(Desk).secret('last');
      const stopped = patient.client.stop({ drainMs: 5000 });
      patient.letGo();
      expect(await answer).to.deep.equal(['last', 3]);
      await stopped;
      await patient.stop();

      const hasty = await stuck();
      const calls = [
        hasty.client.rpc(Desk).secret(1),
        hasty.client.connection!.establishEncryption(),
        hasty.peer.establishEncryption(),
      ].map(outcomeOf);
      await hasty.client.stop();
      for (const outcome of await Promise.all(calls))
        expect(outcome).to.include({ kind: 'failed', code: 'CONNECTION_CLOSED' });
      await eventually('both know', () => hasty.events.length === 4);
      expect(hasty.events).to.include.members([
        'client failed CONNECTION_CLOSED',
        'server failed CONNECTION_CLOSED',
      ]);
      await hasty.stop();
    });

    it('goes on with a server that stops with patience', async () => {
      const pair = await stuck();
      const answer = pair.peer.rpc(Desk).secret('from the server');
      await eventually('it is asked for', () => pair.travelled('clientHello') === 1);
      const stopped = pair.server.stop({ drainMs: 5000 });
      pair.letGo();
      expect(await answer).to.deep.equal(['from the server', 3]);
      await stopped;
      await pair.stop();
    });
  });

  describe('where something must be settled first', () => {
    const root = authority().pem.certificate;
    const ada = credentials(clientCertificate('ada', authority()));
    const cases: [string, Parameters<typeof startPair>[0], boolean][] = [
      ['a server that is onConnect', { server: { encryption: 'onConnect' } }, true],
      [
        'a server that approves its clients',
        { server: { approveConnection: () => ({ approved: true, data: {} as PeerData }) } },
        true,
      ],
      [
        'a server that may ask for certificates',
        { server: { clientAuthentication: 'optional', ca: root } },
        true,
      ],
      ['a server with a minimum', { server: { minimumSecurity: 2 } }, true],
      ['a client that is onConnect', { client: { encryption: 'onConnect' } }, false],
      ['a client with connection data', { client: { connectionData: 'marker' } }, false],
      ['a client with a certificate', { client: { certificate: ada } }, false],
      ['a client with a minimum', { client: { minimumSecurity: 2 } }, false],
    ];
    for (const [what, { server, client } = {}, isAsked] of cases) {
      it(`is secured before anything else: ${what}`, async () => {
        const frames: Uint8Array[] = [];
        const pair = await startPair({
          services: [new Desk()],
          server: { encryption: 'onDemand', ...server },
          client: { encryption: 'onDemand', ...client },
          intercept({ bytes }) {
            frames.push(bytes);
            return [bytes];
          },
        });
        expect([pair.client.connection!.security.state, pair.peer.security.state]).to.deep.equal([
          'secured',
          'secured',
        ]);
        const plain = frames.map(plainHandshakeType).filter((type) => type !== undefined);
        expect(plain).to.deep.equal(isAsked ? [64, helloRequest, 1, 2] : [1, 2]);
        await pair.client.connection!.establishEncryption();
        expect(await pair.client.rpc(Desk).secret(1)).to.deep.equal([1, 3]);
        await pair.stop();
      });
    }

    it('is secured at once for the client of a host, and on demand for the others', async () => {
      const host = new NetworkingManager({
        certificate: credentials(serverCertificate()),
        encryption: 'onDemand',
      });
      const url = await host.register(new Desk()).startHost('memory://on-demand-host');
      expect(host.connection!.security.state).to.equal('secured');
      const guest = new NetworkingManager({ ca: root, serverName, encryption: 'onDemand' });
      await guest.startClient(url);
      expect(guest.connection!.security.state).to.equal('plain');
      expect(await guest.rpc(Desk).secret(1)).to.deep.equal([1, 3]);
      await guest.stop();
      await host.stop();
    });

    it('is refused where the other side has encryption off', async () => {
      for (const side of ['server', 'client'] as const) {
        const pair = startPair({
          scheme: 'memory',
          server: { encryption: 'onDemand' },
          client: { encryption: 'onDemand' },
          [side]: { enableEncryption: false },
        });
        const outcome = await outcomeOf(pair);
        expect(outcome).to.include({
          kind: 'failed',
          code: 'HANDSHAKE_FAILED',
          reason: 'encryption-mismatch',
        });
      }
    });

    it('refuses a configuration that says both, or neither', async () => {
      for (const config of [
        { encryption: 'onDemand', enableEncryption: false },
        { encryption: 'later' },
      ] as const) {
        const manager = new NetworkingManager(config as object);
        expect(await codeOf(manager.startClient('memory://nobody'))).to.equal('INVALID_CONFIG');
      }
      const off = await startPair({
        scheme: 'memory',
        server: { enableEncryption: false },
        client: { enableEncryption: false },
      });
      for (const side of [off.client.connection!, off.peer])
        expect(await codeOf(side.establishEncryption())).to.equal('ENCRYPTION_UNAVAILABLE');
      await off.stop();
    });
  });

  describe('when no keys come about', () => {
    it('ends the connection, tells both sides, and sends nothing that waited', async () => {
      const pair = await beginPlain({ client: { validateCertificate: () => false } });
      const asked = outcomeOf(pair.client.connection!.establishEncryption());
      const call = outcomeOf(pair.client.rpc(Desk).secret('marker'));
      expect(await asked).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'revoked-by-validator' });
      expect(await call).to.include({ code: 'ENCRYPTION_UNAVAILABLE', reason: 'CERTIFICATE_REJECTED' });
      await eventually('both know', () => pair.events.length === 4);
      expect(pair.events.filter((event) => event.startsWith('client'))).to.deep.equal([
        'client failed CERTIFICATE_REJECTED',
        'client lost CERTIFICATE_REJECTED',
      ]);
      expect(pair.events.filter((event) => event.startsWith('server'))).to.deep.equal([
        'server failed HANDSHAKE_FAILED',
        'server lost HANDSHAKE_FAILED',
      ]);
      expect(pair.desk.heard).to.deep.equal([]);
      expect(pair.client.connection).to.equal(undefined);
      await pair.stop();
    });

    for (const silent of ['client', 'server'] as const) {
      it(`gives up in its own time, however slow the ${silent} is`, async () => {
        const pair = await beginPlain({
          scheme: 'memory',
          [silent === 'client' ? 'server' : 'client']: { limits: { handshakeTimeoutMs: 300 } },
          // Behind its PlainHello it says nothing of the handshake.
          intercept: ({ from, bytes, index }) =>
            from === silent && index > 0 && (bytes[0]! & 0x3f) === frameTypes.handshake ? [] : [bytes],
        });
        const asking: Peer = silent === 'client' ? pair.peer : pair.client.connection!;
        expect(await codeOf(asking.establishEncryption())).to.equal('HANDSHAKE_TIMEOUT');
        await eventually('both know', () => pair.events.length === 4);
        const other = silent === 'client' ? 'server' : 'client';
        expect(pair.failures[other]!.code).to.equal('HANDSHAKE_TIMEOUT');
        expect(pair.failures[silent]).to.include({ code: 'HANDSHAKE_FAILED', reason: 'handshake-timeout' });
        await pair.stop();
      });
    }

    it('lets a validator take its time, under calls, and tells it when it took too long', async () => {
      let decide: (verdict: boolean) => void = () => undefined;
      let signal: AbortSignal | undefined;
      const validateCertificate = (_chain: unknown, _name: unknown, context: { signal: AbortSignal }) => {
        ({ signal } = context);
        return new Promise<boolean>((resolve) => {
          decide = resolve;
        });
      };
      const slow = await beginPlain({ scheme: 'memory', client: { validateCertificate } });
      const call = slow.client.rpc(Desk).secret('word');
      await eventually('it is asked', () => signal !== undefined);
      expect(await slow.client.rpc(Desk).open('meanwhile')).to.equal('meanwhile');
      expect(slow.client.connection!.security.state).to.equal('securing');
      decide(true);
      expect(await call).to.deep.equal(['word', 3]);
      await slow.stop();

      signal = undefined;
      const slower = await beginPlain({
        scheme: 'memory',
        client: { validateCertificate, limits: { handshakeTimeoutMs: 400 } },
      });
      expect(await codeOf(slower.client.connection!.establishEncryption())).to.equal('HANDSHAKE_TIMEOUT');
      expect(signal!.aborted).to.equal(true);
      decide(true);
      await eventually('both know', () => slower.events.length === 4);
      await slower.stop();
    });
  });

  it('begins each connection anew, and what was lost while it waited is made again where twice is as good', async () => {
    const pair = await beginPlain({
      scheme: 'memory',
      client: { reconnect: { initialDelayMs: 1 } },
      intercept: ({ bytes, connection }) =>
        connection === 0 && plainHandshakeType(bytes) === clientHello ? 'cut' : [bytes],
    });
    const twice = pair.client.invokeServerRpc('Desk.secret', ['twice'], { idempotent: true });
    const once = outcomeOf(pair.client.invokeServerRpc('Desk.secret', ['once']));
    expect(await once).to.include({ code: 'CONNECTION_CLOSED', reason: 'transport-closed' });
    expect(await twice).to.deep.equal(['twice', 3]);
    expect(pair.client.connection!.security.state).to.equal('secured');
    expect(pair.desk.heard).to.deep.equal(['twice']);
    expect(pair.events.filter((event) => event.startsWith('client'))).to.deep.equal([
      'client failed CONNECTION_CLOSED',
      'client lost CONNECTION_CLOSED',
      'client established',
    ]);
    await pair.stop();
  });

  it('keeps its heartbeats while keys come', async () => {
    const heartbeat = { intervalMs: 4, timeoutMs: 300 };
    for (let round = 0; round < 5; round++) {
      const pair = await beginPlain({ scheme: 'tcp', server: { heartbeat }, client: { heartbeat } });
      await new Promise((resolve) => setTimeout(resolve, 10));
      await pair.client.connection!.establishEncryption();
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await pair.client.rpc(Desk).secret(1)).to.deep.equal([1, 3]);
      expect(pair.events.filter((event) => !event.endsWith('established'))).to.deep.equal([]);
      await pair.stop();
    }
  });
});
