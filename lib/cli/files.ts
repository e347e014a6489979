// Reading what the user names, and writing what nobody had before: nothing is ever overwritten, private keys are
// readable by their owner alone from their first byte on, and a run that fails takes back what it wrote.
//
//   requireNew   no target exists: before anything is generated, or asked for
//   writeNew     O_CREAT | O_EXCL, which follows no symbolic link; 0600; then the mode; on failure all is removed

import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SealwireError } from '../base/errors.js';
import { failed } from './failure.js';

/** Who may read a new file: its owner alone, or whoever the umask lets. */
export type Audience = 'owner' | 'everybody';

export interface NewFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly audience: Audience;
}

export interface WrittenFile {
  /** As the user would write it. */
  readonly path: string;
  /** Permission bits as they are now; undefined on Windows, where the folder decides. */
  readonly mode: number | undefined;
}

const maxReadBytes = 4 * 1024 * 1024;
const ownerOnly = 0o600;
const everybody = 0o644;

/** The content of a file; `path` as the user wrote it. */
export function readInput(cwd: string, path: string): Uint8Array {
  try {
    const { size } = statSync(resolve(cwd, path));
    if (size > maxReadBytes)
      throw failed(`${path} is larger than ${maxReadBytes} bytes: it is no certificate`);
    const content = readFileSync(resolve(cwd, path));
    return new Uint8Array(content.buffer, content.byteOffset, content.length);
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** The start of a file, as far as `bytes` has room; also of a pipe, as `--passphrase-file <(pass show my-ca)` makes one. */
export function readStart(
  cwd: string,
  path: string,
  bytes: Uint8Array,
): { readonly length: number; readonly readableByAll: boolean } {
  try {
    const descriptor = openSync(resolve(cwd, path), 'r');
    try {
      const stat = fstatSync(descriptor);
      let length = 0;
      while (length < bytes.length) {
        const count = readSync(descriptor, bytes, length, bytes.length - length, null);
        if (count === 0) break;
        length += count;
      }
      const readableByAll = stat.isFile() && (stat.mode & 0o004) !== 0 && process.platform !== 'win32';
      return { length, readableByAll };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw fileFailure(error, path);
  }
}

export function exists(cwd: string, path: string): boolean {
  return lstatSync(resolve(cwd, path), { throwIfNoEntry: false }) !== undefined;
}

export function isFolder(cwd: string, path: string): boolean {
  return statSync(resolve(cwd, path), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Throws unless all these files can be made in `folder`, which need not be there yet. */
export function requireNew(cwd: string, folder: string, names: readonly string[]): void {
  try {
    const nearest = nearestFolder(resolve(cwd, folder));
    if (!statSync(nearest).isDirectory()) throw failed(`${nearest} is no folder`);
    accessSync(nearest, constants.W_OK | constants.X_OK);
    const taken = names.map((name) => join(folder, name)).filter((path) => exists(cwd, path));
    if (taken.length > 0) {
      const list = taken.join(' and ');
      const verb = taken.length === 1 ? 'exists' : 'exist';
      throw failed(
        `${list} ${verb} already, and nothing is overwritten`,
        'take another folder with --out DIR',
      );
    }
  } catch (error) {
    throw fileFailure(error, folder);
  }
}

/** Writes all of them or none; makes the folder where it is missing. */
export function writeNew(cwd: string, folder: string, files: readonly NewFile[]): WrittenFile[] {
  const madeFolder = makeFolder(cwd, folder);
  const written: string[] = [];
  try {
    return files.map((file) => {
      const path = join(folder, file.name);
      return { path, mode: writeOne(resolve(cwd, path), path, file, written) };
    });
  } catch (error) {
    for (const path of written) attempt(() => unlinkSync(path));
    if (madeFolder !== undefined) removeFolders(resolve(cwd, folder), madeFolder);
    throw error;
  }
}

function writeOne(target: string, path: string, file: NewFile, written: string[]): number | undefined {
  try {
    // 0600 whatever comes later: nobody can open it between these two lines.
    const descriptor = openSync(target, 'wx', file.audience === 'owner' ? ownerOnly : everybody);
    written.push(target);
    try {
      // A umask can only take away; one that takes the owner's own rights would leave a file that cannot be read.
      if (file.audience === 'owner') fchmodSync(descriptor, ownerOnly);
      writeFileSync(descriptor, file.content);
      fsyncSync(descriptor);
      return process.platform === 'win32' ? undefined : fstatSync(descriptor).mode & 0o777;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** The first folder that had to be made, if any. */
function makeFolder(cwd: string, folder: string): string | undefined {
  try {
    return mkdirSync(resolve(cwd, folder), { recursive: true });
  } catch (error) {
    throw fileFailure(error, folder);
  }
}

/** From the innermost to the first that was made; stops at one that others have put something into. */
function removeFolders(innermost: string, first: string): void {
  for (let folder = innermost; folder.length >= first.length; folder = dirname(folder)) {
    if (!attempt(() => rmdirSync(folder))) return;
  }
}

function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

/** The folder itself, or the one above it that is there. */
function nearestFolder(path: string): string {
  if (statSync(path, { throwIfNoEntry: false }) || dirname(path) === path) return path;
  return nearestFolder(dirname(path));
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['EACCES', 'may not be accessed by you'],
  ['EPERM', 'may not be accessed by you'],
  ['EROFS', 'lies on a file system that cannot be written to'],
  ['EISDIR', 'is a folder'],
  ['ENOTDIR', 'leads through something that is no folder'],
  ['EEXIST', 'exists already, and nothing is overwritten'],
  ['ENOSPC', 'does not fit: the disk is full'],
  ['EDQUOT', 'does not fit: your quota is used up'],
  ['ELOOP', 'is a symbolic link that leads in circles'],
  ['ENAMETOOLONG', 'is longer than a path may be'],
  ['EMFILE', 'cannot be opened: too many files are open'],
]);

/** The error as it should be shown, `path` as the user wrote it. Failures of our own pass unchanged. */
function fileFailure(error: unknown, path: string): SealwireError {
  if (error instanceof SealwireError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return failed(
    `${path} ${reasons.get(code) ?? `cannot be used: the system says ${code}`}`,
    undefined,
    error,
  );
}
