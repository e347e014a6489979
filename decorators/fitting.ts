// Which methods fit the schemas of `params` and `result`: the compiler refuses the others. Nothing of it runs.

import type { ParamsSchema } from '../lib/contract/options.js';
import type { SchemaInput, SchemaOutput, StandardSchema } from '../lib/contract/standard-schema.js';

/** A method that takes what the schemas make, and returns what the result's accepts. `never`: there is no schema. */
export type Fitting<Params extends ParamsSchema, Result extends StandardSchema> = (
  ...args: Arguments<Params>
) => Returned<Result>;

/** `never[]` fits every method: of schemas whose types or number the compiler does not know, nothing is told. */
type Arguments<Params extends ParamsSchema> = [Params] extends [never]
  ? never[]
  : Params extends StandardSchema<unknown, readonly unknown[]>
    ? SchemaOutput<Params> extends infer Output extends readonly unknown[]
      ? unknown[] extends Output
        ? never[]
        : Output
      : never[]
    : Params extends readonly StandardSchema[]
      ? number extends Params['length']
        ? never[]
        : Each<Params>
      : never[];

type Each<Params extends readonly StandardSchema[]> = {
  [Index in keyof Params]: SchemaOutput<Params[Index]>;
};

/** The value, a promise of it, or a stream of such items. */
type Returned<Result extends StandardSchema> = [Result] extends [never]
  ? unknown
  : SchemaInput<Result> | PromiseLike<SchemaInput<Result>> | AsyncIterable<SchemaInput<Result>>;
