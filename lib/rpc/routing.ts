// Which end of a session gets which message: what is about calls of this side, the caller; about calls of the peer, the
// dispatcher. Messages about calls that there are none of count as stray ones, here and in the dispatcher.

import { RpcError } from '../base/errors.js';
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
export function route(
  { caller, dispatcher, guard, heartbeat }: Ends,
  flags: number,
  message: CallMessage,
): void {
  switch (message.kind) {
    case 'call':
      dispatcher.call(flags, message);
      break;
    case 'notify':
      dispatcher.notify(flags, message);
      break;
    case 'result':
      if (!caller.awaits(message.id)) guard.stray();
      caller.settle(message.id, flags, { value: message.value });
      break;
    case 'error':
      if (!caller.awaits(message.id)) guard.stray();
      caller.settle(message.id, flags, {
        error: new RpcError(message.code, message.message, message.data),
      });
      break;
    case 'ping':
      guard.stray();
      heartbeat.ping(flags, message.id);
      break;
    case 'pong':
      guard.stray();
      heartbeat.pong(flags);
      break;
    case 'cancel':
      dispatcher.cancel(flags, message.id);
      break;
    case 'item':
      if (!caller.awaits(message.id)) guard.stray(message.bytes);
      caller.item(message.id, flags, message.value, message.bytes);
      break;
    case 'end':
      if (!caller.awaits(message.id)) guard.stray();
      caller.end(message.id, flags);
      break;
    case 'credit':
      dispatcher.credit(flags, message.id, message.bytes);
      break;
    case 'argumentItem':
      dispatcher.argumentItem(flags, message.id, message.value, message.bytes);
      break;
    case 'argumentEnd':
      dispatcher.argumentEnd(flags, message.id, message.error);
      break;
    case 'argumentCredit':
      if (!caller.awaits(message.id)) guard.stray();
      caller.argumentCredit(message.id, flags, message.bytes);
      break;
    case 'argumentStop':
      if (!caller.awaits(message.id)) guard.stray();
      caller.argumentStop(message.id, flags);
      break;
  }
}
