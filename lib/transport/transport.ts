// What a transport is: it carries whole frames, in order, to one peer, and tells when the way is closed.
//
// It knows no key and no RPC. Limits that guard memory (largest frame, bytes before the handshake is done)
// are kept here, because only here can a length be refused before its bytes are buffered.

/** What carries the frames; it is part of the handshake's transcript. */
export type TransportKind = 'websocket' | 'tcp' | 'memory';

/** One side of a living connection. Every frame arrives whole and in order. */
export interface TransportConnection {
  readonly kind: TransportKind;
  /** Who is at the other end, for logs: `127.0.0.1:50312`. Not an identity. */
  readonly remoteAddress: string;
  /** Bytes handed to send() that the operating system has not taken yet. */
  readonly bufferedBytes: number;

  /**
   * Starts the flow: frames that came before this call are held back (within the limits) and come first.
   * Called exactly once.
   */
  open(receiver: FrameReceiver): void;
  /** Queues one frame. The bytes belong to the transport from here on. After close() it does nothing. */
  send(frame: Uint8Array): void;
  /** From now on frames of up to this many bytes are accepted; a larger one closes the connection. */
  setMaxFrameBytes(bytes: number): void;
  /** Sends what is queued, then closes; whoever does not finish in a second or two is cut. Idempotent. */
  close(): void;
  /** Cuts at once, dropping what is queued. Idempotent. */
  destroy(): void;
}

/** What the owner of a {@link TransportConnection} wants to know. */
export interface FrameReceiver {
  /** One whole frame. The bytes belong to the receiver, which may decrypt in place. */
  frame(frame: Uint8Array): void;
  /** Exactly once, as the last thing: the way is closed, with an error when not in peace. */
  closed(error?: Error): void;
}

export interface ConnectOptions {
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal;
  /** Largest frame before setMaxFrameBytes() is called. */
  readonly maxFrameBytes: number;
}

export interface ListenOptions {
  /** Largest frame before setMaxFrameBytes() is called. */
  readonly maxFrameBytes: number;
  /** The largest value that setMaxFrameBytes() will ever be called with. */
  readonly maxFrameBytesLater: number;
  /** Called for each new connection. What it throws closes that connection and nothing else. */
  accept(connection: TransportConnection): void;
}

/** Stops listening; connections that were accepted live on. */
export interface Listener {
  /** Where it listens, with the real port: `ws://127.0.0.1:49152`. */
  readonly url: string;
  close(): Promise<void>;
}

/** What a client dials through. */
export interface ClientTransport {
  /** The host name that was dialled, the default for the certificate's name; undefined where there is none. */
  readonly hostname: string | undefined;
  /** Resolves once frames can be sent; rejects with a SealwireError (CONNECT_FAILED). */
  connect(options: ConnectOptions): Promise<TransportConnection>;
}

/** What a server listens on. */
export interface ServerTransport {
  /** Resolves once it listens; rejects with a SealwireError (LISTEN_FAILED). */
  listen(options: ListenOptions): Promise<Listener>;
}
