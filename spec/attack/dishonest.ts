// A peer that knows the protocol, holds the keys of its own connection and keeps no rule: the reference client or
// server of spec/reference on a real transport, with a hand on what it seals and sends.

import type { IssuedCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import type { Listener, TransportConnection } from '../../lib/transport/transport.js';
import { type CallMessage, decodeCallMessages, encodeCallMessages } from '../reference/call-messages.js';
import { type ReferenceClientOptions, referenceClient } from '../reference/client.js';
import type { Direction } from '../reference/direction.js';
import { transports } from '../reference/messages.js';
import type { End, Peer } from '../reference/peer.js';
import { type ReferenceServerOptions, referenceServer } from '../reference/server.js';
import { signatureAlgorithms, signContent } from '../reference/signature.js';
import { authority, serverCertificate, serverName } from '../support/authority.js';
import { type Scheme, transport } from '../support/pair.js';
import { eventually } from '../support/settled.js';
import { vaultManifest } from './vault.js';

const transportCode: Record<Scheme, number> = {
  ws: transports.webSocket,
  tcp: transports.tcp,
  memory: transports.memory,
};

const maxFrameBytes = 2 ** 20;
const noLimits = { maxFrameBytes: 2 ** 24, maxFrameBytesLater: 2 ** 24 };

/** What becomes of a frame that the reference peer would send of itself. */
export type Alter = (peer: Peer, frame: Uint8Array) => Uint8Array;

export class Dishonest {
  readonly peer: Peer;
  /** Messages that came, under the flags that they had, oldest first. */
  readonly received: { readonly flags: number; readonly message: CallMessage }[] = [];
  /** How the connection ended: what the other side said, or undefined for a close without a word. */
  ended: { readonly by: End | undefined } | undefined;
  /** Reads what comes, and looks at none of it: so it has more time to send. */
  deaf = false;
  readonly #connection: TransportConnection;

  constructor(peer: Peer, connection: TransportConnection, alter: Alter = (_peer, frame) => frame) {
    this.peer = peer;
    this.#connection = connection;
    let end: End | undefined;
    connection.setMaxFrameBytes(2 ** 24);
    connection.open({
      frame: (frame) => {
        if (this.deaf) return;
        const turn = peer.receive(frame.slice());
        for (const answer of turn.send) connection.send(alter(peer, answer));
        for (const { flags, body } of turn.delivered) {
          for (const message of decodeCallMessages(body)) this.received.push({ flags, message });
        }
        end ??= turn.ended;
      },
      closed: () => {
        this.ended = { by: end };
      },
    });
  }

  /** Sends bytes as they are. */
  sendFrame(frame: Uint8Array): void {
    this.#connection.send(frame);
  }

  /** Seals a message under any flags, whatever is agreed. */
  say(flags: number, message: CallMessage): void {
    this.sendFrame(this.peer.send(flags, encodeCallMessages([message])));
  }

  /** Seals any body as a record of any type. */
  seal(flags: number, type: number, body: Uint8Array): Uint8Array {
    return this.direction.seal(flags, type, body);
  }

  /** The direction in which this peer sends: its sequence and generation. */
  get direction(): Direction {
    return (this.peer as unknown as { sending: Direction }).sending;
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#connection.bufferedBytes;
  }

  async answer(id: number): Promise<{ readonly flags: number; readonly message: CallMessage }> {
    const answers = () => this.received.find(({ message }) => 'id' in message && message.id === id);
    await eventually(`an answer to call ${id}`, () => answers() !== undefined || this.ended !== undefined);
    const answer = answers();
    if (answer === undefined) throw new Error(`the connection ended before call ${id} was answered`);
    return answer;
  }

  close(): void {
    this.#connection.destroy();
  }
}

/** Connects a reference client to a real server, with randoms of its own. */
export async function dishonestClient(
  scheme: Scheme,
  url: string,
  { alter, change }: { alter?: Alter; change?: Partial<ReferenceClientOptions> } = {},
): Promise<Dishonest> {
  const client = referenceClient({
    encryption: true,
    random: nodeCrypto.randomBytes(32),
    privateKey: nodeCrypto.randomBytes(32),
    suites: [1, 2],
    signatureAlgorithms: Object.values(signatureAlgorithms),
    serverName,
    transport: transportCode[scheme],
    allowed: 0b1111,
    announcement: { manifest: vaultManifest, maxFrameBytes },
    maxIterations: 10_000,
    ...change,
  });
  const connection = await transport(scheme, url).connect({
    signal: new AbortController().signal,
    ...noLimits,
  });
  const dishonest = new Dishonest(client, connection, alter);
  connection.send(client.start());
  await eventually('the handshake', () => client.stage === 'traffic' || dishonest.ended !== undefined);
  return dishonest;
}

/** What a reference role shows of a certificate made for specs, which has a key on P-256. */
export function showing({
  chain,
  pem,
}: IssuedCertificate): NonNullable<ReferenceClientOptions['certificate']> {
  const pkcs8 = new Uint8Array(Buffer.from(pem.key.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
  return {
    chain: [...chain],
    algorithm: signatureAlgorithms.ecdsaSecp256r1Sha256,
    sign: (content) => signContent(pkcs8, content),
  };
}

export interface DishonestServer {
  readonly url: string;
  /** One for each client that came, in order. */
  readonly connections: Dishonest[];
  close(): Promise<void>;
}

/** Listens as a reference server, with the certificate that clients of specs trust. */
export async function dishonestServer(
  scheme: Scheme,
  change: Partial<ReferenceServerOptions> = {},
  alter?: Alter,
): Promise<DishonestServer> {
  const connections: Dishonest[] = [];
  const address = scheme === 'memory' ? `memory://dishonest-${serversMade++}` : `${scheme}://127.0.0.1:0`;
  const listener: Listener = await transport(scheme, address).listen({
    ...noLimits,
    accept(connection) {
      const server = referenceServer({
        encryption: true,
        random: nodeCrypto.randomBytes(32),
        privateKey: nodeCrypto.randomBytes(32),
        suites: [1, 2],
        iterations: 1,
        certificate: showing(serverCertificate()),
        transport: transportCode[scheme],
        announcement: { manifest: vaultManifest, maxFrameBytes, allowed: 0b1111 },
        ...change,
      });
      connections.push(new Dishonest(server, connection, alter));
    },
  });
  return {
    url: listener.url,
    connections,
    async close() {
      for (const connection of connections) connection.close();
      await listener.close();
    },
  };
}

let serversMade = 0;

/** A real client, as specs configure it. */
export function realClient(config: NetworkConfig = {}, services: readonly object[] = []): NetworkingManager {
  const client = new NetworkingManager({ ca: authority().pem.certificate, serverName, ...config });
  for (const service of services) client.register(service);
  return client;
}
