// What a transport is: it carries whole frames, in order, to one peer, and tells when the way is closed.
//
// It knows no key and no RPC. Limits that guard memory (largest frame, bytes before the handshake is done)
// are kept here, because only here can a length be refused before its bytes are buffered. None of what it tells
// is authenticated: whoever sits on the wire can close a connection and make it look like peace.

import type { SecureChannel, TlsClientOptions, TlsServerOptions } from './secure-channel.js';

export type { SecureChannel, TlsClientOptions, TlsIdentity, TlsServerOptions } from './secure-channel.js';

/** What carries the frames; it is part of the handshake's transcript. */
export type TransportKind = 'websocket' | 'tcp' | 'memory';

/** How long close() waits for the other side before the connection is cut, in milliseconds. */
export const closeTimeLimitMs = 1500;

/** One side of a living connection. Every frame has at least one byte and arrives whole and in order. */
export interface TransportConnection {
  readonly kind: TransportKind;
  /** Who is at the other end, for logs: `127.0.0.1:50312`, `[::1]:50312`. Not an identity. */
  readonly remoteAddress: string;
  /** TLS below it, where both its ends are these two transports' own; undefined where there is none. */
  readonly secure?: SecureChannel | undefined;
  /** Bytes handed to send() that the operating system has not taken yet, framing included. */
  readonly bufferedBytes: number;

  /**
   * Starts the flow: frames that came before this call are held back (within the limits) and come first.
   * The receiver is never called from inside this call. Called exactly once; INVALID_STATE otherwise.
   */
  open(receiver: FrameReceiver): void;
  /**
   * Resolves once `bufferedBytes` is `belowBytes` or less, and when the connection is over, so that nobody waits for
   * ever. Never rejects.
   */
  drained(belowBytes: number): Promise<void>;
  /**
   * Reads no more until resume(): what comes is held back at its sender. Frames of what has been read already may still come.
   * Left out by transports that cannot. Neither is called after close() or destroy().
   */
  pause?(): void;
  resume?(): void;
  /**
   * Queues one frame of at least one byte. From here on nobody changes its bytes, the transport included. `isEncrypted`:
   * all but its header is ciphertext, which a WebSocket client need not mask (masking.ts). After close() it does nothing.
   */
  send(frame: Uint8Array, isEncrypted?: boolean): void;
  /**
   * Memory for a frame of `bytes` bytes, which is to be written to its end: what is in front, the transport's own header, is there
   * already. Undefined where the frame must go through {@link send}. Left out by transports that have no header to save.
   */
  frameMemory?(bytes: number, isEncrypted: boolean): Uint8Array | undefined;
  /** Queues what {@link frameMemory} gave, to this connection or one of the same {@link plainFraming}, all of which is written now. Like {@link send} otherwise. */
  sendMemory?(memory: Uint8Array): void;
  /**
   * Connections of the same framing put the same in front of a frame that is not encrypted, so that one may be made for many of
   * them. Left out where it differs from frame to frame, as it does for whoever masks.
   */
  readonly plainFraming?: string | undefined;
  /**
   * The same of a frame of ciphertext that is these pieces in a row, which are handed to the system as they are, and given back
   * (base/discard.ts) when it has them. Left out by transports that would have to join them.
   */
  sendApart?(pieces: readonly Uint8Array[]): void;
  /**
   * The handshake is done: from now on frames of up to this many bytes are accepted; a larger one closes the
   * connection. Before the first call all frames *together* may have `maxFrameBytes` (and a little framing), so it
   * is called from inside the frame() that ends the handshake, and a peer must not send calls before then.
   */
  setMaxFrameBytes(bytes: number): void;
  /**
   * Sends what is queued, then closes; whoever does not finish within {@link closeTimeLimitMs} is cut.
   * Frames that still come in are dropped: after this call the receiver hears closed() only. Idempotent.
   */
  close(): void;
  /** Cuts at once, dropping what is queued in both directions. The receiver hears closed() only. Idempotent. */
  destroy(): void;
}

/** What the owner of a {@link TransportConnection} wants to know. */
export interface FrameReceiver {
  /**
   * One whole frame. The bytes belong to the receiver, which may decrypt in place, and give back an ArrayBuffer of which they are
   * all (it is detached); they may be a view into a larger one, so whoever keeps a part for long copies it. What this throws
   * closes the connection: closed() gets it.
   */
  frame(frame: Uint8Array): void;
  /**
   * Exactly once, as the last thing: the way is closed. Without an error when either side called close() or this
   * side destroy(); with a SealwireError otherwise: LIMIT_EXCEEDED or PROTOCOL_ERROR for what the peer sent,
   * INTERNAL for what frame() or accept() threw (a SealwireError comes as it is), else CONNECTION_CLOSED.
   */
  closed(error?: Error): void;
}

/** What may come in, on either side. */
export interface FrameLimits {
  /** Largest frame, and all frames together, before setMaxFrameBytes() is called. */
  readonly maxFrameBytes: number;
  /** The largest value that setMaxFrameBytes() will ever be called with. */
  readonly maxFrameBytesLater: number;
}

export interface ConnectOptions extends FrameLimits {
  /** Aborted when the attempt is given up; of no effect once connect() has resolved. */
  readonly signal: AbortSignal;
  /** For `tls://` and `wss://`, which need it. */
  readonly tls?: TlsClientOptions | undefined;
}

export interface ListenOptions extends FrameLimits {
  /** Called for each new connection. What it throws closes that connection and nothing else. */
  accept(connection: TransportConnection): void;
  /** For `tls://` and `wss://`, which need it. */
  readonly tls?: TlsServerOptions | undefined;
}

/** Stops listening; connections that were accepted live on. */
export interface Listener {
  /** Where it listens, with the real port: `ws://127.0.0.1:49152`. */
  readonly url: string;
  /** Resolves once nobody new can connect. Idempotent. */
  close(): Promise<void>;
}

/** What a client dials through. */
export interface ClientTransport {
  /**
   * The host name that was dialled, the default for the certificate's name (IPv6 without brackets); undefined where
   * there is none.
   */
  readonly hostname: string | undefined;
  /** It speaks TLS, and needs {@link ConnectOptions.tls}. */
  readonly usesTls?: boolean;
  /**
   * Resolves once frames can be sent; rejects with a SealwireError: CONNECT_FAILED, `reason` one of `refused`,
   * `unknown-host`, `unreachable`, `not-sealwire`, `aborted`.
   */
  connect(options: ConnectOptions): Promise<TransportConnection>;
}

/** What a server listens on. */
export interface ServerTransport {
  /** It speaks TLS, and needs {@link ListenOptions.tls}. */
  readonly usesTls?: boolean;
  /** Resolves once it listens; rejects with a SealwireError (LISTEN_FAILED). */
  listen(options: ListenOptions): Promise<Listener>;
}
