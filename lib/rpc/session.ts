// Calls both ways over one connection: what a peer's proxies, targets and managers ask of it, and what the connection tells it.
//
//   handshake ─ checkPeer() ─▸ established() ─▸ live-session.ts: messages to callers and methods ─▸ closed()
//
// A session begins with its connection and ends with it; calls are made, and served, once the handshake is over. It knows flags,
// and no key or socket. What it is given stands in session-options.ts.

import { SealwireError } from '../base/errors.js';
import type { Connection } from '../connection/connection.js';
import type { More, Share } from '../connection/inbox.js';
import type { ConnectionOwner, PeerChecked } from '../connection/owner.js';
import type { Backpressure } from '../connection/pressure.js';
import type { Manifest } from '../contract/manifest.js';
import { bothFlags } from '../contract/security.js';
import type { Established, PendingVerdict } from '../handshake/state.js';
import type { CloseReason } from '../wire/frame.js';
import type { SharedMessage } from '../wire/shared-message.js';
import type { Interception } from './call-lifetime.js';
import type { CallOptions, RemoteMethod } from './caller.js';
import { agreeFlags } from './flags.js';
import { certificateIdentity, type PeerIdentity, type TokenIdentity } from './identity.js';
import { invokeIntercepted, streamIntercepted } from './intercepted-call.js';
import { Interceptors } from './interceptor.js';
import { LiveSession, type SessionLoad } from './live-session.js';
import { type ConnectionSecurity, Peer } from './peer.js';
import { connectionClosed } from './pending-calls.js';
import type { ServiceClass } from './proxy.js';
import { checkPolicy, readOffer } from './remote-methods.js';
import { deferredAnswer, type RpcStream } from './remote-stream.js';
import type { SessionOptions } from './session-options.js';

const noLoad: SessionLoad = { pendingCalls: 0, callsInFlight: 0, streams: 0 };

export class Session implements ConnectionOwner {
  readonly peer: Peer;
  readonly #options: SessionOptions;
  #connection: Connection | undefined;
  #live: LiveSession | undefined;
  #endedBy: SealwireError | undefined;
  /** Made for the first who asks: on most connections of a server nobody does. */
  #end: AbortController | undefined;
  #certificate: PeerIdentity | undefined;
  #authenticated: TokenIdentity | undefined;
  readonly #interceptors: Interceptors;
  /** Calls that are on their way through interceptors. */
  #intercepted: Interception['calls'] | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#interceptors = options.interceptors ?? new Interceptors();
    this.peer = new Peer(options.id, this);
  }

  /** The connection that this session owns; it may have ended by now. */
  attach(connection: Connection): void {
    this.#connection = connection;
  }

  get isHost(): boolean {
    return this.#options.isHost === true;
  }

  get remoteAddress(): string {
    return this.#connection?.remoteAddress ?? '';
  }

  get security(): ConnectionSecurity {
    const agreement = this.#live?.agreement;
    return {
      protection: agreement?.protection ?? 'none',
      state: this.#connection?.state ?? 'plain',
      suite: agreement?.secrets?.suite ?? agreement?.transport?.cipher,
      group: agreement?.secrets?.group,
      tls: this.#connection?.tls,
    };
  }

  /** Who the peer is; undefined where it has proved nothing, and before the handshake is over. */
  get identity(): PeerIdentity | undefined {
    const live = this.#live;
    if (live === undefined || this.#authenticated !== undefined) return this.#authenticated;
    // Read when it is first asked for: most connections are never asked.
    const { peerChain } = live.agreement;
    if (peerChain.length > 0) this.#certificate ??= certificateIdentity(peerChain);
    return this.#certificate;
  }

  /**
   * The peer has shown credentials or a token: calls that come from now on are its, those under way keep what they have.
   * Undefined: what it has shown counts no more.
   */
  set authenticated(identity: TokenIdentity | undefined) {
    this.#authenticated = identity;
  }

  get peerCertificates(): readonly Uint8Array[] {
    return this.#live?.agreement.peerChain ?? [];
  }

  /** Calls that wait for an answer, and methods that run for the peer, with their streams. */
  get load(): SessionLoad {
    const { pendingCalls, callsInFlight, streams } = this.#live?.load ?? noLoad;
    return { pendingCalls: pendingCalls + (this.#intercepted?.size ?? 0), callsInFlight, streams };
  }

  /** A method of the peer's manifest; throws CONNECTION_CLOSED where there is no connection. */
  remoteMethod(name: string): RemoteMethod | undefined {
    return this.#alive().offer.methods.get(name);
  }

  /** How a method answers; undefined where there is none of that name, or no connection. */
  answersWith(name: string): 'stream' | 'value' | undefined {
    const method = this.#endedBy === undefined ? this.#live?.offer.methods.get(name) : undefined;
    return method && (method.stream ? 'stream' : 'value');
  }

  /**
   * What a call of this method goes through before it is made; undefined where nobody is in its way. The method is one of
   * the peer's manifest, also when the connection has ended.
   */
  interception(name: string): Interception | undefined {
    const interceptors = this.#interceptors.outgoing;
    if (interceptors.length === 0) return undefined;
    const method = this.#live?.offer.methods.get(name);
    if (method === undefined) return undefined;
    const { clock, limits } = this.#options;
    this.#intercepted ??= new Set();
    return { interceptors, method, peer: this.peer, clock, limits, calls: this.#intercepted };
  }

  /** `shared` has the message where the same call goes to many peers. */
  invoke(
    name: string,
    args: readonly unknown[],
    options?: CallOptions,
    shared?: SharedMessage,
  ): Promise<unknown> {
    // Where the connection has ended there is no call.
    const interception = this.#endedBy === undefined ? this.interception(name) : undefined;
    if (interception === undefined || interception.method.stream)
      return this.invokeDirectly(name, args, options, shared);
    return invokeIntercepted(interception, args, options, (sent, changed) =>
      this.invokeDirectly(name, sent, changed, shared),
    );
  }

  /** Past the interceptors: for whoever has asked them. */
  invokeDirectly(
    name: string,
    args: readonly unknown[],
    options?: CallOptions,
    shared?: SharedMessage,
  ): Promise<unknown> {
    // Not by an async function: one around the other, they would cost a call as much as its way through the connection.
    try {
      const live = this.#alive();
      return live.caller.invoke(live.method(name), args, options, shared);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The items of a method that streams; called with the first next(), which fails where the method cannot be called. */
  stream(name: string, args: readonly unknown[], options?: CallOptions): RpcStream<unknown> {
    const live = this.#alive();
    const { caller } = live;
    const method = live.method(name);
    const interception = method.stream ? this.interception(name) : undefined;
    if (interception === undefined) return caller.stream(method, args, options);
    return streamIntercepted(interception, args, options, (sent, changed) =>
      caller.stream(method, sent, changed),
    );
  }

  /**
   * A promise of the answer, or the stream, as the manifest says. Where there is no such method, or no connection, a
   * promise that rejects and that throws the same when it is iterated. So it is while the manifest is not vouched for: what
   * anybody on the path can have made a stream of, or a value, is either when there are keys, or a coded error.
   */
  call(name: string, args: readonly unknown[], options?: CallOptions): Promise<unknown> | RpcStream<unknown> {
    const kind = this.answersWith(name);
    const isSure = kind !== undefined && !this.isUnsure;
    if (kind === 'stream') {
      if (isSure || options?.inTheClear) return this.stream(name, args, options);
      const items = this.#streamOnceSecured(name, args, options);
      // A stream is read when its caller likes: until then nobody looks at what has become of it.
      items.catch(() => undefined);
      return deferredAnswer(items);
    }
    const answer = this.invoke(name, args, options);
    return isSure ? answer : deferredAnswer(answer);
  }

  /** There are no keys yet that would vouch for the peer's manifest, and may be some. */
  get isUnsure(): boolean {
    return this.#connection?.securable === true;
  }

  async #streamOnceSecured(
    name: string,
    args: readonly unknown[],
    options?: CallOptions,
  ): Promise<RpcStream<unknown>> {
    await this.#alive().caller.whenSecured(options);
    return this.stream(name, args, options);
  }

  /** Whether the peer has a method of Sealwire's own; false where there is no connection. */
  offers(name: string): boolean {
    return this.#endedBy === undefined && this.#live?.offer.reserved.has(name) === true;
  }

  /**
   * Calls a method of Sealwire's own under both flags, whatever the peer's manifest asks for: what goes there are credentials
   * and tokens. Rejects with ENCRYPTION_UNAVAILABLE where that cannot be.
   */
  async invokeReserved(name: string, args: readonly unknown[]): Promise<unknown> {
    return this.#alive().invokeReserved(name, args);
  }

  /**
   * Resolves when messages can have both flags, for those who must know before they ask for a secret; keys are agreed for
   * that where they wait for somebody to ask. Rejects with ENCRYPTION_UNAVAILABLE where that cannot be.
   */
  async sealed(): Promise<void> {
    this.#alive();
    const connection = this.#connected();
    if (connection.securable) await connection.secure();
    agreeFlags(bothFlags, this.#alive().agreement.allowed);
  }

  /** Calls back once, with the next message of the peer that is more than a sign of life, and Authenticated. */
  set onceActive(callback: (() => void) | undefined) {
    if (this.#live !== undefined) this.#live.onceActive = callback;
  }

  /** Throws POLICY_MISMATCH when the peer's manifest asks for less than the class declares, or lacks the service. */
  checkPolicy(service: ServiceClass<object>): void {
    checkPolicy(this.#alive().offer.manifest, service);
  }

  exportKey(label: string, bytes: number, context?: Uint8Array): Uint8Array {
    this.#alive();
    return this.#connected().exportKey(label, bytes, context);
  }

  /** See {@link Connection.secure}. */
  secure(): Promise<void> {
    try {
      this.#alive();
      return this.#connected().secure();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async moveTo(target: string): Promise<void> {
    this.#alive();
    const { moveTo } = this.#options;
    if (moveTo === undefined)
      throw new SealwireError('INVALID_STATE', 'a client moves; a server cannot move one');
    return moveTo(target);
  }

  /** Aborted when the connection ends. */
  get ending(): AbortSignal {
    if (this.#end === undefined) {
      this.#end = new AbortController();
      if (this.#endedBy !== undefined) this.#end.abort(this.#endedBy);
    }
    return this.#end.signal;
  }

  /** Refuses the peer's calls from now on; those in flight, in both directions, go on. */
  drain(): void {
    this.#live?.dispatcher.drain();
  }

  /** Ends the connection and tells the peer why. */
  disconnect(reason?: CloseReason): void {
    this.#connection?.close(reason);
  }

  /** Settles when nothing of the connection is left. */
  get finished(): Promise<void> {
    return this.#connected().finished;
  }

  checkPeer({
    peerChain: chain,
    peer,
    protection,
  }: Pick<PendingVerdict, 'peerChain' | 'peer' | 'protection'>): PeerChecked | Promise<PeerChecked> {
    const shown = { chain, connectionData: peer.connectionData, protection };
    const checked = this.#options.judge.checkPeer(shown, this, this.peer);
    const answer = (): PeerChecked | Promise<PeerChecked> => {
      this.#checkExpectations(readOffer(peer.manifest).manifest);
      // Who was not waited for is asked nothing: what it gives may be worth something, such as a ticket.
      return this.#endedBy === undefined ? this.#options.connectionData?.(this.ending) : undefined;
    };
    return checked === undefined ? answer() : checked.then(answer);
  }

  established(established: Established): void {
    const offer = readOffer(established.peer.manifest);
    // Again, for those who show no certificate.
    this.#checkExpectations(offer.manifest);
    this.#live = new LiveSession({
      session: this.#options,
      peer: this.peer,
      connection: this.#connected(),
      interceptors: this.#interceptors,
      agreement: established.agreement,
      offer,
    });
    this.#options.observer.established(this.peer);
  }

  secured(established: Established): void {
    this.#live!.secured(established.agreement);
    this.#options.observer.secured?.(this.peer);
  }

  notSecured(error: SealwireError): void {
    this.#options.observer.notSecured?.(this.peer, error);
  }

  messages(flags: number, body: Uint8Array, share: Share): More | undefined {
    return this.#live?.messages(flags, body, share);
  }

  proceed(share: Share): More | undefined {
    return this.#live?.proceed(share);
  }

  backpressure(state: Backpressure): void {
    this.#options.observer.backpressure?.(this.peer, state);
  }

  closed(error: SealwireError): void {
    this.#endedBy = error;
    this.#live?.close(error);
    for (const call of [...(this.#intercepted ?? [])]) call.connectionEnded(error);
    this.#end?.abort(error);
    this.#options.observer.closed(this.peer, error, this.#live !== undefined);
  }

  #checkExpectations(manifest: Manifest): void {
    for (const service of this.#options.expectations) checkPolicy(manifest, service);
  }

  #alive(): LiveSession {
    if (this.#endedBy !== undefined) {
      throw connectionClosed(`the connection has ended: ${this.#endedBy.message}`, this.#endedBy);
    }
    if (this.#live === undefined)
      throw new SealwireError('CONNECTION_CLOSED', 'the connection is not ready yet');
    return this.#live;
  }

  #connected(): Connection {
    if (this.#connection === undefined)
      throw new SealwireError('INVALID_STATE', 'the session has no connection');
    return this.#connection;
  }
}
