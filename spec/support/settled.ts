// What became of something, without a throw: for specs that want to look at failures from all sides.

import { SealwireError } from '../../lib/base/errors.js';

/** `answered` with what came, or the error's code, reason and message. */
export type Outcome =
  | { readonly kind: 'answered'; readonly value: unknown }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly reason: string | undefined;
      readonly error: Error;
    };

export async function outcomeOf(promise: Promise<unknown>): Promise<Outcome> {
  try {
    return { kind: 'answered', value: await promise };
  } catch (error) {
    if (!(error instanceof SealwireError)) throw error;
    return { kind: 'failed', code: error.code, reason: error.reason, error };
  }
}

/** `answered`, or the code of the error. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await outcomeOf(promise);
  return outcome.kind === 'answered' ? 'answered' : outcome.code;
}

/** The SealwireError that `promise` rejects with. */
export async function refusalOf(promise: Promise<unknown>): Promise<SealwireError> {
  const outcome = await outcomeOf(promise);
  if (outcome.kind === 'failed') return outcome.error as SealwireError;
  throw new Error('it was not refused');
}

/** Resolves as soon as `condition` holds; rejects with `what` when it does not within `ms`. */
export async function eventually(what: string, condition: () => boolean, ms = 5000): Promise<void> {
  const giveUpAt = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`it did not happen within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
