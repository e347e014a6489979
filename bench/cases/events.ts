// Events: one client has the server send an event to all; how many of them arrive in a second, over all clients.
//
// Four events are under way at once: so the server sends while clients receive, and nobody gets a whole second's events in
// one batch. An event counts when every client has it.

import type { Client, Move } from '../driver/candidate.js';
import { moveNumber } from './calls.js';
import type { Case } from './case.js';

const candidates = [
  'sealwire',
  'ws',
  'ws-tls',
  'colyseus',
  'rpc-websockets',
  'socket.io',
  'capnweb',
  'grpc',
  'trpc',
] as const;

function fanOut(clients: number): Case {
  return {
    name: `events-${clients}`,
    title: `Events to ${clients.toLocaleString('en')} clients`,
    unit: 'events/s',
    better: 'more',
    key: 'p256',
    work: { kind: 'events', clients },
    candidates,
  };
}

export const eventCases: readonly Case[] = [fanOut(200), fanOut(1000)];

const underWay = 4;

/** Counts, for each event, the clients that do not have it yet. */
export class Arrivals {
  readonly #missing = new Map<number, number>();
  readonly #whole = new Map<number, () => void>();

  /** For every client: what it does with an event. */
  readonly onEvent = ({ id }: Move): void => {
    const missing = (this.#missing.get(id) ?? 0) - 1;
    if (missing < 0) throw new Error(`event ${id} came more often than there are clients`);
    this.#missing.set(id, missing);
    if (missing === 0) this.#whole.get(id)!();
  };

  expect(id: number, clients: number): Promise<void> {
    this.#missing.set(id, clients);
    return new Promise((resolve) => {
      this.#whole.set(id, () => {
        this.#missing.delete(id);
        this.#whole.delete(id);
        resolve();
      });
    });
  }
}

/** Resolves to the number of events that arrived, and the time that it took in milliseconds. */
export async function sendEvents(
  clients: readonly Client[],
  arrivals: Arrivals,
  ms: number,
): Promise<{ count: number; took: number }> {
  const started = performance.now();
  let sent = 0;
  const lane = async () => {
    while (performance.now() - started < ms) {
      const id = ++sent;
      const arrived = arrivals.expect(id, clients.length);
      await clients[0]!.publish(moveNumber(id));
      await arrived;
    }
  };
  await Promise.all(Array.from({ length: underWay }, lane));
  return { count: sent * clients.length, took: performance.now() - started };
}
