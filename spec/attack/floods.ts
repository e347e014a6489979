// What a client that keeps no limit can send, kind by kind, as fast as it can: for spec/attack/floods.spec.ts, which looks at
// what becomes of it, and bench/abuse.ts, which measures what others notice.
//
// A flood comes in portions, each a few frames of many messages. Most are plain frames, which cost the sender least.

import { Rpc, Security } from '../../decorators/index.js';
import { concat, u8, u32 } from '../reference/notation.js';
import { frameTypes } from '../reference/record.js';
import type { Dishonest } from './dishonest.js';

/** What is flooded. Ids are the methods' places in the order of their names. */
export class Target {
  /** How often each method ran. */
  readonly runs: Record<string, number> = {};

  @Rpc()
  hold(): Promise<never> {
    this.#count('hold');
    return new Promise(() => undefined);
  }

  @Rpc(Security.None, { rateLimit: { perSecond: 10, burst: 10 } })
  move(): number {
    return this.#count('move');
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  probe(value: number): number {
    this.#count('probe');
    return value;
  }

  @Rpc(Security.None, { oneWay: true })
  say(): void {
    this.#count('say');
  }

  @Rpc()
  async *watch(): AsyncGenerator<string> {
    this.#count('watch');
    for (;;) yield 'x'.repeat(1000);
  }

  #count(method: string): number {
    this.runs[method] = (this.runs[method] ?? 0) + 1;
    return this.runs[method];
  }
}

const methods = { hold: 0, move: 1, probe: 2, say: 3, watch: 4 };

const plainMessages = u8(frameTypes.messages);
const plainFragment = u8(frameTypes.fragment);
const both = 3;
const perPortion = 500;

/** One portion more; the ids of calls go on from `from`, and the number of those it used is returned. */
export type Flood = (peer: Dishonest, from: number) => number;

function plain(peer: Dishonest, messages: readonly Uint8Array[]): void {
  peer.sendFrame(concat(plainMessages, ...messages));
}

/** `[0, id, method, []]`, with the id in its longest form, and with more behind it. */
function call(id: number, method: number, behind: Uint8Array = u8(0x90)): Uint8Array {
  const fields = behind.length > 1 && behind[0] === 0x90 ? 0x96 : 0x94;
  return concat(u8(fields), u8(0), u8(0xce), u32(id), u8(method), behind);
}

function calls(method: number, behind?: Uint8Array): Flood {
  return (peer, from) => {
    plain(
      peer,
      Array.from({ length: perPortion }, (_, index) => call(from + index, method, behind)),
    );
    return perPortion;
  };
}

/** `count` times the same message, under both flags. */
function sealed(message: Uint8Array): Flood {
  const body = concat(...Array.from({ length: perPortion }, () => message));
  return (peer) => {
    peer.sendFrame(peer.seal(both, frameTypes.messages, body));
    return 0;
  };
}

const largeText = concat(u8(0x91), u8(0xdb), u32(900_000), new Uint8Array(900_000).fill(0x61));
/** No arguments, no time, and 32 entries of 250 bytes. */
const metadata = concat(
  u8(0x90),
  u8(0),
  u8(0xde),
  u8(0),
  u8(32),
  ...Array.from({ length: 32 }, (_, index) =>
    concat(
      Uint8Array.of(0xa2, 0x61 + (index >> 4), 0x61 + (index & 15)),
      u8(0xd9),
      u8(240),
      new Uint8Array(240).fill(0x62),
    ),
  ),
);

export const floods: Readonly<Record<string, Flood>> = {
  calls: calls(methods.move),
  'calls that never return': calls(methods.hold),
  'calls with less protection': calls(methods.probe),
  'calls of a method that is not': calls(99),
  'one-way calls': (peer) => {
    const say = Uint8Array.of(0x93, 1, methods.say, 0x90);
    plain(
      peer,
      Array.from({ length: perPortion }, () => say),
    );
    return 0;
  },
  streams: calls(methods.watch),
  'large arguments': (peer, from) => {
    plain(peer, [call(from, methods.move, largeText)]);
    return 1;
  },
  metadata: (peer, from) => {
    plain(
      peer,
      Array.from({ length: 50 }, (_, index) => call(from + index, methods.move, metadata)),
    );
    return 50;
  },
  'fragments of messages that never end': (peer, from) => {
    for (let index = 0; index < 20; index++)
      peer.sendFrame(concat(plainFragment, u32(from + index), u8(0), new Uint8Array(30_000)));
    return 20;
  },
  cancellations: sealed(Uint8Array.of(0x92, 4, 1)),
  pings: sealed(Uint8Array.of(0x92, 12, 1)),
  'answers to nothing': sealed(Uint8Array.of(0x93, 2, 1, 0xc0)),
  'items of no stream': sealed(Uint8Array.of(0x93, 8, 1, 0xc0)),
};
