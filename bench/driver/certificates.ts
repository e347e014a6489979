// The certificates that all servers show: one authority, a leaf with a P-256 key and one with RSA-2048. Every client checks
// them against the same root.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueCertificate } from 'sealwire/certificate';
import type { KeyType } from '../cases/case.js';
import { type Credentials, serverName } from './candidate.js';
import type { Certificates } from './pair.js';

/** The file of the root goes when the process ends. */
export function makeCertificates(): Certificates {
  const authority = issueCertificate({ commonName: 'Bench authority', ca: true });
  const ca = authority.pem.certificate;
  const credentials = (keyKind: KeyType): Credentials => {
    const { pem } = issueCertificate({
      dnsNames: [serverName],
      ipAddresses: ['127.0.0.1'],
      issuer: authority,
      keyKind,
    });
    return { cert: pem.certificate, key: pem.key, ca };
  };
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, ca);
  return { servers: { p256: credentials('p256'), 'rsa-2048': credentials('rsa-2048') }, caFile };
}
