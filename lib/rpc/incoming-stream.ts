// The receiving end of a stream: items of the peer wait here until the application takes them.
//
//   the peer ── item ─▸ queue ── next() ─▸ the application
//            ◂─ credit ───────── taken
//
// Credit goes back when an item is taken, not before, so the queue never holds more than the window and one item
// (docs/protocol.md section 9.1). It ends exactly once: by the peer's end or error, behind the items that came before; by
// the application's break; or by whatever ends the call here, and then at once.

import { streamWindowBytes } from '../wire/call-message.js';
import { violation } from './violation.js';

/** Less is not worth a message. */
const leastPortionBytes = streamWindowBytes / 4;

export interface StreamReceiver {
  /** So many bytes of items were taken. */
  giveBack(bytes: number): void;
  /** The application wants no more; at most once, and not when the peer has ended the stream. */
  stop(): void;
}

interface Item {
  readonly value: unknown;
  readonly bytes: number;
}

interface Consumer {
  resolve(result: IteratorResult<unknown, undefined>): void;
  reject(error: unknown): void;
}

const done: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

export class IncomingStream implements AsyncIterableIterator<unknown, undefined> {
  readonly #receiver: StreamReceiver;
  #queue: Item[] = [];
  /** Items before this one are taken: shifting a long array would move all of it. */
  #head = 0;
  /** Calls of next() that came before their items. */
  readonly #waiting: Consumer[] = [];
  /** What the sender may still send, as far as it knows. */
  #credit = streamWindowBytes;
  /** Taken, and not given back yet. */
  #taken = 0;
  /** No item will come any more. */
  #ended = false;
  #endedByPeer = false;
  /** What the consumer is told behind the last item, once. */
  #failure: { readonly error: unknown } | undefined;

  constructor(receiver: StreamReceiver) {
    this.#receiver = receiver;
  }

  /** Whether the peer has said that nothing more comes. */
  get hasEnded(): boolean {
    return this.#endedByPeer;
  }

  /** Bytes that the peer may still send, as far as it knows. */
  get credit(): number {
    return Math.max(0, this.#credit);
  }

  /** An item came. Throws PROTOCOL_ERROR when the peer had no credit for it. */
  item(value: unknown, bytes: number): void {
    if (this.#ended) return;
    if (this.#credit <= 0) throw violation('an item without credit');
    this.#credit -= bytes;
    const consumer = this.#waiting.shift();
    if (consumer === undefined) {
      this.#queue.push({ value, bytes });
    } else {
      this.#countTaken(bytes);
      consumer.resolve({ done: false, value });
    }
  }

  /** The peer has ended the stream: what came before is still given out, then the error, if there is one. */
  end(failure?: { readonly error: unknown }): void {
    this.#endedByPeer = true;
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    // Whoever waits has emptied the queue.
    for (const consumer of this.#waiting.splice(0)) this.#finish(consumer);
  }

  /** The call is over on this side: nothing more is given out but the error. */
  abort(error: unknown): void {
    const wasOver = this.#ended && this.#queue.length === 0;
    this.#queue = [];
    this.#head = 0;
    this.#ended = true;
    if (wasOver) return;
    this.#failure = { error };
    for (const consumer of this.#waiting.splice(0)) this.#finish(consumer);
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return new Promise((resolve, reject) => {
      const item = this.#queue[this.#head];
      if (item !== undefined) {
        this.#dequeue();
        this.#countTaken(item.bytes);
        resolve({ done: false, value: item.value });
      } else if (this.#ended) this.#finish({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  /** The consumer has left its loop: nothing more is wanted. */
  return(): Promise<IteratorResult<unknown, undefined>> {
    this.#stop();
    return Promise.resolve(done);
  }

  throw(error: unknown): Promise<IteratorResult<unknown, undefined>> {
    this.#stop();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #stop(): void {
    const wasOpen = !this.#ended;
    this.#ended = true;
    this.#failure = undefined;
    this.#queue = [];
    this.#head = 0;
    for (const consumer of this.#waiting.splice(0)) consumer.resolve(done);
    if (wasOpen) this.#receiver.stop();
  }

  #dequeue(): void {
    this.#head += 1;
    if (this.#head === this.#queue.length) this.#queue = [];
    // What was taken must not stay reachable from here.
    else if (this.#head < 1024) {
      this.#queue[this.#head - 1] = { value: undefined, bytes: 0 };
      return;
    } else this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  #countTaken(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < leastPortionBytes || this.#ended) return;
    const portion = this.#taken;
    this.#taken = 0;
    this.#credit += portion;
    this.#receiver.giveBack(portion);
  }

  #finish({ resolve, reject }: Consumer): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure === undefined) resolve(done);
    else reject(failure.error);
  }
}
