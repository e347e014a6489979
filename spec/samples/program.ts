// Running a built sample as its user would: a process of its own, whose output is no terminal.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface RunOptions {
  /** After `node`, before the program. */
  readonly nodeFlags?: readonly string[];
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** On top of this process's environment without its wishes about colours. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a sample of the build that this spec belongs to, such as `tour/main.js`. */
export function startSample(path: string, options: RunOptions = {}): ChildProcess {
  const { nodeFlags = [], args = [], cwd, env } = options;
  const { FORCE_COLOR, NO_COLOR, NODE_OPTIONS, ...inherited } = process.env;
  const program = fileURLToPath(new URL(`../../samples/${path}`, import.meta.url));
  return spawn(process.execPath, [...nodeFlags, program, ...args], { cwd, env: { ...inherited, ...env } });
}

/** Runs a sample to its end. */
export function runSample(path: string, options: RunOptions = {}): Promise<Outcome> {
  const startedMs = performance.now();
  const child = startSample(path, options);
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (exitCode) =>
      resolve({ exitCode, stdout, stderr, durationMs: performance.now() - startedMs }),
    );
  });
}
