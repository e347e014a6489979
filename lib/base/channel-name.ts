// What may name a channel: 1 to 64 bytes of UTF-8. Whoever declares one, whoever asks for one and whoever is told of one by a
// peer hold it against the same limit (docs/protocol.md section 9).

import { utf8 } from './bytes.js';

export const maxChannelBytes = 64;

export function isChannelName(value: unknown): value is string {
  // A character is a byte at least: so nothing long is encoded to be counted.
  if (typeof value !== 'string' || value === '' || value.length > maxChannelBytes) return false;
  return utf8(value).length <= maxChannelBytes;
}
