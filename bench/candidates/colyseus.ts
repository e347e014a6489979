// Colyseus: one room, `room.request` for calls and `broadcast` for events, its WebSocket transport over HTTPS. The limit on
// messages is raised for the large payloads; the room has no state, so nothing else is synchronized.

import { type Client, Room, Server } from '@colyseus/core';
import { Client as Sdk } from '@colyseus/sdk';
import { WebSocketTransport } from '@colyseus/ws-transport';
import type { Candidate, Move } from '../driver/candidate.js';
import { authorityOf, httpsServer } from './https.js';

class BenchRoom extends Room {
  override messages = {
    echo: (_client: Client, move: Move): Move => move,
    echoBytes: (_client: Client, bytes: Uint8Array): Uint8Array => bytes,
    publish: (_client: Client, move: Move): boolean => {
      this.broadcast('moved', move);
      return true;
    },
  };
}

export const candidates: Readonly<Record<string, Candidate>> = {
  colyseus: {
    async serve(credentials) {
      const https = httpsServer(credentials);
      const transport = new WebSocketTransport({ server: https, maxPayload: 4 * 2 ** 20 });
      const server = new Server({ transport, greet: false });
      server.define('bench', BenchRoom);
      await server.listen(0, '127.0.0.1');
      return `https://${await authorityOf(https)}`;
    },
    async connect(address, _ca, onEvent) {
      const room = await new Sdk(address).joinOrCreate('bench');
      room.onMessage('moved', onEvent ?? (() => {}));
      return {
        echo: (move) => room.request<Move, Move>('echo', move),
        echoBytes: (bytes) => room.request<Uint8Array, Uint8Array>('echoBytes', bytes),
        publish: (move) => room.request('publish', move),
        close: () => room.leave(),
      };
    },
  },
};
