// A real browser runs the client against a real server, over ws://, on a page without WebCrypto and without eval.

import { createHash, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { type IssuedCertificate, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { KeyKind } from '../../lib/crypto/provider.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { strangeAuthority } from '../support/authority.js';
import { requireProgram } from '../support/requirements.js';
import { Arena } from './arena.js';
import { bundle } from './bundle.js';
import { launchChromium, openTab, type Site, siteName, startSite, type Tab } from './chromium.js';

const keyKinds: readonly KeyKind[] = ['p256', 'rsa-2048', 'p384', 'ed25519'];
const both = 3;

interface ArenaServer {
  readonly manager: NetworkingManager;
  readonly url: string;
  readonly root: IssuedCertificate;
  readonly leaf: IssuedCertificate;
}

const started: NetworkingManager[] = [];

/** The root's key is of the same kind as the server's, so that the page verifies with nothing but that kind. */
async function startArena(keyKind: KeyKind, config: NetworkConfig = {}): Promise<ArenaServer> {
  const root = issueCertificate(nodeCrypto, { commonName: `Root of ${keyKind}`, ca: true, keyKind });
  const leaf = issueCertificate(nodeCrypto, { dnsNames: [siteName], issuer: root, keyKind });
  const { certificate: cert, key } = leaf.pem;
  const manager = new NetworkingManager({ certificate: { cert, key }, ...config });
  manager.register(new Arena());
  started.push(manager);
  const url = await manager.startServer('ws://127.0.0.1:0');
  return { manager, url: url.replace('127.0.0.1', siteName), root, leaf };
}

describe('in a real browser', function () {
  this.timeout(30_000);
  const servers = new Map<KeyKind, ArenaServer>();
  let browser: Browser | undefined;
  let site: Site | undefined;
  let tab: Tab;
  /** Another one, which connects to servers that it does not trust. */
  let refusing: Tab;

  before(async function () {
    requireProgram(this, 'chromium');
    // Before anything else that may fail: `after` closes what stands in the variable.
    browser = await launchChromium();
    const file = 'spec/browser/page.ts';
    const { code: module } = await bundle({ file });
    const { code: classic } = await bundle({ file }, { format: 'iife', minify: false });
    site = await startSite({ module, classic });
    for (const keyKind of keyKinds) servers.set(keyKind, await startArena(keyKind));
    [tab, refusing] = await Promise.all([openTab(browser, site.url), openTab(browser, site.url)]);
  });

  after(async () => {
    await browser?.close();
    for (const manager of started.splice(0)) await manager.stop();
    await site?.close();
  });

  afterEach(function () {
    // A skipped suite has no tab.
    if (browser !== undefined) expect(tab.complaints.splice(0), this.currentTest?.title).to.deep.equal([]);
  });

  function connect(keyKind: KeyKind = 'p256'): Promise<unknown> {
    const { url, root } = servers.get(keyKind)!;
    return tab.run('connect', url, root.pem.certificate);
  }

  describe('a page on plain http://', () => {
    it('has no WebCrypto and nothing of Node', async () => {
      expect(await tab.run('environment')).to.deep.equal({
        isSecureContext: false,
        subtle: 'undefined',
        process: 'undefined',
        Buffer: 'undefined',
      });
    });

    it('may not make code, and it shows when it tries', async () => {
      expect(await tab.run('generateCode')).to.equal('EvalError');
      // Also through the door that Playwright takes to the spec, a moment later.
      while (tab.complaints.length === 0) await tab.run('environment');
      expect(tab.complaints.splice(0)).to.deep.equal(['policy: script-src eval']);
    });
  });

  for (const keyKind of keyKinds) {
    describe(`with a server whose key is ${keyKind}`, () => {
      let frames: Tab['frames'];

      before(async () => {
        tab.frames.length = 0;
        expect(await connect(keyKind)).to.deep.equal({
          protection: 'signed',
          state: 'secured',
          suite: 'chacha20-poly1305',
          group: 'x25519',
          tls: undefined,
        });
        frames = tab.frames;
      });

      after(async () => {
        await tab.run('stop');
      });

      it('calls under each of the four flags, and the server sees them', async () => {
        const suite = 'chacha20-poly1305';
        expect(await tab.run('callEach')).to.deep.equal([
          { word: 'word-open', security: 0, suite },
          { word: 'word-encrypted', security: 1, suite },
          { word: 'word-authenticated', security: 2, suite },
          { word: 'word-sealed', security: 3, suite },
        ]);
      });

      it('shows the wire what the flags say, both ways', () => {
        for (const from of ['page', 'server'] as const) {
          const carriers = (word: string) =>
            frames.filter((frame) => frame.from === from && frame.bytes.includes(word));
          expect(carriers('word-open'), from).to.have.length(1);
          expect(carriers('word-authenticated'), from).to.have.length(1);
          expect(carriers('word-encrypted'), from).to.have.length(0);
          expect(carriers('word-sealed'), from).to.have.length(0);
          // docs/protocol.md: the two uppermost bits of a frame are its flags.
          const flags = frames.filter((frame) => frame.from === from).map(({ bytes }) => bytes[0]! >> 6);
          expect(flags.slice(-4), from).to.deep.equal([0b00, 0b10, 0b01, 0b11]);
        }
      });

      it('agrees on an exporter, another one for another label', async () => {
        const first = await tab.run('exporters', 'spec');
        const second = await tab.run('exporters', 'spec two');
        expect(first.page)
          .to.match(/^[0-9a-f]{64}$/)
          .and.equal(first.server);
        expect(second.page).to.equal(second.server).and.not.equal(first.page);
      });

      it('validates the chain with sealwire/certificate', async () => {
        const { root, leaf } = servers.get(keyKind)!;
        const validate = (authority: IssuedCertificate, name: string) =>
          tab.run('validate', leaf.pem.certificate, authority.pem.certificate, name);
        expect(await validate(root, siteName)).to.equal('ok');
        expect(await validate(root, 'other.example')).to.equal('name-mismatch');
        expect(await validate(strangeAuthority(), siteName)).to.equal('untrusted');
      });

      it('refuses it under another root of the same name', async () => {
        const { url, root } = servers.get(keyKind)!;
        const namesake = issueCertificate(nodeCrypto, {
          commonName: `Root of ${keyKind}`,
          ca: true,
          keyKind,
        });
        expect(namesake.certificate).not.to.deep.equal(root.certificate);
        refusing.frames.length = 0;
        const answer = await refusing.run('connect', url, namesake.pem.certificate);
        expect(answer).to.include({
          code: 'CERTIFICATE_REJECTED',
          reason: 'untrusted',
          isSealwireError: true,
        });
        // Its hello, and at most a word of parting: nothing that a server without the key could use.
        expect(refusing.frames.filter(({ from }) => from === 'page')).to.have.length.within(1, 2);
        expect(refusing.complaints).to.deep.equal([]);
      });
    });
  }

  describe('the crypto backend', () => {
    // Runs in the page, so it stands alone.
    const withoutWebAssembly = () => void Reflect.deleteProperty(globalThis, 'WebAssembly');
    const rows = [
      { where: 'of a page that may use WebAssembly', path: '/', name: 'noble+wasm-simd', told: [] },
      {
        where: 'of a page whose policy forbids it',
        path: '/strict',
        name: 'noble',
        // Told to listeners for violations alone: nothing in the console, nothing thrown.
        told: ['policy: script-src wasm-eval'],
      },
      { where: 'of a browser that has none', path: '/', before: withoutWebAssembly, name: 'noble', told: [] },
    ];
    for (const { where, path, before, name, told } of rows) {
      it(`${where} is ${name}, and calls under all four flags`, async () => {
        const other = await openTab(browser!, `${site!.url}${path}`, before);
        const { url, root } = servers.get('p256')!;
        const suite = 'chacha20-poly1305';
        expect(await other.run('connect', url, root.pem.certificate)).to.include({ suite });
        expect(await other.run('backend')).to.equal(name);
        expect(await other.run('callEach')).to.deep.equal([
          { word: 'word-open', security: 0, suite },
          { word: 'word-encrypted', security: 1, suite },
          { word: 'word-authenticated', security: 2, suite },
          { word: 'word-sealed', security: 3, suite },
        ]);
        const bytes = 200_000;
        expect(await other.run('upload', bytes)).to.include({ isReversed: true });
        await other.run('stop');
        expect(other.complaints).to.deep.equal(told);
        await other.close();
      });
    }
  });

  describe('connected', () => {
    before(() => connect());
    after(async () => {
      await tab.run('stop');
    });

    it('raises the flags of a call', async () => {
      tab.frames.length = 0;
      expect(await tab.run('raise')).to.include({ word: 'word-raised', security: both });
      expect(tab.frames.filter(({ bytes }) => bytes.includes('word-raised'))).to.deep.equal([]);
    });

    it('hears an RpcError as it was thrown, and nothing of another error', async () => {
      expect(await tab.run('refuse')).to.deep.include({
        code: 'NOT_FOUND',
        message: 'no such match',
        data: { match: 'm1' },
        isRpcError: true,
        isSealwireError: true,
      });
      const stumbled = await tab.run('stumble');
      expect(stumbled).to.include({ code: 'INTERNAL', isRpcError: true });
      expect(JSON.stringify(stumbled)).not.to.match(/hunter2|arena\.(js|ts)/);
    });

    it('is called by the server, during a call of its own and without one', async () => {
      expect(await tab.run('strike', 7)).to.equal('the page said: -7');
      const [peer] = servers.get('p256')!.manager.clients.values();
      expect(await peer!.invoke('Hud.damage', [11])).to.equal('-11');
      const suite = 'chacha20-poly1305';
      expect(await tab.run('damages')).to.deep.equal([
        { points: 7, security: both, suite },
        { points: 11, security: both, suite },
      ]);
    });

    it('sends 20 calls of one turn as one frame and a batch of 19', async () => {
      tab.frames.length = 0;
      expect(await tab.run('squares', 20)).to.deep.equal(
        Array.from({ length: 20 }, (_, number) => number ** 2),
      );
      expect(tab.frames.filter(({ from }) => from === 'page')).to.have.length(2);
      expect(tab.frames.filter(({ from }) => from === 'server')).to.have.length.within(1, 4);
    });

    it('makes hundreds of calls, enough for code that would be generated when it is hot', async () => {
      const answers = await tab.run('squares', 500);
      expect(answers.at(-1)).to.equal(499 ** 2);
    });

    it('uploads 500 kB and gets them back', async () => {
      const bytes = 500_000;
      const data = Uint8Array.from({ length: bytes }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
      expect(await tab.run('upload', bytes)).to.deep.equal({
        sha256: createHash('sha256').update(data).digest('hex'),
        isReversed: true,
      });
    });
  });

  describe('a server that wants to know who its clients are', () => {
    it('is shown the page’s certificate, from PEM and from a PFX file, and no other', async () => {
      const devices = issueCertificate(nodeCrypto, { commonName: 'Devices', ca: true });
      const issue = (keyKind: KeyKind) =>
        issueCertificate(nodeCrypto, {
          commonName: `a page with ${keyKind}`,
          purpose: 'client',
          issuer: devices,
          keyKind,
        });
      const config = { clientAuthentication: 'required', ca: devices.pem.certificate } as const;
      const { manager, url, root } = await startArena('p256', config);
      const ca = root.pem.certificate;
      for (const keyKind of keyKinds) {
        const { pem } = issue(keyKind);
        const own = { cert: pem.certificate, key: pem.key };
        expect(await tab.run('connect', url, ca, own)).to.include({ protection: 'signed' });
        expect(await tab.run('whoAmI')).to.equal(`a page with ${keyKind}`);
        await tab.run('stop');
      }
      const passphrase = 'correct horse';
      const pfx = Buffer.from(issue('p256').pfx(passphrase)).toString('base64');
      expect(await tab.run('connect', url, ca, { pfx, passphrase })).to.include({ protection: 'signed' });
      expect(await tab.run('whoAmI')).to.equal('a page with p256');
      await tab.run('stop');

      expect(await tab.run('connect', url, ca)).to.include({ reason: 'certificate-required' });
      const { pem } = issueCertificate(nodeCrypto, {
        commonName: 'a page with p256',
        purpose: 'client',
        issuer: strangeAuthority(),
      });
      const strange = { cert: pem.certificate, key: pem.key };
      expect(await tab.run('connect', url, ca, strange)).to.include({
        code: 'CERTIFICATE_REJECTED',
        reason: 'refused-by-peer',
      });
      await manager.stop();
    });
  });

  describe('certificates made in the page', () => {
    it('are what Node takes them for, PFX file and all', async () => {
      const { root, certificate, kind } = await tab.run('issue', siteName, 'correct horse');
      expect(kind).to.equal('p256');
      const leaf = new X509Certificate(certificate);
      expect(leaf.verify(new X509Certificate(root).publicKey)).to.equal(true);
      expect(leaf.checkHost(siteName)).to.equal(siteName);
    });
  });

  describe('the end', () => {
    it('stop() tells the server and leaves nothing to call', async () => {
      const { manager } = servers.get('p256')!;
      await connect();
      const gone = new Promise<string | undefined>((resolve) => {
        manager.on('clientDisconnected', (_peer, { reason }) => resolve(reason));
      });
      const { hasConnection, later } = await tab.run('stop');
      expect(hasConnection).to.equal(false);
      expect(later).to.include({ code: 'CONNECTION_CLOSED', isSealwireError: true });
      expect(await gone).to.equal('normal');
      expect(manager.clients.size).to.equal(0);
    });

    it('of the tab ends the connection', async () => {
      const { manager, url, root } = servers.get('p256')!;
      const other = await openTab(browser!, site!.url);
      await other.run('connect', url, root.pem.certificate);
      const gone = new Promise<string>((resolve) => {
        manager.on('clientDisconnected', (_peer, { code }) => resolve(code));
      });
      expect(manager.clients.size).to.equal(1);
      await other.close();
      expect(await gone).to.equal('CONNECTION_CLOSED');
      expect(manager.clients.size).to.equal(0);
      expect(other.complaints).to.deep.equal([]);
    });

    it('of the server reaches the page with its reason', async () => {
      const { manager, url, root } = await startArena('p256');
      await tab.run('connect', url, root.pem.certificate);
      await manager.stop();
      // The close travels through the browser's other processes.
      let disconnected = await tab.run('disconnected');
      for (let turn = 0; disconnected === undefined && turn < 100; turn++) {
        disconnected = await tab.run('disconnected');
      }
      expect(disconnected).to.include({ code: 'CONNECTION_CLOSED', isSealwireError: true });
      expect(disconnected?.reason).to.equal('going-away');
      // Now nobody listens there: the browser itself says so on the console, the page in an error.
      expect(await tab.run('connect', url, root.pem.certificate)).to.include({
        code: 'CONNECT_FAILED',
        reason: 'unreachable',
      });
      const complaints = tab.complaints.splice(0);
      expect(complaints).to.have.length(1);
      expect(complaints[0]).to.match(/^console: WebSocket connection to .* failed/);
    });
  });

  it('runs as a classic script that is not minified, too', async () => {
    const classic = await openTab(browser!, `${site!.url}/classic`);
    const { url, root } = servers.get('p256')!;
    expect(await classic.run('connect', url, root.pem.certificate)).to.include({ protection: 'signed' });
    expect(await classic.run('strike', 3)).to.equal('the page said: -3');
    await classic.run('stop');
    expect(classic.complaints).to.deep.equal([]);
    await classic.close();
  });
});
