// Tables for the terminal: one for each case, the best candidate first, and one of what is required.

import { number, times } from './number.js';
import type { Verdict } from './required.js';
import type { CaseRows } from './results.js';

/** Columns under their headings; the first one to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('   ')
      .trimEnd();
  return rows.map((row) => `  ${line(row)}`).join('\n');
}

export function caseTable({ title, unit, better, clients, rows, failures }: CaseRows): string {
  const idle = unit === 'KiB';
  const details = idle ? ['heap, buffers'] : ['server CPU µs', 'client CPU µs'];
  const heading = ['', 'median', 'quartiles', 'times as good', ...details];
  const body = rows.map(({ title, value, timesAsGood, serverCpu, clientCpu, heap }) => [
    title,
    number(value.median),
    `${number(value.low)} – ${number(value.high)}`,
    times(timesAsGood),
    ...(idle ? [number(heap ?? Number.NaN)] : [serverCpu, clientCpu].map((cpu) => number(cpu ?? Number.NaN))),
  ]);
  const over = idle && clients !== undefined ? `, over ${clients.toLocaleString('en')} connections` : '';
  const lines = [`${title} (${unit}, ${better} is better${over})`, table([heading, ...body])];
  for (const { candidate, reason } of failures) lines.push(`  ${candidate} FAILED: ${reason}`);
  return lines.join('\n');
}

export function requiredTable(verdicts: readonly Verdict[], titleOf: (candidate: string) => string): string {
  const heading = ['Required of Sealwire', 'case', 'against', 'wanted', 'seen', ''];
  const body = verdicts.map(({ requirement, seen, holds }) => [
    requirement.text,
    requirement.case,
    titleOf(requirement.other),
    requirement.atLeast !== undefined
      ? `≥ ${times(requirement.atLeast)}`
      : `≥ ${times(1 / requirement.within!)} (within ${requirement.within})`,
    times(seen),
    holds === undefined ? 'not measured' : holds ? 'holds' : 'DOES NOT HOLD',
  ]);
  return table([heading, ...body]);
}
