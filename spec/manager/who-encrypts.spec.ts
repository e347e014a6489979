// The four flags over every transport: who encrypted what, by what somebody on the path sees of a word that the server says,
// and by what both ends say of it.
//
//   client ── near ──▸ nginx ── far ──▸ server        without a proxy there is one stretch
//
// On each stretch the bytes are searched for the word; so are the frames that come out of the client's transport. In the
// bytes and not in the frames: nobody. In neither: Sealwire. In the frames alone: TLS.

import { expect } from 'chai';
import { WebSocket } from 'ws';
import { Rpc } from '../../decorators/index.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { callContext } from '../../lib/rpc/call-context.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { BrowserWebSocketTransport } from '../../lib/transport/browser-websocket.js';
import { MemoryTransport } from '../../lib/transport/memory.js';
import { TcpTransport } from '../../lib/transport/tcp.js';
import type { ClientTransport } from '../../lib/transport/transport.js';
import { WebSocketTransport } from '../../lib/transport/websocket.js';
import { authority, credentials, serverCertificate, serverName } from '../support/authority.js';
import { startNginx } from '../support/nginx.js';
import { requireProgram } from '../support/requirements.js';
import { startTap, type Tap } from '../support/tap.js';
import { nothingUncaught } from '../support/uncaught.js';

class Words {
  @Rpc()
  say(word: string): unknown {
    const { security, client } = callContext();
    return { word: `<${word}>`, flags: security, protection: client.security.protection };
  }
}

interface Way {
  readonly name: string;
  /** What the server listens on. */
  readonly scheme: 'ws' | 'wss' | 'tcp' | 'tls' | 'memory';
  readonly nginx?: boolean;
  /** As a page in a browser does it, which sees nothing of TLS. */
  readonly browser?: boolean;
  readonly client?: NetworkConfig;
  readonly server?: NetworkConfig;
  readonly protection: string;
  /** By flags, from None to both: who encrypts on each stretch. */
  readonly encrypted: readonly [string, string, string, string];
}

const sealwire = ['nobody', 'Sealwire', 'nobody', 'Sealwire'] as const;
const both = ['TLS', 'TLS, Sealwire', 'TLS', 'TLS, Sealwire'] as const;
const tls = ['TLS', 'TLS', 'TLS', 'TLS'] as const;
const withProxy = (near: readonly string[], far: readonly string[]): Way['encrypted'] =>
  [0, 1, 2, 3].map((flags) => `${near[flags]} ▸ ${far[flags]}`) as unknown as Way['encrypted'];

const ways: readonly Way[] = [
  { name: 'ws', scheme: 'ws', protection: 'signed', encrypted: sealwire },
  { name: 'tcp', scheme: 'tcp', protection: 'signed', encrypted: sealwire },
  { name: 'memory', scheme: 'memory', protection: 'signed', encrypted: sealwire },
  { name: 'wss', scheme: 'wss', protection: 'transport', encrypted: tls },
  { name: 'tls', scheme: 'tls', protection: 'transport', encrypted: tls },
  {
    name: 'wss, trustSecureTransport: false at the client',
    scheme: 'wss',
    client: { trustSecureTransport: false },
    protection: 'signed',
    encrypted: both,
  },
  {
    name: 'tls, trustSecureTransport: false at the server',
    scheme: 'tls',
    server: { trustSecureTransport: false },
    protection: 'signed',
    encrypted: both,
  },
  { name: 'wss from a browser', scheme: 'wss', browser: true, protection: 'signed', encrypted: both },
  {
    name: 'wss ▸ nginx ▸ ws',
    scheme: 'ws',
    nginx: true,
    protection: 'signed',
    encrypted: withProxy(both, sealwire),
  },
  {
    name: 'wss ▸ nginx ▸ wss',
    scheme: 'wss',
    nginx: true,
    protection: 'signed',
    encrypted: withProxy(both, both),
  },
  {
    name: 'wss ▸ nginx ▸ ws, from a browser',
    scheme: 'ws',
    nginx: true,
    browser: true,
    protection: 'signed',
    encrypted: withProxy(both, sealwire),
  },
];

const flagNames = ['None', 'Encrypted', 'Authenticated', 'both'] as const;

describe('manager: who encrypts what', () => {
  nothingUncaught();
  const cleanUp: (() => unknown)[] = [];
  const table: string[][] = [];

  afterEach(async () => {
    for (const clean of cleanUp.splice(0).reverse()) await clean();
  });
  after(() => {
    const rows = [['', 'protection', ...flagNames], ...table];
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
    const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('   '));
    process.stdout.write(`\n${lines.map((line) => `      ${line}`).join('\n')}\n\n`);
  });

  for (const way of ways) {
    it(`over ${way.name}`, async function () {
      if (way.nginx) requireProgram(this, 'nginx', '-v');
      const { client, peer, taps, frames } = await connect(way);
      expect([client.connection!.security.protection, peer.security.protection]).to.deep.equal([
        way.protection,
        way.protection,
      ]);
      const encrypted: string[] = [];
      for (const flags of [0, 1, 2, 3]) {
        const really = way.protection === 'transport' ? 3 : flags;
        const calls = {
          down: () => client.invokeServerRpc('Words.say', [`down${flags}`], { security: flags }),
          up: () => peer.invoke('Words.say', [`up${flags}`], { security: flags }),
        };
        for (const [direction, call] of Object.entries(calls)) {
          expect(await call()).to.deep.equal({
            word: `<${direction}${flags}>`,
            flags: really,
            protection: way.protection,
          });
        }
        // Said by the server alone: what a client sends is masked.
        encrypted.push(taps.map((tap) => whoEncrypts(`<down${flags}>`, tap, frames)).join(' ▸ '));
      }
      expect(encrypted).to.deep.equal([...way.encrypted]);
      table.push([way.name, way.protection, ...encrypted]);
    });
  }

  it('tells both ends the same keys, which nobody between them has', async () => {
    const { client, peer } = await connect(ways.find(({ name }) => name === 'wss')!);
    const key = (end: { exportKey(label: string, bytes: number): Uint8Array }) =>
      Buffer.from(end.exportKey('spec', 32)).toString('hex');
    expect(key(client.connection!)).to.equal(key(peer));
  });

  /** Undefined bytes where nobody can be on the path: then the frames are what one would see. */
  function whoEncrypts(word: string, tap: Tap | undefined, frames: readonly Uint8Array[]): string {
    const inFrames = frames.some((frame) => Buffer.from(frame).includes(word));
    const bytes = tap?.toClient ?? Buffer.concat(frames);
    // A record of the handshake, RFC 9846 §5.1.
    const speaksTls = tap !== undefined && bytes[0] === 0x16;
    const inBytes = bytes.includes(word);
    expect(inBytes, 'in the bytes').to.equal(!speaksTls && inFrames);
    return [speaksTls && 'TLS', !inFrames && 'Sealwire'].filter(Boolean).join(', ') || 'nobody';
  }

  async function connect(way: Way) {
    const server = new NetworkingManager({
      certificate: credentials(serverCertificate()),
      ...way.server,
    }).register(new Words());
    cleanUp.push(() => server.stop());
    const isMemory = way.scheme === 'memory';
    const listening = await server.startServer(
      isMemory ? 'memory://who-encrypts' : `${way.scheme}://127.0.0.1:0`,
    );
    const taps: (Tap | undefined)[] = [];
    let url = listening;
    if (!isMemory) url = await tapped(url, taps);
    if (way.nginx) {
      const nginx = await startNginx({ certificate: serverCertificate(), upstream: url });
      cleanUp.push(() => nginx.stop());
      url = await tapped(nginx.url, taps);
    }
    if (isMemory) taps.push(undefined);
    const client = new NetworkingManager({
      ca: authority().pem.certificate,
      serverName,
      ...way.client,
    }).register(new Words());
    cleanUp.push(() => client.stop());
    const frames: Uint8Array[] = [];
    const connected = new Promise<Peer>((resolve) => server.on('clientConnected', resolve));
    await client.startClient(watched(transportTo(url, way.browser), frames));
    return { client, peer: await connected, taps, frames };
  }

  async function tapped(url: string, taps: (Tap | undefined)[]): Promise<string> {
    const tap = await startTap(url);
    cleanUp.push(() => tap.stop());
    taps.unshift(tap);
    return tap.url;
  }
});

/** As browsers judge the certificate: by themselves, and they tell nobody of it. */
class PagesWebSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, {
      ca: authority().pem.certificate,
      checkServerIdentity: (() => undefined) as never,
    });
  }
}

function transportTo(url: string, browser = false): ClientTransport {
  if (browser) return new BrowserWebSocketTransport(url, { WebSocket: PagesWebSocket as never });
  if (url.startsWith('memory')) return new MemoryTransport(url);
  return url.startsWith('t') ? new TcpTransport(url) : new WebSocketTransport(url);
}

/** Writes down what comes out of a transport. */
function watched(transport: ClientTransport, frames: Uint8Array[]): ClientTransport {
  return {
    hostname: transport.hostname,
    usesTls: transport.usesTls ?? false,
    async connect(options) {
      const connection = await transport.connect(options);
      const open = connection.open.bind(connection);
      connection.open = (receiver) =>
        open({
          frame(frame) {
            frames.push(frame.slice());
            receiver.frame(frame);
          },
          closed: (error) => receiver.closed(error),
        });
      return connection;
    },
  };
}
