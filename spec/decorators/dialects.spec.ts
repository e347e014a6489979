import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { type TransformOptions, transformSync } from 'esbuild';
import { toHex } from '../../lib/base/bytes.js';
import { decodeManifest } from '../../lib/contract/manifest.js';
import * as tscStandard from './dialects/arena.js';
import * as tscStandardMisuse from './dialects/misuse.js';
import * as undecorated from './dialects/undecorated.js';

type ArenaModule = typeof tscStandard;
type MisuseModule = typeof tscStandardMisuse;

// spec/decorators/dialects/ compiled by tsc with experimentalDecorators and emitDecoratorMetadata, contract and all,
// and once more, file by file, by esbuild in both dialects.
describe('decorator dialects', () => {
  const sources = resolve('spec', 'decorators', 'dialects');
  let directory = '';
  const arenas = new Map<string, ArenaModule>([['tsc, standard', tscStandard]]);
  const misuse = new Map<string, MisuseModule>([['tsc, standard', tscStandardMisuse]]);

  before(async function () {
    this.timeout(60_000);
    directory = mkdtempSync(resolve('build-dialects-'));
    compileLegacy(join(sources, 'tsconfig.legacy.json'), directory);
    const compiled = join(directory, 'spec', 'decorators', 'dialects');
    transpile('esbuild-standard', { target: 'es2022' });
    transpile('esbuild-legacy', {
      target: 'es2022',
      tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
    });
    for (const [name, suffix] of [
      ['tsc, legacy', ''],
      ['esbuild, standard', '.esbuild-standard'],
      ['esbuild, legacy', '.esbuild-legacy'],
    ] as const) {
      arenas.set(name, await load(`arena${suffix}.js`));
      misuse.set(name, await load(`misuse${suffix}.js`));
    }

    function transpile(suffix: string, options: TransformOptions): void {
      for (const file of ['arena', 'misuse']) {
        const source = readFileSync(join(sources, `${file}.ts`), 'utf8');
        const { code } = transformSync(source, { ...options, loader: 'ts' });
        expect(code).not.to.match(/^\s*@/m);
        writeFileSync(join(compiled, `${file}.${suffix}.js`), code);
      }
    }

    function load<Module>(file: string): Promise<Module> {
      return import(pathToFileURL(join(compiled, file)).href) as Promise<Module>;
    }
  });

  after(() => {
    if (directory) rmSync(directory, { recursive: true, force: true });
  });

  it('really are different: only the legacy ones carry __decorate or its like on the prototype', () => {
    const compiled = join(directory, 'spec', 'decorators', 'dialects');
    const legacy = readFileSync(join(compiled, 'arena.js'), 'utf8');
    expect(legacy).to.include('design:paramtypes');
    expect(readFileSync(join(compiled, 'arena.esbuild-legacy.js'), 'utf8')).to.include('__decorateClass');
    expect(readFileSync(join(compiled, 'arena.esbuild-standard.js'), 'utf8')).to.include('__decorateElement');
    expect(arenas.size).to.equal(4);
  });

  it('give the same manifest, as does the class without decorators', () => {
    const expected = toHex(undecorated.manifestBytes());
    for (const [name, module] of arenas) expect(toHex(module.manifestBytes()), name).to.equal(expected);
  });

  it('give the same manifest for the class as for its instance', () => {
    const expected = toHex(undecorated.manifestBytes());
    expect(toHex(undecorated.manifestBytesOfClass())).to.equal(expected);
    for (const [name, module] of arenas)
      expect(toHex(module.manifestBytesOfClass()), name).to.equal(expected);
  });

  it('give the manifest that is meant', () => {
    expect(decodeManifest(tscStandard.manifestBytes())).to.deep.equal({
      services: [
        {
          name: 'Arena',
          methods: [
            { id: 0, name: 'chat', security: 2, oneWay: false, stream: false },
            { id: 1, name: 'login', security: 3, oneWay: false, stream: false },
            { id: 2, name: 'move', security: 2, oneWay: true, stream: false },
            { id: 3, name: 'scoreboard', security: 0, oneWay: false, stream: false },
            { id: 4, name: 'whisperTo', security: 1, oneWay: false, stream: false },
          ],
        },
      ],
    });
  });

  it('tell how many parameters there are; legacy tsc tells their types, too', () => {
    for (const [name, { parametersOf }] of arenas) {
      const types = (type: string) => (name === 'tsc, legacy' ? [type, type] : []);
      expect(parametersOf('login'), name).to.deep.equal({ least: 2, most: 2, types: types('a string') });
      expect(parametersOf('move'), name).to.deep.equal({ least: 2, most: 2, types: types('a number') });
      expect(parametersOf('scoreboard'), name).to.deep.equal({ least: 0, most: 0, types: [] });
    }
  });

  it('leave the methods as they were', async () => {
    for (const [name, { Arena }] of arenas) {
      const arena = new Arena();
      expect(await arena.login('ada', '1234'), name).to.deep.equal({ name: 'ada' });
      expect(arena.scoreboard(), name).to.deep.equal([1]);
    }
  });

  it('refuse the same things', () => {
    for (const [name, { misuses }] of misuse) {
      for (const [what, define] of Object.entries(misuses)) {
        expect(define, `${what}, ${name}`).to.throw().with.property('code', 'INVALID_RPC');
      }
    }
  });

  it('refuse an RPC that a decorator above it has replaced', () => {
    for (const [name, module] of misuse) {
      expect(() => tscStandard.manifestOf(new module.Wrapped()), name)
        .to.throw(/another decorator has replaced the RPC ping/)
        .with.property('code', 'INVALID_RPC');
      expect(tscStandard.manifestOf(new module.Covered()), name).to.have.length.above(1);
    }
  });
});

function compileLegacy(project: string, outDir: string): void {
  const typescript = createRequire(resolve('package.json')).resolve('typescript/package.json');
  const tsc = join(dirname(typescript), 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project, '--outDir', outDir], {
    encoding: 'utf8',
  });
  expect(status, stdout).to.equal(0);
}
