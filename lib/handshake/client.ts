// The client's handshake, its states in wire order: docs/protocol.md section 4.
//
//   startClient ─ ClientHello ─▸ ExpectServerHello ─ ServerHello ─▸ ExpectExtensions ─ Extensions ─▸
//   ExpectCertificate ─ Certificate ─▸ ExpectCertificateVerify ─ CertificateVerify ─▸ ExpectFinished ─ Finished ─▸
//   PendingVerdict ─ accept() sends Extensions and Finished ─▸ Established
//
// An anonymous client goes from ExpectExtensions to ExpectFinished, and from there to Established at once.
// Whether the certificate may be trusted is not decided here: PendingVerdict gives it out.

import { parseCertificate } from '../certificate/x509/x509.js';
import type { CryptoProvider, X25519KeyPair } from '../crypto/provider.js';
import { Opener } from '../record/open.js';
import {
  decodeCertificate,
  decodeCertificateVerify,
  decodeExtensionsMessage,
  decodeServerHello,
  encodeClientHello,
  encodeExtensionsMessage,
  encodeMessage,
  type HandshakeMessage,
  messageTypes,
  type PeerExtensions,
  randomBytes,
} from '../wire/handshake-message.js';
import { offeredSignatures, offeredSuites, signatureFor, x25519Group } from './algorithms.js';
import { type ExpectedFlight, SealedState, sealFlight } from './flight.js';
import { finishedMac, HandshakeSecrets, signedContent } from './key-schedule.js';
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

export interface ClientHandshakeConfig {
  readonly crypto: CryptoProvider;
  /** False: anonymous, which stops eavesdroppers only. */
  readonly signed: boolean;
  readonly serverName: string;
  /** Code of the transport. */
  readonly transport: number;
  /** Bit f: records with flags f are accepted. */
  readonly allowed: number;
  readonly manifest: Uint8Array;
  readonly maxFrameBytes: number;
  /** More PBKDF2 iterations than this are refused: the server does not choose how long we compute. */
  readonly maxIterations: number;
}

/** Starts a handshake; the frame is to be sent at once. */
export function startClientHandshake(config: ClientHandshakeConfig): {
  handshake: Handshake;
  send: Uint8Array;
} {
  const { crypto } = config;
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
  const transcript = new Transcript(crypto).add(hello);
  return {
    handshake: new Handshake(new ExpectServerHello(config, transcript, keyPair)),
    send: helloFrame(hello),
  };
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
    const { crypto, maxIterations } = this.#config;
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

/** … and shown its certificate: DER, its own first; empty when nobody asked for one. */
interface FlightWithChain extends FlightOfPeer {
  readonly chain: readonly Uint8Array[];
}

class ExpectExtensions extends SealedState<Flight> {
  handle(message: HandshakeMessage): Transition {
    expectType(message, messageTypes.extensions);
    const peer = decodeExtensionsMessage(message.body);
    if (peer.allowed === undefined) throw failed('malformed', 'the server did not say which flags it allows');
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
    const chain = decodeCertificate(message.body);
    this.flight.transcript.add(message);
    return { next: new ExpectCertificateVerify({ ...this.flight, chain }), send: [] };
  }
}

class ExpectCertificateVerify extends SealedState<FlightWithChain> {
  handle(message: HandshakeMessage): Transition {
    expectType(message, messageTypes.certificateVerify);
    const { algorithm, signature } = decodeCertificateVerify(message.body);
    const leaf = parseCertificate(this.flight.chain[0]!);
    const scheme = signatureFor(leaf.publicKey.kind);
    const content = signedContent('server', this.flight.transcript.hash());
    if (
      scheme?.code !== algorithm ||
      !this.flight.config.crypto.verify(scheme.algorithm, leaf.publicKey.spki, content, signature)
    ) {
      throw failed('signature', 'the server could not prove that the certificate is its own');
    }
    this.flight.transcript.add(message);
    return { next: new ExpectFinished(this.flight), send: [] };
  }
}

class ExpectFinished extends SealedState<FlightWithChain> {
  handle(message: HandshakeMessage): Transition {
    const { config, transcript, secrets } = this.flight;
    expectType(message, messageTypes.finished);
    const expected = finishedMac(config.crypto, secrets.server, transcript.hash());
    if (!config.crypto.equal(expected, message.body)) {
      throw failed('finished', "the server's Finished does not fit what was said");
    }
    transcript.add(message);
    if (!config.signed) return this.#finish();
    const verdict = new PendingVerdict(
      this.flight.chain,
      this.flight.peer,
      () => this.#finish(),
      () => this.destroy(),
    );
    return { next: verdict, send: [] };
  }

  /** Sends this side's flight and goes over to the traffic keys. */
  #finish(): Transition & { readonly next: Established } {
    const { config, transcript, secrets, suite } = this.flight;
    const finishedHash = transcript.hash();
    const extensions = encodeExtensionsMessage({
      manifest: config.manifest,
      maxFrameBytes: config.maxFrameBytes,
      allowed: undefined,
    });
    transcript.add(extensions);
    const mac = finishedMac(config.crypto, secrets.client, transcript.hash());
    const finished = encodeMessage(messageTypes.finished, mac);
    const send = sealFlight(secrets.client, [extensions, finished]);

    const traffic = secrets.intoTraffic(finishedHash);
    this.destroy();
    const next = new Established({
      protection: config.signed ? 'signed' : 'anonymous',
      secrets: {
        sending: traffic.client,
        receiving: traffic.server,
        exporter: traffic.exporter,
        suite,
        group: 'x25519',
      },
      peer: this.flight.peer,
      allowed: config.allowed & (this.flight.peer.allowed ?? 0),
      peerChain: this.flight.chain,
    });
    return { next, send: [send] };
  }
}
