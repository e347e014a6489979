// The server's handshake, its states in wire order: docs/protocol.md section 4.
//
//   ExpectClientHello ─ ClientHello ─▸ sends ServerHello, Extensions, Certificate, CertificateVerify, Finished ─▸
//   ExpectClientExtensions ─ Extensions ─▸ ExpectClientFinished ─ Finished ─▸ Established
//
// Cheap checks come first, then the key exchange, then the signature. Traffic secrets are computed when the
// client has proved that it holds the handshake keys, not before.

import type { Identity } from '../certificate/identity.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { Opener } from '../record/open.js';
import {
  type ClientHello,
  decodeClientHello,
  decodeExtensionsMessage,
  encodeCertificate,
  encodeCertificateVerify,
  encodeExtensionsMessage,
  encodeMessage,
  encodeServerHello,
  type HandshakeMessage,
  messageTypes,
  type PeerExtensions,
  randomBytes,
} from '../wire/handshake-message.js';
import { canSignAs, chooseSuite, type Suite, signatureFor, x25519Group } from './algorithms.js';
import { type ExpectedFlight, SealedState, sealFlight } from './flight.js';
import { finishedMac, HandshakeSecrets, signedContent } from './key-schedule.js';
import {
  Established,
  expectType,
  failed,
  Handshake,
  type HandshakeState,
  helloFrame,
  type Transition,
} from './state.js';
import { Transcript } from './transcript.js';

export interface ServerHandshakeConfig {
  readonly crypto: CryptoProvider;
  /** Undefined: anonymous, which stops eavesdroppers only. */
  readonly identities: ServerIdentities | undefined;
  readonly transport: number;
  readonly allowed: number;
  readonly manifest: Uint8Array;
  readonly maxFrameBytes: number;
  /** PBKDF2 iterations of every handshake. */
  readonly iterations: number;
}

/** Whose identity signs. It is asked anew for each handshake, so that a running server can renew. */
export interface ServerIdentities {
  /**
   * For a client that asks for `serverName`, which may be empty, an identity that `canSign` in a way that the client
   * reads; undefined where there is none: then the handshake fails with `no-common-algorithm`.
   */
  choose(serverName: string, canSign: (identity: Identity) => boolean): Identity | undefined;
}

/** Waits for a client. */
export function startServerHandshake(config: ServerHandshakeConfig): Handshake {
  return new Handshake(new ExpectClientHello(config));
}

class ExpectClientHello implements HandshakeState {
  readonly opener: undefined;
  readonly #config: ServerHandshakeConfig;

  constructor(config: ServerHandshakeConfig) {
    this.#config = config;
  }

  handle(message: HandshakeMessage): Transition {
    const { crypto, iterations } = this.#config;
    if (message.type === messageTypes.plainHello) {
      throw failed('encryption-mismatch', 'the client has encryption off (enableEncryption), this server on');
    }
    expectType(message, messageTypes.clientHello);
    const hello = decodeClientHello(message.body);
    const { suite, clientShare, identity } = this.#negotiate(hello);

    const keyPair = crypto.x25519KeyPair();
    const sharedSecret = keyPair.agree(clientShare);
    keyPair.destroy();
    if (sharedSecret === undefined) throw failed('key-share', "the client's key share is not usable");
    const reply = encodeServerHello({
      random: crypto.randomBytes(randomBytes),
      suite: suite.code,
      keyShare: { group: x25519Group, key: keyPair.publicKey },
      iterations,
    });
    const transcript = new Transcript(crypto).add(message).add(reply);
    const secrets = new HandshakeSecrets(crypto, {
      cipher: suite.cipher,
      sharedSecret,
      iterations,
      hellosHash: transcript.hash(),
    });
    const flight = this.#sealedFlight(transcript, secrets, identity);
    const next = new ExpectClientExtensions({
      config: this.#config,
      transcript,
      secrets,
      suite: suite.cipher,
      finishedHash: transcript.hash(),
      opener: new Opener(secrets.client),
      clientAllowed: hello.allowed,
    });
    return { next, send: [helloFrame(reply), flight] };
  }

  destroy(): void {
    // Nothing secret is held before the client has spoken.
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
    return { suite, clientShare: share.key, identity };
  }

  /** No state holds the secrets yet, so they are wiped here when the flight fails: a key in a device may not answer. */
  #sealedFlight(
    transcript: Transcript,
    secrets: HandshakeSecrets,
    identity: Identity | undefined,
  ): Uint8Array {
    try {
      return sealFlight(secrets.server, this.#flight(transcript, secrets, identity));
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
    const { crypto, manifest, maxFrameBytes, allowed } = this.#config;
    const messages: HandshakeMessage[] = [];
    const say = (message: HandshakeMessage) => {
      transcript.add(message);
      messages.push(message);
    };
    say(encodeExtensionsMessage({ manifest, maxFrameBytes, allowed }));
    if (identity !== undefined) {
      say(encodeCertificate(identity.chain));
      const { code, algorithm } = signatureFor(identity.key.kind)!;
      const signature = identity.key.sign(algorithm, signedContent('server', transcript.hash()));
      say(encodeCertificateVerify({ algorithm: code, signature }));
    }
    say(encodeMessage(messageTypes.finished, finishedMac(crypto, secrets.server, transcript.hash())));
    return messages;
  }
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

/** … once the client has told about itself. */
interface FlightOfPeer extends Flight {
  readonly peer: PeerExtensions;
}

class ExpectClientExtensions extends SealedState<Flight> {
  handle(message: HandshakeMessage): Transition {
    expectType(message, messageTypes.extensions);
    const peer = decodeExtensionsMessage(message.body);
    if (peer.allowed !== undefined) throw failed('malformed', 'the client says twice which flags it allows');
    this.flight.transcript.add(message);
    return { next: new ExpectClientFinished({ ...this.flight, peer }), send: [] };
  }
}

class ExpectClientFinished extends SealedState<FlightOfPeer> {
  handle(message: HandshakeMessage): Transition {
    const { config, transcript, secrets, finishedHash, suite, clientAllowed } = this.flight;
    expectType(message, messageTypes.finished);
    const expected = finishedMac(config.crypto, secrets.client, transcript.hash());
    if (!config.crypto.equal(expected, message.body)) {
      throw failed('finished', "the client's Finished does not fit what was said");
    }
    const traffic = secrets.intoTraffic(finishedHash);
    this.destroy();
    const next = new Established({
      protection: config.identities === undefined ? 'anonymous' : 'signed',
      secrets: {
        sending: traffic.server,
        receiving: traffic.client,
        exporter: traffic.exporter,
        suite,
        group: 'x25519',
      },
      peer: this.flight.peer,
      allowed: config.allowed & clientAllowed,
    });
    return { next, send: [] };
  }
}
