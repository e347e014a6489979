// Running a built sample as its user would: a process of its own, whose output is no terminal.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /**
   * What the process waited, in its event loop, and its CPU time: as long as it takes on an idle machine (threads that
   * run side by side count one by one), whatever else this one does.
   */
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

/** Told on its fourth stream, when it ends. */
const durationReport = `
  import { writeSync } from 'node:fs';
  process.once('exit', () => {
    const { user, system } = process.cpuUsage();
    writeSync(3, String(performance.eventLoopUtilization().idle + (user + system) / 1000));
  });`;

/** Starts a sample of the build that this spec belongs to, such as `tour/main.js`. */
export function startSample(path: string, options: RunOptions = {}): ChildProcess {
  const { nodeFlags = [], args = [], cwd, env } = options;
  const { FORCE_COLOR, NO_COLOR, NODE_OPTIONS, ...inherited } = process.env;
  const program = fileURLToPath(new URL(`../../samples/${path}`, import.meta.url));
  return spawn(process.execPath, [...nodeFlags, program, ...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
}

/** Runs a sample to its end. */
export function runSample(path: string, options: RunOptions = {}): Promise<Outcome> {
  const reporting = ['--import', `data:text/javascript,${encodeURIComponent(durationReport)}`];
  const child = startSample(path, { ...options, nodeFlags: [...(options.nodeFlags ?? []), ...reporting] });
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let report = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    (child.stdio[3] as Readable).setEncoding('utf8').on('data', (text: string) => {
      report += text;
    });
    child.on('error', reject);
    // Without a report, as of a process that was killed, the duration is NaN, and below no bound.
    child.on('close', (exitCode) =>
      resolve({ exitCode, stdout, stderr, durationMs: Number.parseFloat(report) }),
    );
  });
}
