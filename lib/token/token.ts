// Tokens: what a server gives an authenticated client, so that it need not show its credentials again, here or elsewhere.
//
//   grant ─ claims of a JWT (RFC 7519) ─ JWE, compact, `dir` with `A256GCM` (RFC 7516, RFC 7518) ─▸ opaque text
//   text ─ length ─ key by its id ─ decrypted ─ who made it, for whom, until when ─ revoked? ─▸ contents
//
// To the client a token is opaque: all that is in it is for servers alone. jose does the cryptography. Whether the one who
// shows a token may is for binding.ts to say.
//
// A token that is issued in the place of an older one goes on with its sign-in: it keeps its `sid` and its `auth_time`
// (OpenID Connect Core §2), which is what revocations are about. So whoever is revoked is not helped by a fresh one.

import { EncryptJWT, errors, type JWTPayload, jwtDecrypt } from 'jose';
import { toHex } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import { type Claims, frozenClaims, frozenJson, type Json } from './json.js';
import type { KeyRing } from './key-ring.js';
import type { RevocableToken, RevocationStore } from './revocation.js';

/** Longest token that is looked at, in characters. */
export const maxTokenLength = 8192;

const type = 'sealwire+jwt';
const algorithm = 'dir';
const encryption = 'A256GCM';

export interface TokenGrant {
  /** Who it is about; a revocation may name it. */
  readonly subject: string;
  /** What methods may ask for, such as `{ role: 'admin' }`. */
  readonly claims?: Claims;
  /** What server code keeps in it for the next server; the client cannot read it. */
  readonly data?: Json;
  /** What the client may see of it: it is told beside the token, by whichever server issues the next one, too. */
  readonly public?: Json;
  /** The key that whoever shows it must have (RFC 7800): see binding.ts. Undefined: whoever has it may. */
  readonly confirmation?: Confirmation | undefined;
}

/** The `cnf` claim: the thumbprint of a key of the client (RFC 7638), or of its certificate (RFC 8705 §3.1). */
export type Confirmation = { readonly jkt: string } | { readonly 'x5t#S256': string };

/** When and where it began: what tokens that follow one another have in common. */
export interface SignIn {
  /** Random, 32 hexadecimal digits. */
  readonly id: string;
  /** When credentials were shown. */
  readonly authenticatedAt: Date;
}

export interface TokenContents extends Required<Omit<TokenGrant, 'confirmation'>>, SignIn {
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly confirmation: Confirmation | undefined;
}

export interface IssuedToken extends TokenContents {
  readonly text: string;
}

export interface TokensOptions {
  readonly keys: KeyRing;
  /** Who makes tokens, and for whom they are: servers with the same name and keys take one another's. */
  readonly issuer: string;
  readonly lifetimeMs: number;
  readonly revocations: RevocationStore;
  readonly clock: Pick<Clock, 'date'>;
  randomBytes(length: number): Uint8Array;
}

/** A sign-in that begins now. */
export function newSignIn({ clock, randomBytes }: Pick<TokensOptions, 'clock' | 'randomBytes'>): SignIn {
  return { id: toHex(randomBytes(16)), authenticatedAt: clock.date() };
}

export class Tokens {
  readonly #options: TokensOptions;
  #keys: KeyRing;

  constructor(options: TokensOptions) {
    this.#options = options;
    this.#keys = options.keys;
  }

  /** From now on tokens are under the first key of this ring, and those under any of its keys are taken. */
  replaceKeys(keys: KeyRing): void {
    this.#keys = keys;
  }

  /** A token is good until `lifetimeMs` after it was issued, by the clock of whoever looks. */
  get lifetimeMs(): number {
    return this.#options.lifetimeMs;
  }

  /**
   * `signIn`: that of the token in whose place it is issued; a new one else. Throws INVALID_ARGUMENT for what is no JSON,
   * or makes a token longer than {@link maxTokenLength}.
   */
  async issue(grant: TokenGrant, signIn: SignIn = newSignIn(this.#options)): Promise<IssuedToken> {
    const { clock, issuer, lifetimeMs } = this.#options;
    const { subject, confirmation } = grant;
    const claims = frozenClaims(grant.claims ?? {});
    const data = frozenJson(grant.data ?? null, 'data');
    const told = frozenJson(grant.public ?? null, 'public');
    if (typeof subject !== 'string' || subject === '')
      throw new SealwireError(
        'INVALID_ARGUMENT',
        'a token is about somebody: give a subject that is not empty',
      );
    const keys = this.#keys;
    const issuedAt = clock.date();
    const expiresAt = new Date(issuedAt.getTime() + lifetimeMs);
    const { id, authenticatedAt } = signIn;
    const payload: JWTPayload = {
      sid: id,
      auth_time: seconds(authenticatedAt),
      claims,
      data,
      public: told,
      ...(confirmation && { cnf: confirmation }),
    };
    const text = await new EncryptJWT(payload)
      .setProtectedHeader({ alg: algorithm, enc: encryption, kid: keys.sealingId, typ: type })
      .setIssuer(issuer)
      .setSubject(subject)
      .setIssuedAt(seconds(issuedAt))
      .setExpirationTime(seconds(expiresAt))
      .encrypt(keys.find(keys.sealingId)!);
    if (text.length > maxTokenLength) {
      throw new SealwireError(
        'INVALID_ARGUMENT',
        `a token of ${text.length} characters is longer than ${maxTokenLength}: put a key to the data into it, not the data`,
      );
    }
    return {
      text,
      id,
      authenticatedAt,
      subject,
      claims,
      data,
      public: told,
      issuedAt,
      expiresAt,
      confirmation,
    };
  }

  /**
   * Throws TOKEN_INVALID for what no server with these keys and this name has made, TOKEN_EXPIRED and TOKEN_REVOKED. Why
   * a token is invalid is not told: who forges one shall not be helped.
   */
  async open(text: unknown): Promise<TokenContents> {
    if (typeof text !== 'string' || text.length > maxTokenLength) throw invalid();
    const { clock, issuer, lifetimeMs, revocations } = this.#options;
    const keys = this.#keys;
    const now = clock.date();
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtDecrypt(text, ({ kid }) => found(keys, kid), {
        keyManagementAlgorithms: [algorithm],
        contentEncryptionAlgorithms: [encryption],
        typ: type,
        issuer,
        requiredClaims: ['sub', 'sid', 'auth_time', 'iat', 'exp'],
        currentDate: now,
      }));
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) throw expired();
      throw invalid(cause);
    }
    const contents = readContents(payload);
    // jose counts in whole seconds.
    if (contents.expiresAt <= now) throw expired();
    // A clock that runs ahead elsewhere is forgiven, but nobody makes tokens that outlive theirs.
    if (contents.expiresAt.getTime() - now.getTime() > 2 * lifetimeMs) throw invalid();
    if (await revocations.isRevoked(contents))
      throw new SealwireError('TOKEN_REVOKED', 'the token was revoked: authenticate with credentials');
    return contents;
  }

  /** Whether a token of this sign-in would be refused by now. Throws what the store throws. */
  async isRevoked(token: RevocableToken): Promise<boolean> {
    return this.#options.revocations.isRevoked(token);
  }

  /** Revokes what was issued until now: all of a subject, or one sign-in. */
  async revoke(which: { readonly subject: string } | { readonly id: string }): Promise<void> {
    const { clock, lifetimeMs, revocations } = this.#options;
    const now = clock.date();
    // One that is being issued at this moment is alive for so long, on a clock that is somewhat off.
    const forgetAt = new Date(now.getTime() + 2 * lifetimeMs);
    if ('subject' in which) await revocations.revokeSubject(which.subject, now, forgetAt);
    else await revocations.revokeToken(which.id, forgetAt);
  }
}

/** Whoever sealed it has the key: it is as it was issued, by a server of the same fleet. */
function readContents(payload: JWTPayload): TokenContents {
  const { sub, sid, auth_time, iat, exp, claims = {}, data = null, public: told = null, cnf } = payload;
  if (typeof sid !== 'string' || typeof auth_time !== 'number') throw invalid();
  return {
    id: sid,
    authenticatedAt: new Date(Math.round(auth_time * 1000)),
    subject: sub!,
    claims: frozenClaims(claims),
    data: frozenJson(data, 'data'),
    public: frozenJson(told, 'public'),
    issuedAt: new Date(Math.round(iat! * 1000)),
    expiresAt: new Date(Math.round(exp! * 1000)),
    confirmation: cnf as Confirmation | undefined,
  };
}

function found(keys: KeyRing, id: string | undefined): Uint8Array {
  const key = id === undefined ? undefined : keys.find(id);
  if (key === undefined) throw invalid();
  return key;
}

/** NumericDate, RFC 7519 §2: with the milliseconds, so that what was revoked a moment later is told apart. */
function seconds(date: Date): number {
  return date.getTime() / 1000;
}

function expired(): SealwireError {
  return new SealwireError('TOKEN_EXPIRED', 'the token has run out: authenticate with credentials');
}

function invalid(cause?: unknown): SealwireError {
  return new SealwireError(
    'TOKEN_INVALID',
    'this is no token of this server: authenticate with credentials',
    {
      cause,
    },
  );
}
