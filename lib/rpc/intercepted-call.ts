// A call that is made through interceptors:
//
//   invoke ─ planned ─ interceptors ─ next() ─▸ the wire, each time anew ─ answer ─ interceptors ─▸ the caller
//
// A stream comes this way with its first next(). Time limit and end are one for all that interceptors do
// (call-lifetime.ts): when the call is over, nothing that it began goes on.

import { SealwireError } from '../base/errors.js';
import { type Interception, Lifetime, type Send } from './call-lifetime.js';
import { type CallOptions, planCall } from './call-options.js';
import type { InterceptedAnswer } from './interceptor.js';
import { RemoteStream, type RpcStream } from './remote-stream.js';

type Result = IteratorResult<unknown, undefined>;

const done: Result = Object.freeze({ done: true, value: undefined });

/** A call that is answered with a value; `send` makes it, past all interceptors. */
export async function invokeIntercepted(
  interception: Interception,
  args: readonly unknown[],
  options: CallOptions | undefined,
  send: Send<Promise<unknown>>,
): Promise<unknown> {
  const life = new Lifetime(interception, args, planCall(options));
  try {
    return await life.result(life.through((sent, changed) => life.step(send(sent, changed))));
  } finally {
    life.finish();
  }
}

/** The items of a call that is answered with a stream; `open` makes it, past all interceptors. */
export function streamIntercepted(
  interception: Interception,
  args: readonly unknown[],
  options: CallOptions | undefined,
  open: Send<AsyncIterable<unknown>>,
): RpcStream<unknown> {
  const plan = planCall(options);
  return new RemoteStream(() => {
    const life = new Lifetime(interception, args, plan);
    const items = life.through((sent, changed) => limited(open(sent, changed), life));
    return new InterceptedStream(items, life);
  });
}

/** What the caller of a stream holds: its items as the interceptors give them. */
class InterceptedStream {
  readonly #items: AsyncIterator<unknown>;
  readonly #life: Lifetime;
  #left = false;

  constructor(items: InterceptedAnswer, life: Lifetime) {
    this.#items = items[Symbol.asyncIterator]();
    this.#life = life;
  }

  async next(): Promise<Result> {
    if (this.#life.isOver) return done;
    try {
      const step = await this.#life.result(this.#items.next());
      if (!step.done) return step;
    } catch (error) {
      this.#end();
      // Whoever has left is told nothing.
      if (!this.#left) throw error;
    }
    this.#end();
    return done;
  }

  /** Their `finally` runs, and what they have opened is closed, whatever they are doing. */
  async return(): Promise<Result> {
    if (this.#life.isOver) return done;
    this.#left = true;
    const leaving = this.#items.return?.();
    this.#life.stop(new SealwireError('CANCELLED', 'the caller has left the stream'));
    try {
      if (leaving !== undefined) await this.#life.result(leaving);
    } finally {
      this.#end();
    }
    return done;
  }

  #end(): void {
    if (this.#life.isOver) return;
    this.#life.finish();
    // One that hangs, or has more to give: nobody waits for it, or hears of it.
    this.#items.return?.()?.then(undefined, () => undefined);
  }
}

/** The items of the wire, which end with the call. */
function limited(items: AsyncIterable<unknown>, life: Lifetime): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      const closed = life.opened();
      return {
        async next() {
          try {
            const step = await life.step(iterator.next());
            if (step.done) closed();
            return step;
          } catch (error) {
            closed();
            throw error;
          }
        },
        async return() {
          closed();
          return (await iterator.return?.()) ?? done;
        },
      };
    },
  };
}
