// Streams over a relay that is killed at random moments: each of them, in both directions, ends with a coded error on both
// sides, every `finally` has run, and nothing of it is left.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import type { SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { type Peer, sessionOf } from '../../lib/rpc/peer.js';
import { startPair } from '../support/pair.js';
import { SeededRandom } from '../support/random.js';
import { eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What runs on one side, and how it ended. */
class Book {
  begun = 0;
  readonly ends: string[] = [];

  get open(): number {
    return this.begun - this.ends.length;
  }

  /** Items without end, some at once and some a turn later. */
  async *items(bytes: number, why: () => unknown): AsyncGenerator<Uint8Array> {
    this.begun += 1;
    try {
      for (let index = 0; ; index++) {
        if (index % 7 === 6) await nextTurn();
        yield new Uint8Array(bytes);
      }
    } finally {
      this.ends.push(codeOf(why()));
    }
  }
}

/** Offered by both sides. */
class Flow {
  readonly served: Book = new Book();

  @Rpc(Security.None, { stream: true })
  pourPlain(bytes: number): AsyncIterable<Uint8Array> {
    return this.#pour(bytes);
  }

  @Rpc(Security.Encrypted | Security.Authenticated, { stream: true })
  pour(bytes: number): AsyncIterable<Uint8Array> {
    return this.#pour(bytes);
  }

  @Rpc(Security.Authenticated)
  async drink(items: AsyncIterable<Uint8Array>, slowly: boolean): Promise<void> {
    this.served.begun += 1;
    let end: unknown;
    try {
      // So slowly that the other side runs out of credit, and waits for it when the end comes.
      for await (const _ of items) if (slowly) await new Promise((resolve) => setTimeout(resolve, 1));
    } catch (error) {
      end = error;
      throw error;
    } finally {
      this.served.ends.push(codeOf(end));
    }
  }

  /** Gives back what it takes, bidirectional. */
  @Rpc(Security.Encrypted | Security.Authenticated)
  async *swap(items: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.served.begun += 1;
    let end: unknown = callContext().signal;
    try {
      for await (const item of items) yield item;
      end = undefined;
    } catch (error) {
      end = error;
      throw error;
    } finally {
      this.served.ends.push(codeOf(end instanceof AbortSignal ? end.reason : end));
    }
  }

  #pour(bytes: number): AsyncIterable<Uint8Array> {
    const { signal } = callContext();
    return this.served.items(bytes, () => signal.reason);
  }
}

describe('manager: streams over a relay that is killed', () => {
  nothingUncaught();
  nothingLeftBehind();

  it('end with a coded error on both sides, 40 times, and nothing of them is left', async function () {
    this.timeout(20_000);
    const seed = Number(process.env.KILLS_SEED ?? (Math.random() * 2 ** 32) >>> 0);
    const random = new SeededRandom(seed);
    const [atServer, atClient] = [new Flow(), new Flow()];
    const { client, server, relay, stop } = await startPair({
      scheme: 'tcp',
      services: [atServer],
      clientServices: [atClient],
      client: { reconnect: { initialDelayMs: 1, maxDelayMs: 5 } },
      intercept: ({ bytes }) => [bytes],
    });
    const peers = new Set<Peer>();
    client.on('encryptionEstablished', (peer) => peers.add(peer));
    server.on('clientConnected', (peer) => peers.add(peer));
    /** Of arguments. */
    const sources = new Book();
    const ends: string[] = [];
    let taken = 0;

    for (let kills = 0; kills < 40; kills++) {
      await eventually('both are back', () => client.state === 'ready' && server.clients.size === 1);
      const [toServer, toClient] = [client.connection!, [...server.clients.values()][0]!];
      const jobs: Promise<void>[] = [];
      for (let streams = random.below(6); streams >= 0; streams--) {
        jobs.push(open(random.below(2) === 0 ? toServer : toClient));
        if (random.below(3) === 0) await nextTurn();
      }
      for (let turns = random.below(20); turns > 0; turns--) await nextTurn();
      relay!.cut();
      await Promise.all(jobs);
    }
    const about = `KILLS_SEED=${seed}`;
    await eventually(`every finally has run, ${about}`, () =>
      [atServer.served, atClient.served, sources].every((book) => book.open === 0),
    );
    expect(new Set(ends), about).to.deep.equal(new Set(['CONNECTION_CLOSED']));
    for (const { served } of [atServer, atClient]) {
      expect(served.begun, about).to.be.greaterThan(20);
      expect(new Set(served.ends), about).to.deep.equal(new Set(['CONNECTION_CLOSED']));
    }
    expect(sources.begun, about).to.be.greaterThan(20);
    expect(taken, about).to.be.greaterThan(500);
    expect(peers.size, about).to.be.greaterThan(60);
    // A call is over a step behind the `finally` of its method.
    await eventually(`nothing is left, ${about}`, () =>
      [...peers].every((peer) => Object.values(sessionOf(peer).load).every((load) => load === 0)),
    );
    await stop();

    /** Opens a stream of one kind or another, and takes items until it ends. */
    async function open(peer: Peer): Promise<void> {
      const bytes = random.below(20_000);
      const source = () => sources.items(bytes, () => undefined);
      const flow = peer.rpc<Flow>('Flow');
      const kind = random.below(4);
      const pause = random.below(4);
      try {
        if (kind === 0) await flow.drink(source(), pause < 2);
        else {
          const items =
            kind === 1 ? flow.pour(bytes) : kind === 2 ? flow.pourPlain(bytes) : flow.swap(source());
          for await (const _ of items) {
            taken += 1;
            if (pause === 0) await nextTurn();
          }
        }
        ends.push('none');
      } catch (error) {
        ends.push(codeOf(error));
      }
    }
  });
});

function codeOf(error: unknown): string {
  return (error as SealwireError | undefined)?.code ?? 'none';
}
