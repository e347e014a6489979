// Makes everything that is stored in spec/vectors/, from fixed inputs and the stored test identities: file name to
// content. Deterministic but for ECDSA and RSA-PSS signatures, which `signatureFor` gives. README.md over there
// tells how to read the files; generate.ts writes them; reference.spec.ts compares them with what is made here.

import type { Value } from './call-messages.js';
import { Direction } from './direction.js';
import { fragmentVectors } from './fragment-vectors.js';
import { fullHandshake, type HandshakeInputs } from './handshake.js';
import { directionKeys, exportKey, nextTrafficSecret, sha256 } from './key-schedule.js';
import { type Service } from './manifest.js';
import { messageVectors } from './message-vectors.js';
import {
  type Announcement,
  announce,
  type CertificateRequest,
  encodeClose,
  encodeMessage,
  encodePlainHello,
  encodeRefused,
  encodeTransportHello,
  messageTypes,
  type Refusal,
  requestModes,
} from './messages.js';
import { closeCodes, text } from './notation.js';
import { Authenticated, Both, Encrypted, frameTypes, plainFrame, suites } from './record.js';
import { keyUpdateVectors, recordVectors } from './record-vectors.js';
import { refusedVectors } from './refused-vectors.js';
import { signatureAlgorithms, signContent } from './signature.js';
import { bindingsOf, exportKeyOverTls, tlsExporter } from './tls-exporter.js';
import { tokenProofVectors } from './token-proof.js';

export interface Identity {
  /** DER in hex, the server's own certificate first. */
  chain: string[];
  /** PKCS#8 DER in hex. */
  privateKey: string;
}

export interface Identities {
  serverName: string;
  root: { certificate: string };
  p256: Identity;
  p384: Identity;
  ed25519: Identity;
  rsa: Identity;
  rsaPss: Identity;
  /** A client's. */
  client: Identity;
}

/** Gives the signature of `content` that is to stand in `file`. */
export type SignatureFor = (file: string, identity: Identity, content: Uint8Array) => Uint8Array;

export function makeVectors(identities: Identities, signatureFor: SignatureFor): Record<string, object> {
  const { aes256Gcm, chacha20Poly1305 } = suites;
  const algorithms = signatureAlgorithms;
  const signed = (name: string, settings: Settings) =>
    signedHandshake(name, settings, identities, signatureFor);
  const files: Record<string, object> = {
    'handshake-p256-aesgcm.json': signed('handshake-p256-aesgcm.json', {
      suite: aes256Gcm,
      iterations: 1000,
      identity: identities.p256,
      algorithm: algorithms.ecdsaSecp256r1Sha256,
    }),
    'handshake-p384.json': signed('handshake-p384.json', {
      suite: aes256Gcm,
      iterations: 2,
      identity: identities.p384,
      algorithm: algorithms.ecdsaSecp384r1Sha384,
    }),
    'handshake-ed25519-chacha.json': signed('handshake-ed25519-chacha.json', {
      suite: chacha20Poly1305,
      iterations: 1,
      identity: identities.ed25519,
      algorithm: algorithms.ed25519,
    }),
    'handshake-rsa.json': signed('handshake-rsa.json', {
      suite: chacha20Poly1305,
      iterations: 10_000,
      identity: identities.rsa,
      algorithm: algorithms.rsaPssRsaeSha256,
    }),
    'handshake-rsa-pss.json': signed('handshake-rsa-pss.json', {
      suite: aes256Gcm,
      iterations: 1,
      identity: identities.rsaPss,
      algorithm: algorithms.rsaPssPssSha256,
    }),
    'handshake-anonymous.json': handshakeVectors({
      ...handshakeInputs('handshake-anonymous.json', { suite: aes256Gcm, iterations: 1000 }),
      signatureAlgorithms: [],
    }),
    'handshake-client-certificate.json': signed('handshake-client-certificate.json', {
      suite: aes256Gcm,
      iterations: 1,
      identity: identities.p256,
      algorithm: algorithms.ecdsaSecp256r1Sha256,
      request: { mode: requestModes.required, signatureAlgorithms: Object.values(algorithms) },
      clientIdentity: identities.client,
    }),
    'handshake-no-client-certificate.json': signed('handshake-no-client-certificate.json', {
      suite: chacha20Poly1305,
      iterations: 1,
      identity: identities.ed25519,
      algorithm: algorithms.ed25519,
      request: { mode: requestModes.optional, signatureAlgorithms: Object.values(algorithms) },
    }),
    'handshake-approval.json': signed('handshake-approval.json', {
      suite: chacha20Poly1305,
      iterations: 1,
      identity: identities.ed25519,
      algorithm: algorithms.ed25519,
      connectionData: ['ada', 'ticket 7H2KQX0M', 64, null],
    }),
    'handshake-on-demand.json': signed('handshake-on-demand.json', {
      suite: aes256Gcm,
      iterations: 1,
      identity: identities.ed25519,
      algorithm: algorithms.ed25519,
      before: 'plainHellos',
    }),
    'handshake-hello-request.json': signed('handshake-hello-request.json', {
      suite: chacha20Poly1305,
      iterations: 1,
      identity: identities.ed25519,
      algorithm: algorithms.ed25519,
      before: 'helloRequest',
    }),
    'handshake-transport-hello.json': signed('handshake-transport-hello.json', {
      suite: aes256Gcm,
      iterations: 1,
      identity: identities.ed25519,
      algorithm: algorithms.ed25519,
      before: 'transportHello',
    }),
    'transport-hello.json': transportHelloVectors(),
    'plain-hello.json': plainHelloVectors(),
    'records.json': recordVectors(),
    'key-update.json': keyUpdateVectors(),
    'fragments.json': fragmentVectors(),
    'exporter.json': exporterVectors(),
    'token-proof.json': tokenProofVectors(),
    'messages.json': { ...messageVectors(), refused: refusedVectors() },
  };
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [name, withSource(content)]));
}

/** 32 bytes that nobody could have chosen to suit a purpose. */
export function fixedBytes(name: string): Uint8Array {
  return sha256(text('sealwire vectors, '), text(name));
}

export const serverManifest: Service[] = [
  {
    name: 'Arena',
    methods: [
      { name: 'login', flags: 3 },
      { name: 'move', flags: 2 | 4 },
      { name: 'scoreboard', flags: 0 },
      { name: 'whisper', flags: 1 },
    ],
  },
  { name: 'Chat', methods: [{ name: 'say', flags: 2 }] },
];

export const clientManifest: Service[] = [{ name: 'Hud', methods: [{ name: 'damage', flags: 4 }] }];

interface Settings {
  suite: number;
  iterations: number;
  identity: Identity;
  algorithm: number;
  request?: CertificateRequest;
  /** With Ed25519, whose signatures come out the same each time. */
  clientIdentity?: Identity;
  /** With it the server announces a verdict. */
  connectionData?: Value;
  /** Section 4.8: what was said before the ClientHello. */
  before?: HandshakeInputs['before'];
}

function signedHandshake(
  file: string,
  { suite, iterations, identity, algorithm, request, clientIdentity, connectionData, before }: Settings,
  identities: Identities,
  signatureFor: SignatureFor,
): object {
  const common = handshakeInputs(file, { suite, iterations });
  const inputs: HandshakeInputs = {
    ...common,
    ...(before && { before }),
    ...(before === 'transportHello' && { binding: fixedBytes('handshake-transport-hello.json, binding') }),
    ...(request && { server: { ...common.server, clientCertificateRequest: request } }),
    ...(connectionData !== undefined && {
      client: { ...common.client, connectionData },
      server: { ...common.server, verdictFollows: true },
    }),
    certificate: {
      chain: identity.chain.map(bytesOf),
      algorithm,
      sign: (content) => signatureFor(file, identity, content),
    },
    ...(clientIdentity && {
      clientCertificate: {
        chain: clientIdentity.chain.map(bytesOf),
        algorithm: signatureAlgorithms.ed25519,
        sign: (content) => signContent(bytesOf(clientIdentity.privateKey), content),
      },
    }),
  };
  return handshakeVectors(inputs, {
    privateKey: identity.privateKey,
    root: identities.root.certificate,
    clientPrivateKey: clientIdentity?.privateKey,
  });
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function handshakeInputs(
  file: string,
  { suite, iterations }: { suite: number; iterations: number },
): HandshakeInputs {
  return {
    clientRandom: fixedBytes(`${file}, client random`),
    clientPrivateKey: fixedBytes(`${file}, client X25519 private key`),
    suites: suite === suites.aes256Gcm ? [1, 2] : [2, 1],
    signatureAlgorithms: Object.values(signatureAlgorithms),
    serverName: 'sealwire.test',
    transport: suite === suites.aes256Gcm ? 1 : 2,
    clientAllowed: 0b1111,
    client: { manifest: clientManifest, maxFrameBytes: 65_536 },
    serverRandom: fixedBytes(`${file}, server random`),
    serverPrivateKey: fixedBytes(`${file}, server X25519 private key`),
    suite,
    iterations,
    server: { manifest: serverManifest, maxFrameBytes: 1_048_576, allowed: 0b1101 },
  };
}

function handshakeVectors(
  inputs: HandshakeInputs,
  testKeys: { privateKey?: string; root?: string; clientPrivateKey?: string | undefined } = {},
): object {
  const made = fullHandshake(inputs);
  const { clientTraffic, serverTraffic, exporter } = made.trafficSecrets;
  const { sign: _, ...certificate } = inputs.certificate ?? { sign: undefined };
  const { privateKey, root, clientPrivateKey } = testKeys;
  const { sign: __, ...clientCertificate } = inputs.clientCertificate ?? { sign: undefined };
  return {
    inputs: {
      ...inputs,
      certificate: inputs.certificate
        ? { ...certificate, privateKey, root, signature: made.signature }
        : null,
      clientCertificate: inputs.clientCertificate
        ? { ...clientCertificate, privateKey: clientPrivateKey, signature: made.clientSignature }
        : undefined,
    },
    shares: { client: made.clientShare, server: made.serverShare },
    sharedSecret: made.sharedSecret,
    messages: made.messages.map((message) => ({
      from: message.from,
      name: message.name,
      message: encodeMessage(message),
      transcriptHashAfter: message.hashAfter,
    })),
    th1: made.th1,
    th2: made.th2,
    signedContent: made.signedContent ?? null,
    clientSignedContent: made.clientSignedContent,
    secrets: {
      ...made.handshakeSecrets,
      clientFinishedKey: made.clientFinishedKey,
      serverFinishedKey: made.serverFinishedKey,
      clientTrafficGeneration1: clientTraffic,
      serverTrafficGeneration1: serverTraffic,
      clientTrafficGeneration2: nextTrafficSecret(clientTraffic),
      serverTrafficGeneration2: nextTrafficSecret(serverTraffic),
      exporter,
    },
    keys: {
      ...made.keys,
      clientGeneration2: directionKeys(nextTrafficSecret(clientTraffic)),
      serverGeneration2: directionKeys(nextTrafficSecret(serverTraffic)),
    },
    exported: [exported(exporter, 'sample', 'context', 32)],
    handshakeFrames: made.frames,
    refused: inputs.server.verdictFollows && {
      ...refusal,
      frame: fullHandshake({ ...inputs, refusal }).frames.at(-1)!.frame,
    },
    trafficFrames: trafficFrames(inputs.suite, clientTraffic, serverTraffic),
  };
}

/** Every combination in both directions, before and after a key update of that direction, and a close. */
function trafficFrames(suite: number, clientTraffic: Uint8Array, serverTraffic: Uint8Array): object[] {
  const directions = {
    client: new Direction(suite, 1, clientTraffic),
    server: new Direction(suite, 1, serverTraffic),
  };
  const frames: object[] = [];
  const seal = (from: 'client' | 'server', flags: number, type: number, body: Uint8Array) => {
    const { generation, sequence } = directions[from];
    const where = flags === 0 ? {} : { generation, sequence };
    const frame = flags === 0 ? plainFrame(type, body) : directions[from].seal(flags, type, body);
    frames.push({ from, type, flags, ...where, body, frame });
  };
  for (const round of ['before', 'after']) {
    for (const from of ['client', 'server'] as const) {
      for (const flags of [0, Encrypted, Authenticated, Both]) {
        seal(from, flags, frameTypes.messages, text(`from the ${from} with flags ${flags}, ${round}`));
      }
    }
    if (round === 'after') break;
    for (const from of ['client', 'server'] as const) {
      const { generation, sequence } = directions[from];
      const frame = directions[from].sealKeyUpdate();
      const type = frameTypes.keyUpdate;
      frames.push({ from, type, flags: Both, generation, sequence, body: new Uint8Array(0), frame });
    }
  }
  seal('client', Both, frameTypes.close, encodeClose(closeCodes.normal));
  seal('server', Both, frameTypes.close, encodeClose(closeCodes.goingAway));
  return frames;
}

/** What a server may say in the place of Accepted. */
const refusal: Refusal = { code: 'SERVER_FULL', message: 'all 64 seats are taken', data: [12] };

function plainHelloVectors(): object {
  const inputs = {
    transport: 1,
    client: { manifest: clientManifest, maxFrameBytes: 65_536 },
    server: { manifest: serverManifest, maxFrameBytes: 1_048_576 },
  };
  const hello = (announcement: Announcement) => ({
    type: messageTypes.plainHello,
    body: encodePlainHello({ transport: inputs.transport, extensions: announce(announcement) }),
  });
  const plain = (from: string, name: string, type: number, body: Uint8Array) => ({
    from,
    name,
    frame: plainFrame(type, body),
  });
  return {
    inputs,
    frames: [
      plain('client', 'PlainHello', frameTypes.handshake, encodeMessage(hello(inputs.client))),
      plain('server', 'PlainHello', frameTypes.handshake, encodeMessage(hello(inputs.server))),
      plain('client', 'messages', frameTypes.messages, text('a body')),
      plain('server', 'close, normal', frameTypes.close, encodeClose(closeCodes.normal)),
    ],
    approval: [
      plain(
        'server',
        'PlainHello, a verdict follows',
        frameTypes.handshake,
        encodeMessage(hello({ ...inputs.server, verdictFollows: true })),
      ),
      plain(
        'server',
        'Accepted',
        frameTypes.handshake,
        encodeMessage({ type: messageTypes.accepted, body: new Uint8Array(0) }),
      ),
      plain(
        'server',
        'Refused',
        frameTypes.handshake,
        encodeMessage({ type: messageTypes.refused, body: encodeRefused(refusal) }),
      ),
    ],
    mismatch: [
      plain(
        'server',
        'close, encryption_mismatch',
        frameTypes.close,
        encodeClose(closeCodes.encryptionMismatch),
      ),
    ],
  };
}

/** Sections 4.9 and 5.4. */
function transportHelloVectors(): object {
  const inputs = {
    transport: 2,
    exporterSecret: fixedBytes('transport-hello.json, exporter secret of TLS'),
    client: { manifest: clientManifest, maxFrameBytes: 65_536, connectionData: ['ada', 7] },
    server: { manifest: serverManifest, maxFrameBytes: 1_048_576, verdictFollows: true as const },
  };
  const { transport } = inputs;
  const tls = tlsExporter(inputs.exporterSecret);
  const bindings = bindingsOf(tls);
  const said = (from: 'client' | 'server', name: string, type: number, body: Uint8Array) => ({
    from,
    name,
    frame: plainFrame(frameTypes.handshake, encodeMessage({ type, body })),
  });
  const hello = (from: 'client' | 'server') =>
    said(
      from,
      'TransportHello',
      messageTypes.transportHello,
      encodeTransportHello({ transport, binding: bindings[from] }),
    );
  const plain = (from: 'client' | 'server') =>
    said(
      from,
      'PlainHello',
      messageTypes.plainHello,
      encodePlainHello({ transport, extensions: announce(inputs[from]) }),
    );
  const exportedKey = (label: string, context: string, length: number) => ({
    label,
    context: text(context),
    length,
    key: exportKeyOverTls(tls, label, text(context), length),
  });
  return {
    inputs,
    bindings,
    frames: [
      hello('client'),
      hello('server'),
      plain('server'),
      plain('client'),
      said('server', 'Accepted', messageTypes.accepted, new Uint8Array(0)),
      { from: 'client', name: 'messages', frame: plainFrame(frameTypes.messages, text('a body')) },
    ],
    otherwise: [said('server', 'HelloRequest', messageTypes.helloRequest, new Uint8Array(0))],
    exported: [
      exportedKey('sample', '', 32),
      exportedKey('sample', 'context', 16),
      exportedKey('l'.repeat(245), 'x', 255),
    ],
  };
}

function exporterVectors(): object {
  const secret = fixedBytes('exporter.json, exporter secret');
  return {
    exporterSecret: secret,
    exported: [
      exported(secret, 'a', '', 32),
      exported(secret, 'sample', 'context', 32),
      exported(secret, 'sample', 'another context', 32),
      exported(secret, 'another sample', 'context', 32),
      exported(secret, 'sample', 'context', 1),
      exported(secret, 'sample', 'context', 33),
      exported(secret, 'sample', 'context', 255),
      exported(secret, 'label of 245 bytes '.padEnd(245, '.'), 'x'.repeat(300), 16),
    ],
  };
}

function exported(secret: Uint8Array, label: string, context: string, length: number): object {
  const key = exportKey(secret, label, text(context), length);
  return { label, context: text(context), length, key };
}

function withSource(content: object): object {
  return {
    source: 'spec/reference, written from docs/protocol.md, version 1',
    howMade:
      'node dist/spec/vectors/generate.js; all keys in here are test keys, known to everybody. ' +
      'Bytes are in hex; see README.md.',
    ...(hexOf(content) as object),
  };
}

/** Uint8Array to hex, all the way down; what is absent is left out. */
export function hexOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(hexOf);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, hexOf(item)]));
}
