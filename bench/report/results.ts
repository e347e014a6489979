// The results of a run as they are written: what was measured where, and a row for each candidate of each case.

import type { Case, Sample } from '../cases/case.js';
import { type Summary, summarize, timesAsGood } from './statistics.js';

export interface Row {
  readonly candidate: string;
  readonly title: string;
  /** In the unit of the case, over all rounds. */
  readonly value: Summary;
  /** How many times as good as the case's first candidate; undefined where that one failed. */
  readonly timesAsGood?: number;
  /** Microseconds for one call, event or handshake; medians. */
  readonly serverCpu?: number;
  readonly clientCpu?: number;
  /** KiB of heap and buffers for one connection; median. */
  readonly heap?: number;
  readonly samples: readonly Sample[];
}

export interface CaseRows {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'less' | 'more';
  /** Connections of the idle case, clients of others. */
  readonly clients?: number;
  /** The best one first. */
  readonly rows: readonly Row[];
  readonly failures: readonly { readonly candidate: string; readonly reason: string }[];
}

/** What is needed of a measured case; `CaseResult` of the driver is one. */
export interface MeasuredCase {
  readonly case: Case;
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  readonly failures: ReadonlyMap<string, string>;
}

export function rowsOf(measured: MeasuredCase, titleOf: (candidate: string) => string): CaseRows {
  const { name, title, unit, better, work, candidates } = measured.case;
  const first = measured.samples.get(candidates[0]!);
  const base = first && summarize(first.map(({ value }) => value)).median;
  const rows = [...measured.samples].map(([candidate, samples]): Row => {
    const value = summarize(samples.map((sample) => sample.value));
    return {
      candidate,
      title: titleOf(candidate),
      value,
      ...(base !== undefined && { timesAsGood: timesAsGood(value.median, base, better) }),
      ...medianOf(samples, 'serverCpu'),
      ...medianOf(samples, 'clientCpu'),
      ...medianOf(samples, 'heap'),
      samples,
    };
  });
  rows.sort((a, b) => (better === 'less' ? 1 : -1) * (a.value.median - b.value.median));
  return {
    name,
    title,
    unit,
    better,
    ...('clients' in work && { clients: work.clients }),
    rows,
    failures: [...measured.failures].map(([candidate, reason]) => ({ candidate, reason })),
  };
}

function medianOf<Name extends 'serverCpu' | 'clientCpu' | 'heap'>(
  samples: readonly Sample[],
  name: Name,
): { readonly [Key in Name]?: number } {
  const values = samples.map((sample) => sample[name]).filter((value) => value !== undefined);
  if (values.length === 0) return {};
  return { [name]: summarize(values).median } as { readonly [Key in Name]?: number };
}
