// Functions around calls: who calls, by a token; metrics; trying again. Run it: node dist/samples/guide/interceptors.js

import { deepEqual, equal } from 'node:assert/strict';
import {
  type CallContext,
  callContext,
  type Interceptor,
  isRpcError,
  NetworkingManager,
  Rpc,
  RpcError,
  Security,
} from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';
import { CallMetrics } from '../interceptors/metrics.js';
import { retry } from '../interceptors/retry.js';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['shop.example'], issuer: authority });
const sealed = Security.Encrypted | Security.Authenticated;

// Who calls: by a token in the metadata, known to the method by the context of its call.
interface User {
  readonly name: string;
}
const users = new WeakMap<CallContext, User>();

class Shop {
  #refusals = 2;

  @Rpc()
  prices(): number[] {
    return [1, 2, 3];
  }

  @Rpc(sealed)
  order(item: string): string {
    return `${item} for ${users.get(callContext())?.name}`;
  }

  @Rpc(sealed)
  async *deliveries(): AsyncGenerator<string> {
    const user = users.get(callContext());
    for (const item of ['a lamp', 'a chair']) yield `${item} for ${user?.name}`;
  }

  /** Busy at first. */
  @Rpc(Security.Authenticated, { idempotent: true })
  stock(): number {
    if (this.#refusals-- > 0) throw new RpcError('UNAVAILABLE', 'busy', { retryAfterMs: 10 });
    return 7;
  }
}

const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Shop());
const metrics = new CallMetrics();
server.use(metrics.interceptor);
server.use({
  incoming: async (call, next) => {
    // Without both flags, anybody on the path can have read the token, or taken it from another call.
    if ((call.security & sealed) !== sealed) return next();
    const user = await userOf(call.metadata.authorization);
    if (user === undefined) throw new RpcError('UNAUTHENTICATED', 'this call needs a valid token');
    users.set(call.context, user);
    return next();
  },
});
const url = await server.startServer('ws://127.0.0.1:0');

const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'shop.example' });
let token = 'of yesterday';
client.use(retry());
client.use({
  outgoing: async (call, next) => {
    // A call that is not sealed would show the token to everybody.
    if ((call.security & sealed) !== sealed) return next();
    const withToken = () => next({ metadata: { ...call.metadata, authorization: token } });
    // A stream is asked for by whoever reads it: what it fails with is theirs to see.
    if (call.streaming) return withToken();
    try {
      return await withToken();
    } catch (error) {
      if (!isRpcError(error, 'UNAUTHENTICATED')) throw error;
      token = await freshToken();
      return withToken();
    }
  },
});
await client.startClient(url);

const shop = client.rpc(Shop);
equal(await shop.order('a lamp'), 'a lamp for ada');
deepEqual(await shop.prices(), [1, 2, 3]);
// By the class it is known that this may run twice.
equal(await shop.stock(), 7);
for await (const delivery of shop.deliveries()) console.log(delivery);

// A cache: what it has is not asked for.
const known = new Map<string, unknown>();
const cache: Interceptor = async (call, next) => {
  if (call.method !== 'Shop.prices') return next();
  if (!known.has(call.method)) known.set(call.method, await next());
  return known.get(call.method);
};
client.use({ outgoing: cache });
await shop.prices();
await shop.prices();

// Around the items of a stream.
server.use({
  incoming: (call, next) => (call.method === 'Shop.deliveries' ? atMost(1, next()) : next()),
});
async function* atMost(most: number, items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  let count = 0;
  // Leaving the loop ends the method, and so does whoever leaves this one.
  for await (const item of items) {
    yield item;
    if (++count === most) break;
  }
}
for await (const delivery of shop.deliveries()) console.log(`only ${delivery}`);

for (const [name, { ended, items }] of metrics.methods) console.log(name, Object.fromEntries(ended), items);
await client.stop();
await server.stop();

async function userOf(authorization: string | Uint8Array | undefined): Promise<User | undefined> {
  return authorization === 'of today' ? { name: 'ada' } : undefined;
}

async function freshToken(): Promise<string> {
  return 'of today';
}
