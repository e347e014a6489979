// Section 4.3 of docs/protocol.md: what CertificateVerify signs, and how each algorithm signs and verifies it,
// with node:crypto. Whether the certificate itself is to be trusted is not looked at.

import { constants, createPrivateKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { concat, Refused, refuseUnless, text } from './notation.js';

export const signatureAlgorithms = {
  ecdsaSecp256r1Sha256: 0x0403,
  ecdsaSecp384r1Sha384: 0x0503,
  rsaPssRsaeSha256: 0x0804,
  ed25519: 0x0807,
  rsaPssPssSha256: 0x0809,
} as const;

export type Signer = 'server' | 'client';

export function signedContent(signer: Signer, transcriptHash: Uint8Array): Uint8Array {
  const context = {
    server: 'sealwire 1, server CertificateVerify',
    client: 'sealwire 1, client CertificateVerify',
  };
  return concat(new Uint8Array(64).fill(0x20), text(context[signer]), new Uint8Array(1), transcriptHash);
}

/** The one algorithm that fits the key. */
export function algorithmOf(key: KeyObject): number {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  const rsaSizeIsFine = modulusLength !== undefined && modulusLength >= 2048 && modulusLength <= 8192;
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (namedCurve === 'prime256v1') return signatureAlgorithms.ecdsaSecp256r1Sha256;
      if (namedCurve === 'secp384r1') return signatureAlgorithms.ecdsaSecp384r1Sha384;
      throw new Refused(`no algorithm for the curve ${namedCurve}`);
    case 'rsa':
      refuseUnless(rsaSizeIsFine, 'RSA keys have 2048 to 8192 bits');
      return signatureAlgorithms.rsaPssRsaeSha256;
    case 'rsa-pss':
      refuseUnless(rsaSizeIsFine, 'RSA keys have 2048 to 8192 bits');
      return signatureAlgorithms.rsaPssPssSha256;
    case 'ed25519':
      return signatureAlgorithms.ed25519;
    default:
      throw new Refused(`no algorithm for a key of type ${key.asymmetricKeyType}`);
  }
}

/** `pkcs8` is the DER of the certificate's private key. ECDSA and RSA-PSS are randomised: two calls differ. */
export function signContent(pkcs8: Uint8Array, content: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  return new Uint8Array(sign(hashOf(algorithmOf(key)), content, withPadding(key)));
}

export function refuseWrongSignature(
  signer: Signer,
  certificate: Uint8Array,
  algorithm: number,
  signature: Uint8Array,
  transcriptHash: Uint8Array,
): void {
  const fits = algorithm === algorithmOf(publicKeyOf(certificate));
  refuseUnless(fits, 'an algorithm that does not fit the key');
  refuseUnless(
    signatureFits(certificate, signature, signedContent(signer, transcriptHash)),
    'a wrong signature',
  );
}

export function signatureFits(certificate: Uint8Array, signature: Uint8Array, content: Uint8Array): boolean {
  const key = publicKeyOf(certificate);
  return verify(hashOf(algorithmOf(key)), content, withPadding(key), signature);
}

function publicKeyOf(certificate: Uint8Array): KeyObject {
  try {
    return new X509Certificate(certificate).publicKey;
  } catch {
    throw new Refused('a certificate that cannot be read');
  }
}

function hashOf(algorithm: number): string | null {
  if (algorithm === signatureAlgorithms.ed25519) return null;
  return algorithm === signatureAlgorithms.ecdsaSecp384r1Sha384 ? 'sha384' : 'sha256';
}

/** MGF1 is with SHA-256 too: node:crypto takes the hash of the signature for it. */
function withPadding(key: KeyObject): { key: KeyObject; padding?: number; saltLength?: number } {
  if (!key.asymmetricKeyType?.startsWith('rsa')) return { key };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
}
