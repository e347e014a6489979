// What a spec needs of the machine, and what happens where it is missing: the spec is named as skipped, or it
// fails when SEALWIRE_REQUIRE_ALL is set, as .ci/run does. So nothing is left out in silence.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const found = new Map<string, boolean>();
const lacking = new Set<string>();

/** Skips the running test (or suite, from a `before` hook) unless `program` can be run. */
export function requireProgram(context: Mocha.Context, program: string, versionFlag = '--version'): void {
  let available = found.get(program);
  if (available === undefined) {
    available = spawnSync(program, [versionFlag], { stdio: 'ignore' }).error === undefined;
    found.set(program, available);
  }
  requireOrSkip(context, available, `the program ${program}`);
}

/** Reads a JSON file of ../shared/vectors, or skips the running test where that folder is missing. */
export function sharedVectors<T>(context: Mocha.Context, path: string): T {
  return JSON.parse(readFileSync(sharedVectorPath(context, path), 'utf8')) as T;
}

/** The path of a file of ../shared/vectors; skips the running test where it is missing. */
export function sharedVectorPath(context: Mocha.Context, path: string): string {
  const file = resolve('..', 'shared', 'vectors', path);
  requireOrSkip(context, existsSync(file), `../shared/vectors/${path}`);
  return file;
}

export function requireOrSkip(context: Mocha.Context, available: boolean, what: string): void {
  if (available) return;
  if (process.env.SEALWIRE_REQUIRE_ALL) throw new Error(`this run must not skip anything, but lacks ${what}`);
  if (lacking.size === 0) process.once('exit', nameWhatIsLacking);
  lacking.add(what);
  const runnable = context.test ?? context.currentTest;
  if (runnable) runnable.title += ` [skipped: this machine lacks ${what}]`;
  context.skip();
}

/** The last lines of a run, since most reporters only count what was skipped. */
function nameWhatIsLacking(): void {
  const list = [...lacking].sort().map((what) => `    ${what}\n`);
  process.stdout.write(`  Specs were skipped (pending), because this machine lacks:\n${list.join('')}\n`);
}
