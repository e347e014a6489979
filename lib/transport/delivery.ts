// The receiving half that every transport shares: frames go to the receiver in order, none before open(), none after
// close() or destroy(), closed() comes exactly once and last, and what the receiver throws costs its connection alone.
//
// It also keeps the limits on what comes in: the largest frame, and before the handshake is done all frames together.
// It moves no bytes itself: each transport asks admit() before it buffers a frame, and cuts when told to.

import { SealwireError } from '../base/errors.js';
import type { FrameReceiver } from './transport.js';

/** What may come before the handshake is done beyond `maxFrameBytes`: headers of frames, pings. */
export const earlyAllowanceBytes = 4096;

/** Frames before the handshake is done. A handshake has a handful; tiny frames cost more memory than they have bytes. */
export const maxEarlyFrames = 64;

export class Delivery {
  readonly #cut: (error: SealwireError) => void;
  #maxFrameBytes: number;
  #raised = false;
  #earlyBytes: number;
  #earlyFrames = 0;
  #receiver: FrameReceiver | undefined;
  /** Frames that wait for open(), at most {@link maxEarlyFrames}. */
  #held: Uint8Array[] | undefined;
  /** Whether the receiver is there and has all that was held back. */
  #flowing = false;
  #stopped = false;
  #ended = false;
  #error: SealwireError | undefined;

  /** `cut` is asked to end the connection, because of what came in or what the receiver threw. */
  constructor(maxFrameBytes: number, cut: (error: SealwireError) => void) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#earlyBytes = maxFrameBytes + earlyAllowanceBytes;
    this.#cut = cut;
  }

  /** Whether the receiver wants no more frames: the transport stops parsing then. */
  get stopped(): boolean {
    return this.#stopped || this.#ended;
  }

  raise(maxFrameBytes: number): void {
    this.#maxFrameBytes = maxFrameBytes;
    this.#raised = true;
  }

  open(receiver: FrameReceiver): void {
    if (this.#receiver) {
      throw new SealwireError('INVALID_STATE', 'open() was called before: a connection has one receiver');
    }
    this.#receiver = receiver;
    // Not at once: whoever calls open() may not be ready to be called back.
    queueMicrotask(() => this.#release());
  }

  /** Whether a frame of this length may be buffered; if not, the connection is on its way down. */
  admit(frameBytes: number): boolean {
    if (this.stopped) return false;
    if (frameBytes === 0) return this.#refuse('PROTOCOL_ERROR', 'the other side sent an empty frame');
    if (frameBytes > this.#maxFrameBytes) {
      const largest = `${frameBytes} bytes, the most that is accepted now is ${this.#maxFrameBytes}`;
      return this.#refuse('LIMIT_EXCEEDED', `the other side sent a frame of ${largest}`);
    }
    if (this.#raised && this.#receiver) return true;
    this.#earlyBytes -= frameBytes;
    this.#earlyFrames += 1;
    if (this.#earlyBytes >= 0 && this.#earlyFrames <= maxEarlyFrames) return true;
    return this.#refuse('LIMIT_EXCEEDED', 'the other side sent too much before the handshake was done');
  }

  /** Delivers a frame that was admitted. */
  frame(frame: Uint8Array): void {
    if (this.stopped) return;
    if (this.#flowing) this.#hand(frame);
    else {
      this.#held ??= [];
      this.#held.push(frame);
    }
  }

  /** The owner has closed or destroyed the connection: it hears closed() and nothing else. */
  stop(): void {
    this.#stopped = true;
    this.#held = undefined;
  }

  /** Ends the connection because of an error, which closed() will tell. The first error is the one that is told. */
  fail(thrown: unknown): void {
    if (this.#ended) return;
    const error =
      thrown instanceof SealwireError
        ? thrown
        : new SealwireError('INTERNAL', 'the receiver of the frames threw an error', { cause: thrown });
    this.#error ??= error;
    this.stop();
    this.#cut(error);
  }

  /** The way is closed: frames that are still held back come first, then closed(). */
  closed(error?: SealwireError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error ??= error;
    if (this.#flowing) this.#tell();
  }

  #release(): void {
    // By index, since the receiver may close the connection from inside frame().
    for (let index = 0; index < (this.#held?.length ?? 0); index++) this.#hand(this.#held![index]!);
    this.#held = undefined;
    this.#flowing = true;
    if (this.#ended) this.#tell();
  }

  #hand(frame: Uint8Array): void {
    try {
      this.#receiver?.frame(frame);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  #tell(): void {
    try {
      this.#receiver?.closed(this.#error);
    } catch {
      // The connection is gone already and nobody is left to be told; the process must live on.
    }
  }

  #refuse(code: 'PROTOCOL_ERROR' | 'LIMIT_EXCEEDED', message: string): false {
    this.fail(new SealwireError(code, message));
    return false;
  }
}
