// The sending end of a stream: an iterator of the application, driven as fast as the peer takes its items, no faster.
//
//   credit? ─ next() ─ encode ─ room in the send buffer? ─ send ─ again
//
// Whatever ends it early (a cancellation, an abort, the deadline, the connection) calls the iterator's return(), as `break`
// in a loop does, so that its `finally` runs. It is the same for results and for arguments; what its end means to the
// call is for the sink to say.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import { streamWindowBytes } from '../wire/call-message.js';

/** Items that one stream sends before others get their turn of the event loop. */
const itemsPerTurn = 64;

export interface StreamSink {
  encode(value: unknown): Uint8Array;
  /** Sends an item. False: the send buffer is full, and nothing was sent. */
  send(message: Uint8Array): boolean;
  /** Undefined where there is room in the send buffer; else it resolves when there is. */
  room(): Promise<void> | undefined;
  /** Runs a step of the iterator in the context of its call. */
  enter<Result>(step: () => Result): Result;
  /** The iterator has come to its end. */
  ended(): void;
  /** The iterator threw. */
  failed(error: unknown): void;
  /** An item could not be encoded or sent. */
  unsendable(error: unknown): void;
  /** The iterator's return() threw: nobody waits for it any more. */
  cleanupFailed(error: unknown): void;
  /** Exactly once, last: nothing of the iterator runs any more. */
  finished(): void;
}

export class OutgoingStream {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #sink: StreamSink;
  readonly #clock: Clock;
  #credit = streamWindowBytes;
  #stopped = false;
  /** The iterator has ended by itself: it needs no return(). */
  #through = false;
  #cleanup: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(iterator: AsyncIterator<unknown>, sink: StreamSink, clock: Clock) {
    this.#iterator = iterator;
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Begins, in this turn. */
  start(): void {
    void this.#run();
  }

  /** The peer has taken so many bytes of items. Throws PROTOCOL_ERROR for more than were sent. */
  giveBack(bytes: number): void {
    if (this.#credit + bytes > streamWindowBytes) {
      throw new SealwireError('PROTOCOL_ERROR', 'the peer gave back more credit than was spent');
    }
    this.#credit += bytes;
    if (this.#credit > 0) this.#wakeUp();
  }

  /** Nobody wants more: the iterator's `finally` runs, nothing is sent. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wakeUp();
    if (!this.#through) this.#cleanup = this.#return();
  }

  async #run(): Promise<void> {
    let sent = 0;
    while (!this.#stopped) {
      if (this.#credit <= 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      if (sent === itemsPerTurn) {
        sent = 0;
        await new Promise<void>((resolve) => this.#clock.endOfTurn(resolve));
        continue;
      }
      const room = this.#sink.room();
      if (room !== undefined) {
        await room;
        continue;
      }
      await this.#step();
      sent += 1;
    }
    await this.#cleanup;
    this.#sink.finished();
  }

  async #step(): Promise<void> {
    let result: IteratorResult<unknown>;
    try {
      result = await this.#sink.enter(() => this.#iterator.next());
      if (result.done) this.#through = true;
    } catch (error) {
      this.#through = true;
      if (!this.#stopped) this.#sink.failed(error);
      this.#stopped = true;
      return;
    }
    if (this.#stopped) return;
    if (result.done) {
      this.#stopped = true;
      this.#sink.ended();
      return;
    }
    try {
      await this.#send(this.#sink.encode(result.value));
    } catch (error) {
      if (!this.#stopped) this.#sink.unsendable(error);
      this.stop();
    }
  }

  async #send(message: Uint8Array): Promise<void> {
    const { length } = message;
    while (!this.#sink.send(message)) {
      await this.#sink.room();
      await new Promise<void>((resolve) => this.#clock.endOfTurn(resolve));
      if (this.#stopped) return;
    }
    this.#credit -= length;
  }

  async #return(): Promise<void> {
    try {
      await this.#sink.enter(() => this.#iterator.return?.());
    } catch (error) {
      this.#sink.cleanupFailed(error);
    }
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
