// Clients that decide for themselves whom to trust. Run it: node dist/samples/guide/validators.js

import { NetworkingManager, Rpc, SealwireError } from 'sealwire';
import {
  allOf,
  anyOf,
  type CertificateValidator,
  defaultRule,
  fromDelegate,
  issueCertificate,
  pinPublicKey,
  publicKeyPin,
  readCertificates,
} from 'sealwire/certificate';

class Hello {
  @Rpc()
  motto(): string {
    return 'sealed where it matters';
  }
}

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const ca = authority.pem.certificate;
const issued = issueCertificate({ dnsNames: ['game.example'], issuer: authority });
const next = issueCertificate({ dnsNames: ['game.example'], issuer: authority });
const todaysPin = publicKeyPin(issued.certificate);
const nextPin = publicKeyPin(next.certificate);
const [leaf] = readCertificates(issued.certificate);
/** In earnest this asks a list of your own. */
const revokedSerials = async (): Promise<Set<string>> => new Set([leaf!.serialNumber]);

// This key, or the one that will follow it; no authority is asked, and no date or name looked at.
const pinned = pinPublicKey(todaysPin, nextPin);

// The default rule, and this key besides.
const verifiedAndPinned = allOf(defaultRule, pinned);

// The old certificate without authority, until the last server has a new one.
const migrating = anyOf(defaultRule, pinPublicKey(todaysPin));

// A rule of one's own on top of the default one; it may take its time, within the limit of the handshake.
const notRevoked: CertificateValidator = async ([certificate], hostname, context) => {
  const result = context.defaultResult();
  if (!result.ok) {
    console.warn(`${hostname}: ${result.reason}, ${result.detail}`);
    return false;
  }
  return !(await revokedSerials()).has(certificate!.serialNumber);
};

// The shape of MLAPI's delegate. True accepts.
const delegate = fromDelegate((_certificate, hostname) => hostname === 'game.example');

const server = new NetworkingManager({ certificate: { cert: issued.pem.certificate, key: issued.pem.key } });
server.register(new Hello());
const url = await server.startServer('ws://127.0.0.1:0');

const validators = { pinned, verifiedAndPinned, migrating, notRevoked, delegate };
for (const [name, validateCertificate] of Object.entries(validators)) {
  const client = new NetworkingManager({ ca, serverName: 'game.example', validateCertificate });
  try {
    await client.startClient(url);
    console.log(`${name}: accepted`);
  } catch (error) {
    if (!(error instanceof SealwireError)) throw error;
    console.log(`${name}: ${error.code}, ${error.reason}`);
  }
  await client.stop();
}
await server.stop();
