// Who the other side of a connection has proved to be.
//
// It is known from the handshake and holds for the whole connection, but only what is Authenticated is known to come from
// there: callContext() tells it for such calls alone.

import { attributeValues, commonNameOid } from '../certificate/x509/distinguished-name.js';
import { type Certificate, parseCertificate } from '../certificate/x509/x509.js';

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

/** Told apart by `kind`; there is one for now. */
export type PeerIdentity = CertificateIdentity;

/** `chain` is DER, the peer's own first; undefined where it showed none. */
export function certificateIdentity(chain: readonly Uint8Array[]): PeerIdentity | undefined {
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
