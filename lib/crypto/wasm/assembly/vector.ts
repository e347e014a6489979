// What vectors of four words need beside adding and xoring.

/** word <<< bits. By whole bytes it is a shuffle, one instruction instead of three. */
@inline
export function turnVector(words: v128, bits: i32): v128 {
  if (bits == 16) return v128.shuffle<u8>(words, words, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  if (bits == 8) return v128.shuffle<u8>(words, words, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
  return v128.or(i32x4.shl(words, bits), i32x4.shr_u(words, 32 - bits));
}

/** a, b, c, d hold the same four words of four blocks each; every block gets its own, 64 bytes behind the last one's. */
@inline
export function writeTransposed(at: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab01 = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
  const ab23 = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const cd01 = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  const cd23 = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  v128.store(at, v128.shuffle<u64>(ab01, cd01, 0, 2));
  v128.store(at, v128.shuffle<u64>(ab01, cd01, 1, 3), 64);
  v128.store(at, v128.shuffle<u64>(ab23, cd23, 0, 2), 128);
  v128.store(at, v128.shuffle<u64>(ab23, cd23, 1, 3), 192);
}
