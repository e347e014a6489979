// Whose key signed which certificate of one validation: each pair is checked once, within a budget.
//
// Who sends the certificates decides how many candidates there are for each signature, and with JavaScript's curves one
// check takes milliseconds. The budget counts what a check costs there, on every backend, so that all of them give the
// same verdict on a chain.

import type { CryptoProvider } from '../../crypto/provider.js';
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
    const algorithm = signatureAlgorithm(child.signatureScheme, issuer.publicKey);
    if (algorithm === undefined) return false;
    const cost = costOf(issuer.publicKey);
    if (cost > this.#costLeft) {
      const detail = 'too many certificates bear the names of issuers: its own was not found in time';
      return this.#stopAt(violation('untrusted', child, detail));
    }
    this.#costLeft -= cost;
    return this.#crypto.verify(algorithm, issuer.publicKey.spki, child.tbs, child.signature);
  }

  #stopAt(obstacle: Violation): false {
    this.#obstacle ??= obstacle;
    return false;
  }
}

function costOf({ kind }: SubjectPublicKey): number {
  return kind === 'p384' ? p384Cost : otherCost;
}
