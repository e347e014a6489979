// What protection costs: calls per second under each of the four flags, over each transport, side by side.
//
//   npm run bench
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
const callsPerRound = 1500;
const inFlight = 64;

async function oneByOne(call: (value: number) => Promise<number>): Promise<void> {
  for (let index = 0; index < callsPerRound; index++) await call(index);
}

async function together(call: (value: number) => Promise<number>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < callsPerRound) await call(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const authority = issueCertificate({ commonName: 'Bench authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['bench'], issuer: authority });

for (const url of ['ws://127.0.0.1:0', 'tcp://127.0.0.1:0', 'memory://bench']) {
  const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
  server.register(new Bench());
  const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'bench' });
  await client.startClient(await server.startServer(url));
  const bench = client.rpc<Bench>('Bench');

  for (const [name, load] of [
    ['one by one', oneByOne],
    ['in flight', together],
  ] as const) {
    const rates = new Map<Flags, number[]>(everyFlags.map((flags) => [flags, []]));
    for (let round = -2; round < rounds; round++) {
      for (const flags of everyFlags) {
        const started = performance.now();
        await load((value) => bench[flags](value));
        const rate = (callsPerRound / (performance.now() - started)) * 1000;
        if (round >= 0) rates.get(flags)!.push(rate); // the first two rounds warm up
      }
    }
    const base = median(rates.get('none')!);
    const columns = everyFlags.map((flags) => {
      const rate = median(rates.get(flags)!);
      return `${flags} ${Math.round(rate).toLocaleString('en')}/s (${(rate / base).toFixed(2)})`;
    });
    console.log(`${url.split(':')[0]!.padEnd(7)}${name.padEnd(11)}${columns.join('   ')}`);
  }
  await client.stop();
  await server.stop();
}
