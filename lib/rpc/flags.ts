// Which flags a call is sent under: docs/protocol.md section 3.
//
// The method's minimum, what the caller asks for on top, and what both sides accept. There is always a way up, since
// both flags together are always accepted; there is never a way down.

import { SealwireError } from '../base/errors.js';
import { plainOnly, satisfies } from '../contract/security.js';

/** Weakest first: a tag is worth more than secrecy without one. */
const byStrength = [0, 2, 1, 3];

/** The weakest combination in `allowed` with all flags of `required`. Throws ENCRYPTION_UNAVAILABLE without keys. */
export function agreeFlags(required: number, allowed: number): number {
  for (const flags of byStrength) {
    if (satisfies(flags, required) && isAllowed(flags, allowed)) return flags;
  }
  throw new SealwireError(
    'ENCRYPTION_UNAVAILABLE',
    allowed === plainOnly
      ? 'this call must be protected, and the connection has no keys (enableEncryption is off)'
      : 'the two sides accept no combination of flags that this call could be sent under',
  );
}

/**
 * Whether a call must wait until keys are agreed, on a connection that began without: where flags are asked for, and where
 * only the peer's manifest says that none are, which anybody on the path can have changed until then.
 */
export function needsKeys(
  required: number,
  inTheClear: boolean,
  { allowed, secure }: { readonly allowed: number; readonly secure?: unknown },
): boolean {
  return allowed === plainOnly && secure !== undefined && (required !== 0 || !inTheClear);
}

/** Whether records with these flags are accepted on a connection with this mask. */
export function isAllowed(flags: number, allowed: number): boolean {
  return (allowed & (1 << flags)) !== 0;
}

/** What a caller asks for on top, 0 for nothing. Throws INVALID_ARGUMENT for what are no flags. */
export function checkRaise(security: number | undefined): number {
  if (security === undefined) return 0;
  if (!Number.isInteger(security) || security < 0 || security > 3) {
    throw new SealwireError(
      'INVALID_ARGUMENT',
      'options.security must be made of Security.Encrypted and .Authenticated',
    );
  }
  return security;
}
