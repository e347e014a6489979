// The keys that tokens are encrypted under: the first one seals, all of them open.
//
// Several servers share a ring by configuration. To change keys without throwing anybody out: add the new key behind the
// first on every server, then move it to the front on every server, and take the old one out when the last token under
// it has run out. There is no default key and no way to have none.

import { sameBytes } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';

/** A256GCM (RFC 7518 §5.3) takes a key of this length. */
export const tokenKeyBytes = 32;
const maxKeys = 16;
const idPattern = /^[A-Za-z0-9._-]{1,64}$/;

export interface TokenKey {
  /** Stands in the clear in every token under this key (`kid`): 1 to 64 of A-Z, a-z, 0-9, `.`, `_`, `-`. */
  readonly id: string;
  /** 32 random bytes, or their base64 (`openssl rand -base64 32`). */
  readonly key: string | Uint8Array;
}

export class KeyRing {
  /** What new tokens are under. */
  readonly sealingId: string;
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  /** Throws INVALID_CONFIG for an empty ring, more than 16 keys, and keys or ids that are unfit or stand twice. */
  constructor(keys: readonly TokenKey[]) {
    if (!Array.isArray(keys) || keys.length === 0)
      throw invalid(
        'tokens.keys must name one key at least: [{ id, key }], made with openssl rand -base64 32',
      );
    if (keys.length > maxKeys)
      throw invalid(`tokens.keys has more than ${maxKeys} keys: drop those that are out of use`);
    const ring = new Map<string, Uint8Array>();
    for (const { id, key } of keys as readonly TokenKey[]) {
      if (typeof id !== 'string' || !idPattern.test(id))
        throw invalid('the id of a token key must be 1 to 64 of A-Z, a-z, 0-9, ".", "_", "-"');
      if (ring.has(id)) throw invalid(`two token keys have the id ${id}`);
      const bytes = readKey(id, key);
      // Under one key with two names, nonces would be counted apart, and retiring one name would retire nothing.
      for (const [other, known] of ring)
        if (sameBytes(known, bytes)) throw invalid(`the token keys ${other} and ${id} are the same key`);
      ring.set(id, bytes);
    }
    this.#keys = ring;
    this.sealingId = keys[0]!.id;
  }

  /** 32 bytes; undefined for a key that is not, or no longer, in the ring. */
  find(id: string): Uint8Array | undefined {
    return this.#keys.get(id);
  }
}

/** A copy, so that wiping or reusing a buffer outside changes nothing here. */
function readKey(id: string, key: unknown): Uint8Array {
  const bytes = typeof key === 'string' ? decodeBase64(key) : key;
  if (!(bytes instanceof Uint8Array) || bytes.length !== tokenKeyBytes)
    throw invalid(
      `the token key ${id} must be 32 bytes, or their base64: make one with openssl rand -base64 32`,
    );
  // What somebody typed in the place of a key, or a buffer that nobody filled.
  if (new Set(bytes).size < 8) throw invalid(`the token key ${id} is not random`);
  return Uint8Array.from(bytes);
}

/** Base64 or base64url; undefined for anything else. */
function decodeBase64(text: string): Uint8Array | undefined {
  const standard = text.trim().replaceAll('-', '+').replaceAll('_', '/');
  if (!/^[A-Za-z0-9+/]{42}[A-Za-z0-9+/]=?$/.test(standard)) return undefined;
  return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0));
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
