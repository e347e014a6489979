// What is to be done when the event loop is through with what it is doing: one immediate for all that waits.
//
//   connection ─ endOfTurn(callback) ─▸ [ callback │ callback │ … ] ─ setImmediate ─▸ each of them
//
// A server that has said something to a thousand clients has a thousand callbacks; an immediate for each would cost more than the
// callbacks do. They run outside of whatever was under way when the first of them came: an AsyncLocalStorage of the
// application must not show one connection what was kept for another.

import { AsyncResource } from 'node:async_hooks';
import { TurnQueue } from './turn-queue.js';

const nowhere = new AsyncResource('SealwireTurn');
const queue = new TurnQueue(() => nowhere.runInAsyncScope(arrange));
const run = (): void => queue.run();
const arrange = (): void => void setImmediate(run);

export function endOfTurn(callback: () => void): void {
  queue.add(callback);
}
