// One thread of a long run: takes numbers from the counter that all threads share, and tells what it has seen.
//
//   shared[0]  the next number that nobody has taken      shared[1 + thread]  the number that this thread is at
//
// The main thread sees from the latter where a thread hangs, and which mutant it was that ended a thread by its memory.

import { parentPort, workerData } from 'node:worker_threads';
import { type Campaign, newTally, runOne } from './campaign.js';

export interface WorkerData {
  readonly campaign: Campaign;
  readonly count: number;
  readonly thread: number;
  readonly shared: Int32Array;
}

const numbersAtOnce = 40;
const reportMs = 500;

const { campaign, count, thread, shared } = workerData as WorkerData;
let tally = newTally();
let reported = performance.now();
for (;;) {
  const first = Atomics.add(shared, 0, numbersAtOnce);
  if (first >= count) break;
  for (let index = first; index < Math.min(first + numbersAtOnce, count); index++) {
    Atomics.store(shared, 1 + thread, index);
    runOne(campaign, index, tally);
  }
  if (performance.now() - reported > reportMs) report();
}
report();

function report(): void {
  parentPort?.postMessage(tally);
  tally = newTally();
  reported = performance.now();
}
