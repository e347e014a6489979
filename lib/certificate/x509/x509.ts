// An X.509 certificate, read (RFC 5280 §4.1):
//
//   Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature BIT STRING }
//   TBSCertificate ::= SEQUENCE {
//     version [0] DEFAULT v1, serialNumber, signature AlgorithmIdentifier, issuer, validity, subject,
//     subjectPublicKeyInfo, issuerUniqueID [1], subjectUniqueID [2], extensions [3] }
//
// Reading says nothing about trust: the signature is not looked at, nor are dates or names. path.ts does that.

import { sameBytes, toHex } from '../../base/bytes.js';
import {
  contextTag,
  type DerElement,
  DerReader,
  readBitString,
  readDer,
  readInteger,
  readSmallInteger,
  readTime,
  tags,
} from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import {
  readSignatureScheme,
  readSubjectPublicKey,
  type SignatureScheme,
  type SubjectPublicKey,
} from './algorithm.js';
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.js';
import { type Extensions, noExtensions, readExtensions } from './extensions.js';
import { malformedCertificate } from './malformed.js';

/** A certificate that is well formed. Nobody has checked its signature. */
export interface Certificate extends Extensions {
  /** The whole certificate, DER. */
  readonly der: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Lower-case hexadecimal of the INTEGER's octets. */
  readonly serialNumber: string;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  /** First second in which it is valid. */
  readonly notBefore: Date;
  /** Last second in which it is valid. */
  readonly notAfter: Date;
  readonly publicKey: SubjectPublicKey;
  /** The bytes that are signed. */
  readonly tbs: Uint8Array;
  readonly signatureScheme: SignatureScheme;
  readonly signature: Uint8Array;
}

/** Far above any certificate in use; the handshake allows 16 KiB for a whole chain. */
const maxCertificateBytes = 64 * 1024;

/**
 * Reads one certificate, DER. Keys, signatures and extensions that are not supported can be read (and are refused
 * by path validation); what breaks the format is a SealwireError INVALID_CERTIFICATE, and nothing else is thrown.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (!(der instanceof Uint8Array)) throw malformedCertificate('it is not given as bytes');
  if (der.length > maxCertificateBytes)
    throw malformedCertificate(`it has more than ${maxCertificateBytes} bytes`);
  try {
    return readCertificate(readDer(der));
  } catch (cause) {
    if (cause instanceof SealwireError) throw cause;
    throw malformedCertificate('it cannot be read', cause);
  }
}

function readCertificate(certificate: DerElement): Certificate {
  if (certificate.tag !== tags.sequence) throw malformedCertificate('it is not a SEQUENCE');
  const outer = new DerReader(certificate.content);
  const tbs = outer.expect(tags.sequence);
  const signatureAlgorithm = outer.expect(tags.sequence);
  const signature = readBitString(outer.expect(tags.bitString).content);
  outer.finish();

  const fields = new DerReader(tbs.content);
  const version = readVersion(fields);
  const serialNumber = fields.expect(tags.integer).content;
  readInteger(serialNumber);
  // §4.1.1.2: only the inner one is signed, so the outer one must say the same.
  if (!sameBytes(fields.expect(tags.sequence).bytes, signatureAlgorithm.bytes)) {
    throw malformedCertificate('it names two different signature algorithms');
  }
  const issuer = readDistinguishedName(fields.expect(tags.sequence));
  const validity = fields.sequence();
  const notBefore = readTime(validity.next());
  const notAfter = readTime(validity.next());
  validity.finish();
  const subject = readDistinguishedName(fields.expect(tags.sequence));
  const publicKey = readSubjectPublicKey(fields.expect(tags.sequence).bytes);
  skipUniqueIdentifiers(fields, version);
  const extensions = readExtensionsOf(fields, version);
  fields.finish();
  checkSubject(subject, extensions);

  return {
    der: certificate.bytes,
    version,
    serialNumber: toHex(serialNumber),
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    tbs: tbs.bytes,
    signatureScheme: readSignatureScheme(new DerReader(signatureAlgorithm.content)),
    signature,
    ...extensions,
  };
}

/** §4.1.2.1: v1 is the default, so DER leaves it out. */
function readVersion(fields: DerReader): 1 | 2 | 3 {
  const tagged = fields.optional(contextTag(0, true));
  if (tagged === undefined) return 1;
  const content = new DerReader(tagged.content);
  const value = readSmallInteger(content.expect(tags.integer).content);
  content.finish();
  if (value !== 1 && value !== 2) throw malformedCertificate('its version is neither 1, 2 nor 3');
  return value === 1 ? 2 : 3;
}

/** §4.1.2.8: not in v1. They say nothing that path validation uses. */
function skipUniqueIdentifiers(fields: DerReader, version: 1 | 2 | 3): void {
  if (version === 1) return;
  fields.optional(contextTag(1, false));
  fields.optional(contextTag(2, false));
}

/** §4.1.2.9: in v3 alone. */
function readExtensionsOf(fields: DerReader, version: 1 | 2 | 3): Extensions {
  const tagged = fields.optional(contextTag(3, true));
  if (tagged === undefined) return noExtensions;
  if (version !== 3) throw malformedCertificate(`it has extensions, but it is of version ${version}`);
  const content = new DerReader(tagged.content);
  const extensions = readExtensions(content.expect(tags.sequence));
  content.finish();
  return extensions;
}

/** §4.1.2.6: who issues has a name to be found by; an empty name is made up for by a critical subjectAltName. */
function checkSubject(subject: DistinguishedName, extensions: Extensions): void {
  if (subject.relativeNames.length > 0) return;
  if (extensions.basicConstraints?.ca) throw malformedCertificate('it is a CA without a subject');
  if (extensions.subjectAltName && !extensions.subjectAltNameCritical) {
    throw malformedCertificate('its subject is empty and its subject alternative name is not critical');
  }
}
