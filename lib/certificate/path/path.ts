// Certification paths (RFC 5280 §6.1): from a leaf, through intermediates that anyone may have sent, to a root.
//
//   leaf ── issuer? ──▸ intermediate ── issuer? ──▸ … ── issuer? ──▸ root (trusted: its name and key are given)
//
// 1. From the leaf upwards, each certificate that bears the issuer's name and whose key verifies the signature is a
//    way on, roots first; all ways are tried, within a budget, and no certificate comes twice.
// 2. What a path breaks is collected, not pruned, so that a refusal can say what is wrong with the path that came
//    closest: "expired" where there is a way to a root, and "untrusted" only where there is none.
//
// No revocation and no policies: critical extensions that ask for them refuse the path.

import { sameBytes } from '../../base/bytes.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { keyWeakness, signatureAlgorithm } from '../x509/algorithm.js';
import { sameName } from '../x509/distinguished-name.js';
import { type Certificate, parseCertificate } from '../x509/x509.js';
import {
  issuerViolations,
  leafViolations,
  type PathRejectionReason,
  type PathRules,
  type Violation,
  violation,
} from './rules.js';

export type { CertificateRejectionReason, PathRejectionReason } from './rules.js';

export interface ChainValidation {
  /** Verifies the signatures. */
  readonly crypto: CryptoProvider;
  /** DER, or read already; as for the others. */
  readonly leaf: Certificate | Uint8Array;
  /** In any order, needed or not; at most 16. Those that cannot be read are left out. */
  readonly intermediates: readonly (Certificate | Uint8Array)[];
  /** Whom to trust. All of them must be readable. */
  readonly roots: readonly (Certificate | Uint8Array)[];
  /** The name or IP address that the leaf must be for; not looked at where it is left out. */
  readonly hostname?: string | undefined;
  readonly time: Date;
  /** Whether the leaf stands for a server or for a client. */
  readonly purpose: 'server' | 'client';
}

export type ValidationResult =
  | {
      readonly ok: true;
      /** Leaf first, root last. */
      readonly path: readonly Certificate[];
    }
  | {
      readonly ok: false;
      readonly reason: PathRejectionReason;
      /** For a log: one sentence with the certificate and what is wrong with it. */
      readonly detail: string;
    };

const maxIntermediates = 16;
/**
 * An honest chain takes one check per certificate; each costs up to 14 ms without node:crypto. Every check is made
 * once, so this bounds the paths too: cross-signed CAs could make exponentially many.
 */
const maxSignatureChecks = 20;
/** Names times constraints, over all paths: a few milliseconds. */
const maxNameComparisons = 250_000;

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

/** Whether there is a path from the leaf to a root. Never throws on bad input: what cannot be read is `malformed`. */
export function validateCertificateChain(validation: ChainValidation): ValidationResult {
  const { time, hostname, purpose } = validation;
  if (!Number.isFinite(time.getTime())) return refuse('malformed', 'the time of validation is not a time');
  const leaf = read(validation.leaf);
  if (leaf instanceof SealwireError) return refuse('malformed', `the leaf cannot be read: ${leaf.message}`);
  const roots: Certificate[] = [];
  for (const [index, input] of validation.roots.entries()) {
    const root = read(input);
    if (root instanceof SealwireError)
      return refuse('malformed', `root ${index} cannot be read: ${root.message}`);
    roots.push(root);
  }
  if (validation.intermediates.length > maxIntermediates) {
    return refuse('untrusted', `there are more than ${maxIntermediates} intermediate certificates`);
  }
  const intermediates = validation.intermediates.map(read);
  const rules: PathRules = {
    // §4.1.2.5 knows no fractions: a certificate is valid for the whole of its last second.
    time: new Date(Math.floor(time.getTime() / 1000) * 1000),
    hostname,
    purpose,
    comparisons: { left: maxNameComparisons },
  };
  const search = new PathSearch(validation.crypto, rules, roots, intermediates);
  return search.run(leaf);
}

class PathSearch {
  readonly #crypto: CryptoProvider;
  readonly #rules: PathRules;
  readonly #roots: readonly Certificate[];
  readonly #intermediates: Certificate[] = [];
  readonly #verified = new Map<Certificate, Map<Certificate, boolean>>();
  #checksLeft = maxSignatureChecks;
  /** Of the path to a root that breaks the fewest rules so far. */
  #closest: readonly Violation[] | undefined;
  /** What kept a path from going on. */
  #obstacle: Violation | undefined;

  constructor(
    crypto: CryptoProvider,
    rules: PathRules,
    roots: readonly Certificate[],
    intermediates: readonly (Certificate | SealwireError)[],
  ) {
    this.#crypto = crypto;
    this.#rules = rules;
    this.#roots = roots;
    for (const certificate of intermediates) {
      if (certificate instanceof SealwireError) {
        this.#obstacle = {
          reason: 'malformed',
          detail: `an intermediate cannot be read: ${certificate.message}`,
        };
      } else if (!this.#intermediates.some((other) => sameBytes(other.der, certificate.der))) {
        this.#intermediates.push(certificate);
      }
    }
  }

  run(leaf: Certificate): ValidationResult {
    const path = this.#extend([leaf], leafViolations(leaf, this.#rules));
    if (path) return { ok: true, path };
    const told = this.#closest
      ? gravest(this.#closest)
      : (this.#obstacle ?? violation('untrusted', leaf, 'no trusted root has issued it'));
    return refuse(told.reason, told.detail);
  }

  /** Tries every way from the end of `path` to a root; undefined when none is without violations. */
  #extend(
    path: readonly Certificate[],
    violations: readonly Violation[],
  ): readonly Certificate[] | undefined {
    const last = path.at(-1)!;
    // A leaf that is itself among the roots is trusted as it stands: a self-signed certificate that was pinned.
    const pinned = path.length === 1 && this.#roots.some((root) => sameBytes(root.der, last.der));
    if (pinned && this.#arrive(violations)) return path;

    for (const root of this.#roots) {
      if (!this.#issued(root, last)) continue;
      const found = [...violations, ...issuerViolations(root, 'root', path, this.#rules)];
      if (this.#arrive(found)) return [...path, root];
    }
    for (const issuer of this.#candidates(last, path)) {
      if (!this.#issued(issuer, last)) continue;
      const found = issuerViolations(issuer, 'intermediate', path, this.#rules);
      const whole = this.#extend([...path, issuer], [...violations, ...found]);
      if (whole) return whole;
    }
    return undefined;
  }

  /** At a root: whether this path is it. Otherwise it may be the one to tell about. */
  #arrive(violations: readonly Violation[]): boolean {
    if (this.#closest === undefined || violations.length < this.#closest.length) this.#closest = violations;
    return violations.length === 0;
  }

  /**
   * Intermediates that may have issued `child`, the likeliest first: its authority key identifier is only a hint
   * (§4.2.1.1), but with it a chain among many cross-signed ones is found within the budget.
   */
  #candidates(child: Certificate, path: readonly Certificate[]): Certificate[] {
    const named = this.#intermediates.filter(
      (issuer) =>
        sameName(issuer.subject, child.issuer) && !path.some((other) => sameAuthority(other, issuer)),
    );
    const isHinted = (issuer: Certificate): boolean =>
      child.authorityKeyIdentifier !== undefined &&
      issuer.subjectKeyIdentifier !== undefined &&
      sameBytes(child.authorityKeyIdentifier, issuer.subjectKeyIdentifier);
    return [...named.filter(isHinted), ...named.filter((issuer) => !isHinted(issuer))];
  }

  /** Whether `issuer` bears the name that `child` gives and made its signature. */
  #issued(issuer: Certificate, child: Certificate): boolean {
    if (!sameName(issuer.subject, child.issuer)) return false;
    const known = this.#verified.get(child) ?? new Map<Certificate, boolean>();
    this.#verified.set(child, known);
    const result = known.get(issuer) ?? this.#verify(issuer, child);
    known.set(issuer, result);
    return result;
  }

  #verify(issuer: Certificate, child: Certificate): boolean {
    const weakness = keyWeakness(issuer.publicKey);
    if (weakness !== undefined) return this.#stopAt(violation('weak-key', issuer, weakness));
    if (child.signatureScheme === 'weak' || child.signatureScheme === 'unsupported') {
      const kind = child.signatureScheme === 'weak' ? 'too weak (SHA-1, MD5 or DSA)' : 'of no supported kind';
      return this.#stopAt(violation('weak-key', child, `its signature is ${kind}`));
    }
    const algorithm = signatureAlgorithm(child.signatureScheme, issuer.publicKey);
    if (algorithm === undefined) return false;
    if (this.#checksLeft-- <= 0) {
      return this.#stopAt(
        violation('untrusted', child, 'its issuer was not found within 20 signature checks'),
      );
    }
    return this.#crypto.verify(algorithm, issuer.publicKey.spki, child.tbs, child.signature);
  }

  #stopAt(obstacle: Violation): false {
    this.#obstacle ??= obstacle;
    return false;
  }
}

/** One CA under one name and key, whatever certificate it shows: a path through it twice leads nowhere new. */
function sameAuthority(a: Certificate, b: Certificate): boolean {
  return sameName(a.subject, b.subject) && sameBytes(a.publicKey.spki, b.publicKey.spki);
}

function gravest(violations: readonly Violation[]): Violation {
  return violations.reduce((a, b) => (gravity.indexOf(b.reason) < gravity.indexOf(a.reason) ? b : a));
}

function read(input: Certificate | Uint8Array): Certificate | SealwireError {
  if (!(input instanceof Uint8Array)) return input;
  try {
    return parseCertificate(input);
  } catch (error) {
    // parseCertificate throws nothing else.
    return error as SealwireError;
  }
}

function refuse(reason: PathRejectionReason, detail: string): ValidationResult {
  return { ok: false, reason, detail };
}
