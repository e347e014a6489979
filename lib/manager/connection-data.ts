// What a client says of itself to the server: its connectionData, once per connection, when the server was found good.
//
// A function is asked then and not before: so a one-time ticket is spent on the server that it is for, and a connection
// that comes about again has a new one. What is no function is looked at when the client is started.

import { SealwireError } from '../base/errors.js';
import { encodeCarried } from '../wire/carried-value.js';
import { maxConnectionDataBytes } from '../wire/extensions.js';

/** The connection that the data is for. */
export interface ConnectionAttempt {
  /** Aborted when the connection has ended, or the handshake took too long: nobody waits for the data any more. */
  readonly signal: AbortSignal;
}

/** Any value that can be sent, up to 16 KiB as MessagePack; or a function that gives or promises it. */
export type ConnectionData =
  | null
  | boolean
  | number
  | bigint
  | string
  | object
  | ((attempt: ConnectionAttempt) => unknown);

/** Gives what is said on one connection, encoded; undefined for nothing. */
export type ConnectionDataSource = (
  signal: AbortSignal,
) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/**
 * Undefined where there is nothing to say. Throws INVALID_CONFIG for a value that cannot be sent, ENCRYPTION_UNAVAILABLE
 * where there is nothing to send it under.
 */
export function connectionDataSource(
  option: ConnectionData | undefined,
  { encryption }: { readonly encryption: boolean },
): ConnectionDataSource | undefined {
  if (option === undefined) return undefined;
  if (!encryption) {
    throw new SealwireError(
      'ENCRYPTION_UNAVAILABLE',
      'connectionData is never sent in the clear: it needs enableEncryption, on both sides',
    );
  }
  if (typeof option === 'function') {
    const ask = option as (attempt: ConnectionAttempt) => unknown;
    return (signal) => askFor(ask, signal);
  }
  const encoded = encode(option);
  return () => encoded;
}

async function askFor(
  ask: (attempt: ConnectionAttempt) => unknown,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  let value: unknown;
  try {
    value = await ask(Object.freeze({ signal }));
  } catch (cause) {
    throw new SealwireError('CONNECT_FAILED', 'the function connectionData failed: see the cause', {
      reason: 'connection-data',
      cause,
    });
  }
  return value === undefined ? undefined : encode(value);
}

function encode(value: unknown): Uint8Array {
  try {
    return encodeCarried(value, 'connectionData', maxConnectionDataBytes);
  } catch (cause) {
    const message = cause instanceof SealwireError ? cause.message : 'connectionData cannot be read';
    throw new SealwireError('INVALID_CONFIG', message, { cause });
  }
}
