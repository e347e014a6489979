// Bundles for browsers, made as an application's build makes them: esbuild, conditions of browsers, the exports of
// package.json. What `sealwire` stands for is the build that the spec itself belongs to, laid out as a package.

import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

export interface Bundle {
  readonly code: string;
  readonly metafile: Metafile;
  /** Bytes that each package, and each folder of our own, takes in the bundle; largest first. */
  readonly parts: ReadonlyMap<string, number>;
}

/** Bundles a file, or source text that may import `sealwire`. Minified, unless `options` say otherwise. */
export async function bundle(
  entry: { readonly file: string } | { readonly source: string },
  options: BuildOptions = {},
): Promise<Bundle> {
  const directory = mkdtempSync(join(tmpdir(), 'sealwire-bundle-'));
  try {
    installPackage(directory);
    const { outputFiles, metafile } = await build({
      ...('file' in entry
        ? { entryPoints: [entry.file] }
        : { stdin: { contents: entry.source, resolveDir: resolve('.'), loader: 'ts' } }),
      bundle: true,
      platform: 'browser',
      format: 'esm',
      target: 'es2022',
      minify: true,
      ...options,
      plugins: [resolvedFrom(directory)],
      write: false,
      metafile: true,
      logLevel: 'silent',
    });
    return { code: outputFiles![0]!.text, metafile: metafile!, parts: partsOf(metafile!) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** node_modules/sealwire with our package.json, and with this build, dist/ or another, in the place of dist/. */
function installPackage(directory: string): void {
  const home = join(directory, 'node_modules', 'sealwire');
  mkdirSync(home, { recursive: true });
  cpSync(resolve('package.json'), join(home, 'package.json'));
  symlinkSync(resolve(import.meta.dirname, '..', '..'), join(home, 'dist'), 'dir');
}

/** Without this a package that names itself gets its own dist/, which may be older than the build under test. */
function resolvedFrom(resolveDir: string): Plugin {
  return {
    name: 'sealwire of this build',
    setup(context) {
      context.onResolve({ filter: /^sealwire(\/|$)/ }, ({ path, kind, resolveDir: from }) =>
        from === resolveDir ? undefined : context.resolve(path, { kind, resolveDir }),
      );
    },
  };
}

function partsOf(metafile: Metafile): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const part = partOf(input);
      bytes.set(part, (bytes.get(part) ?? 0) + bytesInOutput);
    }
  }
  return new Map([...bytes].sort(([, a], [, b]) => b - a));
}

/** `@noble/curves`, `msgpackr`, `lib/certificate` … */
function partOf(input: string): string {
  const [, dependency] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input) ?? [];
  const [, folder] = /\b((?:lib|decorators)(?:\/[^/.]+(?=\/))?)/.exec(input) ?? [];
  return dependency ?? folder ?? input;
}
