// Somebody on the path: keeps every frame that goes by, looks for words in them, and may be told to do worse.

import type { Intercept, RelayedFrame, Sender } from './relay.js';

/** What becomes of a frame; the frame itself, unchanged, where nothing is returned. */
export type Tamper = (frame: RelayedFrame) => readonly Uint8Array[] | undefined;

export class Eavesdropper {
  readonly #frames: RelayedFrame[] = [];

  /** For the relay: records each frame as it came, then passes on what `tamper` makes of it. */
  readonly intercept: Intercept;

  constructor(tamper: Tamper = () => undefined) {
    this.intercept = (frame) => {
      this.#frames.push(frame);
      return tamper({ ...frame, bytes: frame.bytes.slice() }) ?? [frame.bytes];
    };
  }

  /** Everything that was recorded, in the order in which it went by. */
  get frames(): readonly RelayedFrame[] {
    return this.#frames;
  }

  /** How many frames there are so far: a mark for {@link since}. */
  get count(): number {
    return this.#frames.length;
  }

  /** The frames from a mark on, of one side or of both. */
  since(mark: number, from?: Sender): readonly Uint8Array[] {
    return this.#frames
      .slice(mark)
      .filter((frame) => from === undefined || frame.from === from)
      .map((frame) => frame.bytes);
  }

  /** Whether these words went by in the clear, anywhere on this connection. */
  hasRead(words: string): boolean {
    return this.#frames.some(({ bytes }) => Buffer.from(bytes).includes(words));
  }
}
