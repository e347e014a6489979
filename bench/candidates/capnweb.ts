// capnweb over WebSocket: an RpcTarget for the calls, and a function that the client hands over for events, which the server
// calls. Stubs and results are disposed of, as its documentation asks.

import { once } from 'node:events';
import { newWebSocketRpcSession, type RpcStub, RpcTarget } from 'capnweb';
import { WebSocket, WebSocketServer } from 'ws';
import type { Candidate, Move } from '../driver/candidate.js';
import { authorityOf, httpsServer } from './https.js';

// Its sessions look at the constants of the global class, which Node has from 22 on.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;

type Listener = (move: Move) => void;
const listeners = new Set<RpcStub<Listener>>();

class Bench extends RpcTarget {
  echo(move: Move): Move {
    return move;
  }

  echoBytes(bytes: Uint8Array): Uint8Array {
    return bytes;
  }

  publish(move: Move): void {
    for (const listener of listeners) {
      listener(move).then(undefined, () => listeners.delete(listener));
    }
  }

  subscribe(listener: RpcStub<Listener>): void {
    const kept = listener.dup();
    listeners.add(kept);
    kept.onRpcBroken(() => listeners.delete(kept));
  }
}

export const candidates: Readonly<Record<string, Candidate>> = {
  capnweb: {
    async serve(credentials) {
      const https = httpsServer(credentials);
      new WebSocketServer({ server: https, perMessageDeflate: false }).on('connection', (socket) => {
        newWebSocketRpcSession(socket as unknown as globalThis.WebSocket, new Bench());
      });
      return `wss://${await authorityOf(https)}`;
    },
    async connect(address, ca, onEvent) {
      const socket = new WebSocket(address, { ca, perMessageDeflate: false });
      await once(socket, 'open');
      const bench = newWebSocketRpcSession<Bench>(socket as unknown as globalThis.WebSocket);
      if (onEvent !== undefined) await bench.subscribe(onEvent as unknown as RpcStub<Listener>);
      return {
        echo: async (move) => await bench.echo(move),
        echoBytes: async (bytes) => await bench.echoBytes(bytes),
        publish: async (move) => await bench.publish(move),
        close: () => bench[Symbol.dispose](),
      };
    },
  },
};
