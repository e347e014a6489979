// Installs the peers of the bench where they are missing, or are not those of bench/package-lock.json. They are not among the
// library's own packages: whoever only builds and tests it needs none of them.
//
//   npm run bench ─▸ this ─▸ npm ci, in bench/

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// From dist/bench.
const bench = new URL('../../bench/', import.meta.url);

interface Installed {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly optional?: boolean }>>;
}

function read(path: string): Installed {
  return JSON.parse(readFileSync(new URL(path, bench), 'utf8')) as Installed;
}

/** npm keeps what it has installed beside it, in the form of the lock file. */
function upToDate(): boolean {
  const record = 'node_modules/.package-lock.json';
  if (!existsSync(new URL(record, bench)) || !existsSync(new URL('node_modules/sealwire', bench)))
    return false;
  const installed = read(record).packages;
  return Object.entries(read('package-lock.json').packages).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}

if (!upToDate()) {
  console.error('Installing the peers, into bench/node_modules:');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: fileURLToPath(bench),
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error('The peers could not be installed. `npm ci` in bench/ says why.');
    process.exit(1);
  }
}
