// The server's role of sections 4 and 7 of docs/protocol.md, without I/O: `receive(frame)` of peer.ts, from the
// client's hello on. One object per connection.

import type { Value } from './call-messages.js';
import { Direction } from './direction.js';
import {
  finishedMac,
  type HandshakeSecrets,
  handshakeSecrets,
  type TrafficSecrets,
  trafficSecrets,
} from './key-schedule.js';
import {
  type Announcement,
  announce,
  type ClientHello,
  decodeCertificate,
  decodeCertificateVerify,
  decodeClientHello,
  decodeExtensions,
  decodeFinished,
  decodeMessages,
  decodePlainHello,
  decodeTransportHello,
  encodeCertificate,
  encodeCertificateVerify,
  encodeExtensions,
  encodeMessage,
  encodePlainHello,
  encodeRefused,
  encodeServerHello,
  encodeTransportHello,
  inTheClear,
  type Message,
  messageTypes,
  overTls,
  type Refusal,
  readAnnouncement,
  refuseUnlessRepeated,
  requestModes,
  x25519Group,
} from './messages.js';
import { closeCodes, concat, equal, Refused, refuseUnless } from './notation.js';
import { Peer, type Turn } from './peer.js';
import { Both, decodeFirstByte, frameTypes, plainFrame } from './record.js';
import { refuseWrongSignature, signedContent } from './signature.js';
import { bindingsOf, type TlsExporter } from './tls-exporter.js';
import { x25519, x25519PublicKey } from './x25519.js';

export interface ReferenceServerOptions {
  /** false: PlainHello, section 7; then only `transport` and `announcement` count. */
  encryption: boolean;
  /** Section 4.9: TLS that it lets count. It has not asked for a certificate. */
  tls?: TlsExporter;
  /** Section 4.8: its clients may begin in the clear. */
  onDemand?: boolean;
  random: Uint8Array;
  privateKey: Uint8Array;
  /** Those that it knows; the client's order decides. */
  suites: number[];
  iterations: number;
  /** Absent: anonymous. */
  certificate?: {
    chain: Uint8Array[];
    algorithm: number;
    sign: (content: Uint8Array) => Uint8Array;
  };
  transport: number;
  /**
   * With `allowed`, unless there is no encryption; with `clientCertificateRequest` where it wants to know its clients, with
   * `verdictFollows` where it approves them.
   */
  announcement: Announcement;
  /** Whether it takes a client's certificate, whose key the client was found to have; default: it does. */
  takes?: (chain: Uint8Array[]) => boolean;
  /** Where it approves its clients: why this one is refused; default: it is not. */
  refuses?: (connectionData: Value | undefined) => Refusal | undefined;
  /** Every sealed message in a record of its own, where it would be one record for all. */
  oneMessagePerRecord?: boolean;
}

export function referenceServer(options: ReferenceServerOptions): ReferenceServer {
  return new ReferenceServer(options);
}

export class ReferenceServer extends Peer {
  /** Once the client has said it. */
  clientHello?: ClientHello;
  private readonly options: ReferenceServerOptions;
  /** What the client showed, its own first. */
  clientCertificates: Uint8Array[] = [];
  private expected: number[];
  private suite = 0;
  private secrets?: HandshakeSecrets;
  private traffic?: TrafficSecrets;
  private opening?: Direction;
  private sealing?: Direction;
  private client?: Announcement;
  /** Section 4.9: the client is at the other end of its TLS. */
  private ownsTls = false;

  constructor(options: ReferenceServerOptions) {
    super();
    this.options = options;
    const { extensions, certificate, finished } = messageTypes;
    this.expected = options.announcement.clientCertificateRequest
      ? [extensions, certificate]
      : [extensions, finished];
  }

  protected override receiveHandshakeFrame(frame: Uint8Array, turn: Turn): void {
    const { flags } = decodeFirstByte(frame);
    if (!this.opening) {
      refuseUnless(flags === 0, 'a hello is plain');
      const messages = decodeMessages(frame.slice(1));
      refuseUnless(messages.length === 1, 'a hello is alone in its frame');
      this.receiveHello(messages[0]!, turn);
      return;
    }
    refuseUnless(flags === Both, 'what follows the hellos is sealed');
    for (const message of this.sealedMessages(this.opening.open(frame).body))
      this.receiveSealed(message, turn);
  }

  /** Section 4.8: this side wants keys. */
  override secure(): Uint8Array {
    if (!this.clear || this.securing) throw new RangeError('there is no such handshake to ask for');
    return plainFrame(
      frameTypes.handshake,
      encodeMessage({ type: messageTypes.helloRequest, body: new Uint8Array(0) }),
    );
  }

  private receiveHello(message: Message, turn: Turn): void {
    const { encryption } = this.options;
    const mismatch = closeCodes.encryptionMismatch;
    switch (message.type) {
      case messageTypes.clientHello:
        refuseUnless(!this.ownsTls, 'a ClientHello over TLS that counts');
        refuseUnless(encryption, 'a ClientHello where there is no encryption', mismatch);
        this.receiveClientHello(message, turn);
        return;
      case messageTypes.transportHello:
        refuseUnless(encryption, 'a TransportHello where there is no encryption', mismatch);
        refuseUnless(this.transcript.length === 0 && !this.ownsTls, 'a TransportHello that comes late');
        this.receiveTransportHello(message, turn);
        return;
      case messageTypes.plainHello:
        if (this.ownsTls) {
          this.receiveOverTls(message, turn);
          return;
        }
        refuseUnless(this.transcript.length === 0, 'a PlainHello that comes late');
        this.receivePlainHello(message, turn);
        return;
      default:
        throw new Refused('no hello');
    }
  }

  private receiveTransportHello(message: Message, turn: Turn): void {
    const { transport, announcement, tls } = this.options;
    const hello = decodeTransportHello(message.body);
    const own = tls && !announcement.clientCertificateRequest ? bindingsOf(tls) : undefined;
    const say = (type: number, body: Uint8Array): void => {
      turn.send.push(plainFrame(frameTypes.handshake, encodeMessage({ type, body })));
    };
    if (own && hello.transport === transport && equal(hello.binding, own.client)) {
      this.ownsTls = true;
      say(messageTypes.transportHello, encodeTransportHello({ transport, binding: own.server }));
      const extensions = announce(overTls(announcement));
      say(messageTypes.plainHello, encodePlainHello({ transport, extensions }));
      return;
    }
    const request: Message = { type: messageTypes.helloRequest, body: new Uint8Array(0) };
    this.transcript.push(message, request);
    say(request.type, request.body);
  }

  private receiveOverTls(message: Message, turn: Turn): void {
    const { transport, announcement, tls } = this.options;
    const hello = decodePlainHello(message.body);
    refuseUnless(hello.transport === transport, 'another transport');
    this.client = readAnnouncement(hello.extensions, { ofServer: false, sealed: false, overTls: true });
    const verdict = this.verdict();
    if (verdict) turn.send.push(plainFrame(frameTypes.handshake, encodeMessage(verdict)));
    if (verdict?.type === messageTypes.refused) this.endRefusing(turn);
    else this.startOverTls(tls!, this.client, announcement.maxFrameBytes);
  }

  private receiveClientHello(message: Message, turn: Turn): void {
    const { options } = this;
    const hello = decodeClientHello(message.body);
    this.clientHello = hello;
    this.transcript.push(message);

    refuseUnless(hello.transport === options.transport, 'another transport');
    const signs = options.certificate !== undefined;
    const wantsSignature = hello.signatureAlgorithms.length > 0;
    refuseUnless(signs === wantsSignature, 'signed or not', closeCodes.signatureMismatch);
    const suite = hello.suites.find((offered) => options.suites.includes(offered));
    const share = hello.keyShares.find(({ group }) => group === x25519Group);
    const nothingInCommon = closeCodes.noCommonAlgorithm;
    refuseUnless(suite !== undefined, 'no suite in common', nothingInCommon);
    refuseUnless(share !== undefined, 'no group in common', nothingInCommon);
    if (options.certificate) {
      const offered = hello.signatureAlgorithms.includes(options.certificate.algorithm);
      refuseUnless(offered, 'no signature algorithm in common', nothingInCommon);
    }

    const serverHello: Message = {
      type: messageTypes.serverHello,
      body: encodeServerHello({
        random: options.random,
        suite,
        group: x25519Group,
        keyShare: x25519PublicKey(options.privateKey),
        iterations: options.iterations,
        extensions: [],
      }),
    };
    const sharedSecret = x25519(options.privateKey, share.key);
    this.transcript.push(serverHello);
    turn.send.push(plainFrame(frameTypes.handshake, encodeMessage(serverHello)));

    this.suite = suite;
    this.secrets = handshakeSecrets(sharedSecret, options.iterations, this.transcriptHash());
    this.opening = new Direction(suite, 0, this.secrets.clientHandshakeTraffic);
    turn.send.push(...this.sealedFlight(this.secrets));
    this.traffic = trafficSecrets(this.secrets.main, this.transcriptHash());
  }

  private sealedFlight({ serverHandshakeTraffic }: HandshakeSecrets): Uint8Array[] {
    const { certificate, announcement, oneMessagePerRecord } = this.options;
    const flight: Message[] = [];
    const say = (type: number, body: Uint8Array) => {
      flight.push({ type, body });
      this.transcript.push({ type, body });
    };
    say(messageTypes.extensions, encodeExtensions(announce(announcement)));
    if (certificate) {
      say(messageTypes.certificate, encodeCertificate(certificate.chain));
      const signature = certificate.sign(signedContent('server', this.transcriptHash()));
      const verify = encodeCertificateVerify({ algorithm: certificate.algorithm, signature });
      say(messageTypes.certificateVerify, verify);
    }
    say(messageTypes.finished, finishedMac(serverHandshakeTraffic, this.transcriptHash()));

    this.sealing = new Direction(this.suite, 0, serverHandshakeTraffic);
    const { sealing } = this;
    const encoded = flight.map(encodeMessage);
    const bodies = oneMessagePerRecord ? encoded : [concat(...encoded)];
    return bodies.map((body) => sealing.seal(Both, frameTypes.handshake, body));
  }

  private receiveSealed(message: Message, turn: Turn): void {
    refuseUnless(message.type === this.expected.shift(), 'another message than the one expected');
    switch (message.type) {
      case messageTypes.extensions:
        this.client = readAnnouncement(decodeExtensions(message.body), { ofServer: false, sealed: true });
        if (this.clear) refuseUnlessRepeated(this.clear, this.client);
        break;
      case messageTypes.certificate:
        this.receiveCertificate(message);
        break;
      case messageTypes.certificateVerify: {
        const { algorithm, signature } = decodeCertificateVerify(message.body);
        const { signatureAlgorithms } = this.options.announcement.clientCertificateRequest!;
        refuseUnless(signatureAlgorithms.includes(algorithm), 'an algorithm that was not listed');
        const [own] = this.clientCertificates;
        refuseWrongSignature('client', own!, algorithm, signature, this.transcriptHash());
        break;
      }
      default:
        this.receiveFinished(message, turn);
        return;
    }
    this.transcript.push(message);
  }

  private receiveCertificate(message: Message): void {
    const { certificateVerify, finished } = messageTypes;
    this.clientCertificates = decodeCertificate(message.body, 0);
    const shown = this.clientCertificates.length > 0;
    const { mode } = this.options.announcement.clientCertificateRequest!;
    refuseUnless(
      shown || mode === requestModes.optional,
      'a client without a certificate',
      closeCodes.certificateRequired,
    );
    this.expected = shown ? [certificateVerify, finished] : [finished];
  }

  private receiveFinished(message: Message, turn: Turn): void {
    const { clientHandshakeTraffic } = this.secrets!;
    const mac = finishedMac(clientHandshakeTraffic, this.transcriptHash());
    refuseUnless(equal(decodeFinished(message.body), mac), 'a wrong Finished');
    this.transcript.push(message);
    if (this.clientCertificates.length > 0) {
      const taken = this.options.takes?.(this.clientCertificates) ?? true;
      refuseUnless(taken, 'a certificate that is not taken', closeCodes.certificateRejected);
    }
    const verdict = this.verdict();
    if (verdict) {
      turn.send.push(this.sealing!.seal(Both, frameTypes.handshake, encodeMessage(verdict)));
      if (verdict.type === messageTypes.refused) {
        this.endRefusing(turn);
        return;
      }
    }

    const { clientTraffic, serverTraffic, exporter } = this.traffic!;
    const { allowed, maxFrameBytes } = this.options.announcement;
    this.startTraffic({
      suite: this.suite,
      sendingSecret: serverTraffic,
      receivingSecret: clientTraffic,
      exporterSecret: exporter,
      agreement: { ...this.client!, agreed: allowed! & this.clientHello!.allowed },
      ownMaxFrameBytes: maxFrameBytes,
    });
  }

  /** Section 4.7: undefined where none is due. */
  private verdict(): Message | undefined {
    const { announcement, refuses } = this.options;
    const { clientCertificateRequest, verdictFollows } = announcement;
    const refusal = verdictFollows && refuses?.(this.client!.connectionData);
    if (refusal) return { type: messageTypes.refused, body: encodeRefused(refusal) };
    if (!clientCertificateRequest && !verdictFollows) return undefined;
    return { type: messageTypes.accepted, body: new Uint8Array(0) };
  }

  private endRefusing(turn: Turn): void {
    turn.ended = { by: 'us', closeCode: closeCodes.normal, reason: 'the client is refused' };
    this.stage = 'ended';
  }

  private receivePlainHello(message: Message, turn: Turn): void {
    const { transport, encryption, onDemand } = this.options;
    const offer = decodePlainHello(message.body);
    refuseUnless(offer.transport === transport, 'another transport');
    this.client = readAnnouncement(offer.extensions, { ofServer: false, sealed: false });
    const mismatch = closeCodes.encryptionMismatch;
    refuseUnless(encryption === (this.client.onDemand === true), 'encryption on one side', mismatch);
    if (encryption) this.transcript.push(message);
    if (encryption && !onDemand) {
      const request: Message = { type: messageTypes.helloRequest, body: new Uint8Array(0) };
      this.transcript.push(request);
      turn.send.push(plainFrame(frameTypes.handshake, encodeMessage(request)));
      return;
    }
    const announcement = encryption ? inTheClear(this.options.announcement) : this.options.announcement;
    const hello: Message = {
      type: messageTypes.plainHello,
      body: encodePlainHello({ transport, extensions: announce(announcement) }),
    };
    turn.send.push(plainFrame(frameTypes.handshake, encodeMessage(hello)));
    if (encryption) {
      this.transcript.push(hello);
      this.clear = this.client;
      this.startPlain({ ...this.client, agreed: 0b0001 }, announcement.maxFrameBytes);
      return;
    }
    const verdict = this.verdict();
    if (verdict) turn.send.push(plainFrame(frameTypes.handshake, encodeMessage(verdict)));
    if (verdict?.type === messageTypes.refused) this.endRefusing(turn);
    else this.startPlain({ ...this.client, agreed: 0b0001 }, announcement.maxFrameBytes);
  }
}
