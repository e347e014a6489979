// What is sent in one turn of the event loop leaves in one system call, and arrives as one piece where it fits a packet.
//
//   callback of the socket ─ promises, and all that they lead to ─ write
//
// Promises too: a client's Finished and the call that its program makes when startClient() has resolved are one packet.

/** What is used of a socket: while it is corked, it gathers what is written. */
export interface Corked {
  cork(): void;
  uncork(): void;
}

export class Cork {
  readonly #socket: Corked;
  #holds = false;

  constructor(socket: Corked) {
    this.#socket = socket;
  }

  /** Until the promises of this turn are through. */
  hold(): void {
    if (this.#holds) return;
    this.#holds = true;
    this.#socket.cork();
    // Asked for by a promise, Node's next tick comes when no promise is left; else it would come before all of them.
    queueMicrotask(() => process.nextTick(release, this));
  }

  release(): void {
    this.#holds = false;
    this.#socket.uncork();
  }
}

function release(cork: Cork): void {
  cork.release();
}
