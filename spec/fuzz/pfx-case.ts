// A mutated PFX file: it is refused, or what is loaded is what its owner put in.
//
// Under the MAC of the file nothing can change: key, leaf and chain are those of the original, or there is an error. Where
// the MAC was made anew with the passphrase, or there is none, contents may differ; but a key that is loaded must sign for
// the certificate that is loaded with it.

import { sameBytes } from '../../lib/base/bytes.js';
import { type Identity, loadIdentity } from '../../lib/certificate/identity.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { PrivateKey, SignatureAlgorithm } from '../../lib/crypto/provider.js';
import { errorFault, type Finding, MeteredCrypto } from './probe.js';

export interface PfxCase {
  readonly kind: 'pfx';
  readonly backend: 'node' | 'noble';
  readonly name: string;
  readonly mutation: string;
  readonly pfx: Uint8Array | string;
  readonly passphrase: string;
  readonly allowMissingMac: boolean;
  readonly alias?: string | undefined;
  /** What the original gives. */
  readonly expected: LoadedIdentity;
  /** The MAC is right, or left out with leave: what is inside may be another identity. */
  readonly authentic: boolean;
}

/** An identity as bytes. */
export interface LoadedIdentity {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** SubjectPublicKeyInfo of the private key. */
  readonly publicKey: Uint8Array;
}

const meters = { node: new MeteredCrypto(nodeCrypto), noble: new MeteredCrypto(nobleCrypto) };
export const identityCodes: readonly string[] = ['INVALID_CERTIFICATE', 'PFX_PASSPHRASE'];

export function judgePfx(fuzzCase: PfxCase): Finding {
  const { backend, pfx, passphrase, allowMissingMac, alias } = fuzzCase;
  const source = { pfx, passphrase, allowMissingMac, ...(alias !== undefined && { alias }) };
  const cost = meters[backend].measure(() => loadIdentity(meters[backend].provider, source));
  const told = { inputBytes: pfx.length, cost };
  if ('thrown' in cost.result) {
    const { thrown } = cost.result;
    return { ...told, outcome: codeOf(thrown), fault: errorFault(thrown, identityCodes, passphrase) };
  }
  const identity = cost.result.value;
  const isSame = isSameIdentity(identity, fuzzCase.expected);
  if (!isSame && !fuzzCase.authentic) {
    return { ...told, outcome: 'loaded', fault: 'loads another identity under the old MAC' };
  }
  const outcome = isSame ? 'loaded: the same' : 'loaded: another';
  return { ...told, outcome, fault: fuzzCase.authentic ? selfContradiction(identity) : undefined };
}

export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'threw';
}

export function isSameIdentity({ chain, key }: Identity, expected: LoadedIdentity): boolean {
  return (
    sameBytes(key.publicKey, expected.publicKey) &&
    chain.length === expected.chain.length &&
    chain.every((der, index) => sameBytes(der, expected.chain[index]!))
  );
}

const algorithms: Readonly<Record<PrivateKey['kind'], SignatureAlgorithm>> = {
  rsa: 'rsa-pss-sha256',
  'rsa-pss': 'rsa-pss-sha256',
  p256: 'ecdsa-p256-sha256',
  p384: 'ecdsa-p384-sha384',
  ed25519: 'ed25519',
};

const message = new TextEncoder().encode('what a handshake has to sign');

/** A key that does not sign for its certificate; undefined where it does. */
export function selfContradiction({ key, leaf, chain }: Identity): string | undefined {
  if (!sameBytes(chain[0]!, leaf.der)) return 'its chain does not begin with its leaf';
  try {
    const signature = key.sign(algorithms[key.kind], message);
    if (nodeCrypto.verify(algorithms[key.kind], leaf.publicKey.spki, message, signature)) return undefined;
  } catch (error) {
    // A key that says itself with which hash it may be used (RFC 4055) has refused another one.
    if (key.kind === 'rsa-pss' && codeOf(error) === 'INVALID_STATE') return undefined;
    return `loads a key that cannot sign: ${String(error)}`;
  }
  return 'loads a key whose signatures its certificate does not verify';
}
