// A method that is run behind interceptors:
//
//   admitted ─ interceptors ─ next() ─▸ allow, params, the method, result ─ interceptors ─▸ the answer
//
// Each of them begins in the context of the call, the method too, however much later. They are run in the place of the
// method: the call's deadline, its signal and its count in `limits.maxCallsInFlight` hold until the last of them is
// through. A method that is still at work when they have answered is told to stop, and counts until it has.

import { SealwireError } from '../base/errors.js';
import { type CallContext, runInContext } from './call-context.js';
import { type Enter, type IncomingCall, type Interceptor, intercept } from './interceptor.js';
import type { ServedMethod } from './registry.js';
import { isAsyncIterable } from './streamed-argument.js';

export interface InterceptedMethod {
  readonly interceptors: readonly Interceptor<IncomingCall>[];
  readonly method: ServedMethod;
  readonly context: CallContext;
  readonly args: readonly unknown[];
  /** The call is answered, and its method still at work; it is told to stop, and settles `until` when it has. */
  outlived(until: Promise<unknown>): void;
}

/** What {@link ServedMethod.invoke} gives, as the interceptors make it: a promise of the result, or of the items. */
export function invokeIntercepted({
  interceptors,
  method,
  context,
  args,
  outlived,
}: InterceptedMethod): Promise<unknown> {
  const enter: Enter = (step) => runInContext(context, step);
  let work: Work | StreamWork | undefined;
  let isOver = false;
  const call: IncomingCall = {
    direction: 'incoming',
    peer: context.client,
    method: method.fullName,
    security: context.security,
    oneWay: method.oneWay,
    streaming: method.stream,
    args,
    metadata: context.metadata,
    signal: context.signal,
    deadline: context.deadline,
    context,
  };
  const over = (): void => {
    isOver = true;
    const until = work?.stop();
    if (until !== undefined) outlived(until);
  };
  const answer = intercept(
    interceptors,
    call,
    (current) => {
      if (isOver) {
        const text = `next() came when ${method.fullName} was answered already: return what it gives, or wait for it`;
        throw new SealwireError('INVALID_STATE', text, { reason: 'interceptor' });
      }
      context.signal.throwIfAborted();
      const returned = method.invoke(current.args);
      work = method.stream ? new StreamWork(returned, enter) : new Work(returned);
      return work.answer;
    },
    enter,
  );
  if (method.stream)
    return answer.then((items) => ended(items as AsyncIterable<unknown>, over), rethrow(over));
  answer.then(over, over);
  return answer;
}

/** A method at work. */
class Work {
  readonly answer: Promise<unknown>;
  #isThrough = false;

  constructor(returned: unknown) {
    this.answer = new Promise((resolve) => resolve(returned));
    const through = (): void => {
      this.#isThrough = true;
    };
    this.answer.then(through, through);
  }

  /** Undefined where it is through; else what settles when it is. */
  stop(): Promise<unknown> | undefined {
    return this.#isThrough ? undefined : this.answer;
  }
}

/** A method at work on a stream: through when its last step is. */
class StreamWork {
  readonly answer: Promise<AsyncIterable<unknown>>;
  readonly #enter: Enter;
  #items: AsyncIterable<unknown> | undefined;
  #iterator: AsyncIterator<unknown> | undefined;
  #isThrough = false;
  #closing: Promise<unknown> | undefined;

  constructor(returned: unknown, enter: Enter) {
    this.#enter = enter;
    this.answer = new Promise<unknown>((resolve) => resolve(returned)).then((items) => this.#open(items));
    this.answer.then(undefined, () => {
      this.#isThrough = true;
    });
  }

  stop(): Promise<unknown> | undefined {
    return this.#isThrough ? undefined : this.#close();
  }

  #open(items: unknown): AsyncIterable<unknown> {
    if (!isAsyncIterable(items)) throw new TypeError('the method is declared as a stream and returned none');
    this.#items = items;
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#next(), return: () => this.#leave() }) };
  }

  async #next(): Promise<IteratorResult<unknown>> {
    try {
      // In the context of the call: whoever takes a step of a stream enters it.
      const step = await this.#begun().next();
      if (step.done) this.#isThrough = true;
      return step;
    } catch (error) {
      this.#isThrough = true;
      throw error;
    }
  }

  async #leave(): Promise<IteratorResult<unknown>> {
    await this.#close();
    return { done: true, value: undefined };
  }

  #begun(): AsyncIterator<unknown> {
    this.#iterator ??= this.#items![Symbol.asyncIterator]();
    return this.#iterator;
  }

  /** Its `finally` runs, once; also of one that nobody has begun to read. */
  #close(): Promise<unknown> {
    this.#closing ??= this.answer
      .then(async () => {
        if (!this.#isThrough) await this.#enter(() => this.#begun().return?.());
      })
      .finally(() => {
        this.#isThrough = true;
      });
    return this.#closing;
  }
}

/** The same items, and `over` is called when there are no more, or nobody wants more. */
function ended(items: AsyncIterable<unknown>, over: () => void): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const step = await iterator.next();
            if (step.done) over();
            return step;
          } catch (error) {
            over();
            throw error;
          }
        },
        async return() {
          const leaving = iterator.return?.();
          over();
          await leaving;
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function rethrow(first: () => void): (error: unknown) => never {
  return (error) => {
    first();
    throw error;
  };
}
