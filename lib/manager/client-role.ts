// Being a client: dial, agree on keys, check the server's certificate, say who this is, and there is a session.

import { SealwireError } from '../base/errors.js';
import { checkServerCertificate, type ValidationContext } from '../certificate/trust/validator.js';
import { Connection } from '../connection/connection.js';
import { type ClientHandshakeConfig, startClientHandshake } from '../handshake/client.js';
import { startOnDemandClient } from '../handshake/on-demand.js';
import { startPlainClient } from '../handshake/plain.js';
import type { Interceptors } from '../rpc/interceptor.js';
import type { ServiceClass } from '../rpc/proxy.js';
import type { Services } from '../rpc/registry.js';
import { Session } from '../rpc/session.js';
import type { Ending, SessionObserver, ShownByPeer } from '../rpc/session-options.js';
import type { ClientTransport, TransportConnection } from '../transport/transport.js';
import { transportCodes } from '../wire/handshake-message.js';
import type { ClientSettings } from './config.js';
import { drain } from './drain.js';
import type { Platform } from './platform.js';
import { tlsOfClient } from './tls.js';

export interface ClientRoleOptions {
  readonly platform: Platform;
  readonly settings: ClientSettings;
  readonly transport: ClientTransport;
  readonly services: Services;
  readonly interceptors: Interceptors;
  readonly expectations: ReadonlySet<ServiceClass<object>>;
  readonly observer: Omit<SessionObserver, 'established'>;
  /** How far the attempt has come. */
  reached(stage: 'connected' | 'securing' | 'authenticating'): void;
  /** Says to the server who this is; undefined where there is nothing to say. What it rejects with ends the connection. */
  admit(session: Session): Promise<void> | undefined;
  moveTo(target: string): Promise<void>;
  /** TLS has shown a certificate that is not accepted: there will be no session, and nothing was said. */
  secureTransportRefused(error: SealwireError): void;
  /** The session is ready. */
  established(session: Session): void;
}

type ClientHello = ReturnType<typeof startClientHandshake>;

export class ClientRole {
  readonly #options: ClientRoleOptions;
  readonly #giveUp = new AbortController();
  #session: Session | undefined;
  #starting: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #hasCheckedTls = false;
  /** Why the server did not let this client in. */
  #refusal: unknown;

  constructor(options: ClientRoleOptions) {
    this.#options = options;
  }

  /** The session, once there is one. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** For messages. */
  get dialledHost(): string {
    return this.#options.transport.hostname ?? '';
  }

  /** Resolves when calls can be made; rejects with what stood in the way. One time limit for all of it. */
  start(): Promise<void> {
    this.#starting = this.#connect();
    return this.#starting;
  }

  /** Ends the connection now, also where calls in flight were given time. */
  cut(): void {
    this.#session?.disconnect('normal');
  }

  /**
   * Ends the connection, or the attempt, and resolves when nothing of it is left. Calls in flight get `drainMs` to finish,
   * the time of the first stop() counts.
   */
  async stop(drainMs = 0): Promise<void> {
    // Once there is a session, there is no attempt any more that could be given up.
    if (this.#session === undefined) this.#giveUp.abort();
    if (drainMs > 0 && this.#session !== undefined) this.#draining ??= this.#drain(this.#session, drainMs);
    if (this.#draining !== undefined) await this.#draining;
    this.#session?.disconnect('normal');
    // What became of the attempt is told to whoever made it.
    await this.#starting?.catch(() => undefined);
    await this.#session?.finished;
  }

  #drain(session: Session, drainMs: number): Promise<void> {
    const { clock } = this.#options.platform;
    const sessions = new Set([session]);
    // Nobody waits for methods whose caller is gone.
    void session.finished.then(() => sessions.clear());
    return drain(sessions, drainMs, clock, () => sessions.clear());
  }

  async #connect(): Promise<void> {
    const { platform, settings, reached } = this.#options;
    const { handshakeTimeoutMs } = settings.limits;
    const startedMs = platform.clock.now();
    const transport = await this.#dial(handshakeTimeoutMs);
    reached('connected');
    if (settings.encryption && !settings.onDemand) reached('securing');
    let hello: ClientHello;
    try {
      // Whoever was told may have stopped it.
      if (this.#giveUp.signal.aborted) throw givenUp();
      hello = this.#hello(transport);
    } catch (error) {
      transport.destroy();
      throw error;
    }
    const leftMs = Math.max(1, handshakeTimeoutMs - (platform.clock.now() - startedMs));
    await this.#handshake(transport, hello, leftMs);
  }

  async #dial(timeoutMs: number): Promise<TransportConnection> {
    const { platform, settings, transport, secureTransportRefused } = this.#options;
    let timedOut = false;
    let isChecking = false;
    const stopTimer = platform.clock.setTimer(timeoutMs, () => {
      timedOut = true;
      this.#giveUp.abort();
    });
    const { signal } = this.#giveUp;
    try {
      const attempt = transport.connect({
        signal,
        maxFrameBytes: settings.limits.maxHandshakeFrameBytes,
        maxFrameBytesLater: settings.limits.maxFrameBytes,
        tls: tlsOfClient(settings, (chain) => {
          isChecking = true;
          const checked = this.#checkCertificate(chain, 'tls', signal);
          const good = (): void => {
            this.#hasCheckedTls = true;
          };
          return checked === undefined ? good() : checked.then(good);
        }),
      });
      return await this.#unlessGivenUp(attempt);
    } catch (cause) {
      if (cause instanceof SealwireError && cause.code === 'CERTIFICATE_REJECTED')
        secureTransportRefused(cause);
      if (!timedOut) throw cause;
      if (isChecking) {
        const text = `the check of the server's certificate took more than ${timeoutMs} ms`;
        throw new SealwireError('HANDSHAKE_TIMEOUT', text, { cause });
      }
      throw new SealwireError(
        'CONNECT_FAILED',
        `nobody answered within ${timeoutMs} ms: check address and firewall`,
        {
          reason: 'timeout',
          cause,
        },
      );
    } finally {
      stopTimer();
    }
  }

  /** A transport of somebody else's may take no notice of its signal: nobody waits for it, and what it brings later is closed. */
  #unlessGivenUp(attempt: Promise<TransportConnection>): Promise<TransportConnection> {
    const { signal } = this.#giveUp;
    return new Promise((resolve, reject) => {
      // Who does take notice has rejected by then, and says more.
      const giveUp = (): void => this.#options.platform.clock.endOfTurn(() => reject(givenUp()));
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
      attempt.then((connection) => {
        signal.removeEventListener('abort', giveUp);
        if (signal.aborted) connection.destroy();
        else resolve(connection);
      }, reject);
    });
  }

  #handshake(transport: TransportConnection, hello: ClientHello, timeoutMs: number): Promise<void> {
    const { platform, settings } = this.#options;
    return new Promise((resolve, reject) => {
      const session = this.#newSession(resolve, reject);
      this.#session = session;
      session.attach(
        new Connection({
          transport,
          handshake: hello.handshake,
          firstFrame: hello.send,
          limits: settings.limits,
          clock: platform.clock,
          handshakeTimeoutMs: timeoutMs,
          owner: session,
        }),
      );
    });
  }

  /** By itself, since its functions live as long as it does, and would keep all that is at hand where they are made. */
  #newSession(ready: () => void, ended: (error: unknown) => void): Session {
    const { platform, settings, services, interceptors, expectations, observer, moveTo } = this.#options;
    const session: Session = new Session({
      id: 0,
      services,
      interceptors,
      heartbeat: settings.heartbeat,
      limits: settings.limits,
      rateLimit: settings.rateLimit,
      onLimit: settings.onLimit,
      clock: platform.clock,
      expectations,
      moveTo,
      judge: { checkPeer: (shown, session) => this.#checkServer(shown, session) },
      connectionData: settings.connectionData,
      observer: {
        ...observer,
        established: () => this.#admit(session, ready),
        closed: (peer, error, wasEstablished) => {
          const reason = this.#refusal instanceof SealwireError ? this.#refusal : error;
          observer.closed(peer, reason, wasEstablished);
          ended(this.#refusal ?? error);
        },
      },
    });
    return session;
  }

  /** Keys are there; calls go through when the server knows who makes them. */
  #admit(session: Session, ready: () => void): void {
    const { admit, reached, established } = this.#options;
    const begin = (): void => {
      established(session);
      ready();
    };
    const admitted = admit(session);
    if (admitted === undefined) {
      begin();
      return;
    }
    reached('authenticating');
    admitted.then(
      () => {
        if (!session.ending.aborted) begin();
      },
      (error: unknown) => {
        this.#refusal = error;
        session.disconnect('normal');
      },
    );
  }

  #hello(transport: TransportConnection): ClientHello {
    const { platform, settings, services } = this.#options;
    const common = {
      transport: transportCodes[transport.kind],
      manifest: services.manifest,
      maxFrameBytes: settings.limits.maxFrameBytes,
      maxMessageBytes: settings.limits.maxMessageBytes,
    };
    if (!settings.encryption) return startPlainClient(common);
    const config: ClientHandshakeConfig = {
      ...common,
      crypto: settings.crypto,
      signed: settings.signed,
      identities: settings.identities,
      serverName: settings.serverName,
      allowed: settings.allowed,
      saysConnectionData: settings.connectionData !== undefined,
      maxIterations: settings.limits.maxKeyStretchingIterations,
    };
    const { secure } = transport;
    if (secure !== undefined && settings.trustSecureTransport && platform.startSecureClient !== undefined)
      return platform.startSecureClient(config, secure);
    return settings.onDemand ? startOnDemandClient(config) : startClientHandshake(config);
  }

  #checkServer({ chain, protection }: ShownByPeer, session: Ending): void | Promise<void> {
    // An anonymous server shows nothing; a signing one has proved its chain, or there would be no question.
    if (protection === 'anonymous') return;
    // What TLS was shown was judged before a byte of ours was sent, by a transport that asks.
    if (protection === 'transport' && this.#hasCheckedTls) return;
    // Only for a validator: nobody else would listen to it.
    const signal = this.#options.settings.validate && session.ending;
    return this.#checkCertificate(chain, protection === 'transport' ? 'tls' : 'handshake', signal);
  }

  #checkCertificate(
    chain: readonly Uint8Array[],
    shownIn: ValidationContext['shownIn'],
    signal: AbortSignal | undefined,
  ): void | Promise<void> {
    const { platform, settings, transport } = this.#options;
    return checkServerCertificate({
      crypto: settings.crypto,
      chain,
      roots: settings.roots,
      hostname: settings.serverName,
      dialledHost: transport.hostname,
      time: platform.clock.date(),
      validate: settings.validate,
      shownIn,
      signal,
    });
  }
}

function givenUp(): SealwireError {
  return new SealwireError('CONNECT_FAILED', 'the attempt to connect was given up', { reason: 'aborted' });
}
