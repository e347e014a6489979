// PFX files (PKCS #12, RFC 7292): certificates and their key in one file under a passphrase.
//
//   PFX          { 3, authSafe ContentInfo { data, OCTET STRING }, macData { mac, salt, iterations } }   §4
//   that string  AuthenticatedSafe, a SEQUENCE OF ContentInfo: data, or encryptedData                    §4.1
//   each         SafeContents, a SEQUENCE OF SafeBag { kind, [0] value, attributes }                     §4.2
//
// Reading goes in the order of trust: the MAC over the whole OCTET STRING first (§5.1, or PBMAC1 of RFC 9579), then
// what is inside. The frames may be BER, as Firefox writes them; each is brought to DER where it is opened, so the MAC
// is over the octets as they stand in the file. What is written is as modern as OpenSSL 3's.

import { berToDer, joinOctetStrings } from '../../base/ber.js';
import { empty, wipe } from '../../base/bytes.js';
import {
  contextTag,
  type DerElement,
  DerReader,
  der,
  readDer,
  readOid,
  readSequence,
  readSmallInteger,
  readText,
  tags,
} from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { unsupported } from './algorithm.js';
import { Passphrase } from './passphrase.js';
import { sealPbes2 } from './pbes2.js';
import { checkMac, writeMacData } from './pfx-mac.js';
import { encryptPkcs8, readEncryptedKey } from './pkcs8.js';
import { openSealed } from './sealed.js';

/** A private key of a PFX file. */
export interface PfxKey {
  /** PKCS #8, DER; the caller wipes it. */
  readonly pkcs8: Uint8Array;
  readonly localKeyId?: Uint8Array;
  /** The name the file gives the key; keytool calls it the alias. */
  readonly friendlyName?: string;
}

/** What {@link readPfx} finds, in the order of the file, which says nothing about leaf and issuer. */
export interface PfxContents {
  readonly certificates: Uint8Array[];
  readonly keys: PfxKey[];
}

const version = 3;
// Files that people have hold a few KiB. Triple DES takes 0.13 ms for a KiB here, and parts may be sealed twice.
const maxPfxBytes = 256 * 1024;
const maxBags = 256;
/** pkcs-9-ub-friendlyName (RFC 2985 §5.5.1) allows 255 characters; Windows counts a terminating zero. */
const maxNameBytes = 2 * 256;
// A safeContentsBag holds bags again; files that people have hold none.
const maxSafeDepth = 4;

const dataOid = '1.2.840.113549.1.7.1';
const encryptedDataOid = '1.2.840.113549.1.7.6';
const bagOids = {
  key: '1.2.840.113549.1.12.10.1.1',
  shroudedKey: '1.2.840.113549.1.12.10.1.2',
  certificate: '1.2.840.113549.1.12.10.1.3',
  safeContents: '1.2.840.113549.1.12.10.1.6',
} as const;
const x509CertificateOid = '1.2.840.113549.1.9.22.1';
const friendlyNameOid = '1.2.840.113549.1.9.20';
const localKeyIdOid = '1.2.840.113549.1.9.21';

/** What {@link readPfx} takes beside the passphrase. */
export interface PfxOptions {
  /**
   * Read a file that has no MAC. Then nothing shows whether somebody changed it: where parts are not encrypted he could
   * put in a key and certificates of his own, and he could garble those that are. Default: false.
   */
  readonly allowMissingMac?: boolean | undefined;
}

/**
 * Reads a PFX file (DER, or BER). Throws PFX_PASSPHRASE when the passphrase does not open it, INVALID_CERTIFICATE for a
 * file that is malformed, has no MAC, asks for too many iterations or is protected with algorithms that are not read.
 */
export function readPfx(
  crypto: CryptoProvider,
  bytes: Uint8Array,
  passphrase: string,
  { allowMissingMac = false }: PfxOptions = {},
): PfxContents {
  if (bytes.length > maxPfxBytes) throw invalid(`the PFX file is larger than ${maxPfxBytes} bytes`);
  const { authSafe, macData } = readOuter(bytes);
  const opener = new Passphrase(crypto, passphrase, 'PFX file');
  if (macData) checkMac(opener, macData, authSafe);
  else if (!allowMissingMac) {
    throw invalid(
      'the PFX file has no MAC, so nothing shows whether it was changed: export it again without "-nomac", ' +
        'or set "allowMissingMac" if it comes from where nobody else can write',
    );
  }
  return new SafeReader(opener).read(authSafe);
}

/**
 * Writes a PFX file as OpenSSL 3 does by default: PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA256, a MAC with
 * HMAC-SHA256, 20,000 iterations each. The first certificate is that of the key; the key is bound to it by
 * localKeyId, and by `friendlyName` where given.
 */
export function writePfx(
  crypto: CryptoProvider,
  contents: {
    readonly certificates: readonly Uint8Array[];
    readonly privateKey: PrivateKey;
    readonly passphrase: string;
    readonly friendlyName?: string;
  },
): Uint8Array {
  const { certificates, privateKey, passphrase, friendlyName } = contents;
  const [leaf] = certificates;
  if (leaf === undefined) {
    throw new SealwireError('INVALID_CONFIG', 'a PFX file needs the certificate of its key: pass it first');
  }
  const attributes = der.set(
    attribute(localKeyIdOid, der.octetString(crypto.hash('sha1', leaf))),
    ...(friendlyName === undefined ? [] : [attribute(friendlyNameOid, der.bmpString(friendlyName))]),
  );
  const certificateBags = certificates.map((certificate, index) =>
    safeBag(
      bagOids.certificate,
      der.sequence(der.oid(x509CertificateOid), der.explicit(0, der.octetString(certificate))),
      index === 0 ? attributes : empty,
    ),
  );
  const pkcs8 = privateKey.export();
  const keyBag = safeBag(bagOids.shroudedKey, encryptPkcs8(crypto, pkcs8, passphrase), attributes);
  wipe(pkcs8);

  const { algorithm, ciphertext } = sealPbes2(crypto, der.sequence(...certificateBags), passphrase);
  const encrypted = der.sequence(der.oid(dataOid), algorithm, der.implicit(0, ciphertext, false));
  const authSafe = der.sequence(
    contentInfo(encryptedDataOid, der.sequence(der.integer(0), encrypted)),
    dataInfo(der.sequence(keyBag)),
  );
  return der.sequence(der.integer(version), dataInfo(authSafe), writeMacData(crypto, authSafe, passphrase));
}

function readOuter(bytes: Uint8Array): { authSafe: Uint8Array; macData: DerElement | undefined } {
  requirePfx(bytes);
  const fields = readSequence(berToDer(bytes));
  if (fields.peekTag() !== tags.integer) {
    throw invalid(
      'this is no PFX file: pass certificates and keys as "cert" and "key", or the bytes of a .pfx or .p12 file',
    );
  }
  if (readSmallInteger(fields.expect(tags.integer).content) !== version) {
    throw invalid('this is no PFX file of version 3: pass the bytes of a .pfx or .p12 file');
  }
  const { oid, content } = readContentInfo(fields.expect(tags.sequence));
  if (oid !== dataOid) {
    throw invalid(
      'the PFX file is protected with a public key, not with a passphrase: export it with a passphrase',
    );
  }
  const authSafe = octets(content);
  const macData = fields.optional(tags.sequence);
  fields.finish();
  return { authSafe, macData };
}

/** What else is called a keystore, told by its first byte. */
function requirePfx(bytes: Uint8Array): void {
  const [first] = bytes;
  if (first === tags.sequence) return;
  // FEEDFEED of JKS, CECECECE of JCEKS.
  if (first === 0xfe || first === 0xce) {
    throw invalid(
      'this is an old Java keystore and no PFX file: convert it with "keytool -importkeystore -srckeystore old.jks ' +
        '-destkeystore new.pfx -deststoretype PKCS12"',
    );
  }
  throw invalid('this is no PFX file: pass the bytes of a .pfx or .p12 file or their base64, not its path');
}

/** Walks through the safes and gathers what stands in their bags. */
class SafeReader {
  readonly #passphrase: Passphrase;
  readonly #contents: PfxContents = { certificates: [], keys: [] };
  #bags = 0;

  constructor(passphrase: Passphrase) {
    this.#passphrase = passphrase;
  }

  read(authSafe: Uint8Array): PfxContents {
    try {
      const safes = onlySequence(berToDer(authSafe));
      while (!safes.done) {
        const { oid, content } = readContentInfo(safes.expect(tags.sequence));
        if (oid === dataOid) this.#readSafe(octets(content));
        else if (oid === encryptedDataOid) this.#readEncrypted(content);
        else throw unsupported(oid, 'PFX file');
      }
      return this.#contents;
    } catch (error) {
      for (const { pkcs8 } of this.#contents.keys) wipe(pkcs8);
      throw error;
    }
  }

  #readSafe(safeContents: Uint8Array): void {
    this.#readBags(onlySequence(berToDer(safeContents)), 1);
  }

  /** EncryptedData ::= SEQUENCE { 0, SEQUENCE { data, algorithm, [0] IMPLICIT OCTET STRING } } (RFC 5652 §8) */
  #readEncrypted(content: DerElement): void {
    if (content.tag !== tags.sequence) throw malformed('an encrypted part');
    const fields = new DerReader(content.content);
    if (readSmallInteger(fields.expect(tags.integer).content) !== 0) throw malformed('an encrypted part');
    const info = fields.sequence();
    fields.finish();
    if (readOid(info.expect(tags.oid).content) !== dataOid) throw malformed('an encrypted part');
    const algorithm = info.expect(tags.sequence);
    // An IMPLICIT tag hides from the transcoder of BER that this is a string, which may come in parts.
    const parts = info.optional(contextTag(0, true));
    const ciphertext = parts ? joinOctetStrings(parts.content) : info.expect(contextTag(0, false)).content;
    info.finish();
    const plaintext = openSealed(this.#passphrase, algorithm, ciphertext);
    try {
      this.#readSafe(plaintext);
    } finally {
      wipe(plaintext);
    }
  }

  #readBags(bags: DerReader, depth: number): void {
    while (!bags.done) {
      if (++this.#bags > maxBags) throw invalid(`the PFX file holds more than ${maxBags} objects: split it`);
      const bag = bags.sequence();
      const kind = readOid(bag.expect(tags.oid).content);
      const value = readDer(bag.expect(contextTag(0, true)).content);
      const attributes = bag.optional(tags.set);
      bag.finish();
      this.#readBag(kind, value, attributes, depth);
    }
  }

  #readBag(kind: string, value: DerElement, attributes: DerElement | undefined, depth: number): void {
    switch (kind) {
      case bagOids.certificate:
        this.#readCertificate(value);
        break;
      case bagOids.key:
        this.#contents.keys.push({ pkcs8: Uint8Array.from(value.bytes), ...readAttributes(attributes) });
        break;
      case bagOids.shroudedKey:
        this.#contents.keys.push({
          ...readAttributes(attributes),
          pkcs8: readEncryptedKey(this.#passphrase, value.bytes),
        });
        break;
      case bagOids.safeContents:
        if (depth === maxSafeDepth) throw malformed('the nesting of bags');
        if (value.tag !== tags.sequence) throw malformed('a bag');
        this.#readBags(new DerReader(value.content), depth + 1);
        break;
      default: // CRLs and secrets: nothing that a connection needs.
    }
  }

  #readCertificate(value: DerElement): void {
    if (value.tag !== tags.sequence) throw malformed('a certificate bag');
    const fields = new DerReader(value.content);
    // The other kind, SDSI, has never been seen.
    if (readOid(fields.expect(tags.oid).content) !== x509CertificateOid) throw malformed('a certificate bag');
    const certificate = octets(readDer(fields.expect(contextTag(0, true)).content));
    fields.finish();
    this.#contents.certificates.push(Uint8Array.from(certificate));
  }
}

/** Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET } (RFC 7292 §4.2); unknown ones are passed over. */
function readAttributes(set: DerElement | undefined): { localKeyId?: Uint8Array; friendlyName?: string } {
  const found: { localKeyId?: Uint8Array; friendlyName?: string } = {};
  const attributes = new DerReader(set?.content ?? empty);
  while (!attributes.done) {
    const fields = attributes.sequence();
    const type = readOid(fields.expect(tags.oid).content);
    const values = new DerReader(fields.expect(tags.set).content);
    fields.finish();
    if (values.done) continue;
    if (type === localKeyIdOid) found.localKeyId = Uint8Array.from(octets(values.next()));
    if (type === friendlyNameOid) found.friendlyName = readName(values.next());
  }
  return found;
}

/** Windows counts the terminating zero as part of the name. */
function readName(name: DerElement): string {
  if (name.content.length > maxNameBytes) throw malformed('a name');
  return readText(name).replace(/\0+$/, '');
}

/** ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY } (RFC 5652 §3) */
function readContentInfo({ content }: DerElement): { oid: string; content: DerElement } {
  const fields = new DerReader(content);
  const oid = readOid(fields.expect(tags.oid).content);
  const inner = readDer(fields.expect(contextTag(0, true)).content);
  fields.finish();
  return { oid, content: inner };
}

function onlySequence(bytes: Uint8Array): DerReader {
  const element = readDer(bytes);
  if (element.tag !== tags.sequence) throw malformed('a list');
  return new DerReader(element.content);
}

function octets({ tag, content }: DerElement): Uint8Array {
  if (tag !== tags.octetString) throw malformed('a string of octets');
  return content;
}

function contentInfo(oid: string, content: Uint8Array): Uint8Array {
  return der.sequence(der.oid(oid), der.explicit(0, content));
}

function dataInfo(bytes: Uint8Array): Uint8Array {
  return contentInfo(dataOid, der.octetString(bytes));
}

function safeBag(kind: string, value: Uint8Array, attributes: Uint8Array): Uint8Array {
  return der.sequence(der.oid(kind), der.explicit(0, value), attributes);
}

function attribute(type: string, value: Uint8Array): Uint8Array {
  return der.sequence(der.oid(type), der.set(value));
}

function malformed(part: string): SealwireError {
  return invalid(`the PFX file is malformed (${part} is not what RFC 7292 says): export it again`);
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
