// Being a server: listen, and hold one session for each client, within the limits.
//
//   a host: listen ─▸ who comes now waits ─▸ its own client comes in, over its own link, as client 1 ─▸ the others
//
// A connection counts as half-open until its handshake is over; a flood of them is refused and cannot keep out, or
// disturb, those who are in. A client is in `clients` from the end of its handshake to the end of its connection.

import { SealwireError } from '../base/errors.js';
import { checkClientCertificate } from '../certificate/trust/validator.js';
import { Connection } from '../connection/connection.js';
import { startOnDemandServer } from '../handshake/on-demand-server.js';
import { startPlainServer } from '../handshake/plain.js';
import { startServerHandshake } from '../handshake/server.js';
import type { Handshake } from '../handshake/state.js';
import type { Interceptors } from '../rpc/interceptor.js';
import { type LimitName, LimitReporter } from '../rpc/limit-report.js';
import { type Peer, sessionOf } from '../rpc/peer.js';
import type { Services } from '../rpc/registry.js';
import { Session } from '../rpc/session.js';
import type { SessionObserver, ShownByPeer } from '../rpc/session-options.js';
import type { Listener, ServerTransport, TransportConnection } from '../transport/transport.js';
import { type CloseReason, encodeClose, frameTypes, plainFrame } from '../wire/frame.js';
import { transportCodes } from '../wire/handshake-message.js';
import type { ApprovalRequest } from './approval.js';
import type { ServerSettings } from './config.js';
import { drain } from './drain.js';
import type { HostLink } from './host-link.js';
import type { Platform } from './platform.js';
import { type Desk, ServedClient } from './served-client.js';
import type { ServerCertificates } from './server-certificates.js';
import type { SignIns } from './server-sign-ins.js';
import { tlsOfServer } from './tls.js';

export interface ServerRoleOptions {
  readonly platform: Platform;
  readonly settings: ServerSettings;
  /** Undefined where nothing is shown, in the handshake or in TLS. */
  readonly certificates: ServerCertificates | undefined;
  readonly services: Services;
  readonly interceptors: Interceptors;
  readonly signIns: Pick<SignIns, 'watch' | 'stop'>;
  /** The way to the client of the same manager, where it is a host. */
  readonly host?: HostLink | undefined;
  readonly observer: SessionObserver;
  /** Told in place of the observer's closed(): the approval did not let a client in, or not in time. */
  refused(request: ApprovalRequest, error: SealwireError): void;
}

const defaultDrainMs = 5000;

/** What a server expects its clients to offer. */
const nothing: ReadonlySet<never> = new Set();

export class ServerRole {
  readonly clients: Map<number, Peer> = new Map();
  readonly #options: ServerRoleOptions;
  readonly #sessions = new Set<Session>();
  /** Of connections that are over, or were refused, while their sockets close. */
  readonly #closing = new Set<Promise<void>>();
  readonly #listening: Promise<Listener>[] = [];
  /** Those who came before the host's own client was in; undefined from then on. */
  #early: TransportConnection[] | undefined;
  /** Of validators and approvals that are still at work on a client that is gone. */
  #outlivingVerdicts = 0;
  /** What is told of those who were not let in. */
  readonly #strangers: LimitReporter;
  readonly #desk: Desk;
  #nextId = 1;
  #stopped = false;
  #stopping: Promise<void> | undefined;

  constructor(options: ServerRoleOptions) {
    this.#options = options;
    if (options.host !== undefined) this.#early = [];
    const { platform, observer } = options;
    this.#strangers = new LimitReporter(platform.clock, (report) =>
      observer.limitExceeded?.(undefined, report),
    );
    this.#desk = {
      settings: options.settings,
      observer,
      judge: (checkApproval, shown, signal, link) =>
        this.#judge(this.#checkCertificate(shown, signal, link), checkApproval, signal),
      admitted: (client) => this.clients.set(client.id, client),
      left: (client, error, wasEstablished) => this.#left(client, error, wasEstablished),
      refused: (request, error) => options.refused(request, error),
    };
  }

  /** Resolves to the URL that it listens on. Whatever it rejects with, stop() tidies up. */
  async start(transport: ServerTransport): Promise<string> {
    const { host, certificates, signIns } = this.#options;
    const url = await this.#listen(transport);
    if (host !== undefined) {
      await this.#listen(host.transport, host);
      await host.connect();
      this.#mustRun();
      this.#admitEarly();
    }
    certificates?.watch();
    signIns.watch();
    return url;
  }

  async #listen(transport: ServerTransport, host?: HostLink): Promise<string> {
    const { settings, certificates } = this.#options;
    const { limits } = settings;
    const listening = transport.listen({
      maxFrameBytes: limits.maxHandshakeFrameBytes,
      maxFrameBytesLater: limits.maxFrameBytes,
      accept: (connection) => this.#accept(connection, host),
      tls: certificates && tlsOfServer(certificates, settings),
    });
    this.#listening.push(listening);
    const { url } = await listening;
    this.#mustRun();
    return url;
  }

  #mustRun(): void {
    if (this.#stopped) throw new SealwireError('LISTEN_FAILED', 'the server was stopped while it started');
  }

  /**
   * Lets calls in flight finish, for `drainMs` at most, tells every client, closes every connection, and resolves when
   * nothing is left. Nobody new is let in meanwhile. A second stop() waits for the first.
   */
  stop(drainMs: number = defaultDrainMs): Promise<void> {
    this.#stopped = true;
    this.#stopping ??= this.#stop(drainMs);
    return this.#stopping;
  }

  async #stop(drainMs: number): Promise<void> {
    const { certificates, signIns, platform, host } = this.#options;
    certificates?.stop();
    signIns.stop();
    this.#admitEarly();
    const goAway = (session: Session): void => session.disconnect('going-away');
    const idle = (session: Session): void => {
      if (!session.isHost) goAway(session);
      // The host's own client goes last, and by itself: methods that still run for others may call it.
      else if (this.#sessions.size === 1) void host!.leave();
    };
    if (drainMs > 0) await drain(this.#sessions, drainMs, platform.clock, idle);
    await host?.leave();
    for (const session of [...this.#sessions]) goAway(session);
    for (const listening of this.#listening) {
      // Where listening failed, who started the server is told.
      const listener = await listening.catch(() => undefined);
      await listener?.close();
    }
    await Promise.all(this.#closing);
    this.#strangers.close();
  }

  /** Or refuses them, where the server has stopped. */
  #admitEarly(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const connection of early) this.#accept(connection);
  }

  /** `host` where it is the client of the same manager. */
  #accept(transport: TransportConnection, host?: HostLink): void {
    const { platform, settings, services, interceptors } = this.#options;
    const { limits } = settings;
    if (this.#early !== undefined && host === undefined) {
      if (this.#early.length < limits.maxHalfOpenConnections) this.#early.push(transport);
      else this.#turnAway(transport, 'halfOpenConnections');
      return;
    }
    const halfOpen = this.#sessions.size - this.clients.size + this.#outlivingVerdicts;
    if (this.#stopped) {
      this.#refuse(transport, 'going-away');
      return;
    }
    if (halfOpen >= limits.maxHalfOpenConnections || this.#sessions.size >= limits.maxConnections) {
      const isFull = this.#sessions.size >= limits.maxConnections;
      this.#turnAway(transport, isFull ? 'connections' : 'halfOpenConnections');
      return;
    }
    const handshake = this.#handshake(transport, host);
    const client = new ServedClient(this.#desk, host);
    const session = new Session({
      id: this.#nextId++,
      isHost: host !== undefined,
      services,
      interceptors,
      heartbeat: host === undefined ? settings.heartbeat : undefined,
      limits,
      rateLimit: host === undefined ? settings.rateLimit : undefined,
      onLimit: settings.onLimit,
      clock: platform.clock,
      expectations: nothing,
      judge: client,
      observer: client,
    });
    this.#sessions.add(session);
    session.attach(
      new Connection({
        transport,
        handshake,
        limits,
        clock: platform.clock,
        handshakeTimeoutMs: limits.handshakeTimeoutMs,
        owner: session,
      }),
    );
  }

  #left(client: Peer, error: SealwireError, wasEstablished: boolean): void {
    const session = sessionOf(client);
    this.clients.delete(client.id);
    this.#sessions.delete(session);
    this.#awaitClosing(session.finished);
    const limit = wasEstablished ? undefined : limitOfHandshake(error);
    if (limit !== undefined) this.#strangers.add(limit, 'disconnect', client.remoteAddress);
  }

  #turnAway(transport: TransportConnection, limit: LimitName): void {
    this.#strangers.add(limit, 'refuse', transport.remoteAddress);
    this.#refuse(transport, 'limit-exceeded');
  }

  #refuse(transport: TransportConnection, reason: CloseReason): void {
    this.#awaitClosing(
      new Promise((resolve) => transport.open({ frame: () => undefined, closed: () => resolve() })),
    );
    transport.send(plainFrame(frameTypes.close, encodeClose(reason)));
    transport.close();
  }

  /** So that stop() can wait for it. */
  #awaitClosing(finished: Promise<void>): void {
    const closing = finished.finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #handshake(transport: TransportConnection, host?: HostLink): Handshake {
    const { settings, certificates, services } = this.#options;
    const common = {
      transport: transportCodes[transport.kind],
      manifest: services.manifest,
      maxFrameBytes: settings.limits.maxFrameBytes,
      maxMessageBytes: settings.limits.maxMessageBytes,
    };
    const approves = settings.approve !== undefined;
    if (!settings.encryption) return startPlainServer({ ...common, approves });
    const { crypto, clientAuthentication, allowed, iterations } = settings;
    const shown = host ? host.shownBy(certificates) : certificates;
    const identities = settings.signed ? shown : undefined;
    const secure = settings.trustSecureTransport ? transport.secure : undefined;
    const policy = { clientAuthentication, approves, allowed, iterations, secure };
    const start = settings.onDemand ? startOnDemandServer : startServerHandshake;
    return start({ ...common, ...policy, crypto, identities });
  }

  /** The certificate first: nobody is approved under a name that is not proved. */
  #judge(
    checked: void | Promise<void>,
    approve: () => void | Promise<void>,
    signal: AbortSignal,
  ): void | Promise<void> {
    const verdict = checked === undefined ? approve() : checked.then(approve);
    if (verdict !== undefined) this.#countIfItOutlives(verdict, signal);
    return verdict;
  }

  /** Whether a client may show none is settled in the handshake. */
  #checkCertificate(
    { chain, protection }: ShownByPeer,
    signal: AbortSignal,
    host: HostLink | undefined,
  ): void | Promise<void> {
    if (chain.length === 0) return;
    if (host !== undefined) {
      host.checkClient(chain);
      return;
    }
    const { platform, settings } = this.#options;
    const { crypto, roots, validate } = settings;
    const time = platform.clock.date();
    const shownIn = protection === 'transport' ? 'tls' : 'handshake';
    return checkClientCertificate({ crypto, chain, roots, time, validate, shownIn, signal });
  }

  /**
   * Connections end sooner than validators and approvals: until its verdict is given, one counts as half-open, or whoever
   * comes and goes could set any number of them to work.
   */
  #countIfItOutlives(verdict: Promise<void>, connection: AbortSignal): void {
    const count = (): void => {
      this.#outlivingVerdicts += 1;
    };
    connection.addEventListener('abort', count, { once: true });
    const given = (): void => {
      connection.removeEventListener('abort', count);
      if (connection.aborted) this.#outlivingVerdicts -= 1;
    };
    verdict.then(given, given);
  }
}

/** The limit that ended a connection before its handshake was over, if it was one. */
function limitOfHandshake({ code }: SealwireError): LimitName | undefined {
  if (code === 'HANDSHAKE_TIMEOUT') return 'handshakeTime';
  return code === 'LIMIT_EXCEEDED' ? 'frames' : undefined;
}
