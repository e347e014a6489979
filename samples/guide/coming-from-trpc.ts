// What a tRPC program becomes; docs/coming-from/trpc.md has both side by side.
// Run it: node dist/samples/guide/coming-from-trpc.js

import { deepEqual, equal } from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { callContext, isRpcError, NetworkingManager, Rpc, RpcError, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';
import { z } from 'zod';

const Text = z.string().trim().min(1).max(200);
interface Note {
  readonly id: number;
  readonly text: string;
}

// A router is a class, a procedure is a method. Queries and mutations are the same: calls.
export class Notes {
  readonly #notes: Note[] = [];
  readonly #changes = new EventEmitter();

  // `input` is `params`; the method has arguments, as many as you like.
  @Rpc(Security.Encrypted | Security.Authenticated, { params: [Text], timeoutMs: 10_000 })
  add(text: string): Note {
    if (this.#notes.length >= 3) {
      throw new RpcError('RESOURCE_EXHAUSTED', 'no room for another note', { most: 3 });
    }
    const note = { id: this.#notes.length + 1, text };
    this.#notes.push(note);
    this.#changes.emit('added');
    return note;
  }

  /** To ask twice is the same as to ask once: it may be asked again when the connection was lost. */
  @Rpc(Security.Authenticated, { idempotent: true })
  list(): Note[] {
    return this.#notes;
  }

  /** A subscription, from a place that the client knows: what tracked() and lastEventId were for. */
  @Rpc(Security.Authenticated)
  async *watch(afterId: number): AsyncGenerator<Note> {
    const { signal } = callContext();
    for (let next = afterId; ; ) {
      const note = this.#notes[next];
      if (note === undefined) await once(this.#changes, 'added', { signal });
      else {
        next = note.id;
        yield note;
      }
    }
  }
}

// The server calls its clients, too: what tRPC has subscriptions for, it may simply say.
class Toast {
  readonly shown: string[] = [];

  @Rpc(Security.Authenticated, { oneWay: true })
  show(text: string): void {
    this.shown.push(text);
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['notes.example'], issuer: authority });
const server = new NetworkingManager({
  certificate: { cert: pem.certificate, key: pem.key },
  // createContext: what is known of a connection, for all of its calls.
  approveConnection: ({ connectionData }) => {
    if (connectionData !== 'token of ada') throw new RpcError('UNAUTHENTICATED', 'log in first');
    return { approved: true, data: { player: { name: 'ada', score: 0 } } }; // PeerData of docs/approval.md
  },
});
// t.procedure.use(…): around every call and stream.
const log: string[] = [];
server.use({
  incoming: async (call, next) => {
    const answer = await next();
    log.push(`${call.context.client.data.player.name} called ${call.method}`);
    return answer;
  },
});
server.register('notes', new Notes());
// onError
server.on('callFailed', (_client, method, error, incident) => console.error(incident, method, error));
const url = await server.startServer('ws://127.0.0.1:0');

// createTRPCClient<AppRouter>(…): in a file of its own with `import type { Notes }`, so no server code comes along.
const client = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'notes.example',
  connectionData: 'token of ada',
  reconnect: { initialDelayMs: 500 },
});
const toast = new Toast();
client.register('toast', toast);
await client.startClient(url);
const notes = client.rpc<Notes>('notes');

deepEqual(await notes.add(' hello '), { id: 1, text: 'hello' });
deepEqual(await notes.list(), [{ id: 1, text: 'hello' }]);
deepEqual(log, ['ada called notes.add', 'ada called notes.list']);

// Options of a call: through an object that has them, or by name.
const patient = client.rpc<Notes>('notes', { signal: AbortSignal.timeout(5000), metadata: { locale: 'en' } });
equal((await patient.list()).length, 1);
await client.invokeServerRpc('notes.list', [], { timeoutMs: 5000 });

// TRPCClientError, and what is in `data`
await notes.add('second');
await notes.add('third');
try {
  await notes.add('fourth');
} catch (error) {
  if (!isRpcError<{ most: number }>(error, 'RESOURCE_EXHAUSTED')) throw error;
  console.log(error.message, error.data?.most);
}
equal(await codeOf(notes.add('')), 'INVALID_ARGUMENT');

// subscribe(…, { onData }), and unsubscribe()
const seen: number[] = [];
for await (const note of notes.watch(1)) {
  seen.push(note.id);
  if (note.id === 3) break;
}
deepEqual(seen, [2, 3]);

await server.everyone().rpc<Toast>('toast').show('a new note');
await notes.list();
deepEqual(toast.shown, ['a new note']);

await client.stop();
await server.stop({ drainMs: 1000 });

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SealwireError) return error.code;
    throw error;
  }
  return 'it answered';
}
