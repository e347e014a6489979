// One call for many receivers: its arguments are encoded once, and what differs is put in front of them.
//
//   notify   has no id: the same bytes for everybody
//   call     encoded with the id 1, one byte, in whose place each receiver gets the id of its own connection
//
//    0       1      2      3
//   +-------+------+------+-----------------------------+
//   | array | kind | id 1 | method, arguments, the rest |     docs/protocol.md section 9
//   +-------+------+------+-----------------------------+
//
// Connections number their calls and methods on their own, so there is one encoding for each number of the method: one
// in all where the receivers run the same program.

import { concat } from '../base/bytes.js';
import { keep } from '../base/discard.js';
import { encodeMessage } from './payload.js';

const idAt = 2;
const behindId = 3;
/** What stands in the place of the id until there is one: one byte in MessagePack. */
const anyId = 1;

/** What makes a message what it is, beside the id: method, arguments, metadata and so on. */
export type MessageParts = readonly unknown[];

export class SharedMessage {
  readonly #encoded: { readonly parts: MessageParts; readonly bytes: Uint8Array }[] = [];

  /** `encode()`, or what it gave for the same parts: compared one by one, objects by identity. */
  notify(parts: MessageParts, encode: () => Uint8Array): Uint8Array {
    for (const { parts: known, bytes } of this.#encoded) if (isSame(known, parts)) return bytes;
    const bytes = keep(encode());
    this.#encoded.push({ parts, bytes });
    return bytes;
  }

  /** What `encode(id)` would give: a call, a message whose second field is the id. */
  call(id: number, parts: MessageParts, encode: (id: number) => Uint8Array): Uint8Array {
    const template = this.notify(parts, () => encode(anyId));
    // Behind the byte that says: an array of one.
    const idBytes = encodeMessage([id]).subarray(1);
    return concat([template.subarray(0, idAt), idBytes, template.subarray(behindId)]);
  }
}

function isSame(a: MessageParts, b: MessageParts): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}
