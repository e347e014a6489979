// A server that holds the keys of a handshake and says whatever a spec wants, in whatever order, sealed as it should
// be or not. Each message that it says joins its transcript, so its Finished and its signature fit what was really
// said: what a client then refuses, it refuses for the content or for the order, not because a MAC happens to fail.
// Made of the second implementation's parts (spec/reference), and of nothing in lib.

import { Direction } from '../reference/direction.js';
import { finishedMac, handshakeSecrets, trafficSecrets } from '../reference/key-schedule.js';
import {
  decodeClientHello,
  decodeMessages,
  type Extension,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeExtensions,
  encodeMessage,
  encodeServerHello,
  type Message,
  messageTypes,
  type ServerHello,
} from '../reference/messages.js';
import { concat, u8, u32 } from '../reference/notation.js';
import { Both, frameTypes, plainFrame } from '../reference/record.js';
import { signatureAlgorithms, signContent, signedContent } from '../reference/signature.js';
import { transcriptHash } from '../reference/transcript.js';
import { fixedBytes } from '../reference/vectors.js';
import { x25519, x25519PublicKey } from '../reference/x25519.js';
import { fromHex, vectors } from '../support/vectors.js';
import type { KeyName } from './roles.js';

type StoredIdentities = Record<KeyName, { chain: string[]; privateKey: string }>;
const identities = vectors<StoredIdentities>('identities');

const privateKey = fixedBytes('scripted server, private key');
const publicKey = x25519PublicKey(privateKey);

/** By the client's share, since this X25519 is slow and some specs shake hands a thousand times. */
const sharedSecrets = new Map<string, Uint8Array>();

function sharedSecretWith(share: Uint8Array): Uint8Array {
  const known = sharedSecrets.get(share.join());
  if (known) return known;
  const secret = x25519(privateKey, share);
  sharedSecrets.set(share.join(), secret);
  return secret;
}

const signatures = new Map<string, Uint8Array>();

function signatureOver(key: KeyName, content: Uint8Array): Uint8Array {
  const name = `${key} ${content.join()}`;
  const known = signatures.get(name);
  if (known) return known;
  const signature = signContent(fromHex(identities[key].privateKey), content);
  signatures.set(name, signature);
  return signature;
}

/** What a server tells about itself. */
export const serverExtensions: readonly Extension[] = [
  { type: 1, data: u8(0) },
  { type: 2, data: u32(100_000) },
  { type: 3, data: u8(0b1111) },
];

/** … and that it wants to know who its clients are. */
export function askingExtensions(
  mode: number,
  codes: readonly number[] = [signatureAlgorithms.ed25519],
): readonly Extension[] {
  const data = encodeCertificateRequest({ mode, signatureAlgorithms: [...codes] });
  return [...serverExtensions, { type: 4, data }];
}

/** … or that it says at the end whether it lets them in. */
export const approvingExtensions: readonly Extension[] = [
  ...serverExtensions,
  { type: 6, data: new Uint8Array(0) },
];

export interface SignOptions {
  readonly key?: KeyName;
  readonly algorithm?: number;
  /** Instead of what is due. */
  readonly content?: (content: Uint8Array) => Uint8Array;
}

export class ScriptedServer {
  /** To be sent first; it is in the transcript already. */
  readonly helloFrame: Uint8Array;
  readonly hello: Message;
  readonly clientHello: Message;
  readonly transcript: Message[];
  /** Seals generation 0 of this direction. */
  readonly sealing: Direction;
  readonly #suite: number;
  readonly #secrets: ReturnType<typeof handshakeSecrets>;

  constructor(clientHelloFrame: Uint8Array, change: Partial<ServerHello> = {}) {
    this.clientHello = decodeMessages(clientHelloFrame.slice(1))[0]!;
    const offer = decodeClientHello(this.clientHello.body);
    const hello: ServerHello = {
      random: fixedBytes('scripted server, random'),
      suite: offer.suites[0]!,
      group: 0x001d,
      keyShare: publicKey,
      iterations: 1,
      extensions: [],
      ...change,
    };
    this.hello = { type: messageTypes.serverHello, body: encodeServerHello(hello) };
    this.helloFrame = plainFrame(frameTypes.handshake, encodeMessage(this.hello));
    this.transcript = [this.clientHello, this.hello];
    const sharedSecret = sharedSecretWith(offer.keyShares[0]!.key);
    // A hello with nonsense in it has no keys that fit; it is not meant to get that far.
    this.#suite = hello.suite === 2 ? 2 : 1;
    const iterations = Math.min(hello.iterations, 10_000);
    this.#secrets = handshakeSecrets(sharedSecret, iterations, transcriptHash(this.transcript));
    this.sealing = new Direction(this.#suite, 0, this.#secrets.serverHandshakeTraffic);
  }

  say(type: number, body: Uint8Array): Message {
    const message = { type, body };
    this.transcript.push(message);
    return message;
  }

  extensions(list: readonly Extension[] = serverExtensions): Message {
    return this.say(messageTypes.extensions, encodeExtensions([...list]));
  }

  certificate(key: KeyName = 'ed25519'): Message {
    const chain = identities[key].chain.map(fromHex);
    return this.say(messageTypes.certificate, encodeCertificate(chain));
  }

  certificateVerify(options: SignOptions = {}): Message {
    const { key = 'ed25519', algorithm = signatureAlgorithms.ed25519, content = (due) => due } = options;
    const due = signedContent('server', transcriptHash(this.transcript));
    const signature = signatureOver(key, content(due));
    return this.say(messageTypes.certificateVerify, encodeCertificateVerify({ algorithm, signature }));
  }

  /** The MAC that is due, unless it is changed. */
  finished(change: (mac: Uint8Array) => Uint8Array = (mac) => mac): Message {
    const mac = finishedMac(this.#secrets.serverHandshakeTraffic, transcriptHash(this.transcript));
    return this.say(messageTypes.finished, change(mac));
  }

  accepted(body: Uint8Array = new Uint8Array(0)): Message {
    return this.say(messageTypes.accepted, body);
  }

  refused(body: Uint8Array): Message {
    return this.say(messageTypes.refused, body);
  }

  /** A whole flight that is good. */
  flight(list: readonly Extension[] = serverExtensions): Message[] {
    return [this.extensions(list), this.certificate(), this.certificateVerify(), this.finished()];
  }

  /** One record of generation 0. */
  seal(messages: readonly Message[], flags: number = Both, type: number = frameTypes.handshake): Uint8Array {
    return this.sealing.seal(flags, type, concat(...messages.map(encodeMessage)));
  }

  /** What a client has sealed in its flight. */
  open(record: Uint8Array): Message[] {
    const opening = new Direction(this.#suite, 0, this.#secrets.clientHandshakeTraffic);
    return decodeMessages(opening.open(record).body);
  }

  /** Generation 1 of this side, for traffic that comes too early. */
  traffic(): Direction {
    const { serverTraffic } = trafficSecrets(this.#secrets.main, transcriptHash(this.transcript));
    return new Direction(this.#suite, 1, serverTraffic);
  }
}

/** A message that is not sealed. */
export function plainHandshake(message: Message): Uint8Array {
  return plainFrame(frameTypes.handshake, encodeMessage(message));
}
