// Where everything lies in the one page of memory of the cipher. ../cipher.ts knows these places too.
//
//   0     32      64           320        448  512                          up to 31 bytes
//   +-----+-------+------------+----------+----+----------------------------+---------------------+
//   | key | nonce | key stream | Poly1305 | ad | plaintext or ciphertext    | padding and lengths |
//   +-----+-------+------------+----------+----+----------------------------+---------------------+
//
// The associated data stands right before 512, its padding included, so that Poly1305 reads all that it authenticates in
// one run. Between two calls everything is zero: who calls wipes, and counts on it.

export const key: usize = 0;
export const nonce: usize = 32;
export const stream: usize = 64;
export const poly: usize = 320;
export const data: usize = 512;

@inline
export function blockEnd(at: usize): usize {
  return (at + 15) & ~15;
}

/** Zeros behind what ends at `end`, as far as its last block of 16 bytes may reach. */
@inline
export function pad(end: usize): void {
  store<u64>(end, 0);
  store<u64>(end, 0, 8);
}
