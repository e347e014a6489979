// The two assertions of the type tests. Nothing in this folder is run: `tsc` is the test. A line below
// `@ts-expect-error` must be an error, and an expectation must hold, or the build fails.

/** `true` when the two types are the same, down to modifiers; `any` is the same as `any` only. */
export type Equal<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;

/** `expectType<Equal<A, B>>(true)` compiles when A is B. */
export function expectType<Verdict extends boolean>(verdict: Verdict): Verdict {
  return verdict;
}
