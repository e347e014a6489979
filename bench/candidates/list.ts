// All candidates by name: where their code is, what they are called in tables, and the packages that they are made of.

export interface Entry {
  /** Of candidates/: the module that exports the candidate under its name. */
  readonly file: string;
  readonly title: string;
  /** How it is set up, where that is a choice. */
  readonly settings: string;
  /** Of these the versions are told. */
  readonly packages: readonly string[];
  /**
   * Whether its `ws` may find `bufferutil`, which masks natively: where the package brings it, or the title says so. npm lays it
   * where every `ws` would find it.
   */
  readonly bufferutil?: true;
}

function ours(transport: string, flags: string): Entry {
  return {
    file: 'sealwire',
    title: `Sealwire, ${transport}, ${flags}`,
    settings: 'its own handshake, defaults',
    packages: ['sealwire'],
  };
}

export const entries: Readonly<Record<string, Entry>> = {
  sealwire: ours('ws', 'both flags'),
  'sealwire-encrypted': ours('ws', 'Encrypted'),
  'sealwire-authenticated': ours('ws', 'Authenticated'),
  'sealwire-none': ours('ws', 'None'),
  'sealwire-tcp': ours('tcp', 'both flags'),
  'sealwire-tcp-encrypted': ours('tcp', 'Encrypted'),
  'sealwire-tcp-authenticated': ours('tcp', 'Authenticated'),
  'sealwire-tcp-none': ours('tcp', 'None'),
  ws: {
    file: 'ws',
    title: 'bare ws, no TLS',
    settings: 'msgpackr, no compression',
    packages: ['ws', 'msgpackr'],
  },
  'ws-tls': {
    file: 'ws',
    title: 'bare ws over TLS',
    settings: 'msgpackr, no compression, TLS 1.3',
    packages: ['ws', 'msgpackr'],
  },
  'ws-bufferutil': {
    file: 'ws',
    title: 'bare ws + bufferutil',
    settings: 'the same as ws, with the optional native addon',
    packages: ['ws', 'bufferutil', 'msgpackr'],
    bufferutil: true,
  },
  'ws-tls-bufferutil': {
    file: 'ws',
    title: 'ws over TLS + bufferutil',
    settings: 'the same as ws-tls, with the optional native addon',
    packages: ['ws', 'bufferutil', 'msgpackr'],
    bufferutil: true,
  },
  tcp: {
    file: 'tcp',
    title: 'bare TCP, no TLS',
    settings: 'msgpackr, length-prefixed, no delay',
    packages: ['msgpackr'],
  },
  tls: {
    file: 'tcp',
    title: 'node:tls',
    settings: 'msgpackr, length-prefixed, no delay, TLS 1.3',
    packages: ['msgpackr'],
  },
  colyseus: {
    file: 'colyseus',
    title: 'Colyseus, TLS',
    settings: 'one room, room.request, broadcast',
    packages: ['@colyseus/core', '@colyseus/ws-transport', '@colyseus/sdk'],
  },
  'rpc-websockets': {
    file: 'rpc-websockets',
    title: 'rpc-websockets, TLS',
    settings: 'JSON, events; it brings bufferutil',
    packages: ['rpc-websockets'],
    bufferutil: true,
  },
  'socket.io': {
    file: 'socket.io',
    title: 'socket.io, TLS',
    settings: 'WebSocket only, default parser, acknowledgements, a room',
    packages: ['socket.io', 'socket.io-client'],
  },
  capnweb: {
    file: 'capnweb',
    title: 'capnweb, TLS',
    settings: 'ws, RpcTarget, callbacks',
    packages: ['capnweb', 'ws'],
  },
  grpc: {
    file: 'grpc',
    title: 'gRPC (grpc-js), TLS',
    settings: 'unary calls, one channel a client, a server stream',
    packages: ['@grpc/grpc-js', '@grpc/proto-loader'],
  },
  trpc: {
    file: 'trpc',
    title: 'tRPC, TLS',
    settings: 'wsLink, mutations, a subscription',
    packages: ['@trpc/server', '@trpc/client', 'ws'],
  },
};
