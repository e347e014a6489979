// Type tests of the manager: configuration, life cycle, events, the explicit form of a call.

import {
  type ArgumentIssue,
  type Certificate,
  type ClientTransport,
  callContext,
  type HeldToken,
  isRpcError,
  type Json,
  type Metadata,
  type NetworkConfig,
  NetworkingManager,
  nobleCrypto,
  type Peer,
  type PeerIdentity,
  RpcError,
  SealwireError,
  Security,
  type ServerTransport,
} from '../../lib/index.js';
import { NetworkingManager as BrowserManager } from '../../lib/manager/browser.js';
import { type Equal, expectType } from './equal.js';

export async function theExplicitForm(client: NetworkingManager, peer: Peer): Promise<void> {
  const untyped = await client.invokeServerRpc('Arena.move', [1, 2]);
  expectType<Equal<typeof untyped, unknown>>(true);
  const level = await client.invokeServerRpc<number>('Arena.level');
  expectType<Equal<typeof level, number>>(true);
  const hit = await client.invokeClientRpc<boolean>(peer, 'Hud.damage', [5], {
    security: Security.Encrypted,
  });
  expectType<Equal<typeof hit, boolean>>(true);
  void client.invokeClientRpc(1, 'Hud.damage', [5] as const);
  void peer.invoke<string>('Hud.text');
  // @ts-expect-error arguments are an array
  void client.invokeServerRpc('Arena.move', 1);
  // @ts-expect-error an option that does not exist
  void client.invokeServerRpc('Arena.move', [], { retries: 3 });
  // @ts-expect-error a client is a peer or its id
  void client.invokeClientRpc('ada', 'Hud.damage', [5]);
  // @ts-expect-error the result is what was said
  const text: string = await client.invokeServerRpc<number>('Arena.level');
  void text;
}

export function whatTravelsAndWhatComesBack(client: NetworkingManager, caught: unknown): void {
  const metadata: Metadata = { 'trace-id': 'd71f', key: new Uint8Array(4) };
  void client.invokeServerRpc('Arena.move', [1, 2], { metadata });
  expectType<Equal<ReturnType<typeof callContext>['metadata'], Metadata>>(true);
  // @ts-expect-error text or bytes
  const wrong: Metadata = { 'trace-id': 5 };
  void wrong;
  if (isRpcError<{ issues: ArgumentIssue[] }>(caught, 'INVALID_ARGUMENT')) {
    expectType<Equal<typeof caught.data, { issues: ArgumentIssue[] } | undefined>>(true);
  }
}

export function configurations(): NetworkConfig[] {
  const good: NetworkConfig[] = [
    {},
    { enableEncryption: false },
    { certificate: { pfx: new Uint8Array(), passphrase: 'x', alias: 'y' }, crypto: nobleCrypto },
    { certificate: { cert: 'PEM', key: 'PEM' }, keyStretching: { iterations: 1 } },
    { ca: ['PEM', new Uint8Array()], serverName: 'arena.example', limits: { maxCallMs: 5 } },
    {
      validateCertificate: (chain, hostname, context) =>
        chain.length > 0 && hostname !== '' && context.validateDefault(),
    },
    { clientAuthentication: 'optional', ca: 'PEM', certificate: { pfx: 'base64' } },
    { validateCertificate: async () => true, minimumSecurity: Security.Encrypted | Security.Authenticated },
  ];
  const bad: NetworkConfig[] = [
    // @ts-expect-error a word that is nearly right
    { enableEncrypton: true },
    // @ts-expect-error not a boolean
    { signKeyExchange: 'no' },
    // @ts-expect-error a key without its certificate
    { certificate: { key: 'PEM' } },
    // @ts-expect-error a path is no certificate
    { certificate: 'server.pfx' },
    // @ts-expect-error a number where an object belongs
    { keyStretching: 1000 },
    // @ts-expect-error no such limit
    { limits: { maxPlayers: 5 } },
    // @ts-expect-error a limit is a number
    { limits: { maxCallMs: '5s' } },
    // @ts-expect-error only a boolean decides
    { validateCertificate: () => 'yes' },
    // @ts-expect-error only a boolean decides, later as well
    { validateCertificate: async () => 1 },
    // @ts-expect-error one of three words
    { clientAuthentication: true },
    // @ts-expect-error no crypto backend
    { crypto: { name: 'mine' } },
    // @ts-expect-error announced for later versions: nothing may be believed to protect that does not
    { resumption: true },
  ];
  return [...good, ...bad];
}

export async function lifeCycle(manager: NetworkingManager, transport: ClientTransport): Promise<void> {
  expectType<Equal<Awaited<ReturnType<typeof manager.startServer>>, string>>(true);
  expectType<Equal<Awaited<ReturnType<typeof manager.startClient>>, void>>(true);
  expectType<Equal<typeof manager.connection, Peer | undefined>>(true);
  await manager.startClient(transport);
  manager
    .register({})
    .register('Arena', {})
    .on('disconnected', () => undefined);
  // @ts-expect-error a server needs a transport that listens
  await manager.startServer(transport);
  // @ts-expect-error a name without its service
  manager.register('Arena');
  // @ts-expect-error a URL is a string
  await manager.startClient(7777);
  // @ts-expect-error the server has ended it, or not: the program cannot set it
  manager.connection = undefined;
  // @ts-expect-error the configuration may hold a passphrase: nobody reads it back
  void manager.config;
  // @ts-expect-error a browser has the client's role alone
  await new BrowserManager().startServer('memory://arena');
}

export async function hosts(manager: NetworkingManager, transport: ServerTransport): Promise<void> {
  const url = await manager.startHost();
  expectType<Equal<typeof url, string>>(true);
  await manager.startHost('ws://0.0.0.0:7777');
  await manager.startHost(transport);
  const { hostClient } = manager;
  expectType<Equal<typeof hostClient, Peer | undefined>>(true);
  expectType<Equal<Peer['isHost'], boolean>>(true);
  // @ts-expect-error a transport or a URL
  await manager.startHost(7777);
  // @ts-expect-error it comes with startHost() and goes with its connection
  manager.hostClient = undefined;
  // @ts-expect-error a browser has the client's role alone
  await new BrowserManager().startHost();
}

export function events(manager: NetworkingManager): void {
  manager
    .on('clientConnected', (client) => expectType<Equal<typeof client, Peer>>(true))
    .on('clientDisconnected', (client, error) => {
      expectType<Equal<typeof client, Peer>>(true);
      expectType<Equal<typeof error, SealwireError>>(true);
    })
    .on('disconnected', (error) => expectType<Equal<typeof error, SealwireError>>(true))
    .on('encryptionEstablished', (peer) => expectType<Equal<typeof peer, Peer>>(true))
    .on('encryptionFailed', (error, remoteAddress) => {
      expectType<Equal<typeof error, SealwireError>>(true);
      expectType<Equal<typeof remoteAddress, string>>(true);
    })
    .on('callFailed', (peer, method, error) => {
      expectType<Equal<[typeof peer, typeof method, typeof error], [Peer, string, unknown]>>(true);
    })
    .on('callRefused', (peer, method, code) => {
      expectType<Equal<[typeof peer, typeof method, typeof code], [Peer, string, string]>>(true);
    });
  manager.off('disconnected', () => undefined);
  // @ts-expect-error no such event
  manager.on('connected', () => undefined);
  // @ts-expect-error the listener gets an error, not a string
  manager.on('disconnected', (reason: string) => reason);
  // @ts-expect-error more than there is to hear
  manager.on('clientConnected', (client: Peer, name: string) => [client, name]);
}

export function onDemand(manager: NetworkingManager): void {
  const known: NetworkConfig[] = [{ encryption: 'onDemand' }, { encryption: 'onConnect' }];
  // @ts-expect-error now, or when somebody asks
  const never: NetworkConfig = { encryption: 'never' };
  void [known, never];
  const peer = manager.connection!;
  expectType<Equal<ReturnType<typeof peer.establishEncryption>, Promise<void>>>(true);
  expectType<Equal<typeof peer.security.state, 'plain' | 'securing' | 'secured'>>(true);
  void peer.invoke('Lobby.rooms', [], { inTheClear: true });
  // @ts-expect-error yes or no
  void peer.invoke('Lobby.rooms', [], { inTheClear: 1 });
  // @ts-expect-error it is told, not set
  peer.security.state = 'secured';
}

export function errors(caught: unknown): void {
  if (!(caught instanceof RpcError)) return;
  expectType<Equal<RpcError<{ retryAfterMs: number }>['data'], { retryAfterMs: number } | undefined>>(true);
  expectType<Equal<SealwireError['reason'], string | undefined>>(true);
  const late = new RpcError('RESOURCE_EXHAUSTED', 'later', { retryAfterMs: 5 });
  expectType<Equal<typeof late, RpcError<{ retryAfterMs: number }>>>(true);
  void new RpcError('NO_SUCH_MATCH', 'an application has codes of its own');
  // @ts-expect-error a code is a string
  void new RpcError(404, 'not found');
  // @ts-expect-error a code cannot be changed
  caught.code = 'OTHER';
}

export function context(): void {
  const { client, identity, security, signal, deadline } = callContext();
  expectType<Equal<typeof identity, PeerIdentity | undefined>>(true);
  expectType<Equal<typeof client.identity, PeerIdentity | undefined>>(true);
  if (identity?.kind === 'certificate') {
    expectType<Equal<[typeof identity.name, typeof identity.certificate], [string, Certificate]>>(true);
    // @ts-expect-error it is told, not set
    identity.name = 'root';
  }
  if (identity?.kind === 'token') {
    expectType<Equal<[typeof identity.name, typeof identity.data], [string, Json]>>(true);
    expectType<Equal<typeof identity.expiresAt, Date | undefined>>(true);
    // @ts-expect-error what is known of a client is changed by updateIdentity()
    identity.claims.role = 'admin';
    // @ts-expect-error a token is no certificate
    void identity.certificate;
  }
  // @ts-expect-error which of the two it is must be asked first
  void identity?.certificate;
  expectType<Equal<[typeof client, typeof security], [Peer, number]>>(true);
  expectType<Equal<[typeof signal, typeof deadline], [AbortSignal, Date | undefined]>>(true);
  // @ts-expect-error it is told, not set
  callContext().security = 3;
}

export async function tokens(key: Uint8Array): Promise<void> {
  const server = new NetworkingManager({
    authenticate: {
      password: async (credentials, { client, scheme, signal }) => {
        expectType<Equal<[typeof credentials, typeof scheme], [unknown, string]>>(true);
        expectType<Equal<[typeof client, typeof signal], [Peer, AbortSignal]>>(true);
        return credentials === 'ada'
          ? { subject: 'ada', claims: { role: 'admin' }, data: [1, null] }
          : undefined;
      },
      steam: () => false,
    },
    tokens: { keys: [{ id: 'one', key }], lifetimeMs: 60_000 },
  });
  // @ts-expect-error who it is must be said
  void new NetworkingManager({ authenticate: () => ({ claims: {} }) });
  // @ts-expect-error a Date is no JSON
  void new NetworkingManager({ authenticate: () => ({ subject: 'ada', data: new Date() }) });
  // @ts-expect-error there is no default key
  void new NetworkingManager({ tokens: {} });
  server.setTokenKeys([{ id: 'two', key: 'base64' }]);
  await server.revokeTokens({ subject: 'ada' });
  await server.revokeTokens({ id: 'x' });
  // @ts-expect-error by subject or by sign-in
  await server.revokeTokens('ada');
  // @ts-expect-error a client stays who it is, unless it authenticates
  await server.updateIdentity(1, { subject: 'bob' });
  const { text } = await server.issueToken({ subject: 'cleo' });
  const client = new NetworkingManager({
    token: text,
    credentials: ({ reason, signal }) => {
      expectType<Equal<[typeof reason, typeof signal], [string | undefined, AbortSignal]>>(true);
      return reason === undefined ? undefined : { credentials: 'ada' };
    },
  });
  const told = await client.authenticate({ scheme: 'password', credentials: { pin: 1 } });
  expectType<Equal<typeof told, Json>>(true);
  await client.moveTo('ws://next.example', { drainMs: 0, serverName: 'next.example' });
  expectType<Equal<typeof client.token, HeldToken | undefined>>(true);
}
