// Somebody on the path who reads bytes and changes none: TCP through and through, whatever is spoken on it.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from 'node:net';

export interface Tap {
  /** The address that it taps, by this way. */
  readonly url: string;
  /** What went to whoever dialled: what a WebSocket client sends is masked (RFC 6455 §5.3). */
  readonly toClient: Buffer;
  /** What whoever dialled has sent. */
  readonly toServer: Buffer;
  stop(): Promise<void>;
}

export async function startTap(url: string): Promise<Tap> {
  const { port, hostname, protocol } = new URL(url.replace(/^(tcp|tls):/, 'http:'));
  const scheme = protocol === 'http:' ? url.slice(0, 3) : protocol.slice(0, -1);
  const chunks: Buffer[] = [];
  const sent: Buffer[] = [];
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = tcpConnect(Number(port), hostname);
    far.on('data', (chunk: Buffer) => chunks.push(chunk));
    near.on('data', (chunk: Buffer) => sent.push(chunk));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get toClient() {
      return Buffer.concat(chunks);
    },
    get toServer() {
      return Buffer.concat(sent);
    },
    async stop() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}
