// The long run: a million mutated certificates, PFX and PEM files.
//
//   npm run fuzz -- --help
//
// Mutants are numbers: the same seed gives the same changes, but keys and salts are new in every run, so a case that fails
// is written to a file with all that it needs, and --replay judges it again.

import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { addFailure, addTally, type Campaign, countOf, describeTally, newTally } from './campaign.js';
import { makeCorpus } from './corpus.js';
import { failuresFolder, readFailure, writeFailures } from './failures.js';
import { longGrowth, mutantNumber } from './mutants.js';
import { type FuzzKind, fuzzKinds, judge } from './verdict.js';
import type { WorkerData } from './worker.js';

const help = `Mutates certificates, PFX files and PEM files, and judges what the library makes of them: nothing accepted that
is not the original, nothing thrown but coded errors, nothing slower than 50 ms, no more memory than the input justifies.

  npm run fuzz -- [options]

  --count NUMBER    how many mutants; default 1000000
  --seed NUMBER     which ones; default: other ones in each run
  --kind KIND       certificate, pfx or pem; default: all, more than once for several
  --workers NUMBER  threads; default 2
  --out FOLDER      where failing cases are written; default build-fuzz
  --replay FILE     judge a case of that folder again, and nothing else
  --help

Ends with 1 where a mutant failed, with 2 for options that are wrong, with 130 after Ctrl-C.
`;

const hangMs = 20_000;
const maxRestarts = 20;
/** Megabytes. A mutant has at most a few megabytes; what takes more than this ends its thread, and fails. */
const resourceLimits = { maxOldGenerationSizeMb: 160, maxYoungGenerationSizeMb: 64 };

interface Options {
  readonly count: number;
  readonly seed: number;
  readonly kinds: readonly FuzzKind[];
  readonly workers: number;
  readonly out: string;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'number') return options;
  const { count, seed, kinds, workers, out } = options;
  const started = performance.now();
  const corpus = makeCorpus();
  const { chains, pfx, pem } = corpus;
  say(`seed ${seed}; ${chains.length} chains, ${pfx.length} PFX files, ${pem.length} PEM files to mutate\n`);
  const campaign: Campaign = { corpus, seed, kinds, growth: longGrowth };
  const tally = newTally();
  const shared = new Int32Array(new SharedArrayBuffer(4 * (1 + workers)));
  let restarts = 0;
  let told = 0;

  const fail = (thread: number, fault: string): void => {
    const index = Atomics.load(shared, 1 + thread);
    addFailure(tally, { index, fault, fuzzCase: mutantNumber(corpus, seed, index, kinds, longGrowth) });
  };
  const tellFailures = (): void => {
    for (const text of writeFailures(tally.failures.slice(told), seed, out)) say(`\n${text}\n\n`);
    told = tally.failures.length;
  };
  const run = (thread: number): Promise<void> =>
    new Promise((resolve) => {
      const workerData: WorkerData = { campaign, count, thread, shared };
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, resourceLimits });
      let last = -1;
      const watch = setInterval(() => {
        const at = Atomics.load(shared, 1 + thread);
        if (at === last) {
          fail(thread, `takes longer than ${hangMs} ms`);
          void worker.terminate();
        }
        last = at;
      }, hangMs);
      worker.on('message', (more) => {
        addTally(tally, more);
        tellFailures();
      });
      worker.on('error', (error) => fail(thread, `ends its thread: ${error.message}`));
      worker.on('exit', (code) => {
        clearInterval(watch);
        if (code === 0 || ++restarts > maxRestarts) resolve();
        else resolve(run(thread));
      });
    });

  const progress = setInterval(() => say(progressLine(countOf(tally), count, started, tally.failed)), 5000);
  const ended = await Promise.race([
    Promise.all(Array.from({ length: workers }, (_, thread) => run(thread))).then(() => 'done' as const),
    new Promise<'interrupted'>((resolve) => process.once('SIGINT', () => resolve('interrupted'))),
  ]);
  clearInterval(progress);
  say(`${progressLine(countOf(tally), count, started, tally.failed)}\n${describeTally(tally)}\n`);
  tellFailures();
  if (tally.failed > 0) return 1;
  if (ended === 'interrupted') return 130;
  // Threads that were given up have left numbers that nobody has judged.
  return countOf(tally) === count ? 0 : 1;
}

function readOptions(): Options | number {
  let values: ReturnType<typeof parse>;
  try {
    values = parse();
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  if (values.help) {
    say(help);
    return 0;
  }
  if (values.replay !== undefined) return replay(values.replay);
  const count = Number(values.count ?? 1_000_000);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const workers = Number(values.workers ?? 2);
  if (!(Number.isSafeInteger(count) && count > 0 && count < 2 ** 31 - 2 ** 16))
    return refuse('--count must be a positive whole number below two thousand million');
  if (!Number.isSafeInteger(seed)) return refuse('--seed must be a whole number');
  if (!(Number.isSafeInteger(workers) && workers > 0 && workers <= 64))
    return refuse('--workers must be a whole number from 1 to 64');
  const kinds = (values.kind as FuzzKind[] | undefined) ?? fuzzKinds;
  if (kinds.some((kind) => !fuzzKinds.includes(kind)))
    return refuse(`--kind is one of ${fuzzKinds.join(', ')}`);
  return { count, seed, workers, kinds, out: values.out ?? failuresFolder };
}

function parse() {
  const text = { type: 'string' } as const;
  const kind = { type: 'string', multiple: true } as const;
  const help = { type: 'boolean' } as const;
  return parseArgs({
    options: { count: text, seed: text, workers: text, out: text, replay: text, kind, help },
  }).values;
}

function refuse(message: string): number {
  process.stderr.write(`${message}\n\n${help}`);
  return 2;
}

function replay(file: string): number {
  const known = readFailure(file);
  const { outcome, fault, ms, allocated, inputBytes } = judge(known);
  say(`${known.kind}, ${known.name}, ${known.mutation}, with ${known.backend}\n`);
  say(`${outcome}; ${ms.toFixed(1)} ms; ${inputBytes} bytes in, ${allocated} bytes allocated\n`);
  say(fault === undefined ? 'behaves\n' : `FAILS: ${fault}\n`);
  return fault === undefined ? 0 : 1;
}

function progressLine(done: number, count: number, started: number, failed: number): string {
  const seconds = (performance.now() - started) / 1000;
  const rate = done / seconds;
  const left = rate > 0 ? Math.round((count - done) / rate) : 0;
  return (
    `${done.toLocaleString('en')} of ${count.toLocaleString('en')} in ${Math.round(seconds)} s, ` +
    `${Math.round(rate).toLocaleString('en')}/s, ${left} s left, ${failed} failed\n`
  );
}

function say(text: string): void {
  process.stdout.write(text);
}

process.exit(await main());
