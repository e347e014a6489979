// A server in a process of its own, for idle-connection.spec.ts: what it holds for each client is counted there, where nobody
// else's objects are.
//
//   parent ── names of classes ─▸ ◂─ how many there are of each, once garbage is collected     ended by the end of the channel

import { queryObjects } from 'node:v8';
import { Rpc } from '../../decorators/index.js';
import { IdMap } from '../../lib/base/id-map.js';
import { Connection } from '../../lib/connection/connection.js';
import { Security } from '../../lib/contract/security.js';
import { HandshakeSecrets } from '../../lib/handshake/key-schedule.js';
import { Established } from '../../lib/handshake/state.js';
import { Transcript } from '../../lib/handshake/transcript.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { Caller } from '../../lib/rpc/caller.js';
import { Dispatcher } from '../../lib/rpc/dispatcher.js';
import { TokenBucket } from '../../lib/rpc/rate-limit.js';
import { authority, serverCertificate } from '../support/authority.js';

export class Echo {
  @Rpc(Security.Encrypted | Security.Authenticated)
  echo(value: string): string {
    return value;
  }
}

const timer = setTimeout(() => undefined, 0);
clearTimeout(timer);

const countable = [
  Connection,
  HandshakeSecrets,
  Transcript,
  Established,
  Caller,
  Dispatcher,
  TokenBucket,
  AbortController,
  IdMap,
  Map,
  Set,
  Uint8Array,
  timer.constructor,
] as const;

/** In the parent this file is imported for its types and its class. */
if (process.send !== undefined && process.argv[2] === 'serve') {
  const { certificate, key } = serverCertificate().pem;
  const server = new NetworkingManager({ certificate: { cert: certificate, key } }).register(new Echo());
  process.on('message', (names: string[]) => process.send?.(count(names)));
  process.on('disconnect', () => void server.stop({ drainMs: 0 }));
  process.send({ url: await server.startServer(process.argv[3]!), ca: authority().pem.certificate });
}

/** Garbage is collected for each class anew, which takes most of the time. */
function count(names: readonly string[]): number[] {
  const types = names.map((name) => countable.find((type) => type.name === name)!);
  return types.map((type) => queryObjects(type, { format: 'count' }));
}
