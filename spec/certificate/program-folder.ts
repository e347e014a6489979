// A temporary folder in which openssl and keytool make files and judge ours.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rsaKey } from '../support/rsa-keys.js';

const keyArguments = {
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  ed25519: ['-algorithm', 'ED25519'],
} as const;

export type ProgramKeyKind = 'rsa-2048' | keyof typeof keyArguments;
export const programKeyKinds: readonly ProgramKeyKind[] = ['rsa-2048', 'p256', 'p384', 'ed25519'];

export class ProgramFolder {
  readonly #path: string = mkdtempSync(join(tmpdir(), 'sealwire-spec-'));
  #rsaKeys = 0;

  /** A folder for the time of `work`. */
  static during<Result>(work: (folder: ProgramFolder) => Result): Result {
    const folder = new ProgramFolder();
    try {
      return work(folder);
    } finally {
      folder.remove();
    }
  }

  remove(): void {
    rmSync(this.#path, { recursive: true, force: true });
  }

  write(name: string, content: string | Uint8Array): void {
    writeFileSync(join(this.#path, name), content);
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.#path, name)));
  }

  text(name: string): string {
    return readFileSync(join(this.#path, name), 'utf8');
  }

  /** Runs a program in the folder; its output, or an exception with what it complained about. */
  run(program: string, ...args: string[]): string {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: this.#path, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} ${args[0]}: ${stdout}${stderr}`);
    return `${stdout}${stderr}`;
  }

  openssl(...args: string[]): string {
    return this.run('openssl', ...args);
  }

  /** Writes `<name>.key`, PKCS #8 in PEM. RSA keys differ within a folder, but each folder has the same ones. */
  generateKey(name: string, kind: ProgramKeyKind): void {
    if (kind === 'rsa-2048') {
      const key = rsaKey(this.#rsaKeys++);
      this.write('rsa.key', key.export({ type: 'pkcs1', format: 'pem' }));
      this.openssl('pkey', '-in', 'rsa.key', '-out', `${name}.key`);
    } else {
      this.openssl('genpkey', ...keyArguments[kind], '-out', `${name}.key`);
    }
  }

  /** Writes `<name>.pem` for `<name>.key`, signed by `issuer` or by itself. */
  certify(name: string, options: { issuer?: string; ca?: boolean } = {}): void {
    const signer = options.issuer ? ['-CA', `${options.issuer}.pem`, '-CAkey', `${options.issuer}.key`] : [];
    this.openssl(
      ...[
        'req',
        '-x509',
        '-key',
        `${name}.key`,
        '-subj',
        `/CN=${name}`,
        '-days',
        '30',
        '-out',
        `${name}.pem`,
      ],
      ...['-addext', `basicConstraints=critical,CA:${options.ca ? 'TRUE' : 'FALSE'}`],
      ...signer,
    );
  }
}
