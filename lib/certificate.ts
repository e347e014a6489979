// The front door of `sealwire/certificate` on Node.js: certificates without the rest of Sealwire.

import { type CertificateToolkit, certificateToolkit } from './certificate/toolkit.js';
import { nodeCrypto } from './crypto/node.js';

export type { CertificateInput } from './certificate/file/pem.js';
export type { Identity, IdentitySource } from './certificate/identity.js';
export type { IssuedCertificate, IssueOptions, Issuer } from './certificate/issue/issue.js';
export type { PathRejectionReason, ValidationResult } from './certificate/path/path.js';
export type { ChainInput } from './certificate/toolkit.js';
export { type Certificate, parseCertificate } from './certificate/x509/x509.js';

const toolkit = certificateToolkit(nodeCrypto);

/** Reads a PFX file or PEM: the certificate chain and its private key. */
export const loadIdentity: CertificateToolkit['loadIdentity'] = toolkit.loadIdentity;
/** Whether a chain leads from a leaf to a trusted root, by RFC 5280; never throws on bad input. */
export const validateCertificateChain: CertificateToolkit['validateCertificateChain'] =
  toolkit.validateCertificateChain;
/** Makes roots, intermediates and leaves, with PEM and PFX files of them. */
export const issueCertificate: CertificateToolkit['issueCertificate'] = toolkit.issueCertificate;
