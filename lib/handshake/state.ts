// What a handshake state is, what comes out of one, and the loop that feeds frames to them.
//
//   frame ─ open (plain, or generation 0) ─ split ─ state.handle(message) ─ next state, frames to send
//
// States are types named after what they wait for; each is used once. This file does no I/O and knows no time.

import { ApprovalDenied } from '../base/approval-denied.js';
import { SealwireError } from '../base/errors.js';
import { bothFlags } from '../contract/security.js';
import type { Opener } from '../record/open.js';
import type { TrafficSecret } from '../record/traffic-keys.js';
import type { PeerExtensions } from '../wire/extensions.js';
import { frameTypes, plainFrame, plainHeaderBytes, readFirstByte } from '../wire/frame.js';
import { type HandshakeMessage, splitMessages } from '../wire/handshake-message.js';
import type { Exporter } from './key-schedule.js';

/** Waits for one message. `handle` consumes the state: it returns what comes next, or throws. */
export interface HandshakeState {
  /** Opens the frames that this state waits for; undefined where they are plain. */
  readonly opener: Opener | undefined;
  handle(message: HandshakeMessage): Transition;
  /** Where this side may speak first: see {@link Handshake.begin}. */
  begin?(): Transition;
  /** Wipes what this state holds; called when the handshake fails. */
  destroy(): void;
}

export interface Transition {
  readonly next: HandshakeState | PendingVerdict | Established;
  /** Frames to send now, in order. */
  readonly send: readonly Uint8Array[];
}

/** Waits for a message in the clear, and holds no secrets. */
export abstract class PlainState implements HandshakeState {
  readonly opener: undefined;

  abstract handle(message: HandshakeMessage): Transition;

  destroy(): void {
    // There is nothing to wipe.
  }
}

/** The cryptography holds; whether the peer is to be trusted, and let in, is for others to say. */
export class PendingVerdict {
  /** DER, the peer's own first; empty where it showed none. */
  readonly peerChain: readonly Uint8Array[];
  /** What the peer told about itself. */
  readonly peer: PeerExtensions;
  /** How it will be, once the peer is accepted. */
  readonly protection: Protection;
  /** For Handshake.accept() alone. */
  readonly accept: (connectionData: Uint8Array | undefined) => Transition;
  /** For Handshake.refuse() alone: the frame that tells the peer; undefined where the peer waits for no such word. */
  readonly refuse: ((denied: ApprovalDenied) => Uint8Array) | undefined;
  readonly destroy: () => void;

  constructor(fields: {
    peerChain: readonly Uint8Array[];
    peer: PeerExtensions;
    protection: Protection;
    accept: (connectionData: Uint8Array | undefined) => Transition;
    refuse?: (denied: ApprovalDenied) => Uint8Array;
    destroy: () => void;
  }) {
    this.peerChain = fields.peerChain;
    this.peer = fields.peer;
    this.protection = fields.protection;
    this.accept = fields.accept;
    this.refuse = fields.refuse;
    this.destroy = fields.destroy;
  }
}

/** How the peers came to their keys; `transport`: they have none, and TLS below them between themselves. */
export type Protection = 'signed' | 'anonymous' | 'transport' | 'none';

/** What is kept of an established connection for as long as it lives. */
export class Agreement {
  readonly protection: Protection;
  /** Undefined without keys. */
  readonly secrets: EstablishedSecrets | undefined;
  /** What gives every message both flags; undefined unless that is the transport. */
  readonly transport: SecureTransport | undefined;
  /** Bit f: both sides accept records with flags f. */
  readonly allowed: number;
  /** DER, the peer's own first; empty when it showed none. */
  readonly peerChain: readonly Uint8Array[];
  /** Agrees on keys while calls go on in the clear; undefined where there are keys, or will never be. */
  readonly later: Handshake | undefined;

  constructor(fields: AgreementFields) {
    this.protection = fields.protection;
    this.secrets = fields.secrets;
    this.transport = fields.transport;
    this.allowed = fields.allowed;
    // Copies of their own: as views they would keep all that was received with them.
    this.peerChain = fields.peerChain.map((certificate) => Uint8Array.from(certificate));
    this.later = fields.later;
  }

  /** Keys for the application's own use; undefined where nothing is protected. */
  get exporter(): Pick<Exporter, 'export'> | undefined {
    return this.secrets?.exporter ?? this.transport?.exporter;
  }

  destroy(): void {
    this.secrets?.sending.destroy();
    this.secrets?.receiving.destroy();
    this.secrets?.exporter.destroy();
    this.later?.destroy();
  }
}

export interface AgreementFields {
  readonly protection: Protection;
  readonly secrets?: EstablishedSecrets | undefined;
  readonly transport?: SecureTransport | undefined;
  readonly allowed: number;
  readonly peerChain: readonly Uint8Array[];
  readonly later?: Handshake | undefined;
}

/** Both sides agree on all of this, or there is no connection. */
export class Established extends Agreement {
  /** What the peer told about itself: read when the connection begins, and not kept by it. */
  readonly peer: PeerExtensions;
  /** The peer is through with its handshake as well, as far as this side knows: a refusal in plain is a forgery. */
  readonly confirmed: boolean;
  #agreement: Agreement | undefined;

  constructor(fields: AgreementFields & { readonly peer: PeerExtensions; readonly confirmed: boolean }) {
    super(fields);
    this.peer = fields.peer;
    this.confirmed = fields.confirmed;
  }

  /** Of this, what is kept: the same for all who keep it. */
  get agreement(): Agreement {
    this.#agreement ??= new Agreement(this);
    return this.#agreement;
  }
}

export interface EstablishedSecrets {
  /** Generation 1 of the direction in which this side sends. */
  readonly sending: TrafficSecret;
  readonly receiving: TrafficSecret;
  readonly exporter: Exporter;
  /** `aes-256-gcm` or `chacha20-poly1305`. */
  readonly suite: string;
  readonly group: string;
}

/** TLS between the two peers themselves. */
export interface SecureTransport {
  /** `TLS_AES_256_GCM_SHA384` */
  readonly cipher: string;
  readonly exporter: Pick<Exporter, 'export'>;
}

/** Feeds frames, and the verdict, to the current state. After a throw it takes nothing more. */
export class Handshake {
  #state: HandshakeState | PendingVerdict | Established | undefined;

  constructor(first: HandshakeState) {
    this.#state = first;
  }

  /**
   * Takes one frame of type handshake. Throws HANDSHAKE_FAILED, with a `reason`, for everything that is not what
   * the current state waits for, and {@link ApprovalDenied} where the server says so; all secrets are wiped then.
   */
  receive(frame: Uint8Array): Transition {
    return this.#guarded(() =>
      this.#open(frame).flatMap((message) => this.#go(this.#waiting().handle(message))),
    );
  }

  /** This side wants keys, on a living connection: once, and before any frame of the peer was received. */
  begin(): Transition {
    return this.#guarded(() => {
      const { begin } = this.#waiting();
      if (begin === undefined)
        throw failed('internal', 'this handshake is under way, or not for this side to begin');
      return this.#go(begin.call(this.#waiting()));
    });
  }

  /**
   * The peer was found good: to be called once, where a PendingVerdict came out, and never otherwise. A client says
   * `connectionData` then (see {@link encodeCarried}). Throws as {@link receive} does, where this side cannot say what
   * it must.
   */
  accept(connectionData?: Uint8Array): Transition {
    return this.#guarded(() => this.#go(this.#verdict().accept(connectionData)));
  }

  /**
   * A server does not let its client in: the same, and the end. Returns the frame that says so; undefined where the client
   * waits for none.
   */
  refuse(denied: ApprovalDenied): Uint8Array | undefined {
    try {
      return this.#verdict().refuse?.(denied);
    } finally {
      this.destroy();
    }
  }

  destroy(): void {
    this.#state?.destroy();
    this.#state = undefined;
  }

  /** Runs what gives frames to send, and ends everything when it throws. */
  #guarded(act: () => readonly Uint8Array[]): Transition {
    try {
      const send = act();
      return { next: this.#state!, send };
    } catch (error) {
      this.destroy();
      throw asHandshakeFailure(error);
    }
  }

  #verdict(): PendingVerdict {
    if (this.#state instanceof PendingVerdict) return this.#state;
    throw failed('internal', 'there is no verdict to be given');
  }

  #go({ next, send }: Transition): readonly Uint8Array[] {
    this.#state = next;
    return send;
  }

  #open(frame: Uint8Array): HandshakeMessage[] {
    const { opener } = this.#waiting();
    const { flags, type } = readFirstByte(frame);
    if (type !== frameTypes.handshake)
      throw failed('unexpected-frame', `a frame of type ${type} came too early`);
    if (opener !== undefined) {
      if (flags !== bothFlags) throw failed('unexpected-frame', 'a handshake record must have both flags');
      return splitMessages(opener.open(frame).body);
    }
    if (flags !== 0) throw failed('unexpected-frame', 'a sealed frame came before the keys');
    const messages = splitMessages(frame.subarray(plainHeaderBytes));
    if (messages.length !== 1) throw failed('unexpected-message', 'a hello must be alone in its frame');
    return messages;
  }

  #waiting(): HandshakeState {
    const state = this.#state;
    if (state === undefined || !('handle' in state)) {
      throw failed('unexpected-message', 'a handshake message came when none was due');
    }
    return state;
  }
}

/** A handshake frame in the clear. */
export function helloFrame(hello: HandshakeMessage): Uint8Array {
  return plainFrame(frameTypes.handshake, hello.bytes);
}

export function failed(reason: string, message: string): SealwireError {
  return new SealwireError('HANDSHAKE_FAILED', message, { reason });
}

/** Throws unless the message is of the type that is due. */
export function expectType(message: HandshakeMessage, type: number): void {
  if (message.type !== type) {
    throw failed('unexpected-message', `message ${message.type} came where ${type} was due`);
  }
}

function asHandshakeFailure(error: unknown): SealwireError {
  if (error instanceof ApprovalDenied) return error;
  if (error instanceof SealwireError && error.code === 'HANDSHAKE_FAILED') return error;
  if (!(error instanceof SealwireError)) {
    return new SealwireError('HANDSHAKE_FAILED', 'the handshake failed', {
      reason: 'internal',
      cause: error,
    });
  }
  const reason = error.reason ?? 'malformed';
  return new SealwireError('HANDSHAKE_FAILED', error.message, { reason, cause: error });
}
