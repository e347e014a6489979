// What protection costs: calls per second under each of the four flags, over each transport, side by side, and the CPU
// time of a call, which a busy machine disturbs less. Both ends run in this process: the time is that of both.
//
//   npm run bench                                all of it
//   node dist/bench/calls.js tcp 64              one transport, one load: for --cpu-prof, and to compare two builds, whose
//                                                runs then take turns from outside
//
// Machines are noisy, so the flags take turns within one run, and what counts is the median and its ratio to the call
// without protection. `one by one` waits for each answer; `in flight` has 64 calls under way at once, which share records.

import { issueCertificate } from '../lib/certificate.js';
import { NetworkingManager, Rpc, Security } from '../lib/index.js';

class Bench {
  @Rpc()
  none(value: number): number {
    return value;
  }

  @Rpc(Security.Authenticated)
  authenticated(value: number): number {
    return value;
  }

  @Rpc(Security.Encrypted)
  encrypted(value: number): number {
    return value;
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  both(value: number): number {
    return value;
  }
}

type Flags = 'none' | 'authenticated' | 'encrypted' | 'both';
const everyFlags: readonly Flags[] = ['none', 'authenticated', 'encrypted', 'both'];
const rounds = 9;
/** The first ones meet code that is not compiled yet. */
const warmUpRounds = 3;
/** A round of them takes some 50 ms. */
const loads = [
  { name: 'one by one', inFlight: 1, callsPerRound: 2_000 },
  { name: 'in flight', inFlight: 64, callsPerRound: 12_000 },
] as const;

interface Round {
  readonly perSecond: number;
  /** Microseconds, of all threads of this process. */
  readonly cpuPerCall: number;
}

async function runRound(
  call: (value: number) => Promise<number>,
  { inFlight, callsPerRound }: (typeof loads)[number],
): Promise<Round> {
  let next = 0;
  const worker = async () => {
    while (next < callsPerRound) await call(next++);
  };
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: callsPerRound / seconds, cpuPerCall: (user + system) / callsPerRound };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const authority = issueCertificate({ commonName: 'Bench authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['bench'], issuer: authority });
const [onlyTransport, onlyInFlight] = process.argv.slice(2);

for (const url of ['ws://127.0.0.1:0', 'tcp://127.0.0.1:0', 'memory://bench']) {
  const transport = url.split(':', 1)[0]!;
  if (onlyTransport !== undefined && transport !== onlyTransport) continue;
  const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
  server.register(new Bench());
  const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'bench' });
  await client.startClient(await server.startServer(url));
  const bench = client.rpc<Bench>('Bench');

  for (const load of loads) {
    if (onlyInFlight !== undefined && load.inFlight !== Number(onlyInFlight)) continue;
    const results = new Map<Flags, Round[]>(everyFlags.map((flags) => [flags, []]));
    for (let round = -warmUpRounds; round < rounds; round++) {
      for (const flags of everyFlags) {
        const result = await runRound((value) => bench[flags](value), load);
        if (round >= 0) results.get(flags)!.push(result);
      }
    }
    const rate = (flags: Flags) => median(results.get(flags)!.map(({ perSecond }) => perSecond));
    const columns = everyFlags.map((flags) => {
      const cpu = median(results.get(flags)!.map(({ cpuPerCall }) => cpuPerCall));
      const ratio = (rate(flags) / rate('none')).toFixed(2);
      return `${flags} ${Math.round(rate(flags)).toLocaleString('en')}/s (${ratio}) ${cpu.toFixed(1)} µs`;
    });
    console.log(`${transport.padEnd(7)}${load.name.padEnd(11)}${columns.join('   ')}`);
  }
  await client.stop();
  await server.stop();
}
