// The metadata of a call: a small map that travels beside its arguments, under its flags. docs/protocol.md section 9.
//
// Both sides hold it against the same limits: who sends too much is told here, before anything leaves.

import { utf8 } from '../base/bytes.js';

/** Keys are 1 to 64 of a-z, 0-9, `.`, `_` and `-`; at most 32 entries, 8 KiB with their keys. */
export type Metadata = Readonly<Record<string, string | Uint8Array>>;

const maxEntries = 32;
const maxBytes = 8 * 1024;
const keyPattern = /^[a-z0-9._-]{1,64}$/;

/** What is wrong with it, to stand behind "the metadata"; undefined when nothing is. */
export function metadataFault(metadata: unknown): string | undefined {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return 'is no map';
  const entries = Object.entries(metadata as Record<string, unknown>);
  if (entries.length > maxEntries) return `has more than ${maxEntries} entries`;
  let bytes = 0;
  for (const [key, value] of entries) {
    if (!keyPattern.test(key)) return 'has a key that is not made of 1 to 64 characters a-z, 0-9, . _ and -';
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      return `has a value at ${key} that is neither a string nor a Uint8Array`;
    }
    // A character is a byte at least: so nothing long is encoded to be counted.
    if (bytes + value.length > maxBytes) return `has more than ${maxBytes} bytes`;
    bytes += key.length + (typeof value === 'string' ? utf8(value).length : value.length);
    if (bytes > maxBytes) return `has more than ${maxBytes} bytes`;
  }
  return undefined;
}
