// socket.io: WebSocket from the start instead of long polling first, its default parser, calls with acknowledgements,
// events to all with `io.emit`. Compression is off by default; the limit on messages is raised for the 1 MiB case.

import { once } from 'node:events';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import type { Candidate, Move } from '../driver/candidate.js';
import { authorityOf, httpsServer } from './https.js';

export const candidates: Readonly<Record<string, Candidate>> = {
  'socket.io': {
    async serve(credentials) {
      const https = httpsServer(credentials);
      const server = new Server(https, {
        transports: ['websocket'],
        serveClient: false,
        maxHttpBufferSize: 4 * 2 ** 20,
      });
      server.on('connection', (socket) => {
        socket.on('echo', (value: unknown, answer: (value: unknown) => void) => answer(value));
        socket.on('publish', (move: Move, answer: () => void) => {
          server.to('feed').emit('moved', move);
          answer();
        });
        socket.on('subscribe', async (answer: () => void) => {
          await socket.join('feed');
          answer();
        });
      });
      return `https://${await authorityOf(https)}`;
    },
    async connect(address, ca, onEvent) {
      const socket = io(address, { transports: ['websocket'], forceNew: true, reconnection: false, ca });
      await Promise.race([
        once(socket as unknown as NodeJS.EventEmitter, 'connect'),
        once(socket as unknown as NodeJS.EventEmitter, 'connect_error').then(([error]) =>
          Promise.reject(error),
        ),
      ]);
      if (onEvent !== undefined) {
        socket.on('moved', onEvent);
        await socket.emitWithAck('subscribe');
      }
      return {
        echo: (move) => socket.emitWithAck('echo', move),
        echoBytes: (bytes) => socket.emitWithAck('echo', bytes),
        publish: (move) => socket.emitWithAck('publish', move),
        close: () => socket.disconnect(),
      };
    },
  },
};
