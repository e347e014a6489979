// The code of the README and of docs/ is the code of samples, and the samples run here: so none of it can rot.
//
//   ```ts           ours: without an ellipsis it must stand, line for line, in one of the samples
//   ```typescript   somebody else's, on the pages for those who come from there; so are ```csharp and the like
//   | now write |   a column of a table whose `code` must stand in the sample of that page

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const buildFolder = resolve(fileURLToPath(import.meta.url), '..', '..', '..');
const guide = join('samples', 'guide');

const everyPage = ['README.md', ...filesIn('docs').filter((name) => name.endsWith('.md'))];

/** How many blocks of code are looked for in the samples at least, on pages that are made of them. */
const leastBlocks: Readonly<Record<string, number>> = {
  'README.md': 7,
  'docs/approval.md': 5,
  'docs/calls.md': 4,
  'docs/certificates.md': 5,
  'docs/channels.md': 6,
  'docs/coming-from/grpc.md': 4,
  'docs/coming-from/mlapi.md': 5,
  'docs/coming-from/netcode.md': 4,
  'docs/coming-from/photon.md': 7,
  'docs/coming-from/socket.io.md': 3,
  'docs/coming-from/trpc.md': 6,
  'docs/coming-from/unity-transport.md': 3,
  'docs/connections.md': 5,
  'docs/encryption-on-demand.md': 4,
  'docs/failures.md': 4,
  'docs/interceptors.md': 7,
  'docs/keys.md': 2,
  'docs/limits.md': 3,
  'docs/streams.md': 3,
  'docs/targets.md': 6,
  'docs/tokens.md': 9,
  'docs/transports.md': 3,
  'docs/validation.md': 4,
};

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

  it('are there, of those that must show code', () => {
    expect(everyPage).to.include.members(Object.keys(leastBlocks));
  });

  for (const page of everyPage) {
    it(`show code that stands in the samples (${page})`, () => {
      const blocks = [...readFileSync(page, 'utf8').matchAll(/```ts\n(.*?)```/gs)]
        .map(([, code]) => code!)
        .filter((code) => !code.includes('…'));
      expect(blocks.length).to.be.at.least(leastBlocks[page] ?? 0);
      for (const block of blocks) {
        expect(
          samples.some((sample) => sample.includes(bare(block))),
          `not in any sample:\n${block}`,
        ).to.equal(true);
      }
    });
  }

  for (const page of everyPage.filter((name) => name.startsWith('docs/coming-from/'))) {
    it(`say in tables what stands in the sample (${page})`, () => {
      const sample = readFileSync(join(guide, `coming-from-${basename(page, '.md')}.ts`), 'utf8');
      const codes = nowWrite(readFileSync(page, 'utf8'));
      expect(codes).to.have.length.at.least(10);
      for (const code of codes) expect(unspaced(sample), code).to.include(unspaced(code));
    });
  }

  for (const page of everyPage) {
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
    [
      'approval',
      /^ada has 20\nserver: ticket \d of eve is refused, BANNED\nAPPROVAL_DENIED BANNED come back on Monday \{ days: 3 \}\nserver: a guess is refused, no reason given\nAPPROVAL_DENIED undefined {2}undefined\n$/,
    ],
    ['both-ways', /OUT_OF_RANGE \{ limit: 100 \}\nclient 1 is at 5,6 \(flags 3\)\nDEADLINE_EXCEEDED\n$/],
    ['certificates', /^42\n$/],
    [
      'client-certificates',
      /^drone-7 is at 54\.1, 7\.9\nopen to everybody\nUNAUTHENTICATED\nserver: CERTIFICATE_REJECTED, untrusted\nCERTIFICATE_REJECTED\n$/,
    ],
    ['calls', /^(?:W\w+\? I had less than [12]000 ms to think about it\.\n){3}$/],
    ['channels', /^dropped: 1\n$/],
    ['coming-from-grpc', /^who are you\?\n$/],
    ['coming-from-mlapi', /^WRONG_PASSWORD\n(client [123] left: normal\n){3}$/],
    ['coming-from-netcode', /^the field begins at 0, 0 \{ x: -1, y: 0 \}\nclient 2 was sent away: normal\n$/],
    [
      'coming-from-photon',
      /^client 3 was sent away: normal\nkeys by x25519\nthe first time\nmoved: signed\n$/,
    ],
    ['coming-from-socket.io', /^disconnected: normal\n$/],
    ['coming-from-trpc', /^no room for another note 3\n$/],
    [
      'coming-from-unity-transport',
      /^CERTIFICATE_REJECTED name-mismatch\nserver: CERTIFICATE_REJECTED, untrusted\n$/,
    ],
    ['connections', /^welcome back, ada\nlost: going-away\n(lost: refused\n)*welcome back, ada\n$/],
    ['deploy', /^(sealed where it matters\n){3}$/],
    [
      'failures',
      /^7 coins are missing\nShop\.stock failed for client 1: Error: cannot connect to postgres:.*\n$/,
    ],
    [
      'host',
      /^client 1 is here: host\nclient 2 is here: guest\nthe match begins\n(?=[\s\S]*host: 7 damage)(?=[\s\S]*guest: 7 damage)[\s\S]*PERMISSION_DENIED[\s\S]*guest: 3 damage\nPERMISSION_DENIED\nthe host is gone: going-away\n$/,
    ],
    [
      'limits',
      /^client 1: methodRateLimit refuse Arena.move \(1\)\n5 too many\n(?:.*Arena.*\n)*client 1: methodRateLimit disconnect Arena.login \(1\)\n(?:.*Arena.*\n)*CONNECTION_CLOSED: limit-exceeded\n$/,
    ],
    ['streams', /^m1: turn 1\nm1: turn 2\nm1: turn 3\nnobody watches m1 any more\n10\nREADY!\nGO!\n$/],
    [
      'targets',
      /^PERMISSION_DENIED\n(?=[\s\S]*sent to 3\n)(?=[\s\S]*ada: 7)(?=[\s\S]*bob: 7)(?=[\s\S]*bob: 7[\s\S]*bob: 3)(?![\s\S]*ada: 3)[\s\S]*cleo: 7[\s\S]*\n1 black\n2 black\n3 DEADLINE_EXCEEDED\nthe course is 90\nPERMISSION_DENIED\n$/,
    ],
    [
      'interceptors',
      /^a lamp for ada\na chair for ada\nonly a lamp for ada\nincoming Shop\.order \{ UNAUTHENTICATED: 1, OK: 1 \} 0\n(?=[\s\S]*Shop\.prices \{ OK: 2 \} 0\n)(?=[\s\S]*Shop\.stock \{ UNAVAILABLE: 2, OK: 1 \} 0\n)[\s\S]*Shop\.deliveries \{ OK: 2 \} 3\n$/,
    ],
    [
      'transports',
      /^transport\nws:.*: signed, chacha20-poly1305, no TLS\n.*flags 3 over signed; .*flags 0\n(?:(?:wss|tls):.*: transport, suite of TLS, TLSv1\.3\n.*flags 3 over transport; .*flags 3\n){2}wss:.*: signed, chacha20-poly1305, TLSv1\.3\n.*flags 3 over signed; .*flags 0\n$/,
    ],
    [
      'tokens',
      /^the first time\nlobby: ada, by password\ngame: ada, by a token\nmoved\ngame: bob, by password\nlobby: bob, by a token\nmoved\nTOKEN_REVOKED\ngame: ada, by password\nmoved\ngame: cleo, by a token\ncleo bans bob\n$/,
    ],
    [
      'on-demand',
      /^(?=[\s\S]*client: signed\n)(?=[\s\S]*server: keys with client 1\n)(?=[\s\S]*welcome, ada, under flags 3\n)(?=[\s\S]*server: keys with client 3\n)(?=(?:[\s\S]*7 damage\n){3})(?=[\s\S]*wary client: no keys, CERTIFICATE_REJECTED untrusted\n)[\s\S]*wary client: ENCRYPTION_UNAVAILABLE\n[\s\S]*$/,
    ],
    ['keys', /^packet 1: hello\n$/],
    ['renewal', /^renewed without a restart\n$/],
    [
      'validation',
      /^Players\.save refused: INVALID_ARGUMENT\nargument 1 at level: Too small.*\n(Players\.\w+ refused: INVALID_ARGUMENT\n){3}$/,
    ],
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

/** The code in the last columns of tables that are headed "now write"; what has an ellipsis is left out. */
function nowWrite(page: string): string[] {
  return [...page.matchAll(/^\|.*\| now write \|\n\|[-|]+\|\n((?:\|.*\|\n)+)/gm)].flatMap(([, rows]) =>
    rows!
      .trim()
      .split('\n')
      .map((row) => row.split(' | ').at(-1)!)
      .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replaceAll('\\|', '|')))
      .filter((code) => !code.includes('…')),
  );
}

/** Lines of a sample are broken where they are too long, cells of a table are not. */
function unspaced(code: string): string {
  return code.replace(/\s+/g, '');
}

/** With their folders, and slashes on every platform. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name).replaceAll('\\', '/'))
    .sort();
}

/** The addresses of headings, as GitHub makes them. */
function sectionsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
