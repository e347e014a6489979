// Sections 4.9 and 5.4 of docs/protocol.md: what both ends of a session of TLS 1.3 have, and nobody else. Here with the
// hash of the session SHA-256; what TLS itself does stands in RFC 9846 §7.5.

import { expand, sha256 } from './key-schedule.js';
import { concat, text, u16, vec8 } from './notation.js';

/** TLS-Exporter(label, context, length) of one session. */
export type TlsExporter = (label: string, context: Uint8Array, length: number) => Uint8Array;

export function tlsExporter(exporterSecret: Uint8Array): TlsExporter {
  return (label, context, length) => {
    const derived = tlsExpandLabel(exporterSecret, label, sha256(), 32);
    return tlsExpandLabel(derived, 'exporter', sha256(context), length);
  };
}

/** RFC 9846 §7.1 */
function tlsExpandLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
  return expand(secret, concat(u16(length), vec8(text(`tls13 ${label}`)), vec8(context)), length);
}

/** 4.9 */
export function bindingsOf(tls: TlsExporter): { client: Uint8Array; server: Uint8Array } {
  const both = tls('EXPORTER-sealwire-channel', new Uint8Array(0), 64);
  return { client: both.slice(0, 32), server: both.slice(32) };
}

/** 5.4 */
export function exportKeyOverTls(
  tls: TlsExporter,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  return tls('EXPORTER-sealwire-key', concat(vec8(text(label)), context), length);
}
