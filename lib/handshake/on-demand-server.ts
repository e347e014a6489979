// The server of a connection that begins in the clear, and agrees on keys when somebody asks: docs/protocol.md sections 4.8
// and 7. on-demand.ts is the other side; this one is in no bundle for browsers.
//
//   ExpectFirstHello ─ PlainHello ─▸ PlainHello ─▸ Established, with a handshake for later
//                    └ anything else ─▸ the handshake of server.ts
//   later            ExpectLaterHello ─ begin() ─▸ HelloRequest; ClientHello ─▸ …        once, server.ts goes on

import { encodeHelloRequest, type HandshakeMessage, messageTypes } from '../wire/handshake-message.js';
import { readOnDemand } from './on-demand.js';
import { established, plainHello } from './plain.js';
import { overTransport } from './secure-transport-server.js';
import { ExpectClientHello, type ServerHandshakeConfig } from './server.js';
import { Handshake, helloFrame, PlainState, type Transition } from './state.js';

/** For a server that lets everybody begin in the clear: one that judges its clients starts the handshake of server.ts. */
export function startOnDemandServer(config: ServerHandshakeConfig): Handshake {
  return new Handshake(overTransport(config, new ExpectFirstHello(config)));
}

class ExpectFirstHello extends PlainState {
  readonly #config: ServerHandshakeConfig;

  constructor(config: ServerHandshakeConfig) {
    super();
    this.#config = config;
  }

  handle(message: HandshakeMessage): Transition {
    if (message.type !== messageTypes.plainHello) return new ExpectClientHello(this.#config).handle(message);
    const peer = readOnDemand(message, this.#config.transport);
    const reply = plainHello(this.#config, true);
    const preamble = { said: [message, reply], peer };
    const later = new Handshake(new ExpectLaterHello({ ...this.#config, preamble }));
    return { next: established(peer, later), send: [helloFrame(reply)] };
  }
}

class ExpectLaterHello extends PlainState {
  readonly #config: ServerHandshakeConfig;

  constructor(config: ServerHandshakeConfig) {
    super();
    this.#config = config;
  }

  handle(message: HandshakeMessage): Transition {
    return new ExpectClientHello(this.#config).handle(message);
  }

  begin(): Transition {
    return { next: this, send: [helloFrame(encodeHelloRequest())] };
  }
}
