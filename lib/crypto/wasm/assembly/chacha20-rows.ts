// ChaCha20 (RFC 8439 §2.3), two blocks as rows: a vector is a row of the state, a quarter round works on four columns at
// once, and between a column round and a diagonal round three rows are turned by one, two and three words.
//
// Two blocks are what a message of up to 64 bytes needs, one for the key of Poly1305 and one for itself: two thirds of the
// time of four. For more blocks the turning of rows costs more than it saves (three: 147 ns, four: 192, side by side: 175).

import { key, nonce, stream } from './memory';
import { turnVector } from './vector';

/** Writes blocks `counter` and `counter` + 1 to the place of the key stream. */
export function twoBlocks(counter: u32): void {
  const row0 = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
  const row1 = v128.load(key);
  const row2 = v128.load(key, 16);
  // Counter and nonce: the word in front of the nonce is the key's last one, and replaced.
  const row3 = v128.load(nonce - 4);
  const row30 = i32x4.replace_lane(row3, 0, counter);
  const row31 = i32x4.replace_lane(row3, 0, counter + 1);
  let a0 = row0;
  let a1 = row0;
  let b0 = row1;
  let b1 = row1;
  let c0 = row2;
  let c1 = row2;
  let d0 = row30;
  let d1 = row31;
  for (let round = 0; round < 10; round++) {
    a0 = i32x4.add(a0, b0);
    a1 = i32x4.add(a1, b1);
    d0 = turnVector(v128.xor(d0, a0), 16);
    d1 = turnVector(v128.xor(d1, a1), 16);
    c0 = i32x4.add(c0, d0);
    c1 = i32x4.add(c1, d1);
    b0 = turnVector(v128.xor(b0, c0), 12);
    b1 = turnVector(v128.xor(b1, c1), 12);
    a0 = i32x4.add(a0, b0);
    a1 = i32x4.add(a1, b1);
    d0 = turnVector(v128.xor(d0, a0), 8);
    d1 = turnVector(v128.xor(d1, a1), 8);
    c0 = i32x4.add(c0, d0);
    c1 = i32x4.add(c1, d1);
    b0 = turnVector(v128.xor(b0, c0), 7);
    b1 = turnVector(v128.xor(b1, c1), 7);
    b0 = v128.shuffle<u32>(b0, b0, 1, 2, 3, 0);
    b1 = v128.shuffle<u32>(b1, b1, 1, 2, 3, 0);
    c0 = v128.shuffle<u32>(c0, c0, 2, 3, 0, 1);
    c1 = v128.shuffle<u32>(c1, c1, 2, 3, 0, 1);
    d0 = v128.shuffle<u32>(d0, d0, 3, 0, 1, 2);
    d1 = v128.shuffle<u32>(d1, d1, 3, 0, 1, 2);

    a0 = i32x4.add(a0, b0);
    a1 = i32x4.add(a1, b1);
    d0 = turnVector(v128.xor(d0, a0), 16);
    d1 = turnVector(v128.xor(d1, a1), 16);
    c0 = i32x4.add(c0, d0);
    c1 = i32x4.add(c1, d1);
    b0 = turnVector(v128.xor(b0, c0), 12);
    b1 = turnVector(v128.xor(b1, c1), 12);
    a0 = i32x4.add(a0, b0);
    a1 = i32x4.add(a1, b1);
    d0 = turnVector(v128.xor(d0, a0), 8);
    d1 = turnVector(v128.xor(d1, a1), 8);
    c0 = i32x4.add(c0, d0);
    c1 = i32x4.add(c1, d1);
    b0 = turnVector(v128.xor(b0, c0), 7);
    b1 = turnVector(v128.xor(b1, c1), 7);
    b0 = v128.shuffle<u32>(b0, b0, 3, 0, 1, 2);
    b1 = v128.shuffle<u32>(b1, b1, 3, 0, 1, 2);
    c0 = v128.shuffle<u32>(c0, c0, 2, 3, 0, 1);
    c1 = v128.shuffle<u32>(c1, c1, 2, 3, 0, 1);
    d0 = v128.shuffle<u32>(d0, d0, 1, 2, 3, 0);
    d1 = v128.shuffle<u32>(d1, d1, 1, 2, 3, 0);
  }
  v128.store(stream, i32x4.add(a0, row0));
  v128.store(stream, i32x4.add(b0, row1), 16);
  v128.store(stream, i32x4.add(c0, row2), 32);
  v128.store(stream, i32x4.add(d0, row30), 48);
  v128.store(stream, i32x4.add(a1, row0), 64);
  v128.store(stream, i32x4.add(b1, row1), 80);
  v128.store(stream, i32x4.add(c1, row2), 96);
  v128.store(stream, i32x4.add(d1, row31), 112);
}
