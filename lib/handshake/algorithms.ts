// The code points of docs/protocol.md, and the names that crypto/ knows them by.
//
// Suites are our own numbers; groups and signature algorithms are those of TLS (RFC 9846 §4.2.3, §4.2.7).

import type { CipherName, CryptoProvider, PrivateKey, SignatureAlgorithm } from '../crypto/provider.js';

export interface Suite {
  readonly code: number;
  readonly cipher: CipherName;
}

const suites: readonly Suite[] = [
  { code: 1, cipher: 'aes-256-gcm' },
  { code: 2, cipher: 'chacha20-poly1305' },
];

export const x25519Group = 0x001d;

const offers = new WeakMap<readonly CipherName[], readonly Suite[]>();

/** The suites of `crypto`, fastest first. */
export function offeredSuites({ preferredCiphers }: CryptoProvider): readonly Suite[] {
  const known = offers.get(preferredCiphers);
  if (known !== undefined) return known;
  const offered = preferredCiphers.flatMap((cipher) => suites.filter((suite) => suite.cipher === cipher));
  offers.set(preferredCiphers, offered);
  return offered;
}

/**
 * The server's choice: ChaCha20-Poly1305 where this side is faster with it and the client has it, else the first of the
 * client's that is known. So it is AES only where both sides prefer that: WebAssembly's ChaCha20 seals a short message in a
 * twentieth of the time of node:crypto's AES, and noble's AES takes four times as long as its ChaCha20.
 */
export function chooseSuite(crypto: CryptoProvider, offered: readonly number[]): Suite | undefined {
  const [favourite] = offeredSuites(crypto);
  if (favourite?.cipher === 'chacha20-poly1305' && offered.includes(favourite.code)) return favourite;
  const first = offered.find((code) => suites.some((suite) => suite.code === code));
  return suites.find(({ code }) => code === first);
}

interface SignatureCode {
  readonly code: number;
  readonly keyKind: PrivateKey['kind'];
  readonly algorithm: SignatureAlgorithm;
}

/** One algorithm per kind of key: nothing to negotiate, nothing to confuse. */
const signatureCodes: readonly SignatureCode[] = [
  { code: 0x0403, keyKind: 'p256', algorithm: 'ecdsa-p256-sha256' },
  { code: 0x0503, keyKind: 'p384', algorithm: 'ecdsa-p384-sha384' },
  { code: 0x0804, keyKind: 'rsa', algorithm: 'rsa-pss-sha256' },
  { code: 0x0807, keyKind: 'ed25519', algorithm: 'ed25519' },
  { code: 0x0809, keyKind: 'rsa-pss', algorithm: 'rsa-pss-sha256' },
];

export const offeredSignatures: readonly number[] = signatureCodes.map(({ code }) => code);

/** How a key of this kind signs a handshake; undefined for kinds that cannot. */
export function signatureFor(keyKind: string): SignatureCode | undefined {
  return signatureCodes.find((entry) => entry.keyKind === keyKind);
}

/** Whether the peer, which reads signatures of these codes, can be shown one by this key. */
export function canSignAs(key: PrivateKey, codes: readonly number[]): boolean {
  const signature = signatureFor(key.kind);
  return signature !== undefined && codes.includes(signature.code);
}
