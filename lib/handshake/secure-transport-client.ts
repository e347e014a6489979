// The client over TLS that it lets count: docs/protocol.md section 4.9. secure-transport-server.ts is the other side.
//
//   TransportHello ─▸ ExpectTransportReply ─ TransportHello ─▸ ExpectServersPlainHello ─ PlainHello ─▸
//   PendingVerdict ─ accept() sends PlainHello ─▸ ExpectWord ─ Accepted ─▸ Established, or Refused ─▸ the end
//
// Where the server announces no verdict, accept() leads to Established. HelloRequest in the place of the server's
// TransportHello: somebody ends TLS on the way, or the server does not let it count; then the handshake of client.ts runs.
// By then this side has said 32 bytes that are of no use to anybody, and nothing of the application.

import type { SecureChannel } from '../transport/secure-channel.js';
import type { PeerExtensions } from '../wire/extensions.js';
import {
  decodeHelloRequest,
  decodeTransportHello,
  encodeTransportHello,
  type HandshakeMessage,
  messageTypes,
} from '../wire/handshake-message.js';
import { type ChannelBinding, channelBinding, securedBelow } from './channel-binding.js';
import { type ClientHandshakeConfig, greet } from './client.js';
import { plainHello, readPlainHello } from './plain.js';
import {
  expectType,
  failed,
  Handshake,
  helloFrame,
  PendingVerdict,
  PlainState,
  type Transition,
} from './state.js';
import { ExpectWord } from './verdict.js';

/** The frame is to be sent at once. Throws ENCRYPTION_UNAVAILABLE when the connection is over. */
export function startSecureClient(
  config: ClientHandshakeConfig,
  secure: SecureChannel,
): { handshake: Handshake; send: Uint8Array } {
  const binding = channelBinding(secure);
  const hello = encodeTransportHello({ transport: config.transport, binding: binding.client });
  const first = new ExpectTransportReply({ config, secure }, hello, binding);
  return { handshake: new Handshake(first), send: helloFrame(hello) };
}

interface Secured {
  readonly config: ClientHandshakeConfig;
  readonly secure: SecureChannel;
}

class ExpectTransportReply extends PlainState {
  readonly #secured: Secured;
  readonly #hello: HandshakeMessage;
  readonly #binding: ChannelBinding;

  constructor(secured: Secured, hello: HandshakeMessage, binding: ChannelBinding) {
    super();
    this.#secured = secured;
    this.#hello = hello;
    this.#binding = binding;
  }

  handle(message: HandshakeMessage): Transition {
    const { config } = this.#secured;
    if (message.type === messageTypes.helloRequest) {
      decodeHelloRequest(message.body);
      const { next, frame } = greet({ ...config, preamble: { said: [this.#hello, message] } });
      return { next, send: [frame] };
    }
    expectType(message, messageTypes.transportHello);
    const { transport, binding } = decodeTransportHello(message.body);
    if (transport !== config.transport || !config.crypto.equal(binding, this.#binding.server)) {
      throw failed(
        'channel-binding',
        "what answers is not the other end of this side's TLS, and wants to pass for it: somebody is in between",
      );
    }
    return { next: new ExpectServersPlainHello(this.#secured), send: [] };
  }
}

class ExpectServersPlainHello extends PlainState {
  readonly #secured: Secured;

  constructor(secured: Secured) {
    super();
    this.#secured = secured;
  }

  handle(message: HandshakeMessage): Transition {
    const peer = readPlainHello(message, this.#secured.config.transport, true);
    if (peer.connectionData !== undefined)
      throw failed('malformed', 'the server says connection data: only clients do');
    const verdict = new PendingVerdict({
      peerChain: this.#secured.secure.peerChain,
      peer,
      protection: 'transport',
      accept: (connectionData) => this.#answer(peer, connectionData),
      destroy: () => undefined,
    });
    return { next: verdict, send: [] };
  }

  #answer(peer: PeerExtensions, connectionData: Uint8Array | undefined): Transition {
    const { config, secure } = this.#secured;
    const send = [helloFrame(plainHello(config, false, connectionData))];
    const through = securedBelow(secure, peer, secure.peerChain);
    return { next: peer.verdictFollows ? new ExpectWord(through) : through, send };
  }
}
