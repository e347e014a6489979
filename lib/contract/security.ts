// The flags that say how a procedure is protected on the wire, and the four things they can say.
//
// The same two bits stand in the manifest (docs/protocol.md section 6) and, elsewhere in the byte, in each frame.

import { SealwireError } from '../base/errors.js';

/**
 * Combine with `|`. `None` is public and can be forged; `Encrypted` alone is hidden but **malleable**: whoever sits on
 * the path can flip chosen bits; `Authenticated` is readable, and nobody can forge it; both is what secrets need.
 */
export const Security = {
  None: 0,
  /** Nobody on the path can read it. */
  Encrypted: 1,
  /** Nobody on the path can change, forge or replay it. */
  Authenticated: 2,
} as const;

/** A checked combination. */
export type Security = 0 | 1 | 2 | 3;

/** What an interface accepts: TypeScript makes `number` of `Security.Encrypted | Security.Authenticated`. */
export type SecurityFlags = number;

/** Every flag there is: what secrets need, and what anything but messages is sealed with. */
export const bothFlags = 3;

/** A mask, bit f for flags f: all that a connection without keys carries is messages without any. */
export const plainOnly = 0b0001;

/** Throws INVALID_RPC for anything but the four combinations. */
export function checkSecurity(flags: SecurityFlags): Security {
  // What arrives from JavaScript, or from @Rpc without its parentheses, need not be a number.
  const given: unknown = flags;
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= bothFlags) {
    return given as Security;
  }
  throw new SealwireError(
    'INVALID_RPC',
    `${typeof given === 'function' ? 'a function' : String(given)} is no protection: give Security.None, ` +
      'Security.Encrypted, Security.Authenticated, or Security.Encrypted | Security.Authenticated',
  );
}

/** Whether a message that had the protection `actual` may be taken where `required` is the least accepted. */
export function satisfies(actual: SecurityFlags, required: SecurityFlags): boolean {
  return (actual & required) === required;
}

const descriptions = ['None', 'Encrypted', 'Authenticated', 'Encrypted | Authenticated'] as const;

/** For messages: `'None'`, `'Encrypted'`, `'Authenticated'` or `'Encrypted | Authenticated'`. */
export function describeSecurity(flags: SecurityFlags): (typeof descriptions)[number] {
  return descriptions[checkSecurity(flags)];
}
