// The built package's declarations as another program sees them, through both front doors: what it declares of PeerData is
// merged into ours, and without a declaration there is nothing to know. (peer-data.ts has the rest, within this program.)

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';

const declaring = `
import { callContext, type ApprovalVerdict, type NetworkConfig, type Peer, type PeerData } from 'sealwire';

declare module 'sealwire' {
  interface PeerData {
    player: { name: string };
  }
}

export const named: PeerData = { player: { name: 'ada' } };
export const verdict: ApprovalVerdict = { approved: true, data: named };
export function nameOf(peer: Peer): string {
  // @ts-expect-error it was not declared
  void peer.data.palyer;
  return peer.data.player.name + callContext().client.data.player.name;
}
export const bad: NetworkConfig = {
  // @ts-expect-error the player must be there
  approveConnection: () => true,
};
`;

const silent = `
import type { NetworkConfig, Peer } from 'sealwire';

export const good: NetworkConfig = { approveConnection: () => true };
export function nameOf(peer: Peer): unknown {
  // @ts-expect-error nothing was declared
  return peer.data.player;
}
`;

describe('the declarations of the package', function () {
  this.timeout(30_000);
  let folder = '';
  before(() => {
    // Inside of the package, so that its own name leads to it.
    folder = mkdtempSync(resolve('build-types-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const door of ['node', 'browser'] as const) {
    for (const [what, program] of Object.entries({ declaring, silent })) {
      it(`are merged with what a program declares, if it does (${door}, ${what})`, () => {
        writeFileSync(join(folder, 'program.ts'), program);
        const compilerOptions = {
          target: 'ES2022',
          module: 'NodeNext',
          strict: true,
          noEmit: true,
          lib: ['ES2022', 'DOM'],
          types: [],
          // The declarations of others are not what this is about.
          skipLibCheck: true,
          customConditions: door === 'browser' ? ['browser'] : [],
        };
        writeFileSync(
          join(folder, 'tsconfig.json'),
          JSON.stringify({ compilerOptions, files: ['program.ts'] }),
        );
        const tsc = resolve('node_modules', 'typescript', 'bin', 'tsc');
        const run = spawnSync(process.execPath, [tsc, '-p', folder, '--listFiles'], { encoding: 'utf8' });
        expect(run.stdout).to.not.match(/error TS/);
        expect(run.status, run.stdout).to.equal(0);
        const entry = door === 'browser' ? 'browser' : 'index';
        expect(run.stdout).to.include(`/dist/lib/${entry}.d.ts`);
        expect(run.stdout).to.not.include('/lib/manager/approval.ts');
      });
    }
  }
});
