// Certificates for specs, made once per process by our own issuer: an authority, a server's identity, and a stranger.

import { type IssuedCertificate, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';

const made = new Map<string, IssuedCertificate>();

function once(name: string, make: () => IssuedCertificate): IssuedCertificate {
  const issued = made.get(name) ?? make();
  made.set(name, issued);
  return issued;
}

/** The root that clients of specs trust. */
export function authority(): IssuedCertificate {
  return once('authority', () => issueCertificate(nodeCrypto, { commonName: 'Sealwire specs', ca: true }));
}

/** A root that nobody trusts. */
export function strangeAuthority(): IssuedCertificate {
  return once('stranger', () => issueCertificate(nodeCrypto, { commonName: 'Somebody else', ca: true }));
}

/** A certificate for `arena.example`, of the trusted root or of another. */
export function serverCertificate(issuer: IssuedCertificate = authority()): IssuedCertificate {
  const name = issuer === authority() ? 'server' : 'strange server';
  return once(name, () => issueCertificate(nodeCrypto, { dnsNames: [serverName], issuer }));
}

/** A client's certificate with this common name, of the trusted root or of another. */
export function clientCertificate(
  commonName: string,
  issuer: IssuedCertificate = authority(),
  keyKind: 'p256' | 'ed25519' = 'p256',
): IssuedCertificate {
  const name = `${issuer === authority() ? 'client' : 'strange client'} ${commonName} ${keyKind}`;
  return once(name, () => issueCertificate(nodeCrypto, { commonName, purpose: 'client', issuer, keyKind }));
}

/** What is configured to show it. */
export function credentials({ pem }: IssuedCertificate): { cert: string; key: string } {
  return { cert: pem.certificate, key: pem.key };
}

export const serverName = 'arena.example';
