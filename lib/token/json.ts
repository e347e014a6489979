// What may stand in a token: JSON that comes back as it was given. A Date would come back as text, a Map as nothing: such
// things are refused where they are given, and not noticed on the next server.

import { SealwireError } from '../base/errors.js';

/** JSON, as it is after a round trip. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Claims = Readonly<Record<string, Json>>;

const maxDepth = 16;

/** A frozen copy; throws INVALID_ARGUMENT for what is no JSON. `what` names it in the message. */
export function frozenJson(value: unknown, what: string): Json {
  return copied(value, what, 0);
}

/** The same of an object, `{ role: 'admin' }`. */
export function frozenClaims(value: unknown): Claims {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unfit('claims');
  return copied(value, 'claims', 0) as Claims;
}

function copied(value: unknown, path: string, depth: number): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value !== 'object' || depth === maxDepth) throw unfit(path);
  if (Array.isArray(value)) {
    return Object.freeze(Array.from(value, (item, index) => copied(item, `${path}[${index}]`, depth + 1)));
  }
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value))) throw unfit(path);
  // Entries are defined, not assigned: a key may be __proto__.
  return Object.freeze(
    Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, copied(item, `${path}.${key}`, depth + 1)]),
    ),
  );
}

function unfit(path: string): SealwireError {
  return new SealwireError('INVALID_ARGUMENT', `${path} cannot stand in a token: use JSON`);
}
