// Poly1305 (RFC 8439 §2.5) in limbs of 32 bits: h = h0 + h1·2^32 + h2·2^64 + h3·2^96 + h4·2^128, products of 64 bits.
//
// r is clamped: r1, r2, r3 are multiples of 4, so that a product that passes 2^130 comes back whole as (r >> 2)·5. That is
// twenty products a block instead of the twenty-five of limbs of 26 bits, and the message needs no cutting. Nothing
// overflows: s < 2^33 and r < 2^28, so each of five products is below 1.25·2^61. No branch or address depends on a secret.

import { poly } from './memory';

// Offsets from `poly`: h in five words; r in four; s, the pad, in four.
const r: usize = poly + 32;
const s: usize = poly + 48;

const low: u64 = 0xffffffff;

/** Takes the one-time key, r ‖ s, from `oneTimeKey` and clamps r (§2.5). h must be zero. */
export function begin(oneTimeKey: usize): void {
  store<u64>(r, load<u64>(oneTimeKey) & 0x0ffffffc0fffffff);
  store<u64>(r, load<u64>(oneTimeKey, 8) & 0x0ffffffc0ffffffc, 8);
  store<u64>(s, load<u64>(oneTimeKey, 16));
  store<u64>(s, load<u64>(oneTimeKey, 24), 8);
}

/** The blocks from `at` to `end`, whole ones: h = (h + block + 2^128) · r for each. */
export function absorb(at: usize, end: usize): void {
  const r0: u64 = load<u32>(r);
  const r1: u64 = load<u32>(r, 4);
  const r2: u64 = load<u32>(r, 8);
  const r3: u64 = load<u32>(r, 12);
  const over1 = r1 + (r1 >> 2);
  const over2 = r2 + (r2 >> 2);
  const over3 = r3 + (r3 >> 2);
  // r0 is not: its two lowest bits stay at 2^128.
  const over0 = (r0 >> 2) * 5;
  const stay0 = r0 & 3;
  let h0: u64 = load<u32>(poly);
  let h1: u64 = load<u32>(poly, 4);
  let h2: u64 = load<u32>(poly, 8);
  let h3: u64 = load<u32>(poly, 12);
  let h4: u64 = load<u32>(poly, 16);
  for (; at < end; at += 16) {
    h0 += load<u32>(at);
    h1 += load<u32>(at, 4);
    h2 += load<u32>(at, 8);
    h3 += load<u32>(at, 12);
    h4 += 1;
    const p0 = h0 * r0 + h1 * over3 + h2 * over2 + h3 * over1 + h4 * over0;
    const p1 = h0 * r1 + h1 * r0 + h2 * over3 + h3 * over2 + h4 * over1;
    const p2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * over3 + h4 * over2;
    const p3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * over3;
    const top = h4 * stay0 + (p3 >> 32);
    const q0 = (p0 & low) + (top >> 2) * 5;
    const q1 = (p1 & low) + (p0 >> 32) + (q0 >> 32);
    const q2 = (p2 & low) + (p1 >> 32) + (q1 >> 32);
    const q3 = (p3 & low) + (p2 >> 32) + (q2 >> 32);
    h0 = q0 & low;
    h1 = q1 & low;
    h2 = q2 & low;
    h3 = q3 & low;
    h4 = (top & 3) + (q3 >> 32);
  }
  store<u32>(poly, h0 as u32);
  store<u32>(poly, h1 as u32, 4);
  store<u32>(poly, h2 as u32, 8);
  store<u32>(poly, h3 as u32, 12);
  store<u32>(poly, h4 as u32, 16);
}

/** Writes the tag over h: h mod 2^130 - 5, plus s, cut to 128 bits. */
export function finish(): void {
  const h0: u64 = load<u32>(poly);
  const h1: u64 = load<u32>(poly, 4);
  const h2: u64 = load<u32>(poly, 8);
  const h3: u64 = load<u32>(poly, 12);
  // Where h + 5 reaches 2^130, and after absorb() it may be more than once, that many times 5 are added.
  let carry = (h0 + 5) >> 32;
  carry = (h1 + carry) >> 32;
  carry = (h2 + carry) >> 32;
  carry = (h3 + carry) >> 32;
  carry = ((load<u32>(poly, 16) + carry) >> 2) * 5;
  const t0 = h0 + carry + load<u32>(s);
  const t1 = h1 + (t0 >> 32) + load<u32>(s, 4);
  const t2 = h2 + (t1 >> 32) + load<u32>(s, 8);
  const t3 = h3 + (t2 >> 32) + load<u32>(s, 12);
  store<u32>(poly, t0 as u32);
  store<u32>(poly, t1 as u32, 4);
  store<u32>(poly, t2 as u32, 8);
  store<u32>(poly, t3 as u32, 12);
}
