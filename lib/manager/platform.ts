// What a platform gives to a manager: its crypto backend, its clock, its transports, its trust. node.ts and browser.ts
// fill it in; they are the only places where the rest of Sealwire meets the platform.

import type { Clock } from '../base/clock.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { startSecureClient } from '../handshake/secure-transport-client.js';
import type { ClientTransport, ServerTransport } from '../transport/transport.js';

export interface Platform {
  readonly crypto: CryptoProvider;
  readonly clock: Clock;
  /** What dials `url`. Throws INVALID_CONFIG for a scheme that this platform cannot dial. */
  dial(url: string): ClientTransport;
  /** The handshake over TLS that the transports show; left out where they show none, as in browsers. */
  readonly startSecureClient?: typeof startSecureClient;
  /** What listens on `url`. Throws INVALID_CONFIG likewise. */
  listenOn(url: string): ServerTransport;
  /** Roots that the platform trusts, PEM; empty where it tells none. */
  builtInRoots(): readonly string[];
  /** Tells the developer something, with a code by which it can be filtered. */
  warn(code: string, message: string): void;
}
