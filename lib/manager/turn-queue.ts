// What is to be done when the event loop is through with what it is doing, in order: the half that Node (turns.ts) and browsers
// (browser-turns.ts) share. What a turn is, and how its end is noticed, is for them to say.

export class TurnQueue {
  readonly #arrange: () => void;
  #waiting: (() => void)[] = [];

  /** `arrange` sees to it that run() is called when the turn ends. */
  constructor(arrange: () => void) {
    this.#arrange = arrange;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(callback: () => void): void {
    if (this.#waiting.push(callback) === 1) this.#arrange();
  }

  /** The turn has ended. What is added meanwhile waits for the end of the next one. */
  run(): void {
    const callbacks = this.#waiting;
    this.#waiting = [];
    let done = 0;
    try {
      for (const callback of callbacks) {
        done += 1;
        callback();
      }
    } finally {
      // One of them threw: that is its own affair, and the others still have their turn.
      if (done < callbacks.length) {
        this.#waiting = [...callbacks.slice(done), ...this.#waiting];
        this.#arrange();
      }
    }
  }
}
