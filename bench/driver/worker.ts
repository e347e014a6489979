// The process of one candidate: its server, or its clients. The same file for both and for all; which one is in its arguments.
//
//   node --expose-gc worker.js <file> <candidate>
//
// The driver asks (process.ts), this answers, one question at a time. When the driver is gone, so is this.

import { makeCalls } from '../cases/calls.js';
import type { Measured, Work } from '../cases/case.js';
import { Arrivals, sendEvents } from '../cases/events.js';
import { shakeHands } from '../cases/handshakes.js';
import type { CandidateModule, Client, Credentials } from './candidate.js';
import type { Memory, Question, Reply } from './process.js';

const [file, name] = process.argv.slice(2);
const { candidates } = (await import(`../candidates/${file}.js`)) as CandidateModule;
const candidate = candidates[name!]!;

let address = '';
let ca = '';
const clients: Client[] = [];
let listening = false;
const arrivals = new Arrivals();

/** Connects and closes until there are as many clients as the work needs. Where there are many, all of them get events. */
async function prepare(work: Work): Promise<void> {
  const wanted = work.kind === 'handshakes' ? 0 : work.clients;
  const listen = wanted > 1 && work.kind !== 'idle';
  const kept = listen === listening ? wanted : 0;
  await Promise.all(clients.splice(kept).map((client) => client.close()));
  listening = listen;
  const atOnce = 64;
  const lane = async () => {
    while (missing-- > 0) {
      clients.push(await candidate.connect(address, ca, listen ? arrivals.onEvent : undefined));
    }
  };
  let missing = wanted - clients.length;
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function measure(work: Work, ms: number): Promise<Measured> {
  const before = process.cpuUsage();
  const done = await measured(work, ms);
  const { user, system } = process.cpuUsage(before);
  return { ...done, cpu: user + system };
}

async function measured(work: Work, ms: number): Promise<Omit<Measured, 'cpu'>> {
  switch (work.kind) {
    case 'calls': {
      const { times, took } = await makeCalls(clients, work, ms);
      const count = times.length;
      const alone = work.clients * work.inFlight === 1;
      const median = alone ? times.sort((a, b) => a - b)[count >> 1]! : 0;
      return { count, value: alone ? median : (count / took) * 1000 };
    }
    case 'events': {
      const { count, took } = await sendEvents(clients, arrivals, ms);
      return { count, value: (count / took) * 1000 };
    }
    case 'handshakes': {
      const { count, took } = await shakeHands(() => candidate.connect(address, ca), work.atOnce, ms);
      return { count, value: (count / took) * 1000 };
    }
    case 'idle':
      throw new Error('nothing happens on an idle connection');
  }
}

async function memory(): Promise<Memory> {
  // Twice, with time for finalizers between: what the first one frees holds other things.
  for (let pass = 0; pass < 2; pass++) {
    globalThis.gc!();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

async function answer(question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'serve':
      return candidate.serve(question.credentials as Credentials);
    case 'connect':
      address = question.address;
      ca = question.ca;
      return undefined;
    case 'prepare':
      return prepare(question.work);
    case 'measure':
      return measure(question.work, question.ms);
    case 'cpu': {
      const { user, system } = process.cpuUsage();
      return user + system;
    }
    case 'memory':
      return memory();
  }
}

process.on('message', async (question: Question) => {
  let reply: Reply;
  try {
    reply = { result: await answer(question) };
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) };
  }
  process.send!(reply);
});
process.on('disconnect', () => process.exit());
// Ctrl+C reaches the whole group; the driver decides.
process.on('SIGINT', () => {});
