// Addresses: `ws://host:port/path`, `tcp://host:port`, `memory://name`. Checked when the transport is made, so that a
// slip of the pen is an INVALID_CONFIG at start and no riddle at the first connection.

import { SealwireError } from '../base/errors.js';

export interface Address {
  /** As it was written, for messages. */
  readonly url: string;
  /** As a URL has it: IPv6 in brackets. */
  readonly urlHost: string;
  /** As sockets and certificates have it: IPv6 without brackets. */
  readonly hostname: string;
  /** undefined where the URL has none. */
  readonly port: number | undefined;
  /** With its leading slash; `/` where the URL has none. */
  readonly path: string;
}

/** Throws INVALID_CONFIG unless `url` has one of the schemes; `example` shows what is wanted. */
export function parseAddress(url: string, schemes: readonly string[], example: string): Address {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !schemes.includes(parsed.protocol) || parsed.hostname === '') {
    throw misaddressed(url, `write it as ${example}`);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new SealwireError('INVALID_CONFIG', `an address takes no user or password: write it as ${example}`);
  }
  if (parsed.hash !== '') throw misaddressed(url, 'leave out the part from # on');
  return {
    url,
    urlHost: parsed.hostname,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? undefined : Number(parsed.port),
    path: parsed.pathname === '' ? '/' : parsed.pathname,
  };
}

export function misaddressed(url: string, advice: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', `"${url}" is no address for this transport: ${advice}`);
}

/** `127.0.0.1:50312`, or `[::1]:50312`. */
export function hostAndPort(host: string | undefined, port: number | undefined): string {
  return `${host?.includes(':') ? `[${host}]` : (host ?? 'unknown')}:${port ?? 0}`;
}
