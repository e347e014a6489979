// A mutated certificate before the validator: no path may lead through it, whatever it says and whoever signed it.
//
// Accepted may be what the trusted keys have signed, to the bit, and nothing else. Two things that look otherwise:
// - of a signature (r, s) with ECDSA everybody can make (r, n - s), which is as valid and signs the same bytes;
// - a root that was changed is another root to trust, if only its key and name are those that signed.

import { sameBytes } from '../../lib/base/bytes.js';
import { readSequence, readUnsignedInteger, tags } from '../../lib/base/der.js';
import { SealwireError } from '../../lib/base/errors.js';
import { type ValidationResult, validateCertificateChain } from '../../lib/certificate/path/path.js';
import { certificateToolkit, readCertificates } from '../../lib/certificate/toolkit.js';
import { type Certificate, parseCertificate } from '../../lib/certificate/x509/x509.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { errorFault, type Finding, MeteredCrypto, messageFault } from './probe.js';

export interface CertificateCase {
  readonly kind: 'certificate';
  readonly backend: 'node' | 'noble';
  /** Of the corpus, and what was done to it. */
  readonly name: string;
  readonly mutation: string;
  readonly leaf: Uint8Array;
  readonly intermediates: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
  readonly hostname: string | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly purpose: 'server' | 'client';
  /** Every certificate of the chain as it was. */
  readonly originals: readonly Uint8Array[];
  readonly originalRoots: readonly Uint8Array[];
  /** The one that was changed. */
  readonly mutant: Uint8Array;
  /** A trusted key has signed the mutant, so that it reaches the rules behind signatures: then it may be accepted. */
  readonly authentic: boolean;
}

const meters = { node: new MeteredCrypto(nodeCrypto), noble: new MeteredCrypto(nobleCrypto) };
const toolkits = {
  node: certificateToolkit(meters.node.provider),
  noble: certificateToolkit(meters.noble.provider),
};
const codes = ['INVALID_CERTIFICATE'];

export function judgeCertificate(fuzzCase: CertificateCase): Finding {
  const { backend, leaf, intermediates, roots, hostname, purpose, mutant } = fuzzCase;
  const crypto = meters[backend].provider;
  const validation = { crypto, leaf, intermediates, roots, hostname, time: new Date(fuzzCase.time), purpose };
  const cost = meters[backend].measure(() => validateCertificateChain(validation));
  const inputBytes = [leaf, ...intermediates, ...roots].reduce((sum, { length }) => sum + length, 0);
  const told = { inputBytes, cost };
  if ('thrown' in cost.result) {
    return { ...told, outcome: 'threw', fault: errorFault(cost.result.thrown, []) };
  }
  const { value } = cost.result;
  const outcome = value.ok ? acceptance(value, fuzzCase) : value.reason;
  const fault = value.ok ? (outcome === undefined ? 'is accepted' : undefined) : messageFault(value.detail);
  return { ...told, outcome: outcome ?? 'accepted', fault: fault ?? readingFault(backend, mutant) };
}

/** Why a path is right all the same; undefined where it is not. */
function acceptance(
  { path }: Extract<ValidationResult, { ok: true }>,
  { originals, originalRoots, authentic }: CertificateCase,
): string | undefined {
  const changed = path.filter(
    ({ der }) => ![...originals, ...originalRoots].some((each) => sameBytes(each, der)),
  );
  if (changed.length === 0) return 'accepted without the mutant, or unchanged';
  if (authentic) return 'accepted, signed by a trusted key';
  const root = path.at(-1)!;
  const others = changed.filter((certificate) => certificate !== root);
  const known = originals.map((der) => parseCertificate(der));
  if (!others.every((certificate) => known.some((original) => isNegated(certificate, original))))
    return undefined;
  if (others.length > 0) return 'accepted: the same bytes under -s of ECDSA';
  const anchors = originalRoots.map((der) => parseCertificate(der));
  return anchors.some(({ publicKey }) => sameBytes(publicKey.spki, root.publicKey.spki))
    ? 'accepted: another root, with the key of the true one'
    : undefined;
}

const orders: Readonly<Record<string, bigint>> = {
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  p384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
};

/** Whether the two differ by the sign of s alone. */
function isNegated(certificate: Certificate, original: Certificate): boolean {
  if (!sameBytes(certificate.tbs, original.tbs)) return false;
  const [one, other] = [signatureNumbers(certificate.signature), signatureNumbers(original.signature)];
  return (
    one !== undefined &&
    other !== undefined &&
    one[0] === other[0] &&
    Object.values(orders).includes(one[1] + other[1])
  );
}

/** r and s, strictly: what is padded or has something behind it is no signature of ECDSA. */
export function signatureNumbers(signature: Uint8Array): [r: bigint, s: bigint] | undefined {
  try {
    const fields = readSequence(signature);
    const numbers = [fields.expect(tags.integer), fields.expect(tags.integer)].map(({ content }) =>
      BigInt(`0x0${Buffer.from(readUnsignedInteger(content)).toString('hex')}`),
    );
    fields.finish();
    return numbers as [bigint, bigint];
  } catch {
    return undefined;
  }
}

/** The other readers of certificates: they may refuse, with their code, and nothing else. */
function readingFault(backend: 'node' | 'noble', mutant: Uint8Array): string | undefined {
  const readers: readonly (() => unknown)[] = [
    () => parseCertificate(mutant),
    () => readCertificates(mutant),
    () => toolkits[backend].describeCertificate(mutant),
    () => toolkits[backend].publicKeyPin(mutant),
  ];
  for (const read of readers) {
    try {
      read();
    } catch (error) {
      const fault = errorFault(error, codes);
      if (fault !== undefined) return fault;
      // What one cannot read, the others need not try.
      if (error instanceof SealwireError) return undefined;
    }
  }
  return undefined;
}
