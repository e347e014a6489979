// Fragments: a large message cut into pieces that others may go in between of. docs/protocol.md section 2.1.
//
//   body of a fragment frame = u32 transfer ‖ u8 last (0 or 1) ‖ 1 or more bytes
//
// Only the layout and the numbers that both sides keep are here. Cutting is the business of connection/channels.ts,
// putting together that of connection/reassembly.ts.

import { SealwireError } from '../base/errors.js';

/** Bytes of a message in one fragment, as this side cuts them at most where others go in between; the protocol leaves it to the sender. */
export const fragmentBytes: number = 16 * 1024;

/** Transfers of one direction that may be unfinished at once. */
export const maxOpenTransfers = 16;

/** All unfinished transfers together have at most this many times the receiver's `max_message_bytes`. */
export const openTransfersFactor = 2;

/** The largest number of a transfer; each is larger than the one before. */
export const maxTransfer: number = 2 ** 32 - 1;

const lastOffset = 4;
export const fragmentHeaderBytes = 5;

export interface Fragment {
  readonly transfer: number;
  readonly last: boolean;
  /** A view into the body. */
  readonly bytes: Uint8Array;
}

/** What stands in front of the bytes. */
export function encodeFragmentHeader({ transfer, last }: Omit<Fragment, 'bytes'>): Uint8Array {
  return Uint8Array.of(transfer >>> 24, transfer >>> 16, transfer >>> 8, transfer, last ? 1 : 0);
}

/** Throws PROTOCOL_ERROR for a body without bytes of a message, or with another `last` than 0 and 1. */
export function decodeFragment(body: Uint8Array): Fragment {
  if (body.length <= fragmentHeaderBytes) {
    throw new SealwireError('PROTOCOL_ERROR', 'the peer sent a fragment without content');
  }
  const last = body[lastOffset]!;
  if (last > 1)
    throw new SealwireError('PROTOCOL_ERROR', 'the peer sent a fragment with a last of neither 0 nor 1');
  const transfer = ((body[0]! << 24) | (body[1]! << 16) | (body[2]! << 8) | body[3]!) >>> 0;
  return { transfer, last: last === 1, bytes: body.subarray(fragmentHeaderBytes) };
}
