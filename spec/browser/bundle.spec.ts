// What an application's users have to download, and what must not be in it.

import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type Bundle, bundle } from './bundle.js';

// A little above what was measured when interceptors, approval, limits, encryption on demand and tokens came (138.2, 71.8 and
// 142.7 kB; 10 kB of each read PFX and key files), and 6.4 kB for WebAssembly, 4 of them its modules: a new dependency must
// be noticed.
const doors = [
  { name: 'sealwire', source: "export * from 'sealwire';", maxGzippedBytes: 150_200 },
  { name: 'sealwire/certificate', source: "export * from 'sealwire/certificate';", maxGzippedBytes: 74_000 },
  {
    name: 'both doors',
    source: "export * from 'sealwire'; export * from 'sealwire/certificate';",
    maxGzippedBytes: 154_600,
  },
];

describe('the bundle for browsers', function () {
  this.timeout(30_000);
  const bundles = new Map<string, Bundle>();

  before(async () => {
    for (const { name, source } of doors) bundles.set(name, await bundle({ source }));
  });

  for (const { name, maxGzippedBytes } of doors) {
    it(`of ${name} weighs no more than it did`, function () {
      const { code, parts } = bundles.get(name)!;
      const gzippedBytes = gzipSync(code, { level: 9 }).length;
      const heaviest = [...parts].slice(0, 4).map(([part, bytes]) => `${part} ${kB(bytes)}`);
      this.test!.title += ` (${kB(code.length)}, gzipped ${kB(gzippedBytes)}; ${heaviest.join(', ')})`;
      expect(gzippedBytes).to.be.below(maxGzippedBytes);
      // Far below: something is missing, or this line is out of date.
      expect(gzippedBytes).to.be.above(maxGzippedBytes * 0.85);
    });

    it(`of ${name} has no module of Node, no server and no ws`, () => {
      const { code, metafile } = bundles.get(name)!;
      const inputs = Object.keys(metafile.inputs);
      expect(inputs.some((input) => input.endsWith('lib/crypto/noble.js'))).to.equal(true);
      expect(
        inputs.filter((input) => /node_modules\/(ws|jose)\/|msgpackr-extract/.test(input)),
      ).to.deep.equal([]);
      const nodeOnly =
        /lib\/(index|certificate|manager\/(node|server-[a-z-]+)|token\/(token|key-ring|revocation)|handshake\/server|crypto\/node)\.js$/;
      expect(inputs.filter((input) => nodeOnly.test(input))).to.deep.equal([]);
      expect(inputs.filter((input) => /lib\/transport\/(websocket|tcp)\.js$/.test(input))).to.deep.equal([]);
      expect(code).not.to.match(/["'`]node:/);
      expect(code).not.to.match(/\brequire\(|__dirname/);
      for (const { imports } of Object.values(metafile.outputs)) expect(imports).to.deep.equal([]);
    });
  }

  it('finds server code where there is some', async () => {
    // The control of the case above: the same words, on the door of Node.
    const { metafile } = await bundle({ source: "export * from 'sealwire';" }, { platform: 'node' });
    const inputs = Object.keys(metafile.inputs);
    for (const part of ['lib/manager/server-role.js', 'lib/crypto/node.js', 'lib/transport/websocket.js']) {
      expect(
        inputs.some((input) => input.endsWith(part)),
        part,
      ).to.equal(true);
    }
    expect(inputs.some((input) => /node_modules\/ws\//.test(input))).to.equal(true);
  });

  it('has code that makes code in two places alone, neither of which runs', () => {
    // msgpackr: readers of records, which the payload turns off. reflect-metadata: a search for the global object
    // where there is no globalThis. browser.spec.ts shows under a strict policy that they rest.
    const { metafile } = bundles.get('both doors')!;
    // A method may be called `eval`: it stands before a colon, or its parameters before a brace.
    const makesCode = /(?<![.\w])(?:Function\(|eval\b(?!:|\([^)]*\) \{))/;
    const makers = Object.keys(metafile.inputs).filter(
      (input) => input.endsWith('.js') && makesCode.test(withoutComments(readFileSync(input, 'utf8'))),
    );
    const names = makers.map((input) => input.replace(/.*node_modules\//, '')).sort();
    expect(names).to.deep.equal(['msgpackr/unpack.js', 'reflect-metadata/Reflect.js']);
  });

  it('loads and makes a client where code generation is forbidden and nothing but JavaScript is there', async () => {
    const { code } = await bundle(
      {
        source: "import { NetworkingManager } from 'sealwire'; globalThis.client = new NetworkingManager();",
      },
      { format: 'iife' },
    );
    const attempts: string[] = [];
    const page = createContext(
      { attempts, TextEncoder, TextDecoder },
      { codeGeneration: { strings: false, wasm: false } },
    );
    runInContext(
      `globalThis.eval = (text) => attempts.push(text);
       globalThis.Function = new Proxy(Function, {
         apply: (_target, _this, args) => attempts.push(args.join()),
         construct: (_target, args) => attempts.push(args.join()),
       });`,
      page,
    );
    runInContext(code, page);
    expect(runInContext('typeof client.startClient', page)).to.equal('function');
    expect(attempts).to.deep.equal([]);
  });
});

function kB(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}
