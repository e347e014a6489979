// What the secure connections of Unity Transport become; docs/coming-from/unity-transport.md has both side by side.
// Run it: node dist/samples/guide/coming-from-unity-transport.js

import { equal } from 'node:assert/strict';
import { callContext, NetworkingManager, Rpc, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

// What the manual makes with five commands of OpenSSL; those files work here, too.
const root = issueCertificate({ commonName: 'My game', ca: true });
const myGameServer = issueCertificate({ dnsNames: ['localserver'], issuer: root });
const devices = issueCertificate({ commonName: 'My devices', ca: true });
const device = issueCertificate({ commonName: 'drone-7', purpose: 'client', issuer: devices });
const stranger = issueCertificate({ commonName: 'drone-7', purpose: 'client', issuer: root });
const SecureParameters = {
  MyGameClientCA: root.pem.certificate,
  MyGameServerCertificate: myGameServer.pem.certificate,
  MyGameServerPrivateKey: myGameServer.pem.key,
  MyDevicesCA: devices.pem.certificate,
};

/** Bytes, as NativeArray<byte> and DataStreamWriter were; but under a name, with an answer and with flags of its own. */
class Simulation {
  @Rpc(Security.None, { oneWay: true })
  cursor(_x: number, _y: number): void {}

  @Rpc(Security.Authenticated)
  input(bytes: Uint8Array): number {
    return bytes.length;
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  flags(): number {
    return callContext().security;
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  whoAmI(): string {
    return callContext().identity!.name;
  }
}

// WithSecureServerParameters(certificate, privateKey)
const server = new NetworkingManager({
  certificate: {
    cert: SecureParameters.MyGameServerCertificate,
    key: SecureParameters.MyGameServerPrivateKey,
  },
  limits: { handshakeTimeoutMs: 10_000 }, // SSLHandshakeTimeoutMax; 10 seconds are the default
});
server.register(new Simulation());
const url = await server.startServer('tls://127.0.0.1:0'); // NetworkDriver.Create(settings), Bind, Listen

// WithSecureClientParameters(caCertificate, serverName)
const client = new NetworkingManager({
  ca: SecureParameters.MyGameClientCA,
  serverName: 'localserver',
});
await client.startClient(url);
equal(client.connection?.security.protection, 'transport');

const simulation = client.rpc<Simulation>('Simulation');
await simulation.cursor(3, 4);
equal(await simulation.input(new Uint8Array([1, 2, 3])), 3);
equal(await simulation.flags(), 3);

// The certificate is renewed while the server runs.
const next = issueCertificate({ dnsNames: ['localserver'], issuer: root });
server.setCertificate({ cert: next.pem.certificate, key: next.pem.key });
await client.stop();
await client.startClient(url);

// A failed handshake rejects, with what failed.
const wrongName = new NetworkingManager({ ca: SecureParameters.MyGameClientCA, serverName: 'otherserver' });
try {
  // Dialled as localhost: for 127.0.0.1 alone the name is not compared.
  await wrongName.startClient(url.replace('127.0.0.1', 'localhost'));
} catch (error) {
  if (!(error instanceof SealwireError)) throw error;
  console.log(error.code, error.reason);
}
await client.stop();
await server.stop();

// WithSecureServerParameters(certificate, privateKey, caCertificate, clientName, SecureClientAuthPolicy.Required)
const strict = new NetworkingManager({
  certificate: {
    cert: SecureParameters.MyGameServerCertificate,
    key: SecureParameters.MyGameServerPrivateKey,
  },
  ca: SecureParameters.MyDevicesCA,
  clientAuthentication: 'required',
  // clientName: one name for all clients there, any rule here.
  approveConnection: ({ identity }) => {
    if (!identity?.name.startsWith('drone-')) return { approved: false, code: 'NOT_A_DRONE' };
    return { approved: true, data: { player: { name: identity.name, score: 0 } } }; // PeerData of docs/approval.md
  },
});
strict.register(new Simulation());
strict.on('encryptionFailed', ({ code, reason }) => console.log(`server: ${code}, ${reason}`));
const strictUrl = await strict.startServer('wss://127.0.0.1:0'); // new WebSocketNetworkInterface()

// WithSecureClientParameters(certificate, privateKey, caCertificate, serverName)
const drone = new NetworkingManager({
  certificate: { cert: device.pem.certificate, key: device.pem.key },
  ca: SecureParameters.MyGameClientCA,
  serverName: 'localserver',
});
await drone.startClient(strictUrl);
equal(await drone.rpc<Simulation>('Simulation').whoAmI(), 'drone-7');

// Of another authority: refused, and told so.
const impostor = new NetworkingManager({
  certificate: { cert: stranger.pem.certificate, key: stranger.pem.key },
  ca: SecureParameters.MyGameClientCA,
  serverName: 'localserver',
});
equal(await codeOf(impostor.startClient(strictUrl)), 'CERTIFICATE_REJECTED');
await drone.stop();
await strict.stop();

// All of a connection, whatever carries it and whoever ends TLS on the way; and Sealwire's own handshake inside TLS.
const whole = new NetworkingManager({
  certificate: {
    cert: SecureParameters.MyGameServerCertificate,
    key: SecureParameters.MyGameServerPrivateKey,
  },
  minimumSecurity: Security.Encrypted | Security.Authenticated,
  trustSecureTransport: false,
});
whole.register(new Simulation());
const wholeUrl = await whole.startServer('wss://127.0.0.1:0/some/path');
await client.startClient(wholeUrl);
equal(client.connection?.security.protection, 'signed');
equal(await simulation.input(new Uint8Array(2)), 2);
await client.stop();
await whole.stop();

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SealwireError) return error.code;
    throw error;
  }
  return 'it worked';
}
