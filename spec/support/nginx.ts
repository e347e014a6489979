// nginx as a proxy that ends TLS, in a temporary folder: unprivileged, on a port of its own, gone when the spec is.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IssuedCertificate } from '../../lib/certificate/issue/issue.js';

export interface NginxOptions {
  /** What it shows to clients. */
  readonly certificate: IssuedCertificate;
  /** Where it passes what comes: `ws://127.0.0.1:7777` in the clear, `wss://…` over TLS of its own. */
  readonly upstream: string;
}

export interface Nginx {
  /** `wss://127.0.0.1:…` */
  readonly url: string;
  stop(): Promise<void>;
}

const patienceMs = 10_000;

export async function startNginx({ certificate, upstream }: NginxOptions): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-nginx-'));
  const port = await freePort();
  writeFileSync(join(folder, 'server.pem'), certificate.pem.certificate);
  writeFileSync(join(folder, 'server.key'), certificate.pem.key, { mode: 0o600 });
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port, upstream));
  const nginx = spawn(
    'nginx',
    ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')],
    {
      stdio: 'ignore',
    },
  );
  const ended = once(nginx, 'exit');
  const stop = async (): Promise<void> => {
    nginx.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await listening(port, () => nginx.exitCode !== null);
  } catch {
    const log = readFileSync(join(folder, 'error.log'), 'utf8');
    await stop();
    throw new Error(`nginx did not start:\n${log}`);
  }
  return { url: `wss://127.0.0.1:${port}`, stop };
}

/** One process: neither a user to become nor children to wait for. */
function configuration(folder: string, port: number, upstream: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${join(folder, kind)};`)
    .join('\n');
  return `daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')};
events { worker_connections 64; }
http {
  access_log off;
${temporary}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${join(folder, 'server.pem')};
    ssl_certificate_key ${join(folder, 'server.key')};
    ssl_protocols TLSv1.3;
    location / {
      proxy_pass ${upstream.replace(/^ws/, 'http')};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $host;
      proxy_read_timeout 1h;
      proxy_ssl_protocols TLSv1.3;
    }
  }
}
`;
}

/** nginx knows no port 0. Somebody else could take it until nginx does; then it says so. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(port: number, isOver: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    const socket = tcpConnect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (isOver() || performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      socket.destroy();
    }
  }
}
