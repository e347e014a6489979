// `cert ca`, `cert server` and `cert client`: what they write is what they say, for openssl and keytool as well.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadIdentity } from '../../lib/certificate/identity.js';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { requireProgram } from '../support/requirements.js';
import { type Ending, freshConsole } from './console.js';

const passphrase = 'long enough';
const env = { CA: 'the key of the CA', OWN: passphrase };
const caSecret = ['--passphrase-env', 'CA'];
const secrets = ['--ca-passphrase-env', 'CA', '--passphrase-env', 'OWN'];

describe('sealwire cert: issuing', () => {
  const console = freshConsole();
  const certificate = (name: string): X509Certificate => new X509Certificate(console().text(name));
  const makeCa = (...more: string[]): Promise<string> =>
    console().done(['cert', 'ca', '--name', 'My game CA', '--out', 'pki', ...caSecret, ...more], { env });
  const serverElsewhere = ['cert', 'server', '--name', 'game.example', '--ca', 'pki', '--out', 'x'];
  const server = ['cert', 'server', '--name', 'game.example', '--out', 'pki'];

  it('makes a root', async () => {
    const output = await makeCa('--days', '30', '--path-length', '1');
    const root = certificate('pki/ca.pem');
    expect(root.subject).to.equal('CN=My game CA');
    expect(root.issuer).to.equal(root.subject);
    expect(root.ca).to.equal(true);
    expect(new Date(root.validTo).getTime() - new Date(root.validFrom).getTime()).to.equal(30 * 86_400_000);
    expect(
      root.checkPrivateKey(createPrivateKey({ key: console().text('pki/ca-key.pem'), passphrase: env.CA })),
    ).to.equal(true);
    expect(output).to.include('pki/ca.pem').and.include('pki/ca-key.pem').and.include('in 30 days');
    expect(output).to.include(root.fingerprint256.replaceAll(':', '').toLowerCase());
    expect(output).to.include('sealwire cert server --name game.example --out pki');
    expect(output).to.not.include(env.CA);
  });

  it('makes a certificate for names and addresses of a server, signed by the root', async () => {
    await makeCa();
    const output = await console().done(
      [
        ...server,
        '--name',
        '*.game.example',
        '--ip',
        '10.0.0.5',
        '--ip',
        'fd00::5',
        '--common-name',
        'Arena',
        ...secrets,
      ],
      { env },
    );
    expect(console().names('pki')).to.deep.equal([
      'ca-key.pem',
      'ca.pem',
      'server-key.pem',
      'server.pem',
      'server.pfx',
    ]);
    const leaf = certificate('pki/server.pem');
    expect(leaf.subjectAltName).to.equal(
      'DNS:game.example, DNS:*.game.example, IP Address:10.0.0.5, IP Address:FD00:0:0:0:0:0:0:5',
    );
    expect(leaf.subject).to.equal('CN=Arena');
    expect(leaf.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.1']);
    expect(leaf.verify(certificate('pki/ca.pem').publicKey)).to.equal(true);
    const key = createPrivateKey({ key: console().text('pki/server-key.pem'), passphrase });
    expect(leaf.checkPrivateKey(key)).to.equal(true);
    const identity = loadIdentity(nodeCrypto, { pfx: console().bytes('pki/server.pfx'), passphrase });
    expect(identity.chain.map((der) => Buffer.from(der))).to.deep.equal([leaf.raw]);
    expect(output).to.include("pfx: readFileSync('pki/server.pfx'), passphrase");
    expect(output).to.include("ca: readFileSync('pki/ca.pem', 'utf8')");
  });

  it('writes base64 for a configuration file, and says where it goes', async () => {
    await makeCa();
    const output = await console().done([...server, '--base64', ...secrets], { env });
    expect(console().mode('pki/server.pfx.base64')).to.equal('600');
    const text = console().text('pki/server.pfx.base64');
    expect(text).to.match(/^[A-Za-z0-9+/]+=*\n$/);
    expect(Buffer.from(text, 'base64')).to.deep.equal(Buffer.from(console().bytes('pki/server.pfx')));
    expect(loadIdentity(nodeCrypto, { pfx: text, passphrase }).chain).to.have.length(1);
    expect(output)
      .to.include('process.env.SERVER_PFX')
      .and.include('SERVER_PFX=$(cat pki/server.pfx.base64)');
  });

  it('writes no PFX without a passphrase, and says so', async () => {
    await makeCa();
    const { exitCode, stderr } = await console().run([...server, '--ca-passphrase-env', 'CA'], { env });
    expect(exitCode).to.equal(0);
    expect(stderr).to.include('no PFX was written').and.include('pki/server-key.pem is not encrypted');
    expect(console().names('pki')).to.deep.equal(['ca-key.pem', 'ca.pem', 'server-key.pem', 'server.pem']);
    expect(console().mode('pki/server-key.pem')).to.equal('600');
    const failed = await console().run([...serverElsewhere, '--base64', '--ca-passphrase-env', 'CA'], {
      env,
    });
    expect(failed).to.include({ exitCode: 1 });
    expect(failed.stderr).to.include('--base64 is a form of the PFX');
    expect(console().names()).to.deep.equal(['pki']);
  });

  it('writes names of other alphabets as the wire has them, and says so', async () => {
    await makeCa();
    const output = await console().done(
      ['cert', 'server', '--name', 'Müller.example', '--name', '*.東京.example', '--out', 'pki', ...secrets],
      { env },
    );
    expect(certificate('pki/server.pem').subjectAltName).to.equal(
      'DNS:xn--mller-kva.example, DNS:*.xn--1lqs71d.example',
    );
    expect(output).to.include(
      'Müller.example stands in certificates, and on the wire, as xn--mller-kva.example.',
    );
  });

  it('makes a certificate for a client, under a name that is safe for a file', async () => {
    await makeCa();
    for (const [name, base] of [
      ['ada', 'client-ada'],
      ['../../Ädä & co', 'client-Ada-co'],
      ['東京', 'client-unnamed'],
    ] as const) {
      const output = await console().done(['cert', 'client', '--name', name, '--out', 'pki', ...secrets], {
        env,
      });
      const leaf = certificate(`pki/${base}.pem`);
      expect(leaf.subject).to.equal(`CN=${name}`);
      expect(leaf.subjectAltName).to.equal(undefined);
      expect(leaf.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.2']);
      expect(console().mode(`pki/${base}-key.pem`)).to.equal('600');
      expect(console().mode(`pki/${base}.pfx`)).to.equal('600');
      expect(output).to.include("clientAuthentication: 'required', ca: readFileSync('pki/ca.pem'");
    }
    expect(console().names()).to.deep.equal(['pki']);
  });

  it('overwrites nothing, and finds that out before it asks for anything', async () => {
    await makeCa();
    const before = console()
      .names('pki')
      .map((name) => console().text(`pki/${name}`));
    const again = await console().run(['cert', 'ca', '--name', 'x', '--out', 'pki'], { typed: ['never'] });
    expect(again).to.include({ exitCode: 1, stdout: '' });
    expect(again.stderr)
      .to.include('pki/ca.pem and pki/ca-key.pem exist already')
      .and.not.include('assphrase');
    console().write('pki/server.pfx', 'mine');
    const blocked = await console().run(server, { env, typed: ['never'] });
    expect(blocked.exitCode).to.equal(1);
    expect(blocked.stderr).to.include('pki/server.pfx exists already').and.not.include('assphrase');
    expect(console().names('pki')).to.deep.equal(['ca-key.pem', 'ca.pem', 'server.pfx']);
    expect(
      console()
        .names('pki')
        .slice(0, 2)
        .map((name) => console().text(`pki/${name}`)),
    ).to.deep.equal(before);
  });

  it("asks for the CA's passphrase on a terminal, then for the new one", async () => {
    await makeCa();
    const { exitCode, stderr, stdout } = await console().run(server, {
      typed: [env.CA, passphrase, passphrase],
    });
    expect(exitCode).to.equal(0);
    expect(stderr.trim().split('\n')).to.deep.equal([
      'Passphrase of pki/ca-key.pem: ',
      'New passphrase for pki/server.pfx (empty: no PFX): ',
      'The same again:',
    ]);
    expect(stdout + stderr)
      .to.not.include(passphrase)
      .and.not.include(env.CA);
    expect(
      loadIdentity(nodeCrypto, { pfx: console().bytes('pki/server.pfx'), passphrase }).chain,
    ).to.have.length(1);
  });

  it('does not sign with a passphrase that is wrong, or missing where nobody can be asked', async () => {
    await makeCa();
    for (const [more, circumstances, message] of [
      [['--ca-passphrase-env', 'OWN'], { env }, 'the passphrase does not open pki/ca-key.pem'],
      [[], { typed: ['wrong'] }, 'the passphrase does not open pki/ca-key.pem'],
      [[], {}, 'no terminal to ask'],
    ] as const) {
      const { exitCode, stderr, stdout } = await console().run([...server, ...more], circumstances);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: '' });
      expect(stderr).to.include(message).and.not.include(passphrase);
    }
    expect(console().names('pki')).to.deep.equal(['ca-key.pem', 'ca.pem']);
  });

  it('finds the CA by folder, by PEM file with its key beside it or elsewhere, and in a PFX', async () => {
    await makeCa();
    const move = (from: string, to: string): void =>
      renameSync(join(console().folder, from), join(console().folder, to));
    const issue = (out: string, ...more: string[]): Promise<string> =>
      console().done(['cert', 'server', '--ip', '::1', '--out', out, ...secrets, ...more], { env });
    await issue('a', '--ca', 'pki');
    move('pki/ca.pem', 'root.pem');
    move('pki/ca-key.pem', 'root-key.pem');
    await issue('b', '--ca', 'root.pem');
    move('root-key.pem', 'hidden');
    await issue('c', '--ca', 'root.pem', '--ca-key', 'hidden');
    const authority = issueCertificate(nodeCrypto, { commonName: 'In a PFX', ca: true });
    console().write('ca.p12', authority.pfx(env.CA));
    await issue('d', '--ca', 'ca.p12');
    expect(['a', 'b', 'c', 'd'].map((out) => certificate(`${out}/server.pem`).issuer)).to.deep.equal([
      'CN=My game CA',
      'CN=My game CA',
      'CN=My game CA',
      'CN=In a PFX',
    ]);
  });

  it('says what to do where there is no CA, or what is there is none', async () => {
    const missing = await console().run([...server]);
    expect(missing).to.include({ exitCode: 1 });
    expect(missing.stderr).to.include('pki/ca.pem does not exist').and.include('sealwire cert ca');
    await makeCa();
    await console().done([...server, ...secrets], { env });
    const leafAsCa = [
      'cert',
      'server',
      '--ip',
      '::1',
      '--ca',
      'pki/server.pem',
      '--ca-passphrase-env',
      'OWN',
    ];
    const { exitCode, stderr } = await console().run(leafAsCa, { env });
    expect(exitCode).to.equal(1);
    expect(stderr).to.include('pki/server.pem is the certificate of no CA');
    const mixed = await console().run(
      [
        'cert',
        'server',
        '--ip',
        '::1',
        '--ca',
        'pki/ca.pem',
        '--ca-key',
        'pki/server-key.pem',
        '--ca-passphrase-env',
        'OWN',
      ],
      { env },
    );
    expect(mixed.exitCode).to.equal(1);
    expect(mixed.stderr).to.include('the key does not belong to the certificate');
    expect(console().names()).to.deep.equal(['pki']);
  });

  it('does not sign with a CA that has expired, and warns of what outlives its CA', async () => {
    await makeCa('--days', '30');
    const later = new Date(Date.now() + 31 * 86_400_000);
    const expired = await console().run([...server, ...secrets], { env, now: later });
    expect(expired).to.include({ exitCode: 1 });
    expect(expired.stderr).to.include('the CA in pki/ca.pem expired on');
    const { exitCode, stderr } = await console().run([...server, '--days', '31', ...secrets], { env });
    expect(exitCode).to.equal(0);
    expect(stderr)
      .to.match(/valid until \d{4}-\d\d-\d\d, but its CA only until \d{4}-\d\d-\d\d/)
      .and.include('--days');
    const fits = await console().run([...serverElsewhere, '--days', '29', ...secrets], { env });
    expect(fits).to.include({ exitCode: 0, stderr: '' });
  });

  it('puts an intermediate CA into the chain', async () => {
    const root = issueCertificate(nodeCrypto, { commonName: 'Root', ca: true });
    const middle = issueCertificate(nodeCrypto, {
      commonName: 'Middle',
      ca: { pathLength: 0 },
      issuer: root,
    });
    console().write('middle.pem', middle.pem.certificate);
    console().write('middle-key.pem', middle.pem.key);
    const output = await console().done(
      ['cert', 'server', '--ip', '::1', '--ca', 'middle.pem', '--passphrase-env', 'OWN'],
      {
        env,
      },
    );
    expect(
      console()
        .text('server.pem')
        .match(/BEGIN CERTIFICATE/g),
    ).to.have.length(2);
    expect(output).to.include('(an intermediate)').and.include('the root above middle.pem');
    expect(loadIdentity(nodeCrypto, { pfx: console().bytes('server.pfx'), passphrase }).chain).to.have.length(
      2,
    );
  });

  it('does not issue what would be refused, such as a name that the CA may not vouch for', async function () {
    requireProgram(this, 'openssl', 'version');
    await openssl('ecparam -name prime256v1 -genkey -noout -out ca-key.pem');
    const constraint = 'nameConstraints=critical,permitted;DNS:other.example';
    await openssl(`req -x509 -key ca-key.pem -subj /CN=Narrow -days 30 -addext ${constraint} -out ca.pem`);
    const narrow = (name: string): Promise<Ending> =>
      console().run(['cert', 'server', '--name', name, '--ca', '.', '--out', 'x', '--no-passphrase']);
    const { exitCode, stdout, stderr } = await narrow('game.example');
    expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: '' });
    expect(stderr).to.include('what this CA signs would be refused').and.include('cert inspect ca.pem');
    expect(console().names()).to.deep.equal(['ca-key.pem', 'ca.pem']);
    expect((await narrow('www.other.example')).exitCode).to.equal(0);
  });

  const openssl = (line: string): Promise<string> => console().tool('openssl', ...line.split(' '));

  for (const [kind, type, detail] of [
    ['p256', 'ec', 'prime256v1'],
    ['p384', 'ec', 'secp384r1'],
    ['ed25519', 'ed25519', undefined],
    ['rsa-2048', 'rsa', 2048],
  ] as const) {
    it(`makes keys of kind ${kind}, and openssl accepts what comes of it`, async function () {
      requireProgram(this, 'openssl', 'version');
      await makeCa('--key', kind);
      await console().done(
        [...server, '--key', kind, '--passphrase-env', 'CA', '--ca-passphrase-env', 'CA'],
        { env },
      );
      const { asymmetricKeyType, asymmetricKeyDetails } = certificate('pki/server.pem').publicKey;
      expect(asymmetricKeyType).to.equal(type);
      expect(asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength).to.equal(detail);
      const purpose = '-purpose sslserver -verify_hostname game.example';
      expect(await openssl(`verify -x509_strict -CAfile pki/ca.pem ${purpose} pki/server.pem`)).to.include(
        'OK',
      );
    });
  }

  it('writes files that openssl and keytool open with the passphrase', async function () {
    requireProgram(this, 'openssl', 'version');
    requireProgram(this, 'keytool', '-help');
    await makeCa();
    const own = ['--ca-passphrase-env', 'CA', '--passphrase-env', 'OWN'];
    await console().done([...server, ...own], { env: { ...env, OWN: 'opensesame' } });
    await console().done(['cert', 'client', '--name', 'ada', '--out', 'pki', ...own], { env });
    expect(
      await openssl('verify -x509_strict -CAfile pki/ca.pem -purpose sslclient pki/client-ada.pem'),
    ).to.include('OK');
    expect(await openssl('pkcs12 -in pki/server.pfx -noenc -passin pass:opensesame')).to.include(
      'BEGIN PRIVATE KEY',
    );
    await openssl('pkey -in pki/server-key.pem -noout -passin pass:opensesame');
    const entries = await console().tool(
      'keytool',
      ...'-list -keystore pki/server.pfx -storepass opensesame'.split(' '),
    );
    expect(entries).to.include('game.example').and.include('PrivateKeyEntry');
  });
});
