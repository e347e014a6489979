// Which of the arguments of a call is streamed: the one that is an AsyncIterable, detected by its Symbol.asyncIterator.

import { SealwireError } from '../base/errors.js';

export interface StreamedArgument {
  /** Its place among the arguments. */
  readonly index: number;
  readonly iterable: AsyncIterable<unknown>;
  /** The arguments with nil in its place. */
  readonly args: readonly unknown[];
}

/** Undefined when there is none. Throws INVALID_ARGUMENT for more than one: the wire has one place. */
export function findStreamedArgument(args: readonly unknown[]): StreamedArgument | undefined {
  let found: { index: number; iterable: AsyncIterable<unknown> } | undefined;
  for (let index = 0; index < args.length; index++) {
    const iterable = args[index];
    if (!isAsyncIterable(iterable)) continue;
    if (found !== undefined) {
      throw new SealwireError(
        'INVALID_ARGUMENT',
        `argument[${found.index}] and argument[${index}] are both streams: a call has one at most`,
      );
    }
    found = { index, iterable };
  }
  return found && { ...found, args: args.with(found.index, null) };
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function';
}
