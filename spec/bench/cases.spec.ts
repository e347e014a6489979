// What clients do in a case, with clients that are made here: how many calls are in flight, which events count, and that wrong
// answers are no measurement.

import { expect } from 'chai';
import { makeCalls, moveNumber } from '../../bench/cases/calls.js';
import { type Case, startsProcesses } from '../../bench/cases/case.js';
import { Arrivals, sendEvents } from '../../bench/cases/events.js';
import { shakeHands } from '../../bench/cases/handshakes.js';
import { cases } from '../../bench/cases/list.js';
import type { Client } from '../../bench/driver/candidate.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function client(parts: Partial<Client>): Client {
  return {
    echo: async (move) => move,
    echoBytes: async (bytes) => bytes,
    publish: async () => {},
    close: () => {},
    ...parts,
  };
}

async function failure(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: Error) => error.message,
  );
}

describe('Bench: cases', () => {
  it('keeps as many calls in flight as it says, on each client, and times each of them', async () => {
    let inFlight = 0;
    let most = 0;
    let calls = 0;
    const counting = client({
      echo: async (move) => {
        calls++;
        most = Math.max(most, ++inFlight);
        await turn();
        inFlight--;
        return move;
      },
    });
    const { times, took } = await makeCalls([counting, counting], { inFlight: 3, bytes: 0 }, 20);
    expect(most).equal(6);
    expect(times).lengthOf(calls);
    expect(Math.max(...times) / 1000).most(took);
  });

  it('takes no wrong answer for a call', async () => {
    const mixedUp = client({
      echo: async () => moveNumber(-1),
      echoBytes: async (bytes) => bytes.subarray(1),
    });
    const load = { inFlight: 1, bytes: 0 };
    expect(await failure(makeCalls([mixedUp], load, 5))).equal('the answer is that of another call');
    expect(await failure(makeCalls([mixedUp], { ...load, bytes: 9 }, 5))).equal('the answer is not whole');
    expect(await failure(makeCalls([client({})], { ...load, bytes: 9 }, 5))).equal('none');
  });

  it('goes on with an event when every client has it, four under way', async () => {
    const arrivals = new Arrivals();
    let underWay = 0;
    let most = 0;
    const publisher = client({
      publish: async (move) => {
        most = Math.max(most, ++underWay);
        arrivals.onEvent(move);
        setImmediate(() => {
          underWay--;
          arrivals.onEvent(move);
        });
      },
    });
    const { count } = await sendEvents([publisher, client({})], arrivals, 20);
    expect(most).equal(4);
    expect(underWay).equal(0);
    expect(count).greaterThan(8);
    expect(() => arrivals.onEvent(moveNumber(1))).throw('more often than there are clients');
  });

  it('closes every connection that it makes, and counts them', async () => {
    let open = 0;
    let made = 0;
    const connect = async () => {
      made++;
      open++;
      await turn();
      return client({ close: () => turn().then(() => void open--) });
    };
    const { count } = await shakeHands(connect, 4, 10);
    expect(count).equal(made).greaterThan(3);
    expect(open).equal(0);
  });

  it('compares only candidates with the same past', () => {
    const [first, ...rest] = cases as readonly [Case, ...Case[]];
    expect(startsProcesses(first, undefined, false)).true;
    expect(startsProcesses(first, first, false)).false;
    expect(startsProcesses(first, first, true)).true;
    expect(startsProcesses({ ...first, key: 'rsa-2048' }, first, false)).true;
    expect(startsProcesses({ ...first, candidates: first.candidates.slice(1) }, first, false)).true;
    const idle = rest.find(({ work }) => work.kind === 'idle')!;
    expect(startsProcesses(idle, idle, false)).true;
  });
});
