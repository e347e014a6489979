// PFX files and encrypted keys made from their parts, with one change at any stage of the making: so changes get behind the
// MAC and into what is encrypted, as those of somebody who knows the passphrase.
//
//   key -> shrouded key -> safe -> encrypted data -> authenticated safe -> (MAC) -> mac data -> file
//
// Independent of lib/certificate/file: OpenSSL's ciphers, a derivation of its own. One or two iterations, or the
// derivations would take all the time.

import { createCipheriv, createHash, createHmac, pbkdf2Sync, randomBytes, scryptSync } from 'node:crypto';
import { concat } from '../../lib/base/bytes.js';
import { der } from '../../lib/base/der.js';

export const stages = [
  'certificate',
  'key',
  'shrouded key',
  'safe of certificates',
  'safe of keys',
  'encrypted data',
  'authenticated safe',
  'mac data',
  'file',
] as const;
export type Stage = (typeof stages)[number];

/** What comes out of a stage; a change gives it back changed. */
export type Change = (stage: Stage, bytes: Uint8Array) => Uint8Array;

export const sealings = ['aes-256-cbc', 'aes-128-cbc', 'des-ede3-cbc', 'scrypt', 'pkcs12-3des'] as const;
export type Sealing = (typeof sealings)[number];
export const macs = ['sha256', 'sha1', 'pbmac1', 'none'] as const;

export interface Recipe {
  readonly certificates: readonly Uint8Array[];
  /** PKCS #8. */
  readonly keys: readonly { readonly pkcs8: Uint8Array; readonly name?: string }[];
  readonly passphrase: string;
  readonly sealing: Sealing;
  readonly mac: (typeof macs)[number];
}

const iterations = 2;
const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  scrypt: '1.3.6.1.4.1.11591.4.11',
  pbmac1: '1.2.840.113549.1.5.14',
  pkcs12TripleDes: '1.2.840.113549.1.12.1.3',
  hmacSha256: '1.2.840.113549.2.9',
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  'aes-256-cbc': '2.16.840.1.101.3.4.1.42',
  'aes-128-cbc': '2.16.840.1.101.3.4.1.2',
  'des-ede3-cbc': '1.2.840.113549.3.7',
} as const;

export function forgePfx(recipe: Recipe, change: Change): Uint8Array {
  const { certificates, keys, passphrase, sealing, mac } = recipe;
  const localKeyId = attribute(oids.localKeyId, der.octetString(Uint8Array.of(1)));
  const certificateBags = certificates.map((certificate, index) =>
    bag(
      oids.certificateBag,
      der.sequence(der.oid(oids.x509), der.explicit(0, der.octetString(change('certificate', certificate)))),
      index === 0 ? [localKeyId] : [],
    ),
  );
  const keyBags = keys.map(({ pkcs8, name }) =>
    bag(
      oids.keyBag,
      change('shrouded key', forgeSealed(change('key', pkcs8), passphrase, sealing)),
      name === undefined ? [localKeyId] : [localKeyId, attribute(oids.friendlyName, der.bmpString(name))],
    ),
  );
  const { algorithm, ciphertext } = seal(
    change('safe of certificates', der.sequence(...certificateBags)),
    passphrase,
    sealing,
  );
  const encrypted = der.sequence(
    der.integer(0),
    der.sequence(der.oid(oids.data), algorithm, der.implicit(0, ciphertext, false)),
  );
  const authSafe = change(
    'authenticated safe',
    der.sequence(
      contentInfo(oids.encryptedData, change('encrypted data', encrypted)),
      contentInfo(oids.data, der.octetString(change('safe of keys', der.sequence(...keyBags)))),
    ),
  );
  const macData = mac === 'none' ? [] : [change('mac data', macOver(authSafe, passphrase, mac))];
  const data = contentInfo(oids.data, der.octetString(authSafe));
  return change('file', der.sequence(der.integer(3), data, ...macData));
}

/** An EncryptedPrivateKeyInfo. */
export function forgeSealed(plaintext: Uint8Array, passphrase: string, sealing: Sealing): Uint8Array {
  const { algorithm, ciphertext } = seal(plaintext, passphrase, sealing);
  return der.sequence(algorithm, der.octetString(ciphertext));
}

function seal(
  plaintext: Uint8Array,
  passphrase: string,
  sealing: Sealing,
): { algorithm: Uint8Array; ciphertext: Uint8Array } {
  const salt = randomBytes(8);
  if (sealing === 'pkcs12-3des') {
    const key = pkcs12Key(passphrase, salt, 'sha1', 1, 24);
    const iv = pkcs12Key(passphrase, salt, 'sha1', 2, 8);
    const parameters = der.sequence(der.octetString(plain(salt)), der.integer(iterations));
    return {
      algorithm: der.sequence(der.oid(oids.pkcs12TripleDes), parameters),
      ciphertext: encrypt('des-ede3-cbc', key, iv, plaintext),
    };
  }
  const cipher = sealing === 'scrypt' ? 'aes-256-cbc' : sealing;
  const keyBytes = { 'aes-256-cbc': 32, 'aes-128-cbc': 16, 'des-ede3-cbc': 24 }[cipher];
  const iv = randomBytes(cipher === 'des-ede3-cbc' ? 8 : 16);
  const isScrypt = sealing === 'scrypt';
  const key = isScrypt
    ? scryptSync(passphrase, salt, keyBytes, { N: 16, r: 1, p: 1 })
    : pbkdf2Sync(passphrase, salt, iterations, keyBytes, 'sha256');
  const saltString = der.octetString(plain(salt));
  const derivation = isScrypt
    ? [der.oid(oids.scrypt), der.sequence(saltString, der.integer(16), der.integer(1), der.integer(1))]
    : [der.oid(oids.pbkdf2), der.sequence(saltString, der.integer(iterations), hmacSha256())];
  const scheme = der.sequence(der.oid(oids[cipher]), der.octetString(plain(iv)));
  return {
    algorithm: der.sequence(der.oid(oids.pbes2), der.sequence(der.sequence(...derivation), scheme)),
    ciphertext: encrypt(cipher, key, iv, plaintext),
  };
}

function encrypt(cipher: string, key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const sealer = createCipheriv(cipher, key, iv);
  return concat([plain(sealer.update(plaintext)), plain(sealer.final())]);
}

function macOver(content: Uint8Array, passphrase: string, mac: Exclude<Recipe['mac'], 'none'>): Uint8Array {
  const salt = randomBytes(8);
  const saltString = der.octetString(plain(salt));
  if (mac !== 'pbmac1') {
    const key = pkcs12Key(passphrase, salt, mac, 3, mac === 'sha1' ? 20 : 32);
    const digest = der.octetString(plain(createHmac(mac, key).update(content).digest()));
    const info = der.sequence(der.sequence(der.oid(oids[mac]), der.null()), digest);
    return der.sequence(info, saltString, der.integer(iterations));
  }
  const key = pbkdf2Sync(passphrase, salt, iterations, 32, 'sha256');
  const derivation = der.sequence(
    der.oid(oids.pbkdf2),
    der.sequence(saltString, der.integer(iterations), der.integer(32), hmacSha256()),
  );
  const algorithm = der.sequence(der.oid(oids.pbmac1), der.sequence(derivation, hmacSha256()));
  const digest = der.octetString(plain(createHmac('sha256', key).update(content).digest()));
  return der.sequence(der.sequence(algorithm, digest), der.octetString(Uint8Array.of(0)), der.integer(1));
}

/** RFC 7292 appendix B.2; `purpose` 1 makes keys, 2 makes IVs, 3 makes keys of MACs. */
function pkcs12Key(
  passphrase: string,
  salt: Uint8Array,
  hash: 'sha1' | 'sha256',
  purpose: number,
  length: number,
): Uint8Array {
  const block = 64;
  const password = Buffer.from(`${passphrase}\0`, 'utf16le').swap16();
  const repeated = (bytes: Uint8Array): Uint8Array =>
    Uint8Array.from(
      { length: Math.ceil(bytes.length / block) * block },
      (_, index) => bytes[index % bytes.length]!,
    );
  const inputs = concat([repeated(salt), repeated(password)]);
  const output: number[] = [];
  while (output.length < length) {
    let digest = createHash(hash).update(new Uint8Array(block).fill(purpose)).update(inputs).digest();
    for (let round = 1; round < iterations; round++) digest = createHash(hash).update(digest).digest();
    output.push(...digest);
    for (let start = 0; start < inputs.length; start += block) {
      let carry = 1;
      for (let index = block - 1; index >= 0; index--) {
        carry += inputs[start + index]! + digest[index % digest.length]!;
        inputs[start + index] = carry;
        carry >>= 8;
      }
    }
  }
  return Uint8Array.from(output.slice(0, length));
}

function hmacSha256(): Uint8Array {
  return der.sequence(der.oid(oids.hmacSha256), der.null());
}

function contentInfo(oid: string, content: Uint8Array): Uint8Array {
  return der.sequence(der.oid(oid), der.explicit(0, content));
}

function bag(oid: string, value: Uint8Array, attributes: readonly Uint8Array[]): Uint8Array {
  const set = attributes.length > 0 ? [der.set(...attributes)] : [];
  return der.sequence(der.oid(oid), der.explicit(0, value), ...set);
}

function attribute(oid: string, value: Uint8Array): Uint8Array {
  return der.sequence(der.oid(oid), der.set(value));
}

/** A Buffer as the bytes that it is. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
