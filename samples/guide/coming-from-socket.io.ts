// What a socket.io program becomes; docs/coming-from/socket.io.md has both side by side.
// Run it: node dist/samples/guide/coming-from-socket.io.js

import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { callContext, NetworkingManager, Rpc, RpcError, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';
import { WebSocketTransport } from 'sealwire/transport/websocket';
import { z } from 'zod';

// The handlers of 'join' and 'say': what clients may call. The types are those of the methods.
class Chat {
  @Rpc(Security.Authenticated)
  async join(room: string): Promise<number> {
    const { client } = callContext(); // the socket
    await server.group(room).join(client);
    return server.group(room).size;
  }

  @Rpc(Security.Authenticated, {
    params: [z.string().max(50), z.string().max(500)],
    rateLimit: { perSecond: 5, burst: 10 },
  })
  async say(room: string, text: string): Promise<void> {
    const { client } = callContext();
    // What io.to(room) did. To leave the sender out, as socket.to(room) does: .except(client)
    await server.group(room).rpc<Window>('Window').message(client.id, text);
  }

  /** A secret: nobody between the two programs reads it, a proxy that ends TLS included. */
  @Rpc(Security.Encrypted | Security.Authenticated)
  changePassword(next: string): boolean {
    if (next.length < 8) throw new RpcError('TOO_SHORT', 'take 8 characters or more', { least: 8 });
    return true;
  }

  @Rpc(Security.Authenticated)
  async *history(room: string): AsyncGenerator<string> {
    for (let line = 1; line <= 1000; line++) yield `${room}, line ${line}`;
  }
}

// The handlers of 'message' and 'pickTeam' in the browser: what the server may call.
class Window {
  readonly heard: string[] = [];

  @Rpc(Security.Authenticated, { oneWay: true })
  message(from: number, text: string): void {
    this.heard.push(`${from}: ${text}`);
  }

  @Rpc(Security.Authenticated)
  pickTeam(teams: string[]): string {
    return teams[0] ?? 'none';
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['chat.example'], issuer: authority });
const server = new NetworkingManager({
  certificate: { cert: pem.certificate, key: pem.key },
  // io.use((socket, next) => next(new Error('unauthorized')))
  approveConnection: ({ connectionData }) => {
    if (connectionData !== 'token of ada') return { approved: false, code: 'UNAUTHORIZED' };
    return { approved: true, data: { player: { name: 'ada', score: 0 } } }; // socket.data: docs/approval.md
  },
});
// socket.use and socket.onAny, for whatever is called.
const called: string[] = [];
server.use({
  incoming: (call, next) => {
    called.push(call.method);
    return next();
  },
});
server.register(new Chat());
server.allowJoin((_client, room) => room === 'red');

// new Server(httpServer): beside Express, on the same port.
const httpServer = createServer((_request, response) => response.end('hello'));
await once(httpServer.listen(0, '127.0.0.1'), 'listening');
const { port } = httpServer.address() as AddressInfo;
await server.startServer(new WebSocketTransport('ws://127.0.0.1/chat', { server: httpServer }));

const windows = [new Window(), new Window()];
const clients: NetworkingManager[] = [];
for (const window of windows) {
  const client = new NetworkingManager({
    ca: authority.pem.certificate,
    serverName: 'chat.example',
    connectionData: 'token of ada', // auth: { token }
    reconnect: true, // socket.io's default; here it is asked for
  });
  client.register(window);
  const known = new Promise((resolve) => server.on('clientConnected', resolve)); // io.on('connection', …)
  await client.startClient(`ws://127.0.0.1:${port}/chat`);
  await known;
  clients.push(client);
}
const [client, second] = clients as [NetworkingManager, NetworkingManager];

// socket.timeout(5000).emitWithAck('join', 'red')
const chat = client.rpc<Chat>('Chat', { timeoutMs: 5000 });
equal(await chat.join('red'), 1);
equal(await second.rpc<Chat>('Chat').join('red'), 2);
await chat.say('red', 'hello');
equal(await codeOf(chat.join('blue')), 'PERMISSION_DENIED');
equal(await codeOf(chat.changePassword('1234')), 'TOO_SHORT');
deepEqual(called.slice(0, 3), ['Chat.join', 'Chat.join', 'Chat.say']);

// Nobody need wait for an answer; its error must go somewhere then.
const said = chat.say('red', 'is anybody here?').catch(console.error);

// io.emit, io.except, io.to(id), and io.emitWithAck with the answer of each.
const everyone = server.everyone().rpc<Window>('Window', { timeoutMs: 5000 });
await everyone.message(0, 'welcome');
await server.everyoneExcept(1).rpc<Window>('Window').message(0, 'all but the first');
await server.clients.get(1)?.rpc<Window>('Window').message(0, 'the first alone');
await server.everyone().rpc<Window>('Window', { volatile: true }).message(0, 'only if there is room');
const { settled } = await everyone.pickTeam(['red', 'blue']);
deepEqual(
  [...settled.values()].map((outcome) => outcome.ok && outcome.value),
  ['red', 'red'],
);
await said;
equal(windows[0]?.heard.length, 5);
equal(windows[1]?.heard.includes('0: all but the first'), true);

// A thousand lines, and no more of them in memory than this end has read.
for await (const line of chat.history('red')) if (line === 'red, line 3') break;

// socket.disconnect() by the server; a client that was sent away does not come back by itself, there and here.
const gone = new Promise<SealwireError>((resolve) => second.on('disconnected', resolve));
server.clients.get(2)?.disconnect();
console.log(`disconnected: ${(await gone).reason}`);

for (const each of clients) await each.stop();
await server.stop();
httpServer.close();

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SealwireError) return error.code;
    throw error;
  }
  return 'it answered';
}
