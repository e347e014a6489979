// A public certificate authority to be had anywhere: pebble, with a resolver beside it for which every name is here.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type IssuedCertificate, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';

const patienceMs = 10_000;

interface Ports {
  readonly acme: number;
  readonly management: number;
  readonly resolver: number;
  readonly resolverManagement: number;
  /** Where the authority expects an answer to its challenge. */
  readonly challenge: number;
}

export class Pebble {
  readonly #folder: string;
  readonly #ports: Ports;
  readonly #identity: IssuedCertificate;
  readonly #programs: readonly ChildProcess[];

  private constructor(folder: string, ports: Ports, identity: IssuedCertificate) {
    this.#folder = folder;
    this.#ports = ports;
    this.#identity = identity;
    const { acme, management, resolver, resolverManagement, challenge } = ports;
    const pebble = {
      listenAddress: `127.0.0.1:${acme}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: 'acme.pem',
      privateKey: 'acme-key.pem',
      httpPort: challenge,
      tlsPort: challenge,
      ocspResponderURL: '',
      externalAccountBindingRequired: false,
    };
    writeFileSync(join(folder, 'acme.pem'), identity.pem.certificate);
    writeFileSync(join(folder, 'acme-key.pem'), identity.pem.key);
    writeFileSync(join(folder, 'pebble.json'), JSON.stringify({ pebble }));
    const start = (program: string, args: readonly string[]): ChildProcess =>
      spawn(program, args, {
        cwd: folder,
        stdio: 'ignore',
        env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
      });
    this.#programs = [
      start('pebble-challtestsrv', [
        ...['-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
        ...['-http01', '', '-https01', '', '-tlsalpn01', ''],
        ...['-dns01', `127.0.0.1:${resolver}`, '-management', `127.0.0.1:${resolverManagement}`],
      ]),
      start('pebble', ['-config', 'pebble.json', '-dnsserver', `127.0.0.1:${resolver}`]),
    ];
  }

  /** Its files go into `folder`. Resolves when it answers. */
  static async start(folder: string): Promise<Pebble> {
    const [acme, management, resolver, resolverManagement, challenge] = await freePorts(5);
    const ports = {
      acme: acme!,
      management: management!,
      resolver: resolver!,
      resolverManagement: resolverManagement!,
      challenge: challenge!,
    };
    const identity = issueCertificate(nodeCrypto, { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
    const pebble = new Pebble(folder, ports, identity);
    const until = Date.now() + patienceMs;
    for (;;) {
      try {
        await pebble.root();
        return pebble;
      } catch (error) {
        if (Date.now() > until) {
          await pebble.stop();
          throw error;
        }
        await wait(50);
      }
    }
  }

  /** The settings that stand in /etc/letsencrypt/cli.ini on other machines. */
  configureCertbot(home: string): void {
    const settings = [
      `server = https://localhost:${this.#ports.acme}/dir`,
      'no-verify-ssl = true',
      `http-01-port = ${this.#ports.challenge}`,
      'agree-tos = true',
      'register-unsafely-without-email = true',
      'non-interactive = true',
      `config-dir = ${join(this.#folder, 'letsencrypt')}`,
      `work-dir = ${join(this.#folder, 'certbot-work')}`,
      `logs-dir = ${join(this.#folder, 'certbot-logs')}`,
    ];
    mkdirSync(join(home, '.config', 'letsencrypt'), { recursive: true });
    writeFileSync(join(home, '.config', 'letsencrypt', 'cli.ini'), `${settings.join('\n')}\n`);
  }

  /** The root of what it issues, PEM; another one with each start. */
  root(): Promise<string> {
    return new Promise((resolve, reject) => {
      const { management } = this.#ports;
      const options = { ca: this.#identity.pem.certificate, agent: false };
      get(`https://127.0.0.1:${management}/roots/0`, options, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          body += part;
        });
        response.on('end', () => resolve(body));
      }).on('error', reject);
    });
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#programs.map(async (program) => {
        if (program.exitCode !== null) return;
        const ended = new Promise((resolve) => program.once('exit', resolve));
        program.kill();
        await ended;
      }),
    );
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
