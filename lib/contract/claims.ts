// The option `claims` of @Rpc: what must be known of a caller, by the token or the credentials that it has shown.
//
//   { role: 'admin' }              the claim is that, or a list with that in it
//   { role: ['admin', 'referee'] } one of these will do
//   { role: 'admin', region: 3 }   both
//
// An identity without claims, such as a certificate's, satisfies none.

/** A text, a number or a boolean, or a list of which one will do. */
export type ClaimCondition = ClaimValue | readonly ClaimValue[];
export type ClaimValue = string | number | boolean;
export type RequiredClaims = Readonly<Record<string, ClaimCondition>>;

/** What is wrong with them, to stand behind the name of the option in a sentence; undefined when nothing is. */
export function requiredClaimsFault(claims: unknown): string | undefined {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    return "must be an object, as in { role: 'admin' }";
  const entries = Object.entries(claims);
  if (entries.length === 0) return 'asks for nothing: leave it out, or use requiresIdentity';
  for (const [name, condition] of entries) {
    const values: readonly unknown[] = Array.isArray(condition) ? condition : [condition];
    if (values.length === 0 || !values.every(isClaimValue))
      return `asks for ${name} in a way that no claim can be: use a string, a number, a boolean, or a list of them`;
  }
  return undefined;
}

/** A copy that nobody changes. */
export function frozenRequirement(claims: RequiredClaims): RequiredClaims {
  const entries = Object.entries(claims).map(([name, condition]) => [
    name,
    typeof condition === 'object' ? Object.freeze([...condition]) : condition,
  ]);
  return Object.freeze(Object.fromEntries(entries));
}

/** `claims` are what is known: a name means nothing but an own property of them. */
export function hasClaims(
  claims: Readonly<Record<string, unknown>> | undefined,
  required: RequiredClaims,
): boolean {
  if (claims === undefined) return false;
  return Object.entries(required).every(([name, condition]) => {
    if (!Object.hasOwn(claims, name)) return false;
    const known = claims[name];
    const has = (value: ClaimValue): boolean =>
      Array.isArray(known) ? known.includes(value) : known === value;
    return typeof condition === 'object' ? condition.some(has) : has(condition);
  });
}

function isClaimValue(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}
