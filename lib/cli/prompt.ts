// Typing a passphrase that nobody reads over the shoulder: readline edits the line (backspace, Ctrl-U, paste, letters
// of any script) and keeps the terminal's mode; what it would show goes nowhere.
//
// Our own lines and not a package: the current ones that do this want a newer Node.js than we do, and would come along
// with every server that only calls procedures.

import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandFailure, exitCodes, failed } from './failure.js';
import type { Screen } from './screen.js';
import type { Input, Surroundings } from './surroundings.js';

/** Whether there is somebody to ask: questions go to stderr, answers come from stdin. */
export function canAsk({ stdin, stderr }: Surroundings): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Asks one question after another; what is pasted as several lines answers several. Close it in the end. */
export class Prompter {
  readonly #screen: Screen;
  readonly #lines: Interface;
  readonly #typed: string[] = [];
  #waiting: PromiseWithHands | undefined;
  #ended: CommandFailure | undefined;

  constructor(input: Input, screen: Screen) {
    this.#screen = screen;
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    this.#lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
    this.#lines.on('line', (line) => {
      this.#typed.push(line);
      this.#settle();
    });
    this.#lines.on('SIGINT', () => this.#end(new CommandFailure(exitCodes.interrupted, 'interrupted')));
    // Ctrl-D on an empty line, or a terminal that is gone.
    this.#lines.on('close', () => this.#end(failed('no passphrase was typed')));
  }

  /** The line that is typed; throws when Ctrl-C or the end of input comes instead. */
  async ask(question: string): Promise<string> {
    this.#screen.prompt(question);
    try {
      return await new Promise<string>((resolve, reject) => {
        this.#waiting = { resolve, reject };
        this.#settle();
      });
    } finally {
      // The line feed that was typed did not show.
      this.#screen.line();
    }
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#lines.close();
  }

  #end(failure: CommandFailure): void {
    this.#ended ??= failure;
    this.#lines.close();
    this.#settle();
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const line = this.#typed.shift();
    if (line === undefined && this.#ended === undefined) return;
    this.#waiting = undefined;
    if (line === undefined) waiting.reject(this.#ended!);
    else waiting.resolve(line);
  }
}

interface PromiseWithHands {
  resolve(line: string): void;
  reject(failure: CommandFailure): void;
}
