// The run: for each case, all of its candidates are started and warmed up, then measured in rounds.
//
//   warm-up   a  b  c  d  a  b  c  d
//   round 1   a  b  d  c     every candidate once a round, so that a machine that gets slower slows all of them;
//   round 2   b  c  a  d     and nobody always comes behind the same one (turns.ts)
//   round 3   c  d  b  a
//
// The warm-up is in turns, too: who has had all of his first would wait for all others, and V8 throws away what is not used.
// All have the same past when they are compared: each case has processes of its own, or, to save time, those that the same
// candidates had in the case before. A candidate that fails is out of this case, named with its reason.

import { type Case, type Sample, startsProcesses, warmUpTurns } from '../cases/case.js';
import { type Certificates, Pair } from './pair.js';
import type { Progress } from './progress.js';
import { inTurn } from './turns.js';

/** How long, how often, how many. */
export interface Effort {
  readonly rounds: number;
  /** Of one measurement, in milliseconds. */
  readonly ms: number;
  /** Of one turn of the warm-up, before the first round of a case. */
  readonly warmUpMs: number;
  /** Of calls, when the processes of a candidate have started. */
  readonly firstWarmUpMs: number;
  /** Of the cases that start processes for each round, and thousands of connections. */
  readonly idleRounds: number;
  /** Every case in fresh processes: what a case shows does not depend on those before it. */
  readonly fresh: boolean;
}

export interface CaseResult {
  readonly case: Case;
  /** By candidate: one sample of each round. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  /** By candidate: why it could not be measured. */
  readonly failures: ReadonlyMap<string, string>;
}

export class Run {
  readonly #certificates: Certificates;
  readonly #effort: Effort;
  readonly #progress: Progress;
  /** By candidate. */
  readonly #pairs = new Map<string, Pair>();
  #samples = new Map<string, Sample[]>();
  #failures = new Map<string, string>();

  constructor(certificates: Certificates, effort: Effort, progress: Progress) {
    this.#certificates = certificates;
    this.#effort = effort;
    this.#progress = progress;
  }

  async all(cases: readonly Case[]): Promise<CaseResult[]> {
    const results: CaseResult[] = [];
    for (const [index, one] of cases.entries()) {
      if (startsProcesses(one, cases[index - 1], this.#effort.fresh)) this.stop();
      this.#samples = new Map();
      this.#failures = new Map();
      await (one.work.kind === 'idle' ? this.#measureIdle(one) : this.#measure(one));
      results.push({ case: one, samples: this.#samples, failures: this.#failures });
    }
    this.stop();
    return results;
  }

  /** Ends every process at once. */
  stop(): void {
    for (const candidate of this.#pairs.keys()) this.#drop(candidate);
  }

  async #measure(one: Case): Promise<void> {
    const { rounds, ms, warmUpMs } = this.#effort;
    for (let turn = 0; turn < warmUpTurns(one); turn++) {
      for (const candidate of one.candidates) {
        await this.#attempt(one, candidate, turn === 0 ? 'start' : 'warm-up', async (pair) => {
          if (turn === 0) await pair.prepare(one.work);
          if (warmUpMs > 0) await pair.measure(one, warmUpMs);
        });
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const candidate of inTurn(one.candidates, round)) {
        await this.#attempt(one, candidate, `round ${round + 1}/${rounds}`, async (pair) =>
          this.#record(candidate, await pair.measure(one, ms)),
        );
      }
    }
  }

  async #measureIdle(one: Case): Promise<void> {
    const rounds = this.#effort.idleRounds;
    for (let round = 0; round < rounds; round++) {
      for (const candidate of inTurn(one.candidates, round)) {
        await this.#attempt(one, candidate, `round ${round + 1}/${rounds}`, async (pair) =>
          this.#record(candidate, await pair.measureIdle(one)),
        );
        this.#drop(candidate);
      }
    }
  }

  #record(candidate: string, sample: Sample): void {
    const samples = this.#samples.get(candidate);
    if (samples === undefined) this.#samples.set(candidate, [sample]);
    else samples.push(sample);
  }

  async #attempt(
    one: Case,
    candidate: string,
    step: string,
    act: (pair: Pair) => Promise<void>,
  ): Promise<void> {
    if (this.#failures.has(candidate)) return this.#progress.skip(one, step);
    this.#progress.begin(one, candidate, step);
    try {
      let pair = this.#pairs.get(candidate);
      if (pair === undefined) {
        const warmUpMs = one.work.kind === 'idle' ? 0 : this.#effort.firstWarmUpMs;
        pair = await Pair.start(candidate, one.key, this.#certificates, warmUpMs);
        this.#pairs.set(candidate, pair);
      }
      await act(pair);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#failures.set(candidate, reason);
      this.#samples.delete(candidate);
      this.#progress.say(`${candidate} failed in ${one.name}: ${reason}`);
      this.#drop(candidate);
    }
    this.#progress.end(one, step);
  }

  #drop(candidate: string): void {
    this.#pairs.get(candidate)?.stop();
    this.#pairs.delete(candidate);
  }
}
