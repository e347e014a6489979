// `sealwire/certificate` on its own: identities, path validation, pins and issuing, bound to a platform's crypto backend.
//
// Certificates come in any form, wherever they are asked for. One that was read before counts for its DER alone: what a
// program changed in the object since has no say. Front doors make one toolkit each and export its functions.

import { SealwireError } from '../base/errors.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type CertificateInput, readCertificates as readDerCertificates } from './file/pem.js';
import { type Identity, type IdentitySource, loadIdentity } from './identity.js';
import { type IssuedCertificate, type IssueOptions, issueCertificate } from './issue/issue.js';
import { type ChainValidation, type ValidationResult, validateCertificateChain } from './path/path.js';
import { type PublicKeyPin, pinPublicKey } from './trust/pin.js';
import type { CertificateValidator } from './trust/validator.js';
import { type CertificateDescription, describeCertificate } from './x509/description.js';
import { publicKeyPin } from './x509/fingerprint.js';
import { type Certificate, parseCertificate } from './x509/x509.js';

/** PEM, DER, or certificates that were read before; one or many. */
export type CertificateLike = CertificateInput | Certificate | readonly (string | Uint8Array | Certificate)[];

/** What {@link ChainValidation} asks for, with certificates in any form. */
export interface ChainInput extends Pick<ChainValidation, 'hostname' | 'purpose'> {
  /** The first certificate in it; further ones count as intermediates. */
  readonly leaf: CertificateLike;
  readonly intermediates?: CertificateLike;
  /** Whom to trust; there is no default. */
  readonly roots: CertificateLike;
  /** Default: now. */
  readonly time?: Date;
}

export interface CertificateToolkit {
  loadIdentity(source: IdentitySource): Identity;
  validateCertificateChain(input: ChainInput): ValidationResult;
  issueCertificate(options: IssueOptions): IssuedCertificate;
  pinPublicKey(...pins: readonly PublicKeyPin[]): CertificateValidator;
  publicKeyPin(certificate: CertificateLike): string;
  describeCertificate(certificate: CertificateLike): CertificateDescription;
}

export function certificateToolkit(crypto: CryptoProvider): CertificateToolkit {
  return {
    loadIdentity: (source) => loadIdentity(crypto, source),
    issueCertificate: (options) => issueCertificate(crypto, options),
    validateCertificateChain: (input) => validateInput(crypto, input),
    pinPublicKey: (...pins) => pinPublicKey(crypto, ...pins),
    publicKeyPin: (certificate) => publicKeyPin(crypto, firstOf(certificate)),
    describeCertificate: (certificate) => describeCertificate(crypto, firstOf(certificate)),
  };
}

/**
 * The certificates of a PEM text, of DER bytes, or of several of them, in their order; keys and other blocks in between
 * are passed over. Throws INVALID_CERTIFICATE for what cannot be read, and where there is no certificate.
 */
export function readCertificates(input: CertificateLike): Certificate[] {
  return derOf(input).map(parseCertificate);
}

function firstOf(input: CertificateLike): Certificate {
  const [first] = derOf(input);
  if (first === undefined) throw invalid('a certificate was expected, but the list is empty');
  return parseCertificate(first);
}

const noRoots =
  'there is no root to trust: pass the PEM of the authority as "roots" (on Node, systemRoots() and builtInRoots() know more)';
const noInput =
  'the input must be { leaf, roots, purpose } with certificates in PEM or DER, and optionally intermediates, hostname, time';

function validateInput(crypto: CryptoProvider, input: ChainInput): ValidationResult {
  try {
    const { hostname, time = new Date(), purpose, intermediates = [], roots = [] } = input;
    // A purpose that does not exist would be no purpose at all for the extended key usage.
    if (purpose !== 'server' && purpose !== 'client')
      return malformed('"purpose" must be "server" or "client"');
    if (hostname !== undefined && typeof hostname !== 'string')
      return malformed('"hostname" must be a string');
    if (!(time instanceof Date)) return malformed('"time" must be a Date');
    const [leaf, ...more] = named('leaf', input.leaf);
    if (leaf === undefined) return malformed('"leaf" holds no certificate');
    const trusted = named('roots', roots);
    if (trusted.length === 0) return { ok: false, reason: 'untrusted', detail: noRoots };
    return validateCertificateChain({
      crypto,
      leaf,
      intermediates: [...more, ...named('intermediates', intermediates)],
      roots: trusted,
      hostname,
      time,
      purpose,
    });
  } catch (error) {
    return malformed(messageOf(error));
  }
}

function named(name: 'leaf' | 'intermediates' | 'roots', input: unknown): Uint8Array[] {
  try {
    return derOf(input);
  } catch (error) {
    throw invalid(`"${name}" cannot be read: ${messageOf(error)}`);
  }
}

/** As many as a whole store of roots has, many times over. */
const maxCertificates = 4096;

function derOf(input: unknown): Uint8Array[] {
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (inputs.length > maxCertificates)
    throw invalid(`the list has more than ${maxCertificates} certificates`);
  // By index: flatMap passes over holes.
  return Array.from({ length: inputs.length }, (_, index) => inputs[index]).flatMap((one) => {
    if (typeof one === 'string' || one instanceof Uint8Array) return readDerCertificates(one);
    const der = typeof one === 'object' && one !== null && 'der' in one ? one.der : undefined;
    if (der instanceof Uint8Array) return [der];
    throw invalid('a certificate must be PEM text, DER bytes, or what readCertificates() returns');
  });
}

/** Of errors of our own. What else is thrown is the input's doing, and may throw again when it is looked at. */
function messageOf(error: unknown): string {
  try {
    return error instanceof SealwireError ? error.message : noInput;
  } catch {
    return noInput;
  }
}

function malformed(detail: string): ValidationResult {
  return { ok: false, reason: 'malformed', detail };
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
