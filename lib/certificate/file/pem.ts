// PEM, the text form of certificates and keys (RFC 7468), and the base64 inside it (RFC 4648 §4).
//
//   -----BEGIN CERTIFICATE-----
//   base64, 64 characters a line
//   -----END CERTIFICATE-----
//
// Text around the blocks is ignored, as §2 allows: CA bundles are full of it. Inside a block only base64 and white
// space may stand, and one byte string has one spelling; before it the headers of RFC 1421 §4.6, where OpenSSL
// encrypted a key in its old way. What the bytes mean is no business of this file.

import { readDer } from '../../base/der.js';
import { SealwireError } from '../../base/errors.js';

/** One block: the label between BEGIN and the dashes, and the bytes that its base64 stands for. */
export interface PemBlock {
  readonly label: string;
  readonly bytes: Uint8Array;
  /** Where the bytes are encrypted, the header that says with what: pem-encryption.ts. */
  readonly dekInfo?: string;
}

/** PEM text or DER bytes, one or many. Bytes that hold PEM text, such as a file read as it is, will do too. */
export type CertificateInput = string | Uint8Array | readonly (string | Uint8Array)[];

// Mozilla's whole root store with its comments has about half a million characters.
const maxPemCharacters = 4 * 1024 * 1024;
const maxPemBlocks = 4096;
// So many blocks of 4 KiB each.
const maxPemLines = 64 * maxPemBlocks;
// The base64 of 256 KiB: four times the largest certificate that is read, and no key is larger.
const maxBlockCharacters = 349_528;
const maxLabelCharacters = 64;
const lineCharacters = 64;
const begin = '-----BEGIN ';
const end = '-----END ';
const dashes = '-----';
// Also between an END and a BEGIN on one line, as files have it that were put together without a line feed.
const lineEnd = /\r\n|\n|\r|(?<=-----)(?=-----BEGIN )/;

/** The blocks of a PEM text in their order; none is not an error. Throws INVALID_CERTIFICATE for a broken block. */
export function readPem(text: string): PemBlock[] {
  if (text.length > maxPemCharacters) {
    throw invalid(
      `the PEM text is longer than ${maxPemCharacters} characters: pass only what is needed of it`,
    );
  }
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let body: string[] = [];
  let bodyCharacters = 0;
  const lines = text.split(lineEnd, maxPemLines + 1);
  if (lines.length > maxPemLines) throw invalid(`the PEM text has more than ${maxPemLines} lines`);
  for (const rawLine of lines) {
    const line = rawLine.trim();
    if (line.startsWith(begin) && line.endsWith(dashes)) {
      if (label !== undefined) throw invalid(`the PEM block ${label} has no END line: copy the whole block`);
      if (blocks.length === maxPemBlocks) throw invalid(`the PEM text has more than ${maxPemBlocks} blocks`);
      label = line.slice(begin.length, -dashes.length);
      if (label.length > maxLabelCharacters) throw invalid('a PEM block has a label as long as no other');
      // RFC 7468 §3; labels are shown in messages.
      if (!/^[\x20-\x7e]*$/.test(label))
        throw invalid('a PEM block has a label that is not of ASCII characters');
      body = [];
      bodyCharacters = 0;
    } else if (label === undefined) {
      // Explanatory text; an END line without its BEGIN is the tail of a block that was cut off.
      if (line.startsWith(end)) throw invalid('a PEM block has no BEGIN line: copy the whole block');
    } else if (line === `${end}${label}${dashes}`) {
      blocks.push({ label, ...decodeBlock(label, body) });
      label = undefined;
    } else {
      bodyCharacters += line.length;
      if (bodyCharacters > maxBlockCharacters) {
        throw invalid(`the PEM block ${label} is larger than any certificate or key: copy one whole block`);
      }
      body.push(line);
    }
  }
  if (label !== undefined) throw invalid(`the PEM block ${label} has no END line: copy the whole block`);
  return blocks;
}

/** One block in the strict form of RFC 7468 §3: 64 characters a line, a line feed behind the last one. */
export function writePem(label: string, bytes: Uint8Array): string {
  const base64 = encodeBase64(bytes);
  let text = `${begin}${label}${dashes}\n`;
  for (let offset = 0; offset < base64.length; offset += lineCharacters) {
    text += `${base64.slice(offset, offset + lineCharacters)}\n`;
  }
  return `${text}${end}${label}${dashes}\n`;
}

/**
 * The certificates of PEM or DER input, as DER, in the order given. Blocks with another label, such as a key in
 * the same file, are passed over. Throws INVALID_CERTIFICATE where an input holds no certificate at all.
 */
export function readCertificates(input: CertificateInput): Uint8Array[] {
  const inputs = typeof input === 'string' || input instanceof Uint8Array ? [input] : input;
  return inputs.flatMap((one) => {
    const encoded = derOf(one);
    if (encoded) return [readDer(encoded).bytes];
    const blocks = readPem(pemText(one));
    const certificates = blocks.filter(
      ({ label }) => label === 'CERTIFICATE' || label === 'X509 CERTIFICATE',
    );
    if (certificates.length > 0) return certificates.map(({ bytes }) => bytes);
    throw invalid(
      `a certificate was expected, but there is ${describeBlocks(blocks)}: pass PEM text with ` +
        '-----BEGIN CERTIFICATE-----, or the bytes of a DER file (the content, not the path)',
    );
  });
}

/** What a text holds instead of what was looked for. */
export function describeBlocks(blocks: readonly PemBlock[]): string {
  const labels = blocks.slice(0, 5).map(({ label }) => label);
  return labels.length === 0 ? 'no PEM block' : `only ${labels.join(', ')}${blocks.length > 5 ? ', …' : ''}`;
}

/**
 * The DER that is given as it is or in base64 without BEGIN and END, as configuration files have it; undefined for
 * everything else. Every certificate, key and PFX file is a SEQUENCE, which makes base64 begin with M.
 */
export function derOf(input: string | Uint8Array): Uint8Array | undefined {
  if (typeof input !== 'string' && isDer(input)) return plain(input);
  const [first] = input;
  if ((first !== 'M' && first !== 0x4d) || input.length > maxPemCharacters) return undefined;
  const bytes = decodeBase64(pemText(input));
  return bytes && isDer(bytes) ? bytes : undefined;
}

/** A Buffer as what it is a kind of: its slice() would give views where copies are meant. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Whether the bytes begin as every certificate and key in DER does. As text this would be the digit 0. */
function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30;
}

/** A PEM file as text. Bytes are Latin-1, because the comments in a bundle may be in any encoding. */
export function pemText(bytes: string | Uint8Array): string {
  if (typeof bytes === 'string') return bytes;
  if (bytes.length > maxPemCharacters) {
    throw invalid(
      `the PEM text is longer than ${maxPemCharacters} characters: pass only what is needed of it`,
    );
  }
  return binaryString(bytes);
}

/**
 * Decodes base64 with its padding; white space is skipped, for values that were wrapped to lines.
 * Anything else, also padding bits that are not zero (RFC 4648 §3.5), gives undefined.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const base64 = text.replace(/[ \t\r\n]+/g, '');
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined;
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index);
  // atob drops the unused bits of the last group: two spellings of one key would pass.
  const lastGroup = bytes.subarray(bytes.length - (bytes.length % 3 || 3));
  return base64.endsWith(encodeBase64(lastGroup)) ? bytes : undefined;
}

/** Base64 with padding, in one line. */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(binaryString(bytes));
}

function decodeBlock(label: string, lines: readonly string[]): Omit<PemBlock, 'label'> {
  const dekInfo = lines[0]?.startsWith('Proc-Type:') ? readHeaders(label, lines) : undefined;
  const bytes = decodeBase64((dekInfo === undefined ? lines : lines.slice(encryptedHeaders)).join(''));
  if (bytes === undefined || bytes.length === 0) {
    throw invalid(`the PEM block ${label} is not valid base64: copy the whole block, unchanged`);
  }
  return dekInfo === undefined ? { bytes } : { bytes, dekInfo };
}

/** Proc-Type, DEK-Info and the empty line behind them: nobody writes others. */
const encryptedHeaders = 3;

function readHeaders(label: string, [procType, dekInfo, blank]: readonly string[]): string {
  if (/^Proc-Type:\s*4,ENCRYPTED$/.test(procType ?? '') && dekInfo?.startsWith('DEK-Info:') && blank === '') {
    return dekInfo.slice('DEK-Info:'.length).trim();
  }
  throw invalid(`the PEM block ${label} has headers that nobody knows: copy the whole block, unchanged`);
}

function binaryString(bytes: Uint8Array): string {
  let text = '';
  // In pieces: a call takes only so many arguments.
  for (let offset = 0; offset < bytes.length; offset += 8192) {
    text += String.fromCharCode(...bytes.subarray(offset, offset + 8192));
  }
  return text;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CERTIFICATE', message);
}
