// The front door of `sealwire/certificate` on Node.js: certificates without the rest of Sealwire.

import { type CertificateToolkit, certificateToolkit } from './certificate/toolkit.js';
import { systemRoots as readSystemRoots } from './certificate/trust/system-roots.js';
import { nodeCrypto } from './crypto/node.js';

export type { CertificateInput } from './certificate/file/pem.js';
export type { Identity, IdentitySource } from './certificate/identity.js';
export type { IssuedCertificate, IssueOptions, Issuer } from './certificate/issue/issue.js';
export type {
  CertificateRejectionReason,
  PathRejectionReason,
  ValidationResult,
} from './certificate/path/path.js';
export { type CertificateLike, type ChainInput, readCertificates } from './certificate/toolkit.js';
export {
  allOf,
  anyOf,
  type CertificateDelegate,
  defaultRule,
  fromDelegate,
} from './certificate/trust/compose.js';
export type { PublicKeyPin } from './certificate/trust/pin.js';
export { builtInRoots } from './certificate/trust/system-roots.js';
export type { CertificateValidator, ValidationContext } from './certificate/trust/validator.js';
export type { CertificateDescription } from './certificate/x509/description.js';
export { type Certificate, parseCertificate } from './certificate/x509/x509.js';

const toolkit = certificateToolkit(nodeCrypto);

/** Reads a PFX file or PEM: the certificate chain and its private key. */
export const loadIdentity: CertificateToolkit['loadIdentity'] = toolkit.loadIdentity;
/** Whether a chain leads from a leaf to a trusted root, by RFC 5280; never throws on bad input. */
export const validateCertificateChain: CertificateToolkit['validateCertificateChain'] =
  toolkit.validateCertificateChain;
/** Makes roots, intermediates and leaves, with PEM and PFX files of them. */
export const issueCertificate: CertificateToolkit['issueCertificate'] = toolkit.issueCertificate;
/**
 * A validator that accepts exactly those peers whose own key has one of the pins, and looks at nothing else: no dates,
 * no name, no chain. For both, write `allOf(defaultRule, pinPublicKey(…))`. Pins are what `publicKeyPin` returns,
 * base64, hexadecimal or 32 bytes; list the next key's beside that of today. Throws INVALID_CONFIG for what is none.
 */
export const pinPublicKey: CertificateToolkit['pinPublicKey'] = toolkit.pinPublicKey;
/** The pin of a certificate's public key, `sha256/…`; of the first one, where there are several. */
export const publicKeyPin: CertificateToolkit['publicKeyPin'] = toolkit.publicKeyPin;
/** A certificate in words, for logs: names, issuer, dates, key, fingerprint; of the first one, where there are several. */
export const describeCertificate: CertificateToolkit['describeCertificate'] = toolkit.describeCertificate;

/**
 * The roots that the operating system trusts, PEM; or those that SSL_CERT_FILE and SSL_CERT_DIR name. Throws
 * INVALID_CONFIG where there are none.
 */
export const systemRoots: () => string[] = () => readSystemRoots();
