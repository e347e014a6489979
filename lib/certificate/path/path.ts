// Certification paths (RFC 5280 §6.1): from a leaf, through intermediates that anyone may have sent, to a root.
//
//   leaf ── issuer? ──▸ intermediate ── issuer? ──▸ … ── issuer? ──▸ root (trusted: its name and key are given)
//
// Here certificates are read and limits are held; search.ts looks for the path by the rules of rules.ts and profile.ts.
//
// No revocation and no policies: critical extensions that ask for them refuse the path.

import { sameBytes } from '../../base/bytes.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Certificate, parseCertificate } from '../x509/x509.js';
import type { PathRejectionReason, PathRules, Violation } from './rules.js';
import { PathSearch } from './search.js';
import { SignatureChecks } from './signature-checks.js';

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
/** Names times constraints, over all paths: a few milliseconds. */
const maxNameComparisons = 250_000;

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
  const signatures = new SignatureChecks(validation.crypto);
  const rules: PathRules = {
    // §4.1.2.5 knows no fractions: a certificate is valid for the whole of its last second.
    time: new Date(Math.floor(time.getTime() / 1000) * 1000),
    hostname,
    purpose,
    comparisons: { left: maxNameComparisons },
    isSelfSigned: (certificate) => signatures.verify(certificate, certificate),
  };
  const { intermediates, unread } = readIntermediates(validation.intermediates, roots);
  const found = new PathSearch(signatures, rules, roots, intermediates).run(leaf, unread);
  if ('reason' in found) return refuse(found.reason, found.detail);
  signatures.remember(found);
  return { ok: true, path: found };
}

/** Each once, and none that is a root anyway: every further one could cost a signature check. */
function readIntermediates(
  inputs: ChainValidation['intermediates'],
  roots: readonly Certificate[],
): { readonly intermediates: readonly Certificate[]; readonly unread: Violation | undefined } {
  const intermediates: Certificate[] = [];
  let unread: Violation | undefined;
  for (const input of inputs) {
    const certificate = read(input);
    if (certificate instanceof SealwireError) {
      unread = { reason: 'malformed', detail: `an intermediate cannot be read: ${certificate.message}` };
    } else if (![...roots, ...intermediates].some((other) => sameBytes(other.der, certificate.der))) {
      intermediates.push(certificate);
    }
  }
  return { intermediates, unread };
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
