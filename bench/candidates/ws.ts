// The `ws` package alone, with and without TLS: what a program gets that writes its own messages (bare.ts).

import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { type Candidate, serverName } from '../driver/candidate.js';
import { BareClient, BareServer } from './bare.js';

function ws(scheme: 'ws' | 'wss'): Candidate {
  let secureContext: SecureContext | undefined;
  return {
    async serve({ cert, key }) {
      const http: Server =
        scheme === 'ws' ? createHttpServer() : createHttpsServer({ cert, key, minVersion: 'TLSv1.3' });
      const bare = new BareServer();
      new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', (socket) => {
        const send = (message: Uint8Array) => socket.send(message);
        socket.on('message', (message) => bare.receive(message as Buffer, send));
        socket.on('close', () => bare.forget(send));
      });
      await once(http.listen(0, '127.0.0.1'), 'listening');
      return `${scheme}://127.0.0.1:${(http.address() as AddressInfo).port}`;
    },
    async connect(address, ca, onEvent) {
      // One context for all connections: the root is parsed once.
      if (scheme === 'wss') secureContext ??= createSecureContext({ ca, minVersion: 'TLSv1.3' });
      const socket = new WebSocket(address, {
        perMessageDeflate: false,
        ...(scheme === 'wss' && { secureContext, servername: serverName }),
      });
      const client = new BareClient(
        (message) => socket.send(message),
        () => socket.close(),
        onEvent,
      );
      socket.on('message', (message) => client.receive(message as Buffer));
      await once(socket, 'open');
      return client.ready();
    },
  };
}

export const candidates: Readonly<Record<string, Candidate>> = {
  ws: ws('ws'),
  'ws-tls': ws('wss'),
  'ws-bufferutil': ws('ws'),
  'ws-tls-bufferutil': ws('wss'),
};
