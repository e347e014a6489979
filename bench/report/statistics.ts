// Medians and what lies around them: a machine that is disturbed now and then moves means, not medians.

export interface Summary {
  readonly median: number;
  /** Quartiles: half of all values lie between them. */
  readonly low: number;
  readonly high: number;
}

/** The value below which `part` (0 to 1) of all values lie, interpolated between neighbours; NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export function summarize(values: readonly number[]): Summary {
  return { median: quantile(values, 0.5), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/**
 * How many times as good `value` is as `other`: above 1 it is better, whether less or more is.
 */
export function timesAsGood(value: number, other: number, better: 'less' | 'more'): number {
  return better === 'more' ? value / other : other / value;
}
