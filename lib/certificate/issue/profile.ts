// What an issued certificate says about its subject: the name, and the version 3 extensions (RFC 5280 §4.2).
//
//   root, intermediate   basicConstraints CA and pathLength, keyUsage keyCertSign and cRLSign, both critical
//   server, client       basicConstraints empty, keyUsage digitalSignature, both critical; extKeyUsage one purpose
//   all                  subjectKeyIdentifier; authorityKeyIdentifier unless self-signed; subjectAltName where named
//
// keyEncipherment is left out: no protocol of today encrypts to the certificate's key.

import { utf8 } from '../../base/bytes.js';
import { der, readBitString, readSequence, tags } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { commonNameOid } from '../x509/distinguished-name.js';
import { asciiLowerCase, isDnsName, wildcardBase } from '../x509/dns-name.js';
import { parseIpAddress } from '../x509/ip-address.js';

export interface Profile {
  readonly ca: boolean | { readonly pathLength: number };
  readonly purpose: 'server' | 'client';
  /** The GeneralNames of subjectAltName, encoded. */
  readonly alternativeNames: readonly Uint8Array[];
  /** Whether the subject has no name: then subjectAltName must be critical (§4.2.1.6). */
  readonly subjectIsEmpty: boolean;
  readonly subjectKeyIdentifier: Uint8Array;
  /** Undefined when the certificate signs itself. */
  readonly authorityKeyIdentifier: Uint8Array | undefined;
}

const keyIdentifierBytes = 20;
/** RFC 5280 appendix A.1, ub-common-name. */
const maxCommonNameCharacters = 64;
const maxPathLength = 255;

const extensionOids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;
const purposeOids = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
/** Tags of GeneralName (§4.2.1.6). */
const generalName = { dns: 2, ip: 7 } as const;
/** Bits of keyUsage (§4.2.1.3): the one octet that they fill, and how many bits of it are unused. */
const keyUsages = {
  digitalSignature: { octet: 0x80, unusedBits: 7 },
  certificateAndCrlSigning: { octet: 0x06, unusedBits: 1 },
} as const;

/** A Name with the common name alone, or with nothing. */
export function subjectName(commonName: string | undefined): Uint8Array {
  if (commonName === undefined) return der.sequence();
  if (commonName === '' || commonName.length > maxCommonNameCharacters) {
    throw config(`"commonName" must have 1 to ${maxCommonNameCharacters} characters`);
  }
  return der.sequence(der.set(der.sequence(der.oid(commonNameOid), der.utf8String(commonName))));
}

/** The GeneralNames for host names and addresses; throws INVALID_CONFIG for what is neither. */
export function alternativeNames(
  dnsNames: readonly string[] = [],
  ipAddresses: readonly string[] = [],
): Uint8Array[] {
  return [
    ...dnsNames.map((name) => {
      if (parseIpAddress(name)) throw config(`${name} is an address: pass it in "ipAddresses"`);
      if (!isNameOrWildcard(name)) {
        throw config(
          `${JSON.stringify(name)} is no host name: "dnsNames" takes ASCII names such as game.example`,
        );
      }
      return der.implicit(generalName.dns, utf8(name), false);
    }),
    ...ipAddresses.map((text) => {
      const octets = parseIpAddress(text);
      if (!octets) throw config(`${JSON.stringify(text)} is no IP address: pass names in "dnsNames"`);
      return der.implicit(generalName.ip, octets, false);
    }),
  ];
}

/** Extensions in the order in which their OIDs count, for no reason but a stable output. */
export function extensions(profile: Profile): Uint8Array {
  const { ca, alternativeNames: names, authorityKeyIdentifier } = profile;
  const usage = ca ? keyUsages.certificateAndCrlSigning : keyUsages.digitalSignature;
  return der.sequence(
    extension('subjectKeyIdentifier', false, der.octetString(profile.subjectKeyIdentifier)),
    extension('keyUsage', true, der.bitString(Uint8Array.of(usage.octet), usage.unusedBits)),
    ...(names.length > 0
      ? [extension('subjectAltName', profile.subjectIsEmpty, der.sequence(...names))]
      : []),
    extension('basicConstraints', true, basicConstraints(ca)),
    ...(authorityKeyIdentifier
      ? [
          extension(
            'authorityKeyIdentifier',
            false,
            der.sequence(der.implicit(0, authorityKeyIdentifier, false)),
          ),
        ]
      : []),
    ...(ca
      ? []
      : [extension('extendedKeyUsage', false, der.sequence(der.oid(purposeOids[profile.purpose])))]),
  );
}

/** RFC 7093 §2 method 1: SHA-256 of the key's bits, cut to 160, in place of the SHA-1 of RFC 5280 §4.2.1.2. */
export function keyIdentifier(crypto: CryptoProvider, subjectPublicKeyInfo: Uint8Array): Uint8Array {
  const fields = readSequence(subjectPublicKeyInfo);
  fields.expect(tags.sequence);
  const key = readBitString(fields.expect(tags.bitString).content);
  return crypto.hash('sha256', key).subarray(0, keyIdentifierBytes);
}

/** BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL } */
function basicConstraints(ca: Profile['ca']): Uint8Array {
  if (ca === false) return der.sequence();
  if (ca === true) return der.sequence(der.boolean(true));
  const { pathLength } = ca;
  if (!Number.isInteger(pathLength) || pathLength < 0 || pathLength > maxPathLength) {
    throw config(`"ca.pathLength" must be a whole number from 0 to ${maxPathLength}`);
  }
  return der.sequence(der.boolean(true), der.integer(pathLength));
}

function extension(name: keyof typeof extensionOids, critical: boolean, value: Uint8Array): Uint8Array {
  // DER leaves out what is the default: critical FALSE.
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.oid(extensionOids[name]), ...flag, der.octetString(value));
}

/** As names.ts will accept it: a name, or `*.` before a name. */
function isNameOrWildcard(name: string): boolean {
  const lowerCase = asciiLowerCase(name);
  return isDnsName(lowerCase) || wildcardBase(lowerCase) !== undefined;
}

function config(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
