// The client's half: what it shows to a server, and the token that it holds.
//
//   handshake over ─ a token? ─ present ─▸ known                                  ready
//                       │          └ TOKEN_… ─┐
//                       └ none ───────────────┴▸ credentials(), once ─ authenticate ─▸ known
//
// It belongs to the manager and outlives connections: the token that one server gave is shown to the next one. Its key, to
// which tokens are bound, is made when it is first needed and never leaves this object. Nothing here goes out unless it is
// sealed, and nothing is asked of the application before that is known.

import type { Clock } from '../base/clock.js';
import { isRpcError, RpcError, SealwireError } from '../base/errors.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import { callContext } from '../rpc/call-context.js';
import type { Peer } from '../rpc/peer.js';
import type { Session } from '../rpc/session.js';
import { type BindingProof, bindingBytes, bindingKey, bindingLabel, prove } from '../token/binding.js';
import type { Json } from '../token/json.js';
import { type Admitted, readAdmitted, reservedMethods } from './authentication.js';

/** What a client shows to be known. */
export interface Credentials {
  /** Which of the server's hooks they are for; `'default'` where it is left out. */
  readonly scheme?: string;
  /** Whatever that hook takes: any value that can be sent. */
  readonly credentials: unknown;
}

export interface CredentialsRequest {
  /** Why the token did not do: `TOKEN_EXPIRED`, …; undefined where there was none. */
  readonly reason: string | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Asked once for a connection, and only if no token does. Undefined: go on as nobody. */
export type CredentialsProvider = (
  request: CredentialsRequest,
) => Credentials | undefined | Promise<Credentials | undefined>;

/** The token that a client holds. Its text shows itself to those who ask for it alone, and to no inspector. */
export class HeldToken {
  readonly #text: string;
  /** The part that the client may see; null where the server told none. */
  readonly public: Json;
  /** By this machine's clock; undefined for the one of the configuration. */
  readonly expiresAt: Date | undefined;

  constructor(text: string, told: Json, expiresAt: Date | undefined) {
    this.#text = text;
    this.public = told;
    this.expiresAt = expiresAt;
  }

  /** What is shown to a server: a secret, unless it is bound. */
  get text(): string {
    return this.#text;
  }
}

export interface ClientAuthenticationOptions {
  readonly clock: Clock;
  readonly crypto: CryptoProvider;
  readonly provider: CredentialsProvider | undefined;
  /** The token to begin with. */
  readonly token: string | undefined;
  /** The server pushed a fresh one. */
  refreshed(token: HeldToken): void;
}

export class ClientAuthentication {
  readonly #options: ClientAuthenticationOptions;
  #held: HeldToken | undefined;
  #key: PrivateKey | undefined;
  /** Who gave the token: nobody else may replace it unasked. */
  #givenBy: Peer | undefined;

  constructor(options: ClientAuthenticationOptions) {
    this.#options = options;
    this.forget();
  }

  get token(): HeldToken | undefined {
    return this.#held;
  }

  /** Back to what the configuration says. */
  forget(): void {
    const { token } = this.#options;
    this.#held = token === undefined ? undefined : new HeldToken(token, null, undefined);
    this.#givenBy = undefined;
  }

  /**
   * Makes this client known on a connection that is new: undefined where it has nothing to show. Rejects with what stands
   * in the way, and then the connection is of no use.
   */
  admit(session: Session): Promise<void> | undefined {
    if (this.#held === undefined && this.#options.provider === undefined) return undefined;
    return this.#admit(session);
  }

  /** Shows credentials, at any time; they take the place of what was shown before. Resolves to the public part. */
  async authenticate(session: Session, { scheme = 'default', credentials }: Credentials): Promise<Json> {
    await session.sealed();
    const args = [scheme, credentials, this.#proof(session, '')];
    return this.#accept(session, await session.invokeReserved(reservedMethods.authenticate, args));
  }

  /** The server says that there is a fresh token. It may be a server that this client has shown nothing. */
  pushed(value: unknown): void {
    const { client } = callContext();
    if (client !== this.#givenBy) return;
    const admitted = readAdmitted(value);
    this.#hold(client, admitted);
    if (admitted.token !== null) this.#options.refreshed(this.#held!);
  }

  async #admit(session: Session): Promise<void> {
    await session.sealed();
    const refusal = await this.#present(session);
    if (refusal === 'known') return;
    const { provider } = this.#options;
    if (provider === undefined || !session.offers(reservedMethods.authenticate)) {
      throw refusal ?? new SealwireError('UNIMPLEMENTED', nobodyAuthenticates, { reason: 'authenticate' });
    }
    const credentials = await this.#ask(provider, session, refusal?.code);
    if (credentials !== undefined) await this.authenticate(session, credentials);
  }

  /** Known by the token; or why the token did not do, undefined where it could not be shown. */
  async #present(session: Session): Promise<'known' | RpcError | undefined> {
    const held = this.#held;
    if (held === undefined || !session.offers(reservedMethods.present)) return undefined;
    try {
      const args = [held.text, this.#proof(session, held.text)];
      this.#accept(session, await session.invokeReserved(reservedMethods.present, args));
      return 'known';
    } catch (error) {
      if (!isRpcError(error) || !error.code.startsWith('TOKEN_')) throw error;
      // It is kept: where it comes from it may still be good.
      return error;
    }
  }

  async #ask(
    provider: CredentialsProvider,
    session: Session,
    reason: string | undefined,
  ): Promise<Credentials | undefined> {
    const signal = session.ending;
    signal.throwIfAborted();
    const ended = new Promise<never>((_resolve, reject) => {
      // The connection is gone, and whoever waits with it hears why from there.
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    let given: unknown;
    try {
      given = await Promise.race([(async () => provider({ reason, signal }))(), ended]);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      const text = 'the function `credentials` of the configuration failed: see the cause';
      throw new SealwireError('UNAUTHENTICATED', text, { reason: 'credentials', cause });
    }
    if (given === undefined || given === null) return undefined;
    if (typeof given === 'object' && 'credentials' in given) return given as Credentials;
    const text = 'the function `credentials` of the configuration must return { scheme, credentials }';
    throw new SealwireError('UNAUTHENTICATED', text, { reason: 'credentials' });
  }

  #proof(session: Session, token: string): BindingProof {
    const { crypto } = this.#options;
    this.#key ??= bindingKey(crypto);
    return prove(crypto, this.#key, session.exportKey(bindingLabel, bindingBytes), token);
  }

  #accept(session: Session, answer: unknown): Json {
    const admitted = readAdmitted(answer);
    this.#hold(session.peer, admitted);
    return admitted.public;
  }

  #hold(peer: Peer, { public: told, token, expiresInMs }: Admitted): void {
    this.#givenBy = peer;
    if (token === null) {
      this.#held = undefined;
      return;
    }
    const expiresAt = new Date(this.#options.clock.date().getTime() + Math.floor(expiresInMs));
    this.#held = new HeldToken(token, told, expiresAt);
  }
}

const nobodyAuthenticates =
  'this client has credentials or a token to show, and the server knows neither: set authenticate, or tokens, there';
