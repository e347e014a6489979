// Every command of docs/certificates.md, run as it stands there and in that order, in one folder, by the shell.
//
// The folder is a user's: `npx sealwire` finds the package in its node_modules. certbot talks to pebble, the authority
// that Let's Encrypt tests its clients with; it issues after the same challenges, to names that only pebble resolves.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { IdentitySource } from '../../lib/certificate/identity.js';
import { publicKeyPin } from '../../lib/certificate.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { Ping } from '../manager/ping.js';
import { requireProgram } from '../support/requirements.js';
import { Pebble } from './pebble.js';

const buildFolder = resolve(fileURLToPath(import.meta.url), '..', '..', '..');
/** What a person types when `openssl pkcs12` asks for a passphrase, and asks again. */
const typed = 'typed twice';
const sections = readFileSync(join('docs', 'certificates.md'), 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((section) => ({
    title: section.slice(0, section.indexOf('\n')),
    blocks: [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, commands]) => commands!),
  }))
  .filter(({ blocks }) => blocks.length > 0);

describe('the commands of docs/certificates.md', function () {
  this.timeout(60_000);
  let folder = '';
  let pebble: Pebble | undefined;
  const inFolder = (...names: string[]): string => join(folder, ...names);
  const file = (...names: string[]): Buffer => readFileSync(inFolder(...names));
  const text = (...names: string[]): string => file(...names).toString();

  before(function () {
    requireProgram(this, 'openssl', 'version');
    folder = mkdtempSync(join(tmpdir(), 'sealwire-docs-'));
    mkdirSync(inFolder('home'));
    mkdirSync(inFolder('node_modules', '.bin'), { recursive: true });
    // What `npm install sealwire` leaves there for npx.
    const main = join(buildFolder, 'lib', 'cli', 'main.js');
    writeFileSync(inFolder('node_modules', '.bin', 'sealwire'), `#!/bin/sh\nexec node '${main}' "$@"\n`);
    chmodSync(inFolder('node_modules', '.bin', 'sealwire'), 0o755);
  });

  after(async () => {
    await pebble?.stop();
    if (folder) rmSync(folder, { recursive: true });
  });

  /** Runs a block as a user's shell would, but ends with the first command that fails. `openssl` is told a passphrase. */
  function run(block: string): string {
    const home = inFolder('home');
    const env = { ...process.env, HOME: home, CAROOT: inFolder('mkcert-authority'), NO_COLOR: '1' };
    const { status, stdout, stderr } = spawnSync('sh', ['-e', '-c', block], {
      input: `${typed}\n${typed}\n`,
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    expect(status, `${block}\n${stdout}${stderr}`).to.equal(0);
    return stdout;
  }

  it('are there, in the sections that promise them', () => {
    expect(sections.map(({ title }) => title.replace(/\. .*/, ''))).to.include.members([
      '1',
      '2',
      '3',
      '4',
      '6',
      '7',
      '8',
    ]);
  });

  const outputs = new Map<string, string>();
  for (const { title, blocks } of sections) {
    for (const [index, block] of blocks.entries()) {
      it(`${title}, ${index + 1}: ${block.split('\n')[0]!.slice(0, 60)}`, async function () {
        if (block.includes('mkcert ')) requireProgram(this, 'mkcert', '-version');
        if (block.includes('certbot ')) {
          for (const program of ['certbot', 'pebble', 'pebble-challtestsrv'])
            requireProgram(this, program, '-version');
          pebble = await Pebble.start(folder);
          pebble.configureCertbot(inFolder('home'));
        }
        outputs.set(`${title} ${index}`, run(block));
      });
    }
  }

  /** A server with this identity, and a client with these roots: what a call says. */
  async function talk(certificate: IdentitySource, ca: string, serverName: string): Promise<unknown> {
    const server = new NetworkingManager({ certificate }).register(new Ping());
    const url = (await server.startServer('ws://127.0.0.1:0')).replace('127.0.0.1', 'localhost');
    const client = new NetworkingManager({ ca, serverName });
    await client.startClient(url);
    const answer = await client.rpc<Ping>('Ping').secret();
    await client.stop();
    await server.stop();
    return answer;
  }

  it('make identities that servers show and clients accept, each for its names', async () => {
    const passphrase = text('pfx-passphrase').trim();
    expect(
      await talk({ pfx: file('pki', 'server.pfx'), passphrase }, text('pki', 'ca.pem'), 'eu.game.example'),
    ).to.equal(3);
    const base64 = text('pki', 'server.pfx.base64');
    expect(await talk({ pfx: base64, passphrase }, text('pki', 'ca.pem'), 'game.example')).to.equal(3);
    expect(
      await talk({ pfx: file('pki-2027', 'server.pfx'), passphrase }, text('pki', 'ca.pem'), 'game.example'),
    ).to.equal(3);
    expect(
      await talk({ pfx: file('server.pfx'), passphrase: typed }, text('ca.pem'), 'localserver'),
    ).to.equal(3);
    const arena = { cert: file('arena.pem'), key: file('arena-key.pem') };
    expect(await talk(arena, text('ca.pem'), 'arena.example')).to.equal(3);
  });

  it('make an identity with mkcert', async function () {
    requireProgram(this, 'mkcert', '-version');
    const dev = { cert: file('dev.pem'), key: file('dev-key.pem') };
    expect(await talk(dev, text('dev-ca.pem'), 'localhost')).to.equal(3);
  });

  it('get an identity from a public authority', async function () {
    for (const program of ['certbot', 'pebble', 'pebble-challtestsrv'])
      requireProgram(this, program, '-version');
    const live = ['letsencrypt', 'live', 'game.example'];
    const identity = { cert: file(...live, 'fullchain.pem'), key: file(...live, 'privkey.pem') };
    expect(await talk(identity, await pebble!.root(), 'game.example')).to.equal(3);
  });

  it('of the README, which come before them, work too', () => {
    const [, block] = /```sh\n(npx sealwire cert ca.*?)```/s.exec(readFileSync('README.md', 'utf8'))!;
    mkdirSync(inFolder('readme'));
    run(`cd readme && ${block}`);
    expect(text('readme', 'pki', 'server.pem')).to.include('BEGIN CERTIFICATE');
  });

  it('keep keys and passphrases for their owner', () => {
    for (const name of [
      'ca-passphrase',
      'pki/ca-key.pem',
      'pki/server-key.pem',
      'pki/server.pfx',
      'pki/server.pfx.base64',
    ]) {
      expect(statSync(inFolder(name)).mode & 0o777, name).to.equal(0o600);
    }
    expect(text('pki', 'ca-key.pem')).to.include('BEGIN ENCRYPTED PRIVATE KEY');
  });

  it('tell the pin that pinPublicKey takes', () => {
    const [pin] = [...outputs].flatMap(([title, output]) => (title.startsWith('8.') ? [output.trim()] : []));
    expect(`sha256/${pin}`).to.equal(publicKeyPin(text('pki', 'server.pem')));
  });
});
