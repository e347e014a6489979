// The life of a client, over as many connections as it takes.
//
//   startClient ─▸ connecting ─▸ connected ─▸ securing ─▸ authenticating ─▸ ready ─ lost ─▸ reconnecting ─ delay ─▸ connecting …
//                                                                           │ ▲   └ fatal, wanted, stopped, enough attempts ─▸ closed
//                                                                           └─┘ moveTo: the next connection first, then the end of this one
//
// Each connection is a role of its own with keys of its own, and a new client to the server. Calls go to the one there is;
// while there is none they wait or fail. A call that was lost with its connection is made again only where the caller said
// that twice is as good as once.

import { RpcError, SealwireError } from '../base/errors.js';
import { currentContext } from '../rpc/call-context.js';
import type { Interception } from '../rpc/call-lifetime.js';
import { type CallOptions, planCall, timeLeft } from '../rpc/call-options.js';
import { invokeIntercepted } from '../rpc/intercepted-call.js';
import type { Peer } from '../rpc/peer.js';
import { connectionClosed } from '../rpc/pending-calls.js';
import type { Session } from '../rpc/session.js';
import type { ClientTransport } from '../transport/transport.js';
import { ClientRole, type ClientRoleOptions } from './client-role.js';
import type { ClientSettings } from './config.js';
import { Backoff, defaultMaxWaitingCalls, isWorthRetrying } from './reconnect.js';
import { WaitingCalls } from './waiting-calls.js';

/**
 * `connecting`: dialling. `connected`: the transport is there. `securing`: keys and certificates. `authenticating`: a token or
 * credentials, where there are any. `ready`: calls go through. `reconnecting`: waiting for the next attempt, or for the
 * outcome of a move. `closed`: before the start, and after the end.
 */
export type ClientState =
  | 'connecting'
  | 'connected'
  | 'securing'
  | 'authenticating'
  | 'ready'
  | 'reconnecting'
  | 'closed';

/** What a manager hears of its client. */
export interface ClientLifeObserver {
  stateChanged(state: ClientState, previous: ClientState, error: SealwireError | undefined): void;
  /** A connection is ready. */
  established(peer: Peer): void;
  /** A connection that was ready is lost, or has ended. */
  lost(error: SealwireError): void;
  /** It has moved to another server, in one step. */
  moved(peer: Peer, left: Peer): void;
  /** An attempt failed in its handshake. */
  handshakeFailed(error: SealwireError, remoteAddress: string): void;
  /** There will be no further connection. Told before the other events of the end. */
  ended(): void;
}

/** Where a client goes. */
export interface ClientTarget {
  readonly settings: ClientSettings;
  readonly transport: ClientTransport;
}

export interface ClientLifeOptions
  extends Pick<
    ClientRoleOptions,
    'platform' | 'services' | 'interceptors' | 'expectations' | 'admit' | 'moveTo'
  > {
  readonly target: ClientTarget;
  readonly calls: Pick<
    ClientRoleOptions['observer'],
    'failed' | 'refused' | 'backpressure' | 'limitExceeded' | 'secured' | 'notSecured'
  >;
  readonly observer: ClientLifeObserver;
}

interface Move {
  readonly role: ClientRole;
  readonly target: ClientTarget;
  readonly drainMs: number;
  /** Why the connection was lost before the next one was there. */
  lostBy: SealwireError | undefined;
}

export class ClientLife {
  readonly #options: ClientLifeOptions;
  readonly #backoff: Backoff | undefined;
  readonly #waiting: WaitingCalls<Session>;
  /** Roles that are over, while their sockets close. */
  readonly #closing = new Set<Promise<void>>();
  /** Those of them that were left by moving, and may still finish calls. */
  readonly #left = new Set<ClientRole>();
  #target: ClientTarget;
  /** The connection to the next server, before there is one. */
  #moving: Move | undefined;
  #state: ClientState = 'closed';
  /** The attempt that is under way, or the connection. */
  #role: ClientRole | undefined;
  #session: Session | undefined;
  /** That one, or the one before: what its manifest says is the best guess of what the next one will say. */
  #lastSession: Session | undefined;
  /** Calls that are on their way through interceptors. */
  readonly #intercepted: Interception['calls'] = new Set();
  #readySinceMs: number | undefined;
  #stopTimer: (() => void) | undefined;
  #stopping = false;
  #endedBy: SealwireError | undefined;

  constructor(options: ClientLifeOptions) {
    const { target, platform } = options;
    const { reconnect, crypto } = target.settings;
    this.#options = options;
    this.#target = target;
    this.#backoff = reconnect && new Backoff(reconnect, () => randomShare(crypto));
    this.#waiting = new WaitingCalls(platform.clock, reconnect?.maxWaitingCalls ?? defaultMaxWaitingCalls);
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The connection; undefined while there is none. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** The first connection: what stands in its way is told and not tried again. */
  async start(): Promise<void> {
    const role = this.#attempt();
    try {
      await role.start();
    } catch (error) {
      this.#over(role, asSealwireError(error));
      throw error;
    }
  }

  /**
   * To another server: calls go to the connection there is until the next one is ready, then to that, and those that are
   * under way finish where they were made, within `drainMs`. What stands in the way is thrown, and nothing has changed. A
   * connection that is lost meanwhile leaves calls waiting for the next one.
   */
  async moveTo(target: ClientTarget, drainMs: number): Promise<void> {
    if (this.#session === undefined || this.#stopping) throw notReady('the client can move when it is ready');
    if (this.#moving !== undefined) throw notReady('the client is moving already: one step at a time');
    const role = this.#newRole(target);
    this.#moving = { role, target, drainMs, lostBy: undefined };
    try {
      await role.start();
    } catch (error) {
      this.#awaitClosing(role);
      this.#stay();
      throw error;
    }
  }

  /**
   * See {@link Session.invoke}; waits for a connection, and repeats, as configured. Interceptors see it once: that is what
   * next() does. Where nothing is known of the method yet, or it streams, they see it when there is a connection.
   */
  invoke(name: string, args: readonly unknown[], options?: CallOptions): Promise<unknown> {
    const interception = this.#endedBy === undefined ? this.#lastSession?.interception(name) : undefined;
    if (interception === undefined || interception.method.stream)
      return this.#invoke(name, args, options, false);
    // Not over with the connection that there is now.
    const here = { ...interception, calls: this.#intercepted };
    return invokeIntercepted(here, args, options, (sent, changed) => this.#invoke(name, sent, changed, true));
  }

  #invoke(
    name: string,
    args: readonly unknown[],
    options: CallOptions | undefined,
    isIntercepted: boolean,
  ): Promise<unknown> {
    const session = this.#session;
    return session === undefined || options?.idempotent === true
      ? this.#invokePatiently(name, args, options, isIntercepted)
      : invokeOn(session, name, args, options, isIntercepted);
  }

  /** A call that waits for a connection, or is repeated on the next one. */
  async #invokePatiently(
    name: string,
    args: readonly unknown[],
    options: CallOptions = {},
    isIntercepted: boolean,
  ): Promise<unknown> {
    const startedMs = this.#options.platform.clock.now();
    // Behind the first await it is out of sight.
    const { context = currentContext() } = options;
    const later = { ...options, context };
    const session = this.#session;
    if (session === undefined) return this.#callLater(name, args, later, startedMs, isIntercepted);
    try {
      return await invokeOn(session, name, args, options, isIntercepted);
    } catch (error) {
      const mayRepeat = this.#target.settings.reconnect?.whileAway === 'wait';
      if (!mayRepeat || !this.#isAway || !wasLost(error)) throw error;
    }
    return this.#callLater(name, args, later, startedMs, isIntercepted);
  }

  /** Ends the connection, or the attempt, and resolves when nothing is left. */
  async stop(drainMs = 0): Promise<void> {
    this.#stopping = true;
    const role = this.#role;
    if (this.#session === undefined && this.#endedBy === undefined) {
      this.#close(
        new SealwireError('CONNECTION_CLOSED', 'the client was stopped', { reason: 'closed-here' }),
      );
    }
    const stoppedMove = this.#moving?.role.stop();
    await role?.stop(drainMs);
    if (drainMs === 0) for (const left of this.#left) left.cut();
    await stoppedMove;
    await Promise.all(this.#closing);
  }

  async #callLater(
    name: string,
    args: readonly unknown[],
    options: CallOptions,
    startedMs: number,
    isIntercepted: boolean,
  ): Promise<unknown> {
    const { clock } = this.#options.platform;
    const { settings } = this.#target;
    if (!this.#isAway) throw this.#noConnection();
    if (settings.reconnect?.whileAway !== 'wait' && this.#moving === undefined) {
      const text = 'the connection to the server is lost and not back yet';
      throw new SealwireError('UNAVAILABLE', text, { reason: 'reconnecting' });
    }
    const plan = planCall(options);
    const spentMs = clock.now() - startedMs;
    const untilMs = clock.now() + timeLeft(plan, clock, false, settings.limits) - spentMs;
    const leftMs = (): number => Math.max(1, Math.ceil(untilMs - clock.now()));
    const session = await this.#waiting.wait(name, { timeoutMs: leftMs(), signals: plan.signals });
    // A stream has no limit of its own, only what was asked for.
    const isLimited = options.timeoutMs !== undefined || !session.remoteMethod(name)?.stream;
    const left = isLimited ? { ...options, timeoutMs: leftMs() } : options;
    return isIntercepted ? session.invokeDirectly(name, args, left) : session.call(name, args, left);
  }

  /** There was a connection, and there will be another one. */
  get #isAway(): boolean {
    return this.#readySinceMs !== undefined && this.#session === undefined && this.#endedBy === undefined;
  }

  #attempt(): ClientRole {
    const role = this.#newRole(this.#target);
    this.#role = role;
    this.#enter('connecting');
    return role;
  }

  #newRole({ settings, transport }: ClientTarget): ClientRole {
    const { calls, observer, ...common } = this.#options;
    const role: ClientRole = new ClientRole({
      ...common,
      settings,
      transport,
      reached: (stage) => {
        if (this.#role === role) this.#enter(stage);
      },
      observer: {
        ...calls,
        closed: (peer, error, wasEstablished) => {
          const wasReady = this.#session?.peer === peer;
          this.#over(role, error, () => {
            if (wasReady) observer.lost(error);
            else if (!wasEstablished) observer.handshakeFailed(error, peer.remoteAddress);
          });
        },
      },
      secureTransportRefused: (error) => {
        this.#over(role, error, () => observer.handshakeFailed(error, role.dialledHost));
      },
      established: (session) => {
        if (this.#moving?.role === role) this.#moved(this.#moving, session);
        else this.#ready(role, session);
      },
    });
    return role;
  }

  #ready(role: ClientRole, session: Session): void {
    this.#arrive(session);
    this.#options.observer.established(session.peer);
    // Listeners may have ended it; and what they call goes out in front of the calls that wait.
    if (this.#role === role) this.#enter('ready');
    if (this.#role === role) this.#waiting.proceed(session);
  }

  /** From here on there is the next connection; the one there was is left as soon as nothing is under way on it. */
  #moved({ role, target, drainMs }: Move, session: Session): void {
    const left = this.#role;
    const { peer: leftPeer } = this.#lastSession!;
    this.#moving = undefined;
    this.#target = target;
    this.#role = role;
    this.#arrive(session);
    if (left !== undefined) this.#awaitClosing(left, drainMs);
    this.#options.observer.moved(session.peer, leftPeer);
    if (this.#role === role) this.#enter('ready');
    if (this.#role === role) this.#waiting.proceed(session);
  }

  /** The move came to nothing. Where the connection was lost meanwhile, it is looked after now. */
  #stay(): void {
    const lostBy = this.#moving?.lostBy;
    this.#moving = undefined;
    if (lostBy !== undefined && this.#endedBy === undefined) this.#comeBack(lostBy);
  }

  #arrive(session: Session): void {
    this.#session = session;
    this.#lastSession = session;
    this.#readySinceMs = this.#options.platform.clock.now();
  }

  /**
   * A connection, or an attempt, is over. Told twice of a handshake that failed: by its end, and by the start that rejects.
   * What listeners are told comes when all is settled here: they may stop, or start anew.
   */
  #over(role: ClientRole, error: SealwireError, tell: () => void = () => undefined): void {
    if (this.#role !== role) return;
    const stoodMs = this.#session && this.#options.platform.clock.now() - this.#readySinceMs!;
    this.#role = undefined;
    this.#session = undefined;
    this.#awaitClosing(role);
    if (this.#endedBy !== undefined) {
      tell();
      return;
    }
    if (stoodMs !== undefined) this.#backoff?.connected(stoodMs);
    if (this.#moving !== undefined && !this.#stopping) {
      this.#moving.lostBy = error;
      tell();
      if (this.#endedBy === undefined) this.#enter('reconnecting', error);
      return;
    }
    this.#comeBack(error, tell);
  }

  /** In a while, if that is wanted and of any use. */
  #comeBack(error: SealwireError, tell: () => void = () => undefined): void {
    const isOver = this.#stopping || !this.#isAway || !isWorthRetrying(error);
    const delayMs = isOver ? undefined : this.#backoff?.next();
    if (delayMs === undefined) {
      this.#close(error, tell);
      return;
    }
    this.#stopTimer = this.#options.platform.clock.setTimer(delayMs, () => void this.#retry());
    tell();
    if (this.#endedBy === undefined) this.#enter('reconnecting', error);
  }

  async #retry(): Promise<void> {
    let role: ClientRole | undefined;
    try {
      role = this.#attempt();
      await role.start();
    } catch (error) {
      if (role !== undefined) this.#over(role, asSealwireError(error));
    }
  }

  #close(error: SealwireError, tell: () => void = () => undefined): void {
    if (this.#endedBy !== undefined) return;
    this.#endedBy = error;
    this.#stopTimer?.();
    this.#options.observer.ended();
    if (this.#waiting.size > 0) this.#waiting.fail(this.#noConnection());
    for (const call of [...this.#intercepted]) call.connectionEnded(error);
    tell();
    this.#enter('closed', error);
  }

  #enter(state: ClientState, error?: SealwireError): void {
    const previous = this.#state;
    this.#state = state;
    if (state !== previous) this.#options.observer.stateChanged(state, previous, error);
  }

  #noConnection(): SealwireError {
    const cause = this.#endedBy;
    if (cause === undefined)
      return new SealwireError('CONNECTION_CLOSED', 'there is no connection to a server yet');
    return connectionClosed(`the connection to the server has ended: ${cause.message}`, cause);
  }

  /** So that stop() can wait for it. */
  #awaitClosing(role: ClientRole, drainMs = 0): void {
    this.#left.add(role);
    const closing = role.stop(drainMs).finally(() => {
      this.#left.delete(role);
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
  }
}

function invokeOn(
  session: Session,
  name: string,
  args: readonly unknown[],
  options: CallOptions | undefined,
  isIntercepted: boolean,
): Promise<unknown> {
  return isIntercepted ? session.invokeDirectly(name, args, options) : session.invoke(name, args, options);
}

function notReady(message: string): SealwireError {
  return new SealwireError('INVALID_STATE', message);
}

/** Lost with its connection, on this side: what a method of the server throws may have the same code. */
function wasLost(error: unknown): boolean {
  return error instanceof SealwireError && !(error instanceof RpcError) && error.code === 'CONNECTION_CLOSED';
}

/** From 0 to just below 1. */
function randomShare(crypto: { randomBytes(length: number): Uint8Array }): number {
  const [a = 0, b = 0] = crypto.randomBytes(2);
  return (a * 256 + b) / 65_536;
}

/** A transport of somebody else's may reject with anything. */
function asSealwireError(error: unknown): SealwireError {
  if (error instanceof SealwireError) return error;
  return new SealwireError('CONNECT_FAILED', 'the transport failed', { reason: 'transport', cause: error });
}
