// Everything that either side has said, as one hash: docs/protocol.md section 4.5, RFC 9846 §4.4.1.
//
// What is signed, MACed and derived hangs on this hash, so a field that is not in a message of the handshake is
// not agreed upon. It begins with the protocol's name and version.

import { utf8 } from '../base/bytes.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { HandshakeMessage } from '../wire/handshake-message.js';

const protocolLabel = utf8('sealwire 1');

/** What a handshake says as a rule; it grows with larger manifests and chains. */
const usualBytes = 2048;

export class Transcript {
  readonly #crypto: CryptoProvider;
  #said: Uint8Array = new Uint8Array(usualBytes);
  #length = 0;

  /** `said`: in the clear, before the ClientHello. */
  constructor(crypto: CryptoProvider, said: readonly HandshakeMessage[] = []) {
    this.#crypto = crypto;
    this.#append(protocolLabel);
    for (const message of said) this.add(message);
  }

  /** Adds a message, sent or received. */
  add(message: HandshakeMessage): this {
    this.#append(message.bytes);
    return this;
  }

  /** SHA-256 of the label and all messages so far. Messages are few and small, so they are hashed anew. */
  hash(): Uint8Array {
    return this.#crypto.hash('sha256', this.#said.subarray(0, this.#length));
  }

  #append(bytes: Uint8Array): void {
    const end = this.#length + bytes.length;
    if (end > this.#said.length) {
      const grown = new Uint8Array(Math.max(2 * this.#said.length, end));
      grown.set(this.#said);
      this.#said = grown;
    }
    this.#said.set(bytes, this.#length);
    this.#length = end;
  }
}
