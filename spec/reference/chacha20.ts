// ChaCha20 from the text of RFC 8439 §2.1 to §2.4, for the records that are only encrypted (docs/protocol.md,
// section 2). Written out because node:crypto's own cipher would be the very one that lib/ may use.
// Not for secrets: nothing here runs in constant time on purpose or is wiped.

const blockBytes = 64;

/** RFC 8439 §2.4. `key` has 32 bytes, `nonce` 12; `counter` is that of the first block. */
export function chacha20(key: Uint8Array, counter: number, nonce: Uint8Array, data: Uint8Array): Uint8Array {
  const output = data.slice();
  for (let start = 0, block = counter; start < data.length; start += blockBytes, block++) {
    const keyStream = chacha20Block(key, block, nonce);
    for (let index = start; index < Math.min(start + blockBytes, data.length); index++) {
      output[index] = data[index]! ^ keyStream[index - start]!;
    }
  }
  return output;
}

/** RFC 8439 §2.3 */
export function chacha20Block(key: Uint8Array, counter: number, nonce: Uint8Array): Uint8Array {
  const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
  const initial = Uint32Array.from([
    ...constants,
    ...littleEndianWords(key),
    counter,
    ...littleEndianWords(nonce),
  ]);
  const state = initial.slice();
  for (let round = 0; round < 10; round++) {
    quarterRound(state, 0, 4, 8, 12);
    quarterRound(state, 1, 5, 9, 13);
    quarterRound(state, 2, 6, 10, 14);
    quarterRound(state, 3, 7, 11, 15);
    quarterRound(state, 0, 5, 10, 15);
    quarterRound(state, 1, 6, 11, 12);
    quarterRound(state, 2, 7, 8, 13);
    quarterRound(state, 3, 4, 9, 14);
  }
  const block = new Uint8Array(blockBytes);
  const view = new DataView(block.buffer);
  state.forEach((word, index) => {
    view.setUint32(index * 4, word + initial[index]!, true);
  });
  return block;
}

/** RFC 8439 §2.1 */
function quarterRound(state: Uint32Array, a: number, b: number, c: number, d: number): void {
  mix(state, a, b, d, 16);
  mix(state, c, d, b, 12);
  mix(state, a, b, d, 8);
  mix(state, c, d, b, 7);
}

/** x += y; z = (z xor x) <<< bits */
function mix(state: Uint32Array, x: number, y: number, z: number, bits: number): void {
  state[x] = state[x]! + state[y]!;
  const mixed = state[z]! ^ state[x]!;
  state[z] = (mixed << bits) | (mixed >>> (32 - bits));
}

function littleEndianWords(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}
