// What a method returned, or a schema said, may be there at once or come later: whatever has a then() is waited for, as `await`
// does it, whichever library it is of.

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof (value as PromiseLike<unknown>).then === 'function';
}
