// The messages of calls: docs/protocol.md section 9. Each is a MessagePack array that begins with its kind.
//
//   call [0, id, method, args, timeoutMs]   notify [1, method, args]   result [2, id, value]
//   error [3, id, code, message, data]      cancel [4, id]
//
// Shapes are checked here, meanings above. A message of another shape throws PROTOCOL_ERROR.

import { isErrorCode, SealwireError } from '../base/errors.js';
import { decodeMessages, encodeMessage, type PayloadLimits } from './payload.js';

export const messageKinds = { call: 0, notify: 1, result: 2, error: 3, cancel: 4 } as const;

export type CallMessage =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly method: number;
      readonly args: unknown[];
      readonly timeoutMs: number;
    }
  | { readonly kind: 'notify'; readonly method: number; readonly args: unknown[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'error';
      readonly id: number;
      readonly code: string;
      readonly message: string;
      readonly data: unknown;
    }
  | { readonly kind: 'cancel'; readonly id: number };

const callFields = ['kind', 'id', 'method', 'argument'];
const notifyFields = ['kind', 'method', 'argument'];
const resultFields = ['kind', 'id', 'result'];
const errorFields = ['kind', 'id', 'code', 'message', 'data'];

/** `timeoutMs` is a whole number of milliseconds, 0 for none. Throws INVALID_ARGUMENT for what cannot be sent. */
export function encodeCall(
  id: number,
  method: number,
  args: readonly unknown[],
  timeoutMs: number,
  limits: PayloadLimits,
): Uint8Array {
  return encodeMessage([messageKinds.call, id, method, args, timeoutMs], limits, callFields);
}

export function encodeNotify(method: number, args: readonly unknown[], limits: PayloadLimits): Uint8Array {
  return encodeMessage([messageKinds.notify, method, args], limits, notifyFields);
}

export function encodeResult(id: number, value: unknown, limits: PayloadLimits): Uint8Array {
  const message = value === undefined ? [messageKinds.result, id] : [messageKinds.result, id, value];
  return encodeMessage(message, limits, resultFields);
}

export function encodeError(
  id: number,
  code: string,
  message: string,
  data: unknown,
  limits: PayloadLimits,
): Uint8Array {
  const fields = [messageKinds.error, id, code, message];
  return encodeMessage(data === undefined ? fields : [...fields, data], limits, errorFields);
}

export function encodeCancel(id: number): Uint8Array {
  return encodeMessage([messageKinds.cancel, id]);
}

/** All messages of a body, or PROTOCOL_ERROR: when one of them is wrong, none is acted upon. */
export function decodeCallMessages(body: Uint8Array, limits: PayloadLimits): CallMessage[] {
  const messages: CallMessage[] = [];
  decodeMessages(body, limits, (message) => messages.push(readCallMessage(message)));
  return messages;
}

function readCallMessage(message: readonly unknown[]): CallMessage {
  switch (message[0]) {
    case messageKinds.call: {
      const [, id, method, args, timeoutMs = 0] = message;
      if (
        !hasLength(message, 4, 5) ||
        !isId(id) ||
        !isWhole(method) ||
        !Array.isArray(args) ||
        !isWhole(timeoutMs)
      )
        break;
      return { kind: 'call', id, method, args, timeoutMs };
    }
    case messageKinds.notify: {
      const [, method, args] = message;
      if (!hasLength(message, 3, 3) || !isWhole(method) || !Array.isArray(args)) break;
      return { kind: 'notify', method, args };
    }
    case messageKinds.result: {
      const [, id, value] = message;
      if (!hasLength(message, 2, 3) || !isId(id)) break;
      return { kind: 'result', id, value };
    }
    case messageKinds.error: {
      const [, id, code, text, data] = message;
      if (!hasLength(message, 4, 5) || !isId(id) || !isCode(code) || typeof text !== 'string') break;
      return { kind: 'error', id, code, message: text, data };
    }
    case messageKinds.cancel: {
      const [, id] = message;
      if (!hasLength(message, 2, 2) || !isId(id)) break;
      return { kind: 'cancel', id };
    }
  }
  throw new SealwireError('PROTOCOL_ERROR', 'the peer sent a message of unknown kind or shape');
}

function hasLength(message: readonly unknown[], least: number, most: number): boolean {
  return message.length >= least && message.length <= most;
}

/** Call ids count from 1. */
function isId(value: unknown): value is number {
  return isWhole(value) && value > 0;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCode(value: unknown): value is string {
  return typeof value === 'string' && isErrorCode(value);
}
