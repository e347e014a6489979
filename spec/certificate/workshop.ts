// Certificates of any shape, right or wrong, signed with Ed25519: lib/certificate/issue/ makes only good ones.

import { concat } from '../../lib/base/bytes.js';
import { contextTag, der } from '../../lib/base/der.js';
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
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
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
}

export interface Made {
  readonly der: Uint8Array;
  readonly name: Uint8Array;
  readonly key: PrivateKey;
}

const sharedKey = nodeCrypto.generateKeyPair('ed25519');
const ed25519 = der.sequence(der.oid('1.3.101.112'));
let serial = 0;

export function newKey(): PrivateKey {
  return nodeCrypto.generateKeyPair('ed25519');
}

export function make(shape: Shape): Made {
  const { version = 3, extensions = [], key = sharedKey } = shape;
  const name =
    shape.subject instanceof Uint8Array ? shape.subject : nameOf([commonNameOid, shape.subject ?? 'leaf']);
  const tbs = der.sequence(
    ...(version === 1 ? [] : [der.explicit(0, der.integer(version - 1))]),
    der.integer(++serial),
    ed25519,
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
  return { der: der.sequence(tbs, ed25519, der.bitString(signature)), name, key };
}

export function makeCa(shape: Shape & { readonly pathLength?: number }): Made {
  const extensions = [basicConstraints(true, shape.pathLength), ...(shape.extensions ?? [])];
  return make({ key: newKey(), ...shape, extensions });
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

export function basicConstraints(ca: boolean, pathLength?: number): Uint8Array {
  const fields = [
    ...(ca ? [der.boolean(true)] : []),
    ...(pathLength === undefined ? [] : [der.integer(pathLength)]),
  ];
  return extension(oids.basicConstraints, true, der.sequence(...fields));
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

/** Texts are DNS names, unless they begin with `ip:` or `email:`; bytes are whole GeneralNames. */
export function altNames(...names: readonly (string | Uint8Array)[]): Uint8Array {
  return extension(oids.subjectAltName, false, der.sequence(...names.map(generalName)));
}

export function nameConstraints(
  permitted: readonly (string | Uint8Array)[],
  excluded: readonly (string | Uint8Array)[] = [],
): Uint8Array {
  const list = (number: number, names: readonly (string | Uint8Array)[]): Uint8Array[] =>
    names.length === 0
      ? []
      : [der.element(contextTag(number, true), concat(names.map((name) => der.sequence(generalName(name)))))];
  return extension(oids.nameConstraints, true, der.sequence(...list(0, permitted), ...list(1, excluded)));
}

export function generalName(name: string | Uint8Array): Uint8Array {
  if (name instanceof Uint8Array) return name;
  const text = (value: string): Uint8Array => der.ia5String(value).subarray(2);
  if (name.startsWith('email:')) return der.implicit(1, text(name.slice(6)), false);
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
