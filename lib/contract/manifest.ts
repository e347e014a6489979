// What one side serves: docs/protocol.md section 6. It travels inside the handshake, so both sides hold the same
// policy or there is no connection, and calls carry small numbers instead of names.
//
//   manifest = u8 serviceCount { vec8 serviceName ‖ u16 methodCount { vec8 methodName ‖ u8 flags } }
//   flags      bit 0 Encrypted, bit 1 Authenticated, bit 2 one-way, bit 3 the result is a stream; the others are zero
//
// The id of a method is its position among all methods: services in the order in which they were registered, the
// methods of each by name. It is not on the wire, and so is the same however a class was compiled.

import { ByteReader, ByteWriter } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { collectRpcs, type DeclaredRpc } from './metadata.js';
import { methodNameFault, serviceNameFault } from './names.js';
import { type Security, satisfies } from './security.js';

export interface ManifestMethod {
  /** Position among all methods of the manifest, from 0. */
  readonly id: number;
  /** Without the service's name. */
  readonly name: string;
  /** The least protection that is accepted. */
  readonly security: Security;
  readonly oneWay: boolean;
  /** What it returns is a stream of items. */
  readonly stream: boolean;
}

export interface ManifestService {
  readonly name: string;
  /** In the order of their names' UTF-16 code units. */
  readonly methods: readonly ManifestMethod[];
}

export interface Manifest {
  readonly services: readonly ManifestService[];
}

/** A class or an instance under the name that callers use. */
export interface RegisteredService {
  readonly name: string;
  readonly target: object;
}

const maxServices = 255;
const maxMethods = 4096;
/** With a certificate chain of 16 KiB beside it, a server's flight still fits a frame of 64 KiB. */
const maxManifestBytes = 40_960;
const securityMask = 0b0011;
const oneWayBit = 0b0100;
const streamBit = 0b1000;

/** Throws INVALID_RPC for a service without RPCs, bad or repeated names, and too many services or methods. */
export function buildManifest(registered: readonly RegisteredService[]): Manifest {
  if (registered.length > maxServices) throw invalid(`at most ${maxServices} services can be registered`);
  const names = new Set<string>();
  let id = 0;
  const services = registered.map(({ name, target }): ManifestService => {
    const fault = serviceNameFault(name);
    if (fault !== undefined) throw invalid(`the service name ${JSON.stringify(name)} ${fault}`);
    if (names.size === names.add(name).size) throw invalid(`two services are named ${name}`);
    const rpcs = collectRpcs(target);
    if (id + rpcs.size > maxMethods) throw invalid(`at most ${maxMethods} RPCs can be registered`);
    // sort() without a function compares code units, as the protocol does.
    const methods = [...rpcs.keys()].sort().map((method): ManifestMethod => {
      const { security, oneWay, stream } = rpcs.get(method)!.metadata;
      return { id: id++, name: method, security, oneWay, stream };
    });
    return { name, methods };
  });
  return { services };
}

/** See the picture at the top. Throws INVALID_RPC when the names make it larger than 40,960 bytes. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const writer = new ByteWriter().u8(manifest.services.length);
  for (const service of manifest.services) {
    writer.string(1, service.name).u16(service.methods.length);
    for (const method of service.methods) {
      const { security, oneWay, stream } = method;
      writer.string(1, method.name).u8(security | (oneWay ? oneWayBit : 0) | (stream ? streamBit : 0));
    }
  }
  const bytes = writer.finish();
  if (bytes.length > maxManifestBytes) {
    throw invalid(`the names of all RPCs together have more than ${maxManifestBytes} bytes: shorten them`);
  }
  return bytes;
}

/**
 * Throws PROTOCOL_ERROR for names that are not valid, not distinct or not in order, flags that are not known, a
 * service without methods, more than 4096 methods, and whatever is missing or left over at the end.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > maxManifestBytes) throw malformed(`it has more than ${maxManifestBytes} bytes`);
  const reader = new ByteReader(bytes);
  const services: ManifestService[] = [];
  const names = new Set<string>();
  let id = 0;
  for (let serviceCount = reader.u8(); serviceCount > 0; serviceCount--) {
    const name = reader.string(1);
    if (serviceNameFault(name) !== undefined) throw malformed('a service has a name that is not valid');
    if (names.size === names.add(name).size) throw malformed('two services have the same name');
    const methodCount = reader.u16();
    if (methodCount === 0) throw malformed('a service has no methods');
    if (id + methodCount > maxMethods) throw malformed(`there are more than ${maxMethods} methods`);
    const methods: ManifestMethod[] = [];
    while (methods.length < methodCount) {
      const method = decodeMethod(reader, id++);
      const previous = methods.at(-1);
      if (previous && previous.name >= method.name) throw malformed('methods are repeated, or not in order');
      methods.push(method);
    }
    services.push({ name, methods });
  }
  reader.finish();
  return { services };
}

function decodeMethod(reader: ByteReader, id: number): ManifestMethod {
  const name = reader.string(1);
  if (methodNameFault(name) !== undefined) throw malformed('a method has a name that is not valid');
  const flags = reader.u8();
  if ((flags & ~(securityMask | oneWayBit | streamBit)) !== 0)
    throw malformed('a method has flags that are not known');
  const oneWay = (flags & oneWayBit) !== 0;
  const stream = (flags & streamBit) !== 0;
  if (oneWay && stream) throw malformed('a one-way method cannot answer with a stream');
  return { id, name, security: (flags & securityMask) as Security, oneWay, stream };
}

/**
 * The names of methods that a class declares with more protection than was agreed, or that the other side does not
 * offer at all. If there are any, the other side must be refused (POLICY_MISMATCH): it may be an older server, or
 * one that was made to ask for less.
 */
export function findWeakened(
  agreed: readonly ManifestMethod[],
  declared: ReadonlyMap<string, DeclaredRpc>,
): string[] {
  const offered = new Map(agreed.map((method) => [method.name, method]));
  const weakened: string[] = [];
  for (const [name, { metadata }] of declared) {
    const method = offered.get(name);
    if (!method || !satisfies(method.security, metadata.security)) weakened.push(name);
  }
  return weakened;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_RPC', message);
}

function malformed(message: string): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', `the other side's manifest is malformed: ${message}`);
}
