// Progress on stderr: which case, which round, which candidate, and about how long the rest takes.
//
// The time left is that of the steps so far, scaled to those ahead; steps weigh what they are planned to take.

import { type Case, startsProcesses, warmUpTurns } from '../cases/case.js';
import type { Effort } from './run.js';

/** What a step takes beside measuring, in milliseconds: to start two processes, for each connection, to collect garbage. */
const startMs = 500;
const connectionMs = 3;
const collectMs = 1000;

export class Progress {
  readonly #cases: readonly Case[];
  readonly #effort: Effort;
  readonly #out: NodeJS.WriteStream;
  readonly #started = performance.now();
  #plannedMs = 0;
  #doneMs = 0;
  #shown = '';

  constructor(cases: readonly Case[], effort: Effort, out: NodeJS.WriteStream) {
    this.#cases = cases;
    this.#effort = effort;
    this.#out = out;
    for (const one of cases) this.#plannedMs += this.#caseMs(one);
  }

  begin(one: Case, candidate: string, step: string): void {
    const number = this.#cases.indexOf(one) + 1;
    this.#show(`[${number}/${this.#cases.length}] ${one.name}  ${step}  ${candidate}${this.#timeLeft()}`);
  }

  end(one: Case, step: string): void {
    this.#doneMs += this.#stepMs(one, step);
  }

  /** A step that is left out because its candidate has failed. */
  skip(one: Case, step: string): void {
    this.#plannedMs -= this.#stepMs(one, step);
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
    this.#out.write(`${line}\n`);
    this.#shown = '';
  }

  /** Takes the last line away. */
  finish(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }

  #show(line: string): void {
    if (this.#out.isTTY) {
      this.#out.write(`\r\x1b[K${line.slice(0, (this.#out.columns ?? 80) - 1)}`);
      return;
    }
    // In a file or a log: one line for each round of a case.
    const step = line.split('  ', 2).join('  ');
    if (step !== this.#shown) this.#out.write(`${step}${this.#timeLeft()}\n`);
    this.#shown = step;
  }

  #timeLeft(): string {
    const elapsed = performance.now() - this.#started;
    if (this.#doneMs === 0 || elapsed < 2000) return '';
    const seconds = ((this.#plannedMs - this.#doneMs) * (elapsed / this.#doneMs)) / 1000;
    return seconds < 90
      ? `  about ${Math.max(1, Math.round(seconds))} s left`
      : `  about ${Math.round(seconds / 60)} min left`;
  }

  #caseMs(one: Case): number {
    const { rounds, idleRounds } = this.#effort;
    const idle = one.work.kind === 'idle';
    const times = idle ? idleRounds : rounds;
    const rest = idle
      ? 0
      : this.#stepMs(one, 'start') + (warmUpTurns(one) - 1) * this.#stepMs(one, 'warm-up');
    return (times * this.#stepMs(one, 'round') + rest) * one.candidates.length;
  }

  #stepMs(one: Case, step: string): number {
    const { ms, warmUpMs, firstWarmUpMs, fresh } = this.#effort;
    const connecting = 'clients' in one.work ? one.work.clients * connectionMs : 0;
    if (one.work.kind === 'idle') return startMs + connecting + collectMs;
    if (step === 'warm-up') return warmUpMs;
    if (step !== 'start') return ms;
    const before = this.#cases[this.#cases.indexOf(one) - 1];
    const starting = startsProcesses(one, before, fresh) ? startMs + firstWarmUpMs : 0;
    return starting + connecting + warmUpMs;
  }
}
