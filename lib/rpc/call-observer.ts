// What happens to the calls that are served, for those who run this side. Arguments and results are not told.

import type { LimitReport } from './limit-report.js';
import type { Peer } from './peer.js';

export interface CallObserver {
  /**
   * A method threw something that the caller sees as a bare INTERNAL, or not at all since the call was one-way.
   * `incident` stands in the caller's message, too.
   */
  failed(peer: Peer, method: string, error: unknown, incident: string): void;
  /** A call was not run; of a peer whose calls are refused more often than 100 times a second not each is told. */
  refused(peer: Peer, method: string, code: string): void;
  /** The peer, undefined where it was not let in, reached a limit; once a second at most for each limit, with a count. */
  limitExceeded?(peer: Peer | undefined, report: LimitReport): void;
}
