import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import * as tls from 'node:tls';
import { expect } from 'chai';
import { readCertificates, writePem } from '../../../lib/certificate/file/pem.js';
import { type RootStores, systemRoots } from '../../../lib/certificate/trust/system-roots.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import {
  builtInRoots,
  systemRoots as systemRootsOfDoor,
  validateCertificateChain,
} from '../../../lib/certificate.js';
import { refusalError } from '../../support/refusal.js';
import { requireOrSkip, requireProgram } from '../../support/requirements.js';
import { type Made, make, makeCa, now } from '../workshop.js';

const nothing: RootStores = { env: {}, files: [], folders: [] };
const one = makeCa({ subject: 'one' });
const two = makeCa({ subject: 'two' });
const three = makeCa({ subject: 'three' });
const pem = (made: Made): string => writePem('CERTIFICATE', made.der);
const malformed = writePem('CERTIFICATE', Uint8Array.of(0x30, 3, 2, 1, 1));
const key = writePem('PRIVATE KEY', Uint8Array.of(0x30, 0));

describe('the roots of a machine', () => {
  let folder: string;
  const path = (...names: string[]): string => join(folder, ...names);
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(path(name), content);
    return path(name);
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sealwire-roots-'));
    mkdirSync(path('folder'));
    file('folder/b.crt', pem(two));
    file('folder/a.0', one.der);
    file('folder/README', 'no certificate');
    file('folder/key.pem', key);
    file('folder/bad.pem', malformed);
    file('folder/broken.pem', '-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n');
    mkdirSync(path('folder', 'deeper'));
    file('folder/deeper/c.crt', pem(three));
    symlinkSync(path('nowhere'), path('folder', 'dead-link'));
    symlinkSync(path('folder', 'b.crt'), path('folder', 'link-to-b'));
    mkdirSync(path('empty'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('are PEM, that `ca` and `roots` take together with others', () => {
    const roots = systemRoots({ ...nothing, env: { SSL_CERT_FILE: file('company.pem', pem(one)) } });
    expect(roots).to.deep.equal([pem(one)]);
    const leaf = make({ issuer: two });
    const validation = { leaf: leaf.der, purpose: 'server', time: now } as const;
    expect(validateCertificateChain({ ...validation, roots }).ok).to.equal(false);
    expect(validateCertificateChain({ ...validation, roots: [...roots, pem(two)] }).ok).to.equal(true);
  });

  describe('by SSL_CERT_FILE and SSL_CERT_DIR', () => {
    it('are all of a bundle, whatever stands around them, each once and the readable ones alone', () => {
      const bundle = `# comment: Éx\n${pem(one)}${key}${malformed}\n${pem(two)}${pem(one)}`;
      const env = { SSL_CERT_FILE: file('bundle.pem', bundle) };
      expect(systemRoots({ ...nothing, env })).to.deep.equal([pem(one), pem(two)]);
    });

    it('are those of every folder, of PEM and DER files, and no folder below', () => {
      const env = { SSL_CERT_DIR: [path('empty'), '', path('folder')].join(delimiter) };
      expect(systemRoots({ ...nothing, env })).to.deep.equal([pem(one), pem(two)]);
      const both = { ...env, SSL_CERT_FILE: file('three.pem', pem(three)) };
      expect(systemRoots({ ...nothing, env: both })).to.deep.equal([pem(three), pem(one), pem(two)]);
    });

    it('are these and no others, on every version of Node', () => {
      const env = { SSL_CERT_FILE: file('one.pem', pem(one)) };
      const others = { files: [file('two.pem', pem(two))], folders: [path('folder')] };
      for (const getCACertificates of [undefined, () => [pem(three)]]) {
        expect(systemRoots({ env, getCACertificates, ...others })).to.deep.equal([pem(one)]);
        // Empty is as good as not set, as shells have it.
        const unset = { SSL_CERT_FILE: '', SSL_CERT_DIR: '' };
        const found = systemRoots({ env: unset, getCACertificates, ...others });
        expect(found).to.deep.equal([pem(getCACertificates ? three : two)]);
      }
    });

    it('are not made up for, where they cannot be read', () => {
      const others = {
        getCACertificates: () => [pem(three)],
        files: [file('two.pem', pem(two))],
        folders: [],
      };
      const large = file('large.pem', pem(one));
      truncateSync(large, 4 * 1024 * 1024 + 1);
      const refused: readonly (readonly [NodeJS.ProcessEnv, string])[] = [
        [{ SSL_CERT_FILE: path('nowhere') }, 'SSL_CERT_FILE names'],
        [{ SSL_CERT_FILE: path('folder') }, 'SSL_CERT_FILE names'],
        [{ SSL_CERT_FILE: '/dev/zero' }, 'SSL_CERT_FILE names'],
        [{ SSL_CERT_FILE: large }, 'SSL_CERT_FILE names'],
        [{ SSL_CERT_FILE: path('folder', 'key.pem') }, 'SSL_CERT_FILE names'],
        [{ SSL_CERT_FILE: path('folder', 'broken.pem') }, 'SSL_CERT_FILE names'],
        [{ SSL_CERT_FILE: path('folder', 'bad.pem') }, 'no certificate'],
        [{ SSL_CERT_DIR: path('nowhere') }, 'SSL_CERT_DIR names'],
        [{ SSL_CERT_DIR: large }, 'SSL_CERT_DIR names'],
        [{ SSL_CERT_DIR: path('empty') }, 'no certificate'],
        [{ SSL_CERT_DIR: delimiter }, 'no certificate'],
        [{ SSL_CERT_FILE: path('one.pem'), SSL_CERT_DIR: path('nowhere') }, 'SSL_CERT_DIR names'],
      ];
      for (const [env, message] of refused) {
        const error = refusalError(
          'INVALID_CONFIG',
          () => systemRoots({ env, ...others }),
          JSON.stringify(env),
        );
        expect(error.message).to.include(message);
      }
    });

    it('are not read at all from a file that is too large', () => {
      const large = file('large.pem', pem(one));
      truncateSync(large, 4 * 1024 * 1024 + 1);
      const run = (): unknown => systemRoots({ ...nothing, env: { SSL_CERT_FILE: large } });
      const { cause } = refusalError('INVALID_CONFIG', run);
      expect(cause).to.have.property('message', 'it has more than 4194304 bytes');
    });

    it('are not waited for where a pipe stands in the place of a file', function () {
      this.timeout(5000);
      requireProgram(this, 'mkfifo');
      const pipes = path('pipes');
      mkdirSync(pipes);
      // A pipe that nobody writes to would keep the process in open() for good.
      expect(spawnSync('mkfifo', [join(pipes, 'pipe.pem')]).status).to.equal(0);
      copyFileSync(path('folder', 'b.crt'), join(pipes, 'b.crt'));
      expect(systemRoots({ ...nothing, env: { SSL_CERT_DIR: pipes } })).to.deep.equal([pem(two)]);
      const error = refusalError('INVALID_CONFIG', () =>
        systemRoots({ ...nothing, env: { SSL_CERT_FILE: join(pipes, 'pipe.pem') } }),
      );
      expect(error.cause).to.have.property('message', 'it is no file');
    });

    it('are refused where a folder is larger than any store', () => {
      const vast = path('vast');
      mkdirSync(vast);
      for (let part = 0; part < 5; part++) {
        writeFileSync(join(vast, `${part}.pem`), '');
        truncateSync(join(vast, `${part}.pem`), 3.5 * 1024 * 1024);
      }
      const run = (): unknown => systemRoots({ ...nothing, env: { SSL_CERT_DIR: vast } });
      expect(refusalError('INVALID_CONFIG', run).cause).to.have.property('message').that.includes('bytes');
    });
  });

  describe('by the system', () => {
    it('are what Node tells, where it does', () => {
      const asked: string[] = [];
      const getCACertificates = (type: string): string[] => {
        asked.push(type);
        return [pem(two), malformed, 'no PEM', pem(one), pem(two)];
      };
      const found = systemRoots({ ...nothing, getCACertificates, files: [path('one.pem')] });
      expect(found).to.deep.equal([pem(two), pem(one)]);
      expect(asked).to.deep.equal(['system']);
    });

    it('are in the usual files, where Node tells none', () => {
      file('one.pem', pem(one));
      file('two.pem', pem(two));
      const files = [path('nowhere'), path('folder', 'README'), path('two.pem'), path('one.pem')];
      const failing = (): string[] => {
        throw new Error('made up');
      };
      for (const getCACertificates of [undefined, () => [], () => ['no PEM'], failing]) {
        const found = systemRoots({ ...nothing, getCACertificates, files, folders: [path('folder')] });
        expect(found).to.deep.equal([pem(two)]);
      }
    });

    it('are in the usual folders, where there is no bundle', () => {
      const folders = [path('nowhere'), path('folder')];
      expect(systemRoots({ ...nothing, files: [path('nowhere')], folders })).to.deep.equal([
        pem(one),
        pem(two),
      ]);
    });

    it('are missed with what to do', () => {
      for (const stores of [nothing, { ...nothing, getCACertificates: () => [] }]) {
        const error = refusalError('INVALID_CONFIG', () => systemRoots(stores));
        expect(error.message).to.include('ca-certificates').and.to.include('builtInRoots()');
      }
    });

    it('are found on this machine', function () {
      const bundle = '/etc/ssl/certs/ca-certificates.crt';
      requireOrSkip(this, existsSync(bundle), bundle);
      const { SSL_CERT_FILE, SSL_CERT_DIR } = process.env;
      delete process.env.SSL_CERT_FILE;
      delete process.env.SSL_CERT_DIR;
      try {
        const found = systemRootsOfDoor();
        expect(found.length).to.be.greaterThan(50);
        expect(new Set(found).size).to.equal(found.length);
        const inBundle = new Set(systemRoots({ ...nothing, files: [bundle] }));
        expect(found.filter((root) => !inBundle.has(root))).to.deep.equal([]);
        for (const [der] of found.map(readCertificates)) expect(() => parseCertificate(der!)).not.to.throw();
        process.env.SSL_CERT_FILE = path('one.pem');
        expect(systemRootsOfDoor()).to.deep.equal([pem(one)]);
      } finally {
        restore('SSL_CERT_FILE', SSL_CERT_FILE);
        restore('SSL_CERT_DIR', SSL_CERT_DIR);
      }
    });
  });

  it('that Node brings along are well formed, all of them', () => {
    expect(builtInRoots()).to.equal(tls.rootCertificates);
    expect(readCertificates(builtInRoots()).map(parseCertificate)).to.have.length.greaterThan(100);
  });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
