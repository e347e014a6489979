// What there is of a session between the end of its handshake and the end of its connection: the peer's manifest, a caller, a
// dispatcher, a heartbeat, and the guard that watches what the peer does to the limits.
//
//   messages of one record ─ decoded ─ heard by the heartbeat ─▸ routing.ts: each to its end, while the turn's share lasts
//   caller, dispatcher, heartbeat ─▸ the connection
//
// It makes no decision of its own: who may call what stands in dispatcher.ts, whom to trust in session.ts.

import { SealwireError } from '../base/errors.js';
import type { Connection } from '../connection/connection.js';
import type { More, Share } from '../connection/inbox.js';
import type { Manifest } from '../contract/manifest.js';
import { bothFlags, Security, satisfies } from '../contract/security.js';
import type { Established } from '../handshake/state.js';
import { type CallMessage, decodeCallMessages } from '../wire/call-message.js';
import { Caller, type RemoteMethod } from './caller.js';
import { Dispatcher } from './dispatcher.js';
import { Heartbeat } from './heartbeat.js';
import type { Interceptors } from './interceptor.js';
import { defaultLimitActions } from './limit-actions.js';
import { GuardedOutgoing, LimitGuard } from './limit-guard.js';
import type { Outgoing } from './outgoing.js';
import type { Peer } from './peer.js';
import { offered, remoteMethods } from './remote-methods.js';
import { type Ends, route } from './routing.js';
import type { SessionOptions } from './session-options.js';

export interface LiveSessionOptions {
  readonly session: SessionOptions;
  readonly peer: Peer;
  readonly connection: Connection;
  readonly interceptors: Interceptors;
  readonly established: Established;
  /** What the peer said in its handshake, decoded. */
  readonly manifest: Manifest;
}

export interface SessionLoad {
  /** Calls of this side that wait for an answer, or for room to be sent. */
  readonly pendingCalls: number;
  /** Methods that run for the peer. */
  readonly callsInFlight: number;
  /** Of theirs: results and arguments. */
  readonly streams: number;
}

export class LiveSession implements Ends {
  /** Another one once keys are agreed where there were none. */
  established: Established;
  readonly manifest: Manifest;
  /** By full name, `Arena.move`. */
  readonly methods: ReadonlyMap<string, RemoteMethod>;
  /** Sealwire's own, likewise. */
  readonly reserved: ReadonlyMap<string, RemoteMethod>;
  readonly caller: Caller;
  readonly dispatcher: Dispatcher;
  readonly guard: LimitGuard;
  readonly heartbeat: Heartbeat;
  /** Called once, with the next message of the peer that is more than a sign of life, and Authenticated. */
  onceActive: (() => void) | undefined;
  readonly #limits: SessionOptions['limits'];
  readonly #outgoing: ConnectionOutgoing;
  /** Of the last frame. */
  #unhandled:
    | { readonly flags: number; readonly messages: readonly CallMessage[]; handled: number }
    | undefined;
  #ended = false;

  constructor(options: LiveSessionOptions) {
    const { limits, clock } = options.session;
    this.#limits = limits;
    this.established = options.established;
    this.manifest = options.manifest;
    this.methods = remoteMethods(options.manifest, 'others');
    this.reserved = remoteMethods(options.manifest, 'own');
    this.guard = guardOf(options);
    this.#outgoing = new ConnectionOutgoing(options.connection, options.established.allowed);
    this.caller = new Caller(new GuardedOutgoing(this.#outgoing, this.guard), limits, clock);
    this.dispatcher = dispatcherOf(this.guard, this.#outgoing, options);
    this.heartbeat = heartbeatOf(options);
  }

  get load(): SessionLoad {
    const { pendingCalls, waitingForRoom } = this.caller;
    const { callsInFlight, streams } = this.dispatcher;
    // One of them may wait for an answer, too: what matters to whoever asks is whether there are any.
    return { pendingCalls: pendingCalls + waitingForRoom, callsInFlight, streams };
  }

  /** A method of the peer's manifest. Throws UNIMPLEMENTED where there is none of that name. */
  method(name: string): RemoteMethod {
    const method = this.methods.get(name);
    if (method !== undefined) return method;
    throw new SealwireError(
      'UNIMPLEMENTED',
      `the peer offers no method ${name}; it offers ${offered(this.methods)}`,
    );
  }

  /** See {@link Session.invokeReserved}; throws UNIMPLEMENTED where the peer has no such method. */
  invokeReserved(name: string, args: readonly unknown[]): Promise<unknown> {
    const method = this.reserved.get(name);
    if (method === undefined) throw new SealwireError('UNIMPLEMENTED', `the peer does not know ${name}`);
    return this.caller.invoke(method, args, { security: bothFlags, context: null });
  }

  /** Keys were agreed on a connection that was established without. */
  secured(established: Established): void {
    this.established = established;
    this.#outgoing.allowed = established.allowed;
    this.heartbeat.secured();
  }

  /** See {@link ConnectionOwner.messages}; throws PROTOCOL_ERROR for what no honest peer sends. */
  messages(flags: number, body: Uint8Array, share: Share): More | undefined {
    this.heartbeat.heard(flags);
    this.#unhandled = { flags, messages: decodeCallMessages(body, this.#limits), handled: 0 };
    return this.proceed(share);
  }

  /** Goes on with what was left, in another turn. */
  proceed(share: Share): More | undefined {
    const unhandled = this.#unhandled;
    if (unhandled === undefined) return undefined;
    const { flags, messages } = unhandled;
    // A message before this one may have ended the connection.
    while (unhandled.handled < messages.length && !this.#ended) {
      const message = messages[unhandled.handled++]!;
      if (this.onceActive !== undefined) this.#heard(flags, message);
      route(this, flags, message);
      if (unhandled.handled < messages.length && share.used) return 'more';
    }
    this.#unhandled = undefined;
    return undefined;
  }

  /** The connection has ended: calls of this side reject with this, methods of the peer's calls see their signals aborted. */
  close(error: SealwireError): void {
    this.#ended = true;
    this.heartbeat.stop();
    this.caller.close(error);
    this.dispatcher.close(error);
    this.guard.close(error);
  }

  #heard(flags: number, { kind }: CallMessage): void {
    if (kind === 'ping' || kind === 'pong' || !satisfies(flags, Security.Authenticated)) return;
    const callback = this.onceActive;
    this.onceActive = undefined;
    callback?.();
  }
}

function guardOf({ session, peer, connection }: LiveSessionOptions): LimitGuard {
  const { limits, onLimit, clock, observer } = session;
  return new LimitGuard({
    peer,
    limits,
    actions: onLimit ?? defaultLimitActions,
    clock,
    observer,
    fail: (error) => connection.fail(error),
    wasted: (much) => connection.countWaste(much),
  });
}

/** What callers and dispatchers see of a connection. */
class ConnectionOutgoing implements Outgoing {
  allowed: number;
  readonly #connection: Connection;

  constructor(connection: Connection, allowed: number) {
    this.#connection = connection;
    this.allowed = allowed;
  }

  send(flags: number, message: Uint8Array, channel?: string, isVolatile?: boolean): void {
    this.#connection.send(flags, message, channel, isVolatile);
  }

  secure(): Promise<void> | undefined {
    return this.#connection.securable ? this.#connection.secure() : undefined;
  }

  room(): Promise<void> | undefined {
    return this.#connection.backpressure.full ? this.#connection.writable() : undefined;
  }
}

function dispatcherOf(
  guard: LimitGuard,
  outgoing: ConnectionOutgoing,
  { session, peer, connection, interceptors }: LiveSessionOptions,
): Dispatcher {
  const { services, limits, rateLimit, clock, observer } = session;
  return new Dispatcher({
    peer,
    methods: services.methods,
    interceptors,
    limits,
    rateLimit,
    guard,
    clock,
    // As it is when it is asked for.
    get allowed() {
      return outgoing.allowed;
    },
    send: (flags, message, channel) => outgoing.send(flags, message, channel),
    room: () => outgoing.room(),
    fail: (error) => connection.fail(error),
    observer,
  });
}

function heartbeatOf({ session, connection }: LiveSessionOptions): Heartbeat {
  return new Heartbeat({
    settings: session.heartbeat,
    clock: session.clock,
    hasKeys: connection.state === 'secured',
    // On a channel of its own: behind a large transfer it would come too late.
    send: (flags, message) => void connection.send(flags, message, 'heartbeat'),
    fail: (error) => connection.fail(error),
  });
}
