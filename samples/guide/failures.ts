// What a method tells its caller when it fails, and what it does not. Run it: node dist/samples/guide/failures.js

import { deepEqual, equal, match } from 'node:assert/strict';
import { isRpcError, NetworkingManager, Rpc, RpcCode, RpcError, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

/** What stands in `data` of a TOO_POOR: say it once, for both sides. */
interface TooPoor {
  readonly missing: number;
}

class Shop {
  @Rpc(Security.Authenticated)
  buy(item: string, coins: number): string {
    // On purpose, and for the caller: a code of gRPC's, or one of your own.
    if (item !== 'sword') throw new RpcError(RpcCode.NOT_FOUND, `there is no ${item} here`);
    if (coins < 10) throw new RpcError<TooPoor>('TOO_POOR', 'a sword is 10 coins', { missing: 10 - coins });
    return 'one sword';
  }

  @Rpc(Security.Authenticated)
  stock(): string[] {
    // By accident: a driver, a bug, a library. The caller need not read our passwords.
    throw new Error('cannot connect to postgres://shop:hunter2@10.0.0.3');
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['shop.example'], issuer: authority });
const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Shop());

// The log of this side has it all, and the name under which the caller knows it.
const incidents: string[] = [];
server.on('callFailed', (client, method, error, incident) => {
  incidents.push(incident);
  console.log(`${method} failed for client ${client.id}: ${String(error)}`);
});

const url = await server.startServer('ws://127.0.0.1:0');
const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'shop.example' });
await client.startClient(url);
const shop = client.rpc<Shop>('Shop');

try {
  await shop.buy('sword', 3);
} catch (error) {
  if (isRpcError<TooPoor>(error, 'TOO_POOR')) console.log(`${error.data?.missing} coins are missing`);
  else throw error;
}

const failure = await shop.stock().catch((error: unknown) => error);
equal(isRpcError(failure, RpcCode.INTERNAL), true);
match(String(failure), new RegExp(`incident ${incidents[0]}$`));

/** Whether it makes sense to ask again, later, whatever it was. */
function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof SealwireError && ['UNAVAILABLE', 'RESOURCE_EXHAUSTED'].includes(error.code);
}
deepEqual([failure, new SealwireError('UNAVAILABLE', 'away')].map(isWorthAnotherTry), [false, true]);

// What never left is an error of this side: a SealwireError, and no RpcError.
const unsendable = await client.invokeServerRpc('Shop.buy', [new Date()]).catch((error: unknown) => error);
equal(unsendable instanceof SealwireError && unsendable.code, 'INVALID_ARGUMENT');
equal(isRpcError(unsendable), false);

await client.stop();
await server.stop();
