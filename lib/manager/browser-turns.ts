// What turns.ts is on Node, in a browser: a message to oneself comes in the next turn, one for all that waits.
//
//   connection ─ endOfTurn(callback) ─▸ [ callback │ callback │ … ] ─ postMessage ─▸ each of them
//
// A timer would wait for 4 ms once it is nested. The channel is made when it is needed first and kept: making and closing one costs
// more than all callbacks of a turn.

import { TurnQueue } from './turn-queue.js';

/** What is used of the DOM's type, which this project does not compile with. */
interface Port {
  onmessage: (() => void) | null;
  postMessage(message: undefined): void;
  /** Node's, where this file may run as well: a port with a listener keeps the process alive until it is told not to. */
  ref?(): void;
  unref?(): void;
}

interface Channel {
  readonly port1: Port;
  readonly port2: Port;
}

const queue = new TurnQueue(arrange);
let channel: Channel | undefined;

export function endOfTurn(callback: () => void): void {
  queue.add(callback);
}

function arrange(): void {
  if (channel === undefined) {
    channel = new MessageChannel() as unknown as Channel;
    channel.port1.onmessage = run;
  } else channel.port1.ref?.();
  channel.port2.postMessage(undefined);
}

function run(): void {
  try {
    queue.run();
  } finally {
    if (queue.isEmpty) channel!.port1.unref?.();
  }
}
