// What the servers of the fleet have in common: the key of their tokens, and who may sign in.

import { type NetworkConfig, RpcError } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Lobby authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['fleet.example'], issuer: authority });

/** So short that it runs out while you watch; leave it out, and it is an hour. */
export const lifetimeMs = 1500;

/** Of the server with this name. `tokenKey` is the same for all of them, from a place where you keep secrets. */
export function serverConfig(name: string, tokenKey: Uint8Array): NetworkConfig {
  return {
    certificate: { cert: pem.certificate, key: pem.key },
    tokens: { keys: [{ id: '2026-11', key: tokenKey }], lifetimeMs },
    authenticate: {
      password(credentials) {
        const { player, pin } = (credentials ?? {}) as { player?: unknown; pin?: unknown };
        if (typeof player !== 'string' || pin !== '1234') {
          throw new RpcError('UNAUTHENTICATED', 'who is that?');
        }
        console.log(`${name}: ${player} signs in with a password`);
        return { subject: player, claims: { role: 'player' }, public: { name: player } };
      },
    },
  };
}

/** Of a client, which needs none of the secrets. */
export const clientConfig: NetworkConfig = {
  ca: authority.pem.certificate,
  serverName: 'fleet.example',
};
