// What can be known of a method's parameters where it names no schema: how many there are, from the function itself, and
// what the primitive ones are, where TypeScript left it (`design:paramtypes`: legacy decorators, emitDecoratorMetadata).
//
// `length` counts the parameters in front of the first default and of a rest parameter: fewer arguments than that are
// too few. More than that may be meant for defaults or a rest; only a list of plain names, in a function that does not
// speak of `arguments`, is known to be whole. Nothing is refused that the method could have used.

/** The parameters of a method, as far as they are known. */
export interface Parameters {
  readonly least: number;
  /** Undefined: not known, or without end. */
  readonly most: number | undefined;
  /** By position; it may be shorter than the arguments. */
  readonly types: readonly ParameterType[];
}

export type ParameterType = 'a string' | 'a number' | 'a boolean' | 'bytes' | 'an array' | undefined;

const known = new Map<unknown, ParameterType>([
  [String, 'a string'],
  [Number, 'a number'],
  [Boolean, 'a boolean'],
  [Uint8Array, 'bytes'],
  [Array, 'an array'],
]);

/**
 * `name(a, b) {`, `async name(a) {`, `async *name() {`, `function (a) {`: plain names between the first parentheses. A
 * default, a rest, a pattern, a comment or a computed name has a character that does not fit.
 */
const plainList =
  /^(?:async\b\s*)?(?:function\b\s*)?\*?\s*[\p{ID_Continue}$]*\s*\([\p{ID_Continue}$\s,]*\)\s*\{/u;

/** `designTypes` is the compiler's `design:paramtypes`, whatever it is. */
export function readParameters(method: (...args: never[]) => unknown, designTypes: unknown): Parameters {
  const types = Array.isArray(designTypes)
    ? designTypes.map((type: unknown): ParameterType => known.get(type))
    : [];
  return { least: method.length, most: mostArguments(method), types };
}

function mostArguments(method: (...args: never[]) => unknown): number | undefined {
  const source = Function.prototype.toString.call(method);
  if (!plainList.test(source)) return undefined;
  // Native and bound functions show no parameters; eval, too, can speak of arguments.
  if (/\barguments\b|\beval\b|\[native code\]/.test(source)) return undefined;
  return method.length;
}
