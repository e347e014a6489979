// tRPC over WebSocket: `wsLink`, mutations for calls, a subscription with an async generator for events, as its guide has it.
// Its messages are JSON, so bytes travel as base64, which the procedures do.

import { EventEmitter, on, once } from 'node:events';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocket, WebSocketServer } from 'ws';
import type { Candidate, Move } from '../driver/candidate.js';
import { authorityOf, httpsServer } from './https.js';

const events = new EventEmitter().setMaxListeners(0);
const t = initTRPC.create();
const router = t.router({
  echo: t.procedure.input((value: unknown) => value as Move).mutation(({ input }) => input),
  echoBytes: t.procedure
    .input((value: unknown) => value as string)
    .mutation(({ input }) => Buffer.from(input, 'base64').toString('base64')),
  publish: t.procedure
    .input((value: unknown) => value as Move)
    .mutation(({ input }) => void events.emit('moved', input)),
  feed: t.procedure.subscription(async function* ({ signal }) {
    for await (const [move] of on(events, 'moved', { signal: signal! })) yield move as Move;
  }),
});

export const candidates: Readonly<Record<string, Candidate>> = {
  trpc: {
    async serve(credentials) {
      const https = httpsServer(credentials);
      const wss = new WebSocketServer({ server: https, perMessageDeflate: false });
      applyWSSHandler({ wss, router });
      return `wss://${await authorityOf(https)}`;
    },
    async connect(address, _ca, onEvent) {
      const opened = new EventEmitter();
      const socket = createWSClient({
        url: address,
        WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
        onOpen: () => void opened.emit('open'),
        onError: (event) => void opened.emit('error', event),
      });
      await once(opened, 'open');
      const client = createTRPCClient<typeof router>({ links: [wsLink({ client: socket })] });
      if (onEvent !== undefined) {
        await new Promise<void>((resolve, reject) => {
          client.feed.subscribe(undefined, { onData: onEvent, onStarted: () => resolve(), onError: reject });
        });
      }
      return {
        echo: (move) => client.echo.mutate(move),
        echoBytes: async (bytes) => {
          const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
          return Buffer.from(await client.echoBytes.mutate(text), 'base64');
        },
        publish: (move) => client.publish.mutate(move),
        close: () => socket.close(),
      };
    },
  },
};
