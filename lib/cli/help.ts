// The help pages, made from the commands themselves: an option that exists is in its help.

import type { Command, OptionSpec } from './command.js';
import { bold, type Screen } from './screen.js';

const width = 96;
const helpOption: OptionSpec = { help: 'Shows this page.' };

export function overview(screen: Screen, commands: readonly Command[]): void {
  screen.line('Tools for Sealwire, RPC that is protected on the wire as each procedure declares.');
  screen.line();
  screen.line(bold('Usage'));
  screen.line('  sealwire <command> [options]');
  screen.line('  sealwire <command> --help');
  screen.line('  sealwire --version');
  screen.line();
  list(screen, 'Commands', commands);
  exitCodes(screen);
}

/** The commands below one word, such as `cert`. */
export function group(screen: Screen, word: string, commands: readonly Command[]): void {
  screen.line(
    'Certificates for servers and clients, from a certificate authority of your own; and what is in one.',
  );
  screen.line();
  screen.line(bold('Usage'));
  screen.line(`  sealwire ${word} <command> [options]`);
  screen.line();
  list(screen, 'Commands', commands);
  screen.line(bold('From nothing to a server with a certificate'));
  screen.line('  sealwire cert ca --name "My game CA" --out pki');
  screen.line('  sealwire cert server --name game.example --ip 10.0.0.5 --out pki');
  screen.line('  sealwire cert inspect pki/server.pem --ca pki/ca.pem --name game.example');
}

export function page(screen: Screen, command: Command): void {
  screen.line(bold('Usage'));
  screen.line(`  sealwire ${command.name} ${command.usage}`);
  for (const paragraph of command.about) {
    screen.line();
    for (const line of wrap(paragraph, width)) screen.line(line);
  }
  screen.line();
  screen.line(bold('Options'));
  const entries = Object.entries({ ...command.options, help: helpOption });
  const left = (name: string, { value }: OptionSpec): string => `--${name}${value ? ` ${value}` : ''}`;
  const column = Math.max(...entries.map(([name, spec]) => left(name, spec).length)) + 4;
  for (const [name, spec] of entries) {
    const text = `${spec.help}${spec.multiple ? ' May be given several times.' : ''}`;
    for (const [index, line] of wrap(text, width - column).entries()) {
      screen.line(`${index === 0 ? `  ${left(name, spec)}` : ''}`.padEnd(column), line);
    }
  }
  screen.line();
  screen.line(bold('Examples'));
  for (const example of command.examples) screen.line(`  ${example}`);
}

function list(screen: Screen, title: string, commands: readonly Command[]): void {
  const column = Math.max(...commands.map(({ name }) => name.length)) + 4;
  screen.line(bold(title));
  for (const { name, summary } of commands) screen.line(`  ${name}`.padEnd(column), summary);
  screen.line();
}

function exitCodes(screen: Screen): void {
  screen.line(bold('Exit codes'));
  screen.line(
    '  0 done    1 it could not be done    2 wrong command line    3 inspect: refused    130 Ctrl-C',
  );
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
