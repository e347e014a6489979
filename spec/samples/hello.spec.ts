// The first program of the README, run as it stands there: two processes and a ca.pem between them.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runSample, startSample } from './program.js';

describe('samples/hello', () => {
  let folder: string;
  let server: ChildProcess | undefined;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sealwire-hello-'));
  });

  after(async () => {
    if (server !== undefined && server.exitCode === null) {
      const ended = new Promise((resolve) => server?.once('close', resolve));
      server.kill();
      await ended;
    }
    rmSync(folder, { recursive: true });
  });

  it('greets from one process to another', async () => {
    server = startSample('hello/server.js', { args: ['ws://127.0.0.1:0'], cwd: folder });
    const url = await addressOf(server);
    const { exitCode, stdout, stderr } = await runSample('hello/client.js', { args: [url], cwd: folder });
    expect({ exitCode, stdout, stderr }).to.deep.equal({
      exitCode: 0,
      stdout: 'sealed where it matters\nHello Ada, your secret has 9 letters\n',
      stderr: '',
    });
  });

  it('shares the certificate of the authority and no key', () => {
    const shared = readFileSync(join(folder, 'ca.pem'), 'utf8');
    expect(shared).to.match(/^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n$/);
  });

  it('brings no code of the server into the client', () => {
    const client = new URL('../../samples/hello/client.js', import.meta.url);
    expect(readFileSync(client, 'utf8')).not.to.contain('server.js');
  });
});

/** The address that the server says it listens on. */
function addressOf(program: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (text: string) => {
      said += text;
      const [, url] = /listening on (ws:\S+)\n/.exec(said) ?? [];
      if (url !== undefined) resolve(url);
    };
    program.stdout?.setEncoding('utf8').on('data', hear);
    program.stderr?.setEncoding('utf8').on('data', hear);
    program.on('close', () => reject(new Error(`the server ended: ${said}`)));
  });
}
