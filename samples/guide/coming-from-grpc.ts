// What a gRPC program becomes; docs/coming-from/grpc.md has both side by side.
// Run it: node dist/samples/guide/coming-from-grpc.js

import { deepEqual, equal } from 'node:assert/strict';
import { callContext, NetworkingManager, Rpc, RpcCode, RpcError, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';
import { z } from 'zod';

// A message of the .proto file is a type here, and a schema where a stranger's word must be checked.
const Line = z.object({ room: z.string().max(50), text: z.string().max(500) });
type Line = z.infer<typeof Line>;

class Chat {
  // rpc Say (Line) returns (Receipt);
  @Rpc(Security.Encrypted | Security.Authenticated, { params: [Line], idempotent: true })
  say(line: Line): number {
    const { metadata, signal } = callContext();
    if (metadata.token !== 'secret') throw new RpcError(RpcCode.UNAUTHENTICATED, 'who are you?');
    signal.throwIfAborted();
    return line.text.length;
  }

  // rpc Watch (Room) returns (stream Line);
  @Rpc(Security.Authenticated)
  async *watch(room: string): AsyncGenerator<Line> {
    for (let line = 1; line <= 3; line++) yield { room, text: `line ${line}` };
  }

  // rpc Upload (stream Part) returns (Receipt);
  @Rpc(Security.Authenticated)
  async upload(parts: AsyncIterable<Uint8Array>): Promise<number> {
    let count = 0;
    for await (const part of parts) count += part.length;
    return count;
  }

  // rpc Talk (stream Line) returns (stream Line);
  @Rpc(Security.Authenticated)
  async *talk(lines: AsyncIterable<Line>): AsyncGenerator<Line> {
    for await (const { room, text } of lines) yield { room, text: text.toUpperCase() };
  }
}

// What gRPC has no place for: the server calls its clients.
class Screen {
  shown: string | undefined;

  @Rpc(Security.Authenticated)
  show(text: string): boolean {
    this.shown = text;
    return true;
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['chat.example'], issuer: authority });
const ada = issueCertificate({ commonName: 'ada', purpose: 'client', issuer: authority });

// ServerCredentials.createSsl(ca, [{ cert_chain, private_key }], checkClientCertificate)
const server = new NetworkingManager({
  certificate: { cert: pem.certificate, key: pem.key },
  clientAuthentication: 'required',
  ca: authority.pem.certificate,
  limits: { maxMessageBytes: 4 * 1024 * 1024, maxStreams: 100 },
});
server.register(new Chat());
const seen: string[] = [];
server.use({
  incoming: (call, next) => {
    seen.push(`${call.method} by ${call.peer.identity?.name}`);
    return next();
  },
});
const url = await server.startServer('tcp://127.0.0.1:0');

// credentials.createSsl(ca, key, certificate)
const client = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'chat.example',
  certificate: { cert: ada.pem.certificate, key: ada.pem.key },
  reconnect: true,
});
const screen = new Screen();
client.register(screen);
await client.startClient(url);

// Unary, with metadata and a deadline.
const options = { metadata: { token: 'secret' }, deadline: new Date(Date.now() + 5000) };
equal(await client.rpc<Chat>('Chat', options).say({ room: 'red', text: 'hello' }), 5);

const chat = client.rpc<Chat>('Chat');
try {
  await chat.say({ room: 'red', text: 'hello' });
} catch (error) {
  if (!(error instanceof SealwireError && error.code === RpcCode.UNAUTHENTICATED)) throw error;
  console.log(error.message);
}

equal(seen[0], 'Chat.say by ada');

// Server streaming, client streaming, and both.
const lines: string[] = [];
for await (const { text } of chat.watch('red')) lines.push(text);
deepEqual(lines, ['line 1', 'line 2', 'line 3']);

async function* parts(): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < 4; part++) yield new Uint8Array(1000);
}
equal(await chat.upload(parts()), 4000);

async function* said(): AsyncGenerator<Line> {
  yield { room: 'red', text: 'go' };
}
for await (const { text } of chat.talk(said())) equal(text, 'GO');

// call.cancel()
const giveUp = new AbortController();
const watching = client.rpc<Chat>('Chat', { signal: giveUp.signal }).watch('red');
giveUp.abort();
equal(await codeOf(watching.next()), RpcCode.CANCELLED);

// From the server, to a client whose name is known from its certificate.
for (const each of server.clients.values()) {
  if (each.identity?.name === 'ada') await each.rpc<Screen>('Screen').show('hello, ada');
}
equal(screen.shown, 'hello, ada');

await client.stop();
await server.stop({ drainMs: 10_000 }); // tryShutdown, and forceShutdown after ten seconds

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SealwireError) return error.code;
    throw error;
  }
  return 'it answered';
}
