// Triple DES (FIPS 46-3; SP 800-67) in CBC, decrypting only: what PFX and key files of before OpenSSL 3 are sealed with.
//
//   plaintext = D(K1, E(K2, D(K3, ciphertext)))        two keys: K3 = K1 (ANSI X9.52 keying option 2)
//
// The tables below are those of FIPS 46-3, bits counted from 1 at the left as there. S and P are made into one lookup
// each on first use; the initial permutation and its inverse stand once around all 48 rounds, since between the three
// runs they cancel out.

import { wipe } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { decryptCbc64 } from './cbc-64.js';

/** The key has 24 bytes, or 16 for two keys; parity bits are not looked at. The result keeps its padding. */
export function tripleDesCbcDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  if (key.length !== 16 && key.length !== 24) {
    throw new SealwireError('INVALID_CERTIFICATE', 'a key of Triple DES has 16 or 24 bytes');
  }
  const [k1, k2, k3] = [0, 8, 16].map((offset) => subkeys(key.subarray(offset % key.length).subarray(0, 8)));
  // Backwards through the rounds is decryption.
  const rounds = Uint8Array.from([...reversed(k3!), ...k2!, ...reversed(k1!)]);
  const plaintext = decryptCbc64((block) => crypt(block, rounds), iv, ciphertext);
  wipe(rounds, k1!, k2!, k3!);
  return plaintext;
}

const roundsOfDes = 16;
/** A subkey of 48 bits, as the 6 bits for each S-box. */
const sixes = 8;

const shifts = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

// biome-ignore format: as FIPS 46-3 prints it
const permutedChoice1 = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];

// biome-ignore format: as FIPS 46-3 prints it
const permutedChoice2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
  41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

// biome-ignore format: as FIPS 46-3 prints it
const permutationP = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
  2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];

/** Four rows of 16 hexadecimal digits for each of S1 to S8. */
const substitutions = [
  'e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d',
  'f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9',
  'a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c',
  '7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e',
  '2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453',
  'c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d',
  '4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c',
  'd2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b',
];

let lookups: readonly Uint32Array[] | undefined;

/** P(S(six bits)) for each S-box, at its place in the 32 bits. */
function substitutionLookups(): readonly Uint32Array[] {
  lookups ??= substitutions.map((rows, box) =>
    Uint32Array.from({ length: 64 }, (_, six) => {
      // The outer two bits choose the row.
      const row = ((six >> 4) & 2) | (six & 1);
      const column = (six >> 1) & 15;
      const substituted = Number.parseInt(rows[16 * row + column]!, 16) << (28 - 4 * box);
      return permutationP.reduce((bits, from) => (bits << 1) | ((substituted >>> (32 - from)) & 1), 0);
    }),
  );
  return lookups;
}

function subkeys(key: Uint8Array): Uint8Array {
  const bits = permutedChoice1.map((from) => (key[(from - 1) >> 3]! >> (7 - ((from - 1) & 7))) & 1);
  const keys = new Uint8Array(roundsOfDes * sixes);
  let turned = 0;
  for (const [round, shift] of shifts.entries()) {
    turned += shift;
    for (const [index, from] of permutedChoice2.entries()) {
      // C and D are turned to the left, each within its 28 bits.
      const half = from > 28 ? 28 : 0;
      const bit = bits[half + ((from - 1 - half + turned) % 28)]!;
      const six = round * sixes + Math.floor(index / 6);
      keys[six] = (keys[six]! << 1) | bit;
    }
  }
  bits.fill(0);
  return keys;
}

function reversed(keys: Uint8Array): Uint8Array {
  const backwards = new Uint8Array(keys.length);
  for (let round = 0; round < roundsOfDes; round++) {
    backwards.set(keys.subarray(round * sixes, (round + 1) * sixes), (roundsOfDes - 1 - round) * sixes);
  }
  return backwards;
}

/** One block through three times 16 rounds. */
function crypt(block: DataView, rounds: Uint8Array): void {
  const boxes = substitutionLookups();
  let left = block.getUint32(0);
  let right = block.getUint32(4);

  // The initial permutation, as five exchanges of bits between the halves.
  let swap = ((left >>> 4) ^ right) & 0x0f0f0f0f;
  right ^= swap;
  left ^= swap << 4;
  swap = ((left >>> 16) ^ right) & 0x0000ffff;
  right ^= swap;
  left ^= swap << 16;
  swap = ((right >>> 2) ^ left) & 0x33333333;
  left ^= swap;
  right ^= swap << 2;
  swap = ((right >>> 8) ^ left) & 0x00ff00ff;
  left ^= swap;
  right ^= swap << 8;
  swap = ((left >>> 1) ^ right) & 0x55555555;
  right ^= swap;
  left ^= swap << 1;

  let key = 0;
  for (let run = 0; run < 3; run++) {
    for (let round = 0; round < roundsOfDes; round++) {
      let mixed = left;
      for (let box = 0; box < sixes; box++) {
        // The expansion E: six bits around each group of four, the first group with bit 32 before it.
        const turn = (4 * box + 5) & 31;
        const expanded = ((right << turn) | (right >>> (32 - turn))) & 63;
        mixed ^= boxes[box]![expanded ^ rounds[key++]!]!;
      }
      left = right;
      right = mixed;
    }
    // The halves are exchanged after the last round of a run.
    [left, right] = [right, left];
  }

  swap = ((left >>> 1) ^ right) & 0x55555555;
  right ^= swap;
  left ^= swap << 1;
  swap = ((right >>> 8) ^ left) & 0x00ff00ff;
  left ^= swap;
  right ^= swap << 8;
  swap = ((right >>> 2) ^ left) & 0x33333333;
  left ^= swap;
  right ^= swap << 2;
  swap = ((left >>> 16) ^ right) & 0x0000ffff;
  right ^= swap;
  left ^= swap << 16;
  swap = ((left >>> 4) ^ right) & 0x0f0f0f0f;
  right ^= swap;
  left ^= swap << 4;
  block.setUint32(0, left);
  block.setUint32(4, right);
}
