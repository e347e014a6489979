// The house rules of docs/architecture.md, read from the imports of every source file.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect } from 'chai';

const floors: Record<string, number> = {
  base: 0,
  contract: 1,
  crypto: 1,
  transport: 1,
  wire: 1,
  certificate: 2,
  token: 2,
  record: 2,
  handshake: 3,
  connection: 4,
  rpc: 5,
  manager: 6,
  cli: 7,
};
const frontDoorFloor = 7;

/** Which files, or all files of which folder, may import a dependency; everything else may not. */
const owners: Record<string, readonly string[]> = {
  'node:async_hooks': ['lib/manager/turns.ts'],
  'node:crypto': ['lib/crypto/node.ts'],
  'node:tls': [
    'lib/manager/node.ts',
    'lib/transport/tls.ts',
    'lib/certificate/trust/system-roots.ts',
    'lib/cli/chain-remote.ts',
  ],
  'node:fs': ['lib/certificate/trust/system-roots.ts', 'lib/cli/files.ts', 'lib/cli/run.ts'],
  'node:path': ['lib/certificate/trust/system-roots.ts', 'lib/cli/'],
  'node:readline': ['lib/cli/prompt.ts'],
  'node:url': ['lib/cli/'],
  'node:util': ['lib/cli/command.ts'],
  'node:net': [
    'lib/transport/dial.ts',
    'lib/transport/read-buffer.ts',
    'lib/transport/tcp.ts',
    'lib/transport/tls.ts',
    'lib/transport/tls-front.ts',
    'lib/transport/websocket.ts',
  ],
  'node:http': ['lib/transport/tls-front.ts', 'lib/transport/websocket.ts'],
  'node:stream': ['lib/transport/websocket.ts', 'lib/cli/prompt.ts'],
  '@noble': ['lib/crypto/noble.ts', 'lib/crypto/noble-signature.ts'],
  'micro-rsa-dsa-dh': ['lib/crypto/noble-signature.ts'],
  msgpackr: ['lib/wire/payload.ts'],
  'reflect-metadata': ['lib/contract/metadata.ts'],
  jose: ['lib/token/token.ts'],
  ws: ['lib/transport/websocket.ts'],
  eventemitter3: ['lib/manager/events.ts'],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const sources = ['lib', 'decorators'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);
const imports: Import[] = sources.flatMap((file) =>
  [
    ...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'|^import '([^']+)'/gm),
  ].map(([, from, bare]) => ({ file, specifier: (from ?? bare)! })),
);

/** The room of a file of lib/, undefined for front doors. */
function room(file: string): string | undefined {
  const [top, folder, rest] = file.split('/');
  return top === 'lib' && rest !== undefined ? folder : undefined;
}

function target({ file, specifier }: Import): string {
  return relative('.', resolve(dirname(file), specifier)).replace(/\.js$/, '.ts');
}

describe('the house', () => {
  it('has no unknown rooms, and imports to look at', () => {
    expect(sources.length).to.be.greaterThan(50);
    expect(imports.length).to.be.greaterThan(200);
    for (const file of sources.filter((name) => name.startsWith('lib/'))) {
      const name = room(file);
      if (name !== undefined) expect(floors, file).to.have.property(name);
    }
  });

  it('imports downwards only, and never a sibling', () => {
    const wrong = imports
      .filter(({ file, specifier }) => specifier.startsWith('.') && file.startsWith('lib/'))
      .filter((entry) => {
        const from = room(entry.file);
        const to = target(entry);
        const toRoom = room(to);
        if (to.startsWith('decorators/')) return from !== undefined;
        if (from === undefined) return false;
        if (toRoom === undefined) return true;
        return from !== toRoom && floors[toRoom]! >= (floors[from] ?? frontDoorFloor);
      })
      .map((entry) => `${entry.file} -> ${target(entry)}`);
    expect(wrong).to.deep.equal([]);
  });

  it('lets decorators know the contract, and errors, alone', () => {
    const wrong = imports
      .filter(({ file, specifier }) => file.startsWith('decorators/') && specifier.startsWith('../'))
      .filter((entry) => !['contract', 'base'].includes(room(target(entry)) ?? ''));
    expect(wrong).to.deep.equal([]);
  });

  it('keeps each dependency with its owner', () => {
    const wrong = imports
      .filter(({ specifier }) => !specifier.startsWith('.'))
      .filter(({ file, specifier }) => {
        const owner = Object.keys(owners).find(
          (name) => specifier === name || specifier.startsWith(`${name}/`),
        );
        const isOwner = (place: string): boolean =>
          place.endsWith('/') ? file.startsWith(place) : file === place;
        return owner === undefined || !owners[owner]!.some(isOwner);
      })
      .map(({ file, specifier }) => `${file} -> ${specifier}`);
    expect(wrong).to.deep.equal([]);
  });

  it('is named in full in docs/architecture.md', () => {
    const page = readFileSync('docs/architecture.md', 'utf8');
    for (const name of Object.keys(floors)) expect(page).to.include(`${name}/`);
    for (const owner of Object.keys(owners).filter((name) => !name.startsWith('node:'))) {
      expect(page, owner).to.include(owner);
    }
  });
});
