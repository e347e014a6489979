// A folder of its own, and the program in it: in this process with streams that are only pretended, or as a process.

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { run } from '../../lib/cli/run.js';

export interface Ending {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Circumstances {
  readonly env?: Record<string, string>;
  readonly now?: Date;
  /** Answers somebody types, in order, each followed by Enter; makes stdin and stderr terminals. */
  readonly typed?: readonly string[];
  /** Makes stdout a terminal. */
  readonly colours?: boolean;
}

/** The program of the build that this spec belongs to. */
export const program: string = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));

export class Console {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'sealwire-cli-'));
  /** What setRawMode was called with in the last run. */
  rawModes: boolean[] = [];

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs a command line in this process. */
  async run(args: readonly string[], { env = {}, now, typed, colours }: Circumstances = {}): Promise<Ending> {
    const keyboard = new PassThrough();
    this.rawModes = [];
    const stdin = Object.assign(keyboard, {
      isTTY: typed !== undefined,
      setRawMode: (raw: boolean) => this.rawModes.push(raw),
    });
    const answers = [...(typed ?? [])];
    let stdout = '';
    let stderr = '';
    const exitCode = await run(args, {
      stdin,
      stdout: { isTTY: colours ?? false, write: (text) => (stdout += text) },
      stderr: {
        isTTY: typed !== undefined,
        write: (text) => {
          stderr += text;
          // A prompt is what leaves its line open.
          if (!text.endsWith('\n') && answers.length > 0) {
            const answer = answers.shift()!;
            setImmediate(() => keyboard.write(endsByItself(answer) ? answer : `${answer}\r`));
          }
        },
      },
      env,
      cwd: this.folder,
      now: () => now ?? new Date(),
    });
    return { exitCode, stdout, stderr };
  }

  /** Runs it and insists that it worked. */
  async done(args: readonly string[], circumstances?: Circumstances): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args, circumstances);
    if (exitCode !== 0) throw new Error(`sealwire ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
    return stdout;
  }

  /** Runs any program in the folder, as a process. */
  spawn(
    command: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; input?: (output: string) => string | undefined } = {},
  ): Promise<Ending> {
    const { FORCE_COLOR, NO_COLOR, NODE_OPTIONS, ...inherited } = process.env;
    const child = spawn(command, args, {
      cwd: this.folder,
      env: { ...inherited, TERM: 'xterm', ...options.env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const answer = options.input?.(stdout);
      if (answer !== undefined) child.stdin.write(answer);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => {});
    if (!options.input) child.stdin.end();
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
    });
  }

  process(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ending> {
    return this.spawn(process.execPath, [program, ...args], { env });
  }

  /** A program that must succeed; its output. */
  async tool(command: string, ...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.spawn(command, args);
    if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
    return `${stdout}${stderr}`;
  }

  write(name: string, content: string | Uint8Array, mode = 0o600): void {
    writeFileSync(join(this.folder, name), content);
    chmodSync(join(this.folder, name), mode);
  }

  text(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  bytes(name: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.folder, name)));
  }

  /** Permission bits, in octal. */
  mode(name: string): string {
    return (statSync(join(this.folder, name)).mode & 0o777).toString(8);
  }

  names(folder = '.'): string[] {
    return readdirSync(join(this.folder, folder)).sort();
  }
}

/** Ctrl-C and Ctrl-D need no Enter. */
function endsByItself(answer: string): boolean {
  return answer.endsWith('\u0003') || answer.endsWith('\u0004');
}

/** A console for each test of a suite, gone after it. */
export function freshConsole(): () => Console {
  let current: Console;
  beforeEach(() => {
    current = new Console();
  });
  afterEach(() => current.remove());
  return () => current;
}
