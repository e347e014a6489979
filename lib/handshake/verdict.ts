// The server's verdict at the end of a handshake, as its client reads it: docs/protocol.md section 4.7.
//
//   Accepted   the client may begin
//   Refused    it may not, for a reason that the server tells; only where the server has announced that it approves
//
// Without keys it is as plain as everything else: ExpectWord waits for it, below. With keys it comes sealed, which is for
// client.ts to see to.

import { ApprovalDenied } from '../base/approval-denied.js';
import { printable } from '../base/printable.js';
import { type HandshakeMessage, messageTypes } from '../wire/handshake-message.js';
import { decodeAccepted, decodeRefused, encodeRefused } from '../wire/verdict-message.js';
import { type Established, expectType, PlainState, type Transition } from './state.js';

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

/** Waits for the server's word where there are no keys: what a server may yet refuse must not be followed by calls. */
export class ExpectWord extends PlainState {
  readonly #through: Established;

  /** What comes of an Accepted. */
  constructor(through: Established) {
    super();
    this.#through = through;
  }

  handle(message: HandshakeMessage): Transition {
    readVerdict(message, true);
    return { next: this.#through, send: [] };
  }
}

/** What a server says to a client that it does not let in. */
export function refusalOf({ reason, text, data }: ApprovalDenied): HandshakeMessage {
  return encodeRefused({ code: reason, message: text, data });
}
