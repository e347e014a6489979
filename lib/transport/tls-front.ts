// Listens in the place of an HTTP server, for wss://, and hands it what has come through TLS:
//
//   TCP ─ TLS (tls.ts) ─▸ the HTTP server ─┬─ the upgrade ─▸ a WebSocket, whose time for the handshake has begun
//                                          └─ none in time ─▸ cut
//
// An HTTP server limits the time for requests only where it listens itself, and only there it knows its connections: a client that
// is through with TLS and says nothing would stay for ever, and be counted by nobody.

import type { Server } from 'node:http';
import { createServer, type Socket, type Server as SocketServer } from 'node:net';
import { socketOptions } from './dial.js';
import type { TlsServerOptions } from './secure-channel.js';
import { TlsAcceptor } from './tls.js';

export class TlsFront {
  /** What listens. */
  readonly listener: SocketServer;
  readonly #acceptor: TlsAcceptor;
  /** Those that are through with TLS and have no WebSocket; called when they have. */
  readonly #waiting = new Map<Socket, () => void>();

  /** Throws INVALID_CERTIFICATE. `upgradeTimeoutMs` for the upgrade, unless TLS has a limit of its own. */
  constructor(http: Server, tls: TlsServerOptions, protocol: string, upgradeTimeoutMs: number) {
    this.#acceptor = new TlsAcceptor(tls, protocol);
    this.listener = createServer(socketOptions, (raw) => {
      this.#acceptor.secure(raw, (socket) => {
        this.#wait(socket, tls.timeoutMs ?? upgradeTimeoutMs);
        http.emit('connection', socket);
      });
    });
  }

  upgraded(socket: Socket): void {
    this.#waiting.get(socket)?.();
  }

  /** Cuts whoever has no WebSocket yet. Does not stop listening. */
  close(): void {
    this.#acceptor.close();
    for (const socket of this.#waiting.keys()) socket.destroy();
  }

  #wait(socket: Socket, timeoutMs: number): void {
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    const over = (): void => {
      clearTimeout(timer);
      socket.off('close', over);
      this.#waiting.delete(socket);
    };
    socket.on('close', over);
    this.#waiting.set(socket, over);
  }
}
