// ChaCha20-Poly1305 (RFC 8439 §2.8) and ChaCha20 over one area of memory: what ../cipher.ts calls.
//
//   seal   1. up to four blocks in one run: the first is the key of Poly1305, the others encrypt 192 bytes
//          2. encrypt    3. Poly1305 over ad ‖ ciphertext ‖ lengths in one run    4. the tag behind the ciphertext
//   open   1. the same   2. Poly1305                                               3. compare, decrypt only what is right
//
// What is longer than the area goes through begin, crypt, absorb and finish, piece by piece. The caller copies in, copies
// out and wipes.

import { keyStream } from './chacha20';
import { blockEnd, data, pad, poly, stream } from './memory';
import * as poly1305 from './poly1305';

/** Bytes that the first run encrypts. */
const firstBytes: u32 = 192;

export function seal(adBytes: u32, bytes: u32): void {
  firstRun(bytes);
  encrypt(bytes);
  authenticate(adBytes, bytes);
  const end = data + bytes;
  store<u64>(end, load<u64>(poly));
  store<u64>(end, load<u64>(poly, 8), 8);
}

/** The tag stands behind the ciphertext. */
export function open(adBytes: u32, bytes: u32): bool {
  const end = data + bytes;
  const low = load<u64>(end);
  const high = load<u64>(end, 8);
  firstRun(bytes);
  authenticate(adBytes, bytes);
  const isRight = isTag(low, high);
  if (isRight) encrypt(bytes);
  return isRight;
}

function firstRun(bytes: u32): void {
  keyStream(0, 1 + ((min(bytes, firstBytes) + 63) >> 6));
  poly1305.begin(stream);
}

function encrypt(bytes: u32): void {
  xor(data, stream + 64, min(bytes, firstBytes));
  if (bytes > firstBytes) cryptFrom(data + firstBytes, 4, bytes - firstBytes);
}

function authenticate(adBytes: u32, bytes: u32): void {
  const end = data + bytes;
  pad(end);
  const lengths = blockEnd(end);
  store<u64>(lengths, adBytes);
  store<u64>(lengths, bytes, 8);
  poly1305.absorb(data - blockEnd(adBytes), lengths + 16);
  poly1305.finish();
}

/** One number of all differences: that one byte differs decides nothing before the last one was looked at. */
function isTag(low: u64, high: u64): bool {
  return ((low ^ load<u64>(poly)) | (high ^ load<u64>(poly, 8))) == 0;
}

// ---- Piece by piece -------------------------------------------------------------------------------------------

/** Poly1305 gets its key. */
export function begin(): void {
  keyStream(0, 1);
  poly1305.begin(stream);
}

/** The data area xor the key stream from block `counter`. All pieces but the last have whole blocks of 64 bytes. */
export function crypt(counter: u32, bytes: u32): void {
  cryptFrom(data, counter, bytes);
}

/** The data area to Poly1305, padded. All pieces but the last have whole blocks of 16 bytes. */
export function absorb(bytes: u32): void {
  const end = data + bytes;
  pad(end);
  poly1305.absorb(data, blockEnd(end));
}

/** Writes the tag to the start of the data area; whether it is the one that stood there. */
export function finish(adBytes: f64, bytes: f64): bool {
  const low = load<u64>(data);
  const high = load<u64>(data, 8);
  store<u64>(data, adBytes as u64);
  store<u64>(data, bytes as u64, 8);
  poly1305.absorb(data, data + 16);
  poly1305.finish();
  store<u64>(data, load<u64>(poly));
  store<u64>(data, load<u64>(poly, 8), 8);
  return isTag(low, high);
}

function cryptFrom(at: usize, counter: u32, bytes: u32): void {
  for (; bytes > 256; bytes -= 256) {
    keyStream(counter, 4);
    xor(at, stream, 256);
    at += 256;
    counter += 4;
  }
  keyStream(counter, (bytes + 63) >> 6);
  xor(at, stream, bytes);
}

/** By whole blocks of 16 bytes: up to 15 bytes of key stream are left behind the end, until something pads or wipes. */
function xor(at: usize, from: usize, bytes: u32): void {
  const end = at + bytes;
  while (at < end) {
    if (ASC_FEATURE_SIMD) {
      v128.store(at, v128.xor(v128.load(at), v128.load(from)));
    } else {
      store<u64>(at, load<u64>(at) ^ load<u64>(from));
      store<u64>(at, load<u64>(at, 8) ^ load<u64>(from, 8), 8);
    }
    at += 16;
    from += 16;
  }
}
