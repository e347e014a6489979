// What Sealwire's validator thinks of a chain, in the words of the command line.
//
// The rules are those of a client with no `validateCertificate` of its own. Two answers are added that a handshake has
// no use for: whether the key fits, and whether a root is fit to be one.

import { sameBytes } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { type PathRejectionReason, validateCertificateChain } from '../certificate/path/path.js';
import { keyWeakness } from '../certificate/x509/algorithm.js';
import { sameName } from '../certificate/x509/distinguished-name.js';
import { keyPurposes } from '../certificate/x509/extensions.js';
import { type Certificate, parseCertificate } from '../certificate/x509/x509.js';
import { nodeCrypto } from '../crypto/node.js';
import type { Found } from './chain-file.js';

export interface Question {
  /** Default: what the certificate says it is for, and a server's where it says nothing. */
  readonly purpose: 'server' | 'client' | undefined;
  /** Not compared where it is undefined. */
  readonly hostname: string | undefined;
  readonly roots: readonly Certificate[];
  readonly time: Date;
}

/** Whose certificate it was judged as. */
export type Role = 'server' | 'client' | 'root';

export type Verdict =
  | {
      readonly ok: true;
      readonly role: Role;
      /** Leaf first, root last. */
      readonly path: readonly Certificate[];
    }
  | {
      readonly ok: false;
      readonly role: Role;
      readonly reason: PathRejectionReason | 'key-mismatch';
      readonly detail: string;
      readonly advice: string;
    };

/** Which of the certificates is the leaf: that of the key, or the first. */
export function leafIndex({ certificates, keys }: Found): number {
  if (keys.state !== 'open') return 0;
  const index = certificates.findIndex((der) => keys.publicKeys.some((key) => belongsTo(key, der)));
  return Math.max(index, 0);
}

/** Whether one of the keys is that of the certificate. */
export function hasKeyOf({ keys }: Found, der: Uint8Array): boolean {
  return keys.state === 'open' && keys.publicKeys.some((key) => belongsTo(key, der));
}

export function judge(found: Found, question: Question): Verdict {
  const readable = found.certificates.map(readOrNothing);
  const leafAt = leafIndex(found);
  const leaf = readable[leafAt];
  if (question.purpose === undefined && question.hostname === undefined) {
    const roots = readable.filter((each): each is Certificate => each !== undefined && isRoot(each));
    if (roots.length === readable.length) return judgeRoots(roots, question.time);
  }
  const role = question.purpose ?? (leaf && isForClientsAlone(leaf) ? 'client' : 'server');
  if (found.keys.state === 'open' && !found.certificates.some((der) => hasKeyOf(found, der))) {
    const detail = 'the private key belongs to none of the certificates';
    return { ok: false, role, reason: 'key-mismatch', detail, advice: advice['key-mismatch'] };
  }
  const result = validateCertificateChain({
    crypto: nodeCrypto,
    leaf: found.certificates[leafAt]!,
    intermediates: found.certificates.filter((_, index) => index !== leafAt),
    roots: question.roots,
    hostname: question.hostname,
    time: question.time,
    purpose: role,
  });
  if (result.ok) return { ok: true, role, path: result.path };
  return { ok: false, role, reason: result.reason, detail: result.detail, advice: advice[result.reason] };
}

/** Roots are trusted for what they are: dates, strength and being a CA is all that can be wrong with them. */
function judgeRoots(roots: readonly Certificate[], time: Date): Verdict {
  for (const root of roots) {
    const problem = rootProblem(root, time);
    if (problem) {
      const [reason, detail] = problem;
      return { ok: false, role: 'root', reason, detail, advice: rootAdvice };
    }
  }
  return { ok: true, role: 'root', path: roots.slice(0, 1) };
}

function rootProblem(root: Certificate, time: Date): readonly [PathRejectionReason, string] | undefined {
  const weakness = keyWeakness(root.publicKey);
  if (weakness !== undefined) return ['weak-key', `as a root it is refused: ${weakness}`];
  if (root.unknownCritical.length > 0) return ['constraint-violated', 'it has unknown critical extensions'];
  if (root.keyUsage?.keyCertSign === false) return ['wrong-purpose', 'its key usage lacks keyCertSign'];
  if (time > root.notAfter) return ['expired', `it was valid until ${root.notAfter.toISOString()}`];
  if (time < root.notBefore) return ['not-yet-valid', `it is valid from ${root.notBefore.toISOString()}`];
  return undefined;
}

/** Marked as a CA, and signed by itself: what clients have in `ca`. */
function isRoot({ basicConstraints, subject, issuer }: Certificate): boolean {
  return basicConstraints?.ca === true && sameName(subject, issuer);
}

function isForClientsAlone({ extendedKeyUsage }: Certificate): boolean {
  if (extendedKeyUsage === undefined) return false;
  const serves = [keyPurposes.serverAuth, keyPurposes.any].some((oid) => extendedKeyUsage.includes(oid));
  return !serves && extendedKeyUsage.includes(keyPurposes.clientAuth);
}

function belongsTo(publicKey: Uint8Array, der: Uint8Array): boolean {
  const certificate = readOrNothing(der);
  return certificate !== undefined && sameBytes(certificate.publicKey.spki, publicKey);
}

function readOrNothing(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof SealwireError) return undefined;
    throw error;
  }
}

const rootAdvice =
  'make a new root with sealwire cert ca, and give it to the clients before the old one is of no use';

const advice: Readonly<Record<PathRejectionReason | 'key-mismatch', string>> = {
  untrusted: 'name the root that it leads to with --ca FILE, and have the server send its intermediates',
  expired: 'renew what has expired',
  'not-yet-valid': 'check the clock of this machine, or wait until it becomes valid',
  'name-mismatch': 'dial a name that it is for, or have it issued for this one',
  'constraint-violated': 'have it issued by a CA that may issue it',
  'wrong-purpose':
    'have it issued for this purpose (digitalSignature; serverAuth or clientAuth), or judge it for another with --purpose',
  'weak-key': 'use RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519, signed with SHA-256 or better',
  malformed: 'export or issue it again',
  'key-mismatch': 'put the key with the certificate that was issued for it',
};
