// Where passphrases come from: a file, the environment, or a prompt; never the command line, which everybody on the
// machine can read.
//
//   --passphrase-file F   --passphrase-env NAME   --no-passphrase        what is written or inspected
//   --ca-passphrase-file F   --ca-passphrase-env NAME                    the key of the CA that signs

import { wipe } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import type { Arguments, OptionSpec } from './command.js';
import { failed, misused } from './failure.js';
import { readStart } from './files.js';
import { canAsk, Prompter } from './prompt.js';
import { Screen } from './screen.js';
import type { Surroundings } from './surroundings.js';

/** For new files. */
export const newPassphraseOptions: Readonly<Record<string, OptionSpec>> = {
  'passphrase-file': { value: 'FILE', help: 'Protects the private key with the first line of this file.' },
  'passphrase-env': { value: 'NAME', help: 'Protects it with the value of this environment variable.' },
  'no-passphrase': { help: 'Leaves the private key unencrypted, and asks nothing.' },
};

/** For the CA that signs. */
export const caPassphraseOptions: Readonly<Record<string, OptionSpec>> = {
  'ca-passphrase-file': { value: 'FILE', help: "Opens the CA's key with the first line of this file." },
  'ca-passphrase-env': { value: 'NAME', help: 'Opens it with the value of this environment variable.' },
};

/** For files that are there. */
export const openPassphraseOptions: Readonly<Record<string, OptionSpec>> = {
  'passphrase-file': { value: 'FILE', help: 'Opens a PFX file or key with the first line of this file.' },
  'passphrase-env': { value: 'NAME', help: 'Opens it with the value of this environment variable.' },
};

const maxPassphraseBytes = 4096;
const attempts = 3;

/** From the options alone; undefined where none of them is given. */
export function givenPassphrase(
  args: Arguments,
  prefix: '' | 'ca-',
  surroundings: Surroundings,
): string | undefined {
  const file = args.value(`${prefix}passphrase-file`);
  const name = args.value(`${prefix}passphrase-env`);
  if (
    [file !== undefined, name !== undefined, args.flag(`${prefix}no-passphrase`)].filter(Boolean).length > 1
  ) {
    throw misused(`only one of the --${prefix}passphrase options and --no-passphrase can be given`);
  }
  if (file !== undefined) return fromFile(file, surroundings);
  return name === undefined ? undefined : fromEnvironment(name, surroundings);
}

/** For a private key that is to be written; undefined for none. `what` is the file, `otherwise` what comes of none. */
export async function newPassphrase(
  args: Arguments,
  { what, otherwise }: { readonly what: string; readonly otherwise: string },
  surroundings: Surroundings,
): Promise<string | undefined> {
  const given = givenPassphrase(args, '', surroundings);
  if (given !== undefined || args.flag('no-passphrase') || !canAsk(surroundings)) return given;
  return asking(surroundings, async (prompter, screen) => {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const typed = await prompter.ask(`New passphrase for ${what} (empty: ${otherwise}): `);
      if (typed === '') return undefined;
      if (typed === (await prompter.ask('The same again: '))) return typed;
      screen.line('The two are not the same.');
    }
    throw failed('the passphrase was not typed the same way twice');
  });
}

/**
 * Opens what may be encrypted: as the options say, else without a passphrase, else with one that is typed. `open` throws
 * PFX_PASSPHRASE for one that does not fit.
 */
export async function openProtected<Result>(
  args: Arguments,
  prefix: '' | 'ca-',
  path: string,
  surroundings: Surroundings,
  open: (passphrase: string | undefined) => Result,
): Promise<Result> {
  const given = givenPassphrase(args, prefix, surroundings);
  try {
    return open(given);
  } catch (error) {
    if (!isPassphraseError(error)) throw error;
    if (given !== undefined) throw failed(`the passphrase does not open ${path}`, undefined, error);
    if (!canAsk(surroundings)) {
      throw failed(
        `${path} is protected with a passphrase, and there is no terminal to ask for it`,
        `give it with --${prefix}passphrase-file FILE or --${prefix}passphrase-env NAME`,
        error,
      );
    }
  }
  const typed = await asking(surroundings, (prompter) => prompter.ask(`Passphrase of ${path}: `));
  try {
    return open(typed);
  } catch (error) {
    throw isPassphraseError(error) ? failed(`the passphrase does not open ${path}`, undefined, error) : error;
  }
}

export function isPassphraseError(error: unknown): boolean {
  return error instanceof SealwireError && error.code === 'PFX_PASSPHRASE';
}

async function asking<Result>(
  { stdin, stderr, env }: Surroundings,
  questions: (prompter: Prompter, screen: Screen) => Promise<Result>,
): Promise<Result> {
  const screen = new Screen(stderr, env);
  const prompter = new Prompter(stdin, screen);
  try {
    return await questions(prompter, screen);
  } finally {
    prompter.close();
  }
}

function fromEnvironment(name: string, { env }: Surroundings): string {
  const passphrase = env[name];
  if (passphrase) return passphrase;
  throw failed(
    `the environment variable ${name} is ${passphrase === '' ? 'empty' : 'not set'}`,
    `set it without leaving it in the shell's history: read -rs ${name} && export ${name}`,
  );
}

function fromFile(path: string, { cwd, stderr, env }: Surroundings): string {
  const bytes = new Uint8Array(maxPassphraseBytes);
  try {
    const { length, readableByAll } = readStart(cwd, path, bytes);
    if (readableByAll) {
      new Screen(stderr, env).line(
        { text: 'warning', style: 'yellow' },
        `  everybody on this machine can read ${path}: chmod 600 ${path}`,
      );
    }
    return firstLine(path, bytes.subarray(0, length));
  } finally {
    wipe(bytes);
  }
}

function firstLine(path: string, bytes: Uint8Array): string {
  const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  if (end < 0 && bytes.length === maxPassphraseBytes) {
    throw failed(
      `the first line of ${path} is longer than ${maxPassphraseBytes - 1} bytes: it is no passphrase`,
    );
  }
  let passphrase: string;
  try {
    // Without the byte order mark that some editors put in front.
    passphrase = new TextDecoder('utf-8', { fatal: true }).decode(end < 0 ? bytes : bytes.subarray(0, end));
  } catch {
    throw failed(`the first line of ${path} is not UTF-8 text: it is no passphrase`);
  }
  if (passphrase === '') throw failed(`the first line of ${path} is empty: it is no passphrase`);
  return passphrase;
}
