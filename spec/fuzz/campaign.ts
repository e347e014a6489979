// Many mutants, one after another: made, judged and counted.

import type { Corpus } from './corpus.js';
import type { Growth } from './der-mutators.js';
import { mutantNumber } from './mutants.js';
import { type FuzzCase, type FuzzKind, fuzzKinds, judge, type Verdict } from './verdict.js';

export interface Campaign {
  readonly corpus: Corpus;
  readonly seed: number;
  readonly kinds: readonly FuzzKind[];
  readonly growth: Growth;
}

export interface Failure {
  readonly index: number;
  readonly fault: string;
  readonly fuzzCase: FuzzCase;
}

/** What was seen, as plain data that can be added up. */
export interface Tally {
  readonly kinds: Record<FuzzKind, KindTally>;
  failed: number;
  /** The first of those that failed. */
  readonly failures: Failure[];
}

interface KindTally {
  count: number;
  readonly outcomes: Record<string, number>;
  /** Of the slowest mutant, with node:crypto. */
  maxMs: number;
  /** Of the one that allocated most for its size. */
  maxAllocatedPerByte: number;
  maxInputBytes: number;
}

const maxFailuresKept = 40;
/** Below this size, what is allocated says more about the library than about the input. */
const largeInputBytes = 16 * 1024;

export function newTally(): Tally {
  const kinds = Object.fromEntries(
    fuzzKinds.map((kind) => [
      kind,
      { count: 0, outcomes: {}, maxMs: 0, maxAllocatedPerByte: 0, maxInputBytes: 0 },
    ]),
  ) as Tally['kinds'];
  return { kinds, failed: 0, failures: [] };
}

/** Judges mutant `index`, and counts it. */
export function runOne({ corpus, seed, kinds, growth }: Campaign, index: number, tally: Tally): Verdict {
  const fuzzCase = mutantNumber(corpus, seed, index, kinds, growth);
  const verdict = judge(fuzzCase);
  const { outcome, fault, ms, allocated, inputBytes } = verdict;
  const counts = tally.kinds[fuzzCase.kind];
  counts.count++;
  counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1;
  if (fuzzCase.backend === 'node') counts.maxMs = Math.max(counts.maxMs, ms);
  counts.maxInputBytes = Math.max(counts.maxInputBytes, inputBytes);
  if (inputBytes >= largeInputBytes) {
    counts.maxAllocatedPerByte = Math.max(counts.maxAllocatedPerByte, allocated / inputBytes);
  }
  if (fault !== undefined) addFailure(tally, { index, fault, fuzzCase });
  return verdict;
}

export function addFailure(tally: Tally, failure: Failure): void {
  tally.failed++;
  if (tally.failures.length < maxFailuresKept) tally.failures.push(failure);
}

export function addTally(sum: Tally, more: Tally): void {
  for (const kind of fuzzKinds) {
    const [into, from] = [sum.kinds[kind], more.kinds[kind]];
    into.count += from.count;
    into.maxMs = Math.max(into.maxMs, from.maxMs);
    into.maxAllocatedPerByte = Math.max(into.maxAllocatedPerByte, from.maxAllocatedPerByte);
    into.maxInputBytes = Math.max(into.maxInputBytes, from.maxInputBytes);
    for (const [outcome, count] of Object.entries(from.outcomes)) {
      into.outcomes[outcome] = (into.outcomes[outcome] ?? 0) + count;
    }
  }
  sum.failed += more.failed;
  sum.failures.push(...more.failures.slice(0, maxFailuresKept - sum.failures.length));
}

export function countOf(tally: Tally): number {
  return fuzzKinds.reduce((sum, kind) => sum + tally.kinds[kind].count, 0);
}

export function describeTally(tally: Tally): string {
  const lines = fuzzKinds
    .filter((kind) => tally.kinds[kind].count > 0)
    .flatMap((kind) => {
      const { count, outcomes, maxMs, maxAllocatedPerByte, maxInputBytes } = tally.kinds[kind];
      const cost =
        `slowest ${maxMs.toFixed(1)} ms, largest input ${maxInputBytes} bytes, ` +
        `at most ${maxAllocatedPerByte.toFixed(1)} bytes allocated per byte of large inputs`;
      const sorted = Object.entries(outcomes).sort(([, a], [, b]) => b - a);
      return [
        `${kind}: ${count.toLocaleString('en')} mutants; ${cost}`,
        ...sorted.map(([outcome, times]) => `  ${times.toLocaleString('en').padStart(11)}  ${outcome}`),
      ];
    });
  return [...lines, tally.failed === 0 ? 'no failures' : `${tally.failed} FAILURES`].join('\n');
}
