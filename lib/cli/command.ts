// What a command is, and how its command line is read: node:util's parseArgs finds the tokens, the rules are ours,
// since its messages cannot say "did you mean" and repeat values, which may be secrets.

import { parseArgs } from 'node:util';
import { misused } from './failure.js';
import { suggest } from './suggest.js';
import type { Surroundings } from './surroundings.js';

export interface Command {
  /** `cert server` */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What stands behind the name in the usage line. */
  readonly usage: string;
  /** Paragraphs of the help page. */
  readonly about: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** The one operand that it takes, if any. */
  readonly operand?: string;
  readonly examples: readonly string[];
  run(args: Arguments, surroundings: Surroundings): Promise<number>;
}

export interface OptionSpec {
  /** What its value is called in the help; without it the option is a flag. */
  readonly value?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
  readonly help: string;
}

/** A command line that has been read. */
export class Arguments {
  readonly operand: string | undefined;
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>, operand: string | undefined) {
    this.#values = values;
    this.operand = operand;
  }

  flag(name: string): boolean {
    return this.#values.has(name);
  }

  value(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  values(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** What a certificate shall be called; undefined where the option is not given. */
  label(name: string): string | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    // RFC 5280 appendix A.1, ub-common-name.
    if (text.length > 64) throw misused(`--${name} takes at most 64 characters`);
    if (/[\p{C}\p{Zl}\p{Zp}]/u.test(text)) throw misused(`--${name} takes text without control characters`);
    return text;
  }

  /** A whole number within bounds, or undefined where the option is not given. */
  wholeNumber(name: string, least: number, most: number): number | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw misused(`--${name} takes a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
  }

  /** One of several words, or undefined where the option is not given. */
  oneOf<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    const near = suggest(text, words);
    throw misused(
      `--${name} takes ${words.join(', ')}, not ${JSON.stringify(text)}`,
      near && `did you mean --${name} ${near}?`,
    );
  }
}

/** Throws a usage failure for what the command does not know. `--help` is the caller's. */
export function readArguments(command: Command, args: readonly string[]): Arguments {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(command.options).map(([name, { value }]) => [
        name,
        { type: value === undefined ? 'boolean' : 'string' },
      ]),
    ),
    // What is wrong is said below.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  let operand: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'option') {
      const spec = knownOption(command, token.name, token.rawName);
      const before = values.get(token.name);
      if (before && !spec.multiple) throw misused(`${token.rawName} is given twice`);
      values.set(token.name, [...(before ?? []), checkedValue(token, spec)]);
    } else if (token.kind === 'positional') {
      if (command.operand === undefined || operand !== undefined) {
        const hint = 'put quotes around values with spaces, as in --name "My game CA"';
        throw misused(`${JSON.stringify(token.value)} is one argument too many`, hint);
      }
      operand = token.value;
    }
  }
  return new Arguments(values, operand);
}

function knownOption(command: Command, name: string, rawName: string): OptionSpec {
  // Not `in`: "--constructor" is no option.
  if (Object.hasOwn(command.options, name)) return command.options[name]!;
  const passphraseOption = Object.keys(command.options).find((known) => known.endsWith('passphrase-file'));
  if (passphraseOption !== undefined && /^(ca-)?pass(phrase|word|wd|in|out)?$/i.test(name)) {
    throw misused(
      `${rawName} does not exist: everybody on this machine can read a command line, and shells keep it`,
      'give a passphrase at the prompt, or with --passphrase-file FILE or --passphrase-env NAME',
    );
  }
  const near = suggest(name, [...Object.keys(command.options), 'help']);
  throw misused(`there is no option ${rawName}`, near && `did you mean --${near}?`);
}

function checkedValue(
  {
    rawName,
    value,
    inlineValue,
  }: { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
  spec: OptionSpec,
): string {
  if (spec.value === undefined) {
    if (value !== undefined) throw misused(`${rawName} takes no value`);
    return '';
  }
  if (value === undefined || value === '')
    throw misused(`${rawName} needs a value: ${rawName} ${spec.value}`);
  // More likely a value that was forgotten than one that begins with a dash.
  if (!inlineValue && value.startsWith('-')) {
    throw misused(
      `${rawName} needs a value: ${rawName} ${spec.value}`,
      `a value that begins with a dash is written ${rawName}=-…`,
    );
  }
  return value;
}
