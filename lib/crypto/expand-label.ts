// HKDF-Expand-Label and Derive-Secret of RFC 9846 §7.1, with this protocol's name where TLS has "tls13 ".
//
//   HkdfLabel = u16 length ‖ u8 n ‖ "sealwire1 " ‖ label ‖ u8 m ‖ context
//
// Another prefix keeps our secrets apart from those of a TLS stack that should ever share a key with us.

import { utf8 } from '../base/bytes.js';
import { requireInteger } from './preconditions.js';
import type { CryptoProvider } from './provider.js';

const labelPrefix = 'sealwire1 ';
/** Behind u16 length and u8 n. */
const labelOffset = 3;

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
  const name = utf8(labelPrefix + label);
  requireInteger('the length of a label with its prefix', name.length, labelPrefix.length, 255);
  requireInteger('the length of a context', context.length, 0, 255);
  const info = new Uint8Array(labelOffset + name.length + 1 + context.length);
  info[0] = length >>> 8;
  info[1] = length & 0xff;
  info[2] = name.length;
  info.set(name, labelOffset);
  info[labelOffset + name.length] = context.length;
  info.set(context, labelOffset + name.length + 1);
  return crypto.hkdfExpand(secret, info, length);
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
