// Being a client: dial, agree on keys, check the server's certificate, and there is a session.

import { SealwireError } from '../base/errors.js';
import { checkServerCertificate } from '../certificate/validator.js';
import { Connection } from '../connection/connection.js';
import { startClientHandshake } from '../handshake/client.js';
import { startPlainClient } from '../handshake/plain.js';
import type { ServiceClass } from '../rpc/proxy.js';
import type { Services } from '../rpc/registry.js';
import { Session, type SessionObserver } from '../rpc/session.js';
import type { ClientTransport, TransportConnection } from '../transport/transport.js';
import { transportCodes } from '../wire/handshake-message.js';
import type { ClientSettings } from './config.js';
import type { Platform } from './platform.js';

export interface ClientRoleOptions {
  readonly platform: Platform;
  readonly settings: ClientSettings;
  readonly transport: ClientTransport;
  readonly services: Services;
  readonly expectations: ReadonlySet<ServiceClass<object>>;
  readonly observer: Omit<SessionObserver, 'established'>;
  /** The session is ready. */
  established(session: Session): void;
}

export class ClientRole {
  readonly #options: ClientRoleOptions;
  readonly #giveUp = new AbortController();
  #session: Session | undefined;

  constructor(options: ClientRoleOptions) {
    this.#options = options;
  }

  /** The session, once there is one. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Resolves when calls can be made; rejects with what stood in the way. One time limit for all of it. */
  async start(): Promise<void> {
    const { platform, settings } = this.#options;
    const { handshakeTimeoutMs } = settings.limits;
    const startedMs = platform.clock.now();
    const transport = await this.#dial(handshakeTimeoutMs);
    const leftMs = Math.max(1, handshakeTimeoutMs - (platform.clock.now() - startedMs));
    await this.#handshake(transport, leftMs);
  }

  /** Ends the connection, or the attempt, and resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#giveUp.abort();
    this.#session?.disconnect('normal');
    await this.#session?.finished;
  }

  async #dial(timeoutMs: number): Promise<TransportConnection> {
    const { platform, settings, transport } = this.#options;
    let timedOut = false;
    const stopTimer = platform.clock.setTimer(timeoutMs, () => {
      timedOut = true;
      this.#giveUp.abort();
    });
    try {
      return await transport.connect({
        signal: this.#giveUp.signal,
        maxFrameBytes: settings.limits.maxHandshakeFrameBytes,
        maxFrameBytesLater: settings.limits.maxFrameBytes,
      });
    } catch (cause) {
      if (!timedOut) throw cause;
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

  #handshake(transport: TransportConnection, timeoutMs: number): Promise<void> {
    const { platform, settings, services, expectations, observer, established } = this.#options;
    return new Promise((resolve, reject) => {
      const session: Session = new Session({
        id: 0,
        services,
        limits: settings.limits,
        clock: platform.clock,
        expectations,
        checkPeer: (chain) => this.#checkServer(chain),
        observer: {
          ...observer,
          established: () => {
            established(session);
            resolve();
          },
          closed: (peer, error, wasEstablished) => {
            observer.closed(peer, error, wasEstablished);
            reject(error);
          },
        },
      });
      this.#session = session;
      const { handshake, send } = this.#hello(transport);
      session.attach(
        new Connection({
          transport,
          handshake,
          firstFrame: send,
          limits: settings.limits,
          clock: platform.clock,
          handshakeTimeoutMs: timeoutMs,
          owner: session,
        }),
      );
    });
  }

  #hello(transport: TransportConnection): ReturnType<typeof startClientHandshake> {
    const { settings, services } = this.#options;
    const common = {
      transport: transportCodes[transport.kind],
      manifest: services.manifest,
      maxFrameBytes: settings.limits.maxFrameBytes,
    };
    if (!settings.encryption) return startPlainClient(common);
    return startClientHandshake({
      ...common,
      crypto: settings.crypto,
      signed: settings.signed,
      serverName: settings.serverName,
      allowed: settings.allowed,
      maxIterations: settings.limits.maxKeyStretchingIterations,
    });
  }

  #checkServer(chain: readonly Uint8Array[]): void | Promise<void> {
    const { platform, settings, transport } = this.#options;
    return checkServerCertificate({
      crypto: settings.crypto,
      chain,
      roots: settings.roots,
      hostname: settings.serverName,
      dialledHost: transport.hostname,
      time: platform.clock.date(),
      validate: settings.validate,
    });
  }
}
