// Whose key signed which certificate of one validation: each pair is checked once, within a budget.
//
// Who sends the certificates decides how many candidates there are for each signature, and with JavaScript's curves one
// check takes milliseconds. The budget counts what a check costs there, on every backend, so that all of them give the
// same verdict on a chain.

import { utf8 } from '../../base/bytes.js';
import { Recent } from '../../base/recent.js';
import type { CryptoProvider, SignatureAlgorithm } from '../../crypto/provider.js';
import { keyWeakness, type SubjectPublicKey, signatureAlgorithm } from '../x509/algorithm.js';
import type { Certificate } from '../x509/x509.js';
import { type Violation, violation } from './rules.js';

/**
 * About as many milliseconds with noble. An honest chain takes one check per certificate, so this is enough for four
 * intermediates on P-384 and for twenty on anything else.
 */
const maxCost = 80;
const p384Cost = 14;
/** P-256 and Ed25519; RSA takes a fraction of it. */
const otherCost = 4;

/**
 * Signatures that have led to a root lately, with their algorithm, key and message: those of a peer that comes back, above
 * all. A signature that verifies once verifies for ever; whatever can change is asked anew. Only those of a path that was
 * found are remembered, so none of the untrusted can crowd them out. By backend: one that somebody brings along may say
 * yes to anything, and speaks for itself alone.
 */
const proven = new WeakMap<CryptoProvider, Recent<true>>();
const provenLimits = { maxEntries: 32, maxBytes: 32 * 1024 };

export class SignatureChecks {
  readonly #crypto: CryptoProvider;
  readonly #known = new Map<Certificate, Map<Certificate, boolean>>();
  #costLeft = maxCost;
  #obstacle: Violation | undefined;

  constructor(crypto: CryptoProvider) {
    this.#crypto = crypto;
  }

  /** The first thing that kept a signature from being checked at all: it may be why no path was found. */
  get obstacle(): Violation | undefined {
    return this.#obstacle;
  }

  /** Whether the key of `issuer` made the signature of `child`. */
  verify(issuer: Certificate, child: Certificate): boolean {
    const known = this.#known.get(child) ?? new Map<Certificate, boolean>();
    this.#known.set(child, known);
    const result = known.get(issuer) ?? this.#check(issuer, child);
    known.set(issuer, result);
    return result;
  }

  #check(issuer: Certificate, child: Certificate): boolean {
    const weakness = keyWeakness(issuer.publicKey);
    if (weakness !== undefined) return this.#stopAt(violation('weak-key', issuer, weakness));
    if (child.signatureScheme === 'weak' || child.signatureScheme === 'unsupported') {
      const kind = child.signatureScheme === 'weak' ? 'too weak (SHA-1, MD5 or DSA)' : 'of no supported kind';
      return this.#stopAt(violation('weak-key', child, `its signature is ${kind}`));
    }
    const algorithm = algorithmOf(issuer, child);
    if (algorithm === undefined) return false;
    const cost = costOf(issuer.publicKey);
    if (cost > this.#costLeft) {
      const detail = 'too many certificates bear the names of issuers: its own was not found in time';
      return this.#stopAt(violation('untrusted', child, detail));
    }
    this.#costLeft -= cost;
    if (this.#proven.find(...factOf(algorithm, issuer, child))) return true;
    return this.#crypto.verify(algorithm, issuer.publicKey.spki, child.tbs, child.signature);
  }

  /** `path`, leaf first, has led to a root. */
  remember(path: readonly Certificate[]): void {
    for (const [index, child] of path.slice(0, -1).entries()) {
      const issuer = path[index + 1]!;
      const algorithm = algorithmOf(issuer, child);
      if (algorithm === undefined || !this.verify(issuer, child)) continue;
      this.#proven.remember(factOf(algorithm, issuer, child), () => true);
    }
  }

  get #proven(): Recent<true> {
    const known = proven.get(this.#crypto) ?? new Recent<true>(provenLimits);
    proven.set(this.#crypto, known);
    return known;
  }

  #stopAt(obstacle: Violation): false {
    this.#obstacle ??= obstacle;
    return false;
  }
}

function algorithmOf(issuer: Certificate, child: Certificate): SignatureAlgorithm | undefined {
  return signatureAlgorithm(child.signatureScheme, issuer.publicKey);
}

/** All that goes into a check. */
function factOf(algorithm: SignatureAlgorithm, issuer: Certificate, child: Certificate): Uint8Array[] {
  return [utf8(algorithm), issuer.publicKey.spki, child.tbs, child.signature];
}

function costOf({ kind }: SubjectPublicKey): number {
  return kind === 'p384' ? p384Cost : otherCost;
}
