// Certificates of any shape, right or wrong, signed with Ed25519: lib/certificate/issue/ makes only good ones.

import { concat } from '../../lib/base/bytes.js';
import { contextTag, der, readDer, readOid, readSequence, tags } from '../../lib/base/der.js';
import { commonNameOid } from '../../lib/certificate/x509/distinguished-name.js';
import { parseIpAddress } from '../../lib/certificate/x509/ip-address.js';
import { type Certificate, parseCertificate } from '../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { PrivateKey } from '../../lib/crypto/provider.js';

export const oids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  freshestCrl: '2.5.29.46',
  inhibitAnyPolicy: '2.5.29.54',
  subjectDirectoryAttributes: '2.5.29.9',
  issuerAltName: '2.5.29.18',
  crlDistributionPoints: '2.5.29.31',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  subjectInfoAccess: '1.3.6.1.5.5.7.1.11',
} as const;

export const now: Date = new Date('2026-11-20T12:00:00Z');
const day = 24 * 3600 * 1000;

export interface Shape {
  /** A common name, or a whole Name. */
  readonly subject?: string | Uint8Array;
  /** Who signs; itself where left out. */
  readonly issuer?: Made;
  readonly key?: PrivateKey;
  readonly version?: 1 | 2 | 3;
  readonly extensions?: readonly Uint8Array[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** AlgorithmIdentifier of the signature, whatever the key is. */
  readonly algorithm?: Uint8Array;
}

export interface Made {
  readonly der: Uint8Array;
  readonly name: Uint8Array;
  readonly key: PrivateKey;
}

const sharedKey = nodeCrypto.generateKeyPair('ed25519');
const ed25519 = der.sequence(der.oid('1.3.101.112'));
/** Always of four octets, so that certificates of one shape have one length. */
let serial = 0x01000000;

export function newKey(): PrivateKey {
  return nodeCrypto.generateKeyPair('ed25519');
}

export function make(shape: Shape): Made {
  const { version = 3, extensions = [], key = sharedKey, algorithm = ed25519 } = shape;
  const name =
    shape.subject instanceof Uint8Array ? shape.subject : nameOf([commonNameOid, shape.subject ?? 'leaf']);
  const tbs = der.sequence(
    ...(version === 1 ? [] : [der.explicit(0, der.integer(version - 1))]),
    der.integer(++serial),
    algorithm,
    shape.issuer?.name ?? name,
    der.sequence(
      der.time(shape.notBefore ?? new Date(now.getTime() - day)),
      der.time(shape.notAfter ?? new Date(now.getTime() + day)),
    ),
    name,
    key.publicKey,
    ...(extensions.length > 0 ? [der.explicit(3, der.sequence(...extensions))] : []),
  );
  const signature = (shape.issuer?.key ?? key).sign('ed25519', tbs);
  return { der: der.sequence(tbs, algorithm, der.bitString(signature)), name, key };
}

/** What RFC 5280 asks of a CA, but for the extensions that are given, and those that `without` names. */
export function makeCa(
  shape: Shape & { readonly pathLength?: number; readonly without?: readonly (keyof typeof oids)[] },
): Made {
  const { key = newKey(), issuer, pathLength, extensions = [], without = [] } = shape;
  const left = new Set([...extensions.map(oidOf), ...without.map((name) => oids[name])]);
  const usual = [
    basicConstraints(true, pathLength),
    extension(oids.subjectKeyIdentifier, false, der.octetString(keyIdentifier(key))),
    // As `openssl req -x509` makes roots: without key usage.
    ...(issuer ? [keyUsage(5, 6), authorityKeyIdentifier(keyIdentifier(issuer.key))] : []),
  ];
  return make({
    ...shape,
    key,
    extensions: [...usual.filter((each) => !left.has(oidOf(each))), ...extensions],
  });
}

export function keyIdentifier(key: PrivateKey): Uint8Array {
  return nodeCrypto.hash('sha256', key.publicKey).subarray(0, 20);
}

export function authorityKeyIdentifier(identifier: Uint8Array): Uint8Array {
  return extension(oids.authorityKeyIdentifier, false, der.sequence(der.implicit(0, identifier, false)));
}

function oidOf(made: Uint8Array): string {
  return readOid(readSequence(made).expect(tags.oid).content);
}

export function read(shape: Shape): Certificate {
  return parseCertificate(make(shape).der);
}

/** One argument per relative name; each is `[type, value]` pairs in a row. */
export function nameOf(...relativeNames: readonly (readonly string[])[]): Uint8Array {
  return der.sequence(
    ...relativeNames.map((rdn) => {
      const attributes: Uint8Array[] = [];
      for (let index = 0; index < rdn.length; index += 2) {
        attributes.push(der.sequence(der.oid(rdn[index]!), der.utf8String(rdn[index + 1]!)));
      }
      return der.set(...attributes);
    }),
  );
}

export function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
}

export function basicConstraints(ca: boolean, pathLength?: number, critical = true): Uint8Array {
  const fields = [
    ...(ca ? [der.boolean(true)] : []),
    ...(pathLength === undefined ? [] : [der.integer(pathLength)]),
  ];
  return extension(oids.basicConstraints, critical, der.sequence(...fields));
}

/** Bits by their number: 0 digitalSignature, 5 keyCertSign. */
export function keyUsage(...bits: readonly number[]): Uint8Array {
  const octet = bits.reduce((all, bit) => all | (0x80 >> bit), 0);
  const unused = octet === 0 ? 0 : Math.clz32(octet & -octet) === 31 ? 0 : 31 - Math.clz32(octet & -octet);
  return extension(oids.keyUsage, true, der.bitString(Uint8Array.of(octet), unused));
}

export function extendedKeyUsage(...purposes: readonly string[]): Uint8Array {
  return extension(oids.extendedKeyUsage, false, der.sequence(...purposes.map((oid) => der.oid(oid))));
}

/** Texts are DNS names, unless they begin with `ip:`, `email:` or `uri:`; bytes are whole GeneralNames. */
export function altNames(...names: readonly (string | Uint8Array)[]): Uint8Array {
  return extension(oids.subjectAltName, false, der.sequence(...names.map(generalName)));
}

export function nameConstraints(
  permitted: readonly (string | Uint8Array)[],
  excluded: readonly (string | Uint8Array)[] = [],
  critical = true,
): Uint8Array {
  const list = (number: number, names: readonly (string | Uint8Array)[]): Uint8Array[] =>
    names.length === 0
      ? []
      : [der.element(contextTag(number, true), concat(names.map((name) => der.sequence(generalName(name)))))];
  return extension(oids.nameConstraints, critical, der.sequence(...list(0, permitted), ...list(1, excluded)));
}

export function generalName(name: string | Uint8Array): Uint8Array {
  if (name instanceof Uint8Array) return name;
  const text = (value: string): Uint8Array => readDer(der.ia5String(value)).content;
  if (name.startsWith('email:')) return der.implicit(1, text(name.slice(6)), false);
  if (name.startsWith('uri:')) return der.implicit(6, text(name.slice(4)), false);
  if (!name.startsWith('ip:')) return der.implicit(2, text(name), false);
  const [address, mask] = name
    .slice(3)
    .split('/')
    .map((part) => parseIpAddress(part)!);
  return der.implicit(7, mask ? concat([address!, mask]) : address!, false);
}

export function fromPem(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
}
