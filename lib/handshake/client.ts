// The client's handshake, its states in wire order: docs/protocol.md section 4.
//
//   startClient ─ ClientHello ─▸ ExpectServerHello ─ ServerHello ─▸ ExpectExtensions ─ Extensions ─▸
//   ExpectCertificate ─ Certificate ─▸ ExpectCertificateVerify ─ CertificateVerify ─▸ ExpectFinished ─ Finished ─▸
//   PendingVerdict ─ accept() sends Extensions, Certificate, CertificateVerify, Finished ─▸
//   ExpectVerdict ─ Accepted ─▸ Established, or Refused ─▸ the end
//
// Where the server neither asks for a certificate nor says that a verdict follows, accept() sends Extensions and Finished,
// and leads to Established. An anonymous client goes from ExpectExtensions to ExpectFinished, and from there, unless it
// has connection data to say, on without a PendingVerdict.
// Whether the certificate may be trusted is not decided here: PendingVerdict gives it out.

import type { Identity } from '../certificate/identity.js';
import type { CryptoProvider, X25519KeyPair } from '../crypto/provider.js';
import { Opener } from '../record/open.js';
import type { CertificateRequest, PeerExtensions } from '../wire/extensions.js';
import {
  decodeCertificate,
  decodeExtensionsMessage,
  decodeHelloRequest,
  decodeServerHello,
  encodeCertificate,
  encodeClientHello,
  encodeExtensionsMessage,
  encodeMessage,
  type HandshakeMessage,
  messageTypes,
  randomBytes,
} from '../wire/handshake-message.js';
import { canSignAs, offeredSignatures, offeredSuites, x25519Group } from './algorithms.js';
import { certificateMessage, checkProof, proveIdentity } from './certificate-verify.js';
import { type ExpectedFlight, handshakeSealer, SealedState, sealFlight } from './flight.js';
import { finishedMac, HandshakeSecrets } from './key-schedule.js';
import { checkRepeated, type Preamble } from './preamble.js';
import {
  Established,
  expectType,
  failed,
  Handshake,
  type HandshakeState,
  helloFrame,
  PendingVerdict,
  type Transition,
} from './state.js';
import { Transcript } from './transcript.js';
import { readVerdict } from './verdict.js';

export interface ClientHandshakeConfig {
  readonly crypto: CryptoProvider;
  /** False: anonymous, which stops eavesdroppers only. */
  readonly signed: boolean;
  /** The first that fits is shown where the server asks for one, and only to a server that was accepted. */
  readonly identities: readonly Identity[];
  readonly serverName: string;
  /** Code of the transport. */
  readonly transport: number;
  /** Bit f: records with flags f are accepted. */
  readonly allowed: number;
  readonly manifest: Uint8Array;
  readonly maxFrameBytes: number;
  /** Announced where it is given; left out, it is as much as a frame. */
  readonly maxMessageBytes?: number;
  /** It has connection data to say: a PendingVerdict comes out also where it is anonymous. */
  readonly saysConnectionData?: boolean;
  /** What was said before the ClientHello; undefined where it comes first. */
  readonly preamble?: Preamble | undefined;
  /** More PBKDF2 iterations than this are refused: the server does not choose how long we compute. */
  readonly maxIterations: number;
}

/** Starts a handshake; the frame is to be sent at once. */
export function startClientHandshake(config: ClientHandshakeConfig): {
  handshake: Handshake;
  send: Uint8Array;
} {
  const { next, frame } = greet(config);
  return { handshake: new Handshake(next), send: frame };
}

/** The ClientHello, and what comes behind it. */
export function greet(config: ClientHandshakeConfig): { next: HandshakeState; frame: Uint8Array } {
  const { crypto, preamble } = config;
  const keyPair = crypto.x25519KeyPair();
  const hello = encodeClientHello({
    random: crypto.randomBytes(randomBytes),
    suites: offeredSuites(crypto).map(({ code }) => code),
    groups: [x25519Group],
    keyShares: [{ group: x25519Group, key: keyPair.publicKey }],
    signatureAlgorithms: config.signed ? offeredSignatures : [],
    serverName: config.serverName,
    transport: config.transport,
    allowed: config.allowed,
    extensions: new Map(),
  });
  const transcript = new Transcript(crypto, preamble?.said).add(hello);
  return { next: new ExpectServerHello(config, transcript, keyPair), frame: helloFrame(hello) };
}

class ExpectServerHello implements HandshakeState {
  readonly opener: undefined;
  readonly #config: ClientHandshakeConfig;
  readonly #transcript: Transcript;
  readonly #keyPair: X25519KeyPair;

  constructor(config: ClientHandshakeConfig, transcript: Transcript, keyPair: X25519KeyPair) {
    this.#config = config;
    this.#transcript = transcript;
    this.#keyPair = keyPair;
  }

  handle(message: HandshakeMessage): Transition {
    const { crypto, maxIterations, preamble } = this.#config;
    if (preamble?.peer !== undefined && message.type === messageTypes.helloRequest) {
      // On a living connection it may cross the ClientHello; it has no part in what is agreed.
      decodeHelloRequest(message.body);
      return { next: this, send: [] };
    }
    expectType(message, messageTypes.serverHello);
    const hello = decodeServerHello(message.body);
    const suite = offeredSuites(crypto).find(({ code }) => code === hello.suite);
    if (suite === undefined || hello.keyShare.group !== x25519Group) {
      throw failed('no-common-algorithm', 'the server chose a suite or group that was not offered');
    }
    if (hello.iterations > maxIterations) {
      throw failed(
        'key-stretching',
        `the server asks for ${hello.iterations} PBKDF2 iterations; this client agrees to ${maxIterations} at most ` +
          '(limits.maxKeyStretchingIterations)',
      );
    }
    const sharedSecret = this.#keyPair.agree(hello.keyShare.key);
    if (sharedSecret === undefined) throw failed('key-share', "the server's key share is not usable");
    this.#transcript.add(message);
    const secrets = new HandshakeSecrets(crypto, {
      cipher: suite.cipher,
      sharedSecret,
      iterations: hello.iterations,
      hellosHash: this.#transcript.hash(),
    });
    this.destroy();
    const next = new ExpectExtensions({
      config: this.#config,
      transcript: this.#transcript,
      secrets,
      opener: new Opener(secrets.server),
      suite: suite.cipher,
    });
    return { next, send: [] };
  }

  destroy(): void {
    this.#keyPair.destroy();
  }
}

/** What the states behind the hellos have in common. */
interface Flight extends ExpectedFlight {
  readonly config: ClientHandshakeConfig;
  readonly transcript: Transcript;
  readonly suite: string;
}

/** … once the server has told about itself … */
interface FlightOfPeer extends Flight {
  readonly peer: PeerExtensions;
}

/** … and shown its certificate: DER, its own first; empty when nobody asked for one … */
interface FlightWithChain extends FlightOfPeer {
  readonly chain: readonly Uint8Array[];
}

/** … and proved it. */
interface FinishedFlight extends FlightWithChain {
  /** TH2: transcript hash up to the server's Finished. */
  readonly finishedHash: Uint8Array;
}

class ExpectExtensions extends SealedState<Flight> {
  handle(message: HandshakeMessage): Transition {
    expectType(message, messageTypes.extensions);
    const peer = decodeExtensionsMessage(message.body);
    if (peer.allowed === undefined) throw failed('malformed', 'the server did not say which flags it allows');
    if (peer.certificateRequest !== undefined && !this.flight.config.signed) {
      throw failed('malformed', 'a server that shows no certificate asks for one');
    }
    if (peer.connectionData !== undefined) {
      throw failed('malformed', 'the server says connection data: only clients do');
    }
    checkRepeated(this.flight.config.preamble, peer);
    this.flight.transcript.add(message);
    const next = this.flight.config.signed
      ? new ExpectCertificate({ ...this.flight, peer })
      : new ExpectFinished({ ...this.flight, peer, chain: [] });
    return { next, send: [] };
  }
}

class ExpectCertificate extends SealedState<FlightOfPeer> {
  handle(message: HandshakeMessage): Transition {
    expectType(message, messageTypes.certificate);
    const chain = decodeCertificate(message.body, 1);
    this.flight.transcript.add(message);
    return { next: new ExpectCertificateVerify({ ...this.flight, chain }), send: [] };
  }
}

class ExpectCertificateVerify extends SealedState<FlightWithChain> {
  handle(message: HandshakeMessage): Transition {
    const { config, transcript, chain } = this.flight;
    expectType(message, messageTypes.certificateVerify);
    checkProof(config.crypto, 'server', message, chain, transcript.hash());
    transcript.add(message);
    return { next: new ExpectFinished(this.flight), send: [] };
  }
}

class ExpectFinished extends SealedState<FlightWithChain> {
  handle(message: HandshakeMessage): Transition {
    const { config, transcript, secrets, chain, peer } = this.flight;
    expectType(message, messageTypes.finished);
    const expected = finishedMac(config.crypto, secrets.server, transcript.hash());
    if (!config.crypto.equal(expected, message.body)) {
      throw failed('finished', "the server's Finished does not fit what was said");
    }
    transcript.add(message);
    if (!config.signed && !config.saysConnectionData) return this.#answer();
    const verdict = new PendingVerdict({
      peerChain: chain,
      peer,
      protection: config.signed ? 'signed' : 'anonymous',
      accept: (connectionData) => this.#answer(connectionData),
      destroy: () => this.destroy(),
    });
    return { next: verdict, send: [] };
  }

  /** Sends this side's flight. Where the server judges what is in it, its word is waited for before any traffic. */
  #answer(connectionData?: Uint8Array): Transition {
    const { transcript, secrets, peer } = this.flight;
    const flight: FinishedFlight = { ...this.flight, finishedHash: transcript.hash() };
    const messages = this.#messages(connectionData);
    const sealer = handshakeSealer(secrets.client);
    const send = sealFlight(sealer, messages);
    sealer.destroy();
    if (peer.certificateRequest !== undefined || peer.verdictFollows) {
      return { next: new ExpectVerdict(flight), send };
    }
    const next = establish(flight, { confirmed: false });
    this.destroy();
    return { next, send };
  }

  /** Extensions to Finished; each message is added to the transcript before the next one is made. */
  #messages(connectionData: Uint8Array | undefined): HandshakeMessage[] {
    const { config, transcript, secrets, peer } = this.flight;
    const messages: HandshakeMessage[] = [];
    const say = (message: HandshakeMessage) => {
      transcript.add(message);
      messages.push(message);
    };
    const { crypto, manifest, maxFrameBytes, maxMessageBytes } = config;
    say(
      encodeExtensionsMessage({
        manifest,
        maxFrameBytes,
        ...(maxMessageBytes !== undefined && { maxMessageBytes }),
        allowed: undefined,
        certificateRequest: undefined,
        ...(connectionData && { connectionData }),
      }),
    );
    if (peer.certificateRequest !== undefined) {
      const identity = fittingIdentity(config.identities, peer.certificateRequest);
      say(identity === undefined ? encodeCertificate([]) : certificateMessage(identity));
      if (identity !== undefined) say(proveIdentity('client', identity, transcript.hash()));
    }
    say(encodeMessage(messageTypes.finished, finishedMac(crypto, secrets.client, transcript.hash())));
    return messages;
  }
}

/** Waits for the server's verdict, since what it may refuse must not be followed by calls. */
class ExpectVerdict extends SealedState<FinishedFlight> {
  handle(message: HandshakeMessage): Transition {
    readVerdict(message, this.flight.peer.verdictFollows === true);
    const next = establish(this.flight, { confirmed: true });
    this.destroy();
    return { next, send: [] };
  }
}

/** Goes over to the traffic keys. */
function establish(flight: FinishedFlight, { confirmed }: { confirmed: boolean }): Established {
  const { config, secrets, suite, peer, chain, finishedHash } = flight;
  const traffic = secrets.intoTraffic(finishedHash);
  return new Established({
    protection: config.signed ? 'signed' : 'anonymous',
    secrets: {
      sending: traffic.client,
      receiving: traffic.server,
      exporter: traffic.exporter,
      suite,
      group: 'x25519',
    },
    peer,
    allowed: config.allowed & (peer.allowed ?? 0),
    peerChain: chain,
    confirmed,
  });
}

/** A client that has an identity never passes for one that has none: it fails where the server cannot read its proof. */
function fittingIdentity(
  identities: readonly Identity[],
  { required, signatureAlgorithms }: CertificateRequest,
): Identity | undefined {
  const [first] = identities;
  if (first === undefined) {
    if (!required) return undefined;
    throw failed(
      'certificate-required',
      "the server asks for a client certificate: set certificate in the client's configuration",
    );
  }
  const fitting = identities.find(({ key }) => canSignAs(key, signatureAlgorithms));
  if (fitting !== undefined) return fitting;
  throw failed(
    'no-common-algorithm',
    `the server cannot verify what a key of the kind ${first.key.kind} signs: use a client certificate with ` +
      'another kind of key, such as P-256',
  );
}
