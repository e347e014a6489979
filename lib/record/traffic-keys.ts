// The keys of one direction: a traffic secret, its generation, and what is derived from it.
//
//   generation n secret ─┬─ "key both"  ─ "key authenticated"  ─ "key encrypted"  ─ "iv"
//                        └─ "traffic upd" ─ generation n+1 secret
//
// docs/protocol.md section 5.2 and 5.3, RFC 9846 §7.2 and §7.3. A key per purpose: a record whose flags are
// changed on the way meets a key that was never used on it.

import { empty, wipe } from '../base/bytes.js';
import { expandLabel } from '../crypto/expand-label.js';
import { type CipherName, type CryptoProvider, cipherKeyBytes, nonceBytes } from '../crypto/provider.js';

export interface PurposeKeys {
  readonly both: Uint8Array;
  readonly authenticated: Uint8Array;
  readonly encrypted: Uint8Array;
  readonly iv: Uint8Array;
}

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

  /** The keys of this generation; the caller wipes them. */
  keys(): PurposeKeys {
    const derive = (label: string, length: number) =>
      expandLabel(this.crypto, this.#secret, label, empty, length);
    return {
      both: derive('key both', cipherKeyBytes),
      authenticated: derive('key authenticated', cipherKeyBytes),
      encrypted: derive('key encrypted', cipherKeyBytes),
      iv: derive('iv', nonceBytes),
    };
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
