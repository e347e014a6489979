// What is mutated, as plain data: made once for a run, and sent to its workers.
//
// Every sample was accepted as it is: what is refused unchanged would only show that it is still refused.

import { spawnSync } from 'node:child_process';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { type ChainSample, chainSamples } from './chains.js';
import { holders, type PemSample, type PfxSample, pemSamples, pfxSamples } from './files.js';

export interface Corpus {
  readonly chains: readonly ChainSample[];
  readonly pfx: readonly PfxSample[];
  readonly pem: readonly PemSample[];
  /** Keys that nobody trusts, PKCS #8, by kind: whoever mutates may sign with these. */
  readonly strangers: Readonly<Record<StrangerKind, Uint8Array>>;
}

export type StrangerKind = 'p256' | 'p384' | 'ed25519' | 'rsa';

export function makeCorpus(): Corpus {
  const all = holders();
  const hasOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).error === undefined;
  const stranger = (kind: 'p256' | 'p384' | 'ed25519' | 'rsa-2048'): Uint8Array =>
    nodeCrypto.generateKeyPair(kind).export();
  return {
    chains: chainSamples(),
    pfx: pfxSamples(all, hasOpenssl),
    pem: pemSamples(all),
    strangers: {
      p256: stranger('p256'),
      p384: stranger('p384'),
      ed25519: stranger('ed25519'),
      rsa: stranger('rsa-2048'),
    },
  };
}
