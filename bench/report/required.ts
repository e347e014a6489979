// What issue 6 requires of one run, and whether it holds in this one.
//
// All ratios say how many times as good ours is: calls a second over calls a second, or time over time the other way round.
// "Within 1.25 times" of another is 1 / 1.25 or more of it.

import type { CaseRows } from './results.js';
import { timesAsGood } from './statistics.js';

export interface Requirement {
  readonly text: string;
  readonly case: string;
  readonly ours: string;
  readonly other: string;
  /** Ours is at least so many times as good. */
  readonly atLeast?: number;
  /** Or: the other is at most so many times as good. */
  readonly within?: number;
}

export interface Verdict {
  readonly requirement: Requirement;
  /** How many times as good ours was; undefined where one of the two was not measured. */
  readonly seen?: number;
  readonly holds?: boolean;
}

function against(
  text: string,
  cases: readonly string[],
  others: readonly string[],
  wanted: { atLeast: number } | { within: number },
  ours = 'sealwire',
): Requirement[] {
  return cases.flatMap((name) => others.map((other) => ({ text, case: name, ours, other, ...wanted })));
}

const inFlight = ['in-flight-64', 'in-flight-100'];

export const requirements: readonly Requirement[] = [
  ...against('round trip, both flags', ['round-trip'], ['ws-tls'], { atLeast: 1.3 }),
  ...against('round trip, both flags', ['round-trip'], ['ws'], { within: 1.25 }),
  ...against('calls/s, both flags', inFlight, ['ws-tls'], { atLeast: 1.2 }),
  ...against('calls/s, both flags', inFlight, ['socket.io', 'colyseus', 'rpc-websockets'], { atLeast: 1.5 }),
  ...against('calls/s, both flags', inFlight, ['trpc', 'grpc'], { atLeast: 8 }),
  ...against('events/s, both flags', ['events-200'], ['ws-tls'], { atLeast: 1.3 }),
  ...against('events/s, both flags', ['events-200'], ['ws'], { within: 1.2 }),
  ...against('16 KiB, both flags', ['16k-in-flight-64'], ['ws-tls'], { atLeast: 2 }),
  ...against('1 MiB, both flags', ['1m-round-trip'], ['ws-tls'], { atLeast: 1 }),
  ...against('200 clients, both flags', ['clients-200'], ['ws-tls'], { atLeast: 1.3 }),
  ...against('TCP, both flags', ['tcp-round-trip'], ['tls'], { atLeast: 1.3 }, 'sealwire-tcp'),
  ...against('both flags against None', ['flags-round-trip', 'flags-in-flight-64'], ['sealwire-none'], {
    within: 1.15,
  }),
  ...against(
    'both flags against None, TCP',
    ['flags-round-trip', 'flags-in-flight-64'],
    ['sealwire-tcp-none'],
    { within: 1.15 },
    'sealwire-tcp',
  ),
  ...against('handshakes/s', ['handshakes-p256'], ['tls'], { atLeast: 1 }, 'sealwire-tcp'),
  ...against('idle connection, memory', ['idle'], ['ws-tls'], { atLeast: 2 }),
];

export function judge(cases: readonly CaseRows[], list: readonly Requirement[] = requirements): Verdict[] {
  return list.map((requirement) => {
    const measured = cases.find(({ name }) => name === requirement.case);
    const median = (candidate: string) =>
      measured?.rows.find((row) => row.candidate === candidate)?.value.median;
    const ours = median(requirement.ours);
    const other = median(requirement.other);
    if (measured === undefined || ours === undefined || other === undefined) return { requirement };
    const seen = timesAsGood(ours, other, measured.better);
    return { requirement, seen, holds: seen >= (requirement.atLeast ?? 1 / requirement.within!) };
  });
}
