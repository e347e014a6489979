// An approveConnection that fails lets nobody in. Where nobody listens to clientRefused, its author is told here, once per
// server: clients come as often as they like.

import { RpcError, SealwireError } from '../base/errors.js';
import type { Platform } from './platform.js';

/** Takes what each client was refused with. A refusal that was meant is not worth a warning. */
export function approvalWarning({ warn }: Pick<Platform, 'warn'>): (error: SealwireError) => void {
  let hasWarned = false;
  return ({ code, message, cause }) => {
    const wasMeant = code === 'APPROVAL_DENIED' && (cause === undefined || cause instanceof RpcError);
    if (hasWarned || wasMeant) return;
    hasWarned = true;
    // What an application threw may hold secrets.
    const why =
      cause instanceof SealwireError
        ? cause.message
        : cause === undefined
          ? message
          : 'approveConnection threw an error';
    warn(
      'SEALWIRE_APPROVAL',
      `a client was refused since nobody decided: ${why}. Listen to clientRefused to hear of each of them`,
    );
  };
}
