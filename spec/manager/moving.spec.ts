// Going from one server to another: no call is lost and none runs twice, and a move that fails has changed nothing.
//
// The whole of it, a hundred clients and a thousand moves, takes a while: MOVING_CLIENTS=100 MOVING_MOVES=1000 npx mocha …

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { Security } from '../../lib/contract/security.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { sessionOf } from '../../lib/rpc/peer.js';
import { MemoryTransport } from '../../lib/transport/memory.js';
import { credentials, serverCertificate } from '../support/authority.js';
import { codeOf, eventually, outcomeOf, refusalOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Desk, Fleet, type Manager, password, shown } from './fleet.js';
import { nothingLeftBehind } from './left-behind.js';

const clientCount = Number(process.env.MOVING_CLIENTS ?? 10);
const moveCount = Number(process.env.MOVING_MOVES ?? 100);

/** Counts how often each call has run, on whichever server. */
class Tally {
  readonly runs: Map<string, number>;

  constructor(runs: Map<string, number>) {
    this.runs = runs;
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  async enter(key: string, ms: number): Promise<string> {
    this.#count(key);
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    return key;
  }

  @Rpc(Security.Encrypted | Security.Authenticated, { oneWay: true, requiresIdentity: true })
  note(key: string): void {
    this.#count(key);
  }

  @Rpc(Security.Authenticated)
  async *count(to: number): AsyncGenerator<number> {
    for (let at = 1; at <= to; at++) yield at;
  }

  #count(key: string): void {
    this.runs.set(key, (this.runs.get(key) ?? 0) + 1);
  }
}

/** What clients offer. */
class Hud {
  @Rpc(Security.Authenticated)
  ping(): number {
    return callContext().client.id;
  }
}

describe('manager: moving', () => {
  nothingUncaught();

  let fleet: Fleet;
  beforeEach(() => {
    fleet = new Fleet();
  });
  afterEach(() => fleet.stop());
  nothingLeftBehind();

  /** Ada on the first of two servers, where a call of hers runs until `here` lets it go on. */
  async function slowlyCalling() {
    const here = new Desk();
    const there = new Desk();
    const first = await fleet.server({}, {}, [here]);
    const second = await fleet.server({}, {}, [there]);
    const client = fleet.ada();
    await client.startClient(first.url);
    const call = client.rpc(Desk).slowly();
    await eventually('it runs', () => here.waiting === 1);
    return { client, call, here, there, first, second };
  }

  it('is one event: the state stays, proxies go along, the old server sees the client leave', async () => {
    const first = await fleet.server();
    const second = await fleet.server();
    const client = fleet.ada();
    client.register(new Hud());
    await client.startClient(first.url);
    const events: unknown[] = [];
    const left = client.connection;
    for (const name of ['stateChanged', 'disconnected', 'encryptionEstablished', 'encryptionFailed'] as const)
      client.on(name, () => events.push(name));
    client.on('moved', (connection, from) => events.push(['moved', connection, from]));
    const gone: unknown[] = [];
    first.server.on('clientDisconnected', (_client, { reason }) => gone.push(reason));
    const desk = client.rpc(Desk);
    await client.moveTo(second.url);
    expect(client.state).to.equal('ready');
    expect(events).to.deep.equal([['moved', client.connection, left]]);
    expect(await desk.known()).to.equal('ada');
    await eventually('it has left', () => gone.length === 1);
    expect(gone).to.deep.equal(['normal']);
    expect(second.server.clients.size).to.equal(1);
    expect(await [...second.server.clients.values()][0]!.rpc<Hud>('Hud').ping()).to.equal(0);
    // Back again, by the connection.
    await client.connection!.moveTo(first.url);
    expect(await desk.known()).to.equal('ada');
    await eventually('it has left', () => second.server.clients.size === 0);
    expect(await codeOf(left!.moveTo(second.url))).to.equal('CONNECTION_CLOSED');
    const [peer] = first.server.clients.values();
    expect(await codeOf(peer!.moveTo(second.url))).to.equal('INVALID_STATE');
  });

  it('lets calls finish where they were made, and takes new ones along', async () => {
    const { client, call, here, there, first, second } = await slowlyCalling();
    await client.moveTo(second.url);
    const later = client.rpc(Desk).slowly();
    await eventually('it runs there', () => there.waiting === 1);
    expect(first.server.clients.size).to.equal(1);
    expect(here.waiting).to.equal(1);
    here.goOn();
    there.goOn();
    expect(await Promise.all([call, later])).to.deep.equal(['ada', 'ada']);
    await eventually('it has left', () => first.server.clients.size === 0);
  });

  it('gives them as long as it is told, and no longer', async () => {
    const { client, call, here, first, second } = await slowlyCalling();
    const slow = outcomeOf(call);
    await client.moveTo(second.url, { drainMs: 20 });
    expect(await slow).to.include({ kind: 'failed', code: 'CONNECTION_CLOSED', reason: 'closed-here' });
    here.goOn();
    for (const drainMs of [-1, 0.5, Number.NaN, 1e9])
      expect(await codeOf(client.moveTo(first.url, { drainMs }))).to.equal('INVALID_ARGUMENT');
  });

  it('that fails has changed nothing', async () => {
    const first = await fleet.server();
    const strange = await fleet.server({ authenticate: undefined, tokens: undefined } as NetworkConfig);
    const client = fleet.ada();
    await client.startClient(first.url);
    const events: string[] = [];
    for (const name of ['stateChanged', 'disconnected', 'encryptionFailed', 'moved'] as const)
      client.on(name, () => events.push(name));
    const { connection, token } = client;
    for (const [target, code] of [
      ['tcp://127.0.0.1:1', 'CONNECT_FAILED'],
      ['smoke://signal', 'INVALID_CONFIG'],
      [7, 'INVALID_CONFIG'],
      [strange.url, 'UNIMPLEMENTED'],
    ] as const) {
      expect(await codeOf(client.moveTo(target as string))).to.equal(code);
    }
    const unnamed = fleet.client({ certificate: credentials(serverCertificate()), authenticate: password });
    await unnamed.startServer('memory://unnamed');
    expect(await codeOf(client.moveTo('memory://unnamed', { serverName: 'shop.example' }))).to.equal(
      'CERTIFICATE_REJECTED',
    );
    await eventually('they are gone there', () => strange.server.clients.size === 0);
    expect(client.connection).to.equal(connection);
    expect(client.token).to.equal(token);
    expect(await client.rpc(Desk).known()).to.equal('ada');
    expect(events).to.deep.equal([]);
    // And may be tried again.
    const second = await fleet.server();
    await client.moveTo(second.url);
  });

  it('is for clients that are ready, one step at a time', async () => {
    const first = await fleet.server();
    const second = await fleet.server();
    const client = fleet.ada();
    expect(await codeOf(client.moveTo(second.url))).to.equal('CONNECTION_CLOSED');
    await client.startClient(first.url);
    const move = client.moveTo(second.url);
    expect(await codeOf(client.moveTo(first.url))).to.equal('INVALID_STATE');
    await move;
    expect(second.server.clients.size).to.equal(1);
  });

  it('is given up by stop(), with all that it has begun', async () => {
    const first = await fleet.server();
    const second = await fleet.server();
    let isAsked = false;
    const client = fleet.client({
      credentials: () => {
        if (client.state !== 'ready') return shown('ada');
        isAsked = true;
        return new Promise(() => undefined);
      },
    });
    await client.startClient(first.url);
    fleet.clock.jump(3_600_000);
    const move = codeOf(client.moveTo(second.url));
    await eventually('it is asked for credentials', () => isAsked);
    await client.stop();
    expect(await move).to.equal('CONNECTION_CLOSED');
    await eventually('nobody is left', () => first.server.clients.size + second.server.clients.size === 0);
  });

  it('cuts what still runs where it was, when the client is stopped', async () => {
    const { client, call, here, second } = await slowlyCalling();
    const slow = codeOf(call);
    await client.moveTo(second.url);
    const startedMs = performance.now();
    await client.stop();
    expect(performance.now() - startedMs).to.be.below(4000);
    expect(await slow).to.equal('CONNECTION_CLOSED');
    here.goOn();
  });

  describe('while the old server is lost', () => {
    /** A client whose move waits for `goOn`. */
    async function halfway(
      config: NetworkConfig = {},
    ): Promise<{ client: Manager; move: Promise<string>; goOn(): void; refuse(): void; states: string[] }> {
      const first = await fleet.server();
      const second = await fleet.server();
      let answer: ((value: ReturnType<typeof shown>) => void) | undefined;
      const client = fleet.client({
        credentials: () =>
          client.state === 'ready'
            ? new Promise((resolve) => {
                answer = resolve;
              })
            : shown('ada'),
        ...config,
      });
      await client.startClient(first.url);
      fleet.clock.jump(3_600_000);
      const move = codeOf(client.moveTo(second.url));
      await eventually('it is asked for credentials', () => answer !== undefined);
      const states: string[] = [];
      client.on('stateChanged', (state) => states.push(state));
      sessionOf([...first.server.clients.values()][0]!).disconnect('going-away');
      await eventually('it is lost', () => client.connection === undefined);
      return {
        client,
        move,
        states,
        goOn: () => answer!(shown('ada')),
        refuse: () => answer!(shown('ada', 'guess')),
      };
    }

    it('calls wait for the next one', async () => {
      const { client, move, goOn, states } = await halfway();
      const waiting = client.rpc(Desk).known();
      expect(client.state).to.equal('reconnecting');
      goOn();
      expect(await move).to.equal('answered');
      expect(await waiting).to.equal('ada');
      expect(states).to.deep.equal(['reconnecting', 'ready']);
    });

    it('and the move fails, too, that is the end, or it is come back to', async () => {
      const lone = await halfway();
      const waiting = codeOf(lone.client.rpc(Desk).known());
      lone.refuse();
      expect(await lone.move).to.equal('UNAUTHENTICATED');
      expect(await waiting).to.equal('CONNECTION_CLOSED');
      expect(lone.client.state).to.equal('closed');
      const steady = await halfway({ reconnect: { initialDelayMs: 1, maxDelayMs: 2 } });
      const later = steady.client.rpc(Desk).known();
      steady.refuse();
      expect(await steady.move).to.equal('UNAUTHENTICATED');
      expect(await later).to.equal('ada');
    });
  });

  it('is come back to where it went', async () => {
    const first = await fleet.server();
    const second = await fleet.server();
    const client = fleet.ada({ reconnect: { initialDelayMs: 1, maxDelayMs: 2 } });
    await client.startClient(first.url);
    await client.moveTo(second.url);
    sessionOf([...second.server.clients.values()][0]!).disconnect('going-away');
    await eventually('it is back', () => client.connection === undefined);
    await eventually('it is back', () => client.state === 'ready');
    await eventually('over there', () => second.server.clients.size === 1);
    expect(await client.rpc(Desk).known()).to.equal('ada');
    expect(first.server.clients.size).to.equal(0);
  });

  it('needs neither token nor credentials, and goes over any transport', async () => {
    const first = await fleet.server({ authenticate: undefined, tokens: undefined } as NetworkConfig);
    const second = await fleet.server({ authenticate: undefined, tokens: undefined } as NetworkConfig);
    const client = fleet.client();
    await client.startClient(first.url);
    await client.moveTo(second.url);
    expect(await client.rpc(Desk).open()).to.equal('for everybody');
    expect(await refusalOf(client.moveTo(new MemoryTransport('memory://nobody')))).to.have.property(
      'code',
      'CONNECT_FAILED',
    );
  });

  it(`loses no call and runs none twice: ${clientCount} clients, ${moveCount} moves`, async function () {
    this.timeout(3_600_000);
    const runs = new Map<string, number>();
    // A machine that has other things to do loses nothing either.
    const limits = { handshakeTimeoutMs: 600_000, maxCallMs: 600_000 };
    const servers = [
      await fleet.server({ limits }, {}, [new Tally(runs)]),
      await fleet.server({ limits }, {}, [new Tally(runs)]),
    ];
    let asked = 0;
    const provider = () => {
      asked += 1;
      return shown('ada');
    };
    const clients = Array.from({ length: clientCount }, () =>
      fleet.client({ credentials: provider, limits }),
    );
    for (const [index, client] of clients.entries()) await client.startClient(servers[index % 2]!.url);
    let movesLeft = moveCount;
    let made = 0;
    const counts = { moves: 0, streams: 0 };
    await Promise.all(
      clients.map(async (client, index) => {
        const tally = client.rpc(Tally);
        for (let at = index + 1; movesLeft > 0; at++) {
          movesLeft -= 1;
          let isMoving = true;
          const calls: Promise<void>[] = [];
          const call = (ms: number): void => {
            const key = `call ${++made}`;
            calls.push(
              tally.enter(key, ms).then((answer) => {
                expect(answer).to.equal(key);
              }),
            );
            const note = `note ${made}`;
            runs.set(note, 0);
            calls.push(tally.note(note));
          };
          // Some under way when it begins, some made while it goes on, some that outlast it.
          for (let before = 0; before < 3; before++) call(before);
          const move = client.moveTo(servers[at % 2]!.url, { drainMs: 600_000 }).finally(() => {
            isMoving = false;
          });
          const stream = (async () => {
            let sum = 0;
            for await (const item of tally.count(20)) sum += item;
            expect(sum).to.equal(210);
            counts.streams += 1;
          })();
          while (isMoving) {
            call(made % 3);
            await new Promise((resolve) => setTimeout(resolve, clientCount / 10));
          }
          await move;
          counts.moves += 1;
          call(0);
          await Promise.all([...calls, stream]);
        }
      }),
    );
    await eventually('one-way calls have come', () => ![...runs.values()].includes(0));
    expect(counts).to.deep.equal({ moves: moveCount, streams: moveCount });
    expect(runs.size).to.equal(2 * made);
    expect([...runs].filter(([, count]) => count !== 1)).to.deep.equal([]);
    expect(asked).to.equal(clientCount);
    await eventually('each is on one server', () => {
      const [first, second] = servers.map(({ server }) => server.clients.size);
      return first! + second! === clientCount;
    });
    this.test!.title += ` (${made} calls)`;
  });
});
