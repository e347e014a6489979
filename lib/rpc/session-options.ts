// What a session is given: its settings, whom it tells what happens, and who judges the peer. A manager's role writes it down for
// each connection; session.ts and live-session.ts read it.

import type { Clock } from '../base/clock.js';
import type { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import type { PeerChecked } from '../connection/owner.js';
import type { Backpressure } from '../connection/pressure.js';
import type { RateLimit } from '../contract/limit.js';
import type { CallObserver } from './call-observer.js';
import type { HeartbeatSettings } from './heartbeat.js';
import type { Interceptors } from './interceptor.js';
import type { LimitActions } from './limit-actions.js';
import type { ConnectionSecurity, Peer } from './peer.js';
import type { ServiceClass } from './proxy.js';
import type { Services } from './registry.js';

export interface SessionObserver extends CallObserver {
  /** The handshake is over; calls may be made. What this throws ends the connection. */
  established(peer: Peer): void;
  /** Keys were agreed on a connection that was established without. */
  secured?(peer: Peer): void;
  /** They were not, and the connection has ended; closed() follows. */
  notSecured?(peer: Peer, error: SealwireError): void;
  /** More waits to be sent to the peer than should, or no longer; or volatile calls were dropped. Once a turn at most. */
  backpressure?(peer: Peer, state: Backpressure): void;
  /** Exactly once, last; `wasEstablished` tells whether there ever was a session. */
  closed(peer: Peer, error: SealwireError, wasEstablished: boolean): void;
}

export interface SessionOptions {
  /** See {@link Peer.id}. */
  readonly id: number;
  /** See {@link Peer.isHost}. */
  readonly isHost?: boolean;
  readonly services: Services;
  /** Of its manager, which may add to them. */
  readonly interceptors?: Interceptors;
  /** Undefined: the peer is asked for no sign of life. */
  readonly heartbeat?: HeartbeatSettings | undefined;
  readonly limits: Limits;
  /** How often the peer may call, all its calls together; undefined: as often as it likes. */
  readonly rateLimit?: RateLimit | undefined;
  /** What happens at the limits; the usual where it is left out. */
  readonly onLimit?: LimitActions | undefined;
  readonly clock: Clock;
  readonly observer: SessionObserver;
  /** Services that the peer must offer with at least this protection. */
  readonly expectations: ReadonlySet<ServiceClass<object>>;
  /** Where this side is a client: see {@link Peer.moveTo}. */
  readonly moveTo?: ((target: string) => Promise<void>) | undefined;
  readonly judge: PeerJudge;
  /** What a client says of itself to a server that was found good. */
  connectionData?: ((signal: AbortSignal) => PeerChecked | Promise<PeerChecked>) | undefined;
}

export interface PeerJudge {
  /**
   * Throws or rejects unless the peer is to be trusted and let in: {@link ConnectionOwner.checkPeer}. The signal of `session` is
   * made for who asks for it, and aborted when the connection ends.
   */
  checkPeer(shown: ShownByPeer, session: Ending, peer: Peer): void | Promise<void>;
}

/** What has an end. */
export interface Ending {
  readonly ending: AbortSignal;
}

/** What a peer has shown of itself by the end of its handshake. */
export interface ShownByPeer {
  /** DER, its own first; empty where it showed none. */
  readonly chain: readonly Uint8Array[];
  /** As {@link readCarried} reads it; undefined where it said none. */
  readonly connectionData: Uint8Array | undefined;
  /** How the connection will be protected. */
  readonly protection: ConnectionSecurity['protection'];
}
