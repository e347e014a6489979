// What is sent in one turn of the event loop leaves in one system call, and arrives as one piece where it fits a packet.
//
//   callback of the socket ─ promises, and all that they lead to ─ write
//
// Promises too: a client's Finished and the call that its program makes when startClient() has resolved are one packet.

import type { Socket } from 'node:net';

export class Cork {
  readonly #socket: Socket;
  #holds = false;

  constructor(socket: Socket) {
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
