// What no honest peer sends ends its connection: the error for that, as this side's log has it. The peer learns `protocol-error`.

import { SealwireError } from '../base/errors.js';

/** PROTOCOL_ERROR; `what` stands behind "the peer sent". */
export function violation(what: string): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', `the peer sent ${what}`);
}
