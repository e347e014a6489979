// Ten thousand calls and a thousand streams at once on one connection, with random cancellations, in an order drawn by a
// seed; then the connection is cut while many run. Each settles exactly once, and nothing is left.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import type { SealwireError } from '../../lib/base/errors.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { SeededRandom } from '../support/random.js';
import { eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { linkSessions } from './linked-sessions.js';

class Mill {
  running = 0;
  /** Items that were made behind the abort of their call. */
  afterAbort = 0;

  @Rpc()
  async wait(turns: number): Promise<number> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    return turns;
  }

  @Rpc()
  async *grind(count: number, bytes: number): AsyncGenerator<Uint8Array> {
    const { signal } = callContext();
    this.running += 1;
    try {
      for (let index = 0; index < count; index++) {
        if (signal.aborted) this.afterAbort += 1;
        yield new Uint8Array(bytes);
      }
    } finally {
      this.running -= 1;
    }
  }

  @Rpc()
  async weigh(parts: AsyncIterable<Uint8Array>): Promise<number> {
    this.running += 1;
    let bytes = 0;
    try {
      for await (const part of parts) bytes += part.length;
    } finally {
      this.running -= 1;
    }
    return bytes;
  }
}

const many = { maxCallsInFlight: 20_000, maxPendingCalls: 20_000, maxStreams: 2000 };
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('rpc: a soak', () => {
  nothingUncaught();

  for (const isCut of [false, true]) {
    it(`settles 10,000 calls and 1,000 streams${isCut ? ', and the connection is cut' : ''}`, async function () {
      this.timeout(20_000);
      await new Promise((resolve) => setImmediate(resolve));
      const timersBefore = timers();
      const seed = Number(process.env.SOAK_SEED ?? (Math.random() * 2 ** 32) >>> 0);
      const random = new SeededRandom(seed);
      const mill = new Mill();
      const { client, server, stop } = await linkSessions({ serverServices: [mill], limits: many });
      let [wrong, settled, sources] = [0, 0, 0];
      const jobs: Promise<void>[] = [];
      const tally: Record<string, number> = {};
      for (let number = 0; number < 11_000; number++) {
        const controller = new AbortController();
        const { signal } = controller;
        if (random.below(5) === 0) setTimeout(() => controller.abort(), random.below(200));
        const job = number % 11 === 0 ? stream(number, signal) : call(signal);
        jobs.push(job);
        if (random.below(200) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      if (isCut) setTimeout(() => server.session.disconnect('going-away'), 50 + random.below(100));
      await Promise.all(jobs);
      const about = `seed ${seed}: ${JSON.stringify(tally)}`;
      expect([wrong, settled], about).to.deep.equal([0, 11_000]);
      expect(tally.done, about).to.be.greaterThan(isCut ? 0 : 5000);
      await eventually(`nothing runs, ${about}`, () => {
        const { callsInFlight } = server.session.load;
        return mill.running + sources + callsInFlight + client.session.load.pendingCalls === 0;
      });
      expect(mill.afterAbort, about).to.equal(0);
      await stop();
      await eventually('no timer is left', () => timers() <= timersBefore);

      function count(code: string, signal: AbortSignal): void {
        settled += 1;
        tally[code] = (tally[code] ?? 0) + 1;
        if (
          code === 'CANCELLED' ? !signal.aborted : code !== 'done' && !(isCut && code === 'CONNECTION_CLOSED')
        )
          wrong += 1;
      }

      async function call(signal: AbortSignal): Promise<void> {
        const turns = random.below(20);
        try {
          const value = await client.session.invoke('Mill.wait', [turns], { signal });
          if (value !== turns) wrong += 1;
          count('done', signal);
        } catch (error) {
          count((error as SealwireError).code, signal);
        }
      }

      async function stream(number: number, signal: AbortSignal): Promise<void> {
        const [items, bytes] = [random.below(40), random.below(4000)];
        try {
          if (number % 2 === 0) {
            const leaveAt = random.below(3) === 0 ? random.below(20) : Number.POSITIVE_INFINITY;
            let taken = 0;
            for await (const item of client.session.stream('Mill.grind', [items, bytes], { signal })) {
              if ((item as Uint8Array).length !== bytes) wrong += 1;
              taken += 1;
              if (taken > leaveAt) break;
            }
            if (taken !== Math.min(items, leaveAt + 1)) wrong += 1;
          } else {
            const weight = await client.session.invoke('Mill.weigh', [parts(items, bytes)], { signal });
            if (weight !== items * bytes) wrong += 1;
          }
          count('done', signal);
        } catch (error) {
          count((error as SealwireError).code, signal);
        }
      }

      async function* parts(items: number, bytes: number): AsyncGenerator<Uint8Array> {
        sources += 1;
        try {
          for (let index = 0; index < items; index++) yield new Uint8Array(bytes);
        } finally {
          sources -= 1;
        }
      }
    });
  }
});
