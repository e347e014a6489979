// A pair: the server and the clients of one candidate, in a process each, connected and ready for the work of a case.

import type { Case, KeyType, Measured, Sample, Work } from '../cases/case.js';
import type { Credentials } from './candidate.js';
import { type Memory, Worker } from './process.js';

/** What the servers show, and where the root for it lies on disk. */
export interface Certificates {
  readonly servers: Readonly<Record<KeyType, Credentials>>;
  readonly caFile: string;
}

/** Longest that thousands of connections may take to come up, in milliseconds. */
const connectPatienceMs = 180_000;

const firstCalls: Work = { kind: 'calls', clients: 1, inFlight: 16, bytes: 0 };

export class Pair {
  readonly #server: Worker;
  readonly #clients: Worker;

  private constructor(server: Worker, clients: Worker) {
    this.#server = server;
    this.#clients = clients;
  }

  /** Resolves when the first calls, for `warmUpMs`, have had the compiler look at what all cases run through. */
  static async start(
    candidate: string,
    key: KeyType,
    certificates: Certificates,
    warmUpMs: number,
  ): Promise<Pair> {
    const credentials = certificates.servers[key];
    const server = new Worker(candidate, certificates.caFile);
    const clients = new Worker(candidate, certificates.caFile);
    const pair = new Pair(server, clients);
    try {
      const address = await server.ask<string>({ ask: 'serve', credentials });
      await clients.ask({ ask: 'connect', address, ca: credentials.ca });
      if (warmUpMs > 0) {
        await pair.prepare(firstCalls);
        await clients.ask({ ask: 'measure', work: firstCalls, ms: warmUpMs });
      }
      return pair;
    } catch (error) {
      pair.stop();
      throw error;
    }
  }

  prepare(work: Work): Promise<void> {
    return this.#clients.ask({ ask: 'prepare', work }, connectPatienceMs);
  }

  /** Does the work of a case for so long. */
  async measure({ work }: Case, ms: number): Promise<Sample> {
    const before = await this.#server.ask<number>({ ask: 'cpu' });
    const { value, count, cpu } = await this.#clients.ask<Measured>(
      { ask: 'measure', work, ms },
      ms + 30_000,
    );
    const after = await this.#server.ask<number>({ ask: 'cpu' });
    return { value, serverCpu: (after - before) / count, clientCpu: cpu / count };
  }

  /** What the connections cost the server that `work` needs; this pair must be fresh. */
  async measureIdle({ work }: Case): Promise<Sample> {
    if (work.kind !== 'idle') throw new Error('only idle connections are measured by memory');
    // The first ones also cost what is made once for all: compiled code, room in the heap.
    const first = Math.min(500, Math.ceil(work.clients / 4));
    await this.prepare({ ...work, clients: first });
    const before = await this.#server.ask<Memory>({ ask: 'memory' });
    await this.prepare(work);
    const after = await this.#server.ask<Memory>({ ask: 'memory' });
    const perConnection = (bytes: number) => bytes / 1024 / (work.clients - first);
    return { value: perConnection(after.rss - before.rss), heap: perConnection(after.heap - before.heap) };
  }

  stop(): void {
    this.#server.stop();
    this.#clients.stop();
  }
}
