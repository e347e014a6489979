// Ten thousand calls and a thousand streams at once on one connection, with random cancellations, in an order drawn by a
// seed; then the connection is cut while many run. Over sockets, too.
//
// Each settles exactly once, and so it looks on the wire; no handler runs on when its cancellation was seen; no timer, no
// listener is left, and no entry of any map: what calls were made of is garbage while the connection still stands.

import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { RpcError, type SealwireError } from '../../lib/base/errors.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { stillReachable } from '../support/collected.js';
import { type Scheme, schemes } from '../support/pair.js';
import { SeededRandom } from '../support/random.js';
import { eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { linkSessions } from './linked-sessions.js';
import { Witness } from './witness.js';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

class Mill {
  running = 0;
  /** Steps of handlers that came behind the cancellation of their call, or were not told of it. */
  readonly faults: string[] = [];
  /** What the server has of its calls. */
  readonly refs: WeakRef<object>[] = [];
  isCancelled: (job: number) => boolean = () => false;

  @Rpc()
  async wait(job: number, turns: number): Promise<number> {
    const signal = this.#begin(job);
    for (let turn = 0; turn < turns; turn++) {
      await nextTurn();
      this.#step(job, signal);
      // One gives up as it was told, the other with words of its own, which come too late.
      if (job % 2 === 0) signal.throwIfAborted();
      else if (signal.aborted) throw new RpcError('ABORTED', 'nobody waits for this');
    }
    return turns;
  }

  @Rpc()
  async *grind(job: number, count: number, bytes: number): AsyncGenerator<Uint8Array> {
    const signal = this.#begin(job);
    this.running += 1;
    try {
      for (let index = 0; index < count; index++) {
        this.#step(job, signal);
        if (signal.aborted) this.faults.push(`an item of ${job} was made behind its abort`);
        yield new Uint8Array(bytes);
      }
    } finally {
      this.running -= 1;
    }
  }

  @Rpc()
  async weigh(job: number, parts: AsyncIterable<Uint8Array>): Promise<number> {
    const signal = this.#begin(job);
    this.refs.push(new WeakRef(parts));
    this.running += 1;
    let bytes = 0;
    try {
      for await (const part of parts) {
        this.#step(job, signal);
        bytes += part.length;
      }
    } finally {
      this.running -= 1;
    }
    return bytes;
  }

  #begin(job: number): AbortSignal {
    const { signal } = callContext();
    if (this.isCancelled(job)) this.faults.push(`${job} began behind its cancellation`);
    this.refs.push(new WeakRef(signal));
    return signal;
  }

  #step(job: number, signal: AbortSignal): void {
    if (this.isCancelled(job) && !signal.aborted) this.faults.push(`${job} was not told of its cancellation`);
  }
}

const many = { maxCallsInFlight: 20_000, maxPendingCalls: 20_000, maxStreams: 2000 };
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
let leave: () => void = () => undefined;
/** Sockets take more time for each frame. */
const jobsOver: Record<Scheme, number> = { memory: 11_000, ws: 4400, tcp: 4400 };

describe('rpc: a soak', () => {
  nothingUncaught();
  afterEach(() => leave());

  for (const scheme of schemes) {
    for (const isCut of [false, true]) {
      const number = jobsOver[scheme];
      it(`settles ${number} calls and streams over ${scheme}${isCut ? ', and the connection is cut' : ''}`, async function () {
        this.timeout(20_000);
        await soak(scheme, number, isCut);
      });
    }
  }
});

/** One of eleven jobs is a stream, from the server or to it. */
async function soak(scheme: Scheme, number: number, isCut: boolean): Promise<void> {
  await nextTurn();
  const timersBefore = timers();
  const seed = Number(process.env.SOAK_SEED ?? (Math.random() * 2 ** 32) >>> 0);
  const random = new SeededRandom(seed);
  const mill = new Mill();
  const linked = await linkSessions({ scheme, serverServices: [mill], limits: many });
  const { client, server, stop } = linked;
  const witness = new Witness(server);
  leave = witness.leave;
  mill.isCancelled = (job) => witness.cancelled.has(job);
  let [wrong, settled, sources] = [0, 0, 0];
  const signals: AbortSignal[] = [];
  const refs: WeakRef<object>[] = [];
  const tally: Record<string, number> = {};

  const jobs: Promise<void>[] = [];
  for (let job = 0; job < number; job++) {
    const controller = new AbortController();
    const { signal } = controller;
    signals.push(signal);
    if (random.below(5) === 0) setTimeout(() => controller.abort(), random.below(200));
    jobs.push(job % 11 === 0 ? stream(job, signal) : call(job, signal));
    if (random.below(200) === 0) await nextTurn();
  }
  const ending = random.below(2) === 0 ? server : client;
  if (isCut) setTimeout(() => ending.session.disconnect('going-away'), 50 + random.below(100));
  await Promise.all(jobs);

  const about = `SOAK_SEED=${seed}: ${JSON.stringify(tally)}`;
  expect([wrong, settled], about).to.deep.equal([0, number]);
  expect(tally.done, about).to.be.greaterThan(isCut ? 0 : number / 2);
  if (!isCut) expect(witness.cancelled.size, about).to.be.greaterThan(10);
  await eventually(`nothing runs, ${about}`, () => {
    const loads = [client, server].flatMap(({ session }) => Object.values(session.load));
    return mill.running + sources === 0 && loads.every((load) => load === 0);
  });
  expect(mill.faults, about).to.deep.equal([]);
  expect(witness.faults, about).to.deep.equal([]);
  expect(
    signals.flatMap((signal) => getEventListeners(signal, 'abort')),
    about,
  ).to.deep.equal([]);
  expect(mill.refs.length, about).to.be.greaterThan(isCut ? 0 : number / 2);
  expect(await stillReachable([...mill.refs, ...refs]), `reachable, ${about}`).to.equal(0);
  await stop();
  await eventually('no timer is left', () => timers() <= timersBefore);

  function count(code: string, signal: AbortSignal): void {
    settled += 1;
    tally[code] = (tally[code] ?? 0) + 1;
    const isRight =
      code === 'CANCELLED' ? signal.aborted : code === 'done' || (isCut && code === 'CONNECTION_CLOSED');
    if (!isRight) wrong += 1;
  }

  async function call(job: number, signal: AbortSignal): Promise<void> {
    const turns = random.below(20);
    try {
      const value = await client.session.invoke('Mill.wait', [job, turns], { signal });
      if (value !== turns) wrong += 1;
      count('done', signal);
    } catch (error) {
      count((error as SealwireError).code, signal);
    }
  }

  async function stream(job: number, signal: AbortSignal): Promise<void> {
    // Some are larger than the window, so that credit is waited for.
    const [items, bytes] = [random.below(40), random.below(random.below(10) === 0 ? 30_000 : 4000)];
    try {
      if (job % 2 === 0) {
        const leaveAt = random.below(3) === 0 ? random.below(20) : Number.POSITIVE_INFINITY;
        let taken = 0;
        const grinding = client.session.stream('Mill.grind', [job, items, bytes], { signal });
        refs.push(new WeakRef(grinding));
        for await (const item of grinding) {
          if ((item as Uint8Array).length !== bytes) wrong += 1;
          taken += 1;
          if (taken > leaveAt) break;
        }
        if (taken !== Math.min(items, leaveAt + 1)) wrong += 1;
      } else {
        const source = parts(items, bytes);
        refs.push(new WeakRef(source));
        const weight = await client.session.invoke('Mill.weigh', [job, source], { signal });
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
}
