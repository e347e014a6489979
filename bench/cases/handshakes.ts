// Handshakes: connections made and closed again, four at once; how many a second, and the CPU time of both sides for one.
//
// All are full ones: no client resumes a session. All check the server's certificate against the same root and the same name.

import type { Client } from '../driver/candidate.js';
import type { Case, KeyType } from './case.js';

function handshakes(key: KeyType, title: string): Case {
  return {
    name: `handshakes-${key}`,
    title: `Full handshakes, ${title}`,
    unit: 'handshakes/s',
    better: 'more',
    key,
    work: { kind: 'handshakes', atOnce: 4 },
    warmUpTurns: 16,
    candidates: ['sealwire-tcp', 'tls', 'sealwire', 'ws-tls'],
  };
}

export const handshakeCases: readonly Case[] = [
  handshakes('p256', 'P-256'),
  handshakes('rsa-2048', 'RSA-2048'),
];

/** Resolves to the number of handshakes, and the time that they took in milliseconds. */
export async function shakeHands(
  connect: () => Promise<Client>,
  atOnce: number,
  ms: number,
): Promise<{ count: number; took: number }> {
  const started = performance.now();
  const closed: unknown[] = [];
  let count = 0;
  const lane = async () => {
    while (performance.now() - started < ms) {
      const client = await connect();
      count++;
      closed.push(client.close());
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const took = performance.now() - started;
  await Promise.all(closed);
  return { count, took };
}
