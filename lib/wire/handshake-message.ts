// The handshake's messages as bytes and as plain values: docs/protocol.md section 4, RFC 9846 §4 in shape.
//
//   message = u8 type ‖ u24 length ‖ body
//
// Each decoder stands beside its encoder, refuses what does not fit (PROTOCOL_ERROR) and looks at counts and
// lengths before it believes them. What a value means is decided in handshake/.

import { ByteReader, ByteWriter, empty } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import {
  decodeExtensions,
  type ExtensionMap,
  encodeExtensions,
  extensionTypes,
  type PeerExtensions,
  peerExtensionMap,
  readPeerExtensions,
} from './extensions.js';
import { checkMask, decodeNumbers, encodeNumbers, malformed } from './handshake-fields.js';

export const protocolVersion = 1;

export const messageTypes = {
  clientHello: 1,
  serverHello: 2,
  extensions: 8,
  certificate: 11,
  certificateVerify: 15,
  finished: 20,
  accepted: 21,
  refused: 22,
  plainHello: 64,
  helloRequest: 65,
  transportHello: 66,
} as const;

/** How a connection's frames travel: docs/protocol.md section 1. */
export const transportCodes = { websocket: 1, tcp: 2, memory: 3 } as const;

export const randomBytes = 32;
const maxKeyShares = 4;
export const maxCertificates = 4;
export const maxCertificateBytes = 16_384;

/** One message of a handshake frame. `bytes` is all of it, as the transcript takes it. */
export interface HandshakeMessage {
  readonly type: number;
  readonly body: Uint8Array;
  readonly bytes: Uint8Array;
}

const messageHeaderBytes = 4;

export function encodeMessage(type: number, body: Uint8Array): HandshakeMessage {
  const bytes = new ByteWriter().u8(type).vector(3, body).finish();
  return { type, body: bytes.subarray(messageHeaderBytes), bytes };
}

/** Splits the body of a handshake frame; messages never run on into the next frame. */
export function splitMessages(body: Uint8Array): HandshakeMessage[] {
  const reader = new ByteReader(body);
  const messages: HandshakeMessage[] = [];
  let start = 0;
  do {
    const type = reader.u8();
    const content = reader.vector(3);
    const end = body.length - reader.remaining;
    messages.push({ type, body: content, bytes: body.subarray(start, end) });
    start = end;
  } while (reader.remaining > 0);
  return messages;
}

export interface KeyShare {
  readonly group: number;
  readonly key: Uint8Array;
}

export interface ClientHello {
  /** 32 bytes. */
  readonly random: Uint8Array;
  readonly suites: readonly number[];
  readonly groups: readonly number[];
  readonly keyShares: readonly KeyShare[];
  /** Empty: the client wants no signature. */
  readonly signatureAlgorithms: readonly number[];
  readonly serverName: string;
  /** Code of the transport: 1 WebSocket, 2 TCP, 3 memory. */
  readonly transport: number;
  /** Bit f is set when records with flags f are accepted. */
  readonly allowed: number;
  readonly extensions: ExtensionMap;
}

export function encodeClientHello(hello: ClientHello): HandshakeMessage {
  const shares = new ByteWriter();
  for (const { group, key } of hello.keyShares) shares.u16(group).vector(2, key);
  const body = new ByteWriter()
    .u16(protocolVersion)
    .bytes(hello.random)
    .vector(1, encodeNumbers(hello.suites))
    .vector(1, encodeNumbers(hello.groups))
    .vector(2, shares.finish())
    .vector(1, encodeNumbers(hello.signatureAlgorithms))
    .string(1, hello.serverName)
    .u8(hello.transport)
    .u8(hello.allowed)
    .vector(2, encodeExtensions(hello.extensions));
  return encodeMessage(messageTypes.clientHello, body.finish());
}

export function decodeClientHello(body: Uint8Array): ClientHello {
  const reader = new ByteReader(body);
  readVersion(reader);
  const random = reader.bytes(randomBytes);
  const suites = decodeNumbers(reader.vector(1), 1);
  const groups = decodeNumbers(reader.vector(1), 1);
  const keyShares = decodeKeyShares(reader.vector(2), groups);
  const signatureAlgorithms = decodeNumbers(reader.vector(1), 0);
  const serverName = reader.string(1);
  const transport = reader.u8();
  const allowed = checkMask(reader.u8());
  const extensions = decodeExtensions(reader.vector(2));
  reader.finish();
  for (const type of Object.values(extensionTypes)) {
    if (extensions.has(type)) throw malformed('an extension that has no place in a hello');
  }
  return {
    random,
    suites,
    groups,
    keyShares,
    signatureAlgorithms,
    serverName,
    transport,
    allowed,
    extensions,
  };
}

function decodeKeyShares(bytes: Uint8Array, groups: readonly number[]): KeyShare[] {
  const reader = new ByteReader(bytes);
  const shares: KeyShare[] = [];
  while (reader.remaining > 0) {
    if (shares.length === maxKeyShares) throw malformed('more than four key shares');
    const group = reader.u16();
    const key = reader.vector(2);
    if (!groups.includes(group)) throw malformed('a key share of a group that is not offered');
    if (shares.some((share) => share.group === group)) throw malformed('two key shares of one group');
    shares.push({ group, key });
  }
  if (shares.length === 0) throw malformed('no key share');
  return shares;
}

export interface ServerHello {
  readonly random: Uint8Array;
  readonly suite: number;
  readonly keyShare: KeyShare;
  /** PBKDF2 iterations, 1 or more. */
  readonly iterations: number;
}

export function encodeServerHello(hello: ServerHello): HandshakeMessage {
  const body = new ByteWriter()
    .u16(protocolVersion)
    .bytes(hello.random)
    .u16(hello.suite)
    .u16(hello.keyShare.group)
    .vector(2, hello.keyShare.key)
    .u32(hello.iterations)
    .vector(2, encodeExtensions(new Map()));
  return encodeMessage(messageTypes.serverHello, body.finish());
}

export function decodeServerHello(body: Uint8Array): ServerHello {
  const reader = new ByteReader(body);
  readVersion(reader);
  const random = reader.bytes(randomBytes);
  const suite = reader.u16();
  const keyShare = { group: reader.u16(), key: reader.vector(2) };
  const iterations = reader.u32();
  if (iterations === 0) throw malformed('no iterations');
  // This version sends no extensions in its ClientHello, so there is none that may be answered.
  if (decodeExtensions(reader.vector(2)).size > 0) throw malformed('an extension that was not asked for');
  reader.finish();
  return { random, suite, keyShare, iterations };
}

/** Certificates in DER, the sender's own first; a client without any sends none. */
export function encodeCertificate(chain: readonly Uint8Array[]): HandshakeMessage {
  const list = new ByteWriter();
  for (const certificate of chain) list.vector(2, certificate);
  return encodeMessage(messageTypes.certificate, new ByteWriter().vector(2, list.finish()).finish());
}

/** `least` is 1 where there must be a certificate, 0 where its absence is an answer. */
export function decodeCertificate(body: Uint8Array, least: 0 | 1): Uint8Array[] {
  const outer = new ByteReader(body);
  const list = new ByteReader(outer.vector(2));
  outer.finish();
  // Bounded before anybody parses them: a key of 16,384 bits would keep a verifier busy (CVE-2023-39533).
  const chain: Uint8Array[] = [];
  let bytes = 0;
  while (list.remaining > 0) {
    if (chain.length === maxCertificates) throw malformed('a chain of more than four certificates');
    const certificate = list.vector(2);
    bytes += certificate.length;
    if (certificate.length === 0 || bytes > maxCertificateBytes)
      throw malformed('a chain of no or too many bytes');
    chain.push(certificate);
  }
  if (chain.length < least) throw malformed('no certificate');
  return chain;
}

export interface CertificateVerify {
  readonly algorithm: number;
  readonly signature: Uint8Array;
}

export function encodeCertificateVerify({ algorithm, signature }: CertificateVerify): HandshakeMessage {
  const body = new ByteWriter().u16(algorithm).vector(2, signature);
  return encodeMessage(messageTypes.certificateVerify, body.finish());
}

export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  const reader = new ByteReader(body);
  const verify = { algorithm: reader.u16(), signature: reader.vector(2) };
  reader.finish();
  return verify;
}

export interface PlainHello {
  readonly transport: number;
  readonly extensions: ExtensionMap;
}

export function encodePlainHello({ transport, extensions }: PlainHello): HandshakeMessage {
  const body = new ByteWriter().u16(protocolVersion).u8(transport).vector(2, encodeExtensions(extensions));
  return encodeMessage(messageTypes.plainHello, body.finish());
}

/** `secured`: under a transport that both sides have found to be theirs, where what is never said in the clear may be said. */
export function decodePlainHello(body: Uint8Array, secured = false): PlainHello {
  const reader = new ByteReader(body);
  readVersion(reader);
  const transport = reader.u8();
  const extensions = decodeExtensions(reader.vector(2));
  reader.finish();
  const { allowed, clientCertificateRequest, connectionData, onDemand } = extensionTypes;
  for (const type of [allowed, clientCertificateRequest, secured ? onDemand : connectionData]) {
    if (extensions.has(type)) throw malformed('an extension that has no place on a connection without keys');
  }
  return { transport, extensions };
}

/** What proves to either side that the other is at the other end of its own TLS: docs/protocol.md section 4.9. */
export interface TransportHello {
  readonly transport: number;
  /** 32 bytes. */
  readonly binding: Uint8Array;
}

export const bindingBytes = 32;

export function encodeTransportHello({ transport, binding }: TransportHello): HandshakeMessage {
  const body = new ByteWriter().u16(protocolVersion).u8(transport).bytes(binding);
  return encodeMessage(messageTypes.transportHello, body.finish());
}

export function decodeTransportHello(body: Uint8Array): TransportHello {
  const reader = new ByteReader(body);
  readVersion(reader);
  const hello = { transport: reader.u8(), binding: reader.bytes(bindingBytes) };
  reader.finish();
  return hello;
}

/** `Begin with a ClientHello`: that it is there is what it says. */
export function encodeHelloRequest(): HandshakeMessage {
  return encodeMessage(messageTypes.helloRequest, empty);
}

/** Throws PROTOCOL_ERROR unless the body is empty. */
export function decodeHelloRequest(body: Uint8Array): void {
  if (body.length > 0) throw malformed('a HelloRequest that is not empty');
}

/** What its sender tells about itself; decoding leaves it to the caller whether each has its place there. */
export function encodeExtensionsMessage(extensions: PeerExtensions): HandshakeMessage {
  const list = encodeExtensions(peerExtensionMap(extensions));
  return encodeMessage(messageTypes.extensions, new ByteWriter().vector(2, list).finish());
}

export function decodeExtensionsMessage(body: Uint8Array): PeerExtensions {
  const reader = new ByteReader(body);
  const map = decodeExtensions(reader.vector(2));
  reader.finish();
  if (map.has(extensionTypes.onDemand)) throw malformed('an extension that has its place in the clear alone');
  return readPeerExtensions(map);
}

function readVersion(reader: ByteReader): void {
  const version = reader.u16();
  if (version !== protocolVersion) {
    throw new SealwireError(
      'PROTOCOL_ERROR',
      `the peer speaks version ${version}, this side ${protocolVersion}`,
      {
        reason: 'version-mismatch',
      },
    );
  }
}
