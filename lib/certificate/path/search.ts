// The search for a path: from the leaf upwards, every certificate that bears the issuer's name and made the signature
// is a way on, and all ways are tried, within the budgets, until one keeps every rule.
//
// What a path breaks is collected, not pruned, so that a refusal can say what is wrong with the path that came
// closest: "expired" where there is a way to a root, and "untrusted" only where there is none.

import { sameBytes } from '../../base/bytes.js';
import { describeName, sameName } from '../x509/distinguished-name.js';
import type { Certificate } from '../x509/x509.js';
import { isSelfIssued } from './profile.js';
import {
  issuedLeafViolations,
  issuerViolations,
  leafViolations,
  nameConstraintViolations,
  type PathRejectionReason,
  type PathRules,
  type Violation,
  violation,
} from './rules.js';
import type { SignatureChecks } from './signature-checks.js';

/** From the gravest: what is told first of a path that breaks several rules. */
const gravity: readonly PathRejectionReason[] = [
  'malformed',
  'weak-key',
  'constraint-violated',
  'wrong-purpose',
  'not-yet-valid',
  'expired',
  'name-mismatch',
  'untrusted',
];

/** A certificate that bears the name of an issuer, in one of the two roles that it may play above. */
interface Candidate {
  readonly issuer: Certificate;
  readonly role: 'intermediate' | 'root';
  readonly violations: readonly Violation[];
}

/** Where a path could not go on. */
interface DeadEnd {
  readonly path: readonly Certificate[];
  readonly candidates: readonly Candidate[];
}

export class PathSearch {
  readonly #rules: PathRules;
  readonly #roots: readonly Certificate[];
  readonly #intermediates: readonly Certificate[];
  readonly #signatures: SignatureChecks;
  /** What the path to a root that breaks the fewest rules so far breaks. */
  #closest: readonly Violation[] | undefined;
  /** Of the longest path so far that leads nowhere. */
  #deadEnd: DeadEnd | undefined;

  constructor(
    signatures: SignatureChecks,
    rules: PathRules,
    roots: readonly Certificate[],
    intermediates: readonly Certificate[],
  ) {
    this.#rules = rules;
    this.#roots = roots;
    this.#intermediates = intermediates;
    this.#signatures = signatures;
  }

  /** The path, leaf first; or what is wrong, where `unread` is what was found out about certificates left aside. */
  run(leaf: Certificate, unread: Violation | undefined): readonly Certificate[] | Violation {
    const violations = leafViolations(leaf, this.#rules);
    // A leaf that is itself among the roots is trusted as it stands: a self-signed certificate that was pinned.
    const pinned = this.#roots.some((root) => sameBytes(root.der, leaf.der));
    if (pinned && this.#arrive(violations)) return [leaf];
    const path = this.#extend([leaf], [...violations, ...issuedLeafViolations(leaf, this.#rules)]);
    if (path) return path;
    if (this.#closest) return gravest(this.#closest);
    return this.#signatures.obstacle ?? unread ?? describeDeadEnd(this.#deadEnd!);
  }

  /** Tries every way from the end of `path` to a root; undefined when none is without violations. */
  #extend(
    path: readonly Certificate[],
    violations: readonly Violation[],
  ): readonly Certificate[] | undefined {
    const last = path.at(-1)!;
    const candidates = this.#candidates(last, path);
    let ended = true;
    for (const { issuer, role, violations: more } of candidates) {
      if (!this.#signatures.verify(issuer, last)) continue;
      ended = false;
      const names = nameConstraintViolations(issuer, path, this.#rules);
      const found = [...violations, ...more, ...names];
      const whole = [...path, issuer];
      if (role === 'intermediate') {
        const complete = this.#extend(whole, found);
        if (complete) return complete;
      } else if (this.#arrive(found)) {
        return whole;
      }
    }
    if (ended && path.length > (this.#deadEnd?.path.length ?? 0)) this.#deadEnd = { path, candidates };
    return undefined;
  }

  /** At a root: whether this path is it. Otherwise it may be the one to tell about. */
  #arrive(violations: readonly Violation[]): boolean {
    if (this.#closest === undefined || violations.length < this.#closest.length) this.#closest = violations;
    return violations.length === 0;
  }

  /**
   * Who may have issued `child`, the likeliest first, since signatures are what costs: whose key identifier is the one
   * that `child` names (only a hint, §4.2.1.1), who breaks the fewest rules, and roots before intermediates.
   */
  #candidates(child: Certificate, path: readonly Certificate[]): Candidate[] {
    const named = (all: readonly Certificate[]): Certificate[] =>
      all.filter((issuer) => sameName(issuer.subject, child.issuer));
    const candidate = (issuer: Certificate, role: Candidate['role']): Candidate => ({
      issuer,
      role,
      violations: issuerViolations(issuer, role, path, this.#rules),
    });
    const candidates = [
      ...named(this.#roots).map((root) => candidate(root, 'root')),
      ...named(this.#intermediates)
        .filter((issuer) => !path.some((other) => sameAuthority(other, issuer)))
        .map((issuer) => candidate(issuer, 'intermediate')),
    ];
    return candidates.sort(
      (a, b) =>
        hintRank(a.issuer, child) - hintRank(b.issuer, child) || a.violations.length - b.violations.length,
    );
  }
}

/** 0 where the key identifiers say that it is the issuer, 2 where they say that it is not, 1 where they say nothing. */
function hintRank({ subjectKeyIdentifier }: Certificate, { authorityKeyIdentifier }: Certificate): number {
  if (subjectKeyIdentifier === undefined || authorityKeyIdentifier === undefined) return 1;
  return sameBytes(subjectKeyIdentifier, authorityKeyIdentifier) ? 0 : 2;
}

/** One CA under one name and key, whatever certificate it shows: a path through it twice leads nowhere new. */
function sameAuthority(a: Certificate, b: Certificate): boolean {
  return sameName(a.subject, b.subject) && sameBytes(a.publicKey.spki, b.publicKey.spki);
}

function gravest(violations: readonly Violation[]): Violation {
  return violations.reduce((a, b) => (gravity.indexOf(b.reason) < gravity.indexOf(a.reason) ? b : a));
}

function describeDeadEnd({ path, candidates }: DeadEnd): Violation {
  const last = path.at(-1)!;
  const issuer = describeName(last.issuer);
  if (candidates.length > 0) {
    return violation('untrusted', last, `it was not signed with the key of the ${issuer} that is known here`);
  }
  if (isSelfIssued(last)) return violation('untrusted', last, 'it is self-signed, and not among the roots');
  return violation('untrusted', last, `its issuer ${issuer} is neither among the roots nor in the chain`);
}
