// Calls: how long one takes when nothing else is under way, and how many a second are answered when many are.
//
// Both are measured for a time, not for a number of calls, so that a slow candidate takes no longer than a fast one. One call
// in flight: the median of the times of all calls. Many: lanes that make their next call when the last one is answered.

import type { Client, Move } from '../driver/candidate.js';
import type { Case } from './case.js';

const everybody = [
  'sealwire',
  'ws',
  'ws-tls',
  'colyseus',
  'rpc-websockets',
  'socket.io',
  'capnweb',
  'grpc',
  'trpc',
] as const;
/** Large frames are where masking natively tells. */
const withPayloads = [...everybody, 'ws-bufferutil', 'ws-tls-bufferutil'];
const overTcp = ['sealwire-tcp', 'tls', 'tcp'] as const;
const everyFlag = [
  'sealwire-none',
  'sealwire-authenticated',
  'sealwire-encrypted',
  'sealwire',
  'sealwire-tcp-none',
  'sealwire-tcp-authenticated',
  'sealwire-tcp-encrypted',
  'sealwire-tcp',
] as const;

function roundTrip(name: string, title: string, candidates: readonly string[], bytes = 0): Case {
  const work = { kind: 'calls', clients: 1, inFlight: 1, bytes } as const;
  return { name, title, unit: 'µs', better: 'less', key: 'p256', work, candidates };
}

function throughput(
  name: string,
  title: string,
  candidates: readonly string[],
  load: { clients?: number; inFlight: number; bytes?: number },
): Case {
  const work = { kind: 'calls', clients: 1, bytes: 0, ...load } as const;
  return { name, title, unit: 'calls/s', better: 'more', key: 'p256', work, candidates };
}

export const callCases: readonly Case[] = [
  roundTrip('round-trip', 'Round trip, one call in flight', everybody),
  throughput('in-flight-64', '64 calls in flight', everybody, { inFlight: 64 }),
  throughput('in-flight-100', '100 calls in flight', everybody, { inFlight: 100 }),
  throughput('clients-200', '200 clients, one call each in flight', everybody, { clients: 200, inFlight: 1 }),
];

export const payloadCases: readonly Case[] = [
  roundTrip('16k-round-trip', 'Round trip of 16 KiB', withPayloads, 16 * 1024),
  throughput('16k-in-flight-64', '64 calls of 16 KiB in flight', withPayloads, {
    inFlight: 64,
    bytes: 16 * 1024,
  }),
  { ...roundTrip('1m-round-trip', 'Round trip of 1 MiB', withPayloads, 2 ** 20), warmUpTurns: 4 },
];

export const flagCases: readonly Case[] = [
  roundTrip('flags-round-trip', 'All flags: round trip', everyFlag),
  throughput('flags-in-flight-64', 'All flags: 64 calls in flight', everyFlag, { inFlight: 64 }),
];

export const tcpCases: readonly Case[] = [
  roundTrip('tcp-round-trip', 'TCP: round trip', overTcp),
  throughput('tcp-in-flight-64', 'TCP: 64 calls in flight', overTcp, { inFlight: 64 }),
  roundTrip('tcp-16k-round-trip', 'TCP: round trip of 16 KiB', overTcp, 16 * 1024),
];

/** The object that every call and every event carries. */
export function moveNumber(id: number): Move {
  return { id, name: 'a ship of the line', pos: { x: 1.5 + id, y: -2.25, z: 1024.125 } };
}

export interface CallLoad {
  readonly inFlight: number;
  /** Of the payload; 0 sends a move. */
  readonly bytes: number;
}

/** Resolves to the time of each call in microseconds, and the time of all in milliseconds. */
export async function makeCalls(
  clients: readonly Client[],
  { inFlight, bytes }: CallLoad,
  ms: number,
): Promise<{ times: number[]; took: number }> {
  const payload = new Uint8Array(bytes).map((_, index) => index * 31);
  const times: number[] = [];
  const started = performance.now();
  let next = 0;
  const call = async (client: Client) => {
    const id = ++next;
    if (bytes === 0) {
      if ((await client.echo(moveNumber(id))).id !== id)
        throw new Error('the answer is that of another call');
    } else if ((await client.echoBytes(payload)).length !== bytes) {
      throw new Error('the answer is not whole');
    }
  };
  const lane = async (client: Client) => {
    for (let begun = performance.now(); begun - started < ms; ) {
      await call(client);
      const ended = performance.now();
      times.push((ended - begun) * 1000);
      begun = ended;
    }
  };
  await Promise.all(clients.flatMap((client) => Array.from({ length: inFlight }, () => lane(client))));
  return { times, took: performance.now() - started };
}
