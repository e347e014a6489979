// What the other side learns of what application code threw: all of an RpcError, nothing of anything else.

import { isErrorCode, RpcError } from '../base/errors.js';
import type { ErrorFields } from '../wire/call-message.js';

/** `masked` stands for whatever is no RpcError. */
export function toldError(error: unknown, masked: string): ErrorFields {
  if (!isToldAsItIs(error)) return { code: 'INTERNAL', message: masked, data: undefined };
  const { code, message, data } = error;
  return { code, message, data };
}

export function isToldAsItIs(error: unknown): error is RpcError {
  if (!(error instanceof RpcError)) return false;
  // JavaScript may have put anything there; the other side would hang up on a message that is no text.
  const { code, message }: { code: unknown; message: unknown } = error;
  return typeof code === 'string' && isErrorCode(code) && typeof message === 'string';
}
