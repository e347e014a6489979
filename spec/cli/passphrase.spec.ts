// Where passphrases come from, and that none of them is ever shown.

import { createPrivateKey } from 'node:crypto';
import { expect } from 'chai';
import { requireOrSkip } from '../support/requirements.js';
import { freshConsole } from './console.js';

const secret = 'correct horse Käse';

describe('cli: passphrases', () => {
  const console = freshConsole();
  const ca = ['cert', 'ca', '--name', 'CA'];

  function expectKeyUnder(passphrase: string): void {
    const key = console().text('ca-key.pem');
    expect(key).to.match(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    expect(() => createPrivateKey({ key, passphrase: 'another' })).to.throw();
    expect(createPrivateKey({ key, passphrase }).asymmetricKeyType).to.equal('ec');
  }

  for (const [what, content] of [
    ['its first line', `${secret}\nnot this\n`],
    ['a line of Windows', `${secret}\r\n`],
    ['a file without line feed', secret],
    ['a file with a byte order mark', `\ufeff${secret}\n`],
  ] as const) {
    it(`come from a file: ${what}`, async () => {
      console().write('secret', content);
      const { exitCode, stdout, stderr } = await console().run([...ca, '--passphrase-file', 'secret']);
      expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' });
      expect(stdout).to.not.include('horse');
      expectKeyUnder(secret);
    });
  }

  it('come from the environment', async () => {
    await console().done([...ca, '--passphrase-env', 'CA_PASS'], { env: { CA_PASS: secret } });
    expectKeyUnder(secret);
  });

  it('come from a file that everybody can read with a warning', async function () {
    requireOrSkip(this, process.platform !== 'win32', 'POSIX permissions');
    console().write('secret', secret, 0o644);
    const { exitCode, stderr } = await console().run([...ca, '--passphrase-file', 'secret']);
    expect(exitCode).to.equal(0);
    expect(stderr).to.include('everybody on this machine can read secret').and.include('chmod 600 secret');
  });

  for (const [what, content, message] of [
    ['an empty first line', '\nsecond', 'is empty'],
    ['an endless line', 'x'.repeat(5000), 'longer than'],
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe, 0x0a), 'is not UTF-8'],
  ] as const) {
    it(`do not come from ${what}`, async () => {
      console().write('secret', content);
      const { exitCode, stderr } = await console().run([...ca, '--passphrase-file', 'secret']);
      expect(exitCode).to.equal(1);
      expect(stderr).to.include(message);
      expect(console().names()).to.deep.equal(['secret']);
    });
  }

  it('do not come from a file or variable that is not there', async () => {
    expect(await console().run([...ca, '--passphrase-file', 'missing'])).to.deep.include({ exitCode: 1 });
    for (const env of [{ OTHER: 'x' }, { EMPTY: '' }] as Record<string, string>[]) {
      const { exitCode, stderr } = await console().run([...ca, '--passphrase-env', 'EMPTY'], { env });
      expect(exitCode).to.equal(1);
      expect(stderr).to.include('the environment variable EMPTY is');
    }
    expect(console().names()).to.deep.equal([]);
  });

  it('are asked for twice on a terminal, unseen, with backspace and pasting', async () => {
    // Ctrl-U wipes the line, DEL takes one letter back.
    const { exitCode, stdout, stderr } = await console().run(ca, {
      typed: [`wrong\u0015${secret}x\u007f`, secret],
    });
    expect({ exitCode }).to.deep.equal({ exitCode: 0 });
    expect(stdout + stderr)
      .to.include('New passphrase')
      .and.include('The same again')
      .and.not.include('horse');
    expect(console().rawModes).to.deep.equal([true, false]);
    expectKeyUnder(secret);
  });

  it('pasted as two lines at once answer both questions', async () => {
    expect(await console().run(ca, { typed: [`${secret}\r${secret}`] })).to.include({ exitCode: 0 });
    expectKeyUnder(secret);
  });

  it('are asked for anew when the two differ, three times', async () => {
    const { exitCode } = await console().run(ca, { typed: ['a', 'b', secret, secret] });
    expect(exitCode).to.equal(0);
    expectKeyUnder(secret);
    const given = await console().run([...ca, '--out', 'x'], {
      typed: ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'a'],
    });
    expect(given.exitCode).to.equal(1);
    expect(given.stderr).to.include('not typed the same way twice');
    expect(console().names()).to.deep.equal(['ca-key.pem', 'ca.pem']);
  });

  it('may be left empty, and then the key is not encrypted, which is said', async () => {
    const { exitCode, stderr } = await console().run(ca, { typed: [''] });
    expect(exitCode).to.equal(0);
    expect(stderr).to.include('ca-key.pem is not encrypted');
    expect(console().text('ca-key.pem')).to.match(/^-----BEGIN PRIVATE KEY-----/);
  });

  it('are not asked for with --no-passphrase, nor where nobody sits', async () => {
    for (const [out, args, typed] of [
      ['a', ['--no-passphrase'], ['never typed']],
      ['b', [], undefined],
    ] as const) {
      const { exitCode, stderr } = await console().run(
        [...ca, '--out', out, ...args],
        typed ? { typed } : {},
      );
      expect(exitCode).to.equal(0);
      expect(stderr).to.include('is not encrypted').and.not.include('New passphrase');
    }
  });

  it('can be refused with Ctrl-C (130) and Ctrl-D (1): nothing is written, the terminal is as before', async () => {
    const interrupted = await console().run(ca, { typed: ['abc\u0003'] });
    expect(interrupted).to.include({ exitCode: 130, stdout: '' });
    expect(interrupted.stderr).to.not.include('error');
    expect(console().rawModes).to.deep.equal([true, false]);
    expect(await console().run(ca, { typed: ['\u0004'] })).to.include({ exitCode: 1, stdout: '' });
    expect(console().rawModes).to.deep.equal([true, false]);
    expect(console().names()).to.deep.equal([]);
  });
});
