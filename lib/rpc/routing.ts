// Which end of a session gets which message: what is about calls of this side, the caller; about calls of the peer, the
// dispatcher. Messages about calls that there are none of count as stray ones, here and in the dispatcher.

import type { CallMessage } from '../wire/call-message.js';
import type { Caller } from './caller.js';
import type { Dispatcher } from './dispatcher.js';
import type { Heartbeat } from './heartbeat.js';
import type { LimitGuard } from './limit-guard.js';

export interface Ends {
  readonly caller: Caller;
  readonly dispatcher: Dispatcher;
  readonly guard: LimitGuard;
  readonly heartbeat: Heartbeat;
}

/** Throws PROTOCOL_ERROR for what no honest peer sends. */
export function route(ends: Ends, flags: number, message: CallMessage): void {
  switch (message.kind) {
    case 'call':
      ends.dispatcher.call(flags, message);
      break;
    case 'notify':
      ends.dispatcher.notify(flags, message);
      break;
    case 'result':
      if (!ends.caller.resolve(message.id, flags, message.value)) ends.guard.stray();
      break;
    case 'error':
      if (!ends.caller.reject(message.id, flags, message)) ends.guard.stray();
      break;
    case 'ping':
      ends.guard.stray();
      ends.heartbeat.ping(flags, message.id);
      break;
    case 'pong':
      ends.guard.stray();
      ends.heartbeat.pong(flags);
      break;
    case 'cancel':
      ends.dispatcher.cancel(flags, message.id);
      break;
    case 'item':
      if (!ends.caller.awaits(message.id)) ends.guard.stray(message.bytes);
      ends.caller.item(message.id, flags, message.value, message.bytes);
      break;
    case 'end':
      if (!ends.caller.awaits(message.id)) ends.guard.stray();
      ends.caller.end(message.id, flags);
      break;
    case 'credit':
      ends.dispatcher.credit(flags, message.id, message.bytes);
      break;
    case 'argumentItem':
      ends.dispatcher.argumentItem(flags, message.id, message.value, message.bytes);
      break;
    case 'argumentEnd':
      ends.dispatcher.argumentEnd(flags, message.id, message.error);
      break;
    case 'argumentCredit':
      if (!ends.caller.awaits(message.id)) ends.guard.stray();
      ends.caller.argumentCredit(message.id, flags, message.bytes);
      break;
    case 'argumentStop':
      if (!ends.caller.awaits(message.id)) ends.guard.stray();
      ends.caller.argumentStop(message.id, flags);
      break;
  }
}
