// The driver's side of a worker: starts it, asks it, ends it.
//
//   driver                                   worker.ts
//   ask({ ask: 'measure', … })  ── IPC ──▸   answers
//   resolves, or rejects        ◂── IPC ──   { result } or { error }
//
// A worker that dies or says nothing in time rejects the question, with what it wrote on its stderr last.

import { type ChildProcess, fork } from 'node:child_process';
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
      const timer = setTimeout(() => settle(`no answer in ${patienceMs / 1000} s`), patienceMs);
      this.#child.on('message', onMessage).on('exit', onExit);
      if (this.#child.connected) this.#child.send(question);
      else onExit();
    });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
