// A manager with the client's role, for any platform: what browsers get, and what NetworkingManager builds on.
//
// Configuration goes in, typed access to the other side comes out. It starts one role at a time, and can be started again
// after stop().

import { ApprovalDenied } from '../base/approval-denied.js';
import { SealwireError } from '../base/errors.js';
import type { CallOptions } from '../rpc/caller.js';
import { type DirectedInterceptors, type Interceptor, Interceptors } from '../rpc/interceptor.js';
import type { Peer } from '../rpc/peer.js';
import { createProxy, type RpcProxy, type ServiceClass } from '../rpc/proxy.js';
import { Registry } from '../rpc/registry.js';
import { deferredAnswer } from '../rpc/remote-stream.js';
import type { SessionObserver } from '../rpc/session-options.js';
import type { Json } from '../token/json.js';
import type { ClientTransport } from '../transport/transport.js';
import { reservedService } from './authentication.js';
import { ClientAuthentication, type Credentials, type HeldToken } from './client-authentication.js';
import { ClientLife, type ClientState } from './client-life.js';
import { type ClientSettings, checkOptionNames, clientSettings, type NetworkConfig } from './config.js';
import { checkedDrainMs, type StopOptions } from './drain.js';
import { ManagerEmitter, type ManagerEvents } from './events.js';
import { warnOfMalleable } from './malleable-warning.js';
import type { Platform } from './platform.js';

export interface MoveOptions extends StopOptions {
  /** The name that the certificate of the next server must be for. Default: as for startClient(). */
  readonly serverName?: string;
}

/** Calls on a connection that is left may take so long. */
const defaultMoveDrainMs = 5000;

/** What a running manager is. */
export interface Role {
  /** Calls in flight get `drainMs` to finish; undefined for what is usual for the role. */
  stop(drainMs?: number): Promise<void>;
}

export class ClientManager {
  protected readonly platform: Platform;
  protected readonly events: ManagerEmitter;
  protected readonly registry: Registry = new Registry();
  protected readonly interceptors: Interceptors = new Interceptors();
  /** Out of sight of whoever prints a manager: it may hold a passphrase. */
  #config: NetworkConfig;
  #role: Role | undefined;
  #client: ClientLife | undefined;
  /** Made with the first client. */
  #authentication: ClientAuthentication | undefined;
  /** Made with it: the service that it is called by. */
  #reserved: object | undefined;
  /** Roles that have ended by themselves, while their sockets close. */
  readonly #ending = new Set<Role>();
  /** Classes that rpc() was asked for: the server must protect their methods at least as they declare. */
  readonly #expectations = new Set<ServiceClass<object>>();

  /** Throws INVALID_CONFIG for options that do not exist; the rest is checked at start. */
  constructor(config: NetworkConfig, platform: Platform) {
    checkOptionNames(config);
    this.#config = config;
    this.platform = platform;
    this.events = new ManagerEmitter((code, message) => platform.warn(code, message));
  }

  protected get config(): NetworkConfig {
    return this.#config;
  }

  /** What is started from now on has this certificate. */
  protected renew(certificate: NonNullable<NetworkConfig['certificate']>): void {
    this.#config = { ...this.#config, certificate };
  }

  /**
   * Offers the RPC methods of an object to the other side, under `name` or the name of its class. Before the start.
   * Throws INVALID_RPC for a class without RPCs and for names used twice, INVALID_STATE after the start.
   */
  register(target: object): this;
  register(name: string, target: object): this;
  register(nameOrTarget: string | object, maybeTarget?: object): this {
    if (this.#role !== undefined) {
      throw new SealwireError(
        'INVALID_STATE',
        'register services before the start: both sides agree on them there',
      );
    }
    const target = typeof nameOrTarget === 'string' ? maybeTarget : nameOrTarget;
    if (typeof target !== 'object' || target === null) {
      throw new SealwireError('INVALID_RPC', 'register() takes an instance: register(new Arena())');
    }
    const { constructor: madeBy }: { constructor?: { name: string } } = target;
    this.registry.register(typeof nameOrTarget === 'string' ? nameOrTarget : (madeBy?.name ?? ''), target);
    return this;
  }

  /**
   * Puts an interceptor around calls and streams, behind those that are there: one for both directions, which tells them
   * apart by `call.direction`, or `{ incoming, outgoing }` with one for a direction. At any time: calls that are made from
   * then on go through it. Throws INVALID_ARGUMENT for what is none.
   */
  use(interceptor: Interceptor | DirectedInterceptors): this {
    this.interceptors.add(interceptor);
    return this;
  }

  /**
   * Connects to a server, by URL (`ws://…`, `wss://…`, on Node also `tcp://…`, `tls://…`, `memory://…`) or transport. Resolves when calls can
   * be made: keys are agreed, the certificate is accepted, and so is this client, where the server has asked for its own
   * certificate or approves its clients.
   * The server hears of it a moment later (`clientConnected`). Rejects with CONNECT_FAILED, CERTIFICATE_REJECTED, HANDSHAKE_FAILED, HANDSHAKE_TIMEOUT,
   * APPROVAL_DENIED ({@link ApprovalDenied}), POLICY_MISMATCH, ENCRYPTION_UNAVAILABLE or INVALID_CONFIG.
   */
  async startClient(target: string | ClientTransport): Promise<void> {
    const transport = this.#dialled('startClient', target);
    const life = this.makeClient(clientSettings(this.config, this.platform, transport), transport);
    this.enter(life);
    await this.connect(life);
  }

  /**
   * Goes to another server: connects to it, shows it the token, and then leaves the server that there was, where calls under
   * way have `drainMs` to finish, 5000 by default. Resolves when calls go to the new one; the event `moved` says so, and no
   * other does. The proxies of rpc() go along. What stands in the way is thrown, and then nothing has changed: INVALID_STATE
   * where the client is not ready or is moving already, all that startClient() rejects with, and what the server says to
   * the token and the credentials (TOKEN_EXPIRED, UNAUTHENTICATED, …).
   */
  async moveTo(target: string | ClientTransport, options: MoveOptions = {}): Promise<void> {
    const life = this.#client;
    if (life === undefined) throw notStarted();
    if (life !== this.#role)
      throw new SealwireError('INVALID_STATE', 'the client of a host stays with its server');
    const drainMs = checkedDrainMs(options) ?? defaultMoveDrainMs;
    const { serverName } = options;
    const config = serverName === undefined ? this.config : { ...this.config, serverName };
    const transport = this.#dialled('moveTo', target);
    const settings = clientSettings(config, this.platform, transport);
    await life.moveTo({ settings, transport }, drainMs);
  }

  #dialled(method: string, target: string | ClientTransport): ClientTransport {
    const transport = typeof target === 'string' ? this.platform.dial(target) : target;
    if (typeof (transport as Partial<ClientTransport> | undefined)?.connect === 'function') return transport;
    throw new SealwireError(
      'INVALID_CONFIG',
      `${method}() takes a URL, such as ws://game.example:7777, or a transport`,
    );
  }

  /**
   * Shows credentials to the server, under both flags, and is somebody from then on, or somebody else: calls under way stay
   * what they were. Resolves to the public part of what the server knows. Rejects with what the server's hook says, as a
   * rule UNAUTHENTICATED; RESOURCE_EXHAUSTED for too many attempts; ENCRYPTION_UNAVAILABLE, and nothing was sent.
   */
  async authenticate(credentials: Credentials): Promise<Json> {
    const session = this.#client?.session;
    if (session === undefined) throw notStarted();
    return this.#authentication!.authenticate(session, credentials);
  }

  /** The token that the server gave, or the configuration; undefined where there is none. stop() forgets it. */
  get token(): HeldToken | undefined {
    return this.#authentication?.token;
  }

  /** A client of this manager, not yet connected. */
  protected makeClient(settings: ClientSettings, transport: ClientTransport): ClientLife {
    const { encryption, crypto } = settings;
    this.#authentication ??= new ClientAuthentication({
      clock: this.platform.clock,
      crypto,
      provider: this.#config.credentials,
      token: this.#config.token,
      refreshed: (token) => this.events.emit('tokenRefreshed', token),
    });
    const authentication = this.#authentication;
    this.#reserved ??= reservedService({ token: (admitted) => authentication.pushed(admitted) });
    const services = this.registry.services(this.#reserved);
    warnOfMalleable(services, this.platform);
    const life: ClientLife = new ClientLife({
      platform: this.platform,
      target: { settings, transport },
      services,
      interceptors: this.interceptors,
      expectations: this.#expectations,
      admit: (session) => authentication.admit(session),
      moveTo: (target) => this.moveTo(target),
      calls: this.callObserver(),
      observer: {
        stateChanged: (...change) => this.events.emit('stateChanged', ...change),
        established: (peer) => {
          if (peer.security.state === 'secured') this.events.emit('encryptionEstablished', peer);
        },
        moved: (peer, left) => this.events.emit('moved', peer, left),
        lost: (error) => this.events.emit('disconnected', error),
        handshakeFailed: (error, remoteAddress) => {
          // Where the server refuses its client, the keys were agreed.
          if (encryption && !(error instanceof ApprovalDenied))
            this.events.emit('encryptionFailed', error, remoteAddress);
        },
        ended: () => this.#ended(life),
      },
    });
    return life;
  }

  protected connect(life: ClientLife): Promise<void> {
    this.#client = life;
    return life.start();
  }

  /** The connection to the server; undefined while there is none. Another one after each reconnection. */
  get connection(): Peer | undefined {
    return this.#client?.session?.peer;
  }

  /** How far the client is; `closed` before the start and after the end. */
  get state(): ClientState {
    return this.#client?.state ?? 'closed';
  }

  /**
   * A service of the server, by name or by class: an object with its methods, typed. `options` apply to every call made
   * through it. With a class the server must protect each method at least as the class declares (POLICY_MISMATCH). May be
   * called before the start; calls made then fail with CONNECTION_CLOSED.
   */
  rpc<Service extends object>(
    service: string | ServiceClass<Service>,
    options?: CallOptions,
  ): RpcProxy<Service> {
    const proxy = createProxy(
      service,
      (method, args, callOptions) => this.#call(method, args, callOptions),
      options,
    );
    if (typeof service !== 'string') {
      this.#expectations.add(service);
      this.connection?.rpc(service);
    }
    return proxy;
  }

  /** What a method of a proxy gives: a stream where the manifest says so; while there is none, what can become either. */
  #call(name: string, args: readonly unknown[], options?: CallOptions): unknown {
    const session = this.#client?.session;
    const kind = session?.answersWith(name);
    if (session !== undefined && kind === 'stream') return session.call(name, args, options);
    const answer = this.invokeServerRpc(name, args, options);
    return kind === undefined || session?.isUnsure ? deferredAnswer(answer) : answer;
  }

  /** Calls `Service.method` of the server. Flags in `options` raise the protection, they cannot lower it. */
  invokeServerRpc<Result = unknown>(
    name: string,
    args: readonly unknown[] = [],
    options?: CallOptions,
  ): Promise<Result> {
    const answer = this.#client?.invoke(name, args, options) ?? Promise.reject(notStarted());
    return answer as Promise<Result>;
  }

  /**
   * Ends whatever was started and resolves when no socket and no timer of it is left. A server tells its clients that it
   * goes away. Calls in flight get `drainMs` to finish: 5000 by default for a server, 0 for a client. A second stop() waits
   * for the first, whose time counts.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    const drainMs = checkedDrainMs(options);
    const role = this.#role;
    await Promise.all([role?.stop(drainMs), ...[...this.#ending].map((ending) => ending.stop())]);
    if (role !== undefined) this.leave(role);
    this.#authentication?.forget();
  }

  on<Name extends keyof ManagerEvents>(name: Name, listener: ManagerEvents[Name]): this {
    this.events.on(name, listener);
    return this;
  }

  off<Name extends keyof ManagerEvents>(name: Name, listener: ManagerEvents[Name]): this {
    this.events.off(name, listener);
    return this;
  }

  /** Throws INVALID_STATE when something is running already. */
  protected enter(role: Role): void {
    if (this.#role !== undefined) {
      throw new SealwireError(
        'INVALID_STATE',
        'this manager is started already: stop() it first, or make another one',
      );
    }
    this.#role = role;
  }

  protected leave(role: Role): void {
    if (this.#role === role) this.#role = undefined;
  }

  /** By itself, or by stop(): a new start is free from here on, also where listeners of the end make it. */
  #ended(life: ClientLife): void {
    if (this.#client === life) this.#client = undefined;
    this.leave(life);
    this.#ending.add(life);
    void life.stop().finally(() => this.#ending.delete(life));
  }

  protected callObserver(): Pick<
    SessionObserver,
    'failed' | 'refused' | 'backpressure' | 'limitExceeded' | 'secured' | 'notSecured'
  > {
    return {
      secured: (peer) => this.events.emit('encryptionEstablished', peer),
      notSecured: (peer, error) => this.events.emit('encryptionFailed', error, peer.remoteAddress),
      failed: (...failure) => this.events.emit('callFailed', ...failure),
      refused: (peer, method, code) => this.events.emit('callRefused', peer, method, code),
      limitExceeded: (peer, report) => this.events.emit('limitExceeded', peer, report),
      backpressure: (peer, state) => this.events.emit('backpressure', peer, state),
    };
  }
}

function notStarted(): SealwireError {
  return new SealwireError(
    'CONNECTION_CLOSED',
    'there is no connection to a server: await startClient() first',
  );
}
