// The error of a certificate that breaks its format: one place, so that all readers say it in the same way.

import { SealwireError } from '../../base/errors.js';

/** INVALID_CERTIFICATE; `detail` says what is wrong with the certificate, as a clause. */
export function malformedCertificate(detail: string, cause?: unknown): SealwireError {
  return new SealwireError(
    'INVALID_CERTIFICATE',
    `the certificate breaks the rules of X.509 (${detail}): have it issued again`,
    cause === undefined ? {} : { cause },
  );
}
