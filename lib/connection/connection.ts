// One connection: a transport, a handshake, then records both ways. The one place where the layers meet.
//
//   handshaking ─ PendingVerdict ─▸ verifying ─ peer accepted ─▸ handshaking ─ Established ─▸ ready ─▸ closed
//
// It knows no RPC: messages are bytes with flags. It ends exactly once, for whatever reason, wipes its keys, stops its
// timer and tells its owner why. What the peer is told is one of the codes of docs/protocol.md section 8, no more.

import { ApprovalDenied } from '../base/approval-denied.js';
import { empty } from '../base/bytes.js';
import type { Clock, StopTimer } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { Established, type Handshake, PendingVerdict, type Transition } from '../handshake/state.js';
import type { TransportConnection } from '../transport/transport.js';
import {
  type CloseReason,
  closeCodes,
  decodeClose,
  firstByte,
  frameTypes,
  plainHeaderBytes,
} from '../wire/frame.js';
import { Inbox, type More, type Share } from './inbox.js';
import type { Backpressure } from './pressure.js';
import { Receiver } from './receive.js';
import { Sender } from './send.js';

/** A plain close frame: its first byte and the code. */
const closeFrameBytes = plainHeaderBytes + 1;

export interface ConnectionOptions {
  readonly transport: TransportConnection;
  readonly handshake: Handshake;
  /** What the client says first. */
  readonly firstFrame?: Uint8Array;
  readonly limits: Limits;
  readonly clock: Clock;
  /** What is left of the time for the handshake, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  readonly owner: ConnectionOwner;
}

/** What floors above do with a connection. What these methods throw ends the connection. */
export interface ConnectionOwner {
  /**
   * Throws, or rejects with, CERTIFICATE_REJECTED, POLICY_MISMATCH or {@link ApprovalDenied} unless what the peer has shown
   * is good; nothing that this side wants to say has left it by then. Returns the connection data that a client then says.
   */
  checkPeer(shown: Pick<PendingVerdict, 'peerChain' | 'peer'>): PeerChecked | Promise<PeerChecked>;
  /** The handshake is over. */
  established(established: Established): void;
  /**
   * One or more messages in a row, under the flags that their record really had. Where the share is used before all of them
   * are handled there is more, for {@link proceed}, and the body stays as it is until then.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: whoever handles all at once need not say so
  messages(flags: number, body: Uint8Array, share: Share): More | undefined | void;
  /** Goes on with what was left, in another turn. */
  proceed?(share: Share): More | undefined;
  /** What waits to be sent has become too much, or is no longer; or volatile messages were dropped. Once a turn at most. */
  backpressure?(state: Backpressure): void;
  /** Exactly once, last. */
  closed(error: SealwireError): void;
}

/** As {@link encodeCarried} made it; undefined on servers, and where a client has nothing to say. */
export type PeerChecked = Uint8Array | undefined;

export class Connection {
  /** Settles when the transport has let go: nothing of this connection is left then. */
  readonly finished: Promise<void>;
  readonly #transport: TransportConnection;
  readonly #handshake: Handshake;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #owner: ConnectionOwner;
  readonly #sender: Sender;
  readonly #inbox: Inbox;
  readonly #stopTimer: StopTimer;
  readonly #isClient: boolean;
  #phase: 'handshaking' | 'verifying' | 'ready' | 'closed' = 'handshaking';
  #receiver: Receiver | undefined;
  #established: Established | undefined;
  #endedBy: SealwireError | undefined;

  constructor(options: ConnectionOptions) {
    const { transport, handshake, limits, clock, handshakeTimeoutMs, owner, firstFrame } = options;
    this.#transport = transport;
    this.#handshake = handshake;
    this.#limits = limits;
    this.#owner = owner;
    this.#isClient = firstFrame !== undefined;
    this.#clock = clock;
    this.#sender = new Sender(transport, limits, clock, {
      backpressure: (state) => owner.backpressure?.(state),
      failed: (error) => this.fail(asSealwireError(error)),
    });
    this.#inbox = new Inbox(transport, clock, {
      frame: (frame) => this.#open(frame),
      proceed: () => this.#proceed(),
    });
    this.#stopTimer = clock.setTimer(handshakeTimeoutMs, () => {
      this.#end(
        new SealwireError(
          'HANDSHAKE_TIMEOUT',
          `the handshake took more than ${limits.handshakeTimeoutMs} ms`,
        ),
        'handshake-timeout',
      );
    });
    if (firstFrame !== undefined) this.#sender.sendHandshake(firstFrame);
    this.finished = new Promise((resolve) => {
      transport.open({
        frame: (frame) => this.#receive(frame),
        closed: (error) => {
          // What came before the end counts, although its turn has not come.
          this.#inbox.whenEmpty(() => {
            this.#transportClosed(error);
            resolve();
          });
        },
      });
    });
  }

  get remoteAddress(): string {
    return this.#transport.remoteAddress;
  }

  /** Key generations of both directions; 1 until the first key update, 0 without keys. */
  get generations(): { readonly sending: number; readonly receiving: number } {
    return { sending: this.#sender.generation, receiving: this.#receiver?.generation ?? 0 };
  }

  /** Bytes that wait to be sent, and whether they are too many. */
  get backpressure(): Backpressure {
    return this.#sender.backpressure;
  }

  /**
   * Resolves when there is room for more, at once where there is; also when the connection ends, and the next send()
   * says so then. It never rejects.
   */
  writable(): Promise<void> {
    return this.#sender.writable();
  }

  /**
   * Sends a message, in order with the others of its channel, which is a name that only this side knows. A volatile one
   * that would have to wait is dropped, and false returned. See {@link Sender.send} for what it throws;
   * CONNECTION_CLOSED when there is no connection.
   */
  send(flags: number, message: Uint8Array, channel?: string, isVolatile?: boolean): boolean {
    if (this.#phase !== 'ready')
      throw this.#endedBy ?? closedError('not-ready', 'the connection is not ready');
    return this.#sender.send(flags, message, channel, isVolatile);
  }

  /**
   * A key for the application's own use, fresh for this connection and the same on both sides (RFC 9846 §7.5).
   * Throws ENCRYPTION_UNAVAILABLE on a connection without keys.
   */
  exportKey(label: string, bytes: number, context: Uint8Array = empty): Uint8Array {
    const secrets = this.#established?.secrets;
    if (this.#phase !== 'ready' || secrets === undefined) {
      throw new SealwireError(
        'ENCRYPTION_UNAVAILABLE',
        'there are no keys to export from on this connection',
      );
    }
    return secrets.exporter.export(label, bytes, context);
  }

  /** What the peer has sent last led to nothing: it has to wait for its next turn, for longer where that was large. */
  countWaste(much: number): void {
    this.#inbox.waste(much);
  }

  /** Ends the connection and tells the peer why. Idempotent. */
  close(reason: CloseReason = 'normal'): void {
    this.#end(closedError('closed-here', 'the connection was closed on this side'), reason);
  }

  /** Ends the connection for a fault of the peer, or of this side. */
  fail(error: SealwireError): void {
    if (error instanceof ApprovalDenied) this.#deny(error);
    else this.#end(error, closeReasonFor(error, this.#isClient));
  }

  /** A server says so in a message of its own; a client that has read it has nothing to answer. */
  #deny(denied: ApprovalDenied): void {
    try {
      const frame = this.#phase === 'verifying' ? this.#handshake.refuse(denied) : undefined;
      if (frame !== undefined) this.#sender.sendHandshake(frame);
    } catch {
      // What cannot be said is not: then the client sees the transport close.
    }
    this.#end(denied, undefined);
  }

  #receive(frame: Uint8Array): void {
    if (this.#phase === 'closed') return;
    if (this.#receiver !== undefined) {
      this.#inbox.add(frame);
      return;
    }
    try {
      if (!this.#closedInHandshake(frame)) this.#advance(this.#handshake.receive(frame));
    } catch (error) {
      this.fail(asSealwireError(error));
    }
  }

  #open(frame: Uint8Array): More | undefined {
    try {
      return this.#receiver!.receive(frame);
    } catch (error) {
      this.fail(asSealwireError(error));
      return undefined;
    }
  }

  #proceed(): More | undefined {
    try {
      return this.#owner.proceed?.(this.#inbox);
    } catch (error) {
      this.fail(asSealwireError(error));
      return undefined;
    }
  }

  /**
   * The peer gave up before there were keys: its reason is a hint, since anybody could have said it. Whatever is no
   * proper close frame is for the handshake to refuse.
   */
  #closedInHandshake(frame: Uint8Array): boolean {
    if (frame[0] !== firstByte(0, frameTypes.close) || frame.length !== closeFrameBytes) return false;
    this.#end(refusal(decodeClose(frame.subarray(plainHeaderBytes)), this.#isClient), undefined);
    return true;
  }

  #advance({ next, send }: Transition): void {
    for (const frame of send) this.#sender.sendHandshake(frame);
    if (next instanceof PendingVerdict) this.#verify(next);
    else if (next instanceof Established) this.#establish(next);
  }

  #verify(verdict: PendingVerdict): void {
    this.#phase = 'verifying';
    const checked = this.#owner.checkPeer(verdict);
    if (!(checked instanceof Promise)) {
      // The check may run the application's code, which may have closed the connection.
      this.#accept(checked);
      return;
    }
    checked
      .then((connectionData) => this.#accept(connectionData))
      .catch((error: unknown) => this.fail(asSealwireError(error)));
  }

  #accept(connectionData: PeerChecked): void {
    if (this.#phase !== 'verifying') return;
    this.#phase = 'handshaking';
    this.#advance(this.#handshake.accept(connectionData));
  }

  #establish(established: Established): void {
    const { secrets, peer } = established;
    this.#stopTimer();
    this.#phase = 'ready';
    this.#established = established;
    this.#transport.setMaxFrameBytes(this.#limits.maxFrameBytes);
    this.#sender.establish(secrets?.sending, peer);
    this.#receiver = new Receiver({
      secret: secrets?.receiving,
      mayBeRefused: !established.confirmed,
      limits: this.#limits,
      clock: this.#clock,
      consumer: {
        messages: (flags, body) => this.#owner.messages(flags, body, this.#inbox) ?? undefined,
        closeReceived: (reason) => {
          this.#end(closedError(reason, `the peer closed the connection: ${reason}`), undefined);
        },
        stalled: (error) => this.fail(error),
      },
    });
    this.#owner.established(established);
  }

  #transportClosed(cause?: Error): void {
    if (cause instanceof SealwireError && cause.code !== 'CONNECTION_CLOSED') {
      this.#end(cause, undefined);
      return;
    }
    const options = { reason: 'transport-closed', ...(cause && { cause }) };
    this.#end(
      this.#phase === 'ready'
        ? new SealwireError('CONNECTION_CLOSED', 'the transport closed without a farewell', options)
        : new SealwireError('HANDSHAKE_FAILED', 'the transport closed during the handshake', options),
      undefined,
    );
  }

  /** The one way out. Tells the peer when there is something to tell. */
  #end(error: SealwireError, tell: CloseReason | undefined): void {
    if (this.#phase === 'closed') return;
    this.#endedBy = error;
    this.#stopTimer();
    try {
      if (tell !== undefined) this.#sender.sendClose(tell);
    } catch {
      // The keys may be worn out: then the peer sees the transport close.
    }
    this.#phase = 'closed';
    this.#transport.close();
    this.#inbox.close();
    this.#sender.destroy();
    this.#receiver?.destroy();
    this.#handshake.destroy();
    this.#established?.destroy();
    this.#owner.closed(error);
  }
}

/** What a close frame during the handshake means to the side that reads it. */
function refusal(reason: CloseReason, isClient: boolean): SealwireError {
  if (isClient && reason === 'certificate-rejected') {
    return new SealwireError(
      'CERTIFICATE_REJECTED',
      "the server refused the client's certificate; its log says why",
      { reason: 'refused-by-peer' },
    );
  }
  const hint = handshakeHints[reason] ?? `it said: ${reason}`;
  return new SealwireError('HANDSHAKE_FAILED', `the peer ended the handshake; ${hint}`, { reason });
}

/** What to do about the reasons that a peer may give during the handshake. */
const handshakeHints: Partial<Record<CloseReason, string>> = {
  'encryption-mismatch': 'enableEncryption must be the same on both sides',
  'signature-mismatch': 'signKeyExchange must be the same on both sides',
  'version-mismatch': 'it speaks another version of the protocol: update both sides',
  'no-common-algorithm': 'it has no suite, group or signature algorithm in common with this side',
  'handshake-failed': 'it does not say why; its own log does',
  'handshake-timeout': 'it took too long',
  'certificate-required':
    "the server wants a client certificate, and the client has none: set certificate in the client's configuration",
  'limit-exceeded': 'it has too many connections',
  'going-away': 'it is stopping',
};

/** The one table of what a peer learns from an error here. */
function closeReasonFor(error: SealwireError, isClient: boolean): CloseReason {
  switch (error.code) {
    case 'HANDSHAKE_FAILED':
      return toldReason(error.reason) ?? 'handshake-failed';
    case 'CERTIFICATE_REJECTED':
      // A server that is refused learns nothing; an honest client is helped by knowing what to replace.
      return isClient ? 'handshake-failed' : 'certificate-rejected';
    case 'POLICY_MISMATCH':
      return 'handshake-failed';
    case 'HANDSHAKE_TIMEOUT':
      return 'handshake-timeout';
    case 'LIMIT_EXCEEDED':
      return 'limit-exceeded';
    case 'CONNECT_FAILED':
    case 'INVALID_CONFIG':
      // The application could not say its connection data: it is not the server's business why.
      return 'normal';
    case 'CONNECTION_CLOSED':
      // A peer that answered no ping, should it hear anything at all: it may come back.
      return 'going-away';
    default:
      return 'protocol-error';
  }
}

/** Reasons about what was said in the clear may be told; which check of a secret failed may not. */
function toldReason(reason: string | undefined): CloseReason | undefined {
  if (reason === undefined || !Object.hasOwn(closeCodes, reason)) return undefined;
  return reason as CloseReason;
}

function closedError(reason: string, message: string): SealwireError {
  return new SealwireError('CONNECTION_CLOSED', message, { reason });
}

function asSealwireError(error: unknown): SealwireError {
  if (error instanceof SealwireError) return error;
  return new SealwireError('INTERNAL', 'an error inside Sealwire ended the connection', { cause: error });
}
