// The program as its user starts it: a process of its own, on a terminal and without one.

import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { expect } from 'chai';
import { NetworkingManager } from '../../lib/manager/node.js';
import { authority, serverCertificate } from '../support/authority.js';
import { requireOrSkip, requireProgram } from '../support/requirements.js';
import { freshConsole, program } from './console.js';

describe('sealwire: the process', () => {
  const console = freshConsole();

  it('ends with the exit codes that scripts go by', async () => {
    const env = { OWN: 'secret' };
    const ca = await console().process(['cert', 'ca', '--name', 'CA', '--passphrase-env', 'OWN'], env);
    expect(ca).to.include({ exitCode: 0, stderr: '' });
    const again = await console().process(['cert', 'ca', '--name', 'CA', '--passphrase-env', 'OWN'], env);
    expect(again).to.include({ exitCode: 1, stdout: '' });
    expect(await console().process(['cert', 'ac'])).to.include({ exitCode: 2, stdout: '' });
    const refused = await console().process(['cert', 'inspect', 'ca.pem', '--purpose', 'server']);
    expect(refused).to.include({ exitCode: 3, stderr: '' });
    expect(refused.stdout).to.not.include('\u001b');
  });

  it('leaves a Sealwire server, and nothing that keeps it running', async () => {
    const { pem } = serverCertificate();
    const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
    try {
      const url = await server.startServer('ws://127.0.0.1:0');
      console().write('ca.pem', authority().pem.certificate);
      const startedMs = performance.now();
      const { exitCode, stdout, stderr } = await console().process([
        'cert',
        'inspect',
        url,
        '--ca',
        'ca.pem',
      ]);
      expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' });
      expect(stdout).to.include('accepted');
      expect(performance.now() - startedMs).to.be.lessThan(3000);
    } finally {
      await server.stop();
    }
  });

  it('gives its keys 0600, whatever the umask', async function () {
    requireOrSkip(this, process.platform !== 'win32', 'POSIX permissions');
    for (const umask of ['000', '077']) {
      const line = `umask ${umask} && exec "$0" "$1" cert ca --name CA --out o${umask} --no-passphrase`;
      const { exitCode } = await console().spawn('sh', ['-c', line, process.execPath, program]);
      expect(exitCode).to.equal(0);
      expect(console().mode(`o${umask}/ca-key.pem`)).to.equal('600');
      expect(console().mode(`o${umask}/ca.pem`)).to.equal(umask === '000' ? '644' : '600');
    }
  });

  it('does not mind a reader that stops listening', async function () {
    requireOrSkip(this, process.platform !== 'win32', 'a POSIX shell');
    // The pipe is closed before the program has started: its first write fails.
    const line = '("$0" "$1" cert server --help; echo "ended with $?" >&3) 3>&2 | true';
    const { stderr } = await console().spawn('sh', ['-c', line, process.execPath, program]);
    expect(stderr).to.equal('ended with 0\n');
  });

  it('shows what a TLS server has sent, and no root that Node.js knows besides', async () => {
    const { pem } = serverCertificate();
    console().write('ca.pem', authority().pem.certificate);
    const tls = createServer({ cert: pem.certificate, key: pem.key });
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    try {
      const url = `tls://127.0.0.1:${(tls.address() as AddressInfo).port}`;
      const env = { NODE_EXTRA_CA_CERTS: join(console().folder, 'ca.pem') };
      const { stdout } = await console().process(['cert', 'inspect', url, '--ca', 'ca.pem'], env);
      expect(stdout).to.include('1 certificate,').and.include('arena.example  <-  Sealwire specs');
    } finally {
      tls.close();
    }
  });

  // util-linux's script gives it a terminal of its own: what the two of them echo is all that there is.
  const onTerminal = (command: string, input: (output: string) => string | undefined) =>
    console().spawn('script', ['-qec', command, '/dev/null'], { input });
  const sealwire = `${JSON.stringify(process.execPath)} ${JSON.stringify(program)}`;

  it('asks on a real terminal, shows nothing of the answer, and colours', async function () {
    requireProgram(this, 'script');
    const answers = ['s3cret-answer\r', 's3cret-answer\r'];
    let asked = 0;
    const { exitCode, stdout } = await onTerminal(
      `${sealwire} cert ca --name CA; echo "code=$?"; stty -a`,
      (output) => {
        const prompts = output.match(/(New passphrase[^:]*: [^:]*: |The same again: )/g)?.length ?? 0;
        return prompts > asked ? answers[asked++] : undefined;
      },
    );
    expect(exitCode).to.equal(0);
    expect(asked).to.equal(2);
    expect(stdout).to.include('code=0').and.include('\u001b[1m').and.not.include('s3cret');
    expect(stdout)
      .to.match(/[^-]icanon/)
      .and.match(/ echo /);
    expect(console().text('ca-key.pem')).to.include('BEGIN ENCRYPTED PRIVATE KEY');
  });

  it('gives the terminal back on Ctrl-C, and ends with 130', async function () {
    requireProgram(this, 'script');
    let sent = false;
    const { stdout } = await onTerminal(
      `${sealwire} cert ca --name CA; echo "code=$?"; stty -a`,
      (output) => {
        if (sent || !output.includes('New passphrase')) return undefined;
        sent = true;
        return 'abc\u0003';
      },
    );
    expect(stdout).to.include('code=130').and.not.include('abc');
    expect(stdout)
      .to.match(/[^-]icanon/)
      .and.match(/ echo /);
    expect(console().names()).to.deep.equal([]);
  });
});
