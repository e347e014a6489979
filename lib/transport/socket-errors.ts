// What the operating system's error codes mean to somebody whose connection did not come about: CONNECT_FAILED and
// LISTEN_FAILED with a message that says what to check. The original error is the `cause`, for the local log.

import { SealwireError } from '../base/errors.js';
import { closeTimeLimitMs } from './transport.js';

export type ConnectFailure = 'refused' | 'unknown-host' | 'unreachable' | 'not-sealwire' | 'aborted';

/** From an error of a socket, an HTTP request or `ws`. */
export function connectFailed(url: string, cause: unknown): SealwireError {
  switch (systemCode(cause)) {
    case 'ECONNREFUSED':
      return failure(
        'refused',
        `nothing listens at ${url}: is the server started, are host and port right?`,
        cause,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return failure('unknown-host', `the host of ${url} is not known: check its name and the DNS`, cause);
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'EACCES':
      return failure('unreachable', `${url} cannot be reached: check address, network and firewalls`, cause);
    default:
      return notSealwire(url, 'whatever answers there broke off the opening handshake', cause);
  }
}

/** Something answered, but it is no Sealwire server. */
export function notSealwire(url: string, what: string, cause?: unknown): SealwireError {
  return failure(
    'not-sealwire',
    `${url} seems to be no Sealwire server: ${what}; check port and path`,
    cause,
  );
}

export function givenUp(url: string, signal: AbortSignal): SealwireError {
  return failure('aborted', `connecting to ${url} was given up before it was done`, signal.reason);
}

export function listenFailed(url: string, cause: unknown): SealwireError {
  const code = systemCode(cause);
  const advice = listenAdvice.get(code) ?? `the system says ${code}`;
  return new SealwireError('LISTEN_FAILED', `cannot listen at ${url}: ${advice}`, { cause });
}

const listenAdvice: ReadonlyMap<string, string> = new Map([
  [
    'EADDRINUSE',
    'somebody listens there already: stop that program, or use another port (0 picks a free one)',
  ],
  ['EACCES', 'this needs a permission that the process lacks: use a port from 1024 on'],
  ['EADDRNOTAVAIL', 'this machine has no such address: use one of its own, or 0.0.0.0 for all'],
  ['ENOTFOUND', 'that host name is not known: use an address of this machine, or 0.0.0.0 for all'],
]);

/** The way broke while it was in use. */
export function broken(what: string, cause?: unknown): SealwireError {
  return new SealwireError('CONNECTION_CLOSED', what, cause === undefined ? {} : { cause });
}

/** Whoever does not finish closing is cut off; what was queued may be lost. */
export function closedTooSlowly(): SealwireError {
  return broken(`the other side did not finish closing within ${closeTimeLimitMs} ms and was cut off`);
}

function failure(reason: ConnectFailure, message: string, cause: unknown): SealwireError {
  return new SealwireError('CONNECT_FAILED', message, { reason, cause });
}

/** `ECONNREFUSED` and its like. */
export function systemCode(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : 'unknown error';
}
