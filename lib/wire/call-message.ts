// The messages of calls: docs/protocol.md section 9. Each is a MessagePack array that begins with its kind.
//
//   call [0, id, method, args, timeoutMs, metadata, streamArgument, channel]   notify [1, method, args, metadata]
//   result [2, id, value]   error [3, id, code, message, data]   cancel [4, id]
//   item [5, id, value]     end [6, id]                          credit [7, id, bytes]            of a result stream
//   argumentItem [8, id, value]   argumentEnd [9, id] or [9, id, code, message, data]            of an argument stream
//   argumentCredit [10, id, bytes]   argumentStop [11, id]
//   ping [12, id]           pong [13, id]
//
// Shapes are checked here, meanings above. A message of another shape throws PROTOCOL_ERROR. The arguments of a call become
// values when they are asked for, and not before: whoever does not run a call does not pay for them.

import { isChannelName } from '../base/channel-name.js';
import { isErrorCode, SealwireError } from '../base/errors.js';
import { type Metadata, metadataFault } from './call-metadata.js';
import { encodeMessage, type PackedMessage, type PayloadLimits, readMessages } from './payload.js';

export const messageKinds = {
  call: 0,
  notify: 1,
  result: 2,
  error: 3,
  cancel: 4,
  item: 5,
  end: 6,
  credit: 7,
  argumentItem: 8,
  argumentEnd: 9,
  argumentCredit: 10,
  argumentStop: 11,
  ping: 12,
  pong: 13,
} as const;

/** What the sender of a stream may send before it hears from the receiver, in bytes of encoded items. */
export const streamWindowBytes: number = 256 * 1024;

/** The fields of a call that are mostly left out. */
export interface CallExtras {
  readonly metadata?: Metadata | undefined;
  /** The place in the arguments, nil there, of what is streamed behind the call. */
  readonly streamArgument?: number | undefined;
  /** The channel that the answer goes on; left out for the default one. */
  readonly channel?: string | undefined;
}

export interface CallFields extends CallExtras {
  readonly id: number;
  readonly method: number;
  /** Of a message that came: decoded each time that it is read, so read once, and within the turn in which it came. */
  readonly args: readonly unknown[];
  readonly timeoutMs: number;
  /** Length of a message that came. */
  readonly bytes?: number;
}

export interface NotifyFields {
  readonly method: number;
  /** See {@link CallFields.args}. */
  readonly args: readonly unknown[];
  readonly metadata?: Metadata | undefined;
  /** Length of a message that came. */
  readonly bytes?: number;
}

/** How a call, or the stream that is its argument, failed on the other side. */
export interface ErrorFields {
  readonly code: string;
  readonly message: string;
  readonly data: unknown;
}

export type CallMessage =
  | (CallFields & { readonly kind: 'call' })
  | (NotifyFields & { readonly kind: 'notify' })
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | ({ readonly kind: 'error'; readonly id: number } & ErrorFields)
  | { readonly kind: 'cancel' | 'end' | 'argumentStop' | 'ping' | 'pong'; readonly id: number }
  | {
      readonly kind: 'item' | 'argumentItem';
      readonly id: number;
      readonly value: unknown;
      /** Of the encoded message: what credit counts. */
      readonly bytes: number;
    }
  | { readonly kind: 'argumentEnd'; readonly id: number; readonly error: ErrorFields | undefined }
  | { readonly kind: 'credit' | 'argumentCredit'; readonly id: number; readonly bytes: number };

const callFields = ['kind', 'id', 'method', 'argument', 'timeoutMs', 'metadata'];
const notifyFields = ['kind', 'method', 'argument', 'metadata'];
const resultFields = ['kind', 'id', 'result'];
const itemFields = ['kind', 'id', 'item'];
const errorFields = ['kind', 'id', 'code', 'message', 'data'];

/** `timeoutMs` is a whole number of milliseconds, 0 for none. Throws INVALID_ARGUMENT for what cannot be sent. */
export function encodeCall(
  id: number,
  method: number,
  args: readonly unknown[],
  timeoutMs: number,
  limits: PayloadLimits,
  extras?: CallExtras,
): Uint8Array {
  const fields: unknown[] = [messageKinds.call, id, method, args, timeoutMs];
  if (extras !== undefined) {
    const { metadata, streamArgument, channel } = extras;
    refuseBadMetadata(metadata);
    fields.push(metadata, streamArgument, channel);
    while (fields.at(-1) === undefined) fields.pop();
  }
  return encodeMessage(fields, limits, callFields);
}

export function encodeNotify(
  method: number,
  args: readonly unknown[],
  limits: PayloadLimits,
  metadata?: Metadata,
): Uint8Array {
  refuseBadMetadata(metadata);
  const fields = [messageKinds.notify, method, args];
  return encodeMessage(withOptional(fields, metadata), limits, notifyFields);
}

export function encodeResult(id: number, value: unknown, limits: PayloadLimits): Uint8Array {
  // Not by push(), which makes room for a dozen more: one of these goes out for each call.
  const fields = value === undefined ? [messageKinds.result, id] : [messageKinds.result, id, value];
  return encodeMessage(fields, limits, resultFields);
}

export function encodeError(
  id: number,
  code: string,
  message: string,
  data: unknown,
  limits: PayloadLimits,
): Uint8Array {
  const fields = [messageKinds.error, id, code, message];
  return encodeMessage(withOptional(fields, data), limits, errorFields);
}

export function encodeCancel(id: number): Uint8Array {
  return encodeMessage([messageKinds.cancel, id]);
}

/** An item of a result stream, or of an argument stream. */
export function encodeItem(
  kind: 'item' | 'argumentItem',
  id: number,
  value: unknown,
  limits: PayloadLimits,
): Uint8Array {
  return encodeMessage(withOptional([messageKinds[kind], id], value), limits, itemFields);
}

export function encodeEnd(id: number): Uint8Array {
  return encodeMessage([messageKinds.end, id]);
}

export function encodeArgumentEnd(
  id: number,
  error: ErrorFields | undefined,
  limits: PayloadLimits,
): Uint8Array {
  if (error === undefined) return encodeMessage([messageKinds.argumentEnd, id]);
  const { code, message, data } = error;
  const fields = [messageKinds.argumentEnd, id, code, message];
  return encodeMessage(withOptional(fields, data), limits, errorFields);
}

/** Gives the sender of a stream so many bytes back, 1 or more. */
export function encodeCredit(kind: 'credit' | 'argumentCredit', id: number, bytes: number): Uint8Array {
  return encodeMessage([messageKinds[kind], id, bytes]);
}

export function encodeArgumentStop(id: number): Uint8Array {
  return encodeMessage([messageKinds.argumentStop, id]);
}

/** Asks the peer for a sign of life; `id` is for its pong. */
export function encodePing(id: number): Uint8Array {
  return encodeMessage([messageKinds.ping, id]);
}

export function encodePong(id: number): Uint8Array {
  return encodeMessage([messageKinds.pong, id]);
}

/** The last field is left out where it is undefined. */
function withOptional(fields: unknown[], last: unknown): unknown[] {
  if (last !== undefined) fields.push(last);
  return fields;
}

function refuseBadMetadata(metadata: Metadata | undefined): void {
  const fault = metadata === undefined ? undefined : metadataFault(metadata);
  if (fault !== undefined) throw new SealwireError('INVALID_ARGUMENT', `the metadata ${fault}`);
}

/**
 * All messages of a body, or PROTOCOL_ERROR: when one of them is wrong, none is acted upon. The arguments of calls are read
 * from the body later; what could be wrong with them has been looked for by then.
 */
export function decodeCallMessages(body: Uint8Array, limits: PayloadLimits): CallMessage[] {
  return readMessages(body, limits).map(readCallMessage);
}

function readCallMessage(packed: PackedMessage): CallMessage {
  const message = readKnown(packed);
  if (message !== undefined) return message;
  throw new SealwireError('PROTOCOL_ERROR', 'the peer sent a message of unknown kind or shape');
}

function readKnown(packed: PackedMessage): CallMessage | undefined {
  switch (packed.field(0)) {
    case messageKinds.call:
      return readCall(packed);
    case messageKinds.notify:
      return readNotify(packed);
    case messageKinds.result:
      return readResult(packed);
    default:
      return readUnpacked(packed.unpack(), packed.byteLength);
  }
}

/** A message that carries no arguments. */
function readUnpacked(message: readonly unknown[], bytes: number): CallMessage | undefined {
  const [kind, id] = message;
  if (!isId(id)) return undefined;
  switch (kind) {
    case messageKinds.error: {
      const error = readError(message);
      return error && { kind: 'error', id, ...error };
    }
    case messageKinds.cancel:
      return hasLength(message, 2, 2) ? { kind: 'cancel', id } : undefined;
    case messageKinds.item:
      return hasLength(message, 2, 3) ? { kind: 'item', id, value: message[2], bytes } : undefined;
    case messageKinds.end:
      return hasLength(message, 2, 2) ? { kind: 'end', id } : undefined;
    case messageKinds.credit:
      return readCredit('credit', id, message);
    case messageKinds.argumentItem:
      return hasLength(message, 2, 3) ? { kind: 'argumentItem', id, value: message[2], bytes } : undefined;
    case messageKinds.argumentEnd: {
      if (message.length === 2) return { kind: 'argumentEnd', id, error: undefined };
      const error = readError(message);
      return error && { kind: 'argumentEnd', id, error };
    }
    case messageKinds.argumentCredit:
      return readCredit('argumentCredit', id, message);
    case messageKinds.argumentStop:
      return hasLength(message, 2, 2) ? { kind: 'argumentStop', id } : undefined;
    case messageKinds.ping:
      return hasLength(message, 2, 2) ? { kind: 'ping', id } : undefined;
    case messageKinds.pong:
      return hasLength(message, 2, 2) ? { kind: 'pong', id } : undefined;
    default:
      return undefined;
  }
}

const argsField = 3;
const notifyArgsField = 2;

class ReceivedCall implements CallFields {
  readonly kind = 'call';
  readonly id: number;
  readonly method: number;
  readonly timeoutMs: number;
  readonly metadata: Metadata | undefined;
  readonly streamArgument: number | undefined;
  readonly channel: string | undefined;
  readonly #packed: PackedMessage;

  constructor(
    packed: PackedMessage,
    id: number,
    method: number,
    timeoutMs: number,
    metadata: Metadata | undefined,
    streamArgument: number | undefined,
    channel: string | undefined,
  ) {
    this.id = id;
    this.method = method;
    this.timeoutMs = timeoutMs;
    this.metadata = metadata;
    this.streamArgument = streamArgument;
    this.channel = channel;
    this.#packed = packed;
  }

  get args(): unknown[] {
    return this.#packed.field(argsField) as unknown[];
  }

  get bytes(): number {
    return this.#packed.byteLength;
  }
}

class ReceivedNotify implements NotifyFields {
  readonly kind = 'notify';
  readonly method: number;
  readonly metadata: Metadata | undefined;
  readonly #packed: PackedMessage;

  constructor(packed: PackedMessage, method: number, metadata: Metadata | undefined) {
    this.method = method;
    this.metadata = metadata;
    this.#packed = packed;
  }

  get args(): unknown[] {
    return this.#packed.field(notifyArgsField) as unknown[];
  }

  get bytes(): number {
    return this.#packed.byteLength;
  }
}

function readCall(packed: PackedMessage): CallMessage | undefined {
  if (!hasLength(packed, 4, 8) || !packed.isArray(argsField)) return undefined;
  const id = packed.field(1);
  const method = packed.field(2);
  const timeoutMs = packed.length > 4 ? packed.field(4) : 0;
  if (!isId(id) || !isWhole(method) || !isWhole(timeoutMs)) return undefined;
  // nil stands for a field that is left out in front of one that is not.
  const metadata = packed.field(5) ?? undefined;
  const streamArgument = packed.field(6) ?? undefined;
  const channel = packed.field(7) ?? undefined;
  if (metadata !== undefined && !isMetadata(metadata)) return undefined;
  if (streamArgument !== undefined && !(isWhole(streamArgument) && packed.hasNil(argsField, streamArgument)))
    return undefined;
  if (channel !== undefined && !isChannelName(channel)) return undefined;
  return new ReceivedCall(packed, id, method, timeoutMs, metadata, streamArgument, channel);
}

function readResult(packed: PackedMessage): CallMessage | undefined {
  const id = packed.field(1);
  return hasLength(packed, 2, 3) && isId(id) ? { kind: 'result', id, value: packed.field(2) } : undefined;
}

function readNotify(packed: PackedMessage): CallMessage | undefined {
  if (!hasLength(packed, 3, 4) || !packed.isArray(notifyArgsField)) return undefined;
  const method = packed.field(1);
  const metadata = packed.field(3) ?? undefined;
  if (!isWhole(method) || (metadata !== undefined && !isMetadata(metadata))) return undefined;
  return new ReceivedNotify(packed, method, metadata);
}

/** Of `[kind, id, code, message, data]`. */
function readError(message: readonly unknown[]): ErrorFields | undefined {
  const [, , code, text, data] = message;
  if (!hasLength(message, 4, 5) || !isCode(code) || typeof text !== 'string') return undefined;
  return { code, message: text, data };
}

function readCredit(
  kind: 'credit' | 'argumentCredit',
  id: number,
  message: readonly unknown[],
): CallMessage | undefined {
  const [, , bytes] = message;
  if (!hasLength(message, 3, 3) || !isId(bytes)) return undefined;
  return { kind, id, bytes };
}

function hasLength(message: { readonly length: number }, least: number, most: number): boolean {
  return message.length >= least && message.length <= most;
}

/** Call ids count from 1. */
function isId(value: unknown): value is number {
  return isWhole(value) && value > 0;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isMetadata(value: unknown): value is Metadata {
  return metadataFault(value) === undefined;
}

function isCode(value: unknown): value is string {
  return typeof value === 'string' && isErrorCode(value);
}
