// `npm run bench`: Sealwire and its peers, side by side.
//
//   arguments ─▸ cases ─▸ driver/run.ts: two processes for each candidate, rounds ─▸ report/: tables, JSON, chart
//
// The exit code says whether the bench ran, not who won: a busy machine is no failure.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entries } from './candidates/list.js';
import { type Order, readOrder, UsageError } from './driver/arguments.js';
import { makeCertificates } from './driver/certificates.js';
import { Progress } from './driver/progress.js';
import { Run } from './driver/run.js';
import { chart } from './report/chart.js';
import { judge } from './report/required.js';
import { rowsOf } from './report/results.js';
import { caseTable, requiredTable } from './report/table.js';

const benchFolder = fileURLToPath(new URL('..', import.meta.url));
const titleOf = (candidate: string) => entries[candidate]!.title;

function surroundings() {
  const used = [...new Set(Object.values(entries).flatMap(({ packages }) => packages))].sort();
  const versionOf = (name: string): string =>
    JSON.parse(readFileSync(join(benchFolder, 'node_modules', name, 'package.json'), 'utf8')).version;
  return {
    date: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${process.platform} ${release()}`,
    node: process.version,
    versions: Object.fromEntries(used.map((name) => [name, versionOf(name)])),
  };
}

async function main(order: Order): Promise<void> {
  const { cases, effort } = order;
  const progress = new Progress(cases, effort, process.stderr);
  const run = new Run(makeCertificates(), effort, progress);
  process.once('SIGINT', () => {
    run.stop();
    progress.finish();
    console.error('stopped; nothing was written');
    process.exit(130);
  });
  const where = surroundings();
  const measured = (await run.all(cases)).map((one) => rowsOf(one, titleOf));
  progress.finish();

  const failed = measured.flatMap((one) =>
    one.failures.map(({ candidate }) => `${candidate} in ${one.name}`),
  );
  if (order.smoke) {
    console.log(failed.length === 0 ? 'everything runs' : `FAILED: ${failed.join(', ')}`);
    process.exitCode = failed.length === 0 ? 0 : 1;
    return;
  }
  const summary = `${where.machine}; Node ${where.node}; ${where.date.slice(0, 10)}`;
  const rounds = `medians of ${effort.rounds} rounds of ${effort.ms} ms`;
  console.log(`${summary}; ${rounds}\n`);
  for (const one of measured) console.log(`${caseTable(one)}\n`);
  // Of a part of the cases, only what can be judged.
  const verdicts = judge(measured).filter(({ seen }) => order.whole || seen !== undefined);
  if (verdicts.length > 0) console.log(`${requiredTable(verdicts, titleOf)}\n`);

  if (failed.length > 0) console.log(`FAILED: ${failed.join(', ')}\n`);
  const folder =
    order.out === undefined
      ? resolve(benchFolder, order.whole ? '../docs/bench' : 'dist/results')
      : resolve(order.out);
  mkdirSync(folder, { recursive: true });
  const results = { ...where, effort, cases: measured, required: verdicts };
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results, rounded, 2)}\n`);
  writeFileSync(
    join(folder, 'chart.svg'),
    chart('Sealwire and its peers', `${summary}; ${rounds}`, measured),
  );
  console.log(`Written: ${join(folder, 'results.json')} and chart.svg`);
}

/** Nobody needs fifteen figures of a time. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
}

try {
  const order = readOrder(process.argv.slice(2));
  if (typeof order === 'string') console.log(order);
  else await main(order);
  process.exit();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exit(2);
}
