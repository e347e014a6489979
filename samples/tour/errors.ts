// Errors as the tour tells them: what a promise came to, and the code and reason of it.

import { SealwireError } from 'sealwire';

/** What a promise, or a function that may throw, comes to: its value, or its SealwireError. */
export async function outcome(attempt: Promise<unknown> | (() => Promise<unknown>)): Promise<unknown> {
  try {
    return await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    if (error instanceof SealwireError) return error;
    throw error;
  }
}

/** The code of an error or of an entry in a journal; `none` where nothing went wrong. */
export function codeOf(what: unknown): string {
  return isFailure(what) ? what.code : 'none';
}

/** What is finer than the code. */
export function reasonOf(what: unknown): string | undefined {
  return isFailure(what) ? what.reason : undefined;
}

/** `CODE`, or `CODE (reason)`. */
export function named(what: unknown): string {
  const reason = reasonOf(what);
  return reason === undefined ? codeOf(what) : `${codeOf(what)} (${reason})`;
}

function isFailure(what: unknown): what is Pick<SealwireError, 'code' | 'reason'> {
  return typeof what === 'object' && what !== null && 'code' in what && typeof what.code === 'string';
}
