// Certificate, which a side shows, and CertificateVerify, the proof that it holds its key: docs/protocol.md section 4.3,
// RFC 9846 §4.4.3.
//
//   signature over 64 × 0x20 ‖ "sealwire 1, <role> CertificateVerify" ‖ 0x00 ‖ transcript hash
//
// The role is signed with it, so that what the one side has signed proves nothing about the other. Whether anybody
// trusts the certificate is not looked at here.

import { utf8 } from '../base/bytes.js';
import type { Identity } from '../certificate/identity.js';
import { readKnown } from '../certificate/x509/known.js';
import type { CryptoProvider } from '../crypto/provider.js';
import {
  decodeCertificateVerify,
  encodeCertificate,
  encodeCertificateVerify,
  type HandshakeMessage,
} from '../wire/handshake-message.js';
import { signatureFor } from './algorithms.js';
import { failed } from './state.js';

export type Signer = 'server' | 'client';

const signaturePadding = new Uint8Array(64).fill(0x20);

export function signedContent(signer: Signer, transcriptHash: Uint8Array): Uint8Array {
  const context = utf8(`sealwire 1, ${signer} CertificateVerify\0`);
  const content = new Uint8Array(signaturePadding.length + context.length + transcriptHash.length);
  content.set(signaturePadding);
  content.set(context, signaturePadding.length);
  content.set(transcriptHash, signaturePadding.length + context.length);
  return content;
}

const certificateMessages = new WeakMap<Identity, HandshakeMessage>();

/** The Certificate message of an identity, which is the same in each of its handshakes. */
export function certificateMessage(identity: Identity): HandshakeMessage {
  const known = certificateMessages.get(identity);
  if (known !== undefined) return known;
  const message = encodeCertificate(identity.chain);
  certificateMessages.set(identity, message);
  return message;
}

/** Signs with a key that canSignAs() has found fit; `transcriptHash` is that up to the signer's Certificate. */
export function proveIdentity(
  signer: Signer,
  { key }: Identity,
  transcriptHash: Uint8Array,
): HandshakeMessage {
  const { code, algorithm } = signatureFor(key.kind)!;
  const signature = key.sign(algorithm, signedContent(signer, transcriptHash));
  return encodeCertificateVerify({ algorithm: code, signature });
}

/** Throws HANDSHAKE_FAILED `signature` unless `message` proves that the first certificate of `chain` is its sender's. */
export function checkProof(
  crypto: CryptoProvider,
  signer: Signer,
  message: HandshakeMessage,
  chain: readonly Uint8Array[],
  transcriptHash: Uint8Array,
): void {
  const { algorithm, signature } = decodeCertificateVerify(message.body);
  const { publicKey } = readKnown(chain[0]!);
  const scheme = signatureFor(publicKey.kind);
  if (
    scheme?.code !== algorithm ||
    !crypto.verify(scheme.algorithm, publicKey.spki, signedContent(signer, transcriptHash), signature)
  ) {
    throw failed('signature', `the ${signer} could not prove that the certificate is its own`);
  }
}
