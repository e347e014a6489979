// HKDF-Expand-Label and Derive-Secret of RFC 9846 §7.1, with this protocol's name where TLS has "tls13 ".
//
//   HkdfLabel = u16 length ‖ u8 n ‖ "sealwire1 " ‖ label ‖ u8 m ‖ context
//
// Another prefix keeps our secrets apart from those of a TLS stack that should ever share a key with us.

import { utf8 } from '../base/bytes.js';
import { requireInteger } from './preconditions.js';
import type { CryptoProvider } from './provider.js';

const labelPrefix = utf8('sealwire1 ');
const maxBytes = 255;
/** Where the label's own name goes: behind u16 length, u8 n and the prefix. */
const nameOffset = 3 + labelPrefix.length;
/** The one HkdfLabel there is at a time; nothing in it is secret. A handshake makes dozens. */
const hkdfLabel = new Uint8Array(3 + maxBytes + 1 + maxBytes);
hkdfLabel.set(labelPrefix, 3);
const nameRoom = hkdfLabel.subarray(nameOffset, 3 + maxBytes);
const textEncoder = new TextEncoder();

/**
 * Expands `secret` (32 bytes) to `length` bytes bound to `label` (ASCII) and `context`. Label with prefix and context
 * have at most 255 bytes each, or INVALID_CONFIG: a length that wrapped would let two labels mean the same.
 */
export function expandLabel(
  crypto: CryptoProvider,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const { read, written } = textEncoder.encodeInto(label, nameRoom);
  const bytes = read === label.length ? written : utf8(label).length;
  requireInteger('the length of a label with its prefix', labelPrefix.length + bytes, 0, maxBytes);
  requireInteger('the length of a context', context.length, 0, maxBytes);
  const nameEnd = nameOffset + bytes;
  hkdfLabel[0] = length >>> 8;
  hkdfLabel[1] = length & 0xff;
  hkdfLabel[2] = labelPrefix.length + bytes;
  hkdfLabel[nameEnd] = context.length;
  hkdfLabel.set(context, nameEnd + 1);
  return crypto.hkdfExpand(secret, hkdfLabel.subarray(0, nameEnd + 1 + context.length), length);
}

/** Derive-Secret: 32 bytes from `secret`, bound to a label and to the hash of a transcript. */
export function deriveSecret(
  crypto: CryptoProvider,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array {
  return expandLabel(crypto, secret, label, transcriptHash, 32);
}
