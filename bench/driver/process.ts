// The driver's side of a worker: starts it, asks it, ends it.
//
//   driver                                   worker.ts
//   ask({ ask: 'measure', … })  ── IPC ──▸   answers
//   resolves, or rejects        ◂── IPC ──   { result } or { error }
//
// A worker that dies or says nothing in time rejects the question, with what it wrote on its stderr last; one that says nothing is
// looked at, since a process that stands still, one that is busy and one that waits for somebody are faults of different kinds.

import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { entries } from '../candidates/list.js';
import type { Work } from '../cases/case.js';
import type { Credentials } from './candidate.js';

export type Question =
  | { readonly ask: 'serve'; readonly credentials: Credentials }
  | { readonly ask: 'connect'; readonly address: string; readonly ca: string }
  | { readonly ask: 'prepare'; readonly work: Work }
  | { readonly ask: 'measure'; readonly work: Work; readonly ms: number }
  | { readonly ask: 'cpu' | 'memory' };

export type Reply = { readonly result: unknown } | { readonly error: string };

/** Bytes: the resident set, and the part of it that is heap and buffers. */
export interface Memory {
  readonly rss: number;
  readonly heap: number;
}

const workerPath = fileURLToPath(new URL('worker.js', import.meta.url));
const keptOfStderr = 600;

export class Worker {
  readonly #child: ChildProcess;
  #stderr = '';

  /** `caFile` holds the root that the process trusts beside the built-in ones. */
  constructor(candidate: string, caFile: string) {
    const { file, bufferutil } = entries[candidate]!;
    this.#child = fork(workerPath, [file, candidate], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: caFile,
        NODE_ENV: 'production',
        WS_NO_BUFFER_UTIL: bufferutil ? '' : '1',
      },
    });
    this.#child.stderr!.on('data', (text: Buffer) => {
      this.#stderr = (this.#stderr + text.toString()).slice(-keptOfStderr);
    });
  }

  ask<Result = void>(question: Question, patienceMs = 30_000): Promise<Result> {
    return new Promise((resolve, reject) => {
      const settle = (fault: string | undefined, result?: unknown) => {
        clearTimeout(timer);
        this.#child.off('message', onMessage).off('exit', onExit);
        if (fault === undefined) resolve(result as Result);
        else reject(new Error(`${question.ask}: ${fault}`));
      };
      const onMessage = (reply: Reply) =>
        'error' in reply ? settle(reply.error) : settle(undefined, reply.result);
      const onExit = () => settle(`its process ended. ${this.#stderr.trim()}`);
      const silent = async (): Promise<void> => {
        const doing = await activity(this.#child.pid);
        settle(`no answer in ${patienceMs / 1000} s; ${doing}. ${this.#stderr.trim()}`.trim());
      };
      const timer = setTimeout(() => void silent(), patienceMs);
      this.#child.on('message', onMessage).on('exit', onExit);
      if (this.#child.connected) this.#child.send(question);
      else onExit();
    });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

const lookedAtMs = 1000;

/** What a process does just now, where Linux tells: where its main thread is, and the processor time that it takes. */
async function activity(pid: number | undefined): Promise<string> {
  try {
    const before = processorTicks(pid);
    await new Promise((resolve) => setTimeout(resolve, lookedAtMs));
    const ticks = processorTicks(pid) - before;
    const waitsIn = readFileSync(`/proc/${pid}/wchan`, 'utf8');
    const where = waitsIn === '0' || waitsIn === '' ? 'runs' : `waits in ${waitsIn}`;
    return `process ${pid} ${where}, and took ${ticks} % of a processor for a second`;
  } catch {
    return `process ${pid} is there no more, or nothing tells what it does`;
  }
}

/** proc_pid_stat(5): utime and stime, in hundredths of a second; in front stands a name that may hold anything. */
function processorTicks(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
