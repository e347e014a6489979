// The tour as a user starts it, in a process of its own. It holds, it says so, and it does not say so when it does not.

import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { type Outcome, runSample } from './program.js';

const tour = 'tour/main.js';
// As `npm start` has it: the tour itself shows the warning that it provokes.
const nodeFlags = ['--no-warnings'];

// Every comparison of tags says yes, in node:crypto and in WebAssembly: forged records then pass, and the tour must notice.
const uncheckedTags = `
  import crypto from 'node:crypto';
  import { syncBuiltinESMExports } from 'node:module';
  crypto.timingSafeEqual = () => true;
  syncBuiltinESMExports();
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (module) {
    const { exports } = new Instance(module);
    const finish = (...lengths) => exports.finish(...lengths) || 1;
    return { exports: { ...exports, finish } };
  };`;

describe('samples/tour', () => {
  let plain: Outcome;
  let coloured: Outcome;
  let sabotaged: Outcome;
  let lines: readonly string[];

  before(async () => {
    [plain, coloured, sabotaged] = await Promise.all([
      runSample(tour, { nodeFlags }),
      runSample(tour, { nodeFlags, env: { FORCE_COLOR: '1' } }),
      runSample(tour, {
        nodeFlags: [...nodeFlags, '--import', `data:text/javascript,${encodeURIComponent(uncheckedTags)}`],
      }),
    ]);
    lines = plain.stdout.split('\n');
  });

  it('ends by itself with exit code 0, and complains about nothing', () => {
    expect(plain.stderr).to.equal('');
    expect(plain.exitCode, plain.stdout).to.equal(0);
  });

  it('held every expectation, and counted them right', () => {
    const held = lines.filter((line) => line.startsWith('  ✓ '));
    expect(lines.filter((line) => line.includes('✗'))).to.deep.equal([]);
    expect(held.length).to.be.greaterThan(40);
    expect(lines).to.include(`✓ All ${held.length} expectations held.`);
  });

  it('has no colours where there is no terminal, and at most 100 columns', () => {
    expect(plain.stdout).not.to.contain('\x1b');
    expect(lines.filter((line) => line.length > 100)).to.deep.equal([]);
  });

  it('has colours, and the same words, when they are forced', () => {
    expect(coloured.stdout).to.contain('\x1b[');
    const shape = (text: string) =>
      stripVTControlCharacters(text)
        .split('\n')
        .map((line) => line.slice(0, 6));
    expect(shape(coloured.stdout)).to.deep.equal(shape(plain.stdout));
    expect(coloured.exitCode).to.equal(0);
  });

  it('shows a call under each of the four flags, with what really is on the wire', () => {
    const wire = (method: string) => dumpsOf(section(lines, method)).map((dump) => dump.toString('latin1'));
    expect(section(lines, 'Arena.scoreboard')).to.match(/@Rpc\(Security\.None\)/);
    expect(wire('Arena.scoreboard').join()).to.match(/forum.*hypatia/s);
    expect(section(lines, 'Arena.move')).to.match(/@Rpc\(Security\.Authenticated\)/);
    expect(wire('Arena.move').join()).to.match(/north.*1 to the north/s);
    expect(section(lines, 'Arena.whisper')).to.match(/@Rpc\(Security\.Encrypted\)/);
    expect(section(lines, 'Arena.login')).to.match(/@Rpc\(Security\.Encrypted \| Security\.Authenticated\)/);
    for (const method of ['Arena.whisper', 'Arena.login']) {
      const [request, answer, ...more] = wire(method);
      expect(request?.length).to.be.greaterThan(30);
      expect(answer?.length).to.be.greaterThan(30);
      expect(more).to.deep.equal([]);
      expect(request! + answer!).not.to.match(/meet|told|swordfish|ticket/);
    }
  });

  it('shows how each attack is refused, with its code', () => {
    const refusals: Readonly<Record<string, string>> = {
      'One byte forged': 'RECORD_REJECTED (tag)',
      'A message replayed': 'RECORD_REJECTED (sequence)',
      'The flag stripped': 'PROTOCOL_ERROR',
      'The flag stripped, with care': 'SECURITY_REQUIRED',
      'A certificate of another authority': 'CERTIFICATE_REJECTED (untrusted)',
    };
    for (const [attack, code] of Object.entries(refusals)) {
      const told = section(lines, attack);
      expect(told, attack).to.contain(`: ${code}\n`);
      expect(told, attack).to.contain('✓ the bystander, on the same server, plays on');
    }
  });

  it('takes less than five seconds', () => {
    expect(plain.durationMs).to.be.lessThan(5000);
  });

  it('fails, with exit code 1, when tags are not checked any more', () => {
    const { exitCode, stdout } = sabotaged;
    const told = section(stdout.split('\n'), 'One byte forged');
    expect(told).to.contain('✗ Arena.move did not run');
    expect(told).to.contain('✗ the tag does not fit');
    expect(stdout).to.match(/✗ \d+ of \d+ expectations did not hold\.\n$/);
    expect(exitCode).to.equal(1);
  });
});

/** A section of the tour, from its heading (`2.1  Arena.scoreboard   …`) to the next. */
function section(lines: readonly string[], title: string): string {
  const start = lines.findIndex((line) => line.replace(/^\d\.\d {2}/, '').split('   ')[0] === title);
  if (start < 0) throw new Error(`the tour has no section "${title}"`);
  const length = lines.slice(start + 1).findIndex((line) => /^\d/.test(line));
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join('\n');
}

/** The bytes of the hex dumps in a text; a dump begins at offset 0000. Checks that hex and text agree. */
function dumpsOf(text: string): Buffer[] {
  const dumps: Buffer[] = [];
  for (const [, offset, hex, ascii] of text.matchAll(/^ {4}([0-9a-f]{4}) {2}(.{48}) {3}(.+)$/gm)) {
    const row = Buffer.from(hex!.replaceAll(' ', ''), 'hex');
    expect(row.toString('latin1').replaceAll(/[^ -~]/g, '.')).to.equal(ascii);
    if (Number.parseInt(offset!, 16) === 0) dumps.push(row);
    else dumps.push(Buffer.concat([dumps.pop()!, row]));
  }
  return dumps;
}
