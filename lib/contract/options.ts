// What may be said about an RPC beside its protection, and what is wrong with it: every option is checked where it is
// written, since one that is misspelt or does not go with the others would be believed to work.

import { isChannelName, maxChannelBytes } from '../base/channel-name.js';
import { longestTimerMs } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import { type RequiredClaims, requiredClaimsFault } from './claims.js';
import { type RateLimit, rateLimitFault } from './limit.js';
import { Security, type SecurityFlags, satisfies } from './security.js';
import { isStandardSchema, type StandardSchema } from './standard-schema.js';

/** `Params` and `Result` are the schemas' types, from which the compiler tells whether they fit the method. */
export interface RpcOptions<
  Params extends ParamsSchema = ParamsSchema,
  Result extends StandardSchema = StandardSchema,
> {
  /** The name on the wire; the method's own name when left out. */
  readonly name?: string;
  /** Nothing comes back, no result and no error: the caller learns that the call was sent. */
  readonly oneWay?: boolean;
  /** What it returns is a stream of items. Known by itself of `async *` methods that were not compiled to less. */
  readonly stream?: boolean;
  /** The longest that a call may take, in milliseconds, whatever its caller asks for. */
  readonly timeoutMs?: number;
  /**
   * What the arguments must be: a schema for all of them together, as an array, or an array of one schema for each.
   * The method gets what the schemas make of them; other arguments fail with INVALID_ARGUMENT and it does not run.
   */
  readonly params?: Params;
  /**
   * What the result must be, of streams each item; the caller gets what the schema makes of it. A result that does not
   * fit is a fault of this side: the caller gets INTERNAL, and the event `callFailed` has the reason.
   */
  readonly result?: Result;
  /** How often one peer may call it; beyond that its arguments are not even decoded. */
  readonly rateLimit?: RateLimit;
  /** To run it twice is the same as once: a caller whose connection broke may try again. */
  readonly idempotent?: boolean;
  /**
   * The channel that its answers go on, whichever their calls came on: ordered in itself, not held up by others. Callers
   * do not know it; they name the channel of a call, which its answer follows where this option is left out.
   */
  readonly channel?: string;
  /**
   * Only callers that have proved who they are, by credentials, a token or a certificate; others get UNAUTHENTICATED. The
   * call must be Security.Authenticated, or anybody on the path could make it in their name.
   */
  readonly requiresIdentity?: boolean;
  /**
   * Only callers of whom this is known, by their credentials or token: `{ role: 'admin' }`; of a list one will do. Others get
   * PERMISSION_DENIED, who is nobody UNAUTHENTICATED. The call must be Security.Authenticated, as with `requiresIdentity`.
   */
  readonly claims?: RequiredClaims;
  /**
   * Only callers that this lets in; others get PERMISSION_DENIED, and the method does not run. `'owner'`: who owns the
   * service, see `setOwner()`. The call must be Security.Authenticated, as with `requiresIdentity`.
   */
  readonly allow?: Allow;
}

/** A schema for the array of all arguments, or one for each of them. */
export type ParamsSchema = StandardSchema<unknown, readonly unknown[]> | readonly StandardSchema[];

/** Who may call: the owner of the service, or whom the function answers `true` for. */
export type Allow = 'owner' | AllowRule['decide'];

/** A method, and not a function's type, so that an application may say `(caller: Peer, args, ship: Ship) => …`. */
interface AllowRule {
  /** `caller` is the connection, a {@link Peer}; `args` are as they came; `service` is the registered object. */
  decide(caller: RpcCaller, args: readonly unknown[], service: object): boolean | Promise<boolean>;
}

/** What a rule may look at, of the connection that a call came over. */
export interface RpcCaller {
  /** A client's, from 1; 0 is the server, as its clients see it. */
  readonly id: number;
  /** On a host: whether it is the host's own client. */
  readonly isHost: boolean;
  /** Who it has proved to be. */
  readonly identity:
    | { readonly kind: string; readonly name: string; readonly claims?: Readonly<Record<string, unknown>> }
    | undefined;
}

const knownOptions: readonly string[] = [
  'name',
  'oneWay',
  'stream',
  'timeoutMs',
  'params',
  'result',
  'rateLimit',
  'idempotent',
  'channel',
  'requiresIdentity',
  'claims',
  'allow',
] satisfies (keyof RpcOptions)[];

const booleanOptions = ['oneWay', 'stream', 'idempotent', 'requiresIdentity'] as const;

/**
 * Throws INVALID_RPC for an option that this version does not know, or that does not go with the flags or with another
 * option. `key` is the method's name, or what stands for it in a message.
 */
export function checkOptions(key: string, security: SecurityFlags, options: RpcOptions): void {
  if (!isObject(options)) throw invalid(`the options of ${key} must be an object`);
  refuseUnknown(key, options, knownOptions);
  if (options.name !== undefined && typeof options.name !== 'string')
    throw invalid(`the name of ${key} must be a string`);
  for (const option of booleanOptions) {
    if (options[option] !== undefined && typeof options[option] !== 'boolean')
      throw invalid(`${option} of ${key} must be a boolean`);
  }
  checkCallers(key, security, options);
  checkTimeout(key, options);
  checkSchemas(key, options);
  checkRateLimit(key, options);
  checkChannel(key, options);
  checkTogether(key, options);
}

function checkCallers(
  key: string,
  security: SecurityFlags,
  { requiresIdentity, claims, allow }: RpcOptions,
): void {
  if (allow !== undefined && allow !== 'owner' && typeof allow !== 'function')
    throw invalid(`allow of ${key} must be 'owner' or a function that says who may call`);
  const fault = claims === undefined ? undefined : requiredClaimsFault(claims);
  if (fault !== undefined) throw invalid(`claims of ${key} ${fault}`);
  const given = { allow, claims, requiresIdentity: requiresIdentity || undefined };
  const asked = Object.entries(given).find(([, option]) => option !== undefined)?.[0];
  if (asked !== undefined && !satisfies(security, Security.Authenticated)) {
    throw invalid(
      `${asked} of ${key} needs Security.Authenticated: anybody on the path can make a call without it, in the name ` +
        'of whoever is connected',
    );
  }
}

function checkTimeout(key: string, { timeoutMs, oneWay }: RpcOptions): void {
  if (timeoutMs === undefined) return;
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > longestTimerMs) {
    throw invalid(`timeoutMs of ${key} must be a whole number of milliseconds, 1 to ${longestTimerMs}`);
  }
  if (oneWay) throw invalid(`${key} is one-way, nothing is waited for: leave out timeoutMs`);
}

function checkSchemas(key: string, { params, result }: RpcOptions): void {
  const schemas: readonly unknown[] = Array.isArray(params) ? params : params === undefined ? [] : [params];
  if (!schemas.every(isStandardSchema)) {
    throw invalid(
      `params of ${key} must be a Standard Schema (zod, valibot, ArkType …) of all arguments as an array, or an array ` +
        'of schemas, one for each argument',
    );
  }
  if (result !== undefined && !isStandardSchema(result))
    throw invalid(`result of ${key} must be a Standard Schema (zod, valibot, ArkType …)`);
}

function checkRateLimit(key: string, { rateLimit }: RpcOptions): void {
  if (rateLimit === undefined) return;
  const fault = rateLimitFault(rateLimit, `rateLimit of ${key}`);
  if (fault !== undefined) throw invalid(fault);
}

function checkChannel(key: string, { channel }: RpcOptions): void {
  if (channel === undefined) return;
  if (!isChannelName(channel) || /\p{Surrogate}/u.test(channel))
    throw invalid(`channel of ${key} must be a string of 1 to ${maxChannelBytes} bytes of UTF-8`);
}

/** What each says is valid, and together they contradict each other. */
export function checkTogether(key: string, { oneWay, stream, result, idempotent }: RpcOptions): void {
  if (oneWay && stream) throw invalid(`${key} is one-way and a stream: nobody would get its items`);
  if (oneWay && result !== undefined)
    throw invalid(`${key} is one-way, it has no result: leave out its schema`);
  if (oneWay && idempotent)
    throw invalid(`${key} is one-way, nobody learns whether to try again: leave out idempotent`);
  if (stream && idempotent) {
    throw invalid(
      `${key} is a stream, which is not tried again, since its items may have come: leave out idempotent`,
    );
  }
}

function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  for (const option of Object.keys(given)) {
    if (!known.includes(option))
      throw invalid(`${what} has the unknown option ${option}; this version knows ${known.join(', ')}`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_RPC', message);
}
