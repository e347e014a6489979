// A token that is bound is of use to one client alone: whoever shows it proves, on this very connection, to have the key
// whose thumbprint stands in it.
//
//   proof = signature of the client's key over  context ‖ exporter of the connection ‖ SHA-256 of the token
//
// The exporter (RFC 9846 §7.5) is another one on every connection: a proof that was overheard, or that another server was
// given, is of no use anywhere (as in RFC 8471). Where the client has a certificate, the handshake has proved its key
// already, and the token names the certificate (RFC 8705 §3).

import { concat, utf8 } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import type { Confirmation } from './token.js';

/** What the connection exports for proofs. */
export const bindingLabel = 'EXPORTER-sealwire-token-binding';
export const bindingBytes = 32;

const context = utf8('sealwire, token binding\0');
const keyBytes = 32;
/** SubjectPublicKeyInfo of Ed25519 in front of the key, RFC 8410 §4. */
const ed25519Prefix = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

export interface BindingProof {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** A key for a client to bind its tokens to. It lives as long as the client does, and nowhere else. */
export function bindingKey(crypto: CryptoProvider): PrivateKey {
  return crypto.generateKeyPair('ed25519');
}

/** `exported` is what this connection exports under {@link bindingLabel}; `token` is empty where there is none yet. */
export function prove(
  crypto: CryptoProvider,
  key: PrivateKey,
  exported: Uint8Array,
  token: string,
): BindingProof {
  const publicKey = key.publicKey.slice(ed25519Prefix.length);
  return { publicKey, signature: key.sign('ed25519', proved(crypto, exported, token)) };
}

/** The thumbprint of the key that was proved; undefined where it was not. */
export function provedKey(
  crypto: CryptoProvider,
  { publicKey, signature }: BindingProof,
  exported: Uint8Array,
  token: string,
): string | undefined {
  if (publicKey.length !== keyBytes) return undefined;
  const spki = concat([ed25519Prefix, publicKey]);
  if (!crypto.verify('ed25519', spki, proved(crypto, exported, token), signature)) return undefined;
  // RFC 7638 §3 of the key as RFC 8037 §2 writes it: members in order, no white space.
  const jwk = `{"crv":"Ed25519","kty":"OKP","x":"${base64Url(publicKey)}"}`;
  return base64Url(crypto.hash('sha256', utf8(jwk)));
}

/** The thumbprint of a certificate, DER: RFC 8705 §3.1. */
export function certificateThumbprint(crypto: CryptoProvider, certificate: Uint8Array): string {
  return base64Url(crypto.hash('sha256', certificate));
}

/** What the one who shows a token has proved on its connection. */
export interface Proved {
  readonly key: string | undefined;
  readonly certificate: string | undefined;
}

/** Throws TOKEN_NOT_BOUND unless whoever shows the token has proved what stands in it. */
export function checkBinding(confirmation: Confirmation | undefined, { key, certificate }: Proved): void {
  if (confirmation === undefined) return;
  const isTheirs =
    'jkt' in confirmation ? confirmation.jkt === key : confirmation['x5t#S256'] === certificate;
  if (isTheirs) return;
  throw new SealwireError(
    'TOKEN_NOT_BOUND',
    'the token belongs to another client: it was shown without the key, or the certificate, that it is bound to',
  );
}

function proved(crypto: CryptoProvider, exported: Uint8Array, token: string): Uint8Array {
  return concat([context, exported, crypto.hash('sha256', utf8(token))]);
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
