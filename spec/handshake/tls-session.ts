// A session of TLS for the handshake, as its transport would show it.

import type { SecureChannel } from '../../lib/transport/secure-channel.js';
import type { TlsExporter } from '../reference/tls-exporter.js';

/** A session of TLS of which nothing but the exporter matters. */
export function tlsSession(exporter: TlsExporter): SecureChannel {
  return {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    askedClient: false,
    peerChain: [],
    exportKey: (label, bytes, context) => exporter(label, context, bytes),
  };
}
