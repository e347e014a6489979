// Mutated PEM and key files: they are refused, or the key that is loaded is that of the certificate, and signs.

import { sameBytes } from '../../lib/base/bytes.js';
import { loadIdentity } from '../../lib/certificate/identity.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { codeOf, identityCodes, isSameIdentity, type LoadedIdentity, selfContradiction } from './pfx-case.js';
import { errorFault, type Finding, MeteredCrypto } from './probe.js';

export interface PemCase {
  readonly kind: 'pem';
  readonly backend: 'node' | 'noble';
  readonly name: string;
  readonly mutation: string;
  readonly cert: Uint8Array | string;
  readonly key: Uint8Array | string;
  readonly passphrase: string | undefined;
  readonly expected: LoadedIdentity;
  /** The certificates are as they were: then so is the leaf. */
  readonly certIsOriginal: boolean;
}

const meters = { node: new MeteredCrypto(nodeCrypto), noble: new MeteredCrypto(nobleCrypto) };

export function judgePem(fuzzCase: PemCase): Finding {
  const { backend, cert, key, passphrase, expected } = fuzzCase;
  const source = { cert, key, ...(passphrase !== undefined && { passphrase }) };
  const cost = meters[backend].measure(() => loadIdentity(meters[backend].provider, source));
  const told = { inputBytes: cert.length + key.length, cost };
  if ('thrown' in cost.result) {
    const { thrown } = cost.result;
    return { ...told, outcome: codeOf(thrown), fault: errorFault(thrown, identityCodes, passphrase) };
  }
  const identity = cost.result.value;
  if (fuzzCase.certIsOriginal && !sameBytes(identity.leaf.der, expected.chain[0]!)) {
    return { ...told, outcome: 'loaded', fault: 'takes another certificate for the leaf' };
  }
  const outcome = isSameIdentity(identity, expected) ? 'loaded: the same' : 'loaded: another';
  return { ...told, outcome, fault: selfContradiction(identity) };
}
