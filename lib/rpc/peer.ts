// The other side of a connection, as users see it: a client on the server, the server on a client.

import type { CallOptions } from './caller.js';
import type { PeerIdentity } from './identity.js';
import { createProxy, type RpcProxy, type ServiceClass } from './proxy.js';
import type { RpcStream } from './remote-stream.js';
import type { Session } from './session.js';

/** How a connection is protected. */
export interface ConnectionSecurity {
  /** `plain`: no keys. `securing`: they are being agreed. `secured`: they are there, or needless: see `transport`. */
  readonly state: 'plain' | 'securing' | 'secured';
  /**
   * `signed`: keys of Sealwire's own, and the server proved its certificate. `anonymous`: it did not. `transport`: both sides
   * have proved to be the two ends of one TLS session, in which the server proved its certificate; it gives both flags to
   * every message, and there are no further keys. `none`: there are no keys, and nothing that TLS does counts.
   */
  readonly protection: 'signed' | 'anonymous' | 'transport' | 'none';
  /** `aes-256-gcm` or `chacha20-poly1305`; that of TLS, as in `TLS_AES_256_GCM_SHA384`, for `transport`; undefined without keys. */
  readonly suite: string | undefined;
  /** `x25519`; undefined without keys of Sealwire's own. */
  readonly group: string | undefined;
  /** `TLSv1.3` where this side's transport speaks it. Unless `protection` is `transport`, somebody else may be at its end. */
  readonly tls: string | undefined;
}

/** The session behind a peer: for this floor and those that build it, out of sight of whoever has the peer. */
export let sessionOf: (peer: Peer) => Session;

/**
 * What a program keeps about a connection, in {@link Peer.data}. Empty until it is declared:
 *
 *     declare module 'sealwire' {
 *       interface PeerData {
 *         player: Player;
 *       }
 *     }
 */
// biome-ignore lint/suspicious/noEmptyInterface: programs add their members
export interface PeerData {}

export class Peer {
  /** Numbers the clients of a server, from 1; 0 is the server, as its client sees it. */
  readonly id: number;
  /**
   * What this program knows of the connection: what `approveConnection` gave, or an empty object; anything may be kept
   * here later. It never leaves this side: the peer has a `data` of its own.
   */
  data: PeerData = {} as PeerData;
  readonly #session: Session;

  static {
    sessionOf = (peer) => peer.#session;
  }

  constructor(id: number, session: Session) {
    this.id = id;
    this.#session = session;
  }

  /** On a server: whether it is the client of the same manager, connected by `startHost()`. */
  get isHost(): boolean {
    return this.#session.isHost;
  }

  /** Where the frames come from, for logs: `127.0.0.1:50312`. Not an identity. */
  get remoteAddress(): string {
    return this.#session.remoteAddress;
  }

  get security(): ConnectionSecurity {
    return this.#session.security;
  }

  /**
   * Who the peer has proved to be: a client by credentials or a token (`authenticate`, `tokens`) or else by the certificate
   * that it was asked for (`clientAuthentication`), a server by that which signs the key exchange. Undefined where it showed
   * nothing. A call may be somebody else's unless it was Authenticated: methods take `callContext().identity`.
   */
  get identity(): PeerIdentity | undefined {
    return this.#session.identity;
  }

  /** Certificates that the peer proved to own, DER, its own first; empty where it showed none. */
  get certificates(): readonly Uint8Array[] {
    return this.#session.peerCertificates;
  }

  /**
   * The peer's service, by name or by class. With a class, POLICY_MISMATCH is thrown when the peer asks for less
   * protection than the class declares.
   */
  rpc<Service extends object>(
    service: string | ServiceClass<Service>,
    options?: CallOptions,
  ): RpcProxy<Service> {
    if (typeof service !== 'string') this.#session.checkPolicy(service);
    return createProxy(
      service,
      (method, args, callOptions) => this.#session.call(method, args, callOptions),
      options,
    );
  }

  /** Calls `Service.method` of the peer. */
  invoke<Result = unknown>(
    name: string,
    args: readonly unknown[] = [],
    options?: CallOptions,
  ): Promise<Result> {
    return this.#session.invoke(name, args, options) as Promise<Result>;
  }

  /**
   * The items of `Service.method` of the peer, which streams them. It is called with the first next(); leaving the loop
   * ends it there.
   */
  stream<Item = unknown>(
    name: string,
    args: readonly unknown[] = [],
    options?: CallOptions,
  ): RpcStream<Item> {
    return this.#session.stream(name, args, options) as RpcStream<Item>;
  }

  /**
   * A fresh key for the application's own use, the same on both sides; `bytes` from 1 to 8160. Other labels and other
   * contexts give unrelated keys. Throws ENCRYPTION_UNAVAILABLE on a connection without keys.
   */
  exportKey(label: string, bytes: number, context?: Uint8Array): Uint8Array {
    return this.#session.exportKey(label, bytes, context);
  }

  /**
   * Agrees on keys, on a connection that began in the clear (`encryption: 'onDemand'`): once, however often and by whichever
   * side it is asked for, while calls without flags go on. Resolves at once where there are keys. Rejects, and the
   * connection has ended, with HANDSHAKE_FAILED, HANDSHAKE_TIMEOUT, CERTIFICATE_REJECTED or CONNECTION_CLOSED;
   * ENCRYPTION_UNAVAILABLE on a connection that will never have keys. Calls that need keys ask for them by themselves.
   */
  establishEncryption(): Promise<void> {
    return this.#session.secure();
  }

  /** On a client, `moveTo()` of its manager: goes to another server, and leaves this one. */
  moveTo(url: string): Promise<void> {
    return this.#session.moveTo(url);
  }

  /** Ends this connection. */
  disconnect(): void {
    this.#session.disconnect();
  }
}
