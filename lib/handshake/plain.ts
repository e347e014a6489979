// The handshake of a connection without keys (`enableEncryption: false`): docs/protocol.md section 7.
//
//   PlainHello ─▸ ◂─ PlainHello, then plain frames only
//
// Both sides tell their manifest, unprotected. RPCs that ask for protection fail on such a connection.

import { peerExtensionMap, readPeerExtensions } from '../wire/extensions.js';
import {
  decodePlainHello,
  encodePlainHello,
  type HandshakeMessage,
  messageTypes,
} from '../wire/handshake-message.js';
import {
  Established,
  expectType,
  failed,
  Handshake,
  type HandshakeState,
  helloFrame,
  type Transition,
} from './state.js';

export interface PlainHandshakeConfig {
  readonly transport: number;
  readonly manifest: Uint8Array;
  readonly maxFrameBytes: number;
  /** Announced where it is given; left out, it is as much as a frame. */
  readonly maxMessageBytes?: number;
}

/** Only the combination without flags. */
const plainOnly = 0b0001;

export function startPlainClient(config: PlainHandshakeConfig): { handshake: Handshake; send: Uint8Array } {
  return { handshake: new Handshake(new ExpectPlainHello(config, 'client')), send: plainHello(config) };
}

export function startPlainServer(config: PlainHandshakeConfig): Handshake {
  return new Handshake(new ExpectPlainHello(config, 'server'));
}

class ExpectPlainHello implements HandshakeState {
  readonly opener: undefined;
  readonly #config: PlainHandshakeConfig;
  readonly #role: 'client' | 'server';

  constructor(config: PlainHandshakeConfig, role: 'client' | 'server') {
    this.#config = config;
    this.#role = role;
  }

  handle(message: HandshakeMessage): Transition {
    if (message.type === messageTypes.clientHello) {
      throw failed('encryption-mismatch', 'the client has encryption on (enableEncryption), this server off');
    }
    expectType(message, messageTypes.plainHello);
    const hello = decodePlainHello(message.body);
    if (hello.transport !== this.#config.transport) {
      throw failed('transport', 'the peer says that it speaks over another transport');
    }
    const next = new Established({
      protection: 'none',
      peer: readPeerExtensions(hello.extensions),
      allowed: plainOnly,
      peerChain: [],
      confirmed: true,
    });
    return { next, send: this.#role === 'server' ? [plainHello(this.#config)] : [] };
  }

  destroy(): void {
    // There are no secrets here.
  }
}

function plainHello({
  transport,
  manifest,
  maxFrameBytes,
  maxMessageBytes,
}: PlainHandshakeConfig): Uint8Array {
  const extensions = peerExtensionMap({
    manifest,
    maxFrameBytes,
    ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    allowed: undefined,
    certificateRequest: undefined,
  });
  return helloFrame(encodePlainHello({ transport, extensions }));
}
