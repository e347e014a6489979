// Who is who, on one server and on the next. Run it: node dist/samples/guide/tokens.js

import { deepEqual, equal } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  callContext,
  MemoryRevocations,
  NetworkingManager,
  Rpc,
  RpcError,
  SealwireError,
  Security,
} from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });
const certificate = { cert: pem.certificate, key: pem.key };
const TOKEN_KEY = randomBytes(32).toString('base64');

const accounts = new Map([
  ['ada', { pin: '1234', role: 'admin' }],
  ['bob', { pin: '5678', role: 'player' }],
]);

/** Looks at what the client sent before it believes it. */
function readLogin(credentials: unknown): { name: string; pin: string } {
  const { name, pin } = (credentials ?? {}) as Record<string, unknown>;
  if (typeof name === 'string' && typeof pin === 'string') return { name, pin };
  throw new RpcError('INVALID_ARGUMENT', 'give { name, pin }');
}

class Arena {
  @Rpc()
  motto(): string {
    return 'open to everybody';
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  profile(): string {
    return callContext().identity!.name;
  }

  @Rpc(Security.Encrypted | Security.Authenticated, { claims: { role: ['admin', 'referee'] } })
  ban(name: string): string {
    return `${callContext().identity!.name} bans ${name}`;
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  match(): unknown {
    const { identity } = callContext();
    return identity?.kind === 'token' ? identity.data : undefined;
  }
}

const revocations = new MemoryRevocations();

/** Every server of the fleet is made like this. */
function newServer(): NetworkingManager {
  return new NetworkingManager({
    certificate,
    authenticate: {
      password: async (credentials) => {
        const { name, pin } = readLogin(credentials);
        const account = accounts.get(name);
        if (account?.pin !== pin) return undefined; // refused: UNAUTHENTICATED
        return { subject: name, claims: { role: account.role }, public: { greeting: `hello, ${name}` } };
      },
    },
    tokens: {
      keys: [{ id: '2026-11', key: TOKEN_KEY }], // openssl rand -base64 32, the same on all servers
      lifetimeMs: 3_600_000, // the default
      revocations, // of one process; servers elsewhere share a store of yours
    },
  }).register(new Arena());
}

const lobby = newServer();
const game = newServer();
const lobbyUrl = await lobby.startServer('ws://127.0.0.1:0');
const gameUrl = await game.startServer('ws://127.0.0.1:0');
for (const [name, server] of Object.entries({ lobby, game })) {
  server.on('clientAuthenticated', (client, scheme = 'a token') => {
    console.log(`${name}: ${client.identity?.name}, by ${scheme}`);
  });
}

const client = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'arena.example',
  // Asked once for a connection, and only where no token will do: `reason` says why, such as TOKEN_EXPIRED.
  credentials: async ({ reason }) => {
    console.log(reason ?? 'the first time');
    return { scheme: 'password', credentials: { name: 'ada', pin: '1234' } };
  },
});
await client.startClient(lobbyUrl);
const arena = client.rpc<Arena>('Arena');
equal(await arena.profile(), 'ada');
equal(await arena.ban('mallory'), 'ada bans mallory');
deepEqual(client.token!.public, { greeting: 'hello, ada' });

// What the next server should know goes into the token; the client cannot read it.
const [player] = lobby.clients.values();
await lobby.updateIdentity(player!, { data: { match: 'm1' } });
equal(await arena.profile(), 'ada'); // by the time this is answered, the new token is here

client.on('moved', () => console.log('moved'));
await client.moveTo(gameUrl);
deepEqual(await arena.match(), { match: 'm1' });

// A client that is connected can become somebody else.
await client.authenticate({ scheme: 'password', credentials: { name: 'bob', pin: '5678' } });
equal(await codeOf(arena.ban('ada')), 'PERMISSION_DENIED');

// Keys change while the servers run: known everywhere, then used everywhere, then the old one goes.
const NEXT_KEY = randomBytes(32).toString('base64');
const next = { id: '2026-12', key: NEXT_KEY };
const last = { id: '2026-11', key: TOKEN_KEY };
for (const server of [lobby, game]) server.setTokenKeys([last, next]);
for (const server of [lobby, game]) server.setTokenKeys([next, last]);
await client.moveTo(lobbyUrl);
// … and an hour later, when the last token under it has run out:
for (const server of [lobby, game]) server.setTokenKeys([next]);

// All that bob was given until now, on whichever server; or one sign-in, by { id: identity.id }.
await game.revokeTokens({ subject: 'bob' });
equal(await codeOf(client.moveTo(gameUrl)), 'answered'); // the function `credentials` was asked: it is ada again
equal(await arena.profile(), 'ada');

// Somebody who has signed in elsewhere, on a web page, say.
const { text } = await lobby.issueToken({ subject: 'cleo', claims: { role: 'referee' } });
const page = new NetworkingManager({
  ca: authority.pem.certificate,
  serverName: 'arena.example',
  token: text,
});
await page.startClient(gameUrl);
console.log(await page.rpc<Arena>('Arena').ban('bob'));

await page.stop();
await client.stop();
await Promise.all([lobby.stop(), game.stop()]);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'answered';
  } catch (error) {
    return error instanceof SealwireError ? error.code : String(error);
  }
}
