// How a client comes back: which ends of a connection are worth another attempt, and how long it waits before each.
//
//   delay = a random share of min(maxDelayMs, initialDelayMs × factor ^ attempts)            exponential, full jitter
//
// Jitter keeps the clients of a server that restarts from coming back in one moment; it needs spread and no secrecy.

import { RpcError, SealwireError } from '../base/errors.js';

/** What becomes of calls to the server while there is no connection. */
export type WhileAway = 'wait' | 'fail';

export interface ReconnectOptions {
  /** Upper end of the delay before the first attempt, in milliseconds. Default 500. */
  readonly initialDelayMs?: number;
  /** Upper end of every delay, in milliseconds. Default 30,000. */
  readonly maxDelayMs?: number;
  /** What the upper end grows by with each attempt, 1 to 10. Default 2. */
  readonly factor?: number;
  /** The share of a delay that is random, 0 to 1. Default 1: anything from nothing to the upper end. */
  readonly jitter?: number;
  /** Attempts in a row that may fail before the client is closed. Default: no limit. */
  readonly maxAttempts?: number;
  /**
   * `'wait'`, the default: calls wait for the next connection, as long as their `timeoutMs` says. `'fail'`: they fail with
   * UNAVAILABLE at once.
   */
  readonly whileAway?: WhileAway;
  /** Calls that may wait at once; the next one fails with RESOURCE_EXHAUSTED. Default 100. */
  readonly maxWaitingCalls?: number;
}

export type ReconnectSettings = Required<ReconnectOptions>;

/** Also for those who wait while their client moves. */
export const defaultMaxWaitingCalls = 100;

const defaults: ReconnectSettings = {
  initialDelayMs: 500,
  maxDelayMs: 30_000,
  factor: 2,
  jitter: 1,
  maxAttempts: Number.POSITIVE_INFINITY,
  whileAway: 'wait',
  maxWaitingCalls: defaultMaxWaitingCalls,
};

const longestDelayMs = 3_600_000;

/** Undefined for a client that does not come back. Throws INVALID_CONFIG. */
export function reconnectSettings(
  option: boolean | ReconnectOptions | undefined,
): ReconnectSettings | undefined {
  if (option === undefined || option === false) return undefined;
  const given: ReconnectOptions = option === true ? {} : option;
  if (typeof given !== 'object' || given === null) {
    throw invalid('reconnect must be true, false or an object, as in { maxDelayMs: 10_000 }');
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(defaults, name)) {
      throw invalid(`reconnect.${name} does not exist; known are: ${Object.keys(defaults).join(', ')}`);
    }
  }
  const settings = { ...defaults, ...given };
  const { initialDelayMs, maxDelayMs, factor, jitter, maxAttempts, whileAway, maxWaitingCalls } = settings;
  if (!isWithin(initialDelayMs, 1, longestDelayMs) || !isWithin(maxDelayMs, initialDelayMs, longestDelayMs)) {
    throw invalid(
      `reconnect: initialDelayMs must be from 1 to maxDelayMs, which is at most ${longestDelayMs}`,
    );
  }
  if (!isWithin(factor, 1, 10)) throw invalid('reconnect.factor must be from 1 to 10');
  if (!isWithin(jitter, 0, 1)) throw invalid('reconnect.jitter must be from 0 to 1');
  if (maxAttempts !== defaults.maxAttempts && (!Number.isSafeInteger(maxAttempts) || maxAttempts < 1)) {
    throw invalid('reconnect.maxAttempts must be a positive whole number; leave it out for no limit');
  }
  if (whileAway !== 'wait' && whileAway !== 'fail')
    throw invalid("reconnect.whileAway must be 'wait' or 'fail'");
  if (!Number.isSafeInteger(maxWaitingCalls) || maxWaitingCalls < 0) {
    throw invalid('reconnect.maxWaitingCalls must be a whole number, 0 or more');
  }
  return settings;
}

/** The delays of one client, from the first loss on. */
export class Backoff {
  readonly #settings: ReconnectSettings;
  readonly #random: () => number;
  /** Attempts that failed since there was a connection. */
  #failed = 0;
  #exponent = 0;

  /** `random` gives numbers from 0 to just below 1. */
  constructor(settings: ReconnectSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Milliseconds until the next attempt; undefined when there have been enough. */
  next(): number | undefined {
    const { initialDelayMs, maxDelayMs, factor, jitter, maxAttempts } = this.#settings;
    if (this.#failed >= maxAttempts) return undefined;
    const most = Math.min(maxDelayMs, initialDelayMs * factor ** this.#exponent);
    this.#failed += 1;
    this.#exponent += 1;
    return most * (1 - jitter) + most * jitter * this.#random();
  }

  /** There was a connection, for so long. A server that cuts each one soon is come back to ever more slowly. */
  connected(stoodMs: number): void {
    this.#failed = 0;
    if (stoodMs >= this.#settings.maxDelayMs) this.#exponent = 0;
  }
}

/** Ends of which another attempt would be the same: one of the two programs must change first. */
const fatalCodes: readonly string[] = [
  'CERTIFICATE_REJECTED',
  'APPROVAL_DENIED',
  'POLICY_MISMATCH',
  'INVALID_CONFIG',
  'INVALID_CERTIFICATE',
  'INVALID_STATE',
  'PFX_PASSPHRASE',
  'ENCRYPTION_UNAVAILABLE',
  'UNAUTHENTICATED',
  'UNIMPLEMENTED',
];
/** What a server may answer to a token or credentials and mean nothing by it but `not now`; all else is its decision. */
const passingCodes: readonly string[] = [
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
  'ABORTED',
];
const fatalHandshakes: readonly unknown[] = [
  'encryption-mismatch',
  'signature-mismatch',
  'version-mismatch',
  'no-common-algorithm',
  'key-stretching',
  'certificate-required',
];
/** Somebody wanted the connection to end: this side, or a server that threw the client out. */
const wantedEnds: readonly unknown[] = ['closed-here', 'normal'];

/** Whether a client comes back after this. A server that stops (`going-away`) may be there again in a moment. */
export function isWorthRetrying(error: SealwireError): boolean {
  const { code, reason } = error;
  if (error instanceof RpcError) return passingCodes.includes(code);
  if (code === 'CONNECTION_CLOSED') return !wantedEnds.includes(reason);
  if (code === 'HANDSHAKE_FAILED') return !fatalHandshakes.includes(reason);
  return !fatalCodes.includes(code);
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
