// One client of a server, from the moment it is accepted until its connection has ended: what its session asks, and tells.
//
//   session ─ checkPeer ─▸ the certificate, then the approval ─ established ─▸ admitted ─▸ … ─ closed ─▸ left
//
// What is the same for all clients stands at the desk, once: a server has ten thousand of these, and most do nothing.

import type { SealwireError } from '../base/errors.js';
import type { Backpressure } from '../connection/pressure.js';
import type { LimitReport } from '../rpc/limit-report.js';
import type { Peer } from '../rpc/peer.js';
import type { Ending, PeerJudge, SessionObserver, ShownByPeer } from '../rpc/session-options.js';
import type { ApprovalRequest } from './approval.js';
import { ClientApproval } from './client-approval.js';
import type { ServerSettings } from './config.js';
import type { HostLink } from './host-link.js';

/** The server, as each of its clients needs it. */
export interface Desk {
  readonly settings: ServerSettings;
  /** Who is told what happens to all of them. */
  readonly observer: SessionObserver;
  /** Checks a certificate, if one was shown, and asks `approve` for those whose certificate is good. */
  judge(
    approve: () => void | Promise<void>,
    shown: ShownByPeer,
    signal: AbortSignal,
    host: HostLink | undefined,
  ): void | Promise<void>;
  admitted(client: Peer): void;
  left(client: Peer, error: SealwireError, wasEstablished: boolean): void;
  /** Told in place of the observer's closed(). */
  refused(request: ApprovalRequest, error: SealwireError): void;
}

export class ServedClient implements PeerJudge, SessionObserver {
  readonly #desk: Desk;
  /** Where it is the client of the same manager. */
  readonly #host: HostLink | undefined;
  /** While it is asked for. */
  #approval: ClientApproval | undefined;

  constructor(desk: Desk, host: HostLink | undefined) {
    this.#desk = desk;
    this.#host = host;
  }

  checkPeer(shown: ShownByPeer, { ending: signal }: Ending, client: Peer): void | Promise<void> {
    const approve = (): void | Promise<void> => this.#approve(shown, signal, client);
    return this.#desk.judge(approve, shown, signal, this.#host);
  }

  established(client: Peer): void {
    this.#approval = undefined;
    this.#desk.admitted(client);
    this.#host?.admitted();
    this.#desk.observer.established(client);
  }

  secured(client: Peer): void {
    this.#approval = undefined;
    this.#desk.observer.secured?.(client);
  }

  notSecured(client: Peer, error: SealwireError): void {
    this.#desk.observer.notSecured?.(client, error);
  }

  backpressure(client: Peer, state: Backpressure): void {
    this.#desk.observer.backpressure?.(client, state);
  }

  failed(client: Peer, method: string, error: unknown, incident: string): void {
    this.#desk.observer.failed(client, method, error, incident);
  }

  refused(client: Peer, method: string, code: string): void {
    this.#desk.observer.refused(client, method, code);
  }

  limitExceeded(client: Peer | undefined, report: LimitReport): void {
    this.#desk.observer.limitExceeded?.(client, report);
  }

  closed(client: Peer, error: SealwireError, wasEstablished: boolean): void {
    this.#desk.left(client, error, wasEstablished);
    this.#host?.refused(error);
    const refused = this.#approval?.refusedBy(error);
    if (refused === undefined) this.#desk.observer.closed(client, error, wasEstablished);
    else this.#desk.refused(refused, error);
  }

  #approve(shown: ShownByPeer, signal: AbortSignal, client: Peer): void | Promise<void> {
    const { settings } = this.#desk;
    if (settings.approve === undefined) return undefined;
    this.#approval = new ClientApproval(settings, client.remoteAddress, this.#host !== undefined);
    return this.#approval.ask(client, shown, signal);
  }
}
