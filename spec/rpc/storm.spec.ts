// Three thousand calls at once, both ways, with random time limits, aborts, errors and protection, drawn by a seed:
// each settles exactly once, and nothing is left.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { callContext } from '../../lib/rpc/call-context.js';
import { encodeCall } from '../../lib/wire/call-message.js';
import { SeededRandom } from '../support/random.js';
import { eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type LinkedSessions, linkSessions } from './linked-sessions.js';

/** How many timers there are, mocha's own included: it starts that behind the first await of a test. */
async function timersSoFar(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  return timers();
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

class Weather {
  runs = 0;

  /** Answers `value` after `ms`, or fails as it is told; stops early when nobody waits any more. */
  @Rpc(Security.None)
  async blow(ms: number, how: 'answer' | 'fail' | 'crash' | 'unsendable', value: number): Promise<unknown> {
    const { signal } = callContext();
    this.runs += 1;
    if (ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    if (how === 'fail') throw new RpcError('STORM', `call ${value}`, value);
    if (how === 'crash') throw new Error('crashed');
    return how === 'unsendable' ? new Map() : value;
  }

  @Rpc(Security.Authenticated, { oneWay: true })
  gust(): void {
    this.runs += 1;
  }
}

const load = ({ client, server }: LinkedSessions) => [client.session.load, server.session.load];
const idle = { pendingCalls: 0, callsInFlight: 0, streams: 0 };

describe('rpc: a storm', () => {
  nothingUncaught();

  it('settles each of 3000 calls exactly once, as it must, and leaves nothing', async () => {
    const timersBefore = await timersSoFar();
    const weather = { client: new Weather(), server: new Weather() };
    const linked = await linkSessions({ clientServices: [weather.client], serverServices: [weather.server] });
    const random = new SeededRandom(0xca11);
    const tally: Record<string, number> = {};
    let wrong = 0;
    const calls: Promise<void>[] = [];

    for (let number = 0; number < 3000; number++) {
      const side = random.below(2) === 0 ? linked.client : linked.server;
      if (random.below(10) === 0) {
        calls.push(side.session.invoke('Weather.gust', []).then(() => count('one-way')));
        continue;
      }
      const ms = random.below(40) - 10;
      const how = (['answer', 'answer', 'fail', 'crash', 'unsendable'] as const)[random.below(5)]!;
      const security = random.below(4);
      const timeoutMs = random.below(3) === 0 ? 1 + random.below(30) : undefined;
      const controller = new AbortController();
      if (random.below(4) === 0) setTimeout(() => controller.abort(), random.below(30));
      else if (random.below(40) === 0) controller.abort();
      let settlements = 0;
      const call = side.session.invoke('Weather.blow', [ms, how, number], {
        security,
        signal: controller.signal,
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
      calls.push(
        call
          .then(
            (value) => {
              settlements += 1;
              if (how !== 'answer' || value !== number) wrong += 1;
              count('answered');
            },
            (error: SealwireError) => {
              settlements += 1;
              count(error.code);
              if (error.code === 'STORM')
                wrong += how === 'fail' && (error as RpcError).data === number ? 0 : 1;
              else if (error.code === 'INTERNAL') wrong += how === 'crash' || how === 'unsendable' ? 0 : 1;
              else if (error.code === 'CANCELLED') wrong += controller.signal.aborted ? 0 : 1;
              else if (error.code === 'DEADLINE_EXCEEDED') wrong += timeoutMs !== undefined ? 0 : 1;
              else wrong += 1;
            },
          )
          .then(() => {
            if (settlements !== 1) wrong += 1;
          }),
      );
      // In gusts, so that calls, answers and cancellations cross each other.
      if (random.below(50) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(calls);

    expect(wrong).to.equal(0);
    expect(Object.values(tally).reduce((sum, number) => sum + number)).to.equal(3000);
    for (const outcome of ['answered', 'one-way', 'STORM', 'INTERNAL', 'CANCELLED', 'DEADLINE_EXCEEDED']) {
      expect(tally[outcome], outcome).to.be.greaterThan(50);
    }
    await eventually('no call is left on either side', () =>
      load(linked).every(({ pendingCalls, callsInFlight }) => pendingCalls + callsInFlight === 0),
    );
    expect([...linked.client.events, ...linked.server.events].some(([kind]) => kind !== 'failed')).to.equal(
      false,
    );
    await linked.stop();
    expect(load(linked)).to.deep.equal([idle, idle]);
    await eventually('no timer is left', () => timers() <= timersBefore);

    function count(outcome: string): void {
      tally[outcome] = (tally[outcome] ?? 0) + 1;
    }
  });

  it('fails whatever waits when the connection ends in the middle of it, and leaves nothing', async () => {
    const timersBefore = await timersSoFar();
    const weather = new Weather();
    const linked = await linkSessions({ serverServices: [weather] });
    const outcomes: string[] = [];
    const calls = Array.from({ length: 500 }, (_, number) =>
      linked.client.session.invoke('Weather.blow', [number % 2 === 0 ? 0 : 10_000, 'answer', number]).then(
        () => outcomes.push('answered'),
        (error: SealwireError) => outcomes.push(error.code),
      ),
    );
    await eventually('half are answered', () => outcomes.length === 250);
    expect(load(linked)[1]).to.deep.equal({ pendingCalls: 0, callsInFlight: 250, streams: 0 });
    linked.server.session.disconnect('going-away');
    await Promise.all(calls);
    expect(outcomes.slice(250)).to.deep.equal(Array.from({ length: 250 }, () => 'CONNECTION_CLOSED'));
    await linked.stop();
    await eventually('every method has noticed', () => load(linked)[1]!.callsInFlight === 0);
    expect(linked.client.events).to.deep.equal([['closed', 'CONNECTION_CLOSED', 'going-away']]);
    await eventually('no timer is left', () => timers() <= timersBefore);
  });
});

describe('rpc: what no caller sends', () => {
  nothingUncaught();

  const limits = { maxDepth: 32, maxValues: 1000 };

  it('answers UNIMPLEMENTED for numbers that are no method, and refuses nobody', async () => {
    const linked = await linkSessions({ serverServices: [new Weather()] });
    for (const [index, method] of [2, 1000, Number.MAX_SAFE_INTEGER].entries()) {
      linked.client.connection.send(0, encodeCall(index + 1, method, [], 0, limits));
    }
    await eventually('all are refused', () => linked.server.events.length === 3);
    expect(linked.server.events[0]).to.deep.equal(['refused', 'unknown', 'UNIMPLEMENTED']);
    await linked.stop();
  });

  it('ends a connection whose calls repeat an id, and tells no more than protocol-error', async () => {
    const weather = new Weather();
    const linked = await linkSessions({ serverServices: [weather] });
    for (const id of [1, 1]) linked.client.connection.send(3, encodeCall(id, 0, [0, 'answer', 1], 0, limits));
    await eventually('it is over', () => linked.client.events.length > 0);
    expect(weather.runs).to.equal(1);
    expect(linked.client.events).to.deep.equal([['closed', 'CONNECTION_CLOSED', 'protocol-error']]);
    expect(linked.server.events).to.deep.equal([['closed', 'PROTOCOL_ERROR', undefined]]);
    await linked.stop();
  });

  it('throws SealwireErrors for a session that has ended', async () => {
    const linked = await linkSessions();
    await linked.stop();
    for (const ask of [
      () => linked.client.session.exportKey('x', 32),
      () => linked.client.session.checkPolicy(Weather),
    ]) {
      expect(ask).to.throw(SealwireError).with.property('code', 'CONNECTION_CLOSED');
    }
  });
});
