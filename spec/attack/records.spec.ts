// A record replayed, reordered, dropped, changed or moved to other flags on an ordered connection ends that connection,
// and only that one. Each attack on each combination of flags that it applies to, in both directions; a second client
// of the same server goes on calling throughout.
//
// Asserted each time: the code and reason of the side that noticed; that the other side was told `protocol-error`, in a
// sealed close frame, and nothing more; that no handler ran that should not have; that the caller's promise failed.

import { expect } from 'chai';
import type { Sender } from '../../samples/tour/relay.js';
import { flip } from '../reference/conversation.js';
import { type Scheme, schemes } from '../support/pair.js';
import { codeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type Script, Stand, tried } from './stand.js';

interface Attack {
  readonly name: string;
  /** Combinations of flags of the records that it is tried on. */
  readonly on: readonly number[];
  /** What becomes of the two calls, a record each; a new script for each connection. */
  readonly script: (from: Sender) => Script;
  /** What the receiver notices: RECORD_REJECTED with this reason, or PROTOCOL_ERROR. */
  readonly noticed: string | ((flags: number) => string);
  /** Which of the two calls run. Default: none. */
  readonly runs?: readonly string[];
}

const noise = 'PROTOCOL_ERROR';
const sealed = [1, 2, 3];
const tagged = [2, 3];
const onFirst =
  (change: (frame: Uint8Array) => readonly Uint8Array[]): (() => Script) =>
  () =>
  (frame, index) =>
    index === 0 ? change(frame) : [frame];

const attacks: readonly Attack[] = [
  {
    name: 'replayed at once',
    on: sealed,
    script: onFirst((frame) => [frame, frame]),
    noticed: 'sequence',
    runs: ['first'],
  },
  {
    name: 'replayed later',
    on: sealed,
    script: replayLater,
    noticed: 'sequence',
    runs: ['first', 'second'],
  },
  {
    name: 'reordered',
    on: sealed,
    script: reorder,
    noticed: 'sequence',
  },
  {
    name: 'dropped',
    on: sealed,
    script: onFirst(() => []),
    noticed: 'sequence',
  },
  {
    name: 'numbered anew',
    on: sealed,
    script: onFirst((frame) => [flip(frame, 7)]),
    noticed: 'sequence',
  },
  {
    name: 'replayed under the next number',
    on: tagged,
    script: onFirst((frame) => [frame, flip(frame, 7)]),
    noticed: 'tag',
    runs: ['first'],
  },
  {
    name: 'moved to another epoch',
    on: sealed,
    script: onFirst((frame) => [flip(frame, 1)]),
    noticed: 'epoch',
  },
  {
    name: 'changed in a bit of its body',
    on: tagged,
    script: onFirst((frame) => [flip(frame, 12)]),
    noticed: 'tag',
  },
  {
    name: 'changed in the last bit of its tag',
    on: tagged,
    script: onFirst((frame) => [flip(frame, frame.length - 1)]),
    noticed: 'tag',
  },
  {
    name: 'cut by a byte of its tag',
    on: tagged,
    script: onFirst((frame) => [frame.subarray(0, -1)]),
    noticed: 'tag',
  },
  {
    name: 'cut to less than a tag',
    on: tagged,
    script: onFirst((frame) => [frame.subarray(0, 23)]),
    noticed: 'too-short',
  },
  {
    name: 'cut to less than a header',
    on: sealed,
    script: onFirst((frame) => [frame.subarray(0, 7)]),
    noticed: 'too-short',
  },
  {
    name: 'emptied',
    on: [1],
    script: onFirst((frame) => [frame.subarray(0, 8)]),
    noticed: noise,
  },
  {
    name: 'moved to both flags',
    on: [1, 2],
    script: onFirst((frame) => [withFlags(frame, 3)]),
    noticed: 'tag',
  },
  {
    name: 'moved to Authenticated',
    on: [1, 3],
    script: onFirst((frame) => [withFlags(frame, 2)]),
    noticed: 'tag',
  },
  {
    name: 'moved to Encrypted',
    on: [2, 3],
    script: onFirst((frame) => [withFlags(frame, 1)]),
    noticed: noise,
  },
  {
    name: 'moved to None',
    on: sealed,
    script: onFirst((frame) => [withFlags(frame, 0)]),
    noticed: noise,
  },
  {
    name: 'made a handshake frame',
    on: sealed,
    script: onFirst((frame) => [withType(frame, 1)]),
    noticed: (flags) => (flags === 1 ? noise : 'tag'),
  },
  {
    name: 'made a key update',
    on: sealed,
    script: onFirst((frame) => [withType(frame, 3)]),
    noticed: 'key-update',
  },
  {
    name: 'made a close frame',
    on: sealed,
    script: onFirst((frame) => [withType(frame, 4)]),
    noticed: (flags) => (flags === 1 ? noise : 'tag'),
  },
  {
    name: 'made a fragment',
    on: sealed,
    script: onFirst((frame) => [withType(frame, 5)]),
    noticed: (flags) => (flags === 1 ? noise : 'tag'),
  },
  {
    name: 'made a frame of unknown type',
    on: sealed,
    script: onFirst((frame) => [withType(frame, 6)]),
    noticed: noise,
  },
];

/** The first call comes again behind the second one. */
function replayLater(from: Sender): Script {
  return (frame, index, { recorded }) => (index === 1 ? [frame, recorded[from][2]!] : [frame]);
}

/** The second call goes first. */
function reorder(): Script {
  let held: Uint8Array | undefined;
  return (frame, index) => {
    if (index === 0) {
      held = frame;
      return [];
    }
    return index === 1 ? [frame, held!] : [frame];
  };
}

for (const scheme of schemes) {
  for (const from of ['client', 'server'] as const) {
    describe(`attack: records of the ${from} over ${scheme}`, () => {
      nothingUncaught();

      for (const attack of attacks.filter((_, index) => tried(scheme, index))) {
        for (const flags of attack.on) {
          it(`under ${flags}, ${attack.name}: the connection ends, and only that one`, () =>
            tryAttack(scheme, from, flags, attack));
        }
      }

      for (const flags of sealed) {
        it(`under ${flags}, reflected to its sender: the connection ends, and only that one`, async () => {
          const stand = await Stand.open(scheme);
          stand.attack(
            from,
            onFirst((frame) => {
              stand.inject(from, frame);
              // It arrives as well, or the sender's farewell would be a record too early.
              return [frame];
            })(),
          );
          const call = codeOf(stand.call(from, 'needs0', [longEnough], flags));
          await stand.bothEnded();
          expect(await call).to.equal('CONNECTION_CLOSED');
          expectNoticed(stand, from, flags === 1 ? noise : 'tag');
          expect(stand.runs(from)).to.deep.equal([longEnough]);
          expect(stand.runs(other(from))).to.deep.equal([]);
          await stand.bystanderCalls();
          await stand.close();
        });

        it(`under ${flags}, put in place of another connection's: that one ends, and only that one`, async () => {
          const stand = await Stand.open(scheme);
          // The bystander's record has the same flags, epoch, sequence and content as the victim's.
          await callOfBystander(stand, from, flags);
          stand.attack(from, onFirst(() => [stand.bystanderRecorded[from][2]!])());
          const call = codeOf(stand.call(from, 'needs0', [longEnough], flags));
          await stand.bothEnded();
          expect(await call).to.equal('CONNECTION_CLOSED');
          expectNoticed(stand, other(from), flags === 1 ? noise : 'tag');
          // The bystander's own call ran once, on the server's side.
          expect(stand.runs(from)).to.deep.equal(from === 'client' ? [longEnough] : []);
          await stand.bystanderCalls();
          await stand.close();
        });
      }
    });
  }
}

const longEnough = 'a message that is longer than any tag';

async function tryAttack(scheme: Scheme, from: Sender, flags: number, attack: Attack): Promise<void> {
  const stand = await Stand.open(scheme);
  try {
    await stand.bystanderCalls();
    stand.attack(from, attack.script(from));
    const first = codeOf(stand.call(from, 'needs0', ['first', longEnough], flags));
    if (attack.runs !== undefined) await first;
    // In a turn of its own, so that it has a record of its own.
    await new Promise((resolve) => setTimeout(resolve, 2));
    const second = codeOf(stand.call(from, 'needs0', ['second', longEnough], flags));
    await stand.bystanderCalls();
    await stand.bothEnded();
    const ran = attack.runs ?? [];
    expect(await first).to.equal(ran.includes('first') ? 'answered' : 'CONNECTION_CLOSED');
    expect(await second).to.be.oneOf(
      ran.includes('second') ? ['answered', 'CONNECTION_CLOSED'] : ['CONNECTION_CLOSED'],
    );
    expectNoticed(
      stand,
      other(from),
      typeof attack.noticed === 'string' ? attack.noticed : attack.noticed(flags),
    );
    expect(stand.runs(from)).to.deep.equal(ran);
    await stand.bystanderCalls();
    expect(stand.server.clients.size).to.equal(1);
  } finally {
    await stand.close();
  }
}

/** One side knows why, the other was told `protocol-error` under both flags, and nothing else. */
function expectNoticed(stand: Stand, noticedBy: Sender, what: string): void {
  const here = stand.ends[noticedBy]!;
  if (what === noise) expect(here).to.include({ code: 'PROTOCOL_ERROR' });
  else expect(here).to.include({ code: 'RECORD_REJECTED', reason: what });
  expect(stand.ends[other(noticedBy)]).to.include({ code: 'CONNECTION_CLOSED', reason: 'protocol-error' });
  const last = stand.recorded[noticedBy].at(-1)!;
  expect([last[0], last.length]).to.deep.equal([0xc4, 8 + 1 + 16]);
}

async function callOfBystander(stand: Stand, from: Sender, flags: number): Promise<void> {
  if (from === 'client') {
    await stand.bystander.invokeServerRpc('Vault.needs0', [longEnough], { security: flags });
    return;
  }
  // The bystander serves nothing: its answer to the server's call would be no call. Its answers are as good a record.
  await stand.bystander.invokeServerRpc('Vault.needs0', ['bystander', longEnough], { security: flags });
}

function other(side: Sender): Sender {
  return side === 'client' ? 'server' : 'client';
}

function withFlags(frame: Uint8Array, flags: number): Uint8Array {
  const moved = frame.slice();
  moved[0] = ((flags & 1) << 7) | ((flags & 2) << 5) | (frame[0]! & 0x3f);
  return moved;
}

function withType(frame: Uint8Array, type: number): Uint8Array {
  const moved = frame.slice();
  moved[0] = (frame[0]! & 0xc0) | type;
  return moved;
}
