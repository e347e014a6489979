// A crypto backend that keeps every secret that it gave out, so that a spec can look at what is left of them.
// "Secret" is what comes out of X25519, PBKDF2 and HKDF; key pairs and ciphers count as held until they are destroyed.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import type { CryptoProvider } from '../../lib/crypto/provider.js';

export interface WatchedSecrets {
  readonly made: { readonly what: string; readonly bytes: Uint8Array }[];
  /** Key pairs, ciphers and MACs that were not destroyed. */
  readonly alive: Set<object>;
}

export function watchSecrets(crypto: CryptoProvider): WatchedSecrets & { readonly crypto: CryptoProvider } {
  const made: { what: string; bytes: Uint8Array }[] = [];
  const alive = new Set<object>();
  // Constants of the protocol: the same for everybody, so there is nothing to hide.
  const zeros = new Uint8Array(32);
  const earlySecret = toHex(crypto.hkdfExtract(zeros, zeros));

  function keep(what: string, bytes: Uint8Array): Uint8Array {
    made.push({ what, bytes });
    return bytes;
  }
  function watch<Cipher extends { destroy(): void }>(cipher: Cipher): Cipher {
    const destroy = cipher.destroy.bind(cipher);
    alive.add(cipher);
    cipher.destroy = () => {
      alive.delete(cipher);
      destroy();
    };
    return cipher;
  }

  return {
    made,
    alive,
    crypto: {
      ...crypto,
      x25519KeyPair(...args) {
        const pair = watch(crypto.x25519KeyPair(...args));
        const agree = pair.agree.bind(pair);
        pair.agree = (peerPublicKey) => {
          const secret = agree(peerPublicKey);
          return secret && keep('shared secret', secret);
        };
        return pair;
      },
      pbkdf2: (...args) => keep('stretched secret', crypto.pbkdf2(...args)),
      hkdfExtract(salt, inputKeyMaterial) {
        const secret = crypto.hkdfExtract(salt, inputKeyMaterial);
        return toHex(secret) === earlySecret ? secret : keep('extracted secret', secret);
      },
      hkdfExpand(pseudoRandomKey, info, length) {
        const secret = crypto.hkdfExpand(pseudoRandomKey, info, length);
        if (toHex(pseudoRandomKey) === earlySecret) return secret;
        return keep(`expanded: ${new TextDecoder('latin1').decode(info.slice(3, 3 + info[2]!))}`, secret);
      },
      aead: (...args) => watch(crypto.aead(...args)),
      streamCipher: (...args) => watch(crypto.streamCipher(...args)),
      mac: (...args) => watch(crypto.mac(...args)),
    },
  };
}

/** Fails for every secret that is not all zeros, and when fewer than `least` were made: then nothing was watched. */
export function expectWiped({ made, alive }: WatchedSecrets, least: number): void {
  const left = made.filter(({ bytes }) => bytes.some((byte) => byte !== 0)).map(({ what }) => what);
  expect(left, 'secrets that are left').to.deep.equal([]);
  expect(alive.size, 'ciphers that were not destroyed').to.equal(0);
  expect(made.length).to.be.at.least(least);
}
