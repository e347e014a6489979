// A TCP connection of Node to a server: what tcp://, tls:// and wss:// begin with.

import { connect, type Socket } from 'node:net';
import { connectReading } from './read-buffer.js';
import { connectFailed, givenUp } from './socket-errors.js';

/** Noticing a peer that vanished without a word is the system's work: probes after this much silence. */
export const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 } as const;

export interface DialOptions {
  /** For messages. */
  readonly url: string;
  readonly hostname: string;
  readonly port: number;
  readonly signal: AbortSignal;
  /** TLS will read in the place of the socket. */
  readonly forTls: boolean;
}

/** Rejects with CONNECT_FAILED. */
export function dial({ url, hostname, port, signal, forTls }: DialOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(givenUp(url, signal));
      return;
    }
    const options = { host: hostname, port, ...socketOptions };
    const socket = forTls ? connect(options) : connectReading(options);
    const abort = (): void => {
      socket.destroy();
      reject(givenUp(url, signal));
    };
    const refused = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      reject(connectFailed(url, error));
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', refused);
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', refused);
      resolve(socket);
    });
  });
}
