// What TLS below a transport proves to the floors above, and what they tell it: who shows which certificate, who decides.
//
// A transport moves bytes; which certificates are good is not its business. So a client asks checkServer() before a
// single byte of ours goes through, and a server hands up what the client has shown.

import { SealwireError } from '../base/errors.js';

/** TLS 1.3 (RFC 9846) between the two processes whose transports these are. */
export interface SecureChannel {
  /** `TLSv1.3` */
  readonly protocol: string;
  /** `TLS_AES_256_GCM_SHA384` */
  readonly cipher: string;
  /** On a server: the client was asked for its certificate. */
  readonly askedClient: boolean;
  /** DER, the peer's own first; empty where it showed none. Its key was proved, nothing else. */
  readonly peerChain: readonly Uint8Array[];
  /**
   * RFC 9846 §7.5: the same bytes for both ends of this session, and for nobody else, whatever stands in between.
   * Throws ENCRYPTION_UNAVAILABLE when the connection is over.
   */
  exportKey(label: string, bytes: number, context: Uint8Array): Uint8Array;
}

/** A certificate, and the key that it is of. */
export interface TlsIdentity {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** PKCS #8 DER; a copy, which is wiped. */
  exportKey(): Uint8Array;
}

export interface TlsClientOptions {
  /** Whom the certificate must be for; sent to the server where it is a name (RFC 6066 §3). */
  readonly serverName: string;
  /** What the client shows if it is asked. */
  readonly identity?: TlsIdentity | undefined;
  /** Throws or rejects unless the chain (DER, leaf first) is good. Nothing was sent through the channel by then. */
  checkServer(chain: readonly Uint8Array[]): void | Promise<void>;
}

export interface TlsServerOptions {
  /** The certificate for a client that asks for `serverName`, empty where it does not say; anew for each connection. */
  choose(serverName: string): TlsIdentity;
  /** Whether clients are asked for a certificate. Whether it will do, and whether one may be left out, is decided above. */
  readonly asksClient: boolean;
  /** Time for TLS; default 10,000. */
  readonly timeoutMs?: number;
  /** Connections that may be in their TLS handshake at once, the next one is cut; default 256. */
  readonly maxHandshakes?: number;
}

/** Whether the scheme of a URL asks for TLS. */
export function isSecure(url: string): boolean {
  return /^(wss|tls):/i.test(url);
}

/** Throws INVALID_CONFIG where a transport with TLS is used without what it needs. */
export function required<Options>(url: string, tls: Options | undefined): Options {
  if (tls !== undefined) return tls;
  throw new SealwireError(
    'INVALID_CONFIG',
    `${url} needs a certificate to show or to check: set certificate on the server, ca on the client`,
  );
}
