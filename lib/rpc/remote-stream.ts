// What a caller holds of a stream: it begins with the first next(), so one that nobody reads was never asked for.

import { SealwireError } from '../base/errors.js';
import { isAsyncIterable } from './streamed-argument.js';

/** Items of the other side, in order. `break`, `throw` and return() end the method that sends them. */
export interface RpcStream<Item> extends AsyncIterableIterator<Item, undefined> {
  return(): Promise<IteratorResult<Item, undefined>>;
  throw(error?: unknown): Promise<IteratorResult<Item, undefined>>;
  [Symbol.asyncIterator](): RpcStream<Item>;
}

type Result = IteratorResult<unknown, undefined>;

/** What a stream is once it has begun. */
interface Items {
  next(): Promise<Result>;
  return(): Promise<Result>;
}

const done: Result = Object.freeze({ done: true, value: undefined });

export class RemoteStream implements RpcStream<unknown> {
  /** Makes the call; undefined once it is made, or not wanted any more. */
  #begin: (() => Items) | undefined;
  #items: Items | undefined;

  constructor(begin: () => Items) {
    this.#begin = begin;
  }

  async next(): Promise<Result> {
    const begin = this.#begin;
    this.#begin = undefined;
    if (begin !== undefined) this.#items = begin();
    return this.#items?.next() ?? done;
  }

  async return(): Promise<Result> {
    this.#begin = undefined;
    return this.#items?.return() ?? done;
  }

  async throw(error?: unknown): Promise<Result> {
    this.#begin = undefined;
    await this.#items?.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * The answer of a call of which it is not known yet, or will never be, whether it is a value or a stream: a promise that can
 * be iterated, too. So `for await` over it meets the coded error, and no TypeError.
 */
export function deferredAnswer(answer: Promise<unknown>): Promise<unknown> & RpcStream<unknown> {
  const stream = new RemoteStream(() => {
    const opened = answer.then(asStream);
    // RemoteStream hands on its own throw() as a return().
    return {
      next: async () => (await opened).next(),
      return: async () => (await (await opened).return?.()) ?? done,
    };
  });
  return Object.assign(answer, {
    next: () => stream.next(),
    return: () => stream.return(),
    throw: (error?: unknown) => stream.throw(error),
    [Symbol.asyncIterator]: () => stream,
  });
}

function asStream(answer: unknown): AsyncIterator<unknown> {
  if (isAsyncIterable(answer)) return answer[Symbol.asyncIterator]();
  throw new SealwireError(
    'INVALID_ARGUMENT',
    'this method answers with a value, not with a stream: await it',
  );
}
