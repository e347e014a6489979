// Large and small on one connection, and what happens when more is said than the network takes. Run it:
// node dist/samples/guide/channels.js

import { deepEqual, equal, ok } from 'node:assert/strict';
import { NetworkingManager, Rpc, RpcCode, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const mebibyte = 2 ** 20;

class Library {
  readonly seen: string[] = [];

  /** Its answers are large: they go on a channel of their own, whichever channel the call came on. */
  @Rpc(Security.Authenticated, { channel: 'books' })
  book(mebibytes: number): Uint8Array {
    return new Uint8Array(mebibytes * mebibyte);
  }

  @Rpc(Security.Authenticated)
  ping(): string {
    return 'pong';
  }

  @Rpc(Security.Authenticated, { oneWay: true })
  store(part: Uint8Array): void {
    this.seen.push(`${part.length / mebibyte} MiB`);
  }

  @Rpc(Security.Authenticated, { oneWay: true })
  moveTo(shelf: number): void {
    this.seen.push(`shelf ${shelf}`);
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['library.example'], issuer: authority });
const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
const library = new Library();
server.register(library);
const url = await server.startServer('ws://127.0.0.1:0');
const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'library.example' });
await client.startClient(url);

// Asked for later, and answered earlier: the book leaves in pieces of 16 KiB, and what is small goes in between.
const order: string[] = [];
await Promise.all([
  client
    .rpc<Library>('Library')
    .book(8)
    .then((book) => order.push(`${book.length / mebibyte} MiB`)),
  client
    .rpc<Library>('Library')
    .ping()
    .then((pong) => order.push(pong)),
]);
deepEqual(order, ['pong', '8 MiB']);

// What the other side does not accept in one message, it need not read: 16 MiB, unless limits.maxMessageBytes says else.
const refusal = await client.invokeServerRpc('Library.book', [17]).catch((error: unknown) => error);
equal(refusal instanceof SealwireError && refusal.code, RpcCode.RESOURCE_EXHAUSTED);

// A channel for calls, by a name of your choice. Within one, nothing overtakes.
const uploads = client.rpc<Library>('Library', { channel: 'uploads', whenFull: 'wait' });
const moves = client.rpc<Library>('Library', { volatile: true });

// Whoever sends too much hears of it: time to draw less often, or to send a smaller picture.
let mostQueuedBytes = 0;
let movesDropped = 0;
client.on('backpressure', (_server, { full, queuedBytes, dropped }) => {
  if (full) mostQueuedBytes = Math.max(mostQueuedBytes, queuedBytes);
  movesDropped = dropped;
});

// With `whenFull: 'wait'` each call waits until there is room, however long the loop is: memory stays flat.
for (let part = 0; part < 20; part++) await uploads.store(new Uint8Array(mebibyte));
ok(mostQueuedBytes < 3 * mebibyte);

// A volatile call goes out at once or not at all. On its own channel nothing is in its way.
await moves.moveTo(7);
// Behind a large one it would be late, and the next one tells more: it is dropped, and counted.
await client.rpc<Library>('Library').store(new Uint8Array(2 * mebibyte));
await moves.moveTo(8);
await client.rpc<Library>('Library').ping();
equal(library.seen.filter((seen) => seen === '1 MiB').length, 20);
deepEqual([library.seen.includes('shelf 7'), library.seen.includes('shelf 8')], [true, false]);
console.log(`dropped: ${movesDropped}`);

await client.stop();
await server.stop();
