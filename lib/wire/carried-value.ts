// A value of the application inside a message of the handshake: a client's connection_data, and what comes with Refused.
//
//   carried = MessagePack, an array of one entry: the value          docs/protocol.md section 4.4, by the rules of section 9
//
// How many bytes it may have is for the message to say that carries it.

import { SealwireError } from '../base/errors.js';
import { defaultLimits } from '../base/limits.js';
import { encodeMessage, type PackedMessage, readMessages } from './payload.js';

/** Throws INVALID_ARGUMENT, with `name` for the place, for what cannot be sent or has more than `mostBytes`. */
export function encodeCarried(value: unknown, name: string, mostBytes: number): Uint8Array {
  const bytes = encodeMessage([value], defaultLimits, [name]);
  if (bytes.length <= mostBytes) return bytes;
  throw new SealwireError(
    'INVALID_ARGUMENT',
    `${name} has ${bytes.length} bytes as MessagePack; there is room for ${mostBytes}`,
  );
}

/** Throws PROTOCOL_ERROR for what is no such value, or has more than `mostBytes`. */
export function checkCarried(bytes: Uint8Array, mostBytes: number): void {
  if (bytes.length > mostBytes) throw malformed(`more than ${mostBytes} bytes`);
  open(bytes);
}

/** The value, once it was checked. */
export function readCarried(bytes: Uint8Array): unknown {
  return open(bytes).field(0);
}

function open(bytes: Uint8Array): PackedMessage {
  const [only, ...others] = readMessages(bytes, defaultLimits);
  if (only?.length !== 1 || others.length > 0) throw malformed('it is not an array of one entry');
  return only;
}

function malformed(what: string): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', `malformed value in a handshake message: ${what}`);
}
