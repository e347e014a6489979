// What a manager tells a transport that speaks TLS (wss://, tls://): the same certificates, roots and limits as those of its
// own handshake.
//
//   server: ServerCertificates.choose(name), anew for each connection ─▸ the certificate that TLS shows
//   client: the chain that TLS was shown ─▸ certificate/trust/validator.ts, before a byte of ours is sent

import type { Identity } from '../certificate/identity.js';
import type { TlsClientOptions, TlsIdentity, TlsServerOptions } from '../transport/secure-channel.js';
import type { ClientSettings, ServerSettings } from './config.js';
import type { ServerCertificates } from './server-certificates.js';

export function tlsOfServer(certificates: ServerCertificates, settings: ServerSettings): TlsServerOptions {
  const { clientAuthentication, trustSecureTransport, limits } = settings;
  return {
    // Which algorithms the client can verify is for TLS to know: those that we have keys of are all of its own.
    choose: (serverName) => tlsIdentity(certificates.choose(serverName, () => true)!),
    // Where TLS does not count, who the client is comes out in the handshake.
    asksClient: clientAuthentication !== 'none' && trustSecureTransport,
    timeoutMs: limits.handshakeTimeoutMs,
    maxHandshakes: limits.maxHalfOpenConnections,
  };
}

export function tlsOfClient(
  { serverName, identities }: ClientSettings,
  checkServer: TlsClientOptions['checkServer'],
): TlsClientOptions {
  const [identity] = identities;
  return { serverName, identity: identity && tlsIdentity(identity), checkServer };
}

/** The same one for an identity every time: transports keep with it what they have made of its key. */
const made = new WeakMap<Identity, TlsIdentity>();

function tlsIdentity(identity: Identity): TlsIdentity {
  let forTls = made.get(identity);
  if (forTls === undefined) {
    forTls = { chain: identity.chain, exportKey: () => identity.key.export() };
    made.set(identity, forTls);
  }
  return forTls;
}
