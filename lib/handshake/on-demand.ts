// The client of a connection that begins in the clear, and agrees on keys when somebody asks: docs/protocol.md sections 4.8
// and 7. on-demand-server.ts is the other side.
//
//   client   PlainHello ─▸ ExpectPlainReply ─ PlainHello ─▸ Established, with a handshake for later
//                                           └ HelloRequest ─▸ ClientHello, at once
//   later    client: ExpectHelloRequest ─ begin(), or HelloRequest ─▸ ClientHello …      once, client.ts goes on
//
// Both sides must say on_demand in their PlainHello, or there is no such connection.

import type { PeerExtensions } from '../wire/extensions.js';
import { decodeHelloRequest, type HandshakeMessage, messageTypes } from '../wire/handshake-message.js';
import { type ClientHandshakeConfig, greet } from './client.js';
import { established, plainHello, readPlainHello } from './plain.js';
import { expectType, failed, Handshake, helloFrame, PlainState, type Transition } from './state.js';

/** The frame is to be sent at once. It says nothing that has to be sealed: no connection data, no certificate. */
export function startOnDemandClient(config: ClientHandshakeConfig): {
  handshake: Handshake;
  send: Uint8Array;
} {
  const hello = plainHello(config, true);
  return { handshake: new Handshake(new ExpectPlainReply(config, hello)), send: helloFrame(hello) };
}

class ExpectPlainReply extends PlainState {
  readonly #config: ClientHandshakeConfig;
  readonly #hello: HandshakeMessage;

  constructor(config: ClientHandshakeConfig, hello: HandshakeMessage) {
    super();
    this.#config = config;
    this.#hello = hello;
  }

  handle(message: HandshakeMessage): Transition {
    if (message.type === messageTypes.helloRequest) {
      decodeHelloRequest(message.body);
      const { next, frame } = greet({ ...this.#config, preamble: { said: [this.#hello, message] } });
      return { next, send: [frame] };
    }
    const peer = readOnDemand(message, this.#config.transport);
    const preamble = { said: [this.#hello, message], peer };
    const later = new Handshake(new ExpectHelloRequest({ ...this.#config, preamble }));
    return { next: established(peer, later), send: [] };
  }
}

/** Throws unless the peer would begin in the clear as well. */
export function readOnDemand(message: HandshakeMessage, transport: number): PeerExtensions {
  const peer = readPlainHello(message, transport);
  if (!peer.onDemand) {
    throw failed('encryption-mismatch', 'the peer has encryption off (enableEncryption), this side on');
  }
  if (peer.verdictFollows) throw failed('malformed', 'a verdict comes under keys, where there can be any');
  return peer;
}

/** The client, on a living connection: somebody wants keys, on either side. */
class ExpectHelloRequest extends PlainState {
  readonly #config: ClientHandshakeConfig;

  constructor(config: ClientHandshakeConfig) {
    super();
    this.#config = config;
  }

  handle(message: HandshakeMessage): Transition {
    expectType(message, messageTypes.helloRequest);
    decodeHelloRequest(message.body);
    return this.begin();
  }

  begin(): Transition {
    const { next, frame } = greet(this.#config);
    return { next, send: [frame] };
  }
}
