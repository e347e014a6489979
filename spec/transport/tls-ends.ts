// Transports with TLS as specs use them: the server shows the certificate of arena.example, the client takes its root.

import { loadIdentity } from '../../lib/certificate/identity.js';
import type { IssuedCertificate } from '../../lib/certificate/issue/issue.js';
import { checkServerCertificate } from '../../lib/certificate/trust/validator.js';
import { parseCertificate } from '../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { TlsClientOptions, TlsIdentity, TlsServerOptions } from '../../lib/transport/secure-channel.js';
import type { ClientTransport, ServerTransport } from '../../lib/transport/transport.js';
import { authority, credentials, serverCertificate, serverName } from '../support/authority.js';

export function tlsIdentity(issued: IssuedCertificate): TlsIdentity {
  const { chain, key } = loadIdentity(nodeCrypto, credentials(issued));
  return { chain, exportKey: () => key.export() };
}

export function tlsServer(changed: Partial<TlsServerOptions> = {}): TlsServerOptions {
  const identity = tlsIdentity(serverCertificate());
  return { choose: () => identity, asksClient: false, ...changed };
}

/** Judges as a manager does. */
export function tlsClient(changed: Partial<TlsClientOptions> = {}): TlsClientOptions {
  const roots = [parseCertificate(authority().certificate)];
  return {
    serverName,
    checkServer: (chain) =>
      checkServerCertificate({ crypto: nodeCrypto, chain, roots, hostname: serverName, time: new Date() }),
    ...changed,
  };
}

export function withTls<Transport extends ClientTransport & ServerTransport>(
  transport: Transport,
  {
    server = tlsServer(),
    client = tlsClient(),
  }: { server?: TlsServerOptions; client?: TlsClientOptions } = {},
): ClientTransport & ServerTransport {
  return {
    hostname: transport.hostname,
    listen: (options) => transport.listen({ ...options, tls: server }),
    connect: (options) => transport.connect({ ...options, tls: client }),
  };
}
