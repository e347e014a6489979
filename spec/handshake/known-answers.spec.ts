// The handshake against the second implementation's answers: with all that is random or chosen taken from a vector,
// both roles say what it says, byte for byte, and the keys that come out seal and open its traffic.

import { expect } from 'chai';
import { ApprovalDenied } from '../../lib/base/approval-denied.js';
import { concat, toHex } from '../../lib/base/bytes.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CipherName, CryptoProvider, PrivateKey } from '../../lib/crypto/provider.js';
import { signedContent } from '../../lib/handshake/certificate-verify.js';
import { startClientHandshake } from '../../lib/handshake/client.js';
import { Exporter, finishedMac, HandshakeSecrets } from '../../lib/handshake/key-schedule.js';
import { startOnDemandClient } from '../../lib/handshake/on-demand.js';
import { startOnDemandServer } from '../../lib/handshake/on-demand-server.js';
import { startPlainClient, startPlainServer } from '../../lib/handshake/plain.js';
import { startSecureClient } from '../../lib/handshake/secure-transport-client.js';
import { startServerHandshake } from '../../lib/handshake/server.js';
import { Established, PendingVerdict } from '../../lib/handshake/state.js';
import { Transcript } from '../../lib/handshake/transcript.js';
import { Opener } from '../../lib/record/open.js';
import { Sealer } from '../../lib/record/seal.js';
import type { TrafficSecret } from '../../lib/record/traffic-keys.js';
import { encodeCarried } from '../../lib/wire/carried-value.js';
import { type FrameType, frameTypes, plainFrame, readFirstByte } from '../../lib/wire/frame.js';
import { splitMessages } from '../../lib/wire/handshake-message.js';
import { type PurposeKeys, purposeKeys } from '../record/purpose-keys.js';
import { fromHex, vectors } from '../support/vectors.js';
import { type Agreed, agree, carry, expectHandshakeFailed, fixedCrypto, identityOf, only } from './roles.js';
import { tlsSession } from './tls-session.js';
import { type Announced, type Exported, expectExported, manifestOf } from './vector-sides.js';

interface Side extends Announced {
  allowed?: number;
  clientCertificateRequest?: CertificateRequest;
  connectionData?: unknown;
  verdictFollows?: true;
}
interface HexKeys {
  both: string;
  authenticated: string;
  encrypted: string;
  iv: string;
}
interface ShownCertificate {
  chain: string[];
  algorithm: number;
  privateKey: string;
  signature: string;
}
interface CertificateRequest {
  mode: 1 | 2;
  signatureAlgorithms: number[];
}
interface Vector {
  inputs: {
    before?: 'plainHellos' | 'helloRequest' | 'transportHello';
    binding?: string;
    clientRandom: string;
    clientPrivateKey: string;
    serverRandom: string;
    serverPrivateKey: string;
    signatureAlgorithms: number[];
    serverName: string;
    transport: number;
    clientAllowed: number;
    client: Side;
    server: Side;
    suite: 1 | 2;
    iterations: number;
    certificate: ShownCertificate | null;
    clientCertificate?: ShownCertificate;
  };
  sharedSecret: string;
  messages: { from: string; name: string; message: string; transcriptHashAfter: string }[];
  th1: string;
  th2: string;
  signedContent: string | null;
  clientSignedContent?: string;
  secrets: Record<string, string>;
  keys: Record<string, HexKeys>;
  exported: Exported[];
  handshakeFrames: { from: 'client' | 'server'; frame: string }[];
  refused?: { code: string; message: string; data: unknown; frame: string };
  trafficFrames: {
    from: 'client' | 'server';
    type: FrameType;
    flags: number;
    body: string;
    frame: string;
  }[];
}

const names = [
  'p256-aesgcm',
  'p384',
  'ed25519-chacha',
  'rsa',
  'rsa-pss',
  'anonymous',
  'client-certificate',
  'no-client-certificate',
  'approval',
  'on-demand',
  'hello-request',
  'transport-hello',
];
const ciphers: Record<number, CipherName> = { 1: 'aes-256-gcm', 2: 'chacha20-poly1305' };
const noRekey = { rekeyAfterRecords: 2 ** 23, rekeyAfterBytes: 2 ** 36, rekeyAfterMs: 3_600_000 };

for (const crypto of [nodeCrypto, nobleCrypto]) {
  describe(`handshake, known answers, ${crypto.name}`, () => {
    for (const name of names) {
      const vector = vectors<Vector>(`handshake-${name}`);

      it(`says the frames of handshake-${name}.json, and its traffic`, () => {
        const { client, server, frames } = replay(vector, crypto);
        expect(frames.map(({ from, frame }) => ({ from, frame: toHex(frame) }))).to.deep.equal(
          vector.handshakeFrames.map(({ from, frame }) => ({ from, frame })),
        );

        const { inputs } = vector;
        const agreed = inputs.clientAllowed & inputs.server.allowed!;
        const protection = inputs.certificate ? 'signed' : 'anonymous';
        for (const side of [client, server]) expect(side).to.include({ allowed: agreed, protection });
        expect(client.secrets).to.include({ suite: ciphers[inputs.suite], group: 'x25519' });
        expect(client.peer).to.deep.equal({
          manifest: manifestOf(inputs.server),
          maxFrameBytes: inputs.server.maxFrameBytes,
          allowed: inputs.server.allowed,
          certificateRequest: requestOf(inputs.server),
          ...(inputs.server.verdictFollows && { verdictFollows: true }),
        });
        expect(server.peer).to.deep.equal({
          manifest: manifestOf(inputs.client),
          maxFrameBytes: inputs.client.maxFrameBytes,
          allowed: undefined,
          certificateRequest: undefined,
          ...connectionDataOf(inputs.client),
        });
        expect(client.peerChain.map(toHex)).to.deep.equal(inputs.certificate?.chain ?? []);
        expect(server.peerChain.map(toHex)).to.deep.equal(inputs.clientCertificate?.chain ?? []);

        expectKeys(vector, client, server);
        expectTraffic(vector, client, server);
        expectExported(vector.exported, client.secrets!.exporter);
        expectExported(vector.exported, server.secrets!.exporter);
      });

      it(`goes through the key schedule of handshake-${name}.json`, () => {
        const { inputs, secrets, keys, messages } = vector;
        const transcript = new Transcript(crypto);
        const hashes = messages.map(({ message, transcriptHashAfter }) => {
          transcript.add(splitMessages(fromHex(message))[0]!);
          expect(toHex(transcript.hash())).to.equal(transcriptHashAfter);
          return transcriptHashAfter;
        });
        const helloAt = messages.findIndex(({ name: message }) => message === 'ServerHello');
        expect(hashes[helloAt]).to.equal(vector.th1);
        const certificateAt = messages.findIndex(({ name: message }) => message === 'Certificate');
        if (vector.signedContent !== null && vector.signedContent !== undefined) {
          expect(toHex(signedContent('server', fromHex(hashes[certificateAt]!)))).to.equal(
            vector.signedContent,
          );
        }
        if (vector.clientSignedContent !== undefined) {
          const at = messages.findLastIndex(({ name: message }) => message === 'Certificate');
          expect(messages[at]!.from).to.equal('client');
          expect(toHex(signedContent('client', fromHex(hashes[at]!)))).to.equal(vector.clientSignedContent);
        }

        const stretched = crypto.pbkdf2(
          'sha256',
          fromHex(vector.sharedSecret),
          fromHex(vector.th1),
          inputs.iterations,
          32,
        );
        expect(toHex(stretched)).to.equal(secrets.stretched);

        const schedule = new HandshakeSecrets(crypto, {
          cipher: ciphers[inputs.suite]!,
          sharedSecret: fromHex(vector.sharedSecret),
          iterations: inputs.iterations,
          hellosHash: fromHex(vector.th1),
        });
        expect(hexKeys(purposeKeys(schedule.client))).to.deep.equal(keys.clientGeneration0);
        expect(hexKeys(purposeKeys(schedule.server))).to.deep.equal(keys.serverGeneration0);
        expect(toHex(schedule.client.finishedKey())).to.equal(secrets.clientFinishedKey);
        expect(toHex(schedule.server.finishedKey())).to.equal(secrets.serverFinishedKey);
        const finished = messages.flatMap(({ name: message }, at) => (message === 'Finished' ? [at] : []));
        for (const at of finished) {
          const secret = messages[at]!.from === 'client' ? schedule.client : schedule.server;
          const mac = finishedMac(crypto, secret, fromHex(hashes[at - 1]!));
          expect(messages[at]!.message).to.equal(`14000020${toHex(mac)}`);
        }
        expect(finished).to.have.length(2);

        const traffic = schedule.intoTraffic(fromHex(vector.th2));
        expect(hexKeys(purposeKeys(traffic.client))).to.deep.equal(keys.clientGeneration1);
        expect(hexKeys(purposeKeys(traffic.server))).to.deep.equal(keys.serverGeneration1);
        expect(hexKeys(purposeKeys(traffic.client.next()))).to.deep.equal(keys.clientGeneration2);
        expect(hexKeys(purposeKeys(traffic.server.next()))).to.deep.equal(keys.serverGeneration2);
        expectExported(vector.exported, traffic.exporter);
      });
    }

    it('says, and reads, Refused of handshake-approval.json in the place of Accepted', () => {
      const vector = vectors<Vector>('handshake-approval');
      const { code, message: text, data, frame } = vector.refused!;
      const fixed = fixedSides(vector, crypto);
      const { handshake: client, send } = startClientHandshake(clientOf(vector, fixed.client));
      const server = startServerHandshake(serverOf(vector, fixed.server));
      for (const said of server.receive(send.slice()).send) client.receive(said.slice());
      const { connectionData } = connectionDataOf(vector.inputs.client);
      for (const said of client.accept(connectionData).send) server.receive(said.slice());
      const refused = server.refuse(new ApprovalDenied({ code, text, data }))!;
      expect(toHex(refused)).to.equal(frame);
      expect(() => client.receive(refused.slice()))
        .to.throw(ApprovalDenied)
        .that.deep.includes({ reason: code, text, data });
    });

    it('exports the keys of exporter.json', () => {
      const { exporterSecret, exported } = vectors<{ exporterSecret: string; exported: Exported[] }>(
        'exporter',
      );
      expect(exported).to.have.length.greaterThan(7);
      expectExported(exported, new Exporter(crypto, fromHex(exporterSecret)));
    });

    it('takes the first suite of a client in the order of its own preference', () => {
      for (const cipher of Object.values(ciphers)) {
        const preferring = fixedCrypto(crypto, { cipher });
        const hello = startClientHandshake(clientOf(vectors<Vector>('handshake-anonymous'), preferring)).send;
        // version, random, length of the list: then the first suite.
        expect(ciphers[hello[1 + 4 + 2 + 32 + 1 + 1]!]).to.equal(cipher);
      }
    });
  });
}

describe('handshake, known answers, without keys', () => {
  interface PlainVector {
    inputs: { transport: number; client: Side; server: Side };
    frames: { from: 'client' | 'server'; frame: string }[];
    mismatch: { frame: string }[];
    approval: { frame: string }[];
  }
  const { inputs, frames, mismatch, approval } = vectors<PlainVector>('plain-hello');
  const configOf = (side: Side) => ({
    transport: inputs.transport,
    manifest: manifestOf(side),
    maxFrameBytes: side.maxFrameBytes,
  });

  it('says the frames of plain-hello.json', () => {
    const { handshake, send } = startPlainClient(configOf(inputs.client));
    const agreed = carry(handshake, send, startPlainServer(configOf(inputs.server)));
    expect(agreed.frames.map(({ frame }) => toHex(frame))).to.deep.equal(
      frames.slice(0, 2).map(({ frame }) => frame),
    );
    for (const side of [agreed.client, agreed.server]) {
      expect(side).to.include({ protection: 'none', allowed: 0b0001, secrets: undefined });
    }
    expect(agreed.client.peer.maxFrameBytes).to.equal(inputs.server.maxFrameBytes);
    expect(toHex(agreed.server.peer.manifest)).to.equal(toHex(manifestOf(inputs.client)));
    expect(toHex(plainFrame(frameTypes.messages, fromHex('6120626f6479')))).to.equal(frames[2]!.frame);
  });

  it('says and reads the verdicts of plain-hello.json', () => {
    const [hello, accepted, refused] = approval.map(({ frame }) => frame);
    for (const verdict of [accepted, refused]) {
      const { handshake: client, send } = startPlainClient(configOf(inputs.client));
      const server = startPlainServer({ ...configOf(inputs.server), approves: true });
      const { send: greeting, next: pending } = server.receive(send);
      expect(greeting.map(toHex)).to.deep.equal([hello]);
      expect(pending).to.be.instanceOf(PendingVerdict);
      expect(client.receive(greeting[0]!).next).to.not.be.instanceOf(Established);
      if (verdict === accepted) {
        const { send: said, next } = server.accept();
        expect(said.map(toHex)).to.deep.equal([accepted]);
        for (const side of [next, client.receive(said[0]!).next])
          expect(side).to.be.instanceOf(Established).and.to.include({ protection: 'none', confirmed: true });
      } else {
        const denied = { code: 'SERVER_FULL', text: 'all 64 seats are taken', data: [12] };
        expect(toHex(server.refuse(new ApprovalDenied(denied))!)).to.equal(refused);
        expect(() => client.receive(fromHex(refused!)))
          .to.throw(ApprovalDenied)
          .that.deep.includes({ reason: 'SERVER_FULL', text: 'all 64 seats are taken', data: [12] });
      }
    }
  });

  it('answers a hello of the other kind with encryption_mismatch, either way', () => {
    const vector = vectors<Vector>('handshake-anonymous');
    const { send: clientHello } = startClientHandshake(clientOf(vector, nodeCrypto));
    expectHandshakeFailed(
      () => startPlainServer(configOf(inputs.server)).receive(clientHello),
      'encryption-mismatch',
    );
    const { send: plainHello } = startPlainClient(configOf(inputs.client));
    expectHandshakeFailed(
      () => startServerHandshake(serverOf(vector, nodeCrypto)).receive(plainHello),
      'encryption-mismatch',
    );
    expect(mismatch).to.deep.equal([{ from: 'server', name: 'close, encryption_mismatch', frame: '0405' }]);
  });
});

function replay(vector: Vector, crypto: CryptoProvider): Agreed {
  const { client, server } = fixedSides(vector, crypto);
  const { connectionData } = connectionDataOf(vector.inputs.client);
  const { before } = vector.inputs;
  if (before === undefined) return agree(clientOf(vector, client), serverOf(vector, server), connectionData);
  if (before === 'transportHello') {
    // The binding alone is looked at; the server has none to compare it with.
    const exported = concat([fromHex(vector.inputs.binding!), new Uint8Array(32)]);
    const { handshake, send } = startSecureClient(
      clientOf(vector, client),
      tlsSession(() => exported),
    );
    return carry(handshake, send, startServerHandshake(serverOf(vector, server)));
  }
  const { handshake, send } = startOnDemandClient(clientOf(vector, client));
  if (before === 'helloRequest')
    return carry(handshake, send, startServerHandshake(serverOf(vector, server)));
  const begun = carry(handshake, send, startOnDemandServer(serverOf(vector, server)));
  const later = begun.client.later!;
  const agreed = carry(later, later.begin().send[0]!, begun.server.later!);
  return { ...agreed, frames: [...begun.frames, ...agreed.frames] };
}

function fixedSides({ inputs }: Vector, crypto: CryptoProvider): Record<'client' | 'server', CryptoProvider> {
  const cipher = ciphers[inputs.suite]!;
  const fixed = (random: string, privateKey: string) =>
    fixedCrypto(crypto, { random: fromHex(random), privateKey: fromHex(privateKey), cipher });
  return {
    client: fixed(inputs.clientRandom, inputs.clientPrivateKey),
    server: fixed(inputs.serverRandom, inputs.serverPrivateKey),
  };
}

function connectionDataOf({ connectionData }: Side): { connectionData?: Uint8Array } {
  if (connectionData === undefined) return {};
  return { connectionData: encodeCarried(connectionData, 'connectionData', 16_384) };
}

function clientOf({ inputs }: Vector, crypto: CryptoProvider): Parameters<typeof startClientHandshake>[0] {
  return {
    crypto,
    signed: inputs.signatureAlgorithms.length > 0,
    identities: inputs.clientCertificate
      ? [
          identityOf(
            inputs.clientCertificate.chain.map(fromHex),
            crypto.importPrivateKey(fromHex(inputs.clientCertificate.privateKey)),
          ),
        ]
      : [],
    serverName: inputs.serverName,
    transport: inputs.transport,
    allowed: inputs.clientAllowed,
    manifest: manifestOf(inputs.client),
    maxFrameBytes: inputs.client.maxFrameBytes,
    maxIterations: 10_000,
  };
}

function serverOf(vector: Vector, crypto: CryptoProvider): Parameters<typeof startServerHandshake>[0] {
  const { inputs } = vector;
  return {
    crypto,
    identities: inputs.certificate
      ? only(identityOf(inputs.certificate.chain.map(fromHex), signingAsStored(vector, crypto)))
      : undefined,
    clientAuthentication: authenticationOf(inputs.server),
    approves: inputs.server.verdictFollows === true,
    transport: inputs.transport,
    allowed: inputs.server.allowed!,
    manifest: manifestOf(inputs.server),
    maxFrameBytes: inputs.server.maxFrameBytes,
    iterations: inputs.iterations,
  };
}

function requestOf({ clientCertificateRequest: request }: Side): Established['peer']['certificateRequest'] {
  return request && { required: request.mode === 2, signatureAlgorithms: request.signatureAlgorithms };
}

function authenticationOf({ clientCertificateRequest: request }: Side): 'none' | 'optional' | 'required' {
  if (request === undefined) return 'none';
  return request.mode === 2 ? 'required' : 'optional';
}

/** ECDSA and RSA-PSS signatures differ each time, so the stored one is given; Ed25519 really signs. */
function signingAsStored(vector: Vector, crypto: CryptoProvider): PrivateKey {
  const { privateKey, signature } = vector.inputs.certificate!;
  const key = crypto.importPrivateKey(fromHex(privateKey));
  if (key.kind === 'ed25519') return key;
  return {
    kind: key.kind,
    publicKey: key.publicKey,
    export: () => key.export(),
    sign(algorithm, message) {
      expect(toHex(message)).to.equal(vector.signedContent);
      const own = key.sign(algorithm, message);
      expect(crypto.verify(algorithm, key.publicKey, message, own)).to.equal(true);
      return fromHex(signature);
    },
  };
}

function hexKeys(keys: PurposeKeys): HexKeys {
  return {
    both: toHex(keys.both),
    authenticated: toHex(keys.authenticated),
    encrypted: toHex(keys.encrypted),
    iv: toHex(keys.iv),
  };
}

function expectKeys({ keys }: Vector, client: Established, server: Established): void {
  const sides: [TrafficSecret, TrafficSecret, string][] = [
    [client.secrets!.sending, server.secrets!.receiving, 'client'],
    [server.secrets!.sending, client.secrets!.receiving, 'server'],
  ];
  for (const [sending, receiving, from] of sides) {
    for (const secret of [sending, receiving]) {
      expect(secret.generation).to.equal(1);
      expect(hexKeys(purposeKeys(secret))).to.deep.equal(keys[`${from}Generation1`]);
      expect(hexKeys(purposeKeys(secret.next()))).to.deep.equal(keys[`${from}Generation2`]);
    }
  }
}

function expectTraffic({ trafficFrames }: Vector, client: Established, server: Established): void {
  const now = () => 0;
  const directions = {
    client: {
      sealer: new Sealer(client.secrets!.sending, noRekey, now),
      opener: new Opener(server.secrets!.receiving),
    },
    server: {
      sealer: new Sealer(server.secrets!.sending, noRekey, now),
      opener: new Opener(client.secrets!.receiving),
    },
  };
  for (const { from, type, flags, body, frame } of trafficFrames) {
    const { sealer, opener } = directions[from];
    const sent =
      flags === 0
        ? plainFrame(type, fromHex(body))
        : type === frameTypes.keyUpdate
          ? sealer.rekey()
          : sealer.seal(flags, type, fromHex(body));
    expect(toHex(sent)).to.equal(frame);
    expect(readFirstByte(sent)).to.deep.equal({ flags, type });
    if (flags !== 0) expect(toHex(opener.open(sent).body)).to.equal(body);
  }
  expect(directions.client.opener.generation).to.equal(2);
  expect(directions.server.opener.generation).to.equal(2);
  expect(trafficFrames).to.have.length.greaterThan(17);
}
