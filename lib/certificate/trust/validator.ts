// The decision over a peer's certificate: the default rule, and the application's own in its place.
//
//   default: the chain verifies to a root, and the name matches or the dialled address is 127.0.0.1
//   validateCertificate(chain, hostname, context): replaces it; `true` accepts, anything else and any error refuses
//
// The function is the application's, and what it is shown is its own: whatever it does to the certificates, the default
// rule, the connection and the connections after it go by bytes that it never saw.
//
// 127.0.0.1 waives the name and nothing else, and no other spelling of this machine does: a program on it that could
// answer for `localhost` in the resolver must not get a free pass.

import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type ValidationResult, validateCertificateChain } from '../path/path.js';
import type { CertificateRejectionReason, PathRejectionReason } from '../path/rules.js';
import { publicKeyPin } from '../x509/fingerprint.js';
import { readKnown, rememberRead } from '../x509/known.js';
import { titleOf } from '../x509/title.js';
import { type Certificate, parseCertificate } from '../x509/x509.js';
import { verdictOf } from './verdict.js';

export interface ValidationContext {
  /** At which dates are looked at; a copy. */
  readonly time: Date;
  /** Whose certificate it is. */
  readonly purpose: 'server' | 'client';
  /** Where it was shown: behind a proxy that ends TLS there are two, the proxy's and the server's own. */
  readonly shownIn: 'handshake' | 'tls';
  /** Aborted when the connection has ended, or took too long: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** What would have been decided without this function: whether {@link defaultResult} is ok. Worked out once. */
  validateDefault(): boolean;
  /** The same with the reason, for a log; or with the path to a root that was found, leaf first. */
  defaultResult(): ValidationResult;
}

/**
 * Decides in place of the default rule. `chain` is what the peer sent, leaf first: well formed, but nothing of it
 * has been verified, and frozen. `hostname` is the expected name, empty for a client's certificate. Only `true`
 * (returned or promised) accepts; anything else, a rejection or an error refuses with reason `revoked-by-validator`.
 */
export type CertificateValidator = (
  chain: readonly Certificate[],
  hostname: string,
  context: ValidationContext,
) => boolean | Promise<boolean>;

export interface ClientCertificateCheck {
  readonly crypto: CryptoProvider;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly roots: readonly Certificate[];
  readonly time: Date;
  readonly validate?: CertificateValidator | undefined;
  /** For {@link ValidationContext.shownIn}; default `handshake`. */
  readonly shownIn?: ValidationContext['shownIn'];
  /** For {@link ValidationContext.signal}; without it, one that is never aborted. */
  readonly signal?: AbortSignal | undefined;
}

export interface ServerCertificateCheck extends ClientCertificateCheck {
  /** The name that the certificate must be for. */
  readonly hostname: string;
  /** The host of the address that was dialled, where it is known. */
  readonly dialledHost?: string | undefined;
}

/** The one address for which the name does not count. */
const loopback = '127.0.0.1';

/**
 * Returns when the server's certificate is accepted; throws CERTIFICATE_REJECTED with a
 * {@link CertificateRejectionReason} when it is not. A promise only where `validate` returned one.
 */
export function checkServerCertificate(check: ServerCertificateCheck): Promise<void> | void {
  const waived = check.dialledHost === loopback;
  return checkCertificate(check, 'server', check.hostname, waived ? undefined : check.hostname);
}

/** As {@link checkServerCertificate}, for the certificate of a client: nobody expects a name of it. */
export function checkClientCertificate(check: ClientCertificateCheck): Promise<void> | void {
  return checkCertificate(check, 'client', '', undefined);
}

function checkCertificate(
  { crypto, chain, roots, time, validate, shownIn = 'handshake', signal }: ClientCertificateCheck,
  purpose: 'server' | 'client',
  hostname: string,
  requiredName: string | undefined,
): Promise<void> | void {
  const [leaf, ...intermediates] = readChain(chain);
  if (leaf === undefined) throw rejected('malformed', 'there is no certificate in it');
  let result: ValidationResult | undefined;
  const runDefault = (): ValidationResult => {
    result ??= validateCertificateChain({
      crypto,
      leaf,
      intermediates,
      roots,
      hostname: requiredName,
      time,
      purpose,
    });
    if (result.ok) rememberRead(result.path.slice(0, -1));
    return result;
  };

  if (validate === undefined) {
    const found = runDefault();
    if (!found.ok) throw rejectedByDefault(found);
    return;
  }
  const context: ValidationContext = Object.freeze({
    time: new Date(time),
    purpose,
    shownIn,
    signal: signal ?? new AbortController().signal,
    validateDefault: () => runDefault().ok,
    defaultResult: () => forApplication(runDefault()),
  });
  const refused = (cause: unknown): SealwireError => rejectedByValidator(crypto, leaf, cause);
  let verdict: boolean | Promise<boolean>;
  try {
    verdict = verdictOf(validate(copies([leaf, ...intermediates]), hostname, context));
  } catch (error) {
    throw refused(error);
  }
  const settle = (accepted: boolean): void => {
    if (accepted) return;
    throw refused(result?.ok === false ? rejectedByDefault(result) : undefined);
  };
  if (typeof verdict === 'boolean') return settle(verdict);
  return verdict.then(settle, (error) => {
    throw refused(error);
  });
}

function readChain(chain: readonly Uint8Array[]): Certificate[] {
  try {
    return chain.map(readKnown);
  } catch (cause) {
    throw rejected('malformed', 'a certificate in it cannot be read', cause);
  }
}

/** A path ends at a root, which all connections have in common: it is not given out either. */
function forApplication(result: ValidationResult): ValidationResult {
  return Object.freeze(result.ok ? { ok: true, path: copies(result.path) } : { ...result });
}

/**
 * The same certificates in memory of their own, frozen: a validator that turns the chain round or marks something in
 * it must not change what a validator behind it takes for the leaf. Bytes cannot be frozen, so they are copied.
 */
function copies(certificates: readonly Certificate[]): readonly Certificate[] {
  return frozen(certificates.map(({ der }) => parseCertificate(new Uint8Array(der))));
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}

const advice: Readonly<Record<PathRejectionReason, string>> = {
  untrusted: 'put the CA that issued it into `ca`, and let the other side send its intermediates',
  expired: 'renew the expired certificate',
  'not-yet-valid': 'check the clock of both machines, or wait until the certificate becomes valid',
  'name-mismatch':
    'dial the name that the certificate is for, set `serverName`, or have it issued for this name',
  'constraint-violated': 'have it issued by a CA that may issue it',
  'wrong-purpose': 'have it issued for this purpose (digitalSignature, serverAuth or clientAuth)',
  'weak-key':
    'use RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384, or Ed25519, signed with SHA-256 or better',
  malformed: 'export or issue the certificates again',
};

function rejectedByDefault({ reason, detail }: Extract<ValidationResult, { ok: false }>): SealwireError {
  return rejected(reason, detail);
}

function rejected(reason: PathRejectionReason, detail: string, cause?: unknown): SealwireError {
  const options: { reason: CertificateRejectionReason; cause?: unknown } = { reason };
  if (cause !== undefined) options.cause = cause;
  const message = `the chain of certificates was refused (${detail}): ${advice[reason]}`;
  return new SealwireError('CERTIFICATE_REJECTED', message, options);
}

/** Names the key that was seen: most often it is a pin that does not fit, and then this is the other half. */
function rejectedByValidator(crypto: CryptoProvider, leaf: Certificate, cause: unknown): SealwireError {
  const options: { reason: CertificateRejectionReason; cause?: unknown } = { reason: 'revoked-by-validator' };
  if (cause !== undefined) options.cause = cause;
  const seen = `${titleOf(leaf)} with the public key ${publicKeyPin(crypto, leaf)}`;
  const message = `validateCertificate refused the certificate ${seen}: it must return true, or promise it, to accept`;
  return new SealwireError('CERTIFICATE_REJECTED', message, options);
}
