// What a caller is told of arguments that were refused: which one, where in it, and why, in the words of the schema.
//
//   INVALID_ARGUMENT  Arena.login: argument 2 at address.street: Too small: expected string to have >=1 characters
//
// A schema's words and paths can hold what the caller has sent: they are cut, and made fit for logs. The values
// themselves are never added.

import { RpcError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type { SchemaIssue } from '../contract/standard-schema.js';

/** What is wrong with one place in the arguments. */
export interface ArgumentIssue {
  /** The argument's position, from 0; undefined where the schema speaks of all of them. */
  readonly argument: number | undefined;
  /** The way to it, inside the argument. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The arguments are not what the method takes; it has not run. `data` has the first few issues. */
export class InvalidArgument extends RpcError<{ readonly issues: readonly ArgumentIssue[] }> {
  constructor(method: string, issues: readonly ArgumentIssue[]) {
    super('INVALID_ARGUMENT', `${method}: ${describeIssues(issues)}`, { issues });
  }
}

/** Issues that are told of one call. */
export const maxIssues = 4;
const maxMessageLength = 200;
const maxPathLength = 8;
const maxKeyLength = 40;

/** An issue of the schema for `argument`; undefined: of the schema for all, whose paths begin with the position. */
export function readIssue({ message, path }: SchemaIssue, argument: number | undefined): ArgumentIssue {
  const keys = Array.isArray(path) ? path.slice(0, maxPathLength + 1).map(readKey) : [];
  const position = argument ?? (typeof keys[0] === 'number' ? keys.shift() : undefined);
  return {
    argument: position as number | undefined,
    path: keys.slice(0, maxPathLength),
    message: typeof message === 'string' ? shortened(message, maxMessageLength) : 'it is not valid',
  };
}

export function describeIssues(issues: readonly ArgumentIssue[]): string {
  return issues.map(describeIssue).join('; ');
}

function describeIssue({ argument, path, message }: ArgumentIssue): string {
  // Counted from 1: it stands in a sentence.
  const which = argument === undefined ? 'the arguments' : `argument ${argument + 1}`;
  return `${which}${path.length === 0 ? '' : ` at ${path.join('.')}`}: ${message}`;
}

function readKey(segment: unknown): string | number {
  const key: unknown =
    typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment;
  return typeof key === 'number' ? key : shortened(String(key), maxKeyLength);
}

function shortened(text: string, most: number): string {
  return printable(text.length > most ? `${text.slice(0, most)}…` : text);
}
