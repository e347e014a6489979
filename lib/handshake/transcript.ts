// Everything that either side has said, as one hash: docs/protocol.md section 4.5, RFC 9846 §4.4.1.
//
// What is signed, MACed and derived hangs on this hash, so a field that is not in a message of the handshake is
// not agreed upon. It begins with the protocol's name and version.

import { concat, utf8 } from '../base/bytes.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { HandshakeMessage } from '../wire/handshake-message.js';

const protocolLabel = utf8('sealwire 1');

export class Transcript {
  readonly #crypto: CryptoProvider;
  readonly #said: Uint8Array[] = [protocolLabel];

  /** `said`: in the clear, before the ClientHello. */
  constructor(crypto: CryptoProvider, said: readonly HandshakeMessage[] = []) {
    this.#crypto = crypto;
    for (const message of said) this.add(message);
  }

  /** Adds a message, sent or received, whose bytes nobody changes any more. */
  add(message: HandshakeMessage): this {
    this.#said.push(message.bytes);
    return this;
  }

  /** SHA-256 of the label and all messages so far. Messages are few and small, so they are hashed anew. */
  hash(): Uint8Array {
    return this.#crypto.hash('sha256', concat(this.#said));
  }
}
