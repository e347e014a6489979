// The masking keys of a client's WebSocket frames (RFC 6455 §5.3), made for `ws`, which asks for one for each frame.
//
//   ciphertext        the key is zero: its bytes stay as they are, and are neither copied nor walked through again
//   everything else   a key from a strong source of randomness
//
// Masking is there so that a page, whose script anybody may have written, cannot choose the bytes that a proxy sees and mistakes
// for a request of its own (§10.3). Of a frame of ours that is encrypted, nobody who lacks its keys can choose or predict more
// than the eight bytes of its header, which are flags and counters. The server has the keys: but it would have to hand them, in
// time, to whoever chooses the plaintext, and what runs in Node needs no WebSocket to send bytes to a server of its choice.
// Browsers mask all that they send, and ask nobody.

const keyBytes = 4;

/** Random bytes are asked for so many at once. */
const pool = new Uint8Array(1024 * keyBytes);
let used: number = pool.length;

export class Masking {
  #spared = false;

  /** What `ws` calls, `generateMask`. */
  readonly generate = (key: Uint8Array): void => {
    if (this.#spared) key.fill(0);
    else fillRandomly(key);
    this.#spared = false;
  };

  /** The next key is asked for a frame of ciphertext. Whatever `ws` sends by itself is masked. */
  spareNext(): void {
    this.#spared = true;
  }
}

function fillRandomly(key: Uint8Array): void {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  key.set(pool.subarray(used, used + keyBytes));
  used += keyBytes;
}
