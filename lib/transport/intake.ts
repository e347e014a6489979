// What a client's TCP socket gives, read into one buffer for all sockets of the process, and handed on from there.
//
//   system ─▸ the buffer ─ a copy ─▸ the socket, as a stream: HTTP, `ws`            until shorten(), and all that is not simple
//                        └ frames ─▸ direct-frames.ts ─▸ the connection             from then on
//
// Node would make a buffer of 64 KiB for each read, and shrink it to what came: for a short message that is more work than the
// message. Nothing of one socket can reach another: a read is handed on, in copies, before the next one begins.

import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { DirectFrames, type DirectFramesOwner } from './direct-frames.js';

/** As much as Node reads at once. */
const buffer = new Uint8Array(64 * 1024);

export class Intake {
  readonly #frames: DirectFrames;
  #socket: Socket | undefined;
  /** The upgrade is done: what comes are frames. */
  #begun = false;
  #short = false;
  #hasRoom = true;

  constructor(message: DirectFramesOwner['message']) {
    this.#frames = new DirectFrames({ message, rest: (bytes) => this.#push(bytes) });
  }

  /** For the option `createConnection` of `ws`. A socket that stands already has its own way in. */
  connect(standing?: Socket): typeof connect {
    const callback = (bytes: number): boolean => this.#read(bytes);
    return ((target: NetConnectOpts) => {
      // As `ws` does it: the path of the URL is no path of a Unix socket.
      const options = { ...target, path: undefined, onread: { buffer, callback } };
      this.#socket = standing === undefined ? connect(options as NetConnectOpts) : undefined;
      return standing ?? this.#socket;
    }) as typeof connect;
  }

  /** The upgrade is done. A server that has said something before its client makes `ws` take all that comes. */
  begin(): void {
    this.#begun = this.#socket?.readableLength === 0;
  }

  /** From the next read on, messages take the short way. */
  shorten(): void {
    this.#short = true;
  }

  /** False: there is no room for more. */
  #read(bytes: number): boolean {
    this.#hasRoom = true;
    // Behind what waits in the socket, nothing may go past it.
    if (this.#begun) this.#frames.take(buffer, bytes, this.#short && this.#socket!.readableLength === 0);
    else this.#push(buffer.slice(0, bytes));
    return this.#hasRoom;
  }

  #push(bytes: Uint8Array): void {
    const socket = this.#socket!;
    if (!socket.destroyed) this.#hasRoom = socket.push(bytes);
  }
}
