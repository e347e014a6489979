// The command line, and what it makes of the cases.

import { parseArgs } from 'node:util';
import { entries } from '../candidates/list.js';
import type { Case } from '../cases/case.js';
import { cases as allCases } from '../cases/list.js';
import type { Effort } from './run.js';

export interface Order {
  readonly cases: readonly Case[];
  readonly effort: Effort;
  /** All cases and candidates, and enough rounds: worth keeping. */
  readonly whole: boolean;
  readonly smoke: boolean;
  readonly out: string | undefined;
}

/** A command line that cannot be followed; the message says what there is. */
export class UsageError extends Error {}

export const help = `npm run bench -- [options]

  Sealwire and its peers, side by side; results go to the terminal and, as JSON and SVG, to docs/bench/.

  --quick          under two minutes: three short rounds, 300 idle connections, no events to 1,000
  --case NAME      this case only; may be given several times
  --peer NAME      this candidate only, beside Sealwire; may be given several times
  --rounds N       rounds of each case (7; with --quick 3)
  --out FOLDER     where JSON and SVG go (docs/bench; of a part or a quick run bench/dist/results)
  --list           the names of cases and candidates
  --smoke          everything once, as short as can be: does it still run? Writes nothing, fails if a candidate does
  --help           this
`;

const full: Effort = {
  rounds: 7,
  ms: 400,
  warmUpMs: 1000,
  firstWarmUpMs: 1500,
  idleRounds: 3,
  fresh: true,
};
const quick: Effort = { rounds: 3, ms: 60, warmUpMs: 60, firstWarmUpMs: 300, idleRounds: 1, fresh: false };
const smoke: Effort = { rounds: 1, ms: 10, warmUpMs: 0, firstWarmUpMs: 0, idleRounds: 1, fresh: false };

/** Whoever has no time does not wait for thousands of connections. */
const slowToConnect = 'events-1000';

export function listing(): string {
  const width = Math.max(...[...allCases, ...Object.keys(entries)].map((one) => nameOf(one).length)) + 2;
  const lines = ['Cases:'];
  for (const { name, title } of allCases) lines.push(`  ${name.padEnd(width)}${title}`);
  lines.push('', 'Candidates:');
  for (const [name, { title, settings }] of Object.entries(entries)) {
    lines.push(`  ${name.padEnd(width)}${title}: ${settings}`);
  }
  return lines.join('\n');
}

/** What was asked for; a text is the answer by itself. Throws UsageError. */
export function readOrder(args: readonly string[]): Order | string {
  const values = parsed(args);
  if (values.help) return help;
  if (values.list) return listing();
  const names = known('case', values.case, allCases.map(nameOf));
  const peers = known('peer', values.peer, Object.keys(entries));
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000)) {
    throw new UsageError(`--rounds takes a whole number from 1 to 1000, not '${values.rounds}'`);
  }
  const short = values.smoke || values.quick;
  const preset = values.smoke ? smoke : values.quick ? quick : full;
  const cases = allCases
    .filter(({ name }) => names?.includes(name) ?? !(values.quick && name === slowToConnect))
    .map((one) => (peers === undefined ? one : withPeers(one, peers)))
    .filter(({ candidates }) => candidates.length > 0)
    .map((one) => (short ? withFewer(one, values.smoke === true) : one));
  if (cases.length === 0) throw new UsageError('no such case has such a candidate; --list shows the names');
  return {
    cases,
    effort:
      rounds === undefined ? preset : { ...preset, rounds, idleRounds: Math.min(rounds, preset.idleRounds) },
    whole: !short && names === undefined && peers === undefined && (rounds ?? full.rounds) >= 5,
    smoke: values.smoke === true,
    out: values.out,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        case: { type: 'string', multiple: true },
        peer: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        out: { type: 'string' },
        list: { type: 'boolean' },
        smoke: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${help}`);
  }
}

function known(
  option: string,
  names: string[] | undefined,
  all: readonly string[],
): readonly string[] | undefined {
  const unknown = names?.find((name) => !all.includes(name));
  if (unknown === undefined) return names;
  throw new UsageError(`there is no ${option} '${unknown}'; there are: ${all.join(', ')}`);
}

/** These peers, and what they are compared to. */
function withPeers(one: Case, peers: readonly string[]): Case {
  const candidates = one.candidates.filter((name, index) => index === 0 || peers.includes(name));
  const compared = candidates.some((name) => peers.includes(name));
  return { ...one, candidates: compared ? candidates : [] };
}

function withFewer(one: Case, smoke: boolean): Case {
  const { work } = one;
  const most = smoke ? 4 : work.kind === 'idle' ? 300 : Infinity;
  const fewer = work.kind === 'handshakes' ? work : { ...work, clients: Math.min(work.clients, most) };
  return { ...one, work: fewer, warmUpTurns: 1 };
}

function nameOf(one: string | { readonly name: string }): string {
  return typeof one === 'string' ? one : one.name;
}
