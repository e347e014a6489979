// Extensions, the lists in which each side tells about itself: docs/protocol.md section 4.4.
//
//   Extensions = vec16 { u16 type ‖ vec16 data }      at most 16, no type twice, unknown types ignored
//
// What stands in which message is for handshake-message.ts and handshake/ to say.

import { ByteReader, ByteWriter, empty } from '../base/bytes.js';
import { checkCarried } from './carried-value.js';
import { checkMask, decodeNumbers, encodeNumbers, malformed } from './handshake-fields.js';

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

const maxExtensions = 16;
/** With a manifest of 40,960 bytes beside it, a client's Extensions still fit a frame of 64 KiB. */
export const maxConnectionDataBytes = 16_384;

/** Extensions by type; unknown types are kept, since they are in the transcript, and mean nothing. */
export type ExtensionMap = ReadonlyMap<number, Uint8Array>;

/** What a side tells about itself in its Extensions message, or in its PlainHello. */
export interface PeerExtensions {
  /** The manifest's bytes; contract/manifest.ts reads them. */
  readonly manifest: Uint8Array;
  /** Largest frame that the sender accepts from now on, at least 65,536. */
  readonly maxFrameBytes: number;
  /**
   * Largest message that the sender accepts, in fragments where it does not fit a frame; at least 65,536. Left out: as
   * much as a frame.
   */
  readonly maxMessageBytes?: number;
  /** Bit f: records with flags f are accepted. Only the server sends it here; a client's is in its hello. */
  readonly allowed: number | undefined;
  /** Only from a server, and only where it signs. */
  readonly certificateRequest: CertificateRequest | undefined;
  /** Only from a client, and only sealed: what it says of itself to a server that it has checked. See {@link encodeCarried}. */
  readonly connectionData?: Uint8Array;
  /** Only from a server: Accepted or Refused comes at the end of the handshake. */
  readonly verdictFollows?: boolean;
  /** Only in the clear: keys may be agreed later, on this very connection. */
  readonly onDemand?: boolean;
}

/** The server wants to know who the client is. */
export interface CertificateRequest {
  /** False: a client without a certificate is let in as well. */
  readonly required: boolean;
  /** Codes that the server can verify, 1 to 16; unknown ones mean nothing. */
  readonly signatureAlgorithms: readonly number[];
}

export function peerExtensionMap(extensions: PeerExtensions): ExtensionMap {
  const { manifest, maxFrameBytes, maxMessageBytes, allowed, certificateRequest } = extensions;
  const { connectionData, verdictFollows, onDemand } = extensions;
  const map = new Map([
    [extensionTypes.manifest, manifest],
    [extensionTypes.maxFrameBytes, new ByteWriter().u32(maxFrameBytes).finish()],
  ] as [number, Uint8Array][]);
  if (maxMessageBytes !== undefined) {
    map.set(extensionTypes.maxMessageBytes, new ByteWriter().u32(maxMessageBytes).finish());
  }
  if (allowed !== undefined) map.set(extensionTypes.allowed, Uint8Array.of(allowed));
  if (certificateRequest !== undefined) {
    map.set(extensionTypes.clientCertificateRequest, encodeCertificateRequest(certificateRequest));
  }
  if (connectionData !== undefined) map.set(extensionTypes.connectionData, connectionData);
  if (verdictFollows) map.set(extensionTypes.verdictFollows, empty);
  if (onDemand) map.set(extensionTypes.onDemand, empty);
  return map;
}

export function readPeerExtensions(map: ExtensionMap): PeerExtensions {
  const manifest = map.get(extensionTypes.manifest);
  const frameBytes = map.get(extensionTypes.maxFrameBytes);
  if (manifest === undefined || frameBytes === undefined) throw malformed('a required extension is missing');
  const maxFrameBytes = decodeSize(frameBytes, 'max_frame_bytes');
  const messageBytes = map.get(extensionTypes.maxMessageBytes);
  const mask = map.get(extensionTypes.allowed);
  const request = map.get(extensionTypes.clientCertificateRequest);
  const connectionData = map.get(extensionTypes.connectionData);
  const verdict = map.get(extensionTypes.verdictFollows);
  const onDemand = map.get(extensionTypes.onDemand);
  // Read by whoever asks for it; what is no value ends the handshake, whether anybody asks or not.
  if (connectionData !== undefined) checkCarried(connectionData, maxConnectionDataBytes);
  if (verdict !== undefined && verdict.length > 0) throw malformed('a verdict_follows that is not empty');
  if (onDemand !== undefined && onDemand.length > 0) throw malformed('an on_demand that is not empty');
  return {
    manifest,
    maxFrameBytes,
    ...(messageBytes && { maxMessageBytes: decodeSize(messageBytes, 'max_message_bytes') }),
    allowed: mask && decodeMask(mask),
    certificateRequest: request && decodeCertificateRequest(request),
    ...(connectionData && { connectionData }),
    ...(verdict && { verdictFollows: true }),
    ...(onDemand && { onDemand: true }),
  };
}

function decodeSize(data: Uint8Array, name: string): number {
  const reader = new ByteReader(data);
  const bytes = reader.u32();
  reader.finish();
  if (bytes < minAnnouncedFrameBytes) throw malformed(`${name} is below 65,536`);
  return bytes;
}

function decodeMask(data: Uint8Array): number {
  const reader = new ByteReader(data);
  const allowed = checkMask(reader.u8());
  reader.finish();
  return allowed;
}

//   client_certificate_request = u8 mode (1 optional, 2 required) ‖ vec8 signature algorithms, u16 each
const requestModes = { optional: 1, required: 2 } as const;

function encodeCertificateRequest({ required, signatureAlgorithms }: CertificateRequest): Uint8Array {
  const mode = required ? requestModes.required : requestModes.optional;
  return new ByteWriter().u8(mode).vector(1, encodeNumbers(signatureAlgorithms)).finish();
}

function decodeCertificateRequest(data: Uint8Array): CertificateRequest {
  const reader = new ByteReader(data);
  const mode = reader.u8();
  if (mode !== requestModes.optional && mode !== requestModes.required) {
    throw malformed('a client certificate is asked for in an unknown mode');
  }
  const signatureAlgorithms = decodeNumbers(reader.vector(1), 1);
  reader.finish();
  return { required: mode === requestModes.required, signatureAlgorithms };
}

/** A frame of this size is always accepted, so that every error and every close fits. */
export const minAnnouncedFrameBytes = 65_536;

export function encodeExtensions(extensions: ExtensionMap): Uint8Array {
  const list = new ByteWriter();
  for (const [type, data] of extensions) list.u16(type).vector(2, data);
  return list.finish();
}

export function decodeExtensions(bytes: Uint8Array): ExtensionMap {
  const reader = new ByteReader(bytes);
  const extensions = new Map<number, Uint8Array>();
  while (reader.remaining > 0) {
    if (extensions.size === maxExtensions) throw malformed('more than 16 extensions');
    const type = reader.u16();
    const data = reader.vector(2);
    if (extensions.has(type)) throw malformed('an extension stands twice');
    extensions.set(type, data);
  }
  return extensions;
}
