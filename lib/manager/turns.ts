// What is to be done when the event loop is through with what it is doing: one immediate for all that waits.
//
//   connection ─ endOfTurn(callback) ─▸ [ callback │ callback │ … ] ─ setImmediate ─▸ each of them
//
// A server that has said something to a thousand clients has a thousand callbacks; an immediate for each would cost more than the
// callbacks do. They run outside of whatever was under way when the first of them came: an AsyncLocalStorage of the
// application must not show one connection what was kept for another.

import { AsyncResource } from 'node:async_hooks';

let waiting: (() => void)[] = [];

const nowhere = new AsyncResource('SealwireTurn');
const arrange = (): void => void setImmediate(run);

export function endOfTurn(callback: () => void): void {
  if (waiting.push(callback) === 1) nowhere.runInAsyncScope(arrange);
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
      nowhere.runInAsyncScope(arrange);
    }
  }
}
