// A real browser and a site for it, over plain http:// under a name that is not localhost: so the page is no secure
// context and has no WebCrypto, as on a game server's bare address. Its Content-Security-Policy forbids eval and allows
// WebAssembly, which that of the page at /strict does not.
//
// A tab writes down everything that a developer would find in the console: errors, warnings, uncaught exceptions,
// violations of the policy; and all frames of its WebSockets.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Commands } from './page.js';

/** Resolved to 127.0.0.1 by the browser itself. */
export const siteName = 'arena.example';

const policy = "default-src 'self'; connect-src *; script-src 'self'";
const withWebAssembly = `${policy} 'wasm-unsafe-eval'`;

/** With these a browser resolves the site's name and looks up nothing else. */
export const launchArguments: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A browser phones home where it can.
  `--host-resolver-rules=MAP ${siteName} 127.0.0.1, MAP * ~NOTFOUND`,
];

/** Its profile is a new empty folder, which goes with it. */
export function launchChromium(): Promise<Browser> {
  const executablePath = execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
  return chromium.launch({ executablePath, args: [...launchArguments] });
}

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `/` and `/strict` with the module, `/classic` with the classic script. */
export async function startSite(scripts: { module: string; classic: string }): Promise<Site> {
  const files = new Map([
    ['/', html('<script type="module" src="/module.js"></script>')],
    ['/strict', html('<script type="module" src="/module.js"></script>')],
    ['/classic', html('<script src="/classic.js"></script>')],
    ['/module.js', scripts.module],
    ['/classic.js', scripts.classic],
  ]);
  const server: Server = createServer(({ url = '' }, response) => {
    const file = files.get(url);
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(file === undefined ? 204 : 200, {
      'content-type': `${type}; charset=utf-8`,
      'content-security-policy': url === '/strict' ? policy : withWebAssembly,
    });
    response.end(file);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${siteName}:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface Frame {
  readonly from: 'page' | 'server';
  readonly bytes: Buffer;
}

export interface Tab {
  /** What a developer would see in the console; empty when all is well. */
  readonly complaints: string[];
  readonly frames: Frame[];
  /** Runs one command of page.ts, in a turn of the page's own: code that Playwright starts may use eval. */
  run<Name extends keyof Commands>(
    name: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>>;
  close(): Promise<void>;
}

/** `before` runs in the page before any script of its own. */
export async function openTab(browser: Browser, url: string, before?: () => void): Promise<Tab> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  const frames: Frame[] = [];
  await page.exposeFunction('policyViolated', (what: string) => complaints.push(`policy: ${what}`));
  await page.addInitScript(reportViolations);
  if (before !== undefined) await page.addInitScript(before);
  page.on('console', (message) => {
    if (['error', 'warning', 'assert'].includes(message.type()))
      complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('crash', () => complaints.push('the page crashed'));
  page.on('websocket', (websocket) => {
    websocket.on('framesent', ({ payload }) => frames.push({ from: 'page', bytes: Buffer.from(payload) }));
    websocket.on('framereceived', ({ payload }) =>
      frames.push({ from: 'server', bytes: Buffer.from(payload) }),
    );
  });
  await page.goto(url, { waitUntil: 'load' });
  return { complaints, frames, run: runner(page), close: () => page.close() };
}

function runner(page: Page): Tab['run'] {
  return (name, ...args) =>
    page.evaluate(
      ([name, args]) =>
        new Promise<never>((resolve, reject) => {
          setTimeout(async () => {
            const { commands } = globalThis as unknown as Record<
              'commands',
              Record<string, (...args: unknown[]) => unknown>
            >;
            try {
              const answer = await commands[name]!(...args);
              // Violations of the policy are told a turn later.
              setTimeout(() => resolve(answer as never));
            } catch (error) {
              reject(error);
            }
          });
        }),
      [name, args] as const,
    );
}

/** Runs in the page before anything else. */
function reportViolations(): void {
  interface Violation {
    readonly effectiveDirective: string;
    readonly blockedURI: string;
  }
  const page = globalThis as unknown as {
    addEventListener(type: 'securitypolicyviolation', listener: (violation: Violation) => void): void;
    policyViolated(what: string): void;
  };
  page.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
    page.policyViolated(`${effectiveDirective} ${blockedURI}`),
  );
}

function html(script: string): string {
  return `<!doctype html><html lang="en"><head><title>Arena</title>${script}</head><body></body></html>`;
}
