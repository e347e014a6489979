// Who the other side of a connection has proved to be.
//
// A certificate is known from the handshake; credentials and tokens are shown on the connection, and count from then on. Only
// what is Authenticated is known to come from there: callContext() tells it for such calls alone.

import { attributeValues, commonNameOid } from '../certificate/x509/distinguished-name.js';
import { type Certificate, parseCertificate } from '../certificate/x509/x509.js';
import type { Claims, Json } from '../token/json.js';

/** By a certificate, whose key the peer has and which this side has accepted. */
export interface CertificateIdentity {
  readonly kind: 'certificate';
  /**
   * The common name of the certificate's subject, the last of several; without one, the first DNS name or mail address of
   * its subject alternative name; else empty. It is unique only if who issues the certificates sees to that.
   */
  readonly name: string;
  readonly certificate: Certificate;
  /** As the peer sent it, its own certificate first. */
  readonly chain: readonly Certificate[];
}

/**
 * By credentials that a server's `authenticate` has accepted, or by the token that was issued for them. Frozen, as all of it
 * is. It holds until the connection ends, another one takes its place, or it is revoked: a token that runs out is refused
 * by the next server, this one goes on.
 */
export interface TokenIdentity {
  readonly kind: 'token';
  /** The subject, as the hook named it. */
  readonly name: string;
  readonly claims: Claims;
  /** What servers tell one another: the client never sees it. */
  readonly data: Json;
  /** The sign-in, for `revokeTokens({ id })`: tokens that follow one another have the same. */
  readonly id: string;
  /** When the token runs out; undefined where the server issues none. */
  readonly expiresAt: Date | undefined;
}

/** Told apart by `kind`. Where a peer has shown both, it is the token's; `Peer.certificates` has the other. */
export type PeerIdentity = CertificateIdentity | TokenIdentity;

/** `chain` is DER, the peer's own first; undefined where it showed none. */
export function certificateIdentity(chain: readonly Uint8Array[]): CertificateIdentity | undefined {
  const certificates = chain.map(parseCertificate);
  const [certificate] = certificates;
  if (certificate === undefined) return undefined;
  const name = nameOf(certificate);
  return Object.freeze({ kind: 'certificate', name, certificate, chain: Object.freeze(certificates) });
}

function nameOf({ subject, subjectAltName = [] }: Certificate): string {
  const commonName = attributeValues(subject, commonNameOid).at(-1);
  if (commonName !== undefined) return commonName;
  for (const { kind, value } of subjectAltName) if (kind === 'dns' || kind === 'email') return value;
  return '';
}
