// One connection: a transport, a handshake, then records both ways. The one place where the layers meet.
//
//   handshaking ─ PendingVerdict ─▸ verifying ─ peer accepted ─▸ handshaking ─ Established ─▸ ready ─▸ closed
//                                     ready, without keys ─ secure(), or the peer ─▸ the same once more, under the calls
//
// It knows no RPC: messages are bytes with flags. It ends exactly once, for whatever reason, wipes its keys, stops its
// timer and tells its owner why. What the peer is told is one of the codes of docs/protocol.md section 8, no more.

import { ApprovalDenied } from '../base/approval-denied.js';
import { empty } from '../base/bytes.js';
import type { Clock, StopTimer } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { bothFlags } from '../contract/security.js';
import {
  type Agreement,
  Established,
  type Handshake,
  PendingVerdict,
  type Transition,
} from '../handshake/state.js';
import type { FrameReceiver, TransportConnection } from '../transport/transport.js';
import {
  type CloseReason,
  decodeClose,
  firstByte,
  frameTypes,
  plainHeaderBytes,
  readFirstByte,
} from '../wire/frame.js';
import { asSealwireError, closedError, closeReasonFor, refusal } from './farewell.js';
import { Inbox, type InboxOwner, type More } from './inbox.js';
import type { ConnectionOwner, PeerChecked } from './owner.js';
import type { Backpressure } from './pressure.js';
import { type FrameConsumer, Receiver } from './receive.js';
import { Securing } from './securing.js';
import { Sender, type SenderObserver } from './send.js';

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

/** `plain`: no keys. `securing`: they are being agreed. `secured`: they are there, or the transport makes them needless. */
export type SecurityState = 'plain' | 'securing' | 'secured';

export class Connection implements FrameReceiver, InboxOwner, FrameConsumer, SenderObserver {
  readonly #transport: TransportConnection;
  /** The one that is under way, or may yet be; undefined where there will be no other. */
  #handshake: Handshake | undefined;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #owner: ConnectionOwner;
  readonly #sender: Sender;
  readonly #inbox: Inbox;
  /** Of the handshake; undefined when that is over, since whoever can stop a timer keeps it. */
  #stopTimer: StopTimer | undefined;
  readonly #isClient: boolean;
  #phase: 'handshaking' | 'ready' | 'closed' = 'handshaking';
  /** The owner looks at what the peer has shown. */
  #isVerifying = false;
  /** Keys are being agreed while messages go on. */
  #securing: Securing | undefined;
  #receiver: Receiver | undefined;
  #agreement: Agreement | undefined;
  #endedBy: SealwireError | undefined;
  #finished: Promise<void> | undefined;
  #finish: (() => void) | undefined;
  /** The transport has let go. */
  #isFinished = false;

  constructor(options: ConnectionOptions) {
    const { transport, handshake, limits, clock, handshakeTimeoutMs, owner, firstFrame } = options;
    this.#transport = transport;
    this.#handshake = handshake;
    this.#limits = limits;
    this.#owner = owner;
    this.#isClient = firstFrame !== undefined;
    this.#clock = clock;
    this.#sender = new Sender(transport, limits, clock, this);
    this.#inbox = new Inbox(transport, clock, this);
    this.#stopTimer = clock.setTimer(handshakeTimeoutMs, () => this.#timedOut());
    if (firstFrame !== undefined) this.#sender.sendHandshake(firstFrame);
    transport.open(this);
  }

  /** Settles when the transport has let go: nothing of this connection is left then. */
  get finished(): Promise<void> {
    if (this.#isFinished) return Promise.resolve();
    this.#finished ??= new Promise((resolve) => {
      this.#finish = resolve;
    });
    return this.#finished;
  }

  get remoteAddress(): string {
    return this.#transport.remoteAddress;
  }

  /** `TLSv1.3` where the transport speaks it, whoever is at its other end; undefined where it does not. */
  get tls(): string | undefined {
    return this.#transport.secure?.protocol;
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

  /** Whether there are keys. */
  get state(): SecurityState {
    const { secrets, transport } = this.#agreement ?? {};
    if (secrets !== undefined || transport !== undefined) return 'secured';
    return this.#phase === 'handshaking' || this.#securing !== undefined ? 'securing' : 'plain';
  }

  /** There are no keys, and may be some. */
  get securable(): boolean {
    return this.#phase === 'ready' && this.#agreement?.later !== undefined;
  }

  /**
   * Agrees on keys where there are none yet: once, however often it is asked for and by whichever side. Messages without
   * flags go on meanwhile. Rejects with what ended the connection in the place of that, since it never goes on in the clear;
   * ENCRYPTION_UNAVAILABLE where there will never be keys.
   */
  secure(): Promise<void> {
    if (this.#phase !== 'ready')
      return Promise.reject(this.#endedBy ?? closedError('not-ready', 'the connection is not ready'));
    if (this.state === 'secured') return Promise.resolve();
    if (!this.securable) {
      return Promise.reject(
        new SealwireError(
          'ENCRYPTION_UNAVAILABLE',
          "there will be no keys on this connection: leave enableEncryption on, on both sides, for encryption: 'onDemand'",
        ),
      );
    }
    if (this.#securing !== undefined) return this.#securing.done;
    const { done } = this.#beginSecuring();
    try {
      this.#advance(this.#handshake!.begin());
    } catch (error) {
      this.fail(asSealwireError(error));
    }
    return done;
  }

  /**
   * Sends a message, in order with the others of its channel, which is a name that only this side knows. A volatile one
   * that would have to wait is dropped, and false returned. See {@link Sender.send} for what it throws;
   * CONNECTION_CLOSED when there is no connection.
   */
  send(flags: number, message: Uint8Array, channel?: string, isVolatile?: boolean): boolean {
    if (this.#phase !== 'ready')
      throw this.#endedBy ?? closedError('not-ready', 'the connection is not ready');
    // By the time there are keys it would be stale.
    if (flags !== 0 && isVolatile && this.securable) return this.#sender.drop();
    return this.#sender.send(flags, message, channel, isVolatile);
  }

  /** See {@link Sender.flight}. */
  set flight(messages: number) {
    this.#sender.flight = messages;
  }

  /**
   * A key for the application's own use, fresh for this connection and the same on both sides (RFC 9846 §7.5).
   * Throws ENCRYPTION_UNAVAILABLE on a connection without keys.
   */
  exportKey(label: string, bytes: number, context: Uint8Array = empty): Uint8Array {
    const exporter = this.#agreement?.exporter;
    if (this.#phase !== 'ready' || exporter === undefined) {
      throw new SealwireError(
        'ENCRYPTION_UNAVAILABLE',
        this.securable
          ? 'there are no keys to export from yet: await establishEncryption() first'
          : 'there are no keys to export from on this connection',
      );
    }
    return exporter.export(label, bytes, context);
  }

  /** What the peer has sent last led to nothing: it has to wait for its next turn, for longer where that was large. */
  countWaste(much: number): void {
    this.#inbox.waste(much);
  }

  /** Ends the connection and tells the peer why. Idempotent. */
  close(reason: CloseReason = 'normal'): void {
    if (this.#phase === 'closed') return;
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
      const frame = this.#isVerifying ? this.#handshake?.refuse(denied) : undefined;
      if (frame !== undefined) this.#sender.sendHandshake(frame);
    } catch {
      // What cannot be said is not: then the client sees the transport close.
    }
    this.#end(denied, undefined);
  }

  // What the transport and the parts of the connection tell it. Methods, and no functions made for each connection: an idle one
  // would keep a dozen of them.

  /** For the transport: see {@link FrameReceiver}. */
  frame(frame: Uint8Array): void {
    if (this.#phase === 'closed') return;
    if (this.#receiver !== undefined) {
      this.#inbox.add(frame);
      return;
    }
    try {
      if (!this.#closedInHandshake(frame)) this.#advance(this.#handshake!.receive(frame));
    } catch (error) {
      this.fail(asSealwireError(error));
    }
  }

  /** For the transport. */
  closed(error?: Error): void {
    // What came before the end counts, although its turn has not come.
    this.#inbox.whenEmpty(() => {
      this.#transportClosed(error);
      this.#isFinished = true;
      this.#finish?.();
    });
  }

  /** For the inbox: a frame whose turn has come. */
  open(frame: Uint8Array): More | undefined {
    try {
      if (!this.securable || !isHandshake(frame)) return this.#receiver!.receive(frame);
      this.#receiveLater(frame);
      return undefined;
    } catch (error) {
      this.fail(asSealwireError(error));
      return undefined;
    }
  }

  /** For the inbox. */
  proceed(): More | undefined {
    try {
      return this.#owner.proceed?.(this.#inbox);
    } catch (error) {
      this.fail(asSealwireError(error));
      return undefined;
    }
  }

  /** For the receiver. */
  messages(flags: number, body: Uint8Array): More | undefined {
    const more = this.#owner.messages(flags, body, this.#inbox) ?? undefined;
    this.#sender.answered();
    return more;
  }

  /** For the receiver. */
  closeReceived(reason: CloseReason): void {
    this.#end(this.#farewell(reason), undefined);
  }

  /** For the receiver. */
  stalled(error: SealwireError): void {
    this.fail(error);
  }

  /** For the sender. */
  pressureChanged(state: Backpressure): void {
    this.#owner.backpressure?.(state);
  }

  /** For the sender. */
  sendFailed(error: unknown): void {
    this.fail(asSealwireError(error));
  }

  /** Handshake frames keep to their own limits, whatever else goes on. */
  #receiveLater(frame: Uint8Array): void {
    if (frame.length > this.#limits.maxHandshakeFrameBytes) {
      throw new SealwireError('LIMIT_EXCEEDED', 'the peer sent a handshake frame that is too large');
    }
    if (this.#securing === undefined) this.#beginSecuring();
    this.#advance(this.#handshake!.receive(frame));
  }

  #beginSecuring(): Securing {
    const { handshakeTimeoutMs } = this.#limits;
    this.#securing = new Securing(this.#clock, handshakeTimeoutMs, () => this.#timedOut());
    return this.#securing;
  }

  #stopHandshakeTimer(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #timedOut(): void {
    const text = `the handshake took more than ${this.#limits.handshakeTimeoutMs} ms`;
    this.#end(new SealwireError('HANDSHAKE_TIMEOUT', text), 'handshake-timeout');
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
    else if (next instanceof Established) {
      if (this.#phase === 'handshaking') this.#establish(next);
      else this.#establishKeys(next);
    }
  }

  #verify(verdict: PendingVerdict): void {
    this.#isVerifying = true;
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
    if (!this.#isVerifying || this.#phase === 'closed') return;
    this.#isVerifying = false;
    this.#advance(this.#handshake!.accept(connectionData));
  }

  #establish(established: Established): void {
    const { secrets, transport, peer } = established;
    this.#stopHandshakeTimer();
    this.#phase = 'ready';
    this.#agreement = established.agreement;
    this.#handshake = established.later;
    this.#transport.setMaxFrameBytes(this.#limits.maxFrameBytes);
    this.#sender.establish(secrets?.sending, peer, transport !== undefined);
    this.#receiver = new Receiver({
      secret: secrets?.receiving,
      plainFlags: transport === undefined ? 0 : bothFlags,
      mayBeRefused: !established.confirmed,
      limits: this.#limits,
      clock: this.#clock,
      consumer: this,
    });
    this.#owner.established(established);
  }

  /** Messages have gone to and fro without keys, and go on. */
  #establishKeys(established: Established): void {
    const { secrets } = established;
    this.#agreement = established.agreement;
    this.#handshake = undefined;
    this.#sender.useKeys(secrets!.sending);
    this.#receiver!.useKeys(secrets!.receiving, !established.confirmed);
    const securing = this.#securing;
    this.#securing = undefined;
    securing?.succeeded();
    this.#owner.secured?.(established);
  }

  #farewell(reason: CloseReason): SealwireError {
    const isPeaceful = reason === 'normal' || reason === 'going-away';
    if (this.#securing !== undefined && !isPeaceful) return refusal(reason, this.#isClient);
    return closedError(reason, `the peer closed the connection: ${reason}`);
  }

  #transportClosed(cause?: Error): void {
    // As a rule it has ended before: an error is made, with its stack, for those who will read it.
    if (this.#phase === 'closed') return;
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
    this.#stopHandshakeTimer();
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
    this.#handshake?.destroy();
    this.#agreement?.destroy();
    if (this.#securing !== undefined) {
      this.#securing.failed(error);
      this.#owner.notSecured?.(error);
    }
    this.#owner.closed(error);
  }
}

function isHandshake(frame: Uint8Array): boolean {
  return frame.length > 0 && readFirstByte(frame).type === frameTypes.handshake;
}
