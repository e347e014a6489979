// Certificates that were found good lately, read already: a peer shows the same ones with each of its connections.
//
// Only those of a path that was found to a root are remembered, or anybody could fill this with his own. They are read
// anew from a copy of their bytes and never given to an application, so what is read here is what they say. Nothing but
// the reading is spared: whether they are in force, and for whom, is asked each time.

import { Recent } from '../../base/recent.js';
import { type Certificate, parseCertificate } from './x509.js';

/** As many as peers that come back within a moment; the chain of a handshake has 16 KiB at most. */
const known = new Recent<Certificate>({ maxEntries: 32, maxBytes: 16 * 1024 });

/** As {@link parseCertificate}. The result is shared: it must not leave the library. */
export function readKnown(der: Uint8Array): Certificate {
  return known.find(der) ?? parseCertificate(der);
}

/** For certificates that lead to a root. */
export function rememberRead(certificates: readonly Certificate[]): void {
  for (const { der } of certificates) known.remember([der], parseCertificate);
}
