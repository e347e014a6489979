// HMAC-SHA256 (RFC 2104, RFC 4231): what ../mac.ts calls, for tags of 16 bytes and for whole ones.
//
// A key is a pair of states: that behind its inner block and that behind its outer one (RFC 2104 §4). The caller keeps the
// pair, writes it to `state ‖ outer` for each message, copies the message in, and wipes.

import { data, outer, state, tag } from './mac-memory';
import { compress } from './sha256';

/** The key in the data area, up to 64 bytes and zeros behind it, becomes its pair of states. */
export function prepare(): void {
  keyed(0x3636363636363636);
  memory.copy(outer, state, 32);
  // From one padding to the other.
  keyed(0x3636363636363636 ^ 0x5c5c5c5c5c5c5c5c);
  for (let word: usize = 0; word < 32; word += 8) {
    const swapped = load<u64>(outer + word);
    store<u64>(outer + word, load<u64>(state + word));
    store<u64>(state + word, swapped);
  }
}

/** §5.3.3 of FIPS 180-4, then the block of the key. */
function keyed(mask: u64): void {
  store<u64>(state, 0xbb67ae856a09e667);
  store<u64>(state, 0xa54ff53a3c6ef372, 8);
  store<u64>(state, 0x9b05688c510e527f, 16);
  store<u64>(state, 0x5be0cd191f83d9ab, 24);
  for (let at: usize = data; at < data + 64; at += 8) store<u64>(at, load<u64>(at) ^ mask);
  compress(data, data + 64);
}

/** A piece of a message: whole blocks of 64 bytes, more to come. */
export function absorb(bytes: u32): void {
  compress(data, data + bytes);
}

/**
 * The last piece of a message of `total` bytes in all. Writes all 32 bytes of its HMAC to the start of the data area; whether the
 * first 16 are those that stood at `tag`.
 */
export function finish(bytes: u32, total: f64): bool {
  close(bytes, total);
  memory.copy(data, state, 32);
  memory.copy(state, outer, 32);
  for (let word: usize = data; word < data + 32; word += 4) store<u32>(word, bswap<u32>(load<u32>(word)));
  close(32, 32);
  for (let word: usize = 0; word < 32; word += 4) store<u32>(data + word, bswap<u32>(load<u32>(state + word)));
  // One number of all differences: that one byte differs decides nothing before the last one was looked at.
  return ((load<u64>(data) ^ load<u64>(tag)) | (load<u64>(data, 8) ^ load<u64>(tag, 8))) == 0;
}

/** §5.1.1 of FIPS 180-4: a one bit, zeros, the length in bits; the block of the key counts too. */
function close(bytes: u32, total: f64): void {
  const end = data + bytes;
  const blocksEnd = data + ((bytes + 72) & ~63);
  memory.fill(end, 0, blocksEnd - end);
  store<u8>(end, 0x80);
  store<u64>(blocksEnd - 8, bswap<u64>(((total as u64) + 64) << 3));
  compress(data, blocksEnd);
}
