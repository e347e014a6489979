// The server's handshake, its states in wire order: docs/protocol.md section 4.
//
//   ExpectClientHello ─ ClientHello ─▸ sends ServerHello, Extensions, Certificate, CertificateVerify, Finished ─▸
//   ExpectClientExtensions ─ Extensions ─▸ ExpectClientCertificate ─ Certificate ─▸
//   ExpectClientCertificateVerify ─ CertificateVerify ─▸ ExpectClientFinished ─ Finished ─▸
//   PendingVerdict ─ accept() sends Accepted ─▸ Established, or refuse() sends Refused
//
// Where it asks for no certificate, a server goes from ExpectClientExtensions to ExpectClientFinished; where it approves
// nobody and the client has shown no certificate, from there to Established without a verdict, over Accepted if it asked.
//
// Cheap checks come first, then the key exchange, then the signature. Traffic secrets are computed when the
// client has proved that it holds the handshake keys, and was accepted, not before.

import { SealwireError } from '../base/errors.js';
import type { Identity } from '../certificate/identity.js';
import { type CryptoProvider, x25519KeyBytes } from '../crypto/provider.js';
import { Opener } from '../record/open.js';
import type { Sealer } from '../record/seal.js';
import type { SecureChannel } from '../transport/secure-channel.js';
import { type CertificateRequest, type PeerExtensions, readPeerExtensions } from '../wire/extensions.js';
import {
  type ClientHello,
  decodeCertificate,
  decodeClientHello,
  decodeExtensionsMessage,
  decodePlainHello,
  decodeTransportHello,
  encodeExtensionsMessage,
  encodeMessage,
  encodeServerHello,
  type HandshakeMessage,
  messageTypes,
  randomBytes,
} from '../wire/handshake-message.js';
import { encodeAccepted } from '../wire/verdict-message.js';
import { canSignAs, chooseSuite, offeredSignatures, type Suite, x25519Group } from './algorithms.js';
import { certificateMessage, checkProof, proveIdentity } from './certificate-verify.js';
import { type ExpectedFlight, handshakeSealer, SealedState, sealFlight, sealMessage } from './flight.js';
import { finishedMac, HandshakeSecrets } from './key-schedule.js';
import { checkRepeated, type Preamble, requestHello } from './preamble.js';
import { overTransport } from './secure-transport-server.js';
import {
  Established,
  expectType,
  failed,
  Handshake,
  type HandshakeState,
  helloFrame,
  PendingVerdict,
  type Protection,
  type Transition,
} from './state.js';
import { Transcript } from './transcript.js';
import { refusalOf } from './verdict.js';

export interface ServerHandshakeConfig {
  readonly crypto: CryptoProvider;
  /** Undefined: anonymous, which stops eavesdroppers only. */
  readonly identities: ServerIdentities | undefined;
  /** Whether clients show a certificate; only where the server shows its own. */
  readonly clientAuthentication: ClientAuthentication;
  /** Every client is judged at the end of its handshake, and told: a PendingVerdict comes out. */
  readonly approves?: boolean;
  readonly transport: number;
  /** TLS below, where this side lets it count; a client that is at its other end needs no keys then. */
  readonly secure?: SecureChannel | undefined;
  readonly allowed: number;
  readonly manifest: Uint8Array;
  readonly maxFrameBytes: number;
  /** Announced where it is given; left out, it is as much as a frame. */
  readonly maxMessageBytes?: number;
  /** What was said before the ClientHello; undefined where it comes first. */
  readonly preamble?: Preamble | undefined;
  /** PBKDF2 iterations of every handshake. */
  readonly iterations: number;
}

/** `optional`: a certificate that a client shows is checked like any other, and a client without one is let in. */
export type ClientAuthentication = 'none' | 'optional' | 'required';

/** Whose identity signs. It is asked anew for each handshake, so that a running server can renew. */
export interface ServerIdentities {
  /**
   * For a client that asks for `serverName`, which may be empty, an identity that `canSign` in a way that the client
   * reads; undefined where there is none: then the handshake fails with `no-common-algorithm`.
   */
  choose(serverName: string, canSign: (identity: Identity) => boolean): Identity | undefined;
}

/** Waits for a client. Throws INVALID_CONFIG for an anonymous server that asks for certificates. */
export function startServerHandshake(config: ServerHandshakeConfig): Handshake {
  if (config.clientAuthentication !== 'none' && config.identities === undefined) {
    throw new SealwireError('INVALID_CONFIG', 'clientAuthentication needs a server that signs');
  }
  return new Handshake(overTransport(config, new ExpectClientHello(config)));
}

/** Also for a client that would rather begin in the clear: then it is told to begin with a ClientHello. */
export class ExpectClientHello implements HandshakeState {
  readonly opener: undefined;
  readonly #config: ServerHandshakeConfig;

  constructor(config: ServerHandshakeConfig) {
    this.#config = config;
  }

  handle(message: HandshakeMessage): Transition {
    const { crypto, iterations, preamble } = this.#config;
    if (preamble === undefined && isOtherHello(message)) return this.#requestHello(message);
    expectType(message, messageTypes.clientHello);
    const hello = decodeClientHello(message.body);
    const { suite, clientShare, identity } = this.#negotiate(hello);

    const keyPair = crypto.x25519KeyPair();
    const sharedSecret = keyPair.agree(clientShare);
    keyPair.destroy();
    if (sharedSecret === undefined) throw unusableShare();
    const reply = encodeServerHello({
      random: crypto.randomBytes(randomBytes),
      suite: suite.code,
      keyShare: { group: x25519Group, key: keyPair.publicKey },
      iterations,
    });
    const transcript = new Transcript(crypto, preamble?.said).add(message).add(reply);
    const secrets = new HandshakeSecrets(crypto, {
      cipher: suite.cipher,
      sharedSecret,
      iterations,
      hellosHash: transcript.hash(),
    });
    const { flight, sealer } = this.#sealedFlight(transcript, secrets, identity);
    const next = new ExpectClientExtensions({
      config: this.#config,
      transcript,
      secrets,
      suite: suite.cipher,
      finishedHash: transcript.hash(),
      opener: new Opener(secrets.client),
      sealer,
      clientAllowed: hello.allowed,
    });
    return { next, send: [helloFrame(reply), ...flight] };
  }

  destroy(): void {
    // Nothing secret is held before the client has spoken.
  }

  #requestHello(message: HandshakeMessage): Transition {
    if (message.type === messageTypes.transportHello) decodeTransportHello(message.body);
    else this.#checkBegunPlain(message);
    const { preamble, frame } = requestHello(message);
    return { next: new ExpectClientHello({ ...this.#config, preamble }), send: [frame] };
  }

  /** Which client began in the clear is told by the extension alone: others would go on so. */
  #checkBegunPlain(message: HandshakeMessage): void {
    const { extensions } = decodePlainHello(message.body);
    if (!readPeerExtensions(extensions).onDemand) {
      throw failed('encryption-mismatch', 'the client has encryption off (enableEncryption), this server on');
    }
  }

  #negotiate(hello: ClientHello): Negotiated {
    const { crypto, identities, transport } = this.#config;
    const { signatureAlgorithms } = hello;
    if (hello.transport !== transport) {
      throw failed('transport', 'the client says that it dialled over another transport');
    }
    if (signatureAlgorithms.length > 0 !== (identities !== undefined)) {
      throw failed('signature-mismatch', 'signKeyExchange must be the same on the client and on this server');
    }
    const suite = chooseSuite(crypto, hello.suites);
    const share = hello.keyShares.find(({ group }) => group === x25519Group);
    const canSign = ({ key }: Identity) => canSignAs(key, signatureAlgorithms);
    const identity = identities?.choose(hello.serverName, canSign);
    const signs = identity === undefined ? identities === undefined : canSign(identity);
    if (suite === undefined || share === undefined || !signs) {
      throw failed('no-common-algorithm', 'no suite, group or signature algorithm in common with the client');
    }
    // Before there is a key pair for it, which takes as long as all of the above.
    if (share.key.length !== x25519KeyBytes) throw unusableShare();
    return { suite, clientShare: share.key, identity };
  }

  /** No state holds the secrets yet, so they are wiped here when the flight fails: a key in a device may not answer. */
  #sealedFlight(
    transcript: Transcript,
    secrets: HandshakeSecrets,
    identity: Identity | undefined,
  ): { flight: Uint8Array[]; sealer: Sealer | undefined } {
    try {
      const messages = this.#flight(transcript, secrets, identity);
      const sealer = handshakeSealer(secrets.server);
      const flight = sealFlight(sealer, messages);
      if (this.#config.clientAuthentication !== 'none' || this.#config.approves) return { flight, sealer };
      // This direction is done with its handshake keys.
      sealer.destroy();
      return { flight, sealer: undefined };
    } catch (error) {
      secrets.destroy();
      throw error;
    }
  }

  /** Extensions to Finished; each message is added to the transcript before the next one is made. */
  #flight(
    transcript: Transcript,
    secrets: HandshakeSecrets,
    identity: Identity | undefined,
  ): HandshakeMessage[] {
    const { crypto, manifest, maxFrameBytes, maxMessageBytes, allowed, clientAuthentication, approves } =
      this.#config;
    const messages: HandshakeMessage[] = [];
    const say = (message: HandshakeMessage) => {
      transcript.add(message);
      messages.push(message);
    };
    const certificateRequest = requestFor(clientAuthentication);
    say(
      encodeExtensionsMessage({
        manifest,
        maxFrameBytes,
        ...(maxMessageBytes !== undefined && { maxMessageBytes }),
        allowed,
        certificateRequest,
        ...(approves && { verdictFollows: true }),
      }),
    );
    if (identity !== undefined) {
      say(certificateMessage(identity));
      say(proveIdentity('server', identity, transcript.hash()));
    }
    say(encodeMessage(messageTypes.finished, finishedMac(crypto, secrets.server, transcript.hash())));
    return messages;
  }
}

function unusableShare(): SealwireError {
  return failed('key-share', "the client's key share is not usable");
}

function requestFor(clientAuthentication: ClientAuthentication): CertificateRequest | undefined {
  if (clientAuthentication === 'none') return undefined;
  return { required: clientAuthentication === 'required', signatureAlgorithms: offeredSignatures };
}

/** What both sides can do. */
interface Negotiated {
  readonly suite: Suite;
  readonly clientShare: Uint8Array;
  /** Undefined for an anonymous server. */
  readonly identity: Identity | undefined;
}

/** What the states behind the server's flight have in common. */
interface Flight extends ExpectedFlight {
  readonly config: ServerHandshakeConfig;
  readonly transcript: Transcript;
  readonly suite: string;
  /** TH2: transcript hash up to the server's Finished. */
  readonly finishedHash: Uint8Array;
  readonly clientAllowed: number;
}

/** … once the client has told about itself … */
interface FlightOfPeer extends Flight {
  readonly peer: PeerExtensions;
}

/** … and shown its certificate: DER, its own first; empty when it has none, or nobody asked. */
interface FlightWithChain extends FlightOfPeer {
  readonly chain: readonly Uint8Array[];
}

class ExpectClientExtensions extends SealedState<Flight> {
  handle(message: HandshakeMessage): Transition {
    expectType(message, messageTypes.extensions);
    const peer = decodeExtensionsMessage(message.body);
    if (peer.allowed !== undefined) throw failed('malformed', 'the client says twice which flags it allows');
    if (peer.certificateRequest !== undefined) {
      throw failed('malformed', 'the client asks for a certificate: only servers do');
    }
    if (peer.verdictFollows)
      throw failed('malformed', 'the client announces a verdict: only servers give one');
    checkRepeated(this.flight.config.preamble, peer);
    this.flight.transcript.add(message);
    const next =
      this.flight.config.clientAuthentication === 'none'
        ? new ExpectClientFinished({ ...this.flight, peer, chain: [] })
        : new ExpectClientCertificate({ ...this.flight, peer });
    return { next, send: [] };
  }
}

/** From a client that would have no keys, or none yet. */
function isOtherHello({ type }: HandshakeMessage): boolean {
  return type === messageTypes.plainHello || type === messageTypes.transportHello;
}

function protectionOf({ identities }: ServerHandshakeConfig): Protection {
  return identities === undefined ? 'anonymous' : 'signed';
}

class ExpectClientCertificate extends SealedState<FlightOfPeer> {
  handle(message: HandshakeMessage): Transition {
    expectType(message, messageTypes.certificate);
    const chain = decodeCertificate(message.body, 0);
    this.flight.transcript.add(message);
    if (chain.length > 0)
      return { next: new ExpectClientCertificateVerify({ ...this.flight, chain }), send: [] };
    if (this.flight.config.clientAuthentication === 'required') {
      throw failed(
        'certificate-required',
        'the client has no certificate, and clientAuthentication is required',
      );
    }
    return { next: new ExpectClientFinished({ ...this.flight, chain }), send: [] };
  }
}

class ExpectClientCertificateVerify extends SealedState<FlightWithChain> {
  handle(message: HandshakeMessage): Transition {
    const { config, transcript, chain } = this.flight;
    expectType(message, messageTypes.certificateVerify);
    checkProof(config.crypto, 'client', message, chain, transcript.hash());
    transcript.add(message);
    return { next: new ExpectClientFinished(this.flight), send: [] };
  }
}

class ExpectClientFinished extends SealedState<FlightWithChain> {
  handle(message: HandshakeMessage): Transition {
    const { config, transcript, secrets, chain, peer } = this.flight;
    expectType(message, messageTypes.finished);
    const expected = finishedMac(config.crypto, secrets.client, transcript.hash());
    if (!config.crypto.equal(expected, message.body)) {
      throw failed('finished', "the client's Finished does not fit what was said");
    }
    if (chain.length === 0 && !config.approves) return this.#finish();
    const verdict = new PendingVerdict({
      peerChain: chain,
      peer,
      protection: protectionOf(config),
      accept: () => this.#finish(),
      ...(config.approves && { refuse: (denied) => sealMessage(this.flight.sealer!, refusalOf(denied)) }),
      destroy: () => this.destroy(),
    });
    return { next: verdict, send: [] };
  }

  /** Says so where the client waits for it, and goes over to the traffic keys. */
  #finish(): Transition {
    const { config, secrets, sealer, finishedHash, suite, peer, chain, clientAllowed } = this.flight;
    const send = sealer === undefined ? [] : [sealMessage(sealer, encodeAccepted())];
    const traffic = secrets.intoTraffic(finishedHash);
    this.destroy();
    const next = new Established({
      protection: protectionOf(config),
      secrets: {
        sending: traffic.server,
        receiving: traffic.client,
        exporter: traffic.exporter,
        suite,
        group: 'x25519',
      },
      peer,
      allowed: config.allowed & clientAllowed,
      peerChain: chain,
      confirmed: true,
    });
    return { next, send };
  }
}
