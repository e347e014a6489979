// What is said about the end of a connection: to this side, of a close frame that came; to the peer, of an error here.
//
// The peer learns one of the codes of docs/protocol.md section 8, and from nowhere else than this file.

import { SealwireError } from '../base/errors.js';
import { type CloseReason, closeCodes } from '../wire/frame.js';

/** What a close frame during the handshake means to the side that reads it. */
export function refusal(reason: CloseReason, isClient: boolean): SealwireError {
  if (isClient && reason === 'certificate-rejected') {
    return new SealwireError(
      'CERTIFICATE_REJECTED',
      "the server refused the client's certificate; its log says why",
      { reason: 'refused-by-peer' },
    );
  }
  const hint = handshakeHints[reason] ?? `it said: ${reason}`;
  return new SealwireError('HANDSHAKE_FAILED', `the peer ended the handshake; ${hint}`, { reason });
}

/** What to do about the reasons that a peer may give during the handshake. */
const handshakeHints: Partial<Record<CloseReason, string>> = {
  'encryption-mismatch': 'enableEncryption must be the same on both sides',
  'signature-mismatch': 'signKeyExchange must be the same on both sides',
  'version-mismatch': 'it speaks another version of the protocol: update both sides',
  'no-common-algorithm': 'it has no suite, group or signature algorithm in common with this side',
  'handshake-failed': 'it does not say why; its own log does',
  'handshake-timeout': 'it took too long',
  'certificate-required':
    "the server wants a client certificate, and the client has none: set certificate in the client's configuration",
  'limit-exceeded': 'it has too many connections',
  'going-away': 'it is stopping',
};

/** The one table of what a peer learns from an error here. */
export function closeReasonFor(error: SealwireError, isClient: boolean): CloseReason {
  switch (error.code) {
    case 'HANDSHAKE_FAILED':
      return toldReason(error.reason) ?? 'handshake-failed';
    case 'CERTIFICATE_REJECTED':
      // A server that is refused learns nothing; an honest client is helped by knowing what to replace.
      return isClient ? 'handshake-failed' : 'certificate-rejected';
    case 'POLICY_MISMATCH':
      return 'handshake-failed';
    case 'HANDSHAKE_TIMEOUT':
      return 'handshake-timeout';
    case 'LIMIT_EXCEEDED':
      return 'limit-exceeded';
    case 'CONNECT_FAILED':
    case 'INVALID_CONFIG':
      // The application could not say its connection data: it is not the server's business why.
      return 'normal';
    case 'CONNECTION_CLOSED':
      // A peer that answered no ping, should it hear anything at all: it may come back.
      return 'going-away';
    default:
      return 'protocol-error';
  }
}

/** Reasons about what was said in the clear may be told; which check of a secret failed may not. */
function toldReason(reason: string | undefined): CloseReason | undefined {
  if (reason === undefined || !Object.hasOwn(closeCodes, reason)) return undefined;
  return reason as CloseReason;
}

export function closedError(reason: string, message: string): SealwireError {
  return new SealwireError('CONNECTION_CLOSED', message, { reason });
}

/** What is no error of ours is a fault of ours. */
export function asSealwireError(error: unknown): SealwireError {
  if (error instanceof SealwireError) return error;
  return new SealwireError('INTERNAL', 'an error inside Sealwire ended the connection', { cause: error });
}
