// Cases that failed, as files: with all that they need, since keys and salts are new in every run.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Failure } from './campaign.js';
import { caseFromJson, caseToJson, type FuzzCase } from './verdict.js';

/** Not in the repository: .gitignore. */
export const failuresFolder = 'build-fuzz';

/** Writes each to a file; returns what to tell of each, with the command that judges it again. */
export function writeFailures(failures: readonly Failure[], seed: number, folder: string): string[] {
  if (failures.length > 0) mkdirSync(folder, { recursive: true });
  return failures.map(({ index, fault, fuzzCase }) => {
    const { kind, name, mutation, backend } = fuzzCase;
    const file = join(folder, `${kind}-${seed}-${index}.json`);
    const command = `node dist/spec/fuzz/main.js --replay ${file}`;
    const head = JSON.stringify({ fault, seed, index, command }).slice(0, -1);
    writeFileSync(file, `${head},"fuzzCase":${caseToJson(fuzzCase)}}\n`);
    return `${kind} ${name}, ${mutation}, with ${backend}:\n  ${fault}\n  ${command}`;
  });
}

export function readFailure(file: string): FuzzCase {
  const { fuzzCase } = JSON.parse(readFileSync(file, 'utf8')) as { fuzzCase: unknown };
  return caseFromJson(JSON.stringify(fuzzCase));
}
