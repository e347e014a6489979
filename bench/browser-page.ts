// The page of bench/browser.ts: calls under each of the four flags, in turns, and what came of it told to the server.
//
//   for each load:  [ none │ authenticated │ encrypted │ both ] [ authenticated │ … │ none ] …  ─▸ Report.finished
//
// esbuild bundles what tsc made of it. Nobody is attached to the page: what it needs to know stands in the bundle, what it has
// to say goes through Sealwire. A page's clock has steps of 100 µs, so calls are counted for a time, never timed one by one.

import { defaultCrypto, NetworkingManager } from '../lib/browser.js';
import type { Bench, Flags, Measured, Move, Report, Turn } from './browser-server.js';

/** Set by the bundler. */
declare const serverUrl: string;
declare const authority: string;

const everyFlags: readonly Flags[] = ['none', 'authenticated', 'encrypted', 'both'];
const rounds = 11;
/** The first ones meet code that is not compiled yet. */
const warmUpRounds = 3;
const turnMs = 150;

async function measure(call: (move: Move) => Promise<Move>, inFlight: number): Promise<number> {
  let calls = 0;
  const started = performance.now();
  const end = started + turnMs;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      const id = calls++;
      const { id: answered } = await call({
        id,
        name: 'a ship of the line',
        pos: { x: 1.5 + id, y: -2.25, z: 1024.125 },
      });
      if (answered !== id) throw new Error(`call ${id} was answered with ${answered}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (calls * 1000) / (performance.now() - started);
}

async function run(): Promise<Measured> {
  const client = new NetworkingManager({ ca: authority });
  await client.startClient(serverUrl);
  const bench = client.rpc<Bench>('Bench');
  const report = client.rpc<Report>('Report');
  try {
    const turns: Turn[] = [];
    for (const inFlight of [1, 64]) {
      for (let round = -warmUpRounds; round < rounds; round++) {
        for (let index = 0; index < everyFlags.length; index++) {
          // Each round begins with another one.
          const flags = everyFlags[(index + round + warmUpRounds) % everyFlags.length]!;
          const perSecond = await measure((move) => bench[flags](move), inFlight);
          if (round >= 0) turns.push({ flags, inFlight, round, perSecond });
        }
      }
    }
    const { isSecureContext } = globalThis as { isSecureContext?: boolean };
    const measured: Measured = {
      isSecureContext: isSecureContext === true,
      subtle: typeof (crypto as { subtle?: object }).subtle,
      backend: defaultCrypto.name,
      suite: client.connection!.security.suite,
      turns,
    };
    await report.finished(measured);
    return measured;
  } catch (error) {
    await report.failed(error instanceof Error ? `${error.stack}` : String(error));
    throw error;
  }
}

void run();
