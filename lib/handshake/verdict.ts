// The server's verdict at the end of a handshake, as its client reads it: docs/protocol.md section 4.7.
//
//   Accepted   the client may begin
//   Refused    it may not, for a reason that the server tells; only where the server has announced that it approves
//
// With keys it comes sealed, without it is as plain as everything else; that is for the states to see to.

import { ApprovalDenied } from '../base/approval-denied.js';
import { printable } from '../base/printable.js';
import { type HandshakeMessage, messageTypes } from '../wire/handshake-message.js';
import { decodeAccepted, decodeRefused, encodeRefused } from '../wire/verdict-message.js';
import { expectType } from './state.js';

/** Returns for an Accepted. Throws {@link ApprovalDenied} for a Refused, where one may come. */
export function readVerdict(message: HandshakeMessage, mayRefuse: boolean): void {
  if (mayRefuse && message.type === messageTypes.refused) {
    const { code, message: text, data } = decodeRefused(message.body);
    // What somebody else wrote must not command a terminal, or pass for a line of a log.
    throw new ApprovalDenied({ code, text: printable(text), data });
  }
  expectType(message, messageTypes.accepted);
  decodeAccepted(message.body);
}

/** What a server says to a client that it does not let in. */
export function refusalOf({ reason, text, data }: ApprovalDenied): HandshakeMessage {
  return encodeRefused({ code: reason, message: text, data });
}
