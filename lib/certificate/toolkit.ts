// `sealwire/certificate` on its own: identities, path validation and issuing, bound to a platform's crypto backend.
//
// PEM or DER goes in, wherever certificates are asked for. Front doors make one toolkit each and export its functions.

import type { CryptoProvider } from '../crypto/provider.js';
import { type CertificateInput, readCertificates } from './file/pem.js';
import { type Identity, type IdentitySource, loadIdentity } from './identity.js';
import { type IssuedCertificate, type IssueOptions, issueCertificate } from './issue/issue.js';
import { type ChainValidation, type ValidationResult, validateCertificateChain } from './path/path.js';
import type { Certificate } from './x509/x509.js';

/** What {@link ChainValidation} asks for, with certificates in any form. */
export interface ChainInput extends Pick<ChainValidation, 'hostname' | 'purpose'> {
  /** One certificate, PEM or DER; further ones in the same PEM count as intermediates. */
  readonly leaf: CertificateInput | Certificate;
  readonly intermediates?: CertificateInput | readonly Certificate[];
  readonly roots: CertificateInput | readonly Certificate[];
  /** Default: now. */
  readonly time?: Date;
}

export interface CertificateToolkit {
  loadIdentity(source: IdentitySource): Identity;
  validateCertificateChain(input: ChainInput): ValidationResult;
  issueCertificate(options: IssueOptions): IssuedCertificate;
}

export function certificateToolkit(crypto: CryptoProvider): CertificateToolkit {
  return {
    loadIdentity: (source) => loadIdentity(crypto, source),
    issueCertificate: (options) => issueCertificate(crypto, options),
    validateCertificateChain({ leaf, intermediates = [], roots, hostname, time = new Date(), purpose }) {
      try {
        const [first, ...more] = certificatesOf(isCertificate(leaf) ? [leaf] : leaf);
        if (first === undefined)
          return { ok: false, reason: 'malformed', detail: 'leaf holds no certificate' };
        return validateCertificateChain({
          crypto,
          leaf: first,
          intermediates: [...more, ...certificatesOf(intermediates)],
          roots: certificatesOf(roots),
          hostname,
          time,
          purpose,
        });
      } catch (error) {
        return {
          ok: false,
          reason: 'malformed',
          detail: error instanceof Error ? error.message : 'not readable',
        };
      }
    },
  };
}

function certificatesOf(
  input: CertificateInput | readonly Certificate[],
): readonly (Certificate | Uint8Array)[] {
  if (Array.isArray(input) && input.every(isCertificate)) return input;
  return readCertificates(input as CertificateInput);
}

function isCertificate(value: unknown): value is Certificate {
  return typeof value === 'object' && value !== null && 'tbs' in value;
}
