// Arguments and results held to schemas, here of zod and of valibot. Run it: node dist/samples/guide/validation.js

import { deepEqual, equal } from 'node:assert/strict';
import {
  type ArgumentIssue,
  isRpcError,
  NetworkingManager,
  Rpc,
  RpcCode,
  type SchemaOutput,
  Security,
} from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';
import * as v from 'valibot';
import { z } from 'zod';

const Name = z.string().trim().min(1).max(20);
const Profile = z.object({
  colour: z.enum(['red', 'blue']).default('red'),
  level: z.number().int().min(1),
});
type Profile = SchemaOutput<typeof Profile>;

class Players {
  readonly #profiles = new Map<string, Profile>();

  /** One schema for each argument. The method gets what they make: a trimmed name, a colour where there was none. */
  @Rpc(Security.Authenticated, { params: [Name, Profile] })
  save(name: string, profile: Profile): string {
    this.#profiles.set(name, profile);
    return name;
  }

  /** What leaves is held to a schema, too: of an object, what the schema does not know stays here. */
  @Rpc(Security.Authenticated, { params: [Name], result: Profile.nullable() })
  load(name: string): Profile | null {
    return this.#profiles.get(name) ?? null;
  }

  /** One schema for all arguments, where they depend on each other or their number is open. */
  @Rpc(Security.Authenticated, {
    params: v.pipe(
      v.tuple([v.number(), v.number()]),
      v.check(([from, to]) => from <= to, 'from must not be above to'),
    ),
  })
  between(from: number, to: number): number {
    return [...this.#profiles.values()].filter(({ level }) => level >= from && level <= to).length;
  }

  /** Without a schema: no more arguments than this, and the method looks at them itself. */
  @Rpc(Security.Authenticated)
  forget(name: unknown): boolean {
    return typeof name === 'string' && this.#profiles.delete(name);
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['players.example'], issuer: authority });
const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Players());
server.on('callRefused', (_client, method, code) => console.log(`${method} refused: ${code}`));
const url = await server.startServer('ws://127.0.0.1:0');
const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'players.example' });
await client.startClient(url);

const players = client.rpc<Players>('Players');
equal(await players.save(' ada ', { colour: 'blue', level: 3 }), 'ada');
deepEqual(await players.load('ada'), { colour: 'blue', level: 3 });
equal(await players.load('bob'), null);
equal(await players.between(1, 5), 1);

// What is wrong, and where: for a form to show, or a log.
try {
  await players.save('bob', { colour: 'red', level: 0 });
} catch (error) {
  if (!isRpcError<{ issues: ArgumentIssue[] }>(error, RpcCode.INVALID_ARGUMENT)) throw error;
  const [issue] = error.data?.issues ?? [];
  console.log(`argument ${issue?.argument} at ${issue?.path.join('.')}: ${issue?.message}`);
}

// A peer need not be TypeScript: types end at the wire, schemas do not.
const wrong: [method: string, args: unknown[]][] = [
  ['Players.save', ['bob', 'a string in the place of a profile']],
  ['Players.between', [5, 1]],
  ['Players.forget', ['ada', 'and one argument more']],
];
for (const [method, args] of wrong) {
  const refusal = await client.invokeServerRpc(method, args).catch((error: unknown) => error);
  equal(isRpcError(refusal, RpcCode.INVALID_ARGUMENT), true);
}
equal(await players.forget('ada'), true);

await client.stop();
await server.stop();
