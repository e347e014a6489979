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
import { bothFlags, Security, satisfies } from '../contract/security.js';
import type { Agreement } from '../handshake/state.js';
import { type CallMessage, decodeCallMessages } from '../wire/call-message.js';
import { Caller, type RemoteMethod } from './caller.js';
import { Dispatcher, type DispatcherOptions } from './dispatcher.js';
import { Heartbeat } from './heartbeat.js';
import type { Interceptors } from './interceptor.js';
import { defaultLimitActions, type LimitActions } from './limit-actions.js';
import { GuardedOutgoing, LimitGuard, type LimitGuardOptions } from './limit-guard.js';
import type { Peer } from './peer.js';
import { type Offer, offered } from './remote-methods.js';
import { type Ends, route } from './routing.js';
import type { SessionOptions } from './session-options.js';

/** To read the clock takes a good part of the time of a short call: the share of a turn is looked at after so many messages. */
const lookedAtEvery = 4;

const none: readonly CallMessage[] = [];

export interface LiveSessionOptions {
  readonly session: SessionOptions;
  readonly peer: Peer;
  readonly connection: Connection;
  readonly interceptors: Interceptors;
  readonly agreement: Agreement;
  /** What the peer said in its handshake, decoded. */
  readonly offer: Offer;
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
  agreement: Agreement;
  /** What the peer offers. */
  readonly offer: Offer;
  readonly guard: LimitGuard;
  readonly heartbeat: Heartbeat;
  /** Called once, with the next message of the peer that is more than a sign of life, and Authenticated. */
  onceActive: (() => void) | undefined;
  readonly #link: Link;
  // Made with the first call of their direction: most clients of a server are never called, and many call nothing for long.
  #caller: Caller | undefined;
  #dispatcher: Dispatcher | undefined;
  /** Messages of the last frame, which came under these flags, and how many of them are handled. */
  #messages: readonly CallMessage[] = none;
  #flags = 0;
  #handled = 0;
  #ended = false;

  constructor(options: LiveSessionOptions) {
    this.agreement = options.agreement;
    this.offer = options.offer;
    this.#link = new Link(options);
    this.guard = this.#link.guard;
    this.heartbeat = new Heartbeat({
      settings: options.session.heartbeat,
      clock: options.session.clock,
      hasKeys: options.connection.state === 'secured',
      way: this.#link,
    });
  }

  get caller(): Caller {
    this.#caller ??= this.#link.caller();
    return this.#caller;
  }

  get dispatcher(): Dispatcher {
    this.#dispatcher ??= new Dispatcher(this.#link);
    return this.#dispatcher;
  }

  get load(): SessionLoad {
    const { pendingCalls = 0, waitingForRoom = 0 } = this.#caller ?? {};
    const { callsInFlight = 0, streams = 0 } = this.#dispatcher ?? {};
    // One of them may wait for an answer, too: what matters to whoever asks is whether there are any.
    return { pendingCalls: pendingCalls + waitingForRoom, callsInFlight, streams };
  }

  /** A method of the peer's manifest. Throws UNIMPLEMENTED where there is none of that name. */
  method(name: string): RemoteMethod {
    const method = this.offer.methods.get(name);
    if (method !== undefined) return method;
    throw new SealwireError(
      'UNIMPLEMENTED',
      `the peer offers no method ${name}; it offers ${offered(this.offer.methods)}`,
    );
  }

  /** See {@link Session.invokeReserved}; throws UNIMPLEMENTED where the peer has no such method. */
  invokeReserved(name: string, args: readonly unknown[]): Promise<unknown> {
    const method = this.offer.reserved.get(name);
    if (method === undefined) throw new SealwireError('UNIMPLEMENTED', `the peer does not know ${name}`);
    return this.caller.invoke(method, args, { security: bothFlags, context: null });
  }

  /** Keys were agreed on a connection that was established without. */
  secured(agreement: Agreement): void {
    this.agreement = agreement;
    this.#link.allowed = agreement.allowed;
    this.heartbeat.secured();
  }

  /** See {@link ConnectionOwner.messages}; throws PROTOCOL_ERROR for what no honest peer sends. */
  messages(flags: number, body: Uint8Array, share: Share): More | undefined {
    this.heartbeat.heard(flags);
    this.#messages = decodeCallMessages(body, this.#link.limits);
    this.#flags = flags;
    this.#handled = 0;
    return this.proceed(share);
  }

  /** Goes on with what was left, in another turn. */
  proceed(share: Share): More | undefined {
    const messages = this.#messages;
    const flags = this.#flags;
    // A message before this one may have ended the connection.
    while (this.#handled < messages.length && !this.#ended) {
      const message = messages[this.#handled++]!;
      if (this.onceActive !== undefined) this.#heard(flags, message);
      route(this, flags, message);
      if (this.#handled % lookedAtEvery === 0 && this.#handled < messages.length && share.used) return 'more';
    }
    this.#messages = none;
    return undefined;
  }

  /** The connection has ended: calls of this side reject with this, methods of the peer's calls see their signals aborted. */
  close(error: SealwireError): void {
    this.#ended = true;
    this.heartbeat.stop();
    this.#caller?.close(error);
    this.#dispatcher?.close(error);
    this.guard.close(error);
  }

  #heard(flags: number, { kind }: CallMessage): void {
    if (kind === 'ping' || kind === 'pong' || !satisfies(flags, Security.Authenticated)) return;
    const callback = this.onceActive;
    this.onceActive = undefined;
    callback?.();
  }
}

/**
 * What the parts of a session see of it and of its connection. One object for all of them, with what it has in common with other
 * sessions where it stands already: a server has one for each client.
 */
class Link implements DispatcherOptions, LimitGuardOptions {
  allowed: number;
  readonly peer: Peer;
  readonly interceptors: Interceptors;
  readonly guard: LimitGuard;
  readonly #session: SessionOptions;
  readonly #connection: Connection;

  constructor({ session, peer, connection, interceptors, agreement }: LiveSessionOptions) {
    this.allowed = agreement.allowed;
    this.peer = peer;
    this.interceptors = interceptors;
    this.#session = session;
    this.#connection = connection;
    this.guard = new LimitGuard(this);
  }

  caller(): Caller {
    return new Caller(new GuardedOutgoing(this, this.guard), this.limits, this.clock);
  }

  get methods(): DispatcherOptions['methods'] {
    return this.#session.services.methods;
  }

  get limits(): SessionOptions['limits'] {
    return this.#session.limits;
  }

  get rateLimit(): SessionOptions['rateLimit'] {
    return this.#session.rateLimit;
  }

  get actions(): LimitActions {
    return this.#session.onLimit ?? defaultLimitActions;
  }

  get clock(): SessionOptions['clock'] {
    return this.#session.clock;
  }

  get observer(): SessionOptions['observer'] {
    return this.#session.observer;
  }

  send(flags: number, message: Uint8Array, channel?: string, isVolatile?: boolean): void {
    this.#connection.send(flags, message, channel, isVolatile);
  }

  set flight(messages: number) {
    this.#connection.flight = messages;
  }

  secure(): Promise<void> | undefined {
    return this.#connection.securable ? this.#connection.secure() : undefined;
  }

  room(): Promise<void> | undefined {
    return this.#connection.backpressure.full ? this.#connection.writable() : undefined;
  }

  fail(error: SealwireError): void {
    this.#connection.fail(error);
  }

  wasted(much: number): void {
    this.#connection.countWaste(much);
  }
}
