// What happens to the calls that are served, for those who run this side. Arguments and results are not told.

import type { Peer } from './peer.js';

export interface CallObserver {
  /**
   * A method threw something that the caller sees as a bare INTERNAL, or not at all since the call was one-way.
   * `incident` stands in the caller's message, too.
   */
  failed(peer: Peer, method: string, error: unknown, incident: string): void;
  /** A call was not run. */
  refused(peer: Peer, method: string, code: string): void;
}
