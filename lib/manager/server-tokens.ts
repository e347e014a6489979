// What a server is told about tokens (`tokens`), and what comes of it: one ring of keys and one store of revocations for the
// life of the manager, however often its server is started.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { KeyRing, type TokenKey } from '../token/key-ring.js';
import { MemoryRevocations, type RevocationStore } from '../token/revocation.js';
import { Tokens } from '../token/token.js';

/** Servers with the same keys and the same issuer take one another's tokens. */
export interface TokenOptions {
  /**
   * The first one encrypts, all of them open: `[{ id, key }]`, the key being 32 random bytes or their base64
   * (`openssl rand -base64 32`). `setTokenKeys()` changes them while the server runs.
   */
  readonly keys: readonly TokenKey[];
  /** The name of the fleet, 1 to 128 characters. Default `'sealwire'`. */
  readonly issuer?: string;
  /** How long a token is good for, in milliseconds: 1 second to 30 days. Default 3,600,000, an hour. */
  readonly lifetimeMs?: number;
  /** Where revocations are kept. Default: in this manager, which several servers do not share. */
  readonly revocations?: RevocationStore;
  /**
   * Bind tokens to the client: to its certificate where it has shown one, else to a key that it keeps. Default true; what
   * is not bound is of use to whoever gets hold of it.
   */
  readonly bind?: boolean;
}

const knownOptions: readonly string[] = [
  'keys',
  'issuer',
  'lifetimeMs',
  'revocations',
  'bind',
] satisfies (keyof TokenOptions)[];
const storeMethods = [
  'revokeSubject',
  'revokeToken',
  'isRevoked',
] as const satisfies (keyof RevocationStore)[];
const hourMs = 3_600_000;
const longestLifetimeMs = 30 * 24 * hourMs;
const maxIssuerLength = 128;

export interface ServerTokens {
  readonly tokens: Tokens;
  readonly bind: boolean;
}

/** Undefined where the server knows no tokens. Throws INVALID_CONFIG. */
export function serverTokens(
  options: TokenOptions | undefined,
  crypto: CryptoProvider,
  clock: Pick<Clock, 'date'>,
): ServerTokens | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || options === null)
    throw invalid("tokens must be an object, as in { keys: [{ id: '2026-11', key }] }");
  for (const name of Object.keys(options)) {
    if (!knownOptions.includes(name))
      throw invalid(`tokens.${name} does not exist; known are: ${knownOptions.join(', ')}`);
  }
  const { issuer = 'sealwire', lifetimeMs = hourMs, bind = true } = options;
  const { revocations = new MemoryRevocations(clock) } = options;
  if (typeof issuer !== 'string' || issuer === '' || issuer.length > maxIssuerLength)
    throw invalid(`tokens.issuer must be a name of 1 to ${maxIssuerLength} characters`);
  if (!Number.isSafeInteger(lifetimeMs) || lifetimeMs < 1000 || lifetimeMs > longestLifetimeMs)
    throw invalid(
      `tokens.lifetimeMs must be a whole number of milliseconds from 1000 to ${longestLifetimeMs}`,
    );
  if (typeof bind !== 'boolean') throw invalid('tokens.bind must be true or false');
  const store: Partial<RevocationStore> = revocations ?? {};
  if (!storeMethods.every((name) => typeof store[name] === 'function'))
    throw invalid(`tokens.revocations must have the methods ${storeMethods.join(', ')}`);
  const randomBytes = (length: number): Uint8Array => crypto.randomBytes(length);
  const keys = new KeyRing(options.keys);
  return { tokens: new Tokens({ keys, issuer, lifetimeMs, revocations, clock, randomBytes }), bind };
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
