// From the words of a command line to a command, and from how it ended to an exit code (failure.ts lists them).

import { readFileSync } from 'node:fs';
import { SealwireError } from '../base/errors.js';
import { certCa } from './cert-ca.js';
import { certClient } from './cert-client.js';
import { certInspect } from './cert-inspect.js';
import { certServer } from './cert-server.js';
import { type Command, readArguments } from './command.js';
import { CommandFailure, exitCodes, misused } from './failure.js';
import { group, overview, page } from './help.js';
import { Screen } from './screen.js';
import { suggest } from './suggest.js';
import type { Surroundings } from './surroundings.js';

const commands: readonly Command[] = [certCa, certServer, certClient, certInspect];

/** Runs one command line, without the program's name; never throws. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const out = new Screen(surroundings.stdout, surroundings.env);
  try {
    return await dispatch(args, surroundings, out);
  } catch (error) {
    const message = new Screen(surroundings.stderr, surroundings.env);
    return tell(message, error);
  }
}

async function dispatch(args: readonly string[], surroundings: Surroundings, out: Screen): Promise<number> {
  const [first, second] = args;
  if (first === '--version' || first === '-v') {
    out.line(version());
    return exitCodes.ok;
  }
  if (first === 'help') return dispatch([...args.slice(1), '--help'], surroundings, out);
  if (first === undefined || isHelp(first)) {
    overview(out, commands);
    return exitCodes.ok;
  }
  const groups = [...new Set(commands.map(({ name }) => name.split(' ')[0]!))];
  if (!groups.includes(first)) throw unknown(first, groups, 'sealwire --help lists the commands');
  if (second === undefined || isHelp(second)) {
    group(out, first, commands);
    return exitCodes.ok;
  }
  const command = commands.find(({ name }) => name === `${first} ${second}`);
  if (command === undefined) {
    const words = commands.map(({ name }) => name.slice(first.length + 1));
    throw unknown(second, words, `sealwire ${first} --help lists the commands`, first);
  }
  const rest = args.slice(2);
  if (asksForHelp(rest)) {
    page(out, command);
    return exitCodes.ok;
  }
  try {
    return await command.run(readArguments(command, rest), surroundings);
  } catch (error) {
    throw withPage(error, command);
  }
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h';
}

/** Wherever it stands before `--`: who asks for help gets it, whatever else is wrong. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some(isHelp);
}

function unknown(word: string, known: readonly string[], otherwise: string, before?: string): CommandFailure {
  const near = suggest(word, known);
  const said = JSON.stringify(word);
  const kind = word.startsWith('-') ? `there is no option ${said} here` : `there is no command ${said}`;
  return misused(
    kind,
    near ? `did you mean "sealwire ${before === undefined ? '' : `${before} `}${near}"?` : otherwise,
  );
}

/** Whoever got the command line wrong is told where it is explained. */
function withPage(error: unknown, { name }: Command): unknown {
  if (!(error instanceof CommandFailure) || error.exitCode !== exitCodes.usage || error.hint) return error;
  return misused(error.message, `sealwire ${name} --help explains the options`);
}

function tell(screen: Screen, error: unknown): number {
  if (error instanceof CommandFailure && error.exitCode === exitCodes.interrupted) return error.exitCode;
  const known = error instanceof SealwireError;
  const message = known ? error.message : `this is a bug of sealwire: ${describe(error)}`;
  screen.line({ text: 'error', style: 'red' }, `  ${message}`);
  if (error instanceof CommandFailure && error.hint) screen.line(`       ${error.hint}`);
  return error instanceof CommandFailure ? error.exitCode : exitCodes.failed;
}

/** The first place in the code, for a report; not the whole stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.name}: ${error.message} (${error.stack?.split('\n')[1]?.trim() ?? 'nowhere'})`;
}

/** Of the package that this file came in. */
function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
