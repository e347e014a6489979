// PFX files put together by hand, for what no program writes. The keys stand in the clear and the MAC (PBMAC1,
// RFC 9579) takes one iteration, so that a spec can make and read hundreds of them.

import { utf8 } from '../../lib/base/bytes.js';
import { der } from '../../lib/base/der.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { PrivateKey } from '../../lib/crypto/provider.js';

export const pfxPassphrase = '1234';

/** A SafeBag of RFC 7292 §4.2, by the last number of its OID. */
export function safeBag(kind: number, value: Uint8Array, ...attributes: Uint8Array[]): Uint8Array {
  const set = attributes.length > 0 ? [der.set(...attributes)] : [];
  return der.sequence(der.oid(`1.2.840.113549.1.12.10.1.${kind}`), der.explicit(0, value), ...set);
}

export function certificateBag(certificate: Uint8Array): Uint8Array {
  const value = der.explicit(0, der.octetString(certificate));
  return safeBag(3, der.sequence(der.oid('1.2.840.113549.1.9.22.1'), value));
}

export function keyBag(key: PrivateKey, friendlyName?: string): Uint8Array {
  if (friendlyName === undefined) return safeBag(1, key.export());
  const name = der.sequence(der.oid('1.2.840.113549.1.9.20'), der.set(der.bmpString(friendlyName)));
  return safeBag(1, key.export(), name);
}

/** ContentInfo of the kind "data". */
export function dataInfo(bytes: Uint8Array): Uint8Array {
  return der.sequence(der.oid('1.2.840.113549.1.7.1'), der.explicit(0, der.octetString(bytes)));
}

export function authenticatedSafe(...bags: Uint8Array[]): Uint8Array {
  return der.sequence(dataInfo(der.sequence(...bags)));
}

/** The file around an AuthenticatedSafe; `macKeyLength` is used where `keyLength` is to be stated wrongly. */
export function pfxFile(
  authSafe: Uint8Array,
  pbmac1: { keyLength?: number | undefined; macKeyLength?: number; iterations?: number } = { keyLength: 32 },
): Uint8Array {
  const { keyLength, macKeyLength = keyLength ?? 32, iterations = 1 } = pbmac1;
  const salt = Uint8Array.of(1, 2, 3, 4);
  const key = nodeCrypto.pbkdf2('sha256', utf8(pfxPassphrase), salt, 1, macKeyLength);
  const hmacSha256 = der.sequence(der.oid('1.2.840.113549.2.9'), der.null());
  const stated = keyLength === undefined ? [] : [der.integer(keyLength)];
  const derivation = der.sequence(
    der.oid('1.2.840.113549.1.5.12'),
    der.sequence(der.octetString(salt), der.integer(iterations), ...stated, hmacSha256),
  );
  const algorithm = der.sequence(der.oid('1.2.840.113549.1.5.14'), der.sequence(derivation, hmacSha256));
  const mac = der.octetString(nodeCrypto.hmac('sha256', key, authSafe));
  return der.sequence(
    der.integer(3),
    dataInfo(authSafe),
    der.sequence(der.sequence(algorithm, mac), der.octetString(utf8('NOT USED')), der.integer(1)),
  );
}
