// The certificates that game documentation has people make with OpenSSL, command by command as docs/certificates.md gives them: an
// X.509 v3 root and a v1 leaf with a common name alone. A real server shows them, a real client checks them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { NetworkingManager } from '../../lib/manager/node.js';
import { serverCertificate } from '../support/authority.js';
import { requireProgram } from '../support/requirements.js';
import { outcomeOf } from '../support/settled.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

/** What a person types when `openssl pkcs12` asks for a passphrase, and asks again. */
const passphrase = 'typed twice';

describe('manager: certificates by the OpenSSL recipe', () => {
  nothingLeftBehind();

  let folder = '';
  const file = (name: string): Buffer => readFileSync(join(folder, name));

  before(function () {
    requireProgram(this, 'openssl', 'version');
    this.timeout(30_000);
    folder = mkdtempSync(join(tmpdir(), 'sealwire-recipe-'));
    const [, recipe] = /```sh\n(openssl genrsa[^`]*)```/.exec(readFileSync('docs/certificates.md', 'utf8'))!;
    const commands = recipe!.trim().split('\n');
    expect(commands).to.have.length(6);
    for (const command of commands) {
      const input = `${passphrase}\n${passphrase}\n`;
      const { status, stderr } = spawnSync('sh', ['-c', command], { cwd: folder, input, encoding: 'utf8' });
      expect(status, `${command}\n${stderr}`).to.equal(0);
    }
  });

  after(() => {
    if (folder) rmSync(folder, { recursive: true });
  });

  async function dial(host: string, client: { serverName?: string; ca?: Uint8Array }) {
    const server = new NetworkingManager({ certificate: { pfx: file('server.pfx'), passphrase } });
    server.register(new Ping());
    const url = await server.startServer(`ws://${host}:0`);
    const manager = new NetworkingManager({ ca: file('ca.pem'), ...client });
    const outcome = await outcomeOf(manager.startClient(url).then(() => manager.rpc<Ping>('Ping').secret()));
    await manager.stop();
    await server.stop();
    return outcome;
  }

  it('are what the recipe promises: a v3 root, and a v1 leaf without subjectAltName', () => {
    const text = (name: string) =>
      spawnSync('openssl', ['x509', '-in', join(folder, name), '-noout', '-text'], { encoding: 'utf8' })
        .stdout;
    expect(text('ca.pem'))
      .to.match(/Version: 3/)
      .and.match(/CA:TRUE/);
    expect(text('cert.pem'))
      .to.match(/Version: 1/)
      .and.not.match(/X509v3/);
    expect(text('cert.pem'))
      .to.match(/CN ?= ?localserver/)
      .and.match(/Public-Key: \(2048 bit\)/);
  });

  it('work by the common name, and for a dialled 127.0.0.1 whatever the name', async () => {
    expect(await dial('127.0.0.1', { serverName: 'localserver' })).to.deep.equal({
      kind: 'answered',
      value: 3,
    });
    expect(await dial('127.0.0.1', {})).to.deep.equal({ kind: 'answered', value: 3 });
    expect(await dial('[::1]', { serverName: 'localserver' })).to.deep.equal({ kind: 'answered', value: 3 });
  });

  it('are refused under another name, and with another root even for 127.0.0.1', async () => {
    const refused = { kind: 'failed', code: 'CERTIFICATE_REJECTED' };
    expect(await dial('[::1]', { serverName: 'otherserver' })).to.include({
      ...refused,
      reason: 'name-mismatch',
    });
    const ca = serverCertificate().certificate;
    expect(await dial('127.0.0.1', { ca })).to.include({ ...refused, reason: 'untrusted' });
  });
});
