// What messages call a certificate.

import { quoted } from '../../base/printable.js';
import { describeName } from './distinguished-name.js';
import type { Certificate } from './x509.js';

/** Its subject, or where that is empty, as RFC 5280 allows, the first host name that it is for; quoted, and cut. */
export function titleOf({ subject, subjectAltName }: Certificate): string {
  const host = subjectAltName?.find((name) => name.kind === 'dns');
  return subject.relativeNames.length === 0 && host?.kind === 'dns'
    ? `for ${quoted(host.value)}`
    : describeName(subject);
}
