// The code of the README and of docs/ is the code of samples, and the samples run here: so none of it can rot.
//
// A block of TypeScript on these pages that has no ellipsis must stand, line for line, in one of the samples.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const buildFolder = resolve(fileURLToPath(import.meta.url), '..', '..', '..');
const guide = join('samples', 'guide');

/** Each page, and how many blocks of its code are looked for in the samples at least. */
const pages: readonly (readonly [page: string, blocks: number])[] = [
  ['README.md', 7],
  [join('docs', 'certificates.md'), 5],
  [join('docs', 'connections.md'), 4],
  [join('docs', 'streams.md'), 3],
  [join('docs', 'targets.md'), 4],
];

function bare(code: string): string {
  return code
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}

describe('the pages', () => {
  const samples = readdirSync('samples', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => bare(readFileSync(join('samples', name), 'utf8')));

  it('open with the two commands (README.md)', () => {
    const commands = [...readFileSync('README.md', 'utf8').matchAll(/^npm .*$/gm)]
      .slice(0, 2)
      .map(([line]) => line.replace(/ *#.*/, ''));
    expect(commands).to.deep.equal(['npm install && npm start', 'npm install && npm test']);
  });

  for (const [page, least] of pages) {
    it(`show code that stands in the samples (${page})`, () => {
      const blocks = [...readFileSync(page, 'utf8').matchAll(/```ts\n(.*?)```/gs)]
        .map(([, code]) => code!)
        .filter((code) => !code.includes('…'));
      expect(blocks.length).to.be.at.least(least);
      for (const block of blocks) {
        expect(
          samples.some((sample) => sample.includes(bare(block))),
          `not in any sample:\n${block}`,
        ).to.equal(true);
      }
    });
  }

  for (const page of ['README.md', ...readdirSync('docs').map((name) => join('docs', name))]) {
    it(`link to files and sections that exist (${page})`, () => {
      const text = readFileSync(page, 'utf8');
      for (const [, path, section] of text.matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)) {
        const file = path ? join(dirname(page), path) : page;
        // A folder is a good address, too.
        if (path?.endsWith('/')) expect(readdirSync(file), file).not.to.have.length(0);
        else if (section === undefined) expect(() => readFileSync(file), file).not.to.throw();
        else expect(sectionsOf(readFileSync(file, 'utf8')), file).to.include(section);
      }
    });
  }

  for (const [name, output] of [
    ['both-ways', /OUT_OF_RANGE \{ limit: 100 \}\nclient 1 is at 5,6 \(flags 3\)\nDEADLINE_EXCEEDED\n$/],
    ['certificates', /^42\n$/],
    [
      'client-certificates',
      /^drone-7 is at 54\.1, 7\.9\nopen to everybody\nUNAUTHENTICATED\nserver: CERTIFICATE_REJECTED, untrusted\nCERTIFICATE_REJECTED\n$/,
    ],
    ['deploy', /^(sealed where it matters\n){3}$/],
    [
      'host',
      /^client 1 is here: host\nclient 2 is here: guest\nthe match begins\n(?=[\s\S]*host: 7 damage)(?=[\s\S]*guest: 7 damage)[\s\S]*PERMISSION_DENIED[\s\S]*guest: 3 damage\nPERMISSION_DENIED\nthe host is gone: going-away\n$/,
    ],
    ['streams', /^m1: turn 1\nm1: turn 2\nm1: turn 3\nnobody watches m1 any more\n10\nREADY!\nGO!\n$/],
    [
      'targets',
      /^PERMISSION_DENIED\n(?=[\s\S]*sent to 3\n)(?=[\s\S]*ada: 7)(?=[\s\S]*bob: 7)(?=[\s\S]*bob: 7[\s\S]*bob: 3)(?![\s\S]*ada: 3)[\s\S]*cleo: 7[\s\S]*\n1 black\n2 black\n3 DEADLINE_EXCEEDED\nthe course is 90\nPERMISSION_DENIED\n$/,
    ],
    ['renewal', /^renewed without a restart\n$/],
    [
      'validators',
      /^pinned: accepted\nverifiedAndPinned: accepted\nmigrating: accepted\nnotRevoked: CERTIFICATE_REJECTED, revoked-by-validator\ndelegate: accepted\n$/,
    ],
    ['without-decorators', /^Hello Ada, your secret has 9 letters\n$/],
  ] as const) {
    it(`have a guide that runs: ${name}`, () => {
      const run = spawnSync(process.execPath, [join(buildFolder, guide, `${name}.js`)], { encoding: 'utf8' });
      expect(run.stderr).to.equal('');
      expect(run.stdout).to.match(output);
      expect(run.status).to.equal(0);
    });
  }

  it('have no guide that is not run', () => {
    const source = readFileSync(join('spec', 'documentation', 'pages.spec.ts'), 'utf8');
    for (const name of readdirSync(guide)) expect(source).to.include(`'${name.replace('.ts', '')}',`);
  });
});

/** The addresses of headings, as GitHub makes them. */
function sectionsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
