// What an honest client notices of one that keeps no limit: the median latency of its calls while a server is flooded, against
// that of the same server at rest.
//
//   this process: the honest client ──┐
//   a process: the server ◂───────────┤     npm run build && node dist/bench/abuse.js [tcp|ws] [kind of flood …]
//   a process: the flooder ───────────┘
//
// The flooder is cut again and again, and comes back at once, so that the flood lasts as long as a round does. It also takes
// a processor; what that alone costs is the third column: the same flooder, flooding a server of its own. Rounds take turns
// (idle, elsewhere, flooded), what counts are medians over all of them and their ratios. BENCH_PROFILE=folder has the servers write CPU
// profiles there.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NetworkingManager } from '../lib/index.js';
import { dishonestClient } from '../spec/attack/dishonest.js';
import { type Flood, floods, Target } from '../spec/attack/floods.js';
import { authority, serverCertificate, serverName } from '../spec/support/authority.js';

type Scheme = 'tcp' | 'ws';
const rounds = 3;
const roundMs = 2000;
const mostQueuedBytes = 1024 * 1024;

/** What a server has cut since it was asked last. */
interface Cuts {
  /** From each connection to its end, in milliseconds. */
  readonly afterMs: readonly number[];
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function serve(scheme: Scheme): Promise<void> {
  const { certificate: cert, key } = serverCertificate().pem;
  const server = new NetworkingManager({
    certificate: { cert, key },
    rateLimit: { perSecond: 60, burst: 60 },
  });
  server.register(new Target());
  const began = new Map<number, number>();
  let afterMs: number[] = [];
  server.on('clientConnected', ({ id }) => void began.set(id, performance.now()));
  server.on('clientDisconnected', ({ id }, { code }) => {
    if (code === 'LIMIT_EXCEEDED') afterMs.push(performance.now() - began.get(id)!);
    began.delete(id);
  });
  const url = await server.startServer(`${scheme}://127.0.0.1:0`);
  process.on('message', (message) => {
    if (message === 'end') process.exit();
    process.send!({ afterMs } satisfies Cuts);
    afterMs = [];
  });
  process.send!({ url, ca: authority().pem.certificate });
}

async function floodFor(scheme: Scheme, url: string, flood: Flood, untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const peer = await dishonestClient(scheme, url);
    peer.deaf = true;
    let id = 1;
    while (peer.ended === undefined && performance.now() < untilMs) {
      if (peer.queuedBytes < mostQueuedBytes) id += flood(peer, id);
      await new Promise((resolve) => setImmediate(resolve));
    }
    peer.close();
  }
}

async function flooder(scheme: Scheme): Promise<void> {
  process.on('message', async ({ url, kind }: { url: string; kind: string }) => {
    await floodFor(scheme, url, floods[kind]!, performance.now() + roundMs);
    process.send!('over');
  });
  process.send!({ ready: true });
}

function start(role: string, scheme: Scheme): Promise<[ChildProcess, Record<string, string>]> {
  const execArgv =
    role === 'server' && process.env.BENCH_PROFILE
      ? ['--cpu-prof', '--cpu-prof-dir', process.env.BENCH_PROFILE]
      : [];
  const child = fork(fileURLToPath(import.meta.url), [role, scheme], { execArgv });
  return new Promise((resolve, reject) => {
    child.once('message', (message: Record<string, string>) => resolve([child, message]));
    child.once('exit', () => reject(new Error(`${role} ended`)));
  });
}

async function measure(scheme: Scheme, kinds: readonly string[]): Promise<void> {
  const [server, { url, ca }] = await start('server', scheme);
  // With the certificate of its own process, which its flooder does not check.
  const [elsewhere, other] = await start('server', scheme);
  const [attacker] = await start('flooder', scheme);
  const client = new NetworkingManager({ ca: ca!, serverName });
  await client.startClient(url!);
  const target = client.rpc<Target>('Target');
  const flood = (at: string, kind: string): Promise<unknown> =>
    new Promise((resolve) => {
      attacker.once('message', resolve);
      attacker.send({ url: at, kind });
    });
  const latencies = async (until: Promise<unknown>): Promise<number[]> => {
    let over = false;
    void until.then(() => {
      over = true;
    });
    const taken: number[] = [];
    while (!over) {
      const beganMs = performance.now();
      await target.probe(taken.length);
      taken.push(performance.now() - beganMs);
      // Within the rate that all clients have.
      await new Promise((resolve) => setTimeout(resolve, 18));
    }
    return taken;
  };
  await latencies(new Promise((resolve) => setTimeout(resolve, 1000)));
  for (const kind of kinds) {
    const [idle, busy, flooded]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      idle.push(...(await latencies(new Promise((resolve) => setTimeout(resolve, roundMs)))));
      busy.push(...(await latencies(flood(other.url!, kind))));
      flooded.push(...(await latencies(flood(url!, kind))));
    }
    const [rest, beside, under] = [median(idle), median(busy), median(flooded)];
    const { afterMs } = await new Promise<Cuts>((resolve) => {
      server.once('message', resolve);
      server.send('cuts?');
    });
    const ms = (value: number) => `${value.toFixed(2)} ms`;
    console.log(
      [
        scheme.padEnd(4),
        kind.padEnd(38),
        `idle ${ms(rest)}`,
        `beside ${ms(beside)} (${(beside / rest).toFixed(2)})`,
        `flooded ${ms(under)} (${(under / rest).toFixed(2)})`,
        `cut ${afterMs.length} times, after ${ms(median(afterMs))}`,
      ].join('  '),
    );
  }
  await client.stop();
  server.send('end');
  elsewhere.send('end');
  attacker.kill();
}

const [role = 'tcp', scheme = 'tcp', ...rest] = process.argv.slice(2);
if (role === 'server') await serve(scheme as Scheme);
else if (role === 'flooder') await flooder(scheme as Scheme);
else {
  const named = [scheme, ...rest].filter((kind) => Object.hasOwn(floods, kind));
  await measure(role as Scheme, named.length === 0 ? Object.keys(floods) : named);
}
