// The server's half: who shows what, and whether that lets it in.
//
//   authenticate ─ scheme ─ the client's key, if it proves one ─ the hook of the application ─┐
//   present ─ token opened ─ bound to whom? ─────────────────────────────────────────────────┴▸ SignIns ─▸ Admitted
//
// One at a time for each connection, so often and so long as authentication.ts says. A hook may go on when its connection is
// gone: there can be so many of those and no more, or whoever comes and goes could set any number of them to work. What
// comes too late lets nobody in. Why a hook refused is told if it threw an RpcError, and else to this side alone.

import type { Clock } from '../base/clock.js';
import { isErrorCode, isRpcError, RpcError, SealwireError } from '../base/errors.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { callContext } from '../rpc/call-context.js';
import { incidentMessage, newIncident } from '../rpc/incident.js';
import type { Peer } from '../rpc/peer.js';
import {
  bindingBytes,
  bindingLabel,
  certificateThumbprint,
  checkBinding,
  type Proved,
  provedKey,
} from '../token/binding.js';
import { frozenClaims, frozenJson, type Json } from '../token/json.js';
import { type Confirmation, newSignIn, type SignIn } from '../token/token.js';
import { type Admitted, type ReservedMethods, readProof, reservedMethods } from './authentication.js';
import { type KnownClient, SignIns } from './server-sign-ins.js';
import type { ServerTokens } from './server-tokens.js';

/** Who a client is, as a hook says. JSON, but for nothing. */
export interface Grant {
  /** 1 to 256 characters: the name of the identity, and what `revokeTokens({ subject })` goes by. */
  readonly subject: string;
  /** What methods may ask for: `@Rpc(…, { claims: { role: 'admin' } })`. */
  readonly claims?: { readonly [name: string]: Json };
  /** What servers tell one another: the client never sees it. */
  readonly data?: Json;
  /** What the client is told beside its token. */
  readonly public?: Json;
}

export interface AuthenticationRequest {
  readonly client: Peer;
  /** Which of the hooks this is. */
  readonly scheme: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * Says who a client is by the credentials that it shows: whatever it sent, so look at them before you believe them. Nothing
 * (undefined, null, false) refuses with UNAUTHENTICATED, an RpcError with what it says, and anything else that is thrown
 * with UNAUTHENTICATED, and the event `callFailed` has it.
 */
export type Authenticate = (
  credentials: unknown,
  request: AuthenticationRequest,
) => Grant | Nothing | Promise<Grant | Nothing>;

type Nothing = undefined | null | false;

export interface ServerAuthenticationOptions {
  readonly hooks: ReadonlyMap<string, Authenticate>;
  readonly tokens: ServerTokens | undefined;
  readonly crypto: CryptoProvider;
  readonly clock: Clock;
  /** Hooks that may go on behind the ends of their connections. */
  readonly maxOutliving: number;
  /** `scheme` is undefined where it was a token. */
  admitted(client: Peer, scheme: string | undefined): void;
  refused(client: Peer, scheme: string | undefined, code: string): void;
  failed(client: Peer, method: string, error: unknown, incident: string): void;
}

const maxSubjectLength = 256;
const maxSchemeLength = 64;

/** By scheme; one function alone is that of the scheme `default`. Throws INVALID_CONFIG. */
export function authenticationHooks(
  option: Authenticate | Readonly<Record<string, Authenticate>> | undefined,
): ReadonlyMap<string, Authenticate> {
  const given: unknown = typeof option === 'function' ? { default: option } : (option ?? {});
  const entries = typeof given === 'object' && given !== null ? Object.entries(given) : [];
  const isEmpty = entries.length === 0 && option !== undefined;
  if (isEmpty || !entries.every(([, hook]) => typeof hook === 'function')) {
    const text =
      'authenticate must be a function, or one for each scheme: { password: async (credentials) => … }';
    throw new SealwireError('INVALID_CONFIG', text);
  }
  if (!entries.every(([scheme]) => scheme !== '' && scheme.length <= maxSchemeLength)) {
    const text = `the name of a scheme in authenticate must have 1 to ${maxSchemeLength} characters`;
    throw new SealwireError('INVALID_CONFIG', text);
  }
  return new Map((entries as [string, Authenticate][]).map(([scheme, hook]) => [scheme, hook.bind(given)]));
}

export class ServerAuthentication {
  readonly signIns: SignIns;
  readonly #options: ServerAuthenticationOptions;
  /** Those whose hook, or token, is being looked at; each once, also when it has left. */
  readonly #busy = new Set<Peer>();
  /** Those of them that have left. */
  readonly #outliving = new Set<Peer>();

  constructor(options: ServerAuthenticationOptions) {
    this.#options = options;
    this.signIns = new SignIns(options.tokens?.tokens, options.clock);
  }

  /** What clients may call. */
  get methods(): ReservedMethods {
    const { hooks, tokens } = this.#options;
    return {
      ...(hooks.size > 0 && {
        authenticate: (scheme, credentials, proof) => this.#authenticate(scheme, credentials, proof),
      }),
      ...(tokens !== undefined && { present: (token, proof) => this.#present(tokens, token, proof) }),
    };
  }

  /** The connection of a client has ended. */
  left(client: Peer): void {
    if (this.#busy.has(client)) this.#outliving.add(client);
    this.signIns.left(client);
  }

  #authenticate(scheme: unknown, credentials: unknown, sentProof: unknown): Promise<Admitted> {
    const { hooks } = this.#options;
    const name = typeof scheme === 'string' && hooks.has(scheme) ? scheme : '';
    return this.#alone(reservedMethods.authenticate, name, async (client, signal) => {
      const hook = hooks.get(name);
      if (hook === undefined)
        throw new RpcError('UNAUTHENTICATED', 'this server does not authenticate in that way');
      const proved = this.#proved(client, sentProof, '');
      const grant = await this.#ask(hook, credentials, { client, scheme: name, signal });
      const known = { ...readGrant(grant), confirmation: this.#confirmation(proved) };
      return this.signIns.admit(client, known, this.#newSignIn(), () => !signal.aborted);
    });
  }

  #present({ tokens }: ServerTokens, token: unknown, sentProof: unknown): Promise<Admitted> {
    return this.#alone(reservedMethods.present, undefined, async (client, signal) => {
      const proved = this.#proved(client, sentProof, typeof token === 'string' ? token : '');
      while (true) {
        const { revocations } = this.signIns;
        const contents = await tokens.open(token);
        checkBinding(contents.confirmation, proved);
        const { id, authenticatedAt, subject, claims, data, public: told } = contents;
        const known = { subject, claims, data, public: told, confirmation: this.#confirmation(proved) };
        const isGood = (): boolean => this.signIns.revocations === revocations;
        const isWanted = (): boolean => isGood() && !signal.aborted;
        const admitted = await this.signIns.admit(client, known, { id, authenticatedAt }, isWanted);
        // Where something was revoked meanwhile, it may have been this: once more, then.
        if (admitted !== undefined || isGood()) return admitted;
      }
    });
  }

  /** Runs `attempt` unless another one of the client runs; tells what became of it. */
  async #alone(
    method: string,
    scheme: string | undefined,
    attempt: (client: Peer, signal: AbortSignal) => Promise<Admitted | undefined>,
  ): Promise<Admitted> {
    const { client, signal } = callContext();
    const { admitted, refused, maxOutliving } = this.#options;
    try {
      if (this.#busy.has(client))
        throw new RpcError('RESOURCE_EXHAUSTED', 'this connection is being authenticated: one at a time');
      if (this.#outliving.size >= maxOutliving)
        throw new RpcError('RESOURCE_EXHAUSTED', 'this server authenticates too many: try again later');
      const told = await this.#counted(client, () => attempt(client, signal));
      // Nobody waits, and nobody was let in.
      if (told === undefined) throw signal.reason;
      admitted(client, scheme);
      return told;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const refusal = this.#explained(client, method, error);
      refused(client, scheme, refusal.code);
      throw refusal;
    }
  }

  async #counted<Result>(client: Peer, run: () => Promise<Result>): Promise<Result> {
    this.#busy.add(client);
    try {
      return await run();
    } finally {
      this.#busy.delete(client);
      this.#outliving.delete(client);
    }
  }

  async #ask(hook: Authenticate, credentials: unknown, request: AuthenticationRequest): Promise<unknown> {
    const grant = await hook(credentials, request);
    if (grant === undefined || grant === null || grant === false)
      throw new RpcError('UNAUTHENTICATED', 'these credentials were not accepted');
    return grant;
  }

  #newSignIn(): SignIn {
    const { clock, crypto } = this.#options;
    return newSignIn({ clock, randomBytes: (length) => crypto.randomBytes(length) });
  }

  /** What the client learns: what was said on purpose, and which fault its token has. */
  #explained(client: Peer, method: string, error: unknown): RpcError {
    if (isRpcError(error) && typeof error.message === 'string' && isErrorCode(error.code)) return error;
    if (error instanceof SealwireError && error.code.startsWith('TOKEN_'))
      return new RpcError(error.code, error.message);
    const incident = newIncident();
    this.#options.failed(client, method, error, incident);
    const code = method === reservedMethods.authenticate ? 'UNAUTHENTICATED' : 'UNAVAILABLE';
    return new RpcError(code, incidentMessage(incident));
  }

  /** What the client has proved on its connection. Throws TOKEN_NOT_BOUND for a proof that is none. */
  #proved(client: Peer, sent: unknown, token: string): Proved {
    const { crypto } = this.#options;
    const proof = readProof(sent);
    const exported = proof && client.exportKey(bindingLabel, bindingBytes);
    const key = proof && provedKey(crypto, proof, exported!, token);
    if (proof !== undefined && key === undefined) {
      const text = 'the proof of a key does not belong to this connection and this token';
      throw new SealwireError('TOKEN_NOT_BOUND', text);
    }
    const [certificate] = client.certificates;
    return { key, certificate: certificate && certificateThumbprint(crypto, certificate) };
  }

  /** What the next token is bound to. */
  #confirmation({ key, certificate }: Proved): Confirmation | undefined {
    if (this.#options.tokens?.bind !== true) return undefined;
    if (certificate !== undefined) return { 'x5t#S256': certificate };
    return key === undefined ? undefined : { jkt: key };
  }
}

const changeable: readonly string[] = ['claims', 'data', 'public'] satisfies (keyof Grant)[];

/** Throws INVALID_ARGUMENT for what a hook should not have returned. */
export function readGrant(value: unknown): Omit<KnownClient, 'confirmation'> {
  if (typeof value !== 'object' || value === null) throw unfit('an object with a subject');
  const { subject, ...rest } = value as Partial<Grant>;
  if (typeof subject !== 'string' || subject === '' || subject.length > maxSubjectLength)
    throw unfit(`made of a subject with 1 to ${maxSubjectLength} characters`);
  return { subject, claims: {}, data: null, public: null, ...readGrantChanges(rest) };
}

/** The same, of what is given alone. */
export function readGrantChanges(value: object): Partial<Pick<KnownClient, 'claims' | 'data' | 'public'>> {
  for (const name of Object.keys(value))
    if (!changeable.includes(name)) throw unfit(`made of ${changeable.join(', ')}, and not of ${name}`);
  const { claims, data, public: told } = value as Partial<Grant>;
  return {
    ...(claims !== undefined && { claims: frozenClaims(claims) }),
    ...(data !== undefined && { data: frozenJson(data, 'data') }),
    ...(told !== undefined && { public: frozenJson(told, 'public') }),
  };
}

function unfit(what: string): SealwireError {
  return new SealwireError('INVALID_ARGUMENT', `what is known of a client must be ${what}`);
}
