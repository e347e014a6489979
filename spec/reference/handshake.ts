// A whole handshake of section 4 of docs/protocol.md in one go, from top to bottom, with everything random given:
// every message, transcript hash, secret, key and frame of both sides. It makes the vectors. It checks nothing,
// and plays no role: client.ts and server.ts do, and handshake.spec.ts holds them to the frames made here.

import {
  type DirectionKeys,
  directionKeys,
  finishedKey,
  finishedMac,
  type HandshakeSecrets,
  handshakeSecrets,
  type TrafficSecrets,
  trafficSecrets,
} from './key-schedule.js';
import {
  type Announcement,
  announce,
  encodeCertificate,
  encodeCertificateVerify,
  encodeClientHello,
  encodeExtensions,
  encodeMessage,
  encodePlainHello,
  encodeRefused,
  encodeServerHello,
  encodeTransportHello,
  inTheClear,
  type Message,
  messageTypes,
  type Refusal,
  x25519Group,
} from './messages.js';
import { concat } from './notation.js';
import { Both, frameTypes, plainFrame, sealRecord } from './record.js';
import { signedContent } from './signature.js';
import { transcriptHash } from './transcript.js';
import { x25519, x25519PublicKey } from './x25519.js';

export interface HandshakeInputs {
  /** Section 4.8: what came before the ClientHello; absent: nothing. */
  before?: 'plainHellos' | 'helloRequest' | 'transportHello';
  /** Of the TransportHello, where that came before: it is compared with nothing here. */
  binding?: Uint8Array;
  clientRandom: Uint8Array;
  clientPrivateKey: Uint8Array;
  /** In order of preference. */
  suites: number[];
  /** Empty: anonymous. */
  signatureAlgorithms: number[];
  serverName: string;
  transport: number;
  clientAllowed: number;
  client: Announcement;
  serverRandom: Uint8Array;
  serverPrivateKey: Uint8Array;
  suite: number;
  iterations: number;
  /** With `allowed`. */
  server: Announcement;
  /** Absent: anonymous. */
  certificate?: {
    chain: Uint8Array[];
    algorithm: number;
    sign: (content: Uint8Array) => Uint8Array;
  };
  /** Where the server asks for one; absent: the client has none. */
  clientCertificate?: HandshakeInputs['certificate'];
  /** Where the server announces a verdict; absent: it accepts. */
  refusal?: Refusal;
}

export interface Handshake {
  clientShare: Uint8Array;
  serverShare: Uint8Array;
  sharedSecret: Uint8Array;
  /** In the order of the transcript. */
  messages: (Message & { from: 'client' | 'server'; name: string; hashAfter: Uint8Array })[];
  th1: Uint8Array;
  th2: Uint8Array;
  signedContent?: Uint8Array;
  signature?: Uint8Array;
  clientSignedContent?: Uint8Array;
  clientSignature?: Uint8Array;
  handshakeSecrets: HandshakeSecrets;
  trafficSecrets: TrafficSecrets;
  clientFinishedKey: Uint8Array;
  serverFinishedKey: Uint8Array;
  keys: Record<
    'clientGeneration0' | 'serverGeneration0' | 'clientGeneration1' | 'serverGeneration1',
    DirectionKeys
  >;
  frames: { from: 'client' | 'server'; name: string; frame: Uint8Array }[];
}

export function fullHandshake(inputs: HandshakeInputs): Handshake {
  const messages: Handshake['messages'] = [];
  function say(from: 'client' | 'server', name: string, type: number, body: Uint8Array): void {
    messages.push({ from, name, type, body, hashAfter: transcriptHash([...messages, { type, body }]) });
  }
  const hashSoFar = () => messages[messages.length - 1]!.hashAfter;

  // 4.8: what was said in the clear before
  const clearHello = (announcement: Announcement): Uint8Array =>
    encodePlainHello({ transport: inputs.transport, extensions: announce(inTheClear(announcement)) });
  if (inputs.before === 'transportHello') {
    const hello = { transport: inputs.transport, binding: inputs.binding! };
    say('client', 'TransportHello', messageTypes.transportHello, encodeTransportHello(hello));
  } else if (inputs.before) {
    say('client', 'PlainHello', messageTypes.plainHello, clearHello(inputs.client));
  }
  if (inputs.before === 'plainHellos') {
    say('server', 'PlainHello', messageTypes.plainHello, clearHello(inputs.server));
  }
  if (inputs.before === 'helloRequest' || inputs.before === 'transportHello') {
    say('server', 'HelloRequest', messageTypes.helloRequest, new Uint8Array(0));
  }
  const before = messages.length;

  // 4.1, 4.2: the hellos
  const clientShare = x25519PublicKey(inputs.clientPrivateKey);
  const serverShare = x25519PublicKey(inputs.serverPrivateKey);
  const clientHello = encodeClientHello({
    random: inputs.clientRandom,
    suites: inputs.suites,
    groups: [x25519Group],
    keyShares: [{ group: x25519Group, key: clientShare }],
    signatureAlgorithms: inputs.signatureAlgorithms,
    serverName: inputs.serverName,
    transport: inputs.transport,
    allowed: inputs.clientAllowed,
    extensions: [],
  });
  say('client', 'ClientHello', messageTypes.clientHello, clientHello);
  const serverHello = encodeServerHello({
    random: inputs.serverRandom,
    suite: inputs.suite,
    group: x25519Group,
    keyShare: serverShare,
    iterations: inputs.iterations,
    extensions: [],
  });
  say('server', 'ServerHello', messageTypes.serverHello, serverHello);

  // 5.1: the handshake secrets
  const sharedSecret = x25519(inputs.clientPrivateKey, serverShare);
  const th1 = hashSoFar();
  const secrets = handshakeSecrets(sharedSecret, inputs.iterations, th1);

  // 4.3, 4.4: the server's sealed messages
  say('server', 'Extensions', messageTypes.extensions, encodeExtensions(announce(inputs.server)));
  let signed: Pick<Handshake, 'signedContent' | 'signature'> = {};
  if (inputs.certificate) {
    const { chain, algorithm, sign } = inputs.certificate;
    say('server', 'Certificate', messageTypes.certificate, encodeCertificate(chain));
    const content = signedContent('server', hashSoFar());
    const signature = sign(content);
    const verify = encodeCertificateVerify({ algorithm, signature });
    say('server', 'CertificateVerify', messageTypes.certificateVerify, verify);
    signed = { signedContent: content, signature };
  }
  const serverFinished = finishedMac(secrets.serverHandshakeTraffic, hashSoFar());
  say('server', 'Finished', messageTypes.finished, serverFinished);
  const th2 = hashSoFar();

  // 4.4, 4.3: the client's
  say('client', 'Extensions', messageTypes.extensions, encodeExtensions(announce(inputs.client)));
  let clientSigned: Pick<Handshake, 'clientSignedContent' | 'clientSignature'> = {};
  const asked = inputs.server.clientCertificateRequest !== undefined;
  if (asked) {
    const chain = inputs.clientCertificate?.chain ?? [];
    say('client', 'Certificate', messageTypes.certificate, encodeCertificate(chain));
  }
  if (asked && inputs.clientCertificate) {
    const { algorithm, sign } = inputs.clientCertificate;
    const content = signedContent('client', hashSoFar());
    const signature = sign(content);
    const verify = encodeCertificateVerify({ algorithm, signature });
    say('client', 'CertificateVerify', messageTypes.certificateVerify, verify);
    clientSigned = { clientSignedContent: content, clientSignature: signature };
  }
  const clientFinished = finishedMac(secrets.clientHandshakeTraffic, hashSoFar());
  say('client', 'Finished', messageTypes.finished, clientFinished);

  // 5.1, 5.2: the traffic secrets and all keys
  const traffic = trafficSecrets(secrets.main, th2);
  const keys = {
    clientGeneration0: directionKeys(secrets.clientHandshakeTraffic),
    serverGeneration0: directionKeys(secrets.serverHandshakeTraffic),
    clientGeneration1: directionKeys(traffic.clientTraffic),
    serverGeneration1: directionKeys(traffic.serverTraffic),
  };

  // 2: the frames; the sealed messages of each side in one record
  const header = { flags: Both, type: frameTypes.handshake, epoch: 0, sequence: 0 };
  const sealedOf = (sender: string) => messages.slice(before + 2).filter(({ from }) => from === sender);
  const serverSealed = concat(...sealedOf('server').map(encodeMessage));
  const clientSealed = concat(...sealedOf('client').map(encodeMessage));
  const hellos = messages.slice(0, before + 2).map((message) => ({
    from: message.from,
    name: message.name,
    frame: plainFrame(frameTypes.handshake, encodeMessage(message)),
  }));
  const frames: Handshake['frames'] = [
    ...hellos,
    {
      from: 'server',
      name: 'Extensions … Finished',
      frame: sealRecord(inputs.suite, keys.serverGeneration0, header, serverSealed),
    },
    {
      from: 'client',
      name: asked ? 'Extensions … Finished' : 'Extensions, Finished',
      frame: sealRecord(inputs.suite, keys.clientGeneration0, header, clientSealed),
    },
  ];
  if (asked || inputs.server.verdictFollows) {
    // 4.7: the next record of the server's generation 0
    const { refusal } = inputs;
    const verdict = refusal
      ? encodeMessage({ type: messageTypes.refused, body: encodeRefused(refusal) })
      : encodeMessage({ type: messageTypes.accepted, body: new Uint8Array(0) });
    const frame = sealRecord(inputs.suite, keys.serverGeneration0, { ...header, sequence: 1 }, verdict);
    frames.push({ from: 'server', name: refusal ? 'Refused' : 'Accepted', frame });
  }

  return {
    clientShare,
    serverShare,
    sharedSecret,
    messages,
    th1,
    th2,
    ...signed,
    ...clientSigned,
    handshakeSecrets: secrets,
    trafficSecrets: traffic,
    clientFinishedKey: finishedKey(secrets.clientHandshakeTraffic),
    serverFinishedKey: finishedKey(secrets.serverHandshakeTraffic),
    keys,
    frames,
  };
}
