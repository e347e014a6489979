// What a server says at the end of a handshake in which it judges its client: docs/protocol.md section 4.7.
//
//   Accepted = no bytes
//   Refused  = vec8 code ‖ vec16 message ‖ vec16 data
//
// Each decoder stands beside its encoder; handshake/ knows when either may come.

import { ByteReader, ByteWriter, empty, utf8 } from '../base/bytes.js';
import { isErrorCode } from '../base/errors.js';
import { checkCarried, encodeCarried, readCarried } from './carried-value.js';
import { malformed } from './handshake-fields.js';
import { encodeMessage, type HandshakeMessage, messageTypes } from './handshake-message.js';

/** UTF-8. A text of {@link maxRefusalCharacters} always fits. */
const maxRefusalBytes = 1024;
/** UTF-16 code units, of which each is 3 bytes at most. */
export const maxRefusalCharacters = 256;
const maxRefusalDataBytes = 8192;

/** That it is there is what it says. */
export function encodeAccepted(): HandshakeMessage {
  return encodeMessage(messageTypes.accepted, empty);
}

/** Throws PROTOCOL_ERROR unless the body is empty. */
export function decodeAccepted(body: Uint8Array): void {
  if (body.length > 0) throw malformed('an Accepted that is not empty');
}

/** Why a client is not let in, as far as it is told. */
export interface Refusal {
  /** See {@link isErrorCode}; undefined where there is none. */
  readonly code: string | undefined;
  /** May be empty. */
  readonly message: string;
  /** Undefined where there is none. */
  readonly data: unknown;
}

/** Throws INVALID_ARGUMENT for data that cannot be sent, or has more than 8192 bytes. */
export function encodeRefused({ code = '', message, data }: Refusal): HandshakeMessage {
  const carried = data === undefined ? empty : encodeCarried(data, 'data', maxRefusalDataBytes);
  const body = new ByteWriter().string(1, code).string(2, message).vector(2, carried);
  return encodeMessage(messageTypes.refused, body.finish());
}

export function decodeRefused(body: Uint8Array): Refusal {
  const reader = new ByteReader(body);
  const code = reader.string(1);
  const message = reader.string(2);
  const data = reader.vector(2);
  reader.finish();
  if (data.length > 0) checkCarried(data, maxRefusalDataBytes);
  if (code !== '' && !isErrorCode(code)) throw malformed('a refusal with a code that is none');
  if (utf8(message).length > maxRefusalBytes)
    throw malformed(`a refusal of more than ${maxRefusalBytes} bytes`);
  return {
    code: code === '' ? undefined : code,
    message,
    data: data.length === 0 ? undefined : readCarried(data),
  };
}
