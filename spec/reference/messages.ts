// Section 4 of docs/protocol.md, PlainHello of section 7 and the close frame of
// section 8: every handshake message taken apart and put together, field by field as the page lists them.
//
//   message = u8 type ‖ vec24 body
//
// What needs to be known of the other side (is this suite one that I offered?) is checked in client.ts and
// server.ts; what can be seen in the bytes alone is refused here.

import { decodeValues, encodeValue, type Value } from './call-messages.js';
import { decodeManifest, encodeManifest, type Service } from './manifest.js';
import {
  closeCodes,
  concat,
  equal,
  Reader,
  readText,
  refuseUnless,
  text,
  u8,
  u16,
  u32,
  vec8,
  vec16,
  vec24,
} from './notation.js';

export const version = 1;

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

export const x25519Group = 0x001d;
export const transports = { webSocket: 1, tcp: 2, memory: 3 } as const;

export interface Message {
  type: number;
  body: Uint8Array;
}

export function encodeMessage({ type, body }: Message): Uint8Array {
  return concat(u8(type), vec24(body));
}

/** The body of a handshake frame: one or more whole messages. */
export function decodeMessages(frameBody: Uint8Array): Message[] {
  const messages = new Reader(frameBody).list((reader) => {
    const type = reader.u8();
    refuseUnless(Object.values<number>(messageTypes).includes(type), `message type ${type} is unknown`);
    return { type, body: reader.vec24() };
  });
  refuseUnless(messages.length >= 1, 'a handshake frame without a message');
  return messages;
}

// 4.1

export interface KeyShare {
  group: number;
  key: Uint8Array;
}

export interface ClientHello {
  random: Uint8Array;
  suites: number[];
  groups: number[];
  keyShares: KeyShare[];
  signatureAlgorithms: number[];
  serverName: string;
  transport: number;
  allowed: number;
  extensions: Extension[];
}

export function encodeClientHello(hello: ClientHello): Uint8Array {
  return concat(
    u16(version),
    hello.random,
    vec8(...hello.suites.map(u16)),
    vec8(...hello.groups.map(u16)),
    vec16(...hello.keyShares.map(({ group, key }) => concat(u16(group), vec16(key)))),
    vec8(...hello.signatureAlgorithms.map(u16)),
    vec8(text(hello.serverName)),
    u8(hello.transport),
    u8(hello.allowed),
    encodeExtensions(hello.extensions),
  );
}

export function decodeClientHello(body: Uint8Array): ClientHello {
  const reader = new Reader(body);
  readVersion(reader);
  const hello: ClientHello = {
    random: reader.bytes(32),
    suites: readCodes(reader.vec8(), 1),
    groups: readCodes(reader.vec8(), 1),
    keyShares: new Reader(reader.vec16()).list((share) => ({ group: share.u16(), key: share.vec16() })),
    signatureAlgorithms: readCodes(reader.vec8(), 0),
    serverName: readText(reader.vec8()),
    transport: readTransport(reader),
    allowed: readAllowed(reader),
    extensions: readExtensions(reader),
  };
  reader.end();
  const shared = hello.keyShares.map(({ group }) => group);
  refuseUnless(shared.length >= 1 && shared.length <= 4, 'there are 1 to 4 key shares');
  refuseUnless(new Set(shared).size === shared.length, 'two key shares of one group');
  refuseUnless(
    shared.every((group) => hello.groups.includes(group)),
    'a key share of a group that is not offered',
  );
  refuseShareOfWrongLength(hello.keyShares);
  refuseKnownExtensions(hello.extensions);
  return hello;
}

// 4.2

export interface ServerHello {
  random: Uint8Array;
  suite: number;
  group: number;
  keyShare: Uint8Array;
  iterations: number;
  extensions: Extension[];
}

export function encodeServerHello(hello: ServerHello): Uint8Array {
  return concat(
    u16(version),
    hello.random,
    u16(hello.suite),
    u16(hello.group),
    vec16(hello.keyShare),
    u32(hello.iterations),
    encodeExtensions(hello.extensions),
  );
}

export function decodeServerHello(body: Uint8Array): ServerHello {
  const reader = new Reader(body);
  readVersion(reader);
  const hello: ServerHello = {
    random: reader.bytes(32),
    suite: reader.u16(),
    group: reader.u16(),
    keyShare: reader.vec16(),
    iterations: reader.u32(),
    extensions: readExtensions(reader),
  };
  reader.end();
  refuseUnless(hello.iterations >= 1, 'iterations are 1 or more');
  refuseShareOfWrongLength([{ group: hello.group, key: hello.keyShare }]);
  refuseKnownExtensions(hello.extensions);
  return hello;
}

// 4.3

export function encodeCertificate(certificates: Uint8Array[]): Uint8Array {
  return vec16(...certificates.map((certificate) => vec16(certificate)));
}

/** A client may have none; see 4.6. */
export function decodeCertificate(body: Uint8Array, least: 0 | 1): Uint8Array[] {
  const reader = new Reader(body);
  const certificates = new Reader(reader.vec16()).list((entry) => entry.vec16());
  reader.end();
  refuseUnless(certificates.length >= least && certificates.length <= 4, `${least} to 4 certificates`);
  refuseUnless(
    certificates.every((certificate) => certificate.length > 0),
    'an empty certificate',
  );
  const bytes = certificates.reduce((sum, certificate) => sum + certificate.length, 0);
  refuseUnless(bytes <= 16_384, 'certificates have 16,384 bytes in all');
  return certificates;
}

export interface CertificateVerify {
  algorithm: number;
  signature: Uint8Array;
}

export function encodeCertificateVerify({ algorithm, signature }: CertificateVerify): Uint8Array {
  return concat(u16(algorithm), vec16(signature));
}

export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  const reader = new Reader(body);
  const verify = { algorithm: reader.u16(), signature: reader.vec16() };
  reader.end();
  return verify;
}

export function decodeFinished(body: Uint8Array): Uint8Array {
  refuseUnless(body.length === 32, 'Finished has 32 bytes');
  return body;
}

// 4.4

export const extensionTypes = {
  manifest: 1,
  maxFrameBytes: 2,
  allowed: 3,
  clientCertificateRequest: 4,
  connectionData: 5,
  verdictFollows: 6,
  maxMessageBytes: 7,
  onDemand: 8,
} as const;

export interface Extension {
  type: number;
  data: Uint8Array;
}

export function encodeExtensions(extensions: Extension[]): Uint8Array {
  return vec16(...extensions.map(({ type, data }) => concat(u16(type), vec16(data))));
}

export function decodeExtensions(body: Uint8Array): Extension[] {
  const reader = new Reader(body);
  const extensions = readExtensions(reader);
  reader.end();
  return extensions;
}

/** What one side tells in its Extensions or PlainHello. */
export interface Announcement {
  manifest: Service[];
  maxFrameBytes: number;
  /** Left out: as much as a frame. */
  maxMessageBytes?: number;
  /** The server's Extensions have it, nothing else does. */
  allowed?: number;
  /** The Extensions of a server that signs may have it. */
  clientCertificateRequest?: CertificateRequest;
  /** A client's Extensions may have it. */
  connectionData?: Value;
  /** A server's Extensions and PlainHello may have it. */
  verdictFollows?: true;
  /** A PlainHello may have it, of either side. */
  onDemand?: true;
}

/** Whose announcement it is. */
export interface Announcer {
  ofServer: boolean;
  /** In Extensions, or in a PlainHello. */
  sealed: boolean;
  /** Section 4.9: in a PlainHello behind TransportHellos that fit. */
  overTls?: boolean;
}

export function announce(announcement: Announcement): Extension[] {
  const { manifest, maxFrameBytes, maxMessageBytes, allowed, clientCertificateRequest } = announcement;
  const extensions: Extension[] = [
    { type: extensionTypes.manifest, data: encodeManifest(manifest) },
    { type: extensionTypes.maxFrameBytes, data: u32(maxFrameBytes) },
  ];
  if (maxMessageBytes !== undefined) {
    extensions.push({ type: extensionTypes.maxMessageBytes, data: u32(maxMessageBytes) });
  }
  if (allowed !== undefined) extensions.push({ type: extensionTypes.allowed, data: u8(allowed) });
  if (clientCertificateRequest) {
    const data = encodeCertificateRequest(clientCertificateRequest);
    extensions.push({ type: extensionTypes.clientCertificateRequest, data });
  }
  const { connectionData, verdictFollows, onDemand } = announcement;
  if (connectionData !== undefined) {
    extensions.push({ type: extensionTypes.connectionData, data: encodeCarried(connectionData) });
  }
  if (verdictFollows) extensions.push({ type: extensionTypes.verdictFollows, data: new Uint8Array(0) });
  if (onDemand) extensions.push({ type: extensionTypes.onDemand, data: new Uint8Array(0) });
  return extensions;
}

export function readAnnouncement(
  extensions: Extension[],
  { ofServer, sealed, overTls = false }: Announcer,
): Announcement {
  const find = (type: number) => extensions.find((extension) => extension.type === type)?.data;
  const manifest = find(extensionTypes.manifest);
  const maxFrameBytes = find(extensionTypes.maxFrameBytes);
  const allowed = find(extensionTypes.allowed);
  const request = find(extensionTypes.clientCertificateRequest);
  refuseUnless(manifest !== undefined, 'manifest is required');
  refuseUnless(maxFrameBytes !== undefined, 'max_frame_bytes is required');
  const inServersExtensions = ofServer && sealed;
  refuseUnless(
    (allowed !== undefined) === inServersExtensions,
    'allowed is in the server’s Extensions and only there',
  );

  const announcement: Announcement = { manifest: decodeManifest(manifest), maxFrameBytes: 0 };
  const size = new Reader(maxFrameBytes);
  announcement.maxFrameBytes = size.u32();
  size.end();
  refuseUnless(announcement.maxFrameBytes >= 65_536, 'max_frame_bytes is at least 65,536');
  const messageBytes = find(extensionTypes.maxMessageBytes);
  if (messageBytes) {
    const reader = new Reader(messageBytes);
    announcement.maxMessageBytes = reader.u32();
    reader.end();
    refuseUnless(announcement.maxMessageBytes >= 65_536, 'max_message_bytes is at least 65,536');
  }
  if (allowed !== undefined) {
    const mask = new Reader(allowed);
    announcement.allowed = readAllowed(mask);
    mask.end();
  }
  refuseUnless(request === undefined || inServersExtensions, 'a request for a certificate from no server');
  if (request) announcement.clientCertificateRequest = decodeCertificateRequest(request);
  const data = find(extensionTypes.connectionData);
  refuseUnless(
    data === undefined || ((sealed || overTls) && !ofServer),
    'connection_data where it does not belong',
  );
  if (data) announcement.connectionData = decodeCarried(data, 16_384);
  const verdict = find(extensionTypes.verdictFollows);
  refuseUnless(verdict === undefined || ofServer, 'verdict_follows from no server');
  refuseUnless(verdict === undefined || verdict.length === 0, 'verdict_follows is empty');
  if (verdict) announcement.verdictFollows = true;
  const onDemand = find(extensionTypes.onDemand);
  refuseUnless(onDemand === undefined || !(sealed || overTls), 'on_demand where it does not belong');
  refuseUnless(onDemand === undefined || onDemand.length === 0, 'on_demand is empty');
  refuseUnless(!(onDemand && verdict), 'on_demand and a verdict');
  if (onDemand) announcement.onDemand = true;
  return announcement;
}

/** Any value, in an array of its own. */
export function encodeCarried(value: Value): Uint8Array {
  return encodeValue([value]);
}

export function decodeCarried(bytes: Uint8Array, most: number): Value {
  refuseUnless(bytes.length <= most, `at most ${most} bytes`);
  const values = decodeValues(bytes);
  const [only] = values;
  refuseUnless(values.length === 1 && Array.isArray(only) && only.length === 1, 'an array with one entry');
  return only[0]!;
}

// 4.6

export const requestModes = { optional: 1, required: 2 } as const;

export interface CertificateRequest {
  mode: number;
  signatureAlgorithms: number[];
}

export function encodeCertificateRequest({ mode, signatureAlgorithms }: CertificateRequest): Uint8Array {
  return concat(u8(mode), vec8(...signatureAlgorithms.map(u16)));
}

export function decodeCertificateRequest(data: Uint8Array): CertificateRequest {
  const reader = new Reader(data);
  const mode = reader.u8();
  refuseUnless(Object.values<number>(requestModes).includes(mode), 'an unknown mode');
  const signatureAlgorithms = readCodes(reader.vec8(), 1);
  reader.end();
  return { mode, signatureAlgorithms };
}

// 4.7

export function decodeAccepted(body: Uint8Array): void {
  refuseUnless(body.length === 0, 'Accepted has no bytes');
}

// 4.8

export function decodeHelloRequest(body: Uint8Array): void {
  refuseUnless(body.length === 0, 'HelloRequest has no bytes');
}

// 4.9

export interface TransportHello {
  transport: number;
  binding: Uint8Array;
}

export function encodeTransportHello({ transport, binding }: TransportHello): Uint8Array {
  return concat(u16(version), u8(transport), binding);
}

export function decodeTransportHello(body: Uint8Array): TransportHello {
  const reader = new Reader(body);
  readVersion(reader);
  const hello = { transport: readTransport(reader), binding: reader.bytes(32) };
  reader.end();
  return hello;
}

/** What a side says over TLS that both own: nothing that is about keys. */
export function overTls({
  manifest,
  maxFrameBytes,
  maxMessageBytes,
  connectionData,
  verdictFollows,
}: Announcement): Announcement {
  return {
    manifest,
    maxFrameBytes,
    ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    ...(connectionData !== undefined && { connectionData }),
    ...(verdictFollows && { verdictFollows }),
  };
}

/** What a side says in the clear, where keys may follow: nothing that has its place under keys alone. */
export function inTheClear({ manifest, maxFrameBytes, maxMessageBytes }: Announcement): Announcement {
  return {
    manifest,
    maxFrameBytes,
    ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    onDemand: true,
  };
}

/** On a living connection: under keys a side says what it said in the clear, and nothing else. */
export function refuseUnlessRepeated(clear: Announcement, sealed: Announcement): void {
  refuseUnless(
    equal(encodeManifest(clear.manifest), encodeManifest(sealed.manifest)),
    'another manifest than in the clear',
  );
  refuseUnless(
    clear.maxFrameBytes === sealed.maxFrameBytes && clear.maxMessageBytes === sealed.maxMessageBytes,
    'other sizes than in the clear',
  );
  const { clientCertificateRequest, connectionData, verdictFollows } = sealed;
  refuseUnless(
    clientCertificateRequest === undefined && connectionData === undefined && !verdictFollows,
    'what has no place on a living connection',
  );
}

export interface Refusal {
  /** Empty: none. */
  code: string;
  message: string;
  data?: Value;
}

export function encodeRefused({ code, message, data }: Refusal): Uint8Array {
  const carried = data === undefined ? new Uint8Array(0) : encodeCarried(data);
  return concat(vec8(text(code)), vec16(text(message)), vec16(carried));
}

export function decodeRefused(body: Uint8Array): Refusal {
  const reader = new Reader(body);
  const code = readText(reader.vec8());
  const message = reader.vec16();
  const data = reader.vec16();
  reader.end();
  refuseUnless(/^[A-Z0-9_]{0,64}$/.test(code), 'a code has characters A-Z, 0-9 and _');
  refuseUnless(message.length <= 1024, 'a message has at most 1024 bytes');
  const refusal: Refusal = { code, message: readText(message) };
  if (data.length > 0) refusal.data = decodeCarried(data, 8192);
  return refusal;
}

// 7

export interface PlainHello {
  transport: number;
  extensions: Extension[];
}

export function encodePlainHello({ transport, extensions }: PlainHello): Uint8Array {
  return concat(u16(version), u8(transport), encodeExtensions(extensions));
}

export function decodePlainHello(body: Uint8Array): PlainHello {
  const reader = new Reader(body);
  readVersion(reader);
  const hello = { transport: readTransport(reader), extensions: readExtensions(reader) };
  reader.end();
  return hello;
}

// 8

export function encodeClose(code: number): Uint8Array {
  return u8(code);
}

/** Codes that the page does not name are read as normal. */
export function decodeClose(body: Uint8Array): number {
  const reader = new Reader(body);
  const code = reader.u8();
  reader.end();
  return Object.values<number>(closeCodes).includes(code) ? code : closeCodes.normal;
}

// Fields that several messages share

function readVersion(reader: Reader): void {
  refuseUnless(reader.u16() === version, 'another version', closeCodes.versionMismatch);
}

function readCodes(list: Uint8Array, least: number): number[] {
  const codes = new Reader(list).list((reader) => reader.u16());
  refuseUnless(codes.length >= least && codes.length <= 16, `a list of ${least} to 16 codes`);
  return codes;
}

function readTransport(reader: Reader): number {
  const transport = reader.u8();
  refuseUnless(Object.values<number>(transports).includes(transport), 'an unknown transport');
  return transport;
}

/** Section 3: a bit for each combination, 0 to 3, and bit 3 always. */
function readAllowed(reader: Reader): number {
  const mask = reader.u8();
  refuseUnless(mask >= 0b1000 && mask <= 0b1111, 'a mask has bit 3 set and bits 4 to 7 clear');
  return mask;
}

function readExtensions(reader: Reader): Extension[] {
  const extensions = new Reader(reader.vec16()).list((entry) => ({
    type: entry.u16(),
    data: entry.vec16(),
  }));
  refuseUnless(extensions.length <= 16, 'at most 16 extensions');
  refuseUnless(new Set(extensions.map(({ type }) => type)).size === extensions.length, 'an extension twice');
  return extensions;
}

/** Those that version 1 names belong into Extensions and PlainHello. */
function refuseKnownExtensions(extensions: Extension[]): void {
  const known = Object.values<number>(extensionTypes);
  refuseUnless(!extensions.some(({ type }) => known.includes(type)), 'an extension where it does not belong');
}

function refuseShareOfWrongLength(shares: KeyShare[]): void {
  refuseUnless(
    shares.every(({ group, key }) => group !== x25519Group || key.length === 32),
    'a share of X25519 has 32 bytes',
  );
}
