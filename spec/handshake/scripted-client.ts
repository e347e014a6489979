// A client that holds the keys of a handshake and says whatever a spec wants: the mirror image of ScriptedServer.
// It reads the server's flight without looking at it, only to know the transcript.

import { Direction } from '../reference/direction.js';
import { finishedMac, handshakeSecrets, trafficSecrets } from '../reference/key-schedule.js';
import {
  type ClientHello,
  decodeMessages,
  decodeServerHello,
  type Extension,
  encodeCertificate,
  encodeCertificateVerify,
  encodeClientHello,
  encodeExtensions,
  encodeMessage,
  type Message,
  messageTypes,
  x25519Group,
} from '../reference/messages.js';
import { concat, u8, u32 } from '../reference/notation.js';
import { Both, frameTypes, plainFrame } from '../reference/record.js';
import { type Signer, signatureAlgorithms, signContent, signedContent } from '../reference/signature.js';
import { transcriptHash } from '../reference/transcript.js';
import { fixedBytes } from '../reference/vectors.js';
import { x25519, x25519PublicKey } from '../reference/x25519.js';
import { fromHex, vectors } from '../support/vectors.js';

const { client: ownIdentity } =
  vectors<Record<'client', { chain: string[]; privateKey: string }>>('identities');
const privateKey = fixedBytes('scripted client, private key');
const publicKey = x25519PublicKey(privateKey);

/** By the server's share, since this X25519 is slow and some specs shake hands a thousand times. */
const sharedSecrets = new Map<string, Uint8Array>();

function sharedSecretWith(share: Uint8Array): Uint8Array {
  const known = sharedSecrets.get(share.join());
  if (known) return known;
  const secret = x25519(privateKey, share);
  sharedSecrets.set(share.join(), secret);
  return secret;
}

export const clientExtensions: readonly Extension[] = [
  { type: 1, data: u8(0) },
  { type: 2, data: u32(65_536) },
];

export function clientHello(change: Partial<ClientHello> = {}): ClientHello {
  return {
    random: fixedBytes('scripted client, random'),
    suites: [1, 2],
    groups: [x25519Group],
    keyShares: [{ group: x25519Group, key: publicKey }],
    signatureAlgorithms: Object.values(signatureAlgorithms),
    serverName: 'sealwire.test',
    transport: 3,
    allowed: 0b1111,
    extensions: [],
    ...change,
  };
}

export interface SignOptions {
  /** PKCS #8 DER, hex. */
  readonly key?: string;
  readonly algorithm?: number;
  readonly signer?: Signer;
  /** Instead of what is due. */
  readonly content?: (content: Uint8Array) => Uint8Array;
}

export class ScriptedClient {
  readonly helloFrame: Uint8Array;
  readonly hello: Message;
  readonly transcript: Message[];
  #secrets: ReturnType<typeof handshakeSecrets> | undefined;
  #finishedHash = new Uint8Array(0) as Uint8Array;
  #sealing: Direction | undefined;
  #opening: Direction | undefined;
  #suite = 0;

  constructor(change: Partial<ClientHello> = {}) {
    this.hello = { type: messageTypes.clientHello, body: encodeClientHello(clientHello(change)) };
    this.helloFrame = plainFrame(frameTypes.handshake, encodeMessage(this.hello));
    this.transcript = [this.hello];
  }

  /** Opens a record of the server's that follows its flight. */
  open(record: Uint8Array): Message[] {
    return decodeMessages(this.#opening!.open(record).body);
  }

  /** Takes both frames of a server's answer. Returns what was sealed in the second. */
  hear([hello, flight]: readonly Uint8Array[]): Message[] {
    this.transcript.push(...decodeMessages(hello!.slice(1)));
    const { suite, keyShare, iterations } = decodeServerHello(this.transcript[1]!.body);
    const sharedSecret = sharedSecretWith(keyShare);
    const secrets = handshakeSecrets(sharedSecret, iterations, transcriptHash(this.transcript));
    this.#opening = new Direction(suite, 0, secrets.serverHandshakeTraffic);
    const messages = this.open(flight!);
    this.transcript.push(...messages);
    this.#suite = suite;
    this.#secrets = secrets;
    this.#finishedHash = transcriptHash(this.transcript);
    this.#sealing = new Direction(suite, 0, secrets.clientHandshakeTraffic);
    return messages;
  }

  say(type: number, body: Uint8Array): Message {
    const message = { type, body };
    this.transcript.push(message);
    return message;
  }

  extensions(list: readonly Extension[] = clientExtensions): Message {
    return this.say(messageTypes.extensions, encodeExtensions([...list]));
  }

  /** By default that of spec/vectors/identities.json; none at all for an empty list. */
  certificate(chain: readonly Uint8Array[] = ownIdentity.chain.map(fromHex)): Message {
    return this.say(messageTypes.certificate, encodeCertificate([...chain]));
  }

  certificateVerify(options: SignOptions = {}): Message {
    const { key = ownIdentity.privateKey, algorithm = signatureAlgorithms.ed25519 } = options;
    const { signer = 'client', content = (due) => due } = options;
    const due = signedContent(signer, transcriptHash(this.transcript));
    const signature = signContent(fromHex(key), content(due));
    return this.say(messageTypes.certificateVerify, encodeCertificateVerify({ algorithm, signature }));
  }

  /** A whole flight that is good where the server asks for a certificate. */
  flight(): Message[] {
    return [this.extensions(), this.certificate(), this.certificateVerify(), this.finished()];
  }

  finished(change: (mac: Uint8Array) => Uint8Array = (mac) => mac): Message {
    const mac = finishedMac(this.#known().clientHandshakeTraffic, transcriptHash(this.transcript));
    return this.say(messageTypes.finished, change(mac));
  }

  seal(messages: readonly Message[], flags: number = Both, type: number = frameTypes.handshake): Uint8Array {
    this.#known();
    return this.#sealing!.seal(flags, type, concat(...messages.map(encodeMessage)));
  }

  /** Generation 1 of this side. */
  traffic(): Direction {
    const { clientTraffic } = trafficSecrets(this.#known().main, this.#finishedHash);
    return new Direction(this.#suite, 1, clientTraffic);
  }

  #known(): ReturnType<typeof handshakeSecrets> {
    if (this.#secrets === undefined) throw new Error('there are no keys before hear()');
    return this.#secrets;
  }
}
