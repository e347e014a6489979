// The README's code is the code of samples, and the samples run here: so neither can rot.
//
// A block of TypeScript in the README that has no ellipsis must stand, line for line, in one of the samples.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const buildFolder = resolve(fileURLToPath(import.meta.url), '..', '..');
const guide = join('samples', 'guide');

function bare(code: string): string {
  return code
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}

describe('the README', () => {
  const readme = readFileSync('README.md', 'utf8');
  const blocks = [...readme.matchAll(/```ts\n(.*?)```/gs)]
    .map(([, code]) => code!)
    .filter((code) => !code.includes('…'));
  const samples = readdirSync('samples', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => bare(readFileSync(join('samples', name), 'utf8')));

  it('opens with the two commands', () => {
    const commands = [...readme.matchAll(/^npm .*$/gm)]
      .slice(0, 2)
      .map(([line]) => line.replace(/ *#.*/, ''));
    expect(commands).to.deep.equal(['npm install && npm start', 'npm install && npm test']);
  });

  it('shows code that stands in the samples', () => {
    expect(blocks.length).to.be.at.least(7);
    for (const block of blocks) {
      expect(
        samples.some((sample) => sample.includes(bare(block))),
        `not in any sample:\n${block}`,
      ).to.equal(true);
    }
  });

  it('names only files that exist', () => {
    for (const [, path] of readme.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      expect(() => readFileSync(path!), path).not.to.throw();
    }
  });

  for (const [name, output] of [
    ['both-ways', /OUT_OF_RANGE \{ limit: 100 \}\nclient 1 is at 5,6 \(flags 3\)\nDEADLINE_EXCEEDED\n$/],
    ['certificates', /^42\n$/],
    ['without-decorators', /^Hello Ada, your secret has 9 letters\n$/],
  ] as const) {
    it(`has a guide that runs: ${name}`, () => {
      const run = spawnSync(process.execPath, [join(buildFolder, guide, `${name}.js`)], { encoding: 'utf8' });
      expect(run.stderr).to.equal('');
      expect(run.stdout).to.match(output);
      expect(run.status).to.equal(0);
    });
  }
});
