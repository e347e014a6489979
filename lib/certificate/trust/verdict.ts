// What the answer of a validator means: the one place that decides it, for the handshake and for compositions alike.
//
//   true, or a promise of true   accepts
//   anything else                refuses: truthy values, boxed booleans, functions, nothing at all
//
// MLAPI inverted this answer: it turned valid certificates away, let invalid ones in, and inverted its users' own
// delegates with them.

/**
 * Whether `answer` accepts; a promise where it is one. A promise is what `await` takes for one, with a `then` that is
 * read once, so that a validator means the same whether it is an async function or not. Passes on what a hostile `then`
 * throws when it is read, and rejects as the promise does.
 */
export function verdictOf(answer: unknown): boolean | Promise<boolean> {
  const then = (answer as { then?: unknown } | null | undefined)?.then;
  if (typeof then !== 'function') return answer === true;
  return new Promise((resolve, reject) => then.call(answer, resolve, reject)).then(
    (settled) => settled === true,
  );
}
