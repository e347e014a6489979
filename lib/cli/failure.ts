// Why a command ended without doing what it was asked for, and the exit code that tells scripts so:
//
//   0 done, accepted    1 it could not be done    2 the command line makes no sense    3 inspect: refused    130 Ctrl-C

import { SealwireError } from '../base/errors.js';

export const exitCodes = { ok: 0, failed: 1, usage: 2, refused: 3, interrupted: 130 } as const;

/** The message says what is wrong, the hint what to do; neither holds a secret. */
export class CommandFailure extends SealwireError {
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(exitCode: number, message: string, hint?: string, cause?: unknown) {
    super('INVALID_CONFIG', message, cause === undefined ? {} : { cause });
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** The command line itself is wrong. */
export function misused(message: string, hint?: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, message, hint);
}

/** The command line is right, and yet it cannot be done. */
export function failed(message: string, hint?: string, cause?: unknown): CommandFailure {
  return new CommandFailure(exitCodes.failed, message, hint, cause);
}
