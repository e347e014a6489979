// From the shared secret to traffic secrets: docs/protocol.md section 5.1, RFC 9846 §7.1.
//
//   X25519 ─ PBKDF2 ─ Extract ─ handshake secret ─┬─ c hs traffic, s hs traffic      at TH1
//                                                 └─ Extract ─ main secret ─┬─ c ap traffic, s ap traffic
//                                                                           └─ exp master                at TH2
//
// Each stage is a type: what can be derived too early does not exist yet. A stage is used once and wiped.

import { empty, utf8, wipe } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { deriveSecret, expandLabel } from '../crypto/expand-label.js';
import type { CipherName, CryptoProvider } from '../crypto/provider.js';
import { TrafficSecret } from '../record/traffic-keys.js';

const secretBytes = 32;
/** What is left of the label's length byte behind the protocol's own prefix. */
const maxExportLabelBytes = 245;
/** 255 blocks of HMAC-SHA256, RFC 5869 §2.3. */
const maxExportBytes = 8160;

export interface SharedSecretInput {
  readonly cipher: CipherName;
  /** 32 bytes of X25519; wiped here. */
  readonly sharedSecret: Uint8Array;
  /** PBKDF2 iterations; 1 turns stretching off. */
  readonly iterations: number;
  /** TH1: transcript hash of both hellos. */
  readonly hellosHash: Uint8Array;
}

/** What exists once both hellos are exchanged. */
export class HandshakeSecrets {
  /** Generation 0 of each direction. */
  readonly client: TrafficSecret;
  readonly server: TrafficSecret;
  readonly #crypto: CryptoProvider;
  readonly #cipher: CipherName;
  readonly #secret: Uint8Array;

  constructor(crypto: CryptoProvider, input: SharedSecretInput) {
    const { cipher, sharedSecret, iterations, hellosHash } = input;
    // The secret has full entropy and needs no stretching; it is kept, salted with the transcript, because users of
    // the systems that Sealwire follows rely on a stretched key (DESIGN.md section 4).
    const stretched = crypto.pbkdf2('sha256', sharedSecret, hellosHash, iterations, secretBytes);
    this.#crypto = crypto;
    this.#cipher = cipher;
    this.#secret = crypto.hkdfExtract(constantsOf(crypto).salt, stretched);
    this.client = this.#traffic('c hs traffic', hellosHash);
    this.server = this.#traffic('s hs traffic', hellosHash);
    wipe(sharedSecret, stretched);
  }

  /** The secrets of generation 1, once the server's Finished is said: `finishedHash` is TH2. Ends this stage. */
  intoTraffic(finishedHash: Uint8Array): TrafficSecrets {
    const crypto = this.#crypto;
    const salt = deriveSecret(crypto, this.#secret, 'derived', constantsOf(crypto).nothing);
    const main = crypto.hkdfExtract(salt, noInput);
    const derive = (label: string) => deriveSecret(crypto, main, label, finishedHash);
    const secrets = new TrafficSecrets(
      new TrafficSecret(crypto, this.#cipher, derive('c ap traffic'), 1),
      new TrafficSecret(crypto, this.#cipher, derive('s ap traffic'), 1),
      new Exporter(crypto, derive('exp master')),
    );
    wipe(salt, main, this.#secret);
    return secrets;
  }

  destroy(): void {
    wipe(this.#secret);
    this.client.destroy();
    this.server.destroy();
  }

  #traffic(label: string, hash: Uint8Array): TrafficSecret {
    return new TrafficSecret(
      this.#crypto,
      this.#cipher,
      deriveSecret(this.#crypto, this.#secret, label, hash),
      0,
    );
  }
}

/** What exists once the handshake is over. */
export class TrafficSecrets {
  readonly client: TrafficSecret;
  readonly server: TrafficSecret;
  readonly exporter: Exporter;

  constructor(client: TrafficSecret, server: TrafficSecret, exporter: Exporter) {
    this.client = client;
    this.server = server;
    this.exporter = exporter;
  }

  destroy(): void {
    this.client.destroy();
    this.server.destroy();
    this.exporter.destroy();
  }
}

/** Keys for the application's own use, the same on both sides: RFC 9846 §7.5. */
export class Exporter {
  readonly #crypto: CryptoProvider;
  readonly #secret: Uint8Array;

  constructor(crypto: CryptoProvider, secret: Uint8Array) {
    this.#crypto = crypto;
    this.#secret = secret;
  }

  /** `length` bytes, bound to `label` and to any `context`. Throws INVALID_ARGUMENT beyond the protocol's bounds. */
  export(label: string, length: number, context: Uint8Array): Uint8Array {
    const crypto = this.#crypto;
    checkExport(label, length);
    const derived = deriveSecret(crypto, this.#secret, label, constantsOf(crypto).nothing);
    const key = expandLabel(crypto, derived, 'exporter', crypto.hash('sha256', context), length);
    wipe(derived);
    return key;
  }

  destroy(): void {
    wipe(this.#secret);
  }
}

/** What is the same in every handshake, and public: RFC 9846 §7.1 without a pre-shared key. */
interface Constants {
  /** The hash of a transcript of nothing. */
  readonly nothing: Uint8Array;
  /** What the shared secret is extracted with: derived from an early secret of zeros. */
  readonly salt: Uint8Array;
}

/** In the place of the input key material that there is none of. */
const noInput: Uint8Array = new Uint8Array(secretBytes);
const constants = new WeakMap<CryptoProvider, Constants>();

function constantsOf(crypto: CryptoProvider): Constants {
  let known = constants.get(crypto);
  if (known === undefined) {
    const nothing = crypto.hash('sha256', empty);
    const salt = deriveSecret(crypto, crypto.hkdfExtract(noInput, noInput), 'derived', nothing);
    known = { nothing, salt };
    constants.set(crypto, known);
  }
  return known;
}

/** Throws INVALID_ARGUMENT beyond the protocol's bounds. */
export function checkExport(label: string, length: number): void {
  const labelBytes = utf8(label).length;
  if (labelBytes < 1 || labelBytes > maxExportLabelBytes) {
    throw new SealwireError('INVALID_ARGUMENT', `the label must have 1 to ${maxExportLabelBytes} bytes`);
  }
  if (!Number.isInteger(length) || length < 1 || length > maxExportBytes) {
    throw new SealwireError('INVALID_ARGUMENT', `a key can have 1 to ${maxExportBytes} bytes`);
  }
}

/** The MAC of a Finished message (docs/protocol.md section 4.3, RFC 9846 §4.4.4). */
export function finishedMac(
  crypto: CryptoProvider,
  secret: TrafficSecret,
  transcriptHash: Uint8Array,
): Uint8Array {
  const key = secret.finishedKey();
  const mac = crypto.hmac('sha256', key, transcriptHash);
  wipe(key);
  return mac;
}
