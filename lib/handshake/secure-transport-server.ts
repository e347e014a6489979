// The server over TLS that it lets count: docs/protocol.md section 4.9. secure-transport-client.ts is the other side.
//
//   ExpectTransportHello ─ TransportHello that fits ─▸ sends TransportHello, PlainHello ─▸
//   ExpectClientsPlainHello ─ PlainHello ─▸ PendingVerdict ─ accept() sends Accepted ─▸ Established, or refuse() sends Refused
//
// Anything else, a TransportHello that does not fit among it, goes to the handshake that there would be without TLS, which
// asks for a ClientHello. Where nobody is asked for anything, the client's PlainHello leads to Established.

import type { SecureChannel } from '../transport/secure-channel.js';
import type { PeerExtensions } from '../wire/extensions.js';
import {
  decodeTransportHello,
  encodeTransportHello,
  type HandshakeMessage,
  messageTypes,
} from '../wire/handshake-message.js';
import { encodeAccepted } from '../wire/verdict-message.js';
import { channelBinding, securedBelow } from './channel-binding.js';
import { plainHello, readPlainHello } from './plain.js';
import type { ServerHandshakeConfig } from './server.js';
import {
  failed,
  type HandshakeState,
  helloFrame,
  PendingVerdict,
  PlainState,
  type Transition,
} from './state.js';
import { refusalOf } from './verdict.js';

/** Waits for a TransportHello that fits; everything else is for `otherwise`, and so is all where TLS does not count. */
export function overTransport(config: ServerHandshakeConfig, otherwise: HandshakeState): HandshakeState {
  const { secure, clientAuthentication } = config;
  // TLS that has not asked cannot tell who the client is; the handshake can.
  if (secure === undefined || (clientAuthentication !== 'none' && !secure.askedClient)) return otherwise;
  return new ExpectTransportHello(config, secure, otherwise);
}

class ExpectTransportHello implements HandshakeState {
  readonly opener: undefined;
  readonly #config: ServerHandshakeConfig;
  readonly #secure: SecureChannel;
  readonly #otherwise: HandshakeState;

  constructor(config: ServerHandshakeConfig, secure: SecureChannel, otherwise: HandshakeState) {
    this.#config = config;
    this.#secure = secure;
    this.#otherwise = otherwise;
  }

  handle(message: HandshakeMessage): Transition {
    const { crypto, transport, clientAuthentication } = this.#config;
    if (message.type !== messageTypes.transportHello) return this.#otherwise.handle(message);
    const said = decodeTransportHello(message.body);
    const binding = channelBinding(this.#secure);
    if (said.transport !== transport || !crypto.equal(said.binding, binding.client)) {
      return this.#otherwise.handle(message);
    }
    if (clientAuthentication === 'required' && this.#secure.peerChain.length === 0) {
      throw failed(
        'certificate-required',
        'the client has no certificate, and clientAuthentication is required',
      );
    }
    const send = [
      helloFrame(encodeTransportHello({ transport, binding: binding.server })),
      helloFrame(plainHello({ ...this.#config, approves: givesVerdict(this.#config) })),
    ];
    return { next: new ExpectClientsPlainHello(this.#config, this.#secure), send };
  }

  destroy(): void {
    this.#otherwise.destroy();
  }
}

class ExpectClientsPlainHello extends PlainState {
  readonly #config: ServerHandshakeConfig;
  readonly #secure: SecureChannel;

  constructor(config: ServerHandshakeConfig, secure: SecureChannel) {
    super();
    this.#config = config;
    this.#secure = secure;
  }

  handle(message: HandshakeMessage): Transition {
    const { transport, approves, clientAuthentication } = this.#config;
    const peer = readPlainHello(message, transport, true);
    if (peer.verdictFollows)
      throw failed('malformed', 'the client announces a verdict: only servers give one');
    // Who was not asked has shown nothing, whoever configured TLS.
    const peerChain = clientAuthentication === 'none' ? [] : this.#secure.peerChain;
    if (peerChain.length === 0 && !approves) return this.#finish(peer, peerChain);
    const verdict = new PendingVerdict({
      peerChain,
      peer,
      protection: 'transport',
      accept: () => this.#finish(peer, peerChain),
      ...(approves && { refuse: (denied) => helloFrame(refusalOf(denied)) }),
      destroy: () => undefined,
    });
    return { next: verdict, send: [] };
  }

  #finish(peer: PeerExtensions, peerChain: readonly Uint8Array[]): Transition {
    const send = givesVerdict(this.#config) ? [helloFrame(encodeAccepted())] : [];
    return { next: securedBelow(this.#secure, peer, peerChain), send };
  }
}

/** A certificate is judged when the client has spoken, so a client that shows one waits, too. */
function givesVerdict({ approves, clientAuthentication }: ServerHandshakeConfig): boolean {
  return approves === true || clientAuthentication !== 'none';
}
