// The client's role of sections 4 and 7 of docs/protocol.md, without I/O: `start()` gives the first frame, then
// `receive(frame)` of peer.ts. Certificates are not validated: the signature is checked against the key in the
// first one, whatever that is.

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
  decodeAccepted,
  decodeCertificate,
  decodeCertificateVerify,
  decodeExtensions,
  decodeFinished,
  decodeHelloRequest,
  decodeMessages,
  decodePlainHello,
  decodeRefused,
  decodeServerHello,
  decodeTransportHello,
  encodeCertificate,
  encodeCertificateVerify,
  encodeClientHello,
  encodeExtensions,
  encodeMessage,
  encodePlainHello,
  encodeTransportHello,
  inTheClear,
  type Message,
  messageTypes,
  overTls,
  readAnnouncement,
  refuseUnlessRepeated,
  x25519Group,
} from './messages.js';
import { closeCodes, concat, equal, refuseUnless } from './notation.js';
import { type Agreement, Peer, type Turn } from './peer.js';
import { Both, decodeFirstByte, frameTypes, plainFrame } from './record.js';
import { refuseWrongSignature, signedContent } from './signature.js';
import { bindingsOf, type TlsExporter } from './tls-exporter.js';
import { x25519, x25519PublicKey } from './x25519.js';

export interface ReferenceClientOptions {
  /** false: PlainHello, section 7; then only `transport` and `announcement` count. */
  encryption: boolean;
  /** Section 4.9: TLS that it lets count. */
  tls?: TlsExporter;
  /** Section 4.8: it would begin in the clear. */
  onDemand?: boolean;
  random: Uint8Array;
  privateKey: Uint8Array;
  suites: number[];
  /** Empty: anonymous. */
  signatureAlgorithms: number[];
  /** What it shows where it is asked; absent: it has none. */
  certificate?: {
    chain: Uint8Array[];
    algorithm: number;
    sign: (content: Uint8Array) => Uint8Array;
  };
  serverName: string;
  transport: number;
  allowed: number;
  announcement: Announcement;
  maxIterations: number;
}

export function referenceClient(options: ReferenceClientOptions): ReferenceClient {
  return new ReferenceClient(options);
}

export class ReferenceClient extends Peer {
  /** As received, the server's own first. */
  certificates: Uint8Array[] = [];
  private readonly options: ReferenceClientOptions;
  private expected: number[];
  private suite = 0;
  private secrets?: HandshakeSecrets;
  private opening?: Direction;
  private server?: Announcement;
  private traffic?: TrafficSecrets;
  /** Section 4.9: the server is at the other end of its TLS. */
  private ownsTls = false;

  constructor(options: ReferenceClientOptions) {
    super();
    this.options = options;
    this.plainCloseTaken = true;
    const beginsPlain = !options.encryption || options.onDemand;
    this.expected = [beginsPlain ? messageTypes.plainHello : messageTypes.serverHello];
  }

  start(): Uint8Array {
    const { tls } = this.options;
    if (this.options.encryption && tls) {
      this.expected = [messageTypes.transportHello];
      const { client } = bindingsOf(tls);
      const body = encodeTransportHello({ transport: this.options.transport, binding: client });
      return this.say({ type: messageTypes.transportHello, body });
    }
    const { encryption, onDemand, transport, announcement } = this.options;
    if (encryption && !onDemand) return this.clientHello();
    const extensions = announce(onDemand ? inTheClear(announcement) : announcement);
    return this.say({ type: messageTypes.plainHello, body: encodePlainHello({ transport, extensions }) });
  }

  /** Section 4.8: the frame that begins the handshake on the living connection. */
  override secure(): Uint8Array {
    if (!this.clear || this.securing) throw new RangeError('there is no such handshake to begin');
    this.securing = true;
    this.expected = [messageTypes.serverHello];
    return this.clientHello();
  }

  private clientHello(): Uint8Array {
    const { options } = this;
    return this.say({
      type: messageTypes.clientHello,
      body: encodeClientHello({
        random: options.random,
        suites: options.suites,
        groups: [x25519Group],
        keyShares: [{ group: x25519Group, key: x25519PublicKey(options.privateKey) }],
        signatureAlgorithms: options.signatureAlgorithms,
        serverName: options.serverName,
        transport: options.transport,
        allowed: options.allowed,
        extensions: [],
      }),
    });
  }

  private say(hello: Message): Uint8Array {
    this.transcript.push(hello);
    return plainFrame(frameTypes.handshake, encodeMessage(hello));
  }

  protected override receiveHandshakeFrame(frame: Uint8Array, turn: Turn): void {
    const { flags } = decodeFirstByte(frame);
    if (!this.opening) {
      refuseUnless(flags === 0, 'a hello is plain');
      const messages = decodeMessages(frame.slice(1));
      refuseUnless(messages.length === 1, 'a hello is alone in its frame');
      this.receiveMessage(messages[0]!, turn);
      return;
    }
    refuseUnless(flags === Both, 'what follows the hellos is sealed');
    for (const message of this.sealedMessages(this.opening.open(frame).body))
      this.receiveMessage(message, turn);
  }

  private receiveMessage(message: Message, turn: Turn): void {
    const refusable = this.server?.verdictFollows && this.expected[0] === messageTypes.accepted;
    if (refusable && message.type === messageTypes.refused) {
      this.endRefused(message, turn);
      return;
    }
    if (message.type === messageTypes.helloRequest) {
      this.receiveHelloRequest(message, turn);
      return;
    }
    refuseUnless(message.type === this.expected.shift(), 'another message than the one expected');
    switch (message.type) {
      case messageTypes.serverHello:
        this.receiveServerHello(message);
        return;
      case messageTypes.extensions:
        this.server = readAnnouncement(decodeExtensions(message.body), { ofServer: true, sealed: true });
        refuseUnless(
          this.server.clientCertificateRequest === undefined || this.options.signatureAlgorithms.length > 0,
          'a request for a certificate from a server that does not sign',
        );
        if (this.clear) refuseUnlessRepeated(this.clear, this.server);
        break;
      case messageTypes.certificate:
        this.certificates = decodeCertificate(message.body, 1);
        break;
      case messageTypes.certificateVerify: {
        const { algorithm, signature } = decodeCertificateVerify(message.body);
        refuseUnless(
          this.options.signatureAlgorithms.includes(algorithm),
          'an algorithm that was not offered',
        );
        refuseWrongSignature('server', this.certificates[0]!, algorithm, signature, this.transcriptHash());
        break;
      }
      case messageTypes.finished:
        this.receiveFinished(message, turn);
        return;
      case messageTypes.accepted:
        decodeAccepted(message.body);
        // The server has said that it will not refuse the flight, so no plain close can mean that.
        this.plainCloseTaken = false;
        if (this.secrets) this.goOver();
        else if (this.ownsTls) this.goOverTls();
        else this.goOverPlain();
        return;
      case messageTypes.transportHello: {
        const { transport, binding } = decodeTransportHello(message.body);
        const own = bindingsOf(this.options.tls!).server;
        refuseUnless(transport === this.options.transport && equal(binding, own), 'another session of TLS');
        this.ownsTls = true;
        this.expected = [messageTypes.plainHello];
        return;
      }
      case messageTypes.plainHello:
        if (this.ownsTls) this.receiveOverTls(message, turn);
        else this.receivePlainHello(message);
        return;
    }
    this.transcript.push(message);
  }

  private receiveHelloRequest(message: Message, turn: Turn): void {
    decodeHelloRequest(message.body);
    const [due] = this.expected;
    if (this.clear) {
      // It has crossed the ClientHello, or is what this client waited for.
      if (due === messageTypes.serverHello) return;
      refuseUnless(due === undefined, 'a HelloRequest in the handshake');
    } else {
      const { encryption, onDemand } = this.options;
      const asks = due === messageTypes.transportHello;
      refuseUnless(
        asks || (encryption && onDemand === true && due === messageTypes.plainHello && !this.ownsTls),
        'a HelloRequest to no question',
      );
      this.transcript.push(message);
    }
    this.expected = [messageTypes.serverHello];
    turn.send.push(this.clientHello());
  }

  private receiveServerHello(message: Message): void {
    const { options } = this;
    const hello = decodeServerHello(message.body);
    refuseUnless(options.suites.includes(hello.suite), 'a suite that was not offered');
    refuseUnless(hello.group === x25519Group, 'a group without a share');
    refuseUnless(hello.iterations <= options.maxIterations, 'too many iterations');
    refuseUnless(hello.extensions.length === 0, 'an extension that was not sent');
    this.transcript.push(message);

    this.suite = hello.suite;
    const sharedSecret = x25519(options.privateKey, hello.keyShare);
    this.secrets = handshakeSecrets(sharedSecret, hello.iterations, this.transcriptHash());
    this.opening = new Direction(this.suite, 0, this.secrets.serverHandshakeTraffic);
    const { extensions, certificate, certificateVerify, finished } = messageTypes;
    this.expected =
      options.signatureAlgorithms.length > 0
        ? [extensions, certificate, certificateVerify, finished]
        : [extensions, finished];
  }

  private receiveFinished(message: Message, turn: Turn): void {
    const { main, serverHandshakeTraffic } = this.secrets!;
    const mac = finishedMac(serverHandshakeTraffic, this.transcriptHash());
    refuseUnless(equal(decodeFinished(message.body), mac), 'a wrong Finished');
    this.transcript.push(message);
    this.traffic = trafficSecrets(main, this.transcriptHash());
    turn.send.push(this.sealedFlight());
    const { clientCertificateRequest, verdictFollows } = this.server!;
    if (clientCertificateRequest || verdictFollows) this.expected = [messageTypes.accepted];
    else this.goOver();
  }

  private sealedFlight(): Uint8Array {
    const { clientHandshakeTraffic } = this.secrets!;
    const { announcement, certificate } = this.options;
    const request = this.server!.clientCertificateRequest;
    const flight: Message[] = [];
    const say = (type: number, body: Uint8Array) => {
      flight.push({ type, body });
      this.transcript.push({ type, body });
    };
    say(messageTypes.extensions, encodeExtensions(announce(announcement)));
    if (request) {
      const fits = !certificate || request.signatureAlgorithms.includes(certificate.algorithm);
      refuseUnless(fits, 'a certificate that the server cannot check', closeCodes.noCommonAlgorithm);
      say(messageTypes.certificate, encodeCertificate(certificate?.chain ?? []));
    }
    if (request && certificate) {
      const signature = certificate.sign(signedContent('client', this.transcriptHash()));
      const verify = encodeCertificateVerify({ algorithm: certificate.algorithm, signature });
      say(messageTypes.certificateVerify, verify);
    }
    say(messageTypes.finished, finishedMac(clientHandshakeTraffic, this.transcriptHash()));
    const sealing = new Direction(this.suite, 0, clientHandshakeTraffic);
    return sealing.seal(Both, frameTypes.handshake, concat(...flight.map(encodeMessage)));
  }

  private goOver(): void {
    const traffic = this.traffic!;
    const server = this.server!;
    const agreement: Agreement = { ...server, agreed: server.allowed! & this.options.allowed };
    this.startTraffic({
      suite: this.suite,
      sendingSecret: traffic.clientTraffic,
      receivingSecret: traffic.serverTraffic,
      exporterSecret: traffic.exporter,
      agreement,
      ownMaxFrameBytes: this.options.announcement.maxFrameBytes,
    });
  }

  private receivePlainHello(message: Message): void {
    const hello = decodePlainHello(message.body);
    refuseUnless(hello.transport === this.options.transport, 'another transport');
    this.server = readAnnouncement(hello.extensions, { ofServer: true, sealed: false });
    const mismatch = closeCodes.encryptionMismatch;
    refuseUnless(this.server.onDemand === this.options.onDemand, 'on demand on one side', mismatch);
    if (this.server.onDemand) {
      this.transcript.push(message);
      this.clear = this.server;
    }
    if (this.server.verdictFollows) this.expected = [messageTypes.accepted];
    else this.goOverPlain();
  }

  private receiveOverTls(message: Message, turn: Turn): void {
    const { transport, announcement } = this.options;
    const hello = decodePlainHello(message.body);
    refuseUnless(hello.transport === transport, 'another transport');
    this.server = readAnnouncement(hello.extensions, { ofServer: true, sealed: false, overTls: true });
    const body = encodePlainHello({ transport, extensions: announce(overTls(announcement)) });
    turn.send.push(plainFrame(frameTypes.handshake, encodeMessage({ type: messageTypes.plainHello, body })));
    if (this.server.verdictFollows) this.expected = [messageTypes.accepted];
    else this.goOverTls();
  }

  private goOverTls(): void {
    this.startOverTls(this.options.tls!, this.server!, this.options.announcement.maxFrameBytes);
  }

  private goOverPlain(): void {
    this.startPlain({ ...this.server!, agreed: 0b0001 }, this.options.announcement.maxFrameBytes);
  }

  private endRefused(message: Message, turn: Turn): void {
    const refusal = decodeRefused(message.body);
    turn.ended = { by: 'peer', closeCode: closeCodes.normal, reason: 'the server refused', refusal };
    this.stage = 'ended';
  }
}
