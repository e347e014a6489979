// What protection costs a page: calls per second from a real Chromium under each of the four flags, in turns within one page,
// on a page that has WebAssembly and on one whose Content-Security-Policy forbids it (noble does the work there).
//
//   node dist/bench/browser.js                          both pages: 15 s each
//   node dist/bench/browser.js wasm                     one of them: wasm or noble
//   node dist/bench/browser.js wasm page.cpuprofile     and where its time goes, for the performance panel of Chromium
//
// The pages stand on http:// under a name that is not localhost, so they have no WebCrypto: each says what its
// `crypto.subtle` is, and the bench fails where there is one. Chromium is started with the page and nothing is attached
// to it: Playwright would be told of every frame. The server runs in this process, the page in another one.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { issueCertificate } from '../lib/certificate.js';
import { NetworkingManager } from '../lib/index.js';
import { bundle } from '../spec/browser/bundle.js';
import { launchArguments, siteName, startSite } from '../spec/browser/chromium.js';
import { Bench, type Flags, type Measured, Report } from './browser-server.js';

const everyFlags: readonly Flags[] = ['none', 'authenticated', 'encrypted', 'both'];
const pages = { wasm: '/', noble: '/strict' } as const;
const tooLongMs = 60_000;

/** Runs the page in a Chromium of its own. */
async function runPage(path: string, profileFile: string | undefined): Promise<Measured> {
  const issuer = issueCertificate({ commonName: 'Bench authority', ca: true });
  const { pem } = issueCertificate({ dnsNames: [siteName], issuer });
  const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
  const report = new Report();
  server.register(new Bench());
  server.register(report);
  const serverUrl = (await server.startServer('ws://127.0.0.1:0')).replace('127.0.0.1', siteName);
  const define = {
    serverUrl: JSON.stringify(serverUrl),
    authority: JSON.stringify(issuer.pem.certificate),
  };
  const { code } = await bundle(
    { file: join(import.meta.dirname, 'browser-page.js') },
    { define, minify: profileFile === undefined },
  );
  const site = await startSite({ module: code, classic: '' });
  const profileFolder = mkdtempSync(join(tmpdir(), 'sealwire-bench-'));
  const chromium = execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
  const ownArguments = ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profileFolder}`];
  const browser = spawn(chromium, [...launchArguments, ...ownArguments, `${site.url}${path}`], {
    stdio: 'ignore',
  });
  const exited = once(browser, 'exit');
  const over = new AbortController();
  try {
    const stopProfile = profileFile === undefined ? undefined : await profile(profileFolder, site.url);
    const measured = await Promise.race([
      report.measured,
      exited.then(() => Promise.reject(new Error('Chromium ended before its page was through'))),
      setTimeout(tooLongMs, undefined, over).then(() => Promise.reject(new Error('the page took too long'))),
    ]);
    if (stopProfile !== undefined) writeFileSync(profileFile!, JSON.stringify(await stopProfile()));
    return measured;
  } finally {
    over.abort();
    browser.kill();
    await exited;
    await server.stop();
    await site.close();
    // Processes of Chromium write there a moment longer than the first of them lives.
    await rm(profileFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Profiles the page that stands at `siteUrl`, and no other; what comes back ends it. */
async function profile(profileFolder: string, siteUrl: string): Promise<() => Promise<unknown>> {
  const page = await pageOf(profileFolder, siteUrl);
  const socket = new WebSocket(page);
  await once(socket, 'open');
  let last = 0;
  const ask = async (method: string): Promise<Record<string, unknown>> => {
    const id = ++last;
    socket.send(JSON.stringify({ id, method }));
    for (;;) {
      const [data] = await once(socket, 'message');
      const answer = JSON.parse(String(data)) as { id?: number; result: Record<string, unknown> };
      if (answer.id === id) return answer.result;
    }
  };
  await ask('Profiler.enable');
  await ask('Profiler.start');
  return async () => {
    const { profile } = await ask('Profiler.stop');
    socket.close();
    return profile;
  };
}

/** Where the page can be debugged: Chromium writes its port into a file. */
async function pageOf(profileFolder: string, siteUrl: string): Promise<string> {
  for (;;) {
    const file = join(profileFolder, 'DevToolsActivePort');
    const [port] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    if (port !== undefined && port !== '') {
      const list = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
      const targets = list as { url: string; webSocketDebuggerUrl: string }[];
      const page = targets.find(({ url }) => url.startsWith(siteUrl));
      if (page !== undefined) return page.webSocketDebuggerUrl;
    }
    await setTimeout(50);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Rows of a table in Markdown, of one page. */
function rows({ backend, turns }: Measured): string[] {
  return [1, 64].map((inFlight) => {
    const of = (flags: Flags) => turns.filter((turn) => turn.inFlight === inFlight && turn.flags === flags);
    // Neighbours in time: a machine that is disturbed disturbs both.
    const timesAsLong = (flags: Flags) =>
      median(
        of(flags).map(
          ({ round, perSecond }) => of('none').find((none) => none.round === round)!.perSecond / perSecond,
        ),
      );
    const cells = everyFlags.map((flags) => {
      const perSecond = Math.round(median(of(flags).map((turn) => turn.perSecond)));
      return `${perSecond.toLocaleString('en')}/s ${timesAsLong(flags).toFixed(2)}×`;
    });
    return `| ${[backend, inFlight, ...cells].join(' | ')} |`;
  });
}

const [only, profileFile] = process.argv.slice(2);
const table = [`| page | in flight | ${everyFlags.join(' | ')} |`, '|---|---|---|---|---|---|'];
for (const [name, path] of Object.entries(pages)) {
  if (only !== undefined && only !== name) continue;
  const measured = await runPage(path, profileFile);
  const { isSecureContext, subtle, backend, suite } = measured;
  if (isSecureContext || subtle !== 'undefined')
    throw new Error('the page has WebCrypto, it was to have none');
  if ((name === 'wasm') !== backend.includes('wasm')) throw new Error(`the page ${path} uses ${backend}`);
  console.log(
    `page ${path}: secure context ${isSecureContext}, crypto.subtle ${subtle}, ${suite} by ${backend}`,
  );
  table.push(...rows(measured));
}
console.log(`\ncalls a second, and how many times as long as a call without flags\n\n${table.join('\n')}`);
