// Standard Schema, version 1 (standardschema.dev): what zod, valibot, ArkType and others agree on, so that a method
// can name a validator without Sealwire depending on one. The interface is the specification's, cut down to what is used.
//
//   schema['~standard'].validate(value)  →  { value }  or  { issues: [{ message, path? }, …] }, now or as a promise

/** A validator of zod, valibot, ArkType or any other library that follows Standard Schema. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    /** The library's name. */
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Never there when the program runs: it carries the types. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a value must be for the schema to accept it. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input'];

/** What the schema makes of it: with defaults filled in and transforms applied. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** Whether it has the shape that the specification asks for. Some libraries' schemas are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = (value as Partial<StandardSchema>)['~standard'];
  if (typeof standard !== 'object' || standard === null) return false;
  const { version, validate } = standard as { readonly version?: unknown; readonly validate?: unknown };
  return version === 1 && typeof validate === 'function';
}
