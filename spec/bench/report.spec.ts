// What the bench makes of its samples: rows in order, what is required, the table and the chart.

import { expect } from 'chai';
import { entries } from '../../bench/candidates/list.js';
import type { Case, Sample } from '../../bench/cases/case.js';
import { cases } from '../../bench/cases/list.js';
import { chart } from '../../bench/report/chart.js';
import { judge, requirements } from '../../bench/report/required.js';
import { type CaseRows, rowsOf } from '../../bench/report/results.js';
import { caseTable, requiredTable, table } from '../../bench/report/table.js';

const titleOf = (candidate: string) => `The ${candidate}`;

function measured(name: string, values: Readonly<Record<string, readonly number[]>>): CaseRows {
  const one: Case = { ...cases.find((known) => known.name === name)!, candidates: Object.keys(values) };
  const samples = new Map<string, Sample[]>(
    Object.entries(values).map(([candidate, list]) => [
      candidate,
      list.map((value) => ({ value, serverCpu: value / 2, clientCpu: value / 4 })),
    ]),
  );
  return rowsOf({ case: one, samples, failures: new Map([['trpc', 'it fell over']]) }, titleOf);
}

describe('Bench: report', () => {
  it('puts the best one first, and compares with the first candidate', () => {
    const time = measured('round-trip', {
      sealwire: [80, 90, 100],
      ws: [60, 60, 60],
      'ws-tls': [180, 1, 200],
    });
    expect(time.rows.map(({ candidate }) => candidate)).deep.equal(['ws', 'sealwire', 'ws-tls']);
    expect(time.rows.map(({ timesAsGood }) => timesAsGood)).deep.equal([1.5, 1, 0.5]);
    const rate = measured('in-flight-64', { sealwire: [100], ws: [50] });
    expect(rate.rows.map(({ candidate }) => candidate)).deep.equal(['sealwire', 'ws']);
    expect(rate.rows[1]!.timesAsGood).equal(0.5);
    expect(rate.rows[1]!.serverCpu).equal(25);
  });

  it('judges times and rates, at the border too, and says nothing of what was not measured', () => {
    const round = measured('round-trip', { sealwire: [100], 'ws-tls': [130], ws: [79] });
    const rate = measured('in-flight-64', { sealwire: [119], 'ws-tls': [100] });
    const holds = (name: string, other: string) =>
      judge([round, rate]).find(
        ({ requirement }) => requirement.case === name && requirement.other === other,
      )!;
    expect(holds('round-trip', 'ws-tls')).include({ seen: 1.3, holds: true });
    expect(holds('round-trip', 'ws')).include({ seen: 0.79, holds: false }); // 1 / 1.25 is 0.8
    const nearer = measured('round-trip', { sealwire: [100], ws: [81] });
    expect(judge([nearer]).find(({ requirement }) => requirement.other === 'ws')).include({ holds: true });
    expect(holds('in-flight-64', 'ws-tls')).include({ seen: 1.19, holds: false });
    expect(holds('in-flight-64', 'trpc')).not.have.any.keys('seen', 'holds');
  });

  it('requires only what is measured, of those who are known', () => {
    for (const { case: name, ours, other, atLeast, within } of requirements) {
      const one = cases.find((known) => known.name === name);
      expect(one?.candidates, `${name} of ${ours} and ${other}`).include.members([ours, other]);
      expect([atLeast, within].filter((wanted) => wanted !== undefined)).lengthOf(1);
    }
    for (const { candidates } of cases) expect(Object.keys(entries)).include.members([...candidates]);
    expect(new Set(cases.map(({ name }) => name)).size).equal(cases.length);
  });

  it('aligns columns, the first to the left', () => {
    expect(
      table([
        ['', 'ab'],
        ['long', '1'],
        ['x', '100'],
      ]),
    ).equal('          ab\n  long     1\n  x      100');
  });

  it('shows every row and every failure, and what does not hold', () => {
    const one = measured('round-trip', { sealwire: [100, 1234.5], ws: [60] });
    expect(caseTable(one)).match(/The ws +60\.0 .*\n +The sealwire +667 /);
    expect(caseTable(one)).contain('trpc FAILED: it fell over');
    const text = requiredTable(judge([one]), titleOf);
    expect(text).match(
      /round trip, both flags +round-trip +The ws +≥ 0\.80× \(within 1\.25\) +0\.09× +DOES NOT HOLD/,
    );
    expect(text).match(/The ws-tls +≥ 1\.30× +– +not measured/);
  });

  it('draws a bar for each row, as long as its value, and nothing that a title could smuggle in', () => {
    const svg = chart('<script>', 'a & b', [measured('in-flight-64', { sealwire: [100], ws: [50] })]);
    const bars = [...svg.matchAll(/<rect class="(ours|bar)".* width="([\d.]+)"/g)];
    expect(bars.map(([, kind]) => kind)).deep.equal(['ours', 'bar']);
    expect(Number(bars[0]![2]) / Number(bars[1]![2])).closeTo(2, 0.01);
    expect(svg).not.contain('"cut"');
    const ahead = chart('', '', [measured('in-flight-64', { sealwire: [1], ws: [1], 'ws-tls': [99] })]);
    expect(ahead).not.contain('"cut"');
    const times = chart('', '', [measured('round-trip', { sealwire: [30], ws: [20], trpc: [2000] })]);
    expect([...times.matchAll(/"cut"/g)]).lengthOf(1);
    expect(times).contain('>2,000<');
    expect(svg).contain('&#60;script&#62;').and.contain('a &#38; b').and.not.contain('<script');
    expect(svg).contain('prefers-color-scheme: dark');
  });
});
