// What turns.ts is on Node, in a browser: a message to oneself comes in the next turn, one for all that waits.
//
//   connection ─ endOfTurn(callback) ─▸ [ callback │ callback │ … ] ─ postMessage ─▸ each of them
//
// A timer would wait for 4 ms once it is nested. The channel is made when it is needed first and kept: making and closing one costs
// more than all callbacks of a turn.

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

let waiting: (() => void)[] = [];
let channel: Channel | undefined;

export function endOfTurn(callback: () => void): void {
  if (waiting.push(callback) === 1) arrange();
}

function arrange(): void {
  if (channel === undefined) {
    channel = new MessageChannel() as unknown as Channel;
    channel.port1.onmessage = run;
  } else channel.port1.ref?.();
  channel.port2.postMessage(undefined);
}

function run(): void {
  const callbacks = waiting;
  waiting = [];
  let done = 0;
  try {
    for (const callback of callbacks) {
      done += 1;
      callback();
    }
  } finally {
    // One of them threw: that is its own affair, and the others still have their turn.
    if (done < callbacks.length) {
      waiting = [...callbacks.slice(done), ...waiting];
      arrange();
    }
    if (waiting.length === 0) channel!.port1.unref?.();
  }
}
