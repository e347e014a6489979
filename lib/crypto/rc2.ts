// RC2 (RFC 2268) in CBC, decrypting only: the certificates in the PFX files of Windows, macOS and OpenSSL 1 are sealed
// with it, under keys of 40 effective bits. Node 20's OpenSSL has no RC2 unless it is told so on the command line.

import { wipe } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { decryptCbc64 } from './cbc-64.js';

/** `key` has 1 to 128 bytes, of which `effectiveBits`, 1 to 1024, count (§2). The result keeps its padding. */
export function rc2CbcDecrypt(
  key: Uint8Array,
  effectiveBits: number,
  iv: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  if (key.length < 1 || key.length > 128 || !(effectiveBits >= 1 && effectiveBits <= 1024)) {
    throw new SealwireError('INVALID_CERTIFICATE', 'a key of RC2 has 1 to 128 bytes and at most 1024 bits');
  }
  const words = expandKey(key, effectiveBits);
  const plaintext = decryptCbc64((block) => decryptBlock(block, words), iv, ciphertext);
  wipe(new Uint8Array(words.buffer));
  return plaintext;
}

/** PITABLE (§2): the digits of pi, made into a permutation of the 256 octets. */
const piTable = Uint8Array.from(
  (
    'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2' +
    '179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82' +
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626' +
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7' +
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec' +
    'c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9' +
    '0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad'
  ).match(/../g)!,
  (octet) => Number.parseInt(octet, 16),
);

/** §2: 64 words of 16 bits, little-endian. */
function expandKey(key: Uint8Array, effectiveBits: number): Uint16Array {
  const octets = new Uint8Array(128);
  octets.set(key);
  for (let index = key.length; index < 128; index++) {
    octets[index] = piTable[(octets[index - 1]! + octets[index - key.length]!) & 0xff]!;
  }
  const effectiveBytes = Math.ceil(effectiveBits / 8);
  const mask = 0xff >> (8 * effectiveBytes - effectiveBits);
  octets[128 - effectiveBytes] = piTable[octets[128 - effectiveBytes]! & mask]!;
  for (let index = 127 - effectiveBytes; index >= 0; index--) {
    octets[index] = piTable[octets[index + 1]! ^ octets[index + effectiveBytes]!]!;
  }
  const words = Uint16Array.from(
    { length: 64 },
    (_, index) => octets[2 * index]! | (octets[2 * index + 1]! << 8),
  );
  wipe(octets);
  return words;
}

/** §3.1: how far each word of a block is turned in a mixing round. */
const turns = [1, 2, 3, 5] as const;

/** §4.1: five mixing rounds, one mashing round, six, one, five; all of them backwards. */
function decryptBlock(block: DataView, keyWords: Uint16Array): void {
  const words = [0, 2, 4, 6].map((offset) => block.getUint16(offset, true));
  let next = 63;
  for (let round = 0; round < 16; round++) {
    if (round === 5 || round === 11) {
      for (let index = 3; index >= 0; index--) {
        words[index] = (words[index]! - keyWords[words[(index + 3) & 3]! & 63]!) & 0xffff;
      }
    }
    for (let index = 3; index >= 0; index--) {
      const turn = turns[index]!;
      const word = (words[index]! >>> turn) | (words[index]! << (16 - turn));
      const one = words[(index + 3) & 3]!;
      const two = words[(index + 2) & 3]!;
      const three = words[(index + 1) & 3]!;
      words[index] = (word - keyWords[next--]! - (one & two) - (~one & three)) & 0xffff;
    }
  }
  for (const [index, word] of words.entries()) block.setUint16(2 * index, word, true);
}
