// Arguments before the method, and its result behind it, held to what the method declares:
//
//   1. params, a schema of all arguments or one of each   → what the schemas make of them, or INVALID_ARGUMENT
//      without: not more than it takes, and primitive types where the compiler left them
//   2. the method
//   3. result, of streams each item                       → what the schema makes of it, or INTERNAL: our own fault
//
// Where no schema takes its time, nothing here does: the method runs in the turn, and in the context, of its call. A
// schema that never answers is like a method that never answers: the call has its deadline. What a schema throws is
// treated as if the method had thrown it.

import { SealwireError } from '../base/errors.js';
import type { RpcMetadata } from '../contract/metadata.js';
import type { ParameterType } from '../contract/parameters.js';
import type { SchemaIssue, StandardSchema } from '../contract/standard-schema.js';
import { callContext, runInContext } from './call-context.js';
import {
  type ArgumentIssue,
  describeIssues,
  InvalidArgument,
  maxIssues,
  readIssue,
} from './invalid-argument.js';
import { isThenable } from './thenable.js';

/** What is declared of a method. */
export interface Validated {
  /** `Arena.move` */
  readonly fullName: string;
  readonly metadata: Pick<RpcMetadata, 'params' | 'result' | 'parameters'>;
}

type Later<Value> = Value | Promise<Value>;

/**
 * Runs a method, in the context of its call, with arguments that it declares to take. Throws, or rejects with,
 * {@link InvalidArgument} for others. Where a schema takes its time, the method begins later, in the same context, unless
 * the call is over by then.
 */
export function runValidated(
  method: Validated,
  args: readonly unknown[],
  run: (args: readonly unknown[]) => unknown,
): unknown {
  const checked = validateArguments(method, args);
  if (!(checked instanceof Promise)) return checkedResult(method, run(checked));
  const context = callContext();
  return checked.then((later) => {
    context.signal.throwIfAborted();
    return runInContext(context, () => checkedResult(method, run(later)));
  });
}

/** The arguments as the method gets them. Throws, or rejects with, {@link InvalidArgument}. */
export function validateArguments(method: Validated, args: readonly unknown[]): Later<readonly unknown[]> {
  const { params, parameters } = method.metadata;
  if (params === undefined) {
    const issue = findCountIssue(args, parameters.most) ?? findTypeIssue(method, args);
    if (issue !== undefined) throw new InvalidArgument(method.fullName, [issue]);
    return args;
  }
  return isList(params) ? validateEach(method, params, args) : validateAll(method, params, args);
}

/** A result, or an item, as the caller gets it. Throws, or rejects with, INTERNAL when it breaks its schema. */
export function validateResult({ fullName, metadata }: Validated, value: unknown): Later<unknown> {
  const { result: schema } = metadata;
  if (schema === undefined) return value;
  return after(ask(schema, value, `the result schema of ${fullName}`), (verdict) => {
    if (verdict.issues === undefined) return verdict.value;
    const why = describeIssues(verdict.issues.map((issue) => readIssue(issue, undefined)));
    throw new SealwireError('INTERNAL', `${fullName} returned what its result schema refuses: ${why}`);
  });
}

/** Too many alone: TypeScript's `height?` leaves no trace in the function, so fewer may be what its author meant. */
function findCountIssue(args: readonly unknown[], most: number | undefined): ArgumentIssue | undefined {
  if (most === undefined || args.length <= most) return undefined;
  return { argument: undefined, path: [], message: `the method takes ${most}, got ${args.length}` };
}

function findTypeIssue({ metadata }: Validated, args: readonly unknown[]): ArgumentIssue | undefined {
  const { least, types } = metadata.parameters;
  for (let argument = 0; argument < Math.min(types.length, args.length); argument++) {
    const type = types[argument];
    const value = args[argument];
    // Behind the first default value, null is what undefined has become on its way.
    const isLeftOut = argument >= least && (value === null || value === undefined);
    if (!isLeftOut && !isOfType(value, type)) return { argument, path: [], message: `expected ${type}` };
  }
  return undefined;
}

function isOfType(value: unknown, type: ParameterType): boolean {
  switch (type) {
    case 'a string':
      return typeof value === 'string';
    case 'a number':
      return typeof value === 'number';
    case 'a boolean':
      return typeof value === 'boolean';
    case 'bytes':
      return value instanceof Uint8Array;
    case 'an array':
      return Array.isArray(value);
    case undefined:
      return true;
  }
}

function validateAll(
  { fullName }: Validated,
  schema: StandardSchema,
  args: readonly unknown[],
): Later<readonly unknown[]> {
  const what = `the params schema of ${fullName}`;
  return after(ask(schema, args, what), (verdict) => {
    if (verdict.issues !== undefined) {
      throw new InvalidArgument(
        fullName,
        verdict.issues.map((issue) => readIssue(issue, undefined)),
      );
    }
    if (!Array.isArray(verdict.value)) throw new SealwireError('INTERNAL', `${what} made no array`);
    return verdict.value;
  });
}

function validateEach(
  method: Validated,
  schemas: readonly StandardSchema[],
  args: readonly unknown[],
): Later<readonly unknown[]> {
  const issue = findCountIssue(args, schemas.length);
  if (issue !== undefined) throw new InvalidArgument(method.fullName, [issue]);
  return validateFrom(0, [], []);

  // One after the other, so that a promise is never left alone when the schema behind it throws.
  function validateFrom(
    first: number,
    values: unknown[],
    issues: ArgumentIssue[],
  ): Later<readonly unknown[]> {
    for (let argument = first; argument < schemas.length && issues.length < maxIssues; argument++) {
      const what = `the params schema of argument ${argument + 1} of ${method.fullName}`;
      const verdict = ask(schemas[argument]!, args[argument], what);
      if (verdict instanceof Promise) {
        return verdict.then((later) => {
          take(later, argument, values, issues);
          return validateFrom(argument + 1, values, issues);
        });
      }
      take(verdict, argument, values, issues);
    }
    if (issues.length > 0) throw new InvalidArgument(method.fullName, issues);
    return values;
  }
}

function take(verdict: Verdict, argument: number, values: unknown[], issues: ArgumentIssue[]): void {
  if (verdict.issues === undefined) values.push(verdict.value);
  else
    issues.push(
      ...verdict.issues.slice(0, maxIssues - issues.length).map((issue) => readIssue(issue, argument)),
    );
}

/** What a schema said, once it is known to have said something; at most {@link maxIssues} issues. */
type Verdict =
  | { readonly issues: readonly SchemaIssue[]; readonly value?: undefined }
  | { readonly issues: undefined; readonly value: unknown };

function ask(schema: StandardSchema, value: unknown, what: string): Later<Verdict> {
  const said: unknown = schema['~standard'].validate(value);
  if (!isThenable(said)) return readVerdict(said, what);
  return Promise.resolve(said).then((later: unknown) => readVerdict(later, what));
}

/** Throws INTERNAL for what is no answer of a Standard Schema. */
function readVerdict(said: unknown, what: string): Verdict {
  if (typeof said === 'object' && said !== null) {
    const { issues, value } = said as { readonly issues?: unknown; readonly value?: unknown };
    if (Array.isArray(issues)) {
      // By the specification that they are there says no, and not how many.
      const told: unknown[] = issues.length === 0 ? [undefined] : issues.slice(0, maxIssues);
      return { issues: told.map(readRawIssue) };
    }
    if ((issues === undefined || issues === null) && 'value' in said) return { issues: undefined, value };
  }
  throw new SealwireError('INTERNAL', `${what} gave neither a value nor issues`);
}

function readRawIssue(issue: unknown): SchemaIssue {
  return typeof issue === 'object' && issue !== null
    ? (issue as SchemaIssue)
    : { message: 'it is not valid' };
}

function checkedResult(method: Validated, returned: unknown): unknown {
  if (method.metadata.result === undefined) return returned;
  if (isThenable(returned)) return Promise.resolve(returned).then((value) => checkedResult(method, value));
  return isAsyncIterable(returned) ? checkedItems(method, returned) : validateResult(method, returned);
}

/** The same stream, each item of it checked; an item that breaks the schema ends it, on both sides. */
function checkedItems(method: Validated, stream: AsyncIterable<unknown>): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const items = stream[Symbol.asyncIterator]();
      const leave = async () => {
        await items.return?.();
        return { done: true as const, value: undefined };
      };
      return {
        // Begins in this turn: so a generator finds the context of its call.
        next: () => checkedStep(method, items.next(), leave),
        return: leave,
      };
    },
  };
}

async function checkedStep(
  method: Validated,
  next: Promise<IteratorResult<unknown>>,
  leave: () => Promise<unknown>,
): Promise<IteratorResult<unknown>> {
  const step = await next;
  if (step.done) return step;
  try {
    return { done: false, value: await validateResult(method, step.value) };
  } catch (error) {
    // What its `finally` throws comes second: the item is why it ends.
    await leave().catch(() => undefined);
    throw error;
  }
}

function after<Value, Result>(value: Later<Value>, then: (value: Value) => Result): Later<Result> {
  return value instanceof Promise ? value.then(then) : then(value);
}

function isList(params: StandardSchema | readonly StandardSchema[]): params is readonly StandardSchema[] {
  return Array.isArray(params);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
