// What can be sent: nil, booleans, numbers, 64-bit integers, text, bytes, arrays and plain objects, nested.
//
// Everything else is refused here, on the sender's side, with the path of the offender, because the other side could
// only end the connection (docs/protocol.md section 9). What passes is what msgpackr writes as plain MessagePack:
// class instances become plain objects, and what is `undefined` in an object is left out. Containers are copied only
// where something in them had to change. Accessors are read here and, in objects not copied, once more by msgpackr.

import { SealwireError } from '../base/errors.js';
import { forbiddenKeys, type PayloadLimits } from './payload-scan.js';

const leastInt64 = -(2n ** 63n);
const mostUint64 = 2n ** 64n - 1n;
/** ECMAScript 2024, six times as fast as the expression that stands in for it in older browsers. */
const isWellFormed = (String.prototype as { isWellFormed?: () => boolean }).isWellFormed;
const loneSurrogate = /\p{Surrogate}/u;
const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const shownKeyCharacters = 40;

/** What to send instead, by the name that Object.prototype.toString gives. */
const advice = new Map([
  ['Date', 'send a number or a string'],
  ['Map', 'send an array of pairs, or a plain object'],
  ['WeakMap', 'send an array of pairs, or a plain object'],
  ['Set', 'send an array'],
  ['WeakSet', 'send an array'],
  ['RegExp', 'send its source as a string'],
  ['Error', 'send its message, or throw an RpcError'],
  ['Promise', 'await it first'],
  ['ArrayBuffer', 'send new Uint8Array(buffer)'],
  ['SharedArrayBuffer', 'send a copy of its bytes in a Uint8Array'],
  ['Number', 'send the number itself'],
  ['String', 'send the string itself'],
  ['Boolean', 'send the boolean itself'],
  ['BigInt', 'send the bigint itself'],
  ['Symbol', 'send a string'],
]);

/** Why a value cannot be sent; gathers the path on its way out. */
class Unsendable {
  readonly path: (string | number)[] = [];

  constructor(
    public reason: string,
    /** Set when the depth ran out: an ancestor that is the same object makes it a cycle. */
    public readonly container?: object,
  ) {}
}

/** Values that may still be counted in this message. */
interface Budget {
  values: number;
}

/**
 * The message as msgpackr may write it. Throws INVALID_ARGUMENT, naming the path of what cannot be sent.
 * @param fields what the places of the message are called in that path.
 */
export function sendableMessage(
  message: readonly unknown[],
  limits: PayloadLimits,
  fields: readonly string[],
): readonly unknown[] {
  try {
    return sendableArray(message, 1, limits, { values: limits.maxValues - 1 });
  } catch (error) {
    if (!(error instanceof Unsendable)) throw error;
    throw new SealwireError('INVALID_ARGUMENT', `${describePath(error.path, fields)} ${error.reason}`);
  }
}

function sendable(value: unknown, depth: number, limits: PayloadLimits, budget: Budget): unknown {
  switch (typeof value) {
    case 'string':
      checkText(value);
      return value;
    case 'number':
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      if (value < leastInt64 || value > mostUint64) {
        throw new Unsendable('is a bigint that does not fit 64 bits; send a string');
      }
      return value;
    case 'object':
      return value === null ? null : sendableObject(value, depth, limits, budget);
    case 'function':
      throw new Unsendable('is a function; only data can be sent');
    default:
      throw new Unsendable('is a symbol; send a string');
  }
}

function sendableObject(value: object, depth: number, limits: PayloadLimits, budget: Budget): unknown {
  if (Array.isArray(value)) return sendableArray(value, depth + 1, limits, budget);
  // As msgpackr tells them apart. To ask for the prototype takes ten times as long.
  if (value.constructor === Object) return sendableFields(value, depth + 1, limits, budget, false);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return sendableFields(value, depth + 1, limits, budget, false);
  if (value instanceof Uint8Array) return value;
  const name = Object.prototype.toString.call(value).slice(8, -1);
  if (ArrayBuffer.isView(value)) {
    // Jest and frames have a Uint8Array of their own, which msgpackr would not know.
    if (name === 'Uint8Array') return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    throw new Unsendable(
      `is ${article(name)} ${name}; send its bytes as a Uint8Array, or an array of numbers`,
    );
  }
  refuseBuiltIn(value, name);
  return sendableFields(value, depth + 1, limits, budget, true);
}

function sendableArray(
  array: readonly unknown[],
  depth: number,
  limits: PayloadLimits,
  budget: Budget,
): readonly unknown[] {
  enter(array, array.length, depth, limits, budget);
  // A subclass of Array could be claimed by an extension that the application gave msgpackr.
  let copy: unknown[] | undefined = array.constructor === Array ? undefined : [];
  let index = 0;
  try {
    for (; index < array.length; index++) {
      const value = array[index];
      const sent = sendable(value, depth, limits, budget);
      if (copy) copy.push(sent);
      else if (typeof value === 'object' && sent !== value) {
        copy = array.slice(0, index);
        copy.push(sent);
      }
    }
  } catch (error) {
    throw located(error, array, index);
  }
  return copy ?? array;
}

function sendableFields(
  object: object,
  depth: number,
  limits: PayloadLimits,
  budget: Budget,
  copied: boolean,
): object {
  const fields = object as Record<string, unknown>;
  const keys = Object.keys(fields);
  enter(object, 2 * keys.length, depth, limits, budget);
  let copy: Record<string, unknown> | undefined = copied ? {} : undefined;
  let index = 0;
  try {
    for (; index < keys.length; index++) {
      const key = keys[index]!;
      const value = fields[key];
      checkText(key);
      if (forbiddenKeys.includes(key)) throw new Unsendable('is a key that cannot be sent; rename it');
      const sent = sendable(value, depth, limits, budget);
      if (!copy && (value === undefined || (typeof value === 'object' && sent !== value))) {
        copy = {};
        for (const earlier of keys.slice(0, index)) copy[earlier] = fields[earlier];
      }
      if (copy && value !== undefined) copy[key] = sent;
    }
  } catch (error) {
    throw located(error, object, keys[index]!);
  }
  return copy ?? object;
}

/** Depth and number are looked at before the values are. */
function enter(
  container: object,
  values: number,
  depth: number,
  limits: PayloadLimits,
  budget: Budget,
): void {
  if (depth > limits.maxDepth) {
    throw new Unsendable(`is nested deeper than ${limits.maxDepth} levels; send a flatter value`, container);
  }
  budget.values -= values;
  if (budget.values < 0) {
    throw new Unsendable(`brings the message past ${limits.maxValues} values; send it in parts, or as bytes`);
  }
}

/** Refuses objects of the platform, whose content does not stand in their own properties. */
function refuseBuiltIn(value: object, name: string): void {
  // A class may call itself what it likes (Symbol.toStringTag): if it shows its fields, it is sent with them.
  if (name === 'Object' || (!advice.has(name) && Object.keys(value).length > 0)) return;
  throw new Unsendable(
    `is ${article(name)} ${name}; ` +
      (advice.get(name) ?? 'send what matters of it as a string, a number or a plain object'),
  );
}

function article(name: string): string {
  return /^[AEIO]/.test(name) ? 'an' : 'a';
}

function checkText(text: string): void {
  if (isWellFormed ? !isWellFormed.call(text) : loneSurrogate.test(text)) {
    throw new Unsendable('is not well-formed text (it holds half of a surrogate pair); use toWellFormed()');
  }
  if (text.charCodeAt(0) === 0xfeff) {
    throw new Unsendable('starts with a byte order mark (U+FEFF); remove it, or send the text as bytes');
  }
}

function located(error: unknown, container: object, step: string | number): unknown {
  if (!(error instanceof Unsendable)) return error;
  if (error.container === container) {
    // The depth ran out in a container that this one is: what was gathered of the path is the way round.
    error.path.length = 0;
    error.reason = 'contains itself; only trees can be sent';
    return error;
  }
  error.path.unshift(step);
  return error;
}

function describePath(path: readonly (string | number)[], fields: readonly string[]): string {
  const [place, ...steps] = path;
  let text = place === undefined ? 'message' : (fields[place as number] ?? `message[${place}]`);
  for (const step of steps) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (step.length <= shownKeyCharacters && identifier.test(step)) text += `.${step}`;
    else text += `[${JSON.stringify(step.slice(0, shownKeyCharacters))}]`;
  }
  return text;
}
