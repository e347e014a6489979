// rpc-websockets: JSON-RPC 2.0, its default data pack, its own events. Its messages are JSON, so bytes travel as base64, which
// the methods do.
//
// Its client loses an answer that is there before the callback of its own write (10.0.1; it happens under load): such a call is
// made again after a while. To publish is a notification, which has no answer.

import { Client, Server } from 'rpc-websockets';
import type { Candidate, Move } from '../driver/candidate.js';
import { authorityOf, httpsServer } from './https.js';

const patienceMs = 250;

async function call(
  client: Client,
  method: string,
  params: Record<string, unknown> | string[],
): Promise<unknown> {
  for (;;) {
    try {
      return await client.call(method, params, patienceMs);
    } catch (error) {
      if ((error as Error).message !== 'reply timeout') throw error;
    }
  }
}

export const candidates: Readonly<Record<string, Candidate>> = {
  'rpc-websockets': {
    async serve(credentials) {
      const https = httpsServer(credentials);
      const server = new Server({ server: https, perMessageDeflate: false });
      server.event('moved');
      server.register('echo', (move) => move);
      server.register('echoBytes', ({ content }) =>
        Buffer.from(content as string, 'base64').toString('base64'),
      );
      server.register('publish', (move) => {
        server.emit('moved', move);
        return true;
      });
      return `wss://${await authorityOf(https)}`;
    },
    async connect(address, _ca, onEvent) {
      const client = new Client(address, { reconnect: false });
      await new Promise((resolve, reject) => client.on('open', resolve).on('error', reject));
      if (onEvent !== undefined) {
        client.on('moved', onEvent);
        await call(client, 'rpc.on', ['moved']);
      }
      return {
        echo: (move) => call(client, 'echo', { ...move }) as Promise<Move>,
        echoBytes: async (bytes) => {
          const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
          return Buffer.from((await call(client, 'echoBytes', { content })) as string, 'base64');
        },
        publish: (move) => client.notify('publish', { ...move }),
        close: () => client.close(),
      };
    },
  },
};
