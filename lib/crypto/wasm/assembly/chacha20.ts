// ChaCha20 (RFC 8439 §2.3): blocks of key stream.
//
// Blocks stand side by side: each word of the state is either one number, for one block, or the vector of that word in
// four blocks, so that one text serves both builds. Two blocks, all that a message of up to 64 bytes needs, stand as rows
// in chacha20-rows.ts. V8 keeps what it can of the sixteen words in registers; adds, xors and turns of constant width only.

import { twoBlocks } from './chacha20-rows';
import { key, nonce, stream } from './memory';
import { turnVector, writeTransposed } from './vector';

/** Writes blocks `counter` … to the place of the key stream: `count` of them, 1 to 4, or some more. */
export function keyStream(counter: u32, count: u32): void {
  if (ASC_FEATURE_SIMD) {
    if (count <= 2) twoBlocks(counter);
    else blocks<v128>(counter, stream);
  } else {
    for (let block: u32 = 0; block < count; block++) blocks<u32>(counter + block, stream + 64 * block);
  }
}

/** §2.3.1: "expa", "nd 3", "2-by", "te k". */
const constant0: u32 = 0x61707865;
const constant1: u32 = 0x3320646e;
const constant2: u32 = 0x79622d32;
const constant3: u32 = 0x6b206574;

function blocks<T>(counter: u32, at: usize): void {
  let x0 = same<T>(constant0);
  let x1 = same<T>(constant1);
  let x2 = same<T>(constant2);
  let x3 = same<T>(constant3);
  let x4 = word<T>(key + 0);
  let x5 = word<T>(key + 4);
  let x6 = word<T>(key + 8);
  let x7 = word<T>(key + 12);
  let x8 = word<T>(key + 16);
  let x9 = word<T>(key + 20);
  let x10 = word<T>(key + 24);
  let x11 = word<T>(key + 28);
  let x12 = counters<T>(counter);
  let x13 = word<T>(nonce + 0);
  let x14 = word<T>(nonce + 4);
  let x15 = word<T>(nonce + 8);
  for (let round = 0; round < 10; round++) {
    x0 = add<T>(x0, x4);
    x1 = add<T>(x1, x5);
    x2 = add<T>(x2, x6);
    x3 = add<T>(x3, x7);
    x12 = turn<T>(x12, x0, 16);
    x13 = turn<T>(x13, x1, 16);
    x14 = turn<T>(x14, x2, 16);
    x15 = turn<T>(x15, x3, 16);
    x8 = add<T>(x8, x12);
    x9 = add<T>(x9, x13);
    x10 = add<T>(x10, x14);
    x11 = add<T>(x11, x15);
    x4 = turn<T>(x4, x8, 12);
    x5 = turn<T>(x5, x9, 12);
    x6 = turn<T>(x6, x10, 12);
    x7 = turn<T>(x7, x11, 12);
    x0 = add<T>(x0, x4);
    x1 = add<T>(x1, x5);
    x2 = add<T>(x2, x6);
    x3 = add<T>(x3, x7);
    x12 = turn<T>(x12, x0, 8);
    x13 = turn<T>(x13, x1, 8);
    x14 = turn<T>(x14, x2, 8);
    x15 = turn<T>(x15, x3, 8);
    x8 = add<T>(x8, x12);
    x9 = add<T>(x9, x13);
    x10 = add<T>(x10, x14);
    x11 = add<T>(x11, x15);
    x4 = turn<T>(x4, x8, 7);
    x5 = turn<T>(x5, x9, 7);
    x6 = turn<T>(x6, x10, 7);
    x7 = turn<T>(x7, x11, 7);

    x0 = add<T>(x0, x5);
    x1 = add<T>(x1, x6);
    x2 = add<T>(x2, x7);
    x3 = add<T>(x3, x4);
    x15 = turn<T>(x15, x0, 16);
    x12 = turn<T>(x12, x1, 16);
    x13 = turn<T>(x13, x2, 16);
    x14 = turn<T>(x14, x3, 16);
    x10 = add<T>(x10, x15);
    x11 = add<T>(x11, x12);
    x8 = add<T>(x8, x13);
    x9 = add<T>(x9, x14);
    x5 = turn<T>(x5, x10, 12);
    x6 = turn<T>(x6, x11, 12);
    x7 = turn<T>(x7, x8, 12);
    x4 = turn<T>(x4, x9, 12);
    x0 = add<T>(x0, x5);
    x1 = add<T>(x1, x6);
    x2 = add<T>(x2, x7);
    x3 = add<T>(x3, x4);
    x15 = turn<T>(x15, x0, 8);
    x12 = turn<T>(x12, x1, 8);
    x13 = turn<T>(x13, x2, 8);
    x14 = turn<T>(x14, x3, 8);
    x10 = add<T>(x10, x15);
    x11 = add<T>(x11, x12);
    x8 = add<T>(x8, x13);
    x9 = add<T>(x9, x14);
    x5 = turn<T>(x5, x10, 7);
    x6 = turn<T>(x6, x11, 7);
    x7 = turn<T>(x7, x8, 7);
    x4 = turn<T>(x4, x9, 7);
  }
  write<T>(
    at,
    add<T>(x0, same<T>(constant0)),
    add<T>(x1, same<T>(constant1)),
    add<T>(x2, same<T>(constant2)),
    add<T>(x3, same<T>(constant3)),
  );
  write<T>(at + 16, add<T>(x4, word<T>(key + 0)), add<T>(x5, word<T>(key + 4)), add<T>(x6, word<T>(key + 8)), add<T>(x7, word<T>(key + 12)));
  write<T>(at + 32, add<T>(x8, word<T>(key + 16)), add<T>(x9, word<T>(key + 20)), add<T>(x10, word<T>(key + 24)), add<T>(x11, word<T>(key + 28)));
  write<T>(
    at + 48,
    add<T>(x12, counters<T>(counter)),
    add<T>(x13, word<T>(nonce)),
    add<T>(x14, word<T>(nonce + 4)),
    add<T>(x15, word<T>(nonce + 8)),
  );
}

@inline
function same<T>(value: u32): T {
  if (isVector<T>()) return i32x4.splat(value) as T;
  return value as T;
}

@inline
function word<T>(at: usize): T {
  if (isVector<T>()) return v128.load_splat<u32>(at) as T;
  return load<u32>(at) as T;
}

@inline
function counters<T>(counter: u32): T {
  if (isVector<T>()) return i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3)) as T;
  return counter as T;
}

@inline
function add<T>(a: T, b: T): T {
  if (isVector<T>()) return i32x4.add(a as v128, b as v128) as T;
  return ((a as u32) + (b as u32)) as T;
}

/** (a xor b) <<< bits. By whole bytes a vector is shuffled, which is one instruction instead of three. */
@inline
function turn<T>(a: T, b: T, bits: u32): T {
  if (isVector<T>()) return turnVector(v128.xor(a as v128, b as v128), bits) as T;
  return rotl<u32>((a as u32) ^ (b as u32), bits) as T;
}

@inline
function write<T>(at: usize, a: T, b: T, c: T, d: T): void {
  if (isVector<T>()) {
    writeTransposed(at, a as v128, b as v128, c as v128, d as v128);
  } else {
    store<u32>(at, a as u32);
    store<u32>(at, b as u32, 4);
    store<u32>(at, c as u32, 8);
    store<u32>(at, d as u32, 12);
  }
}
