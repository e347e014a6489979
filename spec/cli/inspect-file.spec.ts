// `cert inspect FILE`: every form of file, what is shown of it, and the verdict with its exit code.

import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { type IssuedCertificate, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { freshConsole } from './console.js';

const passphrase = 'geheim';
const env = { OWN: passphrase };

interface Json {
  readonly certificates: readonly Record<string, unknown>[];
  readonly verdict: Record<string, unknown>;
}

describe('sealwire cert inspect: files', () => {
  const console = freshConsole();
  let root: IssuedCertificate;
  let middle: IssuedCertificate;
  let leaf: IssuedCertificate;

  before(() => {
    root = issueCertificate(nodeCrypto, { commonName: 'Root', ca: true });
    middle = issueCertificate(nodeCrypto, { commonName: 'Middle', ca: { pathLength: 0 }, issuer: root });
    leaf = issueCertificate(nodeCrypto, {
      dnsNames: ['game.example', '*.game.example'],
      ipAddresses: ['10.0.0.5', 'fd00::5'],
      issuer: middle,
    });
  });

  beforeEach(() => {
    console().write('ca.pem', root.pem.certificate);
    console().write('server.pem', leaf.pem.certificate);
  });

  const inspect = (...args: string[]) =>
    console().run(['cert', 'inspect', ...args, '--ca', 'ca.pem'], { env });
  async function json(...args: string[]): Promise<Json & { exitCode: number | null }> {
    const { exitCode, stdout } = await inspect(...args, '--json');
    return { exitCode, ...(JSON.parse(stdout) as Json) };
  }

  it('shows each certificate: names, dates, key, usage and fingerprints', async () => {
    const { exitCode, stdout, stderr } = await inspect('server.pem', '--name', 'www.game.example');
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' });
    const expected = new X509Certificate(leaf.certificate);
    expect(stdout).to.include('server.pem: 2 certificates, no private key');
    for (const text of [
      'CN=Middle',
      expected.serialNumber.toLowerCase(),
      'game.example, *.game.example, 10.0.0.5, fd00::5',
      '(in 365 days)',
      '(5 minutes ago)',
      'P-256',
      'ecdsa-sha256',
      'yes, with 0 CAs below it at most',
      'signs handshakes (digitalSignature); for: server',
      'signs certificates (keyCertSign)',
      expected.fingerprint256.replaceAll(':', '').toLowerCase(),
      nodePin(expected),
    ]) {
      expect(stdout).to.include(text);
    }
    expect(stdout).to.match(/^accepted as a server's certificate for www\.game\.example$/m);
    expect(stdout).to.match(/^ {2}path {2}game\.example {2}<- {2}Middle {2}<- {2}Root$/m);
  });

  function nodePin(certificate: X509Certificate): string {
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    return `sha256/${Buffer.from(nodeCrypto.hash('sha256', spki)).toString('base64')}`;
  }

  it('says why it is refused and what to do, with exit code 3', async () => {
    const stranger = issueCertificate(nodeCrypto, { commonName: 'Stranger', ca: true });
    const old = issueCertificate(nodeCrypto, {
      dnsNames: ['game.example'],
      issuer: middle,
      notBefore: new Date('2020-01-01'),
      notAfter: new Date('2020-02-01'),
    });
    console().write('old.pem', old.pem.certificate);
    console().write(
      'stranger.pem',
      issueCertificate(nodeCrypto, { ipAddresses: ['::1'], issuer: stranger }).pem.certificate,
    );
    console().write('leaf.pem', leaf.pem.certificate.slice(0, leaf.pem.certificate.indexOf('-----BEGIN', 5)));
    for (const [args, reason, advice] of [
      [['old.pem'], 'expired', 'renew'],
      [['stranger.pem'], 'untrusted', '--ca FILE'],
      [['leaf.pem'], 'untrusted', 'intermediates'],
      [['server.pem', '--name', 'other.example'], 'name-mismatch', 'dial a name'],
      [['server.pem', '--purpose', 'client'], 'wrong-purpose', 'clientAuth'],
    ] as const) {
      const { exitCode, stdout } = await inspect(...args);
      expect(exitCode, args.join(' ')).to.equal(3);
      expect(stdout)
        .to.match(/^refused as a (server|client)'s certificate: /m)
        .and.include(`: ${reason}\n`);
      expect(stdout).to.include(advice).and.include('trusted: ca.pem');
      const { verdict, exitCode: jsonCode } = await json(...args);
      expect(verdict).to.deep.include({ accepted: false, reason });
      expect(jsonCode).to.equal(3);
    }
    expect((await inspect('old.pem')).stdout).to.match(/valid until +2020-02-01 00:00 UTC \(7 years ago\)/);
    const coloured = await console().run(['cert', 'inspect', 'old.pem'], { colours: true });
    expect(coloured.stdout).to.include('\u001b[31m2020-02-01').and.include('\u001b[31mrefused\u001b[39m');
  });

  it('judges at its own clock', async () => {
    const circumstances = { env, now: new Date(Date.now() + 366 * 86_400_000) };
    const { exitCode, stdout } = await console().run(
      ['cert', 'inspect', 'server.pem', '--ca', 'ca.pem'],
      circumstances,
    );
    expect(exitCode).to.equal(3);
    expect(stdout).to.include(': expired');
  });

  for (const [form, content] of [
    ['PEM with its key', () => leaf.pem.certificate + leaf.pem.key],
    ['PEM with its key in front', () => leaf.pem.key + leaf.pem.certificate],
    ['PEM in another order, by the key', () => middle.pem.certificate + leaf.pem.certificate + leaf.pem.key],
    ['PFX', () => leaf.pfx(passphrase)],
    ['base64 of a PFX', () => Buffer.from(leaf.pfx(passphrase)).toString('base64')],
    [
      'base64 of a PFX, in lines',
      () => Buffer.from(leaf.pfx(passphrase)).toString('base64').replace(/.{64}/g, '$&\r\n'),
    ],
    ['PFX under the empty passphrase', () => leaf.pfx('')],
  ] as const) {
    it(`reads ${form}, and tells that the key fits`, async () => {
      console().write('file', content());
      const withSecret = form.includes('empty') ? [] : ['--passphrase-env', 'OWN'];
      const { exitCode, certificates, verdict } = await json('file', ...withSecret);
      expect(exitCode).to.equal(0);
      const [own] = certificates.filter((each) => each.leaf);
      expect(own).to.deep.include({
        privateKey: true,
        dnsNames: ['game.example', '*.game.example'],
        publicKeyPin: nodePin(new X509Certificate(leaf.certificate)),
        ca: false,
        purposes: ['server'],
      });
      expect(certificates.filter((each) => each.privateKey === true)).to.have.length(1);
      expect(verdict.path).to.have.length(3);
      const { stdout } = await inspect('file', ...withSecret);
      expect(stdout).to.include('its private key is here').and.not.include('PRIVATE KEY');
    });
  }

  it('reads DER, and base64 of DER', async () => {
    const single = issueCertificate(nodeCrypto, { ipAddresses: ['::1'], issuer: root });
    console().write('a.der', single.certificate);
    console().write('a.txt', `${Buffer.from(single.certificate).toString('base64')}\n`);
    expect((await json('a.der')).exitCode).to.equal(0);
    expect((await json('a.txt', '--name', '[::1]')).certificates[0]).to.deep.include({
      privateKey: false,
      ipAddresses: ['::1'],
    });
  });

  it('refuses a key that belongs to none of the certificates', async () => {
    console().write('mixed.pem', leaf.pem.certificate + root.pem.key);
    const { exitCode, stdout } = await inspect('mixed.pem');
    expect(exitCode).to.equal(3);
    expect(stdout).to.include(': key-mismatch').and.not.include('its private key is here');
  });

  it('does not ask for the passphrase of a key in PEM, but uses the one that is given', async () => {
    const locked = await console().done(
      ['cert', 'ca', '--name', 'x', '--out', 'x', '--passphrase-env', 'OWN'],
      { env },
    );
    expect(locked).to.include('encrypted');
    console().write('both.pem', console().text('x/ca.pem') + console().text('x/ca-key.pem'));
    const { exitCode, stdout } = await inspect('both.pem');
    expect(exitCode).to.equal(0);
    expect(stdout).to.include('an encrypted private key');
    expect((await inspect('both.pem', '--passphrase-env', 'OWN')).stdout).to.include(
      'its private key is here',
    );
    const wrong = await console().run(['cert', 'inspect', 'both.pem', '--passphrase-env', 'X'], {
      env: { X: 'wrong' },
    });
    expect(wrong).to.include({ exitCode: 1, stdout: '' });
  });

  it('asks for the passphrase of a PFX on a terminal, and fails without one', async () => {
    console().write('server.pfx', leaf.pfx(passphrase));
    const args = ['cert', 'inspect', 'server.pfx', '--ca', 'ca.pem'];
    const asked = await console().run(args, { typed: [passphrase] });
    expect(asked).to.include({ exitCode: 0, stderr: 'Passphrase of server.pfx: \n' });
    for (const [circumstances, message] of [
      [{ typed: ['wrong'] }, 'the passphrase does not open server.pfx'],
      [{}, 'no terminal to ask'],
    ] as const) {
      const { exitCode, stdout, stderr } = await console().run(args, circumstances);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: '' });
      expect(stderr).to.include(message).and.not.include('wrong');
    }
  });

  it('judges a root as a root, and its dates', async () => {
    const { exitCode, stdout } = await inspect('ca.pem');
    expect(exitCode).to.equal(0);
    expect(stdout).to.include('accepted as a root');
    const later = { now: new Date(Date.now() + 3651 * 86_400_000) };
    const expired = await console().run(['cert', 'inspect', 'ca.pem'], later);
    expect(expired).to.include({ exitCode: 3 });
    expect(expired.stdout).to.include('refused as a root: expired');
    expect((await inspect('ca.pem', '--purpose', 'server')).exitCode).to.equal(3);
  });

  it("judges a client's certificate as one", async () => {
    const ada = issueCertificate(nodeCrypto, { commonName: 'ada', purpose: 'client', issuer: root });
    console().write('ada.pem', ada.pem.certificate);
    const { exitCode, stdout } = await inspect('ada.pem');
    expect(exitCode).to.equal(0);
    expect(stdout).to.include("accepted as a client's certificate");
    expect((await inspect('ada.pem', '--purpose', 'server')).exitCode).to.equal(3);
  });

  it('shows what it can of a certificate that is not well formed, and refuses it', async () => {
    const broken = leaf.certificate.slice();
    // The length of the TBSCertificate.
    broken[6] = broken[6]! ^ 0xff;
    console().write('broken.der', broken);
    const { exitCode, stdout } = await inspect('broken.der');
    expect(exitCode).to.equal(3);
    expect(stdout).to.include('(not readable)').and.include(': malformed');
    expect((await json('broken.der')).certificates[0]).to.have.property('unreadable');
  });

  for (const [name, content, message] of [
    ['empty', '', 'is neither PEM, DER, PFX nor base64'],
    ['prose', 'Dear Sir or Madam', 'is neither PEM, DER, PFX nor base64'],
    ['key', () => leaf.pem.key, 'holds only PRIVATE KEY'],
    ['key.der', () => leaf.key.export(), 'holds a private key and no certificate'],
    ['cut', () => leaf.pem.certificate.slice(0, 200), 'has no END line'],
  ] as const) {
    it(`says that there is no certificate in ${name}`, async () => {
      console().write(name, typeof content === 'string' ? content : content());
      const { exitCode, stdout, stderr } = await inspect(name);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: '' });
      expect(stderr).to.include(message);
    });
  }

  it('trusts the built-in roots, or those of the system, where no file is named', async () => {
    const builtIn = await console().run(['cert', 'inspect', 'server.pem']);
    expect(builtIn).to.include({ exitCode: 3 });
    expect(builtIn.stdout).to.match(/trusted: the \d{3} roots of Node\.js v/);
    const missing = await console().run(['cert', 'inspect', 'server.pem', '--ca', 'missing.pem']);
    expect(missing).to.include({ exitCode: 1 });
    expect(missing.stderr).to.include('missing.pem does not exist');
  });

  it('lets no name in a certificate steer the terminal', async () => {
    const hostile = issueCertificate(nodeCrypto, {
      commonName: 'evil\u001b[2J\u009b31m\u0007\r\nfake: accepted\u202egnp',
      ca: true,
    });
    const child = issueCertificate(nodeCrypto, { ipAddresses: ['::1'], issuer: hostile });
    console().write('evil.pem', child.pem.certificate + hostile.pem.certificate);
    console().write('evil-ca.pem', hostile.pem.certificate);
    for (const args of [
      ['evil.pem'],
      ['evil-ca.pem', '--purpose', 'server'],
      ['evil.pem', '--ca', 'evil-ca.pem'],
      ['evil.pem', '--json'],
    ]) {
      for (const colours of [false, true]) {
        const { stdout } = await console().run(['cert', 'inspect', ...args], { colours });
        const withoutColours = [1, 2, 22, 31, 32, 33, 39].reduce(
          (text, style) => text.replaceAll(`\u001b[${style}m`, ''),
          stdout,
        );
        expect(withoutColours, args.join(' ')).to.not.match(/[^\P{C}\n]/u);
        expect(withoutColours).to.not.match(/^fake/m);
        expect(stdout).to.include('evil');
      }
    }
    const { certificates } = JSON.parse(
      (await console().run(['cert', 'inspect', 'evil-ca.pem', '--json'])).stdout,
    ) as Json;
    expect(certificates[0]!.commonName).to.include('\\u{1b}[2J');
  });
});
