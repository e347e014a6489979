// What is refused is refused with an error of ours: its class and its code are checked, the rest is for the spec.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';

/** The SealwireError of this code that `action` throws; `note` says which of many cases failed. */
export function refusalError(code: string, action: () => unknown, note?: string): SealwireError {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, note).to.be.instanceOf(SealwireError);
  const error = thrown as SealwireError;
  expect(error.code, `${note ?? ''} (${error.message})`).to.equal(code);
  return error;
}

/** Its message. */
export function refusal(code: string, action: () => unknown, note?: string): string {
  return refusalError(code, action, note).message;
}
