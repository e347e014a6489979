// Two ends of a transport that moves only when a spec says so: what is sent waits in order until flow(), each frame a
// copy, and closing ends both ends behind what was sent before. It keeps what travelled, and can be meddled with.

import { expect } from 'chai';
import type { FrameReceiver, TransportConnection } from '../../lib/transport/transport.js';

export class Line {
  readonly client: LineEnd = new LineEnd('client');
  readonly server: LineEnd = new LineEnd('server');

  constructor() {
    this.client.peer = this.server;
    this.server.peer = this.client;
  }

  /** Carries frames, and ends, to and fro until nothing moves. */
  flow(): void {
    while (this.client.carry() || this.server.carry()) {
      // Each has been carried as far as it went; answers may wait.
    }
  }
}

export class LineEnd implements TransportConnection {
  readonly kind = 'memory';
  readonly remoteAddress: string;
  /** What was sent from here, carried or not, in order. */
  readonly sent: Uint8Array[] = [];
  /** What setMaxFrameBytes() was told. */
  readonly maxFrameBytes: number[] = [];
  /** Added to what is queued: a peer that does not read. */
  stuckBytes = 0;
  /** Who waits for buffered bytes to fall; looked at when frames are carried, and by drain(). */
  #draining: { belowBytes: number; resolve: () => void }[] = [];
  /** Somebody on the way: gives what arrives in place of a frame. */
  meddle: (frame: Uint8Array) => readonly Uint8Array[] = (frame) => [frame];
  peer!: LineEnd;
  #receiver: FrameReceiver | undefined;
  #queue: Uint8Array[] = [];
  #closing = false;
  #over = false;

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  get bufferedBytes(): number {
    return this.#queue.reduce((sum, frame) => sum + frame.length, this.stuckBytes);
  }

  drained(belowBytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#draining.push({ belowBytes, resolve });
      this.drain();
    });
  }

  /** Lets those go on who wait for so few bytes as there are, or for a connection that is over. */
  drain(): void {
    const due = this.#draining.filter((each) => this.#over || this.bufferedBytes <= each.belowBytes);
    this.#draining = this.#draining.filter((each) => !due.includes(each));
    for (const { resolve } of due) resolve();
  }

  /** Nobody may wait on a connection that is over. */
  get waitingForDrain(): number {
    return this.#draining.length;
  }

  get closing(): boolean {
    return this.#closing;
  }

  open(receiver: FrameReceiver): void {
    expect(this.#receiver).to.equal(undefined);
    this.#receiver = receiver;
  }

  send(frame: Uint8Array): void {
    expect(frame.length).to.be.greaterThan(0);
    if (this.#closing) return;
    const copy = frame.slice();
    this.sent.push(copy);
    this.#queue.push(copy);
  }

  setMaxFrameBytes(bytes: number): void {
    this.maxFrameBytes.push(bytes);
  }

  close(): void {
    this.#closing = true;
  }

  destroy(): void {
    this.#queue = [];
    this.#closing = true;
  }

  /** The way breaks: both ends hear of it. */
  breakDown(error?: Error): void {
    this.#end(error);
    this.peer.#end(error);
  }

  /** A frame that nobody sent arrives here. */
  inject(frame: Uint8Array): void {
    if (!this.#closing && !this.#over) this.#receiver!.frame(frame.slice());
  }

  /** A frame after the end, which no transport may deliver. */
  breakPromise(frame: Uint8Array): void {
    expect(this.#over).to.equal(true);
    this.#receiver!.frame(frame);
  }

  /** Carries what waits here to the other side. Returns whether anything moved. */
  carry(): boolean {
    if (this.#over || !this.peer.#receiver) return false;
    const frames = this.#queue;
    this.#queue = [];
    this.drain();
    for (const frame of frames) {
      for (const arriving of this.meddle(frame.slice())) this.peer.inject(arriving);
    }
    if (this.#closing && this.#queue.length === 0) {
      this.breakDown();
      return true;
    }
    return frames.length > 0;
  }

  #end(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#closing = true;
    this.#queue = [];
    this.drain();
    this.#receiver?.closed(error);
  }
}
