// Writing safely: modes whatever the umask, nothing overwritten, nothing left behind by a run that failed.

import { chmodSync, existsSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type NewFile, readInput, requireNew, writeNew } from '../../lib/cli/files.js';
import { requireOrSkip } from '../support/requirements.js';
import { freshConsole } from './console.js';

const certificate: NewFile = { name: 'a.pem', content: 'public', audience: 'everybody' };
const key: NewFile = { name: 'a-key.pem', content: 'secret', audience: 'owner' };

describe('cli: files', () => {
  const console = freshConsole();
  const inFolder = (path: string): string => join(console().folder, path);

  before(function () {
    requireOrSkip(this, process.platform !== 'win32', 'POSIX permissions');
  });

  function underUmask<Result>(umask: number, work: () => Result): Result {
    const before = process.umask(umask);
    try {
      return work();
    } finally {
      process.umask(before);
    }
  }

  for (const [umask, publicMode] of [
    [0o000, '644'],
    [0o022, '644'],
    [0o077, '600'],
    [0o777, '0'],
  ] as const) {
    it(`gives keys 0600 under umask ${umask.toString(8).padStart(3, '0')}`, () => {
      mkdirSync(inFolder('out'));
      const written = underUmask(umask, () => writeNew(console().folder, 'out', [certificate, key]));
      expect(console().mode('out/a-key.pem')).to.equal('600');
      expect(console().mode('out/a.pem')).to.equal(publicMode);
      expect(written.map(({ path, mode }) => [path, mode?.toString(8)])).to.deep.equal([
        ['out/a.pem', publicMode],
        ['out/a-key.pem', '600'],
      ]);
      expect(console().text('out/a-key.pem')).to.equal('secret');
    });
  }

  it('overwrites nothing, follows no link, and says so before anything is done', () => {
    console().write('a.pem', 'old');
    expect(() => requireNew(console().folder, '.', ['a.pem', 'b.pem'])).to.throw('a.pem exists already');
    expect(() => writeNew(console().folder, '.', [certificate])).to.throw('a.pem exists already');
    expect(console().text('a.pem')).to.equal('old');

    symlinkSync(inFolder('elsewhere'), inFolder('a-key.pem'));
    expect(() => requireNew(console().folder, '.', ['a-key.pem'])).to.throw('a-key.pem exists already');
    expect(() => writeNew(console().folder, '.', [key])).to.throw('a-key.pem exists already');
    expect(existsSync(inFolder('elsewhere'))).to.equal(false);
    expect(lstatSync(inFolder('a-key.pem')).isSymbolicLink()).to.equal(true);
  });

  it('takes back what it wrote when a later file fails, with the folders that it made, and nothing else', () => {
    console().write('b.pem', 'mine');
    const blocked: NewFile = { name: 'b.pem', content: 'other', audience: 'everybody' };
    expect(() => writeNew(console().folder, '.', [certificate, key, blocked])).to.throw(
      'b.pem exists already',
    );
    expect(console().names()).to.deep.equal(['b.pem']);
    expect(console().text('b.pem')).to.equal('mine');

    const impossible: NewFile = { name: 'no/such/folder.pem', content: '', audience: 'everybody' };
    expect(() => writeNew(console().folder, 'new/deep', [key, impossible])).to.throw('does not exist');
    expect(console().names()).to.deep.equal(['b.pem']);
  });

  it('says what is wrong with a folder that cannot be written to', () => {
    console().write('file', '');
    expect(() => requireNew(console().folder, 'file', ['a'])).to.throw('file is no folder');
    // Node 20 says which part of the path it stumbled over, newer ones look for the folder above it.
    expect(() => requireNew(console().folder, 'file/below', ['a'])).to.throw(
      /leads through something that is no folder|file is no folder/,
    );
    mkdirSync(inFolder('locked'));
    chmodSync(inFolder('locked'), 0o500);
    // Root may write anywhere.
    if (process.getuid?.() !== 0) {
      expect(() => requireNew(console().folder, 'locked', ['a'])).to.throw('may not be accessed by you');
    }
  });

  it('reads files of a bounded size, and names those that it cannot read', () => {
    expect(() => readInput(console().folder, 'missing.pem')).to.throw('missing.pem does not exist');
    expect(() => readInput(console().folder, '.')).to.throw('. is a folder');
    console().write('large', new Uint8Array(4 * 1024 * 1024 + 1));
    expect(() => readInput(console().folder, 'large')).to.throw('larger than 4194304 bytes');
    console().write('just', new Uint8Array(4 * 1024 * 1024));
    expect(readInput(console().folder, 'just')).to.have.length(4 * 1024 * 1024);
  });
});
