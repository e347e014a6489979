// Whom this machine trusts, on Node.js: the roots that Node brings along, and those of the operating system.
//
//   SSL_CERT_FILE, SSL_CERT_DIR          where one of them is set: what it names, and nothing else
//   tls.getCACertificates('system')      Node >= 22.15: the stores of Windows and macOS, OpenSSL's files elsewhere
//   the usual files                      older Nodes, on Linux and the BSDs
//
// What comes back is PEM, so that `ca: [...systemRoots(), companyCa]` says it all. A store may hold certificates that
// are not well formed: those are left out, since no path can end there, and one of them must not spoil the rest.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as tls from 'node:tls';
import { SealwireError } from '../../base/errors.js';
import { type CertificateInput, readCertificates, writePem } from '../file/pem.js';
import { parseCertificate } from '../x509/x509.js';

/** Where roots can be found on a machine. */
export interface RootStores {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent on older Nodes. */
  readonly getCACertificates?: ((type: 'system') => readonly string[]) | undefined;
  /** Bundles of PEM; the first that is there counts. */
  readonly files: readonly string[];
  /** Folders with one certificate in each file, looked at where there is no bundle. */
  readonly folders: readonly string[];
}

/** Debian's has 220 kB; Mozilla's whole store with comments is twice that. As much as a PEM text may have. */
const maxFileBytes = 4 * 1024 * 1024;
const maxFilesPerFolder = 4096;
/** Debian's folder has the bundle, its parts, and a link to each of them. */
const maxFolderBytes = 16 * 1024 * 1024;

const thisMachine: RootStores = {
  env: process.env,
  // Not in the types of Node 20.
  getCACertificates: (tls as Partial<Pick<RootStores, 'getCACertificates'>>).getCACertificates,
  files: [
    '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Arch, Gentoo, NixOS
    '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
    '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // RHEL, CentOS
    '/etc/ssl/ca-bundle.pem', // openSUSE
    '/etc/ssl/cert.pem', // Alpine, OpenBSD, FreeBSD
    '/usr/local/etc/ssl/cert.pem', // FreeBSD
    '/usr/local/share/certs/ca-root-nss.crt', // FreeBSD, DragonFly
    '/etc/openssl/certs/ca-certificates.crt', // NetBSD
  ],
  folders: ['/etc/ssl/certs', '/etc/pki/tls/certs', '/etc/openssl/certs', '/system/etc/security/cacerts'],
};

/** The roots of Mozilla's programme, as this version of Node.js brings them along: the default of `ca`. PEM. */
export function builtInRoots(): readonly string[] {
  return tls.rootCertificates;
}

/**
 * The roots that the operating system trusts, an organisation's own among them; or those that SSL_CERT_FILE (one file)
 * and SSL_CERT_DIR (folders) name. PEM, each once. Reads them anew each time, which takes about 0.1 s.
 *
 * Throws INVALID_CONFIG where there are none to be found, and where a variable names what cannot be read.
 */
export function systemRoots(stores: RootStores = thisMachine): string[] {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = stores.env;
  const roots = file || folders ? fromVariables(file, folders) : fromSystem(stores);
  if (roots.length > 0) return roots;
  throw config(
    file || folders
      ? 'there is no certificate in what SSL_CERT_FILE and SSL_CERT_DIR name: let them name PEM files of roots'
      : 'this system tells no roots: install its package of CA certificates (ca-certificates), let SSL_CERT_FILE ' +
          'name a PEM file of roots, or use builtInRoots()',
  );
}

function fromVariables(file: string | undefined, folders: string | undefined): string[] {
  const found: Uint8Array[] = [];
  try {
    if (file) found.push(...readCertificates(readBounded(file)));
  } catch (cause) {
    throw config(
      `SSL_CERT_FILE names ${JSON.stringify(file)}, which is no readable file of certificates`,
      cause,
    );
  }
  for (const folder of folders?.split(delimiter).filter((path) => path !== '') ?? []) {
    try {
      found.push(...readFolder(folder));
    } catch (cause) {
      throw config(`SSL_CERT_DIR names ${JSON.stringify(folder)}, which is no readable folder`, cause);
    }
  }
  return readable(found);
}

function fromSystem({ getCACertificates, files, folders }: RootStores): string[] {
  const told = attempt(() => readable(getCACertificates?.('system') ?? []));
  if (told && told.length > 0) return told;
  for (const file of files) {
    const roots = attempt(() => readable([readBounded(file)]));
    if (roots && roots.length > 0) return roots;
  }
  return readable(folders.flatMap((folder) => attempt(() => readFolder(folder)) ?? []));
}

/** What is well formed of it, each certificate once. A file without any is passed over: folders hold other things too. */
function readable(inputs: readonly CertificateInput[]): string[] {
  const roots = new Set<string>();
  for (const input of inputs) {
    for (const der of attempt(() => readCertificates(input)) ?? []) {
      const pem = writePem('CERTIFICATE', der);
      // Node tells each as often as it stands in bundle, folder and links: four times on Debian.
      if (!roots.has(pem) && attempt(() => parseCertificate(der))) roots.add(pem);
    }
  }
  return [...roots];
}

function readFolder(folder: string): Uint8Array[] {
  const names = readdirSync(folder).sort();
  if (names.length > maxFilesPerFolder) throw new Error(`it holds more than ${maxFilesPerFolder} files`);
  let bytes = 0;
  return names.flatMap((name) => {
    // Certificates that were taken away leave links behind that lead nowhere.
    const content = attempt(() => readBounded(join(folder, name))) ?? new Uint8Array(0);
    bytes += content.length;
    if (bytes > maxFolderBytes) throw new Error(`its files have more than ${maxFolderBytes} bytes`);
    return [content];
  });
}

/** Asks first what it is: a pipe would keep us waiting, a device would never end. */
function readBounded(path: string): Uint8Array {
  const status = statSync(path);
  if (!status.isFile()) throw new Error('it is no file');
  if (status.size > maxFileBytes) throw new Error(`it has more than ${maxFileBytes} bytes`);
  return readFileSync(path);
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

function config(message: string, cause?: unknown): SealwireError {
  return new SealwireError('INVALID_CONFIG', message, cause === undefined ? {} : { cause });
}
