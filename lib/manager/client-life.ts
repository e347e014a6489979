// The life of a client, over as many connections as it takes.
//
//   startClient ─▸ connecting ─▸ connected ─▸ securing ─▸ ready ─ lost ─▸ reconnecting ─ delay ─▸ connecting …
//                                                                  └ fatal, wanted, stopped, enough attempts ─▸ closed
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
import { Backoff, isWorthRetrying } from './reconnect.js';
import { WaitingCalls } from './waiting-calls.js';

/**
 * `connecting`: dialling. `connected`: the transport is there. `securing`: keys and certificates. `ready`: calls go through.
 * `reconnecting`: waiting for the next attempt. `closed`: before the start, and after the end.
 */
export type ClientState = 'connecting' | 'connected' | 'securing' | 'ready' | 'reconnecting' | 'closed';

/** What a manager hears of its client. */
export interface ClientLifeObserver {
  stateChanged(state: ClientState, previous: ClientState, error: SealwireError | undefined): void;
  /** A connection is ready. */
  established(peer: Peer): void;
  /** A connection that was ready is lost, or has ended. */
  lost(error: SealwireError): void;
  /** An attempt failed in its handshake. */
  handshakeFailed(error: SealwireError, remoteAddress: string): void;
  /** There will be no further connection. Told before the other events of the end. */
  ended(): void;
}

export interface ClientLifeOptions
  extends Pick<ClientRoleOptions, 'platform' | 'settings' | 'services' | 'interceptors' | 'expectations'> {
  /** For each attempt. */
  dial(): ClientTransport;
  readonly calls: Pick<
    ClientRoleOptions['observer'],
    'failed' | 'refused' | 'backpressure' | 'limitExceeded' | 'secured' | 'notSecured'
  >;
  readonly observer: ClientLifeObserver;
}

export class ClientLife {
  readonly #options: ClientLifeOptions;
  readonly #backoff: Backoff | undefined;
  readonly #waiting: WaitingCalls<Session>;
  /** Roles that are over, while their sockets close. */
  readonly #closing = new Set<Promise<void>>();
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
    const { settings, platform } = options;
    const { reconnect, crypto } = settings;
    this.#options = options;
    this.#backoff = reconnect && new Backoff(reconnect, () => randomShare(crypto));
    this.#waiting = new WaitingCalls(platform.clock, reconnect?.maxWaitingCalls ?? 0);
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
    const role = this.#newRole();
    try {
      await role.start();
    } catch (error) {
      this.#over(role, asSealwireError(error));
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
      const mayRepeat = this.#options.settings.reconnect?.whileAway === 'wait';
      if (!mayRepeat || !this.#isAway || !wasLost(error)) throw error;
    }
    return this.#callLater(name, args, later, startedMs, isIntercepted);
  }

  /** Ends the connection, or the attempt, and resolves when nothing is left. */
  async stop(drainMs = 0): Promise<void> {
    this.#stopping = true;
    const role = this.#role;
    if (this.#session === undefined) {
      this.#close(
        new SealwireError('CONNECTION_CLOSED', 'the client was stopped', { reason: 'closed-here' }),
      );
    }
    await role?.stop(drainMs);
    await Promise.all(this.#closing);
  }

  async #callLater(
    name: string,
    args: readonly unknown[],
    options: CallOptions,
    startedMs: number,
    isIntercepted: boolean,
  ): Promise<unknown> {
    const { platform, settings } = this.#options;
    const { clock } = platform;
    if (!this.#isAway) throw this.#noConnection();
    if (settings.reconnect?.whileAway !== 'wait') {
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

  #newRole(): ClientRole {
    const { dial, calls, observer, ...common } = this.#options;
    const role: ClientRole = new ClientRole({
      ...common,
      transport: dial(),
      reached: (stage) => {
        if (this.#role === role) this.#enter(stage);
      },
      observer: {
        ...calls,
        closed: (peer, error, wasEstablished) => {
          this.#over(role, error, () => {
            if (wasEstablished) observer.lost(error);
            else observer.handshakeFailed(error, peer.remoteAddress);
          });
        },
      },
      established: (session) => this.#ready(role, session),
    });
    this.#role = role;
    this.#enter('connecting');
    return role;
  }

  #ready(role: ClientRole, session: Session): void {
    const { observer, platform } = this.#options;
    this.#session = session;
    this.#lastSession = session;
    this.#readySinceMs = platform.clock.now();
    observer.established(session.peer);
    // Listeners may have ended it; and what they call goes out in front of the calls that wait.
    if (this.#role === role) this.#enter('ready');
    if (this.#role === role) this.#waiting.proceed(session);
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
      role = this.#newRole();
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
    this.#waiting.fail(this.#noConnection());
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
  #awaitClosing(role: ClientRole): void {
    const closing = role.stop().finally(() => this.#closing.delete(closing));
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
