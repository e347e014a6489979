// Tokens: what a server gives an authenticated client, so that it need not show its credentials again, here or elsewhere.
//
//   grant ─ claims of a JWT (RFC 7519) ─ JWE, compact, `dir` with `A256GCM` (RFC 7516, RFC 7518) ─▸ opaque text
//   text ─ length ─ key by its id ─ decrypted ─ who made it, for whom, until when ─ revoked? ─▸ contents
//
// To the client a token is opaque: subject, claims and data are for servers alone. jose does the cryptography. Whether the
// one who shows a token may is for binding.ts to say.

import { EncryptJWT, errors, type JWTPayload, jwtDecrypt } from 'jose';
import { toHex } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { KeyRing } from './key-ring.js';
import type { RevocationStore } from './revocation.js';

/** Longest token that is looked at, in characters. */
export const maxTokenLength = 8192;

const type = 'sealwire+jwt';
const algorithm = 'dir';
const encryption = 'A256GCM';

/** JSON, as it is after a round trip. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Claims = Readonly<Record<string, Json>>;

export interface TokenGrant {
  /** Who it is about; a revocation may name it. */
  readonly subject: string;
  /** What methods may ask for, such as `{ role: 'admin' }`. */
  readonly claims?: Claims;
  /** What server code keeps in it for the next server; the client cannot read it. */
  readonly data?: Json;
  /** The key that whoever shows it must have (RFC 7800): see binding.ts. Undefined: whoever has it may. */
  readonly confirmation?: Confirmation | undefined;
}

/** The `cnf` claim: the thumbprint of a key of the client (RFC 7638), or of its certificate (RFC 8705 §3.1). */
export type Confirmation = { readonly jkt: string } | { readonly 'x5t#S256': string };

export interface TokenContents extends Required<Omit<TokenGrant, 'confirmation'>> {
  /** Unique to the token (`jti`). */
  readonly id: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly confirmation: Confirmation | undefined;
}

export interface IssuedToken {
  readonly text: string;
  readonly id: string;
  readonly expiresAt: Date;
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

  /** Throws INVALID_ARGUMENT for what is no JSON, or makes a token longer than {@link maxTokenLength}. */
  async issue({ subject, claims = {}, data = null, confirmation }: TokenGrant): Promise<IssuedToken> {
    if (typeof subject !== 'string' || subject === '')
      throw new SealwireError(
        'INVALID_ARGUMENT',
        'a token is about somebody: give a subject that is not empty',
      );
    const { clock, issuer, lifetimeMs, randomBytes } = this.#options;
    const keys = this.#keys;
    const issuedAt = clock.date();
    const expiresAt = new Date(issuedAt.getTime() + lifetimeMs);
    const id = toHex(randomBytes(16));
    const payload: JWTPayload = {
      claims: asJson(claims, 'claims'),
      data: asJson(data, 'data'),
      ...(confirmation && { cnf: confirmation }),
    };
    const text = await new EncryptJWT(payload)
      .setProtectedHeader({ alg: algorithm, enc: encryption, kid: keys.sealingId, typ: type })
      .setIssuer(issuer)
      .setSubject(subject)
      .setJti(id)
      .setIssuedAt(seconds(issuedAt))
      .setExpirationTime(seconds(expiresAt))
      .encrypt(keys.find(keys.sealingId)!);
    if (text.length > maxTokenLength) {
      throw new SealwireError(
        'INVALID_ARGUMENT',
        `a token of ${text.length} characters is longer than ${maxTokenLength}: put a key to the data into it, not the data`,
      );
    }
    return { text, id, expiresAt };
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
        requiredClaims: ['sub', 'jti', 'iat', 'exp'],
        currentDate: now,
      }));
    } catch (cause) {
      if (cause instanceof errors.JWTExpired)
        throw new SealwireError('TOKEN_EXPIRED', 'the token has run out: authenticate with credentials');
      throw invalid(cause);
    }
    const contents = readContents(payload);
    // A clock that runs ahead elsewhere is forgiven, but nobody makes tokens that outlive theirs.
    if (contents.expiresAt.getTime() - now.getTime() > 2 * lifetimeMs) throw invalid();
    if (await revocations.isRevoked(contents))
      throw new SealwireError('TOKEN_REVOKED', 'the token was revoked: authenticate with credentials');
    return contents;
  }
}

function readContents(payload: JWTPayload): TokenContents {
  const { sub, jti, iat, exp, claims, data, cnf } = payload;
  return {
    id: jti!,
    subject: sub!,
    claims: claims as Claims,
    data: data as Json,
    issuedAt: new Date(iat! * 1000),
    expiresAt: new Date(exp! * 1000),
    confirmation: cnf as Confirmation | undefined,
  };
}

function found(keys: KeyRing, id: string | undefined): Uint8Array {
  const key = id === undefined ? undefined : keys.find(id);
  if (key === undefined) throw invalid();
  return key;
}

/** What JSON makes of it, where that is the same again; INVALID_ARGUMENT else: a Date would come back as text. */
function asJson(value: unknown, what: string): Json {
  const fault = jsonFault(value, what, 0);
  if (fault !== undefined)
    throw new SealwireError('INVALID_ARGUMENT', `${fault} cannot stand in a token: use JSON`);
  return value as Json;
}

const maxDepth = 16;

/** The path of what is no JSON. */
function jsonFault(value: unknown, path: string, depth: number): string | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path;
  if (typeof value !== 'object' || depth === maxDepth) return path;
  const isPlain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (!isPlain) return path;
  for (const [key, item] of Object.entries(value)) {
    const fault = jsonFault(item, `${path}.${key}`, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** NumericDate, RFC 7519 §2: with the milliseconds, so that what was revoked a moment later is told apart. */
function seconds(date: Date): number {
  return date.getTime() / 1000;
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
