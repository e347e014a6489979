// The keys of one direction: a traffic secret, its generation, and what is derived from it.
//
//   generation n secret ─┬─ "key both"  ─ "key authenticated"  ─ "key encrypted"  ─ "iv"
//                        └─ "traffic upd" ─ generation n+1 secret
//
// docs/protocol.md section 5.2 and 5.3, RFC 9846 §7.2 and §7.3. A key per purpose: a record whose flags are
// changed on the way meets a key that was never used on it. Each is derived when it is first needed, which for most
// is never: a handshake, and many a connection, has no records but those of both flags.

import { empty, wipe } from '../base/bytes.js';
import { expandLabel } from '../crypto/expand-label.js';
import { type CipherName, type CryptoProvider, cipherKeyBytes, nonceBytes } from '../crypto/provider.js';

/** What the records that a key is for are. */
export type Purpose = 'both' | 'authenticated' | 'encrypted';

/** The traffic secret of one direction in one generation. Generation 0 seals the handshake. */
export class TrafficSecret {
  readonly crypto: CryptoProvider;
  readonly cipher: CipherName;
  readonly generation: number;
  readonly #secret: Uint8Array;

  /** Takes `secret` (32 bytes) over: it is wiped by {@link destroy}. */
  constructor(crypto: CryptoProvider, cipher: CipherName, secret: Uint8Array, generation: number) {
    this.crypto = crypto;
    this.cipher = cipher;
    this.generation = generation;
    this.#secret = secret;
  }

  /** The key of this generation for one purpose; the caller wipes it. */
  key(purpose: Purpose): Uint8Array {
    return expandLabel(this.crypto, this.#secret, `key ${purpose}`, empty, cipherKeyBytes);
  }

  /** The static IV of this generation; the caller wipes it. */
  iv(): Uint8Array {
    return expandLabel(this.crypto, this.#secret, 'iv', empty, nonceBytes);
  }

  /** The secret of the next generation. This one stays until it is destroyed. */
  next(): TrafficSecret {
    const secret = expandLabel(this.crypto, this.#secret, 'traffic upd', empty, this.#secret.length);
    return new TrafficSecret(this.crypto, this.cipher, secret, this.generation + 1);
  }

  /** The key of the Finished MAC, RFC 9846 §4.4.4; the caller wipes it. */
  finishedKey(): Uint8Array {
    return expandLabel(this.crypto, this.#secret, 'finished', empty, this.#secret.length);
  }

  destroy(): void {
    wipe(this.#secret);
  }
}
