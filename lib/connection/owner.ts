// What a connection asks of the floor above, and tells it: whether the peer is accepted, what has come, and how it ended.

import type { SealwireError } from '../base/errors.js';
import type { Established, PendingVerdict } from '../handshake/state.js';
import type { More, Share } from './inbox.js';
import type { Backpressure } from './pressure.js';

/** As {@link encodeCarried} made it; undefined on servers, and where a client has nothing to say. */
export type PeerChecked = Uint8Array | undefined;

/** What floors above do with a connection. What these methods throw ends the connection. */
export interface ConnectionOwner {
  /**
   * Throws, or rejects with, CERTIFICATE_REJECTED, POLICY_MISMATCH or ApprovalDenied unless what the peer has shown
   * is good; nothing that this side wants to say has left it by then. Returns the connection data that a client then says.
   */
  checkPeer(
    shown: Pick<PendingVerdict, 'peerChain' | 'peer' | 'protection'>,
  ): PeerChecked | Promise<PeerChecked>;
  /** The handshake is over. */
  established(established: Established): void;
  /** Keys were agreed on a connection that was established without. */
  secured?(established: Established): void;
  /** They were not, since the connection has ended; closed() follows. */
  notSecured?(error: SealwireError): void;
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
