// A temporary folder in which openssl and keytool make files and judge ours.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const keyArguments = {
  'rsa-2048': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  ed25519: ['-algorithm', 'ED25519'],
} as const;

export type ProgramKeyKind = keyof typeof keyArguments;

export class ProgramFolder {
  readonly #path: string = mkdtempSync(join(tmpdir(), 'sealwire-spec-'));

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

  /** Writes `<name>.key`, PKCS #8 in PEM. */
  generateKey(name: string, kind: ProgramKeyKind): void {
    this.openssl('genpkey', ...keyArguments[kind], '-out', `${name}.key`);
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
