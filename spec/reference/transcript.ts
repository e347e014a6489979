// Section 4.5 of docs/protocol.md: SHA-256( "sealwire 1" ‖ every message so far ), in the order: what was said in the clear
// before, ClientHello, ServerHello, the server's sealed messages, the client's sealed messages.

import { sha256 } from './key-schedule.js';
import { encodeMessage, type Message } from './messages.js';
import { text } from './notation.js';

export function transcriptHash(messages: Message[]): Uint8Array {
  return sha256(text('sealwire 1'), ...messages.map(encodeMessage));
}
