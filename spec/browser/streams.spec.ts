// Streams between a real browser and a real server: both ways, both at once, under no flags and under both; and a page that
// reads slowly, or goes, as pages do.

import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { sessionOf } from '../../lib/rpc/peer.js';
import { streamWindowBytes } from '../../lib/wire/call-message.js';
import { requireProgram } from '../support/requirements.js';
import { eventually } from '../support/settled.js';
import { bundle } from './bundle.js';
import { launchChromium, openTab, type Site, siteName, startSite, type Tab } from './chromium.js';
import { Flow } from './flow.js';

describe('streams in a real browser', function () {
  this.timeout(30_000);
  const flow = new Flow();
  let browser: Browser | undefined;
  let site: Site | undefined;
  let server: NetworkingManager | undefined;
  let tab: Tab;
  let connect: (tab: Tab) => Promise<unknown>;

  before(async function () {
    requireProgram(this, 'chromium');
    browser = await launchChromium();
    const { code } = await bundle({ file: 'spec/browser/page.ts' });
    site = await startSite({ module: code, classic: '' });
    const root = issueCertificate(nodeCrypto, { commonName: 'Root of streams', ca: true });
    const { pem } = issueCertificate(nodeCrypto, { dnsNames: [siteName], issuer: root });
    server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } }).register(flow);
    const url = (await server.startServer('ws://127.0.0.1:0')).replace('127.0.0.1', siteName);
    connect = (page) => page.run('connect', url, root.pem.certificate);
    tab = await openTab(browser, site.url);
    expect(await connect(tab)).to.include({ protection: 'signed' });
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
    await site?.close();
  });

  beforeEach(() => {
    // A skipped suite has no tab.
    if (browser === undefined) return;
    tab.frames.length = 0;
    flow.ended.length = 0;
    flow.produced = 0;
  });

  afterEach(async () => {
    if (browser === undefined) return;
    expect(tab.complaints.splice(0)).to.deep.equal([]);
    const loads = () => [...server!.clients.values()].flatMap((peer) => Object.values(sessionOf(peer).load));
    await eventually('nothing runs any more', () => loads().every((load) => load === 0));
  });

  /** Flags of the frames from one side, and whether one of them shows the word. */
  function seen(from: 'page' | 'server', word: string): { flags: number[]; isShown: boolean } {
    const frames = tab.frames.filter((frame) => frame.from === from).map(({ bytes }) => bytes);
    const isShown = frames.some((bytes) => bytes.includes(word));
    // docs/protocol.md: the two uppermost bits of a frame are its flags.
    return { flags: [...new Set(frames.map((bytes) => bytes[0]! >> 6))], isShown };
  }

  for (const [kind, flags] of [
    ['Plain', 0b00],
    ['Sealed', 0b11],
  ] as const) {
    const isShown = kind === 'Plain';

    it(`gives items of the server to a page that leaves early: the server's finally runs (${kind})`, async () => {
      expect(await tab.run('watch', kind, 'turn', 3)).to.deep.equal(['turn-1', 'turn-2', 'turn-3']);
      await eventually('its finally has run', () => flow.ended.length === 1);
      expect(flow.ended).to.deep.equal(['turn']);
      expect(seen('server', 'turn-2')).to.deep.equal({ flags: [flags], isShown });
      expect(seen('page', 'turn').flags).to.deep.equal([flags]);
    });

    it(`takes a stream of the page (${kind})`, async () => {
      const words = Array.from({ length: 20 }, (_, index) => `word${index}`);
      expect(await tab.run('join', kind, words, 100)).to.deep.equal({
        joined: words.join(' '),
        made: '20 of 20',
      });
      expect(seen('page', 'word7')).to.deep.equal({ flags: [flags], isShown });
    });

    it(`tells a page that enough has come: its finally runs (${kind})`, async () => {
      const words = Array.from({ length: 10_000 }, (_, index) => `word${index}`);
      const { joined, made } = await tab.run('join', kind, words, 2);
      expect(joined).to.equal('word0 word1');
      expect(Number.parseInt(made, 10)).to.be.within(2, 9_000);
    });

    it(`streams both ways at once (${kind})`, async () => {
      const shouted = await tab.run('shout', kind, ['ready', 'steady', 'go']);
      expect(shouted).to.deep.equal(['READY', 'STEADY', 'GO']);
      expect(flow.ended).to.deep.equal(['shout']);
      expect(seen('page', 'steady')).to.deep.equal({ flags: [flags], isShown });
      expect(seen('server', 'STEADY')).to.deep.equal({ flags: [flags], isShown });
    });

    it(`lets a page that reads slowly hold the producer (${kind})`, async () => {
      const bytes = 16_000;
      const most = Math.ceil(streamWindowBytes / bytes) + 2;
      await tab.run('beginSlowly', kind, 'slow', bytes);
      let taken = 0;
      for (const count of [1, 30, 60]) {
        await tab.run('takeSlowly', count);
        taken += count;
        // Time enough for a producer that nobody holds to make thousands.
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(flow.produced).to.be.within(taken, taken + most);
      }
      await tab.run('endSlowly');
      await eventually('its finally has run', () => flow.ended.length === 1);
      expect(flow.produced).to.be.within(taken, taken + most);
    });

    it(`ends the stream of a tab that is closed: the server's finally runs (${kind})`, async () => {
      const other = await openTab(browser!, site!.url);
      await connect(other);
      await other.run('beginSlowly', kind, 'lost', 16_000);
      await other.run('takeSlowly', 2);
      await other.close();
      await eventually('its finally has run', () => flow.ended.length === 1);
      expect(flow.ended).to.deep.equal(['lost']);
    });
  }
});
