// Who may be believed: an authority, and the server's certificate and key in a PFX file that only its passphrase opens.

import { randomBytes } from 'node:crypto';
import { issueCertificate } from 'sealwire/certificate';

export interface Credentials {
  readonly authorityName: string;
  /** What a client needs to check the server: public. */
  readonly authorityPem: string;
  /** The server's certificate and key, encrypted. */
  readonly pfx: Uint8Array;
  /** Random, and only ever in the memory of this program. */
  readonly passphrase: string;
}

/** The name in the server's certificate. Nobody checks it: the client dials an address, which stands there too. */
export const serverCommonName = 'The arena';
const passphraseBytes = 24;

/** Makes an authority and, issued by it, the identity of a server on 127.0.0.1. */
export function makeCredentials(authorityName: string): Credentials {
  const authority = issueCertificate({ commonName: authorityName, ca: true });
  const server = issueCertificate({
    commonName: serverCommonName,
    ipAddresses: ['127.0.0.1'],
    issuer: authority,
  });
  const passphrase = randomBytes(passphraseBytes).toString('base64url');
  return {
    authorityName,
    authorityPem: authority.pem.certificate,
    pfx: server.pfx(passphrase),
    passphrase,
  };
}
