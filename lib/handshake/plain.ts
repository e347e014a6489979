// The handshake of a connection without keys (`enableEncryption: false`): docs/protocol.md section 7.
//
//   PlainHello ─▸ ◂─ PlainHello, then plain frames only; in between, where the server approves its clients, its verdict
//
// Both sides tell their manifest, unprotected. RPCs that ask for protection fail on such a connection. No client says
// connection data here, and what the server says of a client is as good as whoever is on the path.

import { plainOnly } from '../contract/security.js';
import { type PeerExtensions, peerExtensionMap, readPeerExtensions } from '../wire/extensions.js';
import {
  decodePlainHello,
  encodePlainHello,
  type HandshakeMessage,
  messageTypes,
} from '../wire/handshake-message.js';
import { encodeAccepted } from '../wire/verdict-message.js';
import {
  Established,
  expectType,
  failed,
  Handshake,
  helloFrame,
  PendingVerdict,
  PlainState,
  type Transition,
} from './state.js';
import { ExpectWord, refusalOf } from './verdict.js';

export interface PlainHandshakeConfig {
  readonly transport: number;
  readonly manifest: Uint8Array;
  readonly maxFrameBytes: number;
  /** Announced where it is given; left out, it is as much as a frame. */
  readonly maxMessageBytes?: number;
  /** Servers: every client is judged, and told; a PendingVerdict comes out. */
  readonly approves?: boolean;
}

export function startPlainClient(config: PlainHandshakeConfig): { handshake: Handshake; send: Uint8Array } {
  return {
    handshake: new Handshake(new ExpectPlainHello(config, 'client')),
    send: helloFrame(plainHello(config)),
  };
}

export function startPlainServer(config: PlainHandshakeConfig): Handshake {
  return new Handshake(new ExpectPlainHello(config, 'server'));
}

class ExpectPlainHello extends PlainState {
  readonly #config: PlainHandshakeConfig;
  readonly #role: 'client' | 'server';

  constructor(config: PlainHandshakeConfig, role: 'client' | 'server') {
    super();
    this.#config = config;
    this.#role = role;
  }

  handle(message: HandshakeMessage): Transition {
    if (message.type === messageTypes.clientHello || message.type === messageTypes.transportHello) {
      throw failed('encryption-mismatch', 'the client has encryption on (enableEncryption), this server off');
    }
    const peer = readPlainHello(message, this.#config.transport);
    if (peer.onDemand) {
      throw failed(
        'encryption-mismatch',
        'the peer wants encryption (on demand), and enableEncryption is off here',
      );
    }
    if (this.#role === 'client') {
      const through = established(peer);
      return { next: peer.verdictFollows ? new ExpectWord(through) : through, send: [] };
    }
    if (peer.verdictFollows)
      throw failed('malformed', 'the client announces a verdict: only servers give one');
    const next = this.#config.approves ? pendingVerdict(peer) : established(peer);
    return { next, send: [helloFrame(plainHello(this.#config))] };
  }
}

function pendingVerdict(peer: PeerExtensions): PendingVerdict {
  return new PendingVerdict({
    peerChain: [],
    peer,
    protection: 'none',
    accept: () => ({ next: established(peer), send: [helloFrame(encodeAccepted())] }),
    refuse: (denied) => helloFrame(refusalOf(denied)),
    destroy: () => undefined,
  });
}

/** `later`: where keys may yet be agreed. */
export function established(peer: PeerExtensions, later?: Handshake): Established {
  return new Established({
    protection: 'none',
    peer,
    allowed: plainOnly,
    peerChain: [],
    confirmed: true,
    ...(later && { later }),
  });
}

export function plainHello(
  { transport, manifest, maxFrameBytes, maxMessageBytes, approves }: PlainHandshakeConfig,
  onDemand = false,
  connectionData?: Uint8Array,
): HandshakeMessage {
  const extensions = peerExtensionMap({
    manifest,
    maxFrameBytes,
    ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    allowed: undefined,
    certificateRequest: undefined,
    ...(approves && { verdictFollows: true }),
    ...(onDemand && { onDemand }),
    ...(connectionData && { connectionData }),
  });
  return encodePlainHello({ transport, extensions });
}

/**
 * What the peer says in a PlainHello. `secured`: under TLS between the two peers. Throws for anything else, and for a PlainHello of
 * another transport than this one: somebody has carried it over.
 */
export function readPlainHello(
  message: HandshakeMessage,
  transport: number,
  secured = false,
): PeerExtensions {
  expectType(message, messageTypes.plainHello);
  const hello = decodePlainHello(message.body, secured);
  if (hello.transport !== transport)
    throw failed('transport', 'the peer says that it speaks over another transport');
  return readPeerExtensions(hello.extensions);
}
